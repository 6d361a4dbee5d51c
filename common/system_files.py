"""Reading /proc and /sys: whatever is missing or odd is None, never an error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def read_text(path: Path) -> str | None:
    """Give the stripped text of a small file, None where it cannot be read or is empty."""
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """Give a file's only number, None where it has none."""
    text = read_text(path)
    return int(text) if text and re.fullmatch(r"-?\d+", text) else None


def meminfo(root: Path) -> dict[str, int]:
    """Give the sizes of /proc/meminfo in bytes by the kernel's names."""
    lines = re.findall(r"^(\S+):\s+(\d+) kB$", read_text(root / "proc/meminfo") or "", re.MULTILINE)
    return {name: int(kib) * 1024 for name, kib in lines}


def distinct(paths: Iterable[Path]) -> str | None:
    """Give the text that all files hold, or the different ones with commas between; None where there is none."""
    found = sorted({text for path in paths if (text := read_text(path))})
    return ", ".join(found) or None


def chosen(path: Path) -> str | None:
    """Give the chosen one of a kernel switch such as `always [madvise] never`."""
    match = re.search(r"\[([^\]]+)\]", read_text(path) or "")
    return match[1] if match else None
