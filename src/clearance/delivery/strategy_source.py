"""Reads a strategy that somebody wrote: whatever is wrong is refused with line and column; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from clearance.delivery import strategy
from clearance.delivery.model import Metric, MetricName, OnFailure, Step, Strategy, StrategySource
from clearance.policy.documents import Document

_SMALLEST = 1e-9
_LONGEST_NAME = 100
_LONGEST_PERIOD = 366
_MOST = 1_000_000_000


def read(text: StrategySource) -> Strategy:
    """Return the strategy in a YAML text.

    `like: NAME` takes what is not written from a built-in strategy; without it every field must be there.

    Raises:
        InvalidInput: with line and column.
    """
    root = Document.read(text.source, text.name)
    if "like" not in root.entries():
        return strategy.check(Strategy(**_own(root.fields(tuple(_FIELDS)))))
    found = root.fields(("like", "name", "version"), tuple(_FIELDS))
    return strategy.check(replace(_like(found.pop("like")), **_own(found)))


def _own(found: Mapping[str, Document]) -> dict[str, Any]:
    return {name: _FIELDS[name](document) for name, document in found.items()}


def _like(document: Document) -> Strategy:
    name = document.text()
    if name not in strategy.names():
        raise document.error(f"there is no strategy `{name}`", "strategies: " + ", ".join(strategy.names()))
    return strategy.load(name)


def _name(document: Document) -> str:
    found = _line(document)
    if found in strategy.names():
        raise document.error(f"`{found}` is the name of a built-in strategy", "give yours another")
    return found


def _line(document: Document) -> str:
    found = document.text().strip()
    if len(found) > _LONGEST_NAME or "\n" in found:
        raise document.error(f"this must be one line of at most {_LONGEST_NAME} characters")
    return found


def _share(document: Document) -> float:
    return document.number(_SMALLEST, 1 - _SMALLEST)


def _steps(document: Document) -> tuple[Step, ...]:
    items = list(document.items())
    if not items:
        raise document.error("a strategy has at least one step")
    steps = tuple(_step(item) for item in items)
    for item, (before, after) in zip(items[1:], pairwise(steps), strict=True):
        if after.weight <= before.weight:
            raise item.error(f"its weight must be above {before.weight:g}, the one before")
    return steps


def _step(document: Document) -> Step:
    fields = document.fields(("weight", "minimum_seconds", "minimum_requests"))
    return Step(
        weight=fields["weight"].number(_SMALLEST, 100),
        minimum_seconds=fields["minimum_seconds"].number(0, strategy.LONGEST_STEP),
        minimum_requests=_whole(fields["minimum_requests"]),
    )


def _metrics(document: Document) -> tuple[Metric, ...]:
    metrics: dict[MetricName, Metric] = {}
    for item in document.items():
        metric = _metric(item)
        if metric.name in metrics:
            raise item.error(f"the metric {metric.name} is there twice")
        metrics[metric.name] = metric
    if not any(metric.required for metric in metrics.values()):
        raise document.error("no metric is required, so a candidate would go on that nobody measured")
    return tuple(metrics.values())


def _metric(document: Document) -> Metric:
    fields = document.fields(("name", "limit", "minimum_samples", "on_failure", "required", "source"))
    return Metric(
        name=fields["name"].word(MetricName),
        limit=fields["limit"].number(0, _MOST),
        minimum_samples=_whole(fields["minimum_samples"]),
        on_failure=fields["on_failure"].word(OnFailure),
        required=fields["required"].flag(),
        source=fields["source"].text().strip(),
    )


def _whole(document: Document) -> int:
    found = document.number(1, _MOST)
    if not found.is_integer():
        raise document.error("this must be a whole number")
    return int(found)


_FIELDS: dict[str, Callable[[Document], Any]] = {
    "name": _name,
    "version": _line,
    "description": lambda document: document.text().strip(),
    "steps": _steps,
    "alpha": _share,
    "availability_objective": _share,
    "budget_days": lambda document: document.number(1, _LONGEST_PERIOD),
    "metrics": _metrics,
}
