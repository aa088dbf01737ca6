"""Alerts and incidents: values, fingerprints, and which state may follow which; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from clearance.alarm import Alarm, Severity
from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.errors import Conflict
from clearance.values import digest_of, request, value

FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=1)
LONGEST_SEND = timedelta(seconds=25)
"""How long one process has a notification to itself: longer than a webhook is waited for, four steps of 5 s."""
MOST_ATTEMPTS = 34
"""With `retry_after` a day of attempts: a webhook that is down for a night misses nothing."""


class AlertState(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class IncidentState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


@value
class Alert:
    """Something that is wrong, once, however often it was seen."""

    id: str
    fingerprint: str
    kind: str
    model: str
    environment: str
    severity: Severity
    title: str
    summary: str
    subject: str
    labels: Mapping[str, str]
    details: Mapping[str, Any]
    state: AlertState
    raised_at: datetime
    changed_at: datetime
    changed_by: str
    reason: str
    last_seen_at: datetime
    seen: int
    incident: str | None


@value
class Incident:
    """What people work on: one or more alerts of one model in one environment, from the first page until it is over."""

    id: str
    model: str
    environment: str
    title: str
    state: IncidentState
    owner: str
    opened_at: datetime
    resolved_at: datetime | None
    cause: str

    @property
    def minutes_to_resolve(self) -> float | None:
        """Return the time from opening to resolution, in minutes."""
        return None if self.resolved_at is None else (self.resolved_at - self.opened_at).total_seconds() / 60


@value
class IncidentReport:
    """An incident with its alerts and its timeline, which is read from the audit log and can't be edited."""

    incident: Incident
    alerts: tuple[Alert, ...]
    timeline: tuple[Entry, ...]

    @property
    def story(self) -> tuple[Entry, ...]:
        """Return the timeline from what led to the incident on: its rollout, the refused load, or its first alert."""
        return tuple(entry for entry in self.timeline if entry.index >= self._begin)

    @property
    def before(self) -> tuple[Entry, ...]:
        """Return what else the log says of the hour before."""
        return tuple(entry for entry in self.timeline if entry.index < self._begin)

    @property
    def _begin(self) -> int:
        things = {f"incident/{self.incident.id}", *(f"alert/{alert.id}" for alert in self.alerts)}
        things |= {alert.subject for alert in self.alerts if alert.subject.startswith("rollout/")}
        refused = {alert.subject for alert in self.alerts}
        began = (
            entry.index
            for entry in self.timeline
            if entry.subject in things or (entry.event == Event.LOAD_REFUSED and entry.subject in refused)
        )
        return min(began, default=0)


@request
class Note:
    """A line for the timeline of an incident."""

    text: str


@value
class Notification:
    """A message about an alert on its way to somebody; kept until it arrived or was given up."""

    id: str
    alert: str
    attempts: int
    next_at: datetime
    sent_at: datetime | None
    error: str


def fingerprint(alarm: Alarm) -> str:
    """Return what makes two alarms the same: kind, model, environment and labels; not severity, text or figures."""
    named = {"kind": alarm.kind, "model": alarm.model, "environment": alarm.environment, "labels": alarm.labels}
    return digest_of(named).removeprefix("sha256:")[:16]


def check_move(alert: Alert, to: AlertState) -> None:
    """Refuse a move that makes no sense.

    Raises:
        Conflict: the alert is resolved, or in that state already.
    """
    if alert.state is AlertState.RESOLVED or alert.state is to:
        raise Conflict(
            f"alert {alert.id} is {alert.state.value} already",
            code="alert_state",
            hint="`clearance alerts list` shows the ones that are still firing",
        )


def retry_after(attempts: int) -> timedelta:
    """Return how long to wait after that many failed attempts: doubling from 5 s, an hour at most."""
    doublings = min(max(attempts - 1, 0), 20)
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)
