"""From the options that fio reports of a job that it ran to a typed job: for imports, so it never refuses."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..common.errors import InputError
from .fio_job import TRANSLATIONS, Draft
from .fio_options import MAPPED, canonical, check_passed, option_table
from .fio_units import parse_fio_percent
from .job import Job


def job_of_options(options: Mapping[str, str]) -> tuple[Job, list[str]]:
    """Translate the options that fio reports of a job that it ran; give also the names that have no counterpart.

    Never raises: what cannot be said is left out and named. Where the job went and how it was reported is neither.
    """
    named: dict[str, str] = {}
    for name, value in options.items():
        named.pop(canonical(name), None)
        named[canonical(name)] = value
    draft, left = Draft(named, None), set[str]()
    for step, names in TRANSLATIONS:
        before = dict(draft.fields), dict(draft.passed)
        try:
            step(draft)
        except InputError:
            draft.fields, draft.passed = before
            left.update(name for name in names if name in named)
    left.update(n for n in ("size", "io_size", "offset") if _percent(named.get(n, "")) is not None)
    if draft.increment:
        left.add("offset_increment")
    for name, value in named.items():
        if name in option_table().passed and name not in MAPPED:
            try:
                check_passed(name, value)
                draft.passed.setdefault(name, value or "1")
            except InputError:
                left.add(name)
        elif name not in MAPPED and name not in option_table().ignored and name not in option_table().refused:
            left.add(name)
    return _built(draft, left), sorted(left)


def _percent(text: str) -> int | None:
    """Read a percentage, None for anything else, 0% and 101% included."""
    try:
        return parse_fio_percent(text)
    except InputError:
        return None


def _built(draft: Draft, left: set[str]) -> Job:
    """Build the job; what contradicts itself for a job, though not for fio, is left out."""
    doubtful = {"verify": "verify", "distribution": "random_distribution", "block_size_mix": "bssplit"}
    for field, option in [("", ""), *doubtful.items()]:
        if draft.fields.pop(field, None) is not None:
            left.add(option)
        try:
            job = Job(**draft.fields, fio_options=draft.passed)
            return msgspec.convert(msgspec.to_builtins(job), Job)
        except (InputError, msgspec.ValidationError):
            continue
    return Job()
