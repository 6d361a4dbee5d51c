"""How evenly concurrent clients were served."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..common.units import format_latency, format_rate
from ..results.measurement import Clients, jain_index
from .chart_data import Block, Figure, Key, rounded_all
from .charts import DATA, Axis, spread_chart
from .names import NamedRun, group_keys
from .sections import Panel, Section, Table


def fairness_section(runs: Sequence[NamedRun]) -> Section | None:
    """Build the section, None where no step had two clients or more."""
    labels: dict[str, str] = {}
    rows: list[list[str]] = []
    blocks: list[Block] = []
    keys = group_keys(runs)
    for run in runs:
        steps, shares, indexes, texts = [], [], [], []
        for step in run.run.measured:
            clients = step.measurement.clients if step.measurement else Clients()
            rates = [read + write for read, write in zip(clients.read_iops, clients.write_iops, strict=True)]
            jain = jain_index(rates)
            if len(rates) < 2 or jain is None:
                continue
            labels[step.label] = step.label
            steps.append(step.label)
            shares.append(np.quantile(np.array(rates) / np.mean(rates), [0, 0.25, 0.5, 0.75, 1]).tolist())
            indexes.append(jain)
            texts.append(
                f"{len(rates)} clients, Jain {jain:.3f}, slowest {shares[-1][0]:.2f}×, fastest {shares[-1][4]:.2f}×"
            )
            rows.append([step.label, run.tag, str(len(rates)), f"{jain:.4f}", *_extremes(rates, clients)])
        columns = {name: rounded_all(share[i] for share in shares) for i, name in enumerate(_QUANTILES)}
        fixed = {"key": keys[run.group.index].id, "run": run.line, "style": ""}
        blocks.append(Block(fixed, {"x": steps, **columns, "text": texts}))
    if not rows:
        return None
    order = {label: index for index, label in enumerate(labels)}
    rows.sort(key=lambda row: order[row[0]])
    return Section(
        "fairness",
        "Fairness",
        "What each client got of an even share: the line reaches from the slowest to the fastest client, the box holds"
        " the middle half, the tick is the median. Jain's index is 1 where all get the same, 1/n where one gets all.",
        keys if len(runs) > 1 else (),
        (),
        [Panel("", [_figure(labels, keys)])],
        {"clients": blocks},
        table=Table(
            "Clients of each step",
            ["Step", "Run", "Clients", "Jain's index", "Slowest", "Fastest", "Worst p99, reads", "Worst p99, writes"],
            rows,
        ),
    )


_QUANTILES = ("low", "lower", "y", "upper", "high")


def _figure(labels: dict[str, str], keys: list[Key]) -> Figure:
    return Figure(
        "chart-clients",
        "Client's IOPS ÷ mean of all clients",
        "Spread of the clients' shares by step",
        spread_chart(Axis("step", "steps", labels), keys),
        {DATA: "clients"},
        "x",
        "y",
        "label",
        "ratio",
        labels,
    )


def _extremes(rates: list[float], clients: Clients) -> list[str]:
    worst = []
    for column in (clients.read_p99_ns, clients.write_p99_ns):
        known = [value for value in column if value is not None]
        worst.append(format_latency(max(known) if known else None))
    return [f"{format_rate(min(rates))} IOPS", f"{format_rate(max(rates))} IOPS", *worst]
