"""`storbench certify`: from a device to a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    DestroyOption,
    DeviceOption,
    GraceOption,
    JsonOption,
    OutputOption,
    PdfOption,
    SetOption,
    SignOption,
    settings_of,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey

    from ..session import Finished, PlannedRun


def certify(
    spec: Annotated[str, typer.Argument(help="A specification, such as snia.iops; `storbench list` names them.")],
    device: DeviceOption,
    limits: Annotated[
        str | None, typer.Option("--limits", metavar="FILE", help="Limits to judge by: a name or a TOML file.")
    ] = None,
    sign: SignOption = None,
    pdf: PdfOption = False,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    output: OutputOption = None,
    destroy: DestroyOption = [],  # noqa: B006 - typer copies it
    grace: GraceOption = "30s",
    json: JsonOption = False,
) -> None:
    """Run a specification on devices, judge them, and write each a signed run file and a certificate.

    Devices that share no hardware run at the same time.
    """
    from ...common.units import parse_duration
    from ...results.limits import find_limits
    from ..certification import certifiable, check_measured, check_pdf, refuse_existing
    from ..lanes import hardware_of, lanes
    from ..session import Options, prepare
    from ..signing import private_key

    workload = certifiable(spec)
    found = find_limits(limits) if limits else None
    key = private_key(sign) if sign else None
    if pdf:
        check_pdf()
    options = Options(
        output, 1, frozenset(destroy), False, parse_duration(grace), found.text if found else "", certify=True
    )
    planned = prepare(workload, device, settings_of(set_), options)
    if found:
        for run in planned:
            check_measured(found, run)
    refuse_existing([run.output for run in planned])
    shared = lanes([hardware_of(run.device, run.info) for run in planned])
    if len(shared) == 1:
        _here(planned, key, pdf=pdf, json=json)
    else:
        settings = [argument for pair in set_ for argument in ("--set", pair)]
        settings += [argument for serial in destroy for argument in ("--destroy", serial)]
        settings += ["--limits", limits] if limits else []
        settings += ["--sign", str(sign)] if sign else []
        settings += ["--pdf"] if pdf else []
        _side_by_side([[planned[n] for n in lane] for lane in shared], spec, [*settings, "--grace", grace], json=json)


def _here(planned: list[PlannedRun], key: PrivateKey | None, *, pdf: bool, json: bool) -> None:
    from ..progress import observer_for
    from ..session import execute

    conclude(execute(planned, lambda run: observer_for(run, quiet=json), key), pdf=pdf, json=json)


def _side_by_side(shared: list[list[PlannedRun]], spec: str, settings: list[str], *, json: bool) -> None:
    """Run a command for each device, those on the same hardware one after the other."""
    import msgspec

    from ...reports.certificate.summary import certificate_summary
    from ...results.run_file import open_run
    from ..children import Child, run_lanes
    from .output import print_json, show

    lanes_ = [
        [Child(run.output.stem, ["certify", spec, "-d", run.url, "-o", str(run.output), "--json", *settings])
         for run in lane]
        for lane in shared
    ]  # fmt: skip
    ended = [one for lane in run_lanes(lanes_) for one in lane]
    printed = [msgspec.json.decode(one.output)["runs"] for one in ended if one.output]
    runs = [run for runs in printed for run in runs]
    if json:
        print_json({"runs": runs})
    else:
        for run in runs:
            with open_run(run["path"]) as opened:
                show(certificate_summary(opened))
            _say_where(run)
    statuses = {one.status for one in ended}
    raise typer.Exit(next((status for status in (3, 2, 1) if status in statuses), max(statuses)))


def conclude(finished: list[Finished], *, pdf: bool, json: bool) -> None:
    """Write the certificates, print what they say and where they are, exit with the right status.

    0 where all is PASS or MARGINAL, or nothing was to be judged; 1 for a FAIL; 3 where a run was not COMPLETED or a
    limit could not be evaluated.
    """
    from ...reports.certificate.summary import certificate_summary, standing_of
    from ...results.run_file import open_run
    from ..certification import write_certificate
    from .output import print_json, show

    runs: list[dict[str, Any]] = []
    for one in finished:
        with open_run(one.path) as opened:
            documents = write_certificate(opened, pdf=pdf)
            runs.append({
                "path": str(one.path), "device": one.device, "status": one.status, "reason": one.reason,
                **standing_of(opened), "certificate": {d.kind: str(d.path) for d in documents},
            })  # fmt: skip
            if not json:
                show(certificate_summary(opened))
                _say_where(runs[-1])
    if json:
        print_json({"runs": runs})
    for one in finished:
        if one.status != "COMPLETED":
            typer.secho(f"storbench: {one.path.name}: {one.status}: {one.reason}", err=True, fg=typer.colors.RED)
    verdicts = {run["verdict"] for run in runs}
    if any(one.status != "COMPLETED" for one in finished):
        raise typer.Exit(3)
    if "FAIL" in verdicts:
        raise typer.Exit(1)
    if "NOT_EVALUATED" in verdicts and any(run["limits"] for run in runs):
        raise typer.Exit(3)


def _say_where(run: dict[str, Any]) -> None:
    for path in (run["path"], *run["certificate"].values()):
        typer.echo(Path(path))
