"""What became of a metric from commit to commit: series of values, and where their level changed."""

from .change_points import ALARM_RATE, FLOOR, SEED, Change, ChangePoints, changes_in
from .findings import Confirmation, FoundChange, HistoryFindings, SeriesFindings, Settings, findings_in
from .series import Point, Series, Skipped, Table

__all__ = [
    "ALARM_RATE", "FLOOR", "SEED", "Change", "ChangePoints", "Confirmation", "FoundChange", "HistoryFindings", "Point",
    "Series", "SeriesFindings", "Settings", "Skipped", "Table", "changes_in", "findings_in",
]  # fmt: skip
