"""The tables of monitors and of what they found; windows and figures are observations, computed again at will."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.monitoring.model import Figure, Monitor, Window, WindowFigures, WindowSummary
from clearance.storage.database import Transaction, UtcDateTime, metadata
from clearance.values import as_json, parse_json

monitors = sa.Table(
    "monitoring_monitors",
    metadata,
    sa.Column("model", sa.ForeignKey("registry_models.name"), primary_key=True),
    sa.Column("environment", sa.String(200), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
windows = sa.Table(
    "monitoring_windows",
    metadata,
    sa.Column("model", sa.String(100), primary_key=True),
    sa.Column("environment", sa.String(200), primary_key=True),
    sa.Column("start", UtcDateTime, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("profiles", sa.Text, nullable=False),
    info={"audited": False},
)
figures = sa.Table(
    "monitoring_figures",
    metadata,
    sa.Column("model", sa.String(100), primary_key=True),
    sa.Column("environment", sa.String(200), primary_key=True),
    sa.Column("start", UtcDateTime, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer),
    sa.Column("metric", sa.String(64), nullable=False, index=True),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("verdict", sa.String(32), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    info={"audited": False},
)
_TABLES = (windows, figures)
_MOST_PARAMETERS = 500  # of one statement; both databases take more


def save_monitor(tx: Transaction, monitor: Monitor) -> None:
    """Insert a monitor, or put it in the place of the one before."""
    named = (monitors.c.model == monitor.model) & (monitors.c.environment == monitor.environment)
    tx.execute(sa.delete(monitors).where(named))
    row = {"model": monitor.model, "environment": monitor.environment, "body": as_json(monitor)}
    tx.execute(sa.insert(monitors), row)


def find_monitor(tx: Transaction, model: str, environment: str) -> Monitor | None:
    """Return a monitor, None when nothing watches the model there."""
    named = (monitors.c.model == model) & (monitors.c.environment == environment)
    body = tx.execute(sa.select(monitors.c.body).where(named)).scalar()
    return None if body is None else parse_json(Monitor, body)


def list_monitors(tx: Transaction) -> tuple[Monitor, ...]:
    """Return all monitors, by model and environment."""
    rows = tx.execute(sa.select(monitors.c.body).order_by(monitors.c.model, monitors.c.environment))
    return tuple(parse_json(Monitor, body) for body in rows.scalars())


def list_windows(
    tx: Transaction, model: str, environment: str, *, after: datetime | None = None, limit: int | None = None
) -> tuple[WindowSummary, ...]:
    """Return the windows that were evaluated, oldest first, those that start after a moment."""
    chosen = _of(sa.select(windows.c.body), windows, model, environment).order_by(windows.c.start)
    if after is not None:
        chosen = chosen.where(windows.c.start > after)
    return tuple(parse_json(WindowSummary, body) for body in tx.execute(chosen.limit(limit)).scalars())


def newest_windows(tx: Transaction, model: str, environment: str, limit: int) -> tuple[WindowSummary, ...]:
    """Return the last windows that were evaluated, oldest first."""
    chosen = _of(sa.select(windows.c.body), windows, model, environment).order_by(windows.c.start.desc()).limit(limit)
    return tuple(parse_json(WindowSummary, body) for body in reversed(tx.execute(chosen).scalars().all()))


def count_windows(tx: Transaction, model: str, environment: str) -> int:
    """Return how many windows were evaluated."""
    return int(tx.execute(_of(sa.select(sa.func.count()), windows, model, environment)).scalar_one())


def find_profiles(tx: Transaction, model: str, environment: str, start: datetime) -> Mapping[str, Any] | None:
    """Return the profiles of a window by version, as JSON."""
    chosen = _of(sa.select(windows.c.profiles), windows, model, environment).where(windows.c.start == start)
    body = tx.execute(chosen).scalar()
    return None if body is None else json.loads(body)


def find_windows(
    tx: Transaction, model: str, environment: str, starts: Sequence[datetime]
) -> dict[datetime, WindowSummary]:
    """Return those of the windows that were evaluated, by their start."""
    chosen = _of(sa.select(windows.c.body), windows, model, environment)
    found: dict[datetime, WindowSummary] = {}
    for some in _parts(starts):
        for body in tx.execute(chosen.where(windows.c.start.in_(some))).scalars():
            summary = parse_json(WindowSummary, body)
            found[summary.window.start] = summary
    return found


def rows_of(
    model: str, environment: str, found: WindowFigures, profiles: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a window and its figures as they are stored; needs no transaction, so that one that stores them is short."""
    key = {"model": model, "environment": environment, "start": found.summary.window.start}
    rows = [{**key, "position": position, **_figure_row(figure)} for position, figure in enumerate(found.figures)]
    return {**key, "body": as_json(found.summary), "profiles": json.dumps(profiles)}, rows


def save_windows(
    tx: Transaction,
    model: str,
    environment: str,
    starts: Sequence[datetime],
    rows: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]],
) -> None:
    """Put windows and their figures, as `rows_of` gave them, in the place of what is known of windows that start then."""
    for table in _TABLES:
        for some in _parts(starts):
            tx.execute(_of_delete(table, model, environment).where(table.c.start.in_(some)))
    tx.execute(sa.insert(windows), [window for window, _ in rows])
    if made := [figure for _, of_one in rows for figure in of_one]:
        tx.execute(sa.insert(figures), made)


def window_figures(tx: Transaction, model: str, environment: str, window: Window) -> tuple[Figure, ...]:
    """Return the figures of one window as they were stored."""
    chosen = _of(sa.select(figures.c.body), figures, model, environment).where(figures.c.start == window.start)
    bodies = tx.execute(chosen.order_by(figures.c.position)).scalars()
    return tuple(parse_json(Figure, body) for body in bodies)


def list_figures(
    tx: Transaction,
    model: str,
    environment: str,
    *,
    equal: Mapping[str, Any],
    since: datetime | None,
    before: datetime | None,
    after: tuple[datetime, int] | None,
    limit: int,
) -> Sequence[tuple[Figure, tuple[datetime, int]]]:
    """Return figures with their places, oldest window first; `equal` names columns and the values they must have."""
    columns = figures.c
    chosen = _of(sa.select(columns.body, columns.start, columns.position), figures, model, environment)
    chosen = chosen.where(*(columns[name] == value for name, value in equal.items() if value is not None))
    if since is not None:
        chosen = chosen.where(columns.start >= since)
    if before is not None:
        chosen = chosen.where(columns.start < before)
    if after is not None:
        later = (columns.start == after[0]) & (columns.position > after[1])
        chosen = chosen.where((columns.start > after[0]) | later)
    rows = tx.execute(chosen.order_by(columns.start, columns.position).limit(limit))
    return [(parse_json(Figure, row.body), (row.start, row.position)) for row in rows]


def _parts(starts: Sequence[datetime]) -> list[Sequence[datetime]]:
    return [starts[at : at + _MOST_PARAMETERS] for at in range(0, len(starts), _MOST_PARAMETERS)]


def _of(chosen: sa.Select[Any], table: sa.Table, model: str, environment: str) -> sa.Select[Any]:
    return chosen.where(table.c.model == model, table.c.environment == environment)


def _of_delete(table: sa.Table, model: str, environment: str) -> sa.Delete:
    return sa.delete(table).where(table.c.model == model, table.c.environment == environment)


def _figure_row(figure: Figure) -> dict[str, Any]:
    return {
        "version": figure.version,
        "metric": figure.metric,
        "subject": figure.subject,
        "verdict": figure.verdict.value,
        "body": as_json(figure),
    }
