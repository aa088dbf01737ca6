"""What production says of a model: its windows, newest first, and the figures that charts are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from clearance.compliance.model import Production, WindowRow
from clearance.errors import NotFound
from clearance.monitoring import service as monitoring
from clearance.monitoring.model import Figure, Window, WindowSummary
from clearance.statistics.verdicts import Verdict
from clearance.storage.database import Transaction
from clearance.values import Page

T = TypeVar("T")
_MOST = 1000
_SHOWN = ("auc", "accuracy", "latency_p95", "availability")


def read(
    tx: Transaction, model: str, environment: str = "production", *, newest: int | None = None
) -> Production | None:
    """Return what production says of a model, None when nothing watches it there.

    Args:
        tx: the transaction.
        model: its name.
        environment: where.
        newest: so many windows, the last ones, and their figures; None for all that there ever were.

    Raises:
        NotFound: no such model.
    """
    try:
        monitor = monitoring.get_monitor(tx, model, environment)
    except NotFound as error:
        if error.code != "monitor_not_found":
            raise
        return None
    if newest is None:
        summaries = tuple(_all(lambda cursor: monitoring.windows(tx, model, environment, cursor=cursor, limit=_MOST)))
        total = len(summaries)
    else:
        summaries, total = monitoring.newest_windows(tx, model, environment, newest)
    since = summaries[0].window.start if summaries else None

    def figures(**wanted: Any) -> list[Figure]:
        return _all(
            lambda cursor: monitoring.figures(tx, model, environment, cursor=cursor, limit=_MOST, since=since, **wanted)
        )

    by_metric = {metric: figures(metric=metric) for metric in ("psi", *_SHOWN)}
    shown = {metric: _by_window(by_metric[metric]) for metric in _SHOWN}
    failed = _by_window(figures(verdict=Verdict.FAILED))
    return Production(
        monitor=monitor,
        windows=tuple(_row(each, shown, failed.get(each.window, ())) for each in reversed(summaries)),
        total=total,
        drift=tuple(figure for figure in by_metric["psi"] if figure.version is None),
        auc=tuple(by_metric["auc"]),
        accuracy=tuple(by_metric["accuracy"]),
    )


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


def _by_window(figures: Iterable[Figure]) -> Mapping[Window, Sequence[Figure]]:
    found: dict[Window, list[Figure]] = {}
    for figure in figures:
        found.setdefault(figure.window, []).append(figure)
    return found


def _row(
    summary: WindowSummary, shown: Mapping[str, Mapping[Window, Sequence[Figure]]], failed: Iterable[Figure]
) -> WindowRow:
    found = {metric: of_windows.get(summary.window) for metric, of_windows in shown.items()}
    most = {metric: max(inside, key=lambda figure: figure.n).value for metric, inside in found.items() if inside}
    return WindowRow(
        window=summary.window,
        events=summary.events,
        labelled=summary.labelled,
        closed=summary.phase.closed,
        mature=summary.phase.mature,
        figures={metric: most.get(metric) for metric in _SHOWN},
        failed=_told(failed),
    )


def _told(failed: Iterable[Figure]) -> tuple[str, ...]:
    subjects: dict[str, list[str]] = {}
    for figure in failed:
        of = figure.subject or ("" if figure.version is None else f"version {figure.version}")
        subjects.setdefault(of, []).append(figure.metric.replace("_", " "))
    return tuple(f"{subject} ({', '.join(dict.fromkeys(metrics))})" for subject, metrics in subjects.items())
