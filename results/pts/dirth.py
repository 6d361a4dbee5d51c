"""Demand-Intensity Response-Time Histogram: the same as CBW with one block size and one mix."""

from __future__ import annotations

from ..findings import Finding
from .demand import find_demand
from .part import Part


def find(part: Part) -> Finding:
    """Analyse the demand-intensity response-time histogram test."""
    return find_demand(part)
