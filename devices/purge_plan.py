"""What a way to purge a disk is given and what it gives back; shared by the ways and by what chooses among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from .tools import Answer

Asking = Callable[..., Answer]
"""How a tool is run: a command, and `timeout_s`."""


class Disk(msgspec.Struct, frozen=True):
    """A whole disk that may be purged."""

    path: Path
    folder: Path
    """In sysfs."""
    number: str
    """MAJOR:MINOR of the device that was opened."""
    size: int
    allowed: Callable[[], None]
    """Check all that destroying its contents needs, before each command that does. Raises `SafetyError`."""
    root: Path = Path("/")


class Cleared(msgspec.Struct, frozen=True):
    """A way that worked, as far as the device says."""

    method: str
    returned: str = ""
    proof: str = ""
    """What the device itself says of it, such as its sanitize log."""


Outcome = Cleared | str
"""Or, in words, why this way was not taken."""
