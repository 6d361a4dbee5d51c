"""Wrote run_schema1.h5, once: `python make_run_schema1.py run_schema1.h5`. A new schema gets a file of its own."""

import sys

from storbench.harness.session import run

run(
    "randrw", ["nbd:memory?size=4MiB"], {"queue_depth": "1,4", "duration": "100ms"}, output=sys.argv[1], io_log=True
)  # fmt: skip
