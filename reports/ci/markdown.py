"""Markdown, for a comment on a change and for a step summary: the answer, then a table."""

from __future__ import annotations

from .answer import Answer, Line

NAME = "markdown"
SUMMARY = "Markdown, for a comment on a merge request or a step summary"

SYMBOLS = {"REGRESSED": "🔴", "IMPROVED": "🟢", "EQUIVALENT": "⚪", "INCONCLUSIVE": "🟡", "FAILED": "🔴"}
_CELL = str.maketrans({"|": "\\|", "\n": " ", "\r": " ", "<": "&lt;", ">": "&gt;", "`": "'", "*": "\\*", "_": "\\_"})


def render(answer: Answer) -> bytes:
    """Give the text. Its first line is a mark by which a script finds an older comment again."""
    parts = [f"<!-- storbench {answer.command} -->", f"### {_heading(answer)}", ""]
    parts += [f"- 🔴 {_cell(failure)}" for failure in answer.failures]
    parts += [""] if answer.failures else []
    compared = any(line.verdict for line in answer.lines)
    if answer.lines:
        parts += _compared(answer.lines) if compared else _measured(answer.lines)
    if answer.remarks:
        parts += ["", "<details><summary>Remarks</summary>", "", *(f"- {_cell(one)}" for one in answer.remarks)]
        parts += ["", "</details>"]
    if answer.commit:
        parts += ["", f"Commit {_cell(answer.commit[:12])}"]
    return ("\n".join(parts) + "\n").encode()


def _heading(answer: Answer) -> str:
    verdict = answer.verdict
    return f"{SYMBOLS[verdict]} {verdict}: {_cell(answer.title)}" if verdict else _cell(answer.title)


def _compared(lines: list[Line]) -> list[str]:
    rows = ["| verdict | job | metric | change | interval | detectable |", "|---|---|---|--:|--:|--:|"]
    for line in lines:
        change = f"{100 * (line.value / line.reference - 1):+.1f} %" if line.reference else "–"
        ends = " to ".join(f"{100 * (end - 1):+.1f}" for end in line.interval) + " %" if line.interval else "–"
        loss = f"{100 * line.detectable:.1f} %" if line.detectable is not None else "–"
        rows.append(
            f"| {SYMBOLS[line.verdict]} {line.verdict} | {_cell(line.job)} | {_cell(line.metric)} "
            f"| {change} | {ends} | {loss} |"
        )
    return rows


def _measured(lines: list[Line]) -> list[str]:
    rows = ["| job | metric | value | unit |", "|---|---|--:|---|"]
    return rows + [f"| {_cell(one.job)} | {_cell(one.metric)} | {one.value:,.6g} | {one.unit} |" for one in lines]


def _cell(text: str) -> str:
    return text.translate(_CELL)
