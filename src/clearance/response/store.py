"""Tables of alerts, how often each was seen, incidents, and notifications under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.alarm import Severity
from clearance.response.model import Alert, AlertState, Incident, IncidentState, Notification
from clearance.storage.database import Json, Transaction, UtcDateTime, metadata
from clearance.values import plain

alerts = sa.Table(
    "response_alerts",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("model", sa.String(100), nullable=False, index=True),
    sa.Column("environment", sa.String(100), nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("subject", sa.String(512), nullable=False),
    sa.Column("labels", Json, nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("raised_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", sa.String(255), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("incident", sa.String(64), index=True),
    # One alert of a fingerprint is alive at a time, also when two processes raise it at once.
    sa.Index(
        "uq_response_alerts_alive",
        "fingerprint",
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    ),
)
sightings = sa.Table(  # an observation, not a state: a repeated alarm needs no leaf of its own
    "response_sightings",
    metadata,
    sa.Column("alert", sa.String(64), primary_key=True),
    sa.Column("last_seen_at", UtcDateTime, nullable=False),
    sa.Column("seen", sa.Integer, nullable=False),
    info={"audited": False},
)
incidents = sa.Table(
    "response_incidents",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(100), nullable=False, index=True),
    sa.Column("environment", sa.String(100), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("resolved_at", UtcDateTime),
    sa.Column("cause", sa.Text, nullable=False),
)
notifications = sa.Table(
    "response_notifications",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("alert", sa.String(64), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("error", sa.Text, nullable=False),
    info={"audited": False},
)


def insert_alert(tx: Transaction, alert: Alert) -> None:
    row = plain(alert)
    tx.execute(
        sa.insert(alerts),
        {column.name: row[column.name] for column in alerts.columns}
        | {"raised_at": alert.raised_at, "changed_at": alert.changed_at},
    )
    tx.execute(sa.insert(sightings), {"alert": alert.id, "last_seen_at": alert.last_seen_at, "seen": alert.seen})


def alive(tx: Transaction, fingerprint: str) -> Alert | None:
    """Return the alert of a fingerprint that is not resolved yet."""
    found = _select_alerts(tx, alerts.c.fingerprint == fingerprint, alerts.c.state != AlertState.RESOLVED.value)
    return found[0] if found else None


def see_again(tx: Transaction, alert_id: str) -> None:
    tx.execute(
        sa.update(sightings).where(sightings.c.alert == alert_id).values(last_seen_at=tx.now, seen=sightings.c.seen + 1)
    )


def move_alert(tx: Transaction, alert_id: str, state: AlertState, by: str, reason: str) -> None:
    tx.execute(
        sa.update(alerts)
        .where(alerts.c.id == alert_id)
        .values(state=state.value, changed_at=tx.now, changed_by=by, reason=reason)
    )


def alert(tx: Transaction, alert_id: str) -> Alert | None:
    found = _select_alerts(tx, alerts.c.id == alert_id)
    return found[0] if found else None


def select_alerts(
    tx: Transaction, *, state: AlertState | None, model: str | None, before: str | None, limit: int
) -> list[Alert]:
    """Return alerts newest first."""
    wanted = [alerts.c.id < before] if before else []
    if state is not None:
        wanted.append(alerts.c.state == state.value)
    if model is not None:
        wanted.append(alerts.c.model == model)
    return _select_alerts(tx, *wanted, limit=limit)


def alerts_of(tx: Transaction, incident_id: str) -> list[Alert]:
    """Return an incident's alerts, oldest first."""
    return _select_alerts(tx, alerts.c.incident == incident_id)[::-1]


def insert_incident(tx: Transaction, incident: Incident) -> None:
    tx.execute(sa.insert(incidents), asdict(incident))


def open_incident(tx: Transaction, model: str, environment: str) -> Incident | None:
    """Return the incident that is open for a model in an environment."""
    query = sa.select(incidents).where(
        incidents.c.model == model,
        incidents.c.environment == environment,
        incidents.c.state == IncidentState.OPEN.value,
    )
    row = tx.execute(query.limit(1)).first()
    return None if row is None else _incident(row._mapping)


def incident(tx: Transaction, incident_id: str) -> Incident | None:
    row = tx.execute(sa.select(incidents).where(incidents.c.id == incident_id)).first()
    return None if row is None else _incident(row._mapping)


def select_incidents(tx: Transaction, *, model: str | None, before: str | None, limit: int) -> list[Incident]:
    """Return incidents newest first."""
    query = sa.select(incidents).order_by(incidents.c.id.desc()).limit(limit)
    if model is not None:
        query = query.where(incidents.c.model == model)
    if before is not None:
        query = query.where(incidents.c.id < before)
    return [_incident(row._mapping) for row in tx.execute(query)]


def change_incident(tx: Transaction, incident_id: str, **changes: Any) -> None:
    tx.execute(sa.update(incidents).where(incidents.c.id == incident_id).values(**changes))


def insert_notification(tx: Transaction, notification: Notification) -> None:
    tx.execute(sa.insert(notifications), asdict(notification))


def due_notifications(tx: Transaction, at: datetime, most_attempts: int) -> list[Notification]:
    """Return the notifications to try now, oldest first."""
    query = (
        sa.select(notifications)
        .where(
            notifications.c.sent_at.is_(None),
            notifications.c.next_at <= at,
            notifications.c.attempts < most_attempts,
        )
        .order_by(notifications.c.id)
    )
    return [Notification(**row._mapping) for row in tx.execute(query)]


def claim_notification(tx: Transaction, notification: Notification, until: datetime) -> bool:
    """Put a notification off until then, unless another process has done so since it was read."""
    mine = (
        notifications.c.id == notification.id,
        notifications.c.next_at == notification.next_at,
        notifications.c.sent_at.is_(None),
    )
    return tx.execute(sa.update(notifications).where(*mine).values(next_at=until)).rowcount == 1


def update_notification(tx: Transaction, notification: Notification) -> None:
    tx.execute(sa.update(notifications).where(notifications.c.id == notification.id).values(**asdict(notification)))


def _select_alerts(tx: Transaction, *wanted: sa.ColumnElement[bool], limit: int | None = None) -> list[Alert]:
    query = (
        sa.select(alerts, sightings.c.last_seen_at, sightings.c.seen)
        .join(sightings, sightings.c.alert == alerts.c.id)
        .where(*wanted)
        .order_by(alerts.c.id.desc())
        .limit(limit)
    )
    return [_alert(row._mapping) for row in tx.execute(query)]


def _alert(row: Mapping[Any, Any]) -> Alert:
    return Alert(**{**row, "severity": Severity(row["severity"]), "state": AlertState(row["state"])})


def _incident(row: Mapping[Any, Any]) -> Incident:
    return Incident(**{**row, "state": IncidentState(row["state"])})
