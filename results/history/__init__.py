"""What became of a metric from commit to commit: series of values, and where their level changed."""

from .change_points import ALARM_RATE, FLOOR, SEED, Change, ChangePoints, changes_in
from .series import Point, Series

__all__ = ["ALARM_RATE", "FLOOR", "SEED", "Change", "ChangePoints", "Point", "Series", "changes_in"]
