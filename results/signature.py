"""Signatures: an in-toto statement about a run file, in a DSSE envelope, signed with Ed25519, inside the file itself.

A file that may be signed begins with an HDF5 user block, which HDF5 passes over. The envelope stands in it, followed by
zero bytes to its end; the statement is about the SHA-256 of everything after it. So one file is all there is to hand
on, and no byte of it is left out.

Formats: in-toto Statement v1; DSSE v1, whose signature is over `DSSEv1 LENGTH TYPE LENGTH PAYLOAD`; RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import msgspec

from ..common.errors import InputError, RunFileError
from .digests import manifest_digest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

USER_BLOCK = 4096
"""Bytes that are kept free at the start of a file that may be signed: a power of two, at least 512."""
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:storbench:run:1"
_READ = 1 << 20


class Signature(msgspec.Struct, frozen=True):
    """One signature of an envelope."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """DSSE."""

    payload: str
    payloadType: str  # noqa: N815 - the format's name
    signatures: tuple[Signature, ...]


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a statement is about."""

    name: str
    digest: dict[str, str]


class Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it says."""

    run: str
    workload: str
    device: str
    status: str
    verdict: str
    conformance: str
    created: str
    storbench: str
    digests: str
    """SHA-256 over the digests of everything in the file."""
    public_key: str
    """Raw, in base64."""


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In-toto, version 1."""

    type_: str = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicateType: str  # noqa: N815 - the format's name
    predicate: Predicate


class Signed(msgspec.Struct, frozen=True):
    """What a file's user block came to."""

    state: str
    """`valid`, `invalid`, `missing`."""
    reason: str = ""
    statement: Statement | None = None
    key: bytes = b""
    """Raw public key that the signature was checked with."""
    content_matches: bool = False
    """Whether the file is, byte by byte, what the statement is about."""

    @property
    def fingerprint(self) -> str:
        """Of that key."""
        return fingerprint_of(self.key) if self.key else ""

    @property
    def signer(self) -> str:
        """Who vouches for what is in the file now: the fingerprint, empty where it was changed after it was signed."""
        return self.fingerprint if self.state == "valid" and self.content_matches else ""


def fingerprint_of(key: bytes) -> str:
    """Give a raw public key's short name, as OpenSSH writes it: `SHA256:…`, of the 32 bytes."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def raw_public_key(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """Give the 32 bytes of a public key, or of a private key's public half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw()


def sign_file(path: Path, name: str, key: Ed25519PrivateKey) -> None:
    """Sign a closed run file in place. `name` is the one it will have.

    Raises `RunFileError` for a file without room for it: one that was not made to be signed.
    """
    with h5py.File(path, "r") as file:
        block = int(file.userblock_size)
        attributes = {key_: str(value) for key_, value in file.attrs.items() if isinstance(value, str)}
        digests: dict[str, str] = msgspec.json.decode(file["digests"][()]) if "digests" in file else {}
    if not block:
        raise RunFileError(f"{path} has no room for a signature", hint="Only what `storbench certify` made is signed.")
    public = raw_public_key(key)
    repeated = ("run", "workload", "device", "status", "verdict", "conformance", "created", "storbench")
    predicate = Predicate(
        **{field: attributes.get(field, "") for field in repeated},
        digests=manifest_digest(digests),
        public_key=base64.b64encode(public).decode(),
    )
    subject = Subject(name, {"sha256": content_digest(path, block)})
    statement = Statement(STATEMENT_TYPE, (subject,), PREDICATE_TYPE, predicate)
    payload = msgspec.json.encode(statement)
    signature = key.sign(_pre_authentication(payload))
    envelope = Envelope(
        base64.b64encode(payload).decode(), PAYLOAD_TYPE,
        (Signature(fingerprint_of(public), base64.b64encode(signature).decode()),),
    )  # fmt: skip
    data = msgspec.json.encode(envelope)
    if len(data) > block:
        raise RunFileError(f"{path}: the signature of {len(data)} bytes does not fit in {block}")
    with path.open("r+b") as file_:
        file_.write(data.ljust(block, b"\0"))
        file_.flush()
        os.fsync(file_.fileno())


def read_signature(path: Path, block: int) -> Signed:
    """Check the signature of a file whose user block has `block` bytes, with the key that it names itself.

    Whether that key is one to trust is for the caller to say.
    """
    if not block:
        return Signed("missing", "it was not made to be signed")
    with path.open("rb") as file:
        data = file.read(block)
    written = data.rstrip(b"\0")
    if not written:
        return Signed("missing", "it was never signed")
    try:
        envelope = msgspec.json.decode(written, type=Envelope)
        payload = base64.b64decode(envelope.payload, validate=True)
        statement = msgspec.json.decode(payload, type=Statement)
        key = base64.b64decode(statement.predicate.public_key, validate=True)
        signature = base64.b64decode(envelope.signatures[0].sig, validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError, IndexError) as error:
        return Signed("invalid", f"its signature cannot be read: {error}")
    # One way to write each: bytes that mean nothing must not be there to be changed.
    again = Envelope(base64.b64encode(msgspec.json.encode(statement)).decode(), PAYLOAD_TYPE,
                     (Signature(fingerprint_of(key), base64.b64encode(signature).decode()),))  # fmt: skip
    if msgspec.json.encode(again) != written:
        return Signed("invalid", "its signature is not written as storbench writes it", statement, key)
    if not _verifies(key, signature, payload):
        return Signed("invalid", "its signature does not fit what it says", statement, key)
    matches = statement.subject[0].digest.get("sha256") == content_digest(path, block)
    return Signed("valid", "", statement, key, matches)


def content_digest(path: Path, block: int) -> str:
    """Give the SHA-256 of a file from byte `block` on."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(block)
        while piece := file.read(_READ):
            state.update(piece)
    return state.hexdigest()


def _verifies(key: bytes, signature: bytes, payload: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _pre_authentication(payload))
    except (InvalidSignature, ValueError):
        return False
    return True


def _pre_authentication(payload: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def load_private_key(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Read a private key in PEM. Raises `InputError` for what is none, is no Ed25519 key, or wants a passphrase."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = _load(path, lambda data: load_pem_private_key(data, passphrase), "private")
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is no Ed25519 key", hint="Make one with `storbench keygen NAME`.")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key in PEM. Raises `InputError` for what is none or is no Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _load(path, load_pem_public_key, "public")
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} is no Ed25519 key", hint="`storbench keygen NAME` makes NAME.key and NAME.pub.")
    return key


def _load(path: Path, load: Any, what: str) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="Make a key with `storbench keygen NAME`."
        ) from None
    try:
        return load(data)
    except TypeError:
        raise InputError(f"{path} is protected by a passphrase", hint="Set it in STORBENCH_PASSPHRASE.") from None
    except ValueError:
        raise InputError(
            f"{path} is no {what} key, or its passphrase is another one",
            hint="`storbench keygen NAME` makes NAME.key, which signs, and NAME.pub, which verifies.",
        ) from None
