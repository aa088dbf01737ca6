"""Which figures of signed check results are worth a chart, and which of them a rule stumbled over; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clearance.compliance import charts
from clearance.evidence.model import StoredStatement
from clearance.policy.model import Decision

_NOT_QUALITY = frozenset({"positive_rate", "base_rate"})
"""Figures of the performance check that describe the data rather than how good the model is."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with the sentence that says how to read it."""

    title: str
    note: str
    spec: charts.Spec


def panels(checks: Iterable[StoredStatement], decision: Decision | None) -> tuple[Panel, ...]:
    """Return the charts of a version's newest performance and fairness results: each figure with its interval.

    Args:
        checks: the version's check results, oldest first.
        decision: the decision that stands; what one of its failed rules looked at is red.
    """
    newest = {claim.predicate["check"]: claim.predicate["figures"] for claim in checks}
    performance, fairness = newest.get("performance", ()), newest.get("fairness", ())
    stumbled = _stumbled_over(decision)
    made = (
        _panel(
            "Performance",
            "On data it was not trained on; the bar is the interval that the true figure lies in.",
            [figure for figure in performance if not figure["slice"] and figure["name"] not in _NOT_QUALITY],
            stumbled,
        ),
        _panel(
            "Ratios between groups",
            "1 is equal treatment; the bar is the interval that the true figure lies in.",
            _named(fairness, lambda name: name.endswith("_ratio")),
            stumbled,
        ),
        _panel(
            "Differences between groups",
            "0 is equal treatment; the bar is the interval that the true figure lies in.",
            _named(fairness, lambda name: name.endswith("_difference")),
            stumbled,
        ),
    )
    return tuple(panel for panel in made if panel is not None)


def label(figure: Mapping[str, Any]) -> str:
    """Return a figure's name as people say it: `disparate impact ratio · sex`."""
    where = (figure["slice"] or {}).get("attribute")
    name = figure["name"].replace("_", " ")
    return f"{name} · {where}" if where else name


def _named(figures: Sequence[Mapping[str, Any]], wanted: Callable[[str], bool]) -> list[Mapping[str, Any]]:
    return [figure for figure in figures if wanted(figure["name"])]


def _panel(
    title: str, note: str, figures: Iterable[Mapping[str, Any]], stumbled: frozenset[tuple[str, str]]
) -> Panel | None:
    rows = [
        {
            "name": label(figure),
            "value": figure["value"],
            "low": figure["low"],
            "high": figure["high"],
            "wrong": (figure["name"], (figure["slice"] or {}).get("attribute", "")) in stumbled,
        }
        for figure in figures
        if figure["low"] is not None and figure["value"] is not None and not figure["unit"]
    ]
    return Panel(title, note, charts.intervals(rows, title)) if rows else None


def _stumbled_over(decision: Decision | None) -> frozenset[tuple[str, str]]:
    """Return name and attribute of the figures that rules which do not hold looked at."""
    rules = decision.rules if decision is not None else ()
    return frozenset(
        (figure.name.split(".")[1], figure.slice.get("attribute", ""))
        for rule in rules
        if not rule.holds
        for figure in rule.figures
        if "." in figure.name
    )
