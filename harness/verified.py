"""Verification of a file that nobody vouches for: in a process of its own, for HDF5 can turn round for ever on it.

Run as a module with a path and a key (hexadecimal, may be empty) it prints the verification as JSON.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from ..common import processes
from ..results.verification import Verification, verify_file, verify_signature

_PATIENCE_S = 30.0
_BYTES_PER_SECOND = 2e6
"""What the slowest file that was met is verified at, by far; a larger file gets more time."""
_ENDLESS = "HDF5 did not come to an end reading it"


def verify_bounded(path: Path, key: bytes | None = None) -> Verification:
    """Verify a file as `verify_file` does, and come to an end whatever is in it.

    Raises `RunFileError` where there is no file.
    """
    found = verify_signature(path, key)
    if found.content_matches:
        return verify_file(path, key)  # these are the bytes that storbench wrote
    if found.damaged:
        return found
    patience = _PATIENCE_S + path.stat().st_size / _BYTES_PER_SECOND
    command = [sys.executable, "-m", __name__, str(path), key.hex() if key else ""]
    process = processes.start(command, stdout=subprocess.PIPE)
    try:
        answer, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        return msgspec.structs.replace(found, damaged=f"{_ENDLESS} within {patience:.0f} s")
    finally:
        processes.end(process)
        assert process.stdout
        process.stdout.close()
    if process.returncode:
        return msgspec.structs.replace(found, damaged="HDF5 crashed reading it")
    return msgspec.json.decode(answer, type=Verification)


def main() -> None:
    """Verify what the arguments name."""
    path, key = sys.argv[1:]
    sys.stdout.buffer.write(msgspec.json.encode(verify_file(Path(path), bytes.fromhex(key) or None)))


if __name__ == "__main__":
    main()
