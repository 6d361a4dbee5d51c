"""Faults: what a run with faults came to, in numbers, verdicts and pictures."""
