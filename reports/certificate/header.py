"""The header block of a report: run, platform, device under test, set-up; what is not known says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...common.units import format_bandwidth, format_size
from ...results.run_file import Run
from ...results.signature import Signed
from ..wording import NOT_AVAILABLE
from .content import Content

Block = tuple[str, list[tuple[str, str]]]


def header_blocks(run: Run, content: Content) -> list[Block]:
    """Give the blocks in order, each a title and its rows."""
    return [
        ("Run", _run(run, content)),
        ("Test platform", _platform(run)),
        ("Device under test", _device(run, content)),
        ("Set-up", _setup(run, content)),
    ]


def _facts(run: Run, name: str) -> Mapping[str, Any]:
    found = run.provenance.get(name)
    return found if isinstance(found, dict) else {}


def _row(title: str, *values: object) -> tuple[str, str]:
    """Write a row; several values are one after the other, those that are not known left out."""
    known = [str(value) for value in values if value not in (None, "")]
    return title, " · ".join(known) or NOT_AVAILABLE


def _run(run: Run, content: Content) -> list[tuple[str, str]]:
    header, spec = run.header, content.specification
    return [
        _row("started", _moment(header.created)),
        _row("finished", _moment(header.ended)),
        _row("specification", f"{spec.standard} {spec.revision}"),
        _row("test", spec.title, ", ".join(spec.tests)),
        _row("status", header.status, header.reason),
        _row(
            "limits",
            f"{content.judgement.name}, revision {content.judgement.revision}" if content.judgement else "none",
        ),
        _row("limits from", content.judgement.source if content.judgement else ""),
        _row("run", header.run),
        _row("signature", content.signed.signer or _unsigned(content.signed)),
    ]


def _unsigned(signed: Signed) -> str:
    if signed.state == "valid":
        return f"{signed.fingerprint} signed other content: the file was changed afterwards"
    return "not signed" if signed.state == "missing" else f"invalid: {signed.reason}"


def _moment(iso: str) -> str:
    return iso[:19].replace("T", " ") + " UTC" if iso else ""


def _platform(run: Run) -> list[tuple[str, str]]:
    host, environment = _facts(run, "host"), _facts(run, "environment_start")
    memory = host.get("memory_bytes")
    cores = host.get("cpus")
    return [
        _row("host", host.get("hostname")),
        _row("motherboard", host.get("board"), host.get("product")),
        _row("processor", host.get("cpu_model"), f"{cores} logical processors" if cores else None),
        _row("memory", format_size(memory) if memory else None),
        _row("virtualisation", host.get("virtualisation") or "none", host.get("container")),
        _row("operating system", host.get("os"), f"Linux {host['kernel']}" if host.get("kernel") else None),
        _row("test software", f"storbench {run.header.storbench}", run.header.engine),
        _row("frequency governor", environment.get("cpu_governor")),
    ]


def _device(run: Run, content: Content) -> list[tuple[str, str]]:
    facts, info = _facts(run, "device_start"), run.recipe.get("device_info", {})
    health = _facts(run, "health_end")

    def fact(*names: str) -> object:
        found = (facts.get(name, facts.get(f"disk_{name}", health.get(name))) for name in names)
        return next((value for value in found if value not in (None, "")), None)

    size = info.get("size")
    capacity = f"{format_bandwidth(size).removesuffix('/s')} ({size:,} bytes)" if size else None
    rows = [
        _row("device", run.header.device),
        _row("manufacturer", fact("manufacturer", "vendor")),
        _row("model", fact("model"), f"profile {facts['profile']}" if facts.get("profile") else None),
        _row("serial number", fact("serial")),
        _row("firmware", fact("firmware")),
        _row("capacity", capacity),
        _row("logical block", format_size(info["logical_block_size"]) if info.get("logical_block_size") else None),
        _row("interface", fact("interface", "transport", "bus"), fact("link_speed", "link")),
        _row("medium", fact("medium", "profile_kind")),
        _row("volatile write cache", fact("write_cache")),
    ]
    if facts.get("file_system"):
        rows.append(_row("file system", facts.get("file_system"), facts.get("mount_options")))
    purges = list(dict.fromkeys(purge.method for purge in content.evidence.purges))
    rows.append(_row("purge", *(purges or ["none was done"])))
    return rows


def _setup(run: Run, content: Content) -> list[tuple[str, str]]:
    asked = content.specification.required | {
        name: value for name, value in run.recipe.get("parameters", {}).items() if value is not None
    }
    job = next((step.job for step in run.measured), {})
    compressible = job.get("compressible") or 0
    data = f"{job.get('data', '')}, {compressible:g} % compressible" if job else None
    active = asked.get("active_range")
    rows = [
        _row("data pattern", data),
        _row("active range", f"{active:.0%}" if isinstance(active, (int, float)) else None),
        _row("steady-state rule", content.specification.rule),
        _row("at most", f"{asked['max_rounds']} rounds" if asked.get("max_rounds") else None),
        _row("seed", asked.get("seed")),
    ]
    element = asked.get("element")
    if element is not None:
        rows.insert(2, _row("round element", f"{element:g} s"))
    return rows
