"""CSV for Apache Otava, and for `storbench history`: time, commit, and a column for each metric of each job.

https://otava.apache.org/docs/csv: a time that it can read, attributes, and metrics as numbers. One answer is one row;
appended to a file without its head it is the next point of the series.
"""

from __future__ import annotations

import csv
import io

from .answer import Answer, unlike

NAME = "otava"
SUMMARY = "CSV with time, commit and metrics, for Apache Otava and storbench history"


def render(answer: Answer) -> bytes:
    """Give the head and one row."""
    taken: set[str] = {"time", "commit"}
    names = [unlike(f"{line.job} {line.metric}", taken) for line in answer.lines]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["time", "commit", *names])
    writer.writerow([answer.created, answer.commit, *(repr(line.value) for line in answer.lines)])
    return stream.getvalue().encode()
