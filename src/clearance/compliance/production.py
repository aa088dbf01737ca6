"""What production says of a model: its windows, newest first, and the figures that charts are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from clearance.compliance.model import Production, WindowRow
from clearance.errors import NotFound
from clearance.monitoring import service as monitoring
from clearance.monitoring.model import Figure, WindowSummary
from clearance.statistics.verdicts import Verdict
from clearance.storage.database import Transaction
from clearance.values import Page

T = TypeVar("T")
_MOST = 1000
_SHOWN = ("auc", "accuracy", "latency_p95", "availability")


def read(tx: Transaction, model: str, environment: str = "production") -> Production | None:
    """Return what production says of a model, None when nothing watches it there.

    Raises:
        NotFound: no such model.
    """
    try:
        monitor = monitoring.get_monitor(tx, model, environment)
    except NotFound as error:
        if error.code != "monitor_not_found":
            raise
        return None
    by_metric = {metric: _figures(tx, model, environment, metric=metric) for metric in ("psi", *_SHOWN)}
    failed = _figures(tx, model, environment, verdict=Verdict.FAILED)
    summaries = _all(lambda cursor: monitoring.windows(tx, model, environment, cursor=cursor, limit=_MOST))
    rows = [_row(each, by_metric, failed) for each in summaries]
    return Production(
        monitor=monitor,
        windows=tuple(reversed(rows)),
        drift=tuple(figure for figure in by_metric["psi"] if figure.version is None),
        auc=tuple(by_metric["auc"]),
        accuracy=tuple(by_metric["accuracy"]),
    )


def _figures(tx: Transaction, model: str, environment: str, **wanted: Any) -> list[Figure]:
    return _all(lambda cursor: monitoring.figures(tx, model, environment, cursor=cursor, limit=_MOST, **wanted))


def _all(read_page: Callable[[str | None], Page[T]]) -> list[T]:
    """Return the items of every page."""
    found: list[T] = []
    cursor: str | None = None
    while True:
        page = read_page(cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def _row(summary: WindowSummary, by_metric: Mapping[str, Sequence[Figure]], failed: Iterable[Figure]) -> WindowRow:
    inside = {metric: [each for each in by_metric[metric] if each.window == summary.window] for metric in _SHOWN}
    most = {metric: max(found, key=lambda figure: figure.n) for metric, found in inside.items() if found}
    return WindowRow(
        window=summary.window,
        events=summary.events,
        labelled=summary.labelled,
        closed=summary.phase.closed,
        mature=summary.phase.mature,
        figures={metric: most[metric].value if metric in most else None for metric in _SHOWN},
        failed=_told(figure for figure in failed if figure.window == summary.window),
    )


def _told(failed: Iterable[Figure]) -> tuple[str, ...]:
    subjects: dict[str, list[str]] = {}
    for figure in failed:
        of = figure.subject or ("" if figure.version is None else f"version {figure.version}")
        subjects.setdefault(of, []).append(figure.metric.replace("_", " "))
    return tuple(f"{subject} ({', '.join(dict.fromkeys(metrics))})" for subject, metrics in subjects.items())
