"""Programs that answer as nvme, smartctl and hdparm do, put first in PATH; they keep what they were asked."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

SMART = Path(__file__).parents[1] / "data/smart"

_SCRIPT = """#!{python} -ISs
import json, pathlib, sys, time
words = sys.argv[1:]
place = pathlib.Path({place!r})
with (place / "asked").open("a") as file:
    file.write(json.dumps([{name!r}, *words]) + "\\n")
for start, answers in json.loads((place / "{name}.json").read_text()):
    if words[:len(start)] == start:
        turn = place / ("turn-" + "-".join([{name!r}, *start]).replace("/", "_"))
        number = int(turn.read_text()) if turn.exists() else 0
        turn.write_text(str(number + 1))
        answer = answers[min(number, len(answers) - 1)]
        time.sleep(answer.get("sleep", 0))
        sys.stdout.write(answer.get("out", ""))
        sys.stderr.write(answer.get("err", ""))
        sys.exit(answer.get("status", 0))
sys.stderr.write("{name}: what is " + " ".join(words) + "?\\n")
sys.exit(2)
"""

Said = Mapping[str, object]


class FakeTools:
    """A folder of programs. `say` gives a program its answer to what begins with some words; several come in turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._answers: dict[str, list[tuple[list[str], list[Said]]]] = {}

    def say(self, question: str, *answers: Said | str) -> None:
        """Let a program answer, such as `nvme smart-log`; a plain text is what it prints."""
        name, *start = shlex.split(question)
        told: list[Said] = [{"out": one} if isinstance(one, str) else one for one in answers]
        known = self._answers.setdefault(name, [])
        known[:] = sorted([(s, a) for s, a in known if s != start] + [(start, told)], key=lambda pair: -len(pair[0]))
        (self.folder / f"{name}.json").write_text(json.dumps(known))
        script = self.folder / name
        script.write_text(_SCRIPT.format(python=sys.executable, place=str(self.folder), name=name))
        script.chmod(0o755)

    @property
    def asked(self) -> list[list[str]]:
        """Every command, in order."""
        path = self.folder / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def sample(name: str) -> str:
    """Give what a real tool printed."""
    return (SMART / name).read_text()


def nvme_folder(place: Path, serial: str = "S43ANA0M405593", namespaces: int = 1) -> Path:
    """Make what sysfs shows of an NVMe drive: a controller and its namespaces; give the first one's folder."""
    controller = place / "sys/devices/pci0000:00/0000:00:1d.0/nvme/nvme0"
    port = controller.parents[1]
    for name, text in {"current_link_speed": "8.0 GT/s PCIe", "current_link_width": "4",
                       "max_link_speed": "16.0 GT/s PCIe", "max_link_width": "4"}.items():  # fmt: skip
        _write(port / name, text)
    for name, text in {"dev": "1:3", "transport": "pcie", "model": "MZ1LB960HAJQ-000FB", "serial": serial,
                       "firmware_rev": "EDA76F2Q"}.items():  # fmt: skip
        _write(controller / name, text)
    for number in range(1, namespaces + 1):
        folder = controller / f"nvme0n{number}"
        for name, text in {"dev": f"259:{number}", "size": "65536", "ro": "0", "removable": "0", "nsid": str(number),
                           "queue/logical_block_size": "512", "queue/write_cache": "write back",
                           "queue/discard_max_bytes": "0"}.items():  # fmt: skip
            _write(folder / name, text)
        (folder / "holders").mkdir()
        (folder / "device").symlink_to(controller)
    _write(place / "proc/swaps", "Filename Type Size Used Priority")
    _write(place / "proc/self/mountinfo", "")
    return controller / "nvme0n1"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
