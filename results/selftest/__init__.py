"""The statistics, tried on simulated machines whose truth is known: how often they are wrong, and what they find."""

from .suite import EXPERIMENTS, Task, checks_of, simulate, tasks_of

__all__ = ["EXPERIMENTS", "Task", "checks_of", "simulate", "tasks_of"]
