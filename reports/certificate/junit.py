"""A certificate as JUnit XML, for whatever reads test results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree as ET

from ...results.run_file import Run
from ..wording import bound_text, value_text
from .content import Content
from .steady_table import steady_words


def junit_of(run: Run, content: Content) -> str:
    """Write it: a suite for the limits, one for the procedure."""
    root = ET.Element("testsuites", name=f"{run.header.workload} on {run.header.device}")
    for name, cases in (("limits", list(_limits(content))), ("procedure", list(_procedure(content)))):
        suite = ET.SubElement(
            root, "testsuite", name=name, tests=str(len(cases)), errors="0",
            failures=str(sum(case.find("failure") is not None for case in cases)),
            skipped=str(sum(case.find("skipped") is not None for case in cases)),
            time=f"{_seconds(run):.3f}", timestamp=run.header.created[:19],
        )  # fmt: skip
        suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(group: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=group, name=name, time="0")


def _limits(content: Content) -> Iterator[ET.Element]:
    for verdict in content.judgement.verdicts if content.judgement else ():
        case = _case(content.judgement.name if content.judgement else "", f"{verdict.id}: {verdict.condition}")
        said = (
            f"{value_text(verdict.value, verdict.unit, 'nothing')} measured, "
            f"{bound_text(verdict.at_least, verdict.at_most, verdict.unit)} demanded ({verdict.clause})"
        )
        if verdict.verdict == "FAIL":
            ET.SubElement(case, "failure", message=said, type="limit").text = verdict.reason
        elif verdict.verdict == "NOT_EVALUATED":
            ET.SubElement(case, "skipped", message=verdict.reason)
        else:
            ET.SubElement(case, "system-out").text = f"{verdict.verdict}: {said}"
        yield case


def _procedure(content: Content) -> Iterator[ET.Element]:
    case = _case("procedure", f"the run is not INVALID by {content.specification.standard}")
    if content.conformance.grade == "INVALID":
        ET.SubElement(case, "failure", message="; ".join(content.conformance.faults), type="procedure")
    else:
        deviations = [f"{d.what}: {d.actual} instead of {d.required}" for d in content.conformance.deviations]
        ET.SubElement(case, "system-out").text = "\n".join([content.conformance.grade, *deviations])
    yield case
    for finding in content.findings:
        if finding.steady is not None:
            case = _case("steady state", finding.title)
            if finding.steady.first_steady_round is None:
                ET.SubElement(case, "failure", message=steady_words(finding), type="steady state")
            else:
                ET.SubElement(case, "system-out").text = steady_words(finding)
            yield case


def _seconds(run: Run) -> float:
    if not run.header.ended:
        return 0.0
    return (datetime.fromisoformat(run.header.ended) - datetime.fromisoformat(run.header.created)).total_seconds()
