"""A word in a file of /sys is written back: at the end of the block, after an error, and after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from storbench.common import processes

KILLED = """
import os, signal, sys
from pathlib import Path
from storbench.common import processes
file = Path(sys.argv[1])
with processes.guarded_word(file):
    file.write_text("quiet")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("content", "word"), [("loud\n", "loud"), ("none [loud] other\n", "loud"), ("128", "128")])
def test_a_word_returns_at_the_end_and_after_an_error(tmp_path: Path, content: str, word: str) -> None:
    file = tmp_path / "a file"
    file.write_text(content)
    with processes.guarded_word(file):
        file.write_text("x")
    assert file.read_text().startswith(word)
    with suppress(RuntimeError), processes.guarded_word(file):
        file.write_text("x")
        raise RuntimeError
    assert file.read_text().startswith(word)


def test_a_word_returns_when_its_process_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("one [loud] two\n")
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 60
    while not file.read_text().startswith("loud") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert file.read_text().startswith("loud")


def test_what_is_no_word_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("two words\n")
    with pytest.raises(ValueError, match="no word"), processes.guarded_word(file):
        pass
    with pytest.raises(FileNotFoundError), processes.guarded_word(tmp_path / "missing"):
        pass
