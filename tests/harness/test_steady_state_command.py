"""`storbench steady-state` as people and programs call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROUNDS = "round,write,mixed\n1,100,50\n2,130,50\n3,101,50\n4,99,50\n5,100,50\n6,100,50\n7,100,50\n"


def judged(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Give it rounds on its standard input."""
    command = [sys.executable, "-m", "storbench", "steady-state", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def test_programs_get_every_figure(tmp_path: Path) -> None:
    (tmp_path / "rounds.csv").write_text(ROUNDS)
    done = judged("", str(tmp_path / "rounds.csv"), "--rule", "pts-2.0", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["first_steady_round"] == 7
    assert found["windows"]["write"]["rounds"] == [3, 7]
    assert found["windows"]["write"]["values"] == [101, 99, 100, 100, 100]
    assert found["windows"]["mixed"]["excursion"] == 0


def test_people_read_when_and_why() -> None:
    done = judged(ROUNDS, "-")
    assert done.returncode == 0
    assert "Steady at round 7 of 7" in done.stdout
    assert "no more than 20 %" in done.stdout


def test_never_steady_is_an_answer_too() -> None:
    done = judged("1\n2\n3\n4\n5\n6\n", "-", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["first_steady_round"] is None
    assert "not achieved" in judged("1\n2\n", "-").stdout


def test_wrong_input_ends_with_status_2_and_says_where(tmp_path: Path) -> None:
    for text, arguments, words in (
        ("1\nx\n", ["-"], "line 2"),
        ("1\n", ["-", "--rule", "pts-9"], "pts-9"),
        ("", [str(tmp_path / "absent.csv")], "absent.csv cannot be read"),
        ("a\n1\n", ["-", "--column", "b"], "no column 'b'"),
    ):
        done = judged(text, *arguments)
        assert done.returncode == 2
        assert words in done.stderr
