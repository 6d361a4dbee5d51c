"""Which I/Os failed, when and where, told by numbers: inside or outside the faulty region, before, during or after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..devices.base import Facts
from .engines.base import IoError

_SLACK_S = 0.25
"""An error is said a moment after it was made, and what was under way at the heal may still fail."""


def io_error_facts(errors: Sequence[IoError], told: Facts, origin: float) -> Facts:
    """Give counts of failed I/Os; empty for none.

    `told` has the events' times in seconds from `origin` (Unix time), and of a fault with a region its `fault_offset`
    and `fault_length` in bytes.
    """
    if not errors:
        return {}
    times = [error.time - origin for error in errors]
    facts: Facts = {"errors": len(errors), "first_error_s": min(times), "last_error_s": max(times)}
    facts |= {f"errors_{name}": count for name, count in sorted(Counter(error.errno for error in errors).items())}
    began = [float(v) for k, v in told.items() if "_inject_" in k and k.endswith("_began") and v is not None]
    ended = [float(v) for k, v in told.items() if "_heal_" in k and k.endswith("_ended") and v is not None]
    if began:
        facts["errors_before"] = sum(time < min(began) for time in times)
    if ended:
        facts["errors_after"] = sum(time > max(ended) + _SLACK_S for time in times)
    offset, length = told.get("fault_offset"), told.get("fault_length")
    if isinstance(offset, int) and isinstance(length, int) and length:
        inside = sum(e.offset < offset + length and e.offset + e.length > offset for e in errors)
        facts |= {"errors_inside": inside, "errors_outside": len(errors) - inside}
    return facts
