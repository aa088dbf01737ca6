"""Which figures are alarms, and what they say to somebody who was woken by them; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from clearance.alarm import Alarm, Severity
from clearance.monitoring.model import Figure, Window, WindowFigures
from clearance.statistics.verdicts import Verdict
from clearance.values import plain

KINDS = {
    "psi": "drift",
    "ks": "drift",
    "null_rate": "missing_values",
    "auc": "quality",
    "accuracy": "quality",
}
"""Metrics that can raise an alarm, and its kind."""
SCORE = "score"
_NAMES = {"psi": "PSI", "ks": "KS", "null_rate": "null rate", "auc": "AUC", "accuracy": "accuracy"}
_Topic = tuple[str, str, int | None]


def alarms(found: WindowFigures, before: Iterable[Figure]) -> tuple[Alarm, ...]:
    """Return one alarm for each subject that fails now and did not in the figures of the window from before.

    What is provisional raises none: a window that is looked at again and again would have as many chances to be wrong.
    """
    known = {_topic(figure) for figure in before if _alarming(figure)}
    failing: dict[_Topic, list[Figure]] = {}
    for figure in found.figures:
        if _alarming(figure) and _topic(figure) not in known:
            failing.setdefault(_topic(figure), []).append(figure)
    return tuple(_alarm(topic, figures) for topic, figures in failing.items())


def _alarming(figure: Figure) -> bool:
    return figure.verdict is Verdict.FAILED and not figure.provisional and figure.metric in KINDS


def _topic(figure: Figure) -> _Topic:
    kind = KINDS[figure.metric]
    return kind, figure.metric if kind == "quality" else figure.subject, figure.version


def _alarm(topic: _Topic, figures: Sequence[Figure]) -> Alarm:
    kind, subject, version = topic
    first = figures[0]
    return Alarm(
        kind=kind,
        model=first.model,
        environment=first.environment,
        severity=Severity.TICKET,
        title=f"{_who(first)} in {first.environment}: {_what(kind, subject)} {_when(first.window)}",
        summary=(
            f"{_span(first.window)}: {', '.join(map(_measured, figures))}, {_of(kind, first.n)}. "
            f"{_MEANING[kind]} Next: {_next(kind, first)}"
        ),
        subject=f"model/{first.model}",
        labels={"subject": subject, **({} if version is None else {"version": str(version)})},
        details={
            "window": plain(first.window),
            "figures": {figure.metric: figure.value for figure in figures},
            "thresholds": {figure.metric: _limit(figure) for figure in figures},
            "n": first.n,
            "inputs": plain(first.inputs),
        },
    )


def _who(figure: Figure) -> str:
    return figure.model if figure.version is None else f"{figure.model}/{figure.version}"


def _what(kind: str, subject: str) -> str:
    if kind == "quality":
        return f"{_NAMES[subject]} fell"
    named = "its score" if subject == SCORE else f"feature {subject}"
    return f"{named} drifted" if kind == "drift" else f"{named} is missing more often"


def _when(window: Window) -> str:
    every = window.end - window.start
    if every == timedelta(days=7):
        return f"in the week of {window.start:%Y-%m-%d}"
    if every == timedelta(days=1):
        return f"on {window.start:%Y-%m-%d}"
    return f"from {_span(window)}"


def _span(window: Window) -> str:
    return f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"


def _limit(figure: Figure) -> float | None:
    """Return the value from which a figure alarms: beyond chance and large enough to matter."""
    given = [limit for limit in (figure.threshold, figure.floor) if limit is not None]
    return max(given, default=None)


def _measured(figure: Figure) -> str:
    """Return a figure with its limit; a metric that alarms has both."""
    name, value, limit = _NAMES[figure.metric], figure.value or 0.0, _limit(figure) or 0.0
    if KINDS[figure.metric] == "quality":
        return f"{name} {value:.3f} (alarm below {limit:.3f})"
    if figure.metric == "null_rate":
        return f"{value:.1%} without a value (alarm from {limit:.1%})"
    return f"{name} {value:.3f} (alarm from {limit:.3f})"


def _of(kind: str, n: int) -> str:
    return f"of {n:,} {'labelled rows' if kind == 'quality' else 'rows' if kind == 'missing_values' else 'values'}"


_MEANING = {
    "drift": "The values are spread otherwise than in the baseline, beyond chance and enough to matter. Predictions go on.",
    "missing_values": "Values that used to come do not, beyond chance and enough to matter. Predictions go on.",
    "quality": "Predictions are wrong more often than in the baseline, beyond chance.",
}


def _next(kind: str, figure: Figure) -> str:
    where = "" if figure.environment == "production" else f" --environment {figure.environment}"
    show = f"`clearance monitor figures {figure.model}{where}"
    if kind == "quality":
        return (
            f"see since when with {show} --metric {figure.metric}`; if it began with a new version, "
            f"`clearance rollback {figure.model}{where}`; if inputs drifted in the same weeks, retrain on newer data."
        )
    since = f"see since when with {show} --subject {figure.subject}`"
    if kind == "missing_values":
        return (
            f"{since}; ask whoever supplies {figure.subject} whether it was renamed, moved or stopped, "
            "and have it brought back; a rollback helps only if a new version asks for it by another name."
        )
    if figure.subject == SCORE:
        return (
            f"{since}; if inputs drifted too, look at those first; if the version is new, "
            f"`clearance rollback {figure.model}{where}`."
        )
    return (
        f"{since}; ask whoever supplies {figure.subject} whether its source, unit or customers changed; "
        "if the change is real and stays, retrain on newer data (a rollback does not help against changed inputs)."
    )
