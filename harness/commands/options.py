"""The options and arguments that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...common.errors import InputError

DeviceOption = Annotated[
    list[str], typer.Option("-d", "--device", metavar="URL", help="Device, such as 'file:t.bin?size=1GiB'. Repeatable.")
]
SetOption = Annotated[
    list[str], typer.Option("-s", "--set", metavar="NAME=VALUE", help="A parameter of the workload. Repeatable.")
]
OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="Run file (NAME.h5) or a folder. Default: a new name in runs/.")
]
DestroyOption = Annotated[
    list[str],
    typer.Option("--destroy", metavar="SERIAL", help="Allow overwriting the raw device with this serial. Repeatable."),
]
RepeatOption = Annotated[
    int, typer.Option("--repeat", min=1, help="Measure this many times, the devices in a new random order each time.")
]
IoLogOption = Annotated[bool, typer.Option("--io-log", help="Keep every single I/O.")]
GraceOption = Annotated[
    str, typer.Option("--grace", metavar="TIME", help="How long fio may overrun before it counts as hung.")
]
SignOption = Annotated[
    Path | None,
    typer.Option("--sign", metavar="KEY", help="Sign the run file with this key, made by `storbench keygen`."),
]
PdfOption = Annotated[
    bool, typer.Option("--pdf", help="Write the certificate as PDF too: pip install 'storbench[pdf]'.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]
ExportOption = Annotated[
    list[str],
    typer.Option(
        "--export", metavar="FORMAT=FILE",
        help="Write the answer for a CI service: junit, github, markdown, bencher, github-benchmark-bigger, "
        "github-benchmark-smaller or otava. `github` alone annotates and summarises. Repeatable.",
    ),
]  # fmt: skip
IgnoreOption = Annotated[
    list[str],
    typer.Option("--ignore-difference", metavar="NAME", help="Compare although this differs. Repeatable."),
]
RunFiles = Annotated[list[Path], typer.Argument(metavar="FILE.h5...", help="Run files.", show_default=False)]
RunFile = Annotated[Path, typer.Argument(metavar="FILE.h5", help="A run file.", show_default=False)]
RunFolder = Annotated[
    Path, typer.Argument(metavar="NAME.run", help="The folder of an interrupted run.", show_default=False)
]


def settings_of(pairs: list[str]) -> dict[str, object]:
    """Read `--set NAME=VALUE` pairs. Raises `InputError` for one that is none, or a name given twice."""
    settings: dict[str, object] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise InputError(f"--set {pair}: this is not NAME=VALUE", hint="For example: --set queue_depth=1,16")
        if name in settings:
            raise InputError(f"--set {name} is given twice", hint="Several values are one list: --set queue_depth=1,16")
        settings[name] = value
    return settings
