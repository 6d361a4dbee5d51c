"""The SNIA SSS Performance Test Specification's analyses: one small file per test, each a pure function of a run."""

from .analysis import findings_of

__all__ = ["findings_of"]
