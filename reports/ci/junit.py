"""JUnit XML, which every CI service shows as tests: one test case a metric of a job.

The vocabulary is that of the Jenkins xUnit plug-in's schema junit-10.xsd, which GitLab and others read as well. A
regression is a failure; what is INCONCLUSIVE was not decided, so it is skipped, with the reason.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from .answer import Answer, Line, unlike

NAME = "junit"
SUMMARY = "JUnit XML: a test case for each metric, a failure for each regression"


def render(answer: Answer) -> bytes:
    """Give the document."""
    skipped = sum(line.verdict == "INCONCLUSIVE" for line in answer.lines)
    counts = {
        "tests": str(len(answer.lines) + len(answer.failures)), "failures": str(len(answer.regressed)),
        "errors": str(len(answer.failures)), "skipped": str(skipped),
    }  # fmt: skip
    suites = ET.Element("testsuites", {"name": "storbench"})
    suite = ET.SubElement(suites, "testsuite", {"name": _plain(answer.title), **counts})
    if answer.created:
        suite.set("timestamp", answer.created[:19])  # the schema has no time zone; storbench's times are UTC
    taken: set[str] = set()
    for failure in answer.failures:
        case = _case(suite, answer, unlike(answer.command, taken))
        ET.SubElement(case, "error", {"message": _plain(failure), "type": "storbench"}).text = _plain(failure)
    for line in answer.lines:
        _verdict(_case(suite, answer, unlike(f"{line.job} {line.metric}", taken)), line)
    if answer.remarks:
        ET.SubElement(suite, "system-out").text = _plain("\n".join(answer.remarks))
    ET.indent(suites)
    content: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _case(suite: ET.Element, answer: Answer, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", {"classname": f"storbench.{answer.command}", "name": _plain(name)})


def _verdict(case: ET.Element, line: Line) -> None:
    text = _plain(line.text)
    if line.verdict == "REGRESSED":
        ET.SubElement(case, "failure", {"message": text, "type": "REGRESSED"}).text = text
    elif line.verdict == "INCONCLUSIVE":
        ET.SubElement(case, "skipped", {"message": text})
    else:
        value = f"{line.metric} {line.value:.6g} {line.unit}"
        ET.SubElement(case, "system-out").text = "\n".join(filter(None, (_plain(value), text)))


def _plain(text: str) -> str:
    """Leave out what XML 1.0 cannot hold."""
    return "".join(letter for letter in text if letter in "\t\n\r" or " " <= letter <= "\ud7ff" or letter >= "\ue000")
