"""Raise, acknowledge and resolve alerts; open, work on and close incidents; send what must be sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from clearance.access.model import Principal
from clearance.alarm import Alarm, Severity
from clearance.audit import log
from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.clock import id_before
from clearance.errors import ClearanceError, Conflict, InvalidInput, NotFound
from clearance.registry import service as registry
from clearance.response import store
from clearance.response.model import (
    LONGEST_SEND,
    MOST_ATTEMPTS,
    Alert,
    AlertState,
    Incident,
    IncidentReport,
    IncidentState,
    Notification,
    check_move,
    fingerprint,
    retry_after,
)
from clearance.storage.database import Database, Transaction
from clearance.values import Page, timestamp

logger = logging.getLogger(__name__)
_TIMELINE_LIMIT = 500


def raise_alert(tx: Transaction, caller: Principal, alarm: Alarm) -> Alert:
    """Turn an alarm into an alert; the same thing seen again is counted on the alert that is alive.

    A page opens an incident, or joins the one that is open for the model in that environment.
    """
    tx.lock(f"alert {fingerprint(alarm)}")
    known = store.alive(tx, fingerprint(alarm))
    if known is not None:
        store.see_again(tx, known.id)
        return get_alert(tx, known.id)
    alert_id = tx.new_id("alr")
    incident = _incident_for(tx, caller, alarm, alert_id) if alarm.severity is Severity.PAGE else None
    alert = Alert(
        id=alert_id,
        fingerprint=fingerprint(alarm),
        kind=alarm.kind,
        model=alarm.model,
        environment=alarm.environment,
        severity=alarm.severity,
        title=alarm.title,
        summary=alarm.summary,
        subject=alarm.subject,
        labels=dict(alarm.labels),
        details=dict(alarm.details),
        state=AlertState.FIRING,
        raised_at=tx.now,
        changed_at=tx.now,
        changed_by=caller.name,
        reason="",
        last_seen_at=tx.now,
        seen=1,
        incident=None if incident is None else incident.id,
    )
    store.insert_alert(tx, alert)
    store.insert_notification(
        tx,
        Notification(id=tx.new_id("ntf"), alert=alert_id, attempts=0, next_at=tx.now, sent_at=None, error=""),
    )
    log.record(
        tx,
        Event.ALERT_RAISED,
        actor=caller.name,
        subject=f"alert/{alert_id}",
        data={
            "model": alarm.model,
            "environment": alarm.environment,
            "severity": alarm.severity,
            "title": alarm.title,
            "fingerprint": alert.fingerprint,
            "about": alarm.subject,
            "incident": alert.incident,
        },
    )
    return alert


def get_alert(tx: Transaction, alert_id: str) -> Alert:
    """Return an alert.

    Raises:
        NotFound: no such alert.
    """
    found = store.alert(tx, alert_id)
    if found is None:
        raise NotFound(
            f"there is no alert {alert_id}", code="alert_not_found", hint="`clearance alerts list` shows them"
        )
    return found


def alive_alerts(tx: Transaction, *, model: str | None = None, limit: int = 1000) -> tuple[Alert, ...]:
    """Return the alerts that are not over: pages before tickets, what nobody has taken on before the rest, newest first."""
    found = [
        alert
        for state in (AlertState.FIRING, AlertState.ACKNOWLEDGED)
        for alert in list_alerts(tx, state=state, model=model, limit=limit).items
    ]
    return tuple(sorted(found, key=lambda alert: alert.severity is not Severity.PAGE))


def list_alerts(
    tx: Transaction,
    *,
    state: AlertState | None = None,
    model: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Alert]:
    """Return alerts newest first.

    Raises:
        NotFound: no such model.
    """
    registry.check_named(tx, model)
    found = store.select_alerts(tx, state=state, model=model, before=id_before("alr", cursor), limit=limit + 1)
    return Page(items=tuple(found[:limit]), next=found[limit - 1].id if len(found) > limit else None)


def acknowledge(tx: Transaction, caller: Principal, alert_id: str) -> Alert:
    """Say that somebody is on it, and so on its incident, where nobody is yet."""
    moved = _move(tx, caller, alert_id, AlertState.ACKNOWLEDGED, Event.ALERT_ACKNOWLEDGED, "")
    if moved.incident is not None:
        _take_on(tx, caller, _incident(tx, moved.incident))
    return moved


def resolve_alert(tx: Transaction, caller: Principal, alert_id: str, reason: str) -> Alert:
    """Say that it is over, and why; seen again, it is a new alert."""
    return _move(tx, caller, alert_id, AlertState.RESOLVED, Event.ALERT_RESOLVED, _given(reason))


def list_incidents(
    tx: Transaction, *, model: str | None = None, cursor: str | None = None, limit: int = 100
) -> Page[Incident]:
    """Return incidents newest first.

    Raises:
        NotFound: no such model.
    """
    registry.check_named(tx, model)
    found = store.select_incidents(tx, model=model, before=id_before("inc", cursor), limit=limit + 1)
    return Page(items=tuple(found[:limit]), next=found[limit - 1].id if len(found) > limit else None)


def get_incident(tx: Transaction, incident_id: str) -> IncidentReport:
    """Return an incident with its alerts and its timeline, oldest entry first.

    The timeline is what the audit log says of the model, of what the alerts are about, and of the incident itself, from
    an hour before the first alert on.
    """
    incident = _incident(tx, incident_id)
    alerts = tuple(store.alerts_of(tx, incident_id))
    subjects = {f"model/{incident.model}", f"incident/{incident_id}"}
    subjects |= {f"alert/{alert.id}" for alert in alerts} | {alert.subject for alert in alerts}
    entries: dict[int, Entry] = {}
    for subject in subjects:
        for entry in log.entries(tx, subject=subject, limit=_TIMELINE_LIMIT).items:
            minutes_before = (incident.opened_at - entry.at).total_seconds() / 60
            if minutes_before <= 60 and (incident.resolved_at is None or entry.at <= incident.resolved_at):
                entries[entry.index] = entry
    return IncidentReport(incident=incident, alerts=alerts, timeline=tuple(entries[index] for index in sorted(entries)))


def note(tx: Transaction, caller: Principal, incident_id: str, text: str) -> IncidentReport:
    """Add a line to an incident's timeline; whoever writes first to an incident without an owner becomes its owner."""
    incident = _incident(tx, incident_id)
    log.record(
        tx,
        Event.INCIDENT_NOTED,
        actor=caller.name,
        subject=f"incident/{incident_id}",
        data={"text": _given(text)},
    )
    _take_on(tx, caller, incident)
    return get_incident(tx, incident_id)


