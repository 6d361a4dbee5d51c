"""Composite Block Size Workload: one mix of block sizes under every demand, and its response times at three points."""

from __future__ import annotations

from ..findings import Finding
from .demand import find_demand
from .part import Part


def find(part: Part) -> Finding:
    """Analyse the composite block size workload test."""
    return find_demand(part)
