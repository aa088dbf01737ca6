"""Configure monitors, evaluate their windows, and answer what they found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import InvalidInput, NotFound
from clearance.monitoring import evaluation, store
from clearance.monitoring.evaluation import RaiseAlarm
from clearance.monitoring.model import (
    Evaluation,
    Figure,
    Monitor,
    MonitorConfig,
    WindowSummary,
)
from clearance.monitoring.rules import defaults_name, rules
from clearance.registry import service as registry
from clearance.statistics.verdicts import Verdict
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction
from clearance.values import Page, digest_of, timestamp

if TYPE_CHECKING:
    from clearance.telemetry.lake import Lake

PRODUCTION = "production"


def configure_monitor(
    tx: Transaction, caller: Principal, blobs: BlobStore, model: str, environment: str, config: MonitorConfig
) -> Monitor:
    """Watch a model in an environment by a baseline; a monitor that is there already is replaced.

    Raises:
        NotFound: no such model or dataset, or the dataset's bytes are not here.
        InvalidInput: a number out of range, or a column that is not there or of no use.
    """
    registry.get_model(tx, model)
    _check_environment(environment)
    judged = rules(config)
    evaluation.baseline_of(tx, blobs, config)
    named = {"model": model, "environment": environment, "config": config, "rules": judged}
    monitor = Monitor(
        model=model,
        environment=environment,
        config=config,
        rules=judged,
        defaults=defaults_name(),
        digest=digest_of(named),
        configured_at=tx.now,
        configured_by=caller.name,
    )
    store.save_monitor(tx, monitor)
    log.record(
        tx,
        Event.MONITOR_CONFIGURED,
        actor=caller.name,
        subject=f"model/{model}",
        data={"environment": environment, "monitor": monitor.digest, "baseline": config.baseline_dataset},
    )
    return monitor


def get_monitor(tx: Transaction, model: str, environment: str) -> Monitor:
    """Return what watches a model in an environment.

    Raises:
        NotFound: no such model, or nothing watches it there.
    """
    registry.get_model(tx, model)
    found = store.find_monitor(tx, model, environment)
    if found is None:
        raise NotFound(
            f"nothing watches {model} in {environment[:80]}",
            code="monitor_not_found",
            hint=f"`clearance monitor configure {model} --baseline DIGEST` sets it up",
        )
    return found


def list_monitors(tx: Transaction) -> tuple[Monitor, ...]:
    """Return all monitors."""
    return store.list_monitors(tx)


def evaluate(
    tx: Transaction,
    caller: Principal,
    lake: Lake,
    blobs: BlobStore,
    raise_alarm: RaiseAlarm,
    *,
    model: str,
    environment: str = PRODUCTION,
    until: datetime | None = None,
    recompute: bool = False,
) -> Evaluation:
    """Compute the figures of every window, from the first event's to the last one's, that changed since the last time.

    Doing it again changes nothing and raises nothing again.

    Args:
        until: take the time to be this, and leave out events from then on; the present by default.
        recompute: compute all windows, also those that seem unchanged.

    Raises:
        NotFound: no such model, or nothing watches it there.
        InvalidInput: `until` lies in the future or names no zone.
    """
    monitor = get_monitor(tx, model, environment)
    return evaluation.run(tx, caller, lake, blobs, raise_alarm, monitor, until=until, recompute=recompute)


def windows(
    tx: Transaction, model: str, environment: str, *, cursor: str | None = None, limit: int = 100
) -> Page[WindowSummary]:
    """Return a page of the windows that were evaluated, oldest first."""
    get_monitor(tx, model, environment)
    after = None if cursor is None else _at(cursor)
    found = store.list_windows(tx, model, environment, after=after, limit=limit + 1)
    return Page(items=found[:limit], next=timestamp(found[limit - 1].window.start) if len(found) > limit else None)


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


def _check_environment(environment: str) -> None:
    if not environment.strip() or "/" in environment or len(environment) > 200:
        raise InvalidInput(f"{environment[:40]!r} is no environment", code="bad_environment", hint="such as production")


def _at(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput(f"{text[:80]!r} is no cursor of this listing", code="bad_cursor", hint="begin without one")
    return found


def _place(cursor: str) -> tuple[datetime, int]:
    start, _, position = cursor.rpartition("_")
    if not (position.isascii() and position.isdigit() and len(position) < 10):
        raise InvalidInput(f"{cursor[:80]!r} is no cursor of this listing", code="bad_cursor", hint="begin without one")
    return _at(start), int(position)
