"""The use cases of monitoring, by the one name that other rooms and the surfaces use; here: what monitors found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clearance.errors import NotFound
from clearance.monitoring import store
from clearance.monitoring.evaluation import evaluate
from clearance.monitoring.model import Figure, WindowSummary
from clearance.monitoring.monitors import configure_monitor, get_monitor, list_monitors
from clearance.sdk.events import when
from clearance.statistics.verdicts import Verdict
from clearance.storage.database import Transaction
from clearance.values import Page, bad_cursor, timestamp

__all__ = [
    "configure_monitor",
    "evaluate",
    "figures",
    "get_monitor",
    "list_monitors",
    "newest_windows",
    "profiles",
    "windows",
]


def windows(
    tx: Transaction, model: str, environment: str, *, cursor: str | None = None, limit: int = 100
) -> Page[WindowSummary]:
    """Return a page of the windows that were evaluated, oldest first."""
    get_monitor(tx, model, environment)
    after = None if cursor is None else _at(cursor)
    found = store.list_windows(tx, model, environment, after=after, limit=limit + 1)
    return Page(items=found[:limit], next=timestamp(found[limit - 1].window.start) if len(found) > limit else None)


def newest_windows(tx: Transaction, model: str, environment: str, limit: int) -> tuple[tuple[WindowSummary, ...], int]:
    """Return the last windows that were evaluated, oldest first, and how many there are in all.

    Raises:
        NotFound: nothing watches the model there.
    """
    get_monitor(tx, model, environment)
    return store.newest_windows(tx, model, environment, limit), store.count_windows(tx, model, environment)


def figures(
    tx: Transaction,
    model: str,
    environment: str,
    *,
    metric: str | None = None,
    subject: str | None = None,
    version: int | None = None,
    verdict: Verdict | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Figure]:
    """Return a page of figures of windows that start at `since` or later and before `before`, oldest first."""
    get_monitor(tx, model, environment)
    found = store.list_figures(
        tx,
        model,
        environment,
        equal={"metric": metric, "subject": subject, "version": version, "verdict": verdict and verdict.value},
        since=since,
        before=before,
        after=None if cursor is None else _place(cursor),
        limit=limit + 1,
    )
    last = found[limit - 1][1] if len(found) > limit else None
    return Page(
        items=tuple(figure for figure, _ in found[:limit]),
        next=None if last is None else f"{timestamp(last[0])}_{last[1]}",
    )


def profiles(tx: Transaction, model: str, environment: str, start: datetime) -> Mapping[str, Any]:
    """Return the profiles of a window by version, as JSON: the counts that its figures come from.

    Raises:
        NotFound: no window that was evaluated starts then.
    """
    get_monitor(tx, model, environment)
    found = store.find_profiles(tx, model, environment, start)
    if found is None:
        raise NotFound(
            f"no evaluated window of {model} in {environment} starts at {timestamp(start)}",
            code="window_not_found",
            hint=f"`clearance monitor windows {model}` lists them",
        )
    return found


def _at(text: str) -> datetime:
    try:
        return when(text)
    except (ValueError, OverflowError) as error:
        raise bad_cursor(text) from error


def _place(cursor: str) -> tuple[datetime, int]:
    start, _, position = cursor.rpartition("_")
    if not (position.isascii() and position.isdigit() and len(position) < 10):
        raise bad_cursor(cursor)
    return _at(start), int(position)
