"""One thing that the doctor looked at."""

from __future__ import annotations

from typing import Literal

import msgspec

Status = Literal["ok", "warning", "problem", "unknown"]


class Finding(msgspec.Struct, frozen=True):
    """What was seen, why it matters, what to do. A warning makes numbers worse; a problem prevents measuring."""

    name: str
    status: Status
    seen: str
    why: str = ""
    advice: str = ""
    """The exact command where there is one."""
