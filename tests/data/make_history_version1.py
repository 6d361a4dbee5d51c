"""Made history_version1.db, a store of version 1: python tests/data/make_history_version1.py

24 runs of an emulated device, each a little different; from the 17th on with a link of 20 us more.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from storbench.harness.session import Options, execute, prepare
from storbench.results.history.store import VERSION, add_runs

DEVICE = "sim:pcm-onyx?size=16MiB"
assert VERSION == 1
target = Path(__file__).with_name("history_version1.db")
target.unlink(missing_ok=True)
with tempfile.TemporaryDirectory() as folder:
    for number in range(1, 25):
        rtt = 20_000 * (number > 16) + number * 7919 % 401
        given = {"duration": "20ms", "queue_depth": "1", "read_fraction": "1.0"}
        (done,) = execute(
            prepare("randrw", [f"{DEVICE}&link_rtt={rtt}ns"], given, Options(Path(folder) / f"{number}.h5"))
        )
        add_runs(target, [done.path], f"v{number}")
with sqlite3.connect(target) as store:
    # One device, whose link is what changed.
    (first,) = store.execute("select min(id) from subject").fetchone()
    store.execute("update run set subject = ?", (first,))
    store.execute("delete from subject where id <> ?", (first,))
    store.execute("update subject set device = ?", (DEVICE,))
store.close()
