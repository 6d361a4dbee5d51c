"""The keys of the command line: where a passphrase comes from, and how a pair is written."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ..common.errors import InputError
from ..results.signature import fingerprint_of, load_private_key, raw_public_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE = "STORBENCH_PASSPHRASE"  # noqa: S105 - the name of a variable, not a secret
"""The environment variable that holds the passphrase of a private key, where it has one."""


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key. Raises `InputError`, also for one that others may read."""
    key = load_private_key(path, _passphrase())
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"others than you may read or write {path}", hint=f"Type: chmod 600 {path}")
    return key


def write_key_pair(name: Path) -> tuple[Path, Path, str]:
    """Make a key pair, NAME.key and NAME.pub; give both paths and the fingerprint.

    The private key is encrypted where a passphrase is set. Raises `InputError` where one of the files exists or cannot
    be written; then neither is left.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    passphrase = _passphrase()
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private_path, public_path = name.with_name(f"{name.name}.key"), name.with_name(f"{name.name}.pub")
    for path in (private_path, public_path):
        if path.exists():
            raise InputError(f"{path} exists", hint="Keys are never overwritten: choose another name.")
    written: list[Path] = []
    try:
        for path, content, mode in ((private_path, secret, 0o600), (public_path, public, 0o644)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            written.append(path)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        for path in written:
            path.unlink()
        raise InputError(f"cannot write {path}: {error.strerror}", hint="Choose another name or folder.") from None
    return private_path, public_path, fingerprint_of(raw_public_key(key))


def _passphrase() -> bytes | None:
    text = os.environ.get(PASSPHRASE, "")
    return text.encode() or None