def resolve_incident(tx: Transaction, caller: Principal, incident_id: str, cause: str) -> Incident:
    """Close an incident with its cause; its alerts are resolved with it.

    Raises:
        Conflict: it is closed already.
    """
    incident = _incident(tx, incident_id)
    if incident.state is IncidentState.RESOLVED:
        raise Conflict(f"incident {incident_id} is resolved already", code="incident_state")
    for alert in store.alerts_of(tx, incident_id):
        if alert.state is not AlertState.RESOLVED:
            resolve_alert(tx, caller, alert.id, f"incident resolved: {cause}")
    store.change_incident(
        tx,
        incident_id,
        state=IncidentState.RESOLVED.value,
        resolved_at=tx.now,
        cause=_given(cause),
        owner=incident.owner or caller.name,
    )
    log.record(
        tx,
        Event.INCIDENT_RESOLVED,
        actor=caller.name,
        subject=f"incident/{incident_id}",
        data={"model": incident.model, "cause": cause},
    )
    return _incident(tx, incident_id)


def deliver_due(database: Database, send: Callable[[Alert], None]) -> int:
    """Try every notification that is due, each in transactions of its own; return how many arrived.

    One process at a time sends a notification: it puts it off for `LONGEST_SEND` before it begins, which only one can.
    At least once: of a process that dies between sending and noting, another takes it up after that time. `send` raises
    ClearanceError when the message did not arrive; it is then tried again later, for a day, and the last error stays
    visible.
    """
    with database.read() as tx:
        due = store.due_notifications(tx, tx.now, MOST_ATTEMPTS)
        messages = [(notification, get_alert(tx, notification.alert)) for notification in due]
    return sum(_deliver(database, send, notification, alert) for notification, alert in messages)


def _deliver(database: Database, send: Callable[[Alert], None], notification: Notification, alert: Alert) -> bool:
    """Try a notification once, if no other process does, and note what came of it; return whether it arrived."""
    with database.write() as tx:
        if not store.claim_notification(tx, notification, tx.now + LONGEST_SEND):
            return False
    attempts = notification.attempts + 1
    error = ""
    try:
        send(alert)
    except ClearanceError as failure:
        error = failure.message
    with database.write() as tx:
        next_at = tx.now + retry_after(attempts)
        sent_at = None if error else tx.now
        store.update_notification(
            tx, replace(notification, attempts=attempts, error=error, sent_at=sent_at, next_at=next_at)
        )
    if error and attempts < MOST_ATTEMPTS:
        logger.warning("alert %s was not delivered, and is tried again at %s: %s", alert.id, timestamp(next_at), error)
    elif error:
        logger.error("alert %s was given up after %d attempts: %s (%s)", alert.id, attempts, alert.title, error)
    return not error


def _move(tx: Transaction, caller: Principal, alert_id: str, to: AlertState, event: Event, reason: str) -> Alert:
    alert = get_alert(tx, alert_id)
    check_move(alert, to)
    store.move_alert(tx, alert_id, to, caller.name, reason)
    log.record(
        tx,
        event,
        actor=caller.name,
        subject=f"alert/{alert_id}",
        data={"model": alert.model, "reason": reason},
    )
    return get_alert(tx, alert_id)


def _take_on(tx: Transaction, caller: Principal, incident: Incident) -> None:
    """Let the caller be the owner of an incident that has none."""
    if not incident.owner:
        store.change_incident(tx, incident.id, owner=caller.name)


def _incident_for(tx: Transaction, caller: Principal, alarm: Alarm, alert_id: str) -> Incident:
    tx.lock(f"incident {alarm.model} {alarm.environment}")
    known = store.open_incident(tx, alarm.model, alarm.environment)
    if known is not None:
        return known
    incident = Incident(
        id=tx.new_id("inc"),
        model=alarm.model,
        environment=alarm.environment,
        title=alarm.title,
        state=IncidentState.OPEN,
        owner="",
        opened_at=tx.now,
        resolved_at=None,
        cause="",
    )
    store.insert_incident(tx, incident)
    log.record(
        tx,
        Event.INCIDENT_OPENED,
        actor=caller.name,
        subject=f"incident/{incident.id}",
        data={"model": alarm.model, "title": alarm.title, "alert": alert_id},
    )
    return incident


def _incident(tx: Transaction, incident_id: str) -> Incident:
    found = store.incident(tx, incident_id)
    if found is None:
        raise NotFound(
            f"there is no incident {incident_id}",
            code="incident_not_found",
            hint="`clearance incidents list` shows them",
        )
    return found


def _given(text: str) -> str:
    if not text.strip():
        raise InvalidInput("the reason is empty", code="reason_empty", hint="say in a sentence why")
    return text.strip()
