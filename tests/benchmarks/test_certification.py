"""How fast the specification's tests run in virtual time, on a SATA-class drive of full size.

Aim: each of the eight at least 50 times faster than the clock. Whole ones take hours even so divided; each is run from
its purge on for a while. What is printed is virtual time by wall time, of preconditioning and of what follows.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from storbench.devices.base import Opening
from storbench.devices.registry import resolve_device
from storbench.harness.engines.base import Assignment
from storbench.harness.engines.model.engine import ModelEngine
from storbench.workloads.registry import find_workload
from storbench.workloads.steps import Idle, Outcome, jobs_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

DEVICE = "sim:flash-sata-tlc?size=500GB&write_cache=off"
TESTS = ("iops", "throughput", "latency", "wsat", "hir", "xsr", "cbw", "dirth")
WALL_S = 30.0
"""Of each test, after its preconditioning."""


@pytest.mark.parametrize("test", TESTS)
def test_a_test_at_full_size(benchmark: BenchmarkFixture, tmp_path: Path, test: str) -> None:
    found = benchmark.pedantic(_run, (test, tmp_path), rounds=1)
    benchmark.extra_info.update(found)
    said = ", ".join(f"{name} {ratio:.0f} ×" for name, ratio in found.items())
    print(f"\n{test} at full size, faster than the clock: {said}")


def _run(test: str, folder: Path) -> dict[str, float]:
    """Drive a plan for a while; give virtual by wall seconds of its parts."""
    device: Any = resolve_device(DEVICE)
    workload: Any = find_workload(f"snia.{test}")
    engine = ModelEngine()
    virtual, wall = {"preconditioning": 0.0, "test": 0.0}, {"preconditioning": 0.0, "test": 0.0}
    with device.open(Opening("run", write=True)) as target:
        plan = workload.plan(device.info(), workload.parameters())
        step = next(plan, None)
        while step is not None and wall["test"] < WALL_S:
            part = "preconditioning" if getattr(step, "labels", {}).get("phase") == "wipc" else "test"
            outcome, began = Outcome(), time.perf_counter()
            if isinstance(step, Idle):
                engine.idle(target, step.duration, lambda progress: None)
                virtual[part] += step.duration
            elif jobs := jobs_of(step):
                done = engine.run(Assignment(jobs, target, folder), lambda progress: None)
                virtual[part] += done.measurement.runtime_s
                outcome = Outcome("COMPLETED", done.measurement)
            wall[part] += time.perf_counter() - began
            try:
                step = plan.send(outcome)
            except StopIteration:
                step = None
        plan.close()
    return {part: virtual[part] / wall[part] for part in virtual if wall[part]}
