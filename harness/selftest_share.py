"""`python -m storbench.harness.selftest_share SHARE`: simulate a share of it, a line for each piece."""

from __future__ import annotations

import sys

import msgspec

from ..results.selftest import simulate, tasks_of
from .selftest import Done, Share


def main() -> None:
    """Simulate what the only argument says."""
    share = msgspec.json.decode(sys.argv[1], type=Share)
    tasks = tasks_of(share.comparisons)
    for number in range(share.first, len(tasks), share.of):
        line = msgspec.json.encode(Done(number, simulate(tasks[number], share.seed)))
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
