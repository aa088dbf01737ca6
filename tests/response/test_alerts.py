"""Alerts and incidents: once each, in order, from the log."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from clearance.access.model import Principal, Role
from clearance.alarm import Alarm, Severity
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.cli.main import app as command_line
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from clearance.response import service
from clearance.response.model import LONGEST_SEND, Alert, AlertState, IncidentState, fingerprint, retry_after
from clearance.settings import Settings
from clearance.storage.database import Database

SYSTEM = Principal(name="system:test", roles=(Role.ADMIN,))
OPERATOR = Principal(name="user:olga", roles=(Role.OPERATOR,))
ALARM = Alarm(
    kind="rollout.rolled_back",
    model="car-loan",
    environment="production",
    severity=Severity.PAGE,
    title="car-loan/2 was rolled back",
    summary="accuracy 0.81 against 0.93",
    subject="rollout/rol_1",
    labels={"candidate": "2"},
    details={"accuracy": 0.81},
)


def raised(parts: Clearance, alarm: Alarm = ALARM) -> Alert:
    with parts.database.write() as tx:
        return service.raise_alert(tx, SYSTEM, alarm)


def test_the_same_thing_seen_again_is_one_alert_counted_twice(parts: Clearance, clock: FixedClock) -> None:
    first = raised(parts)
    clock.advance(timedelta(minutes=5))
    again = raised(parts, replace(ALARM, summary="accuracy 0.80", details={"accuracy": 0.80}))
    assert (again.id, again.seen, again.summary) == (first.id, 2, first.summary)
    assert again.last_seen_at - again.raised_at == timedelta(minutes=5)


@given(st.text(max_size=20), st.sampled_from(Severity))
def test_the_fingerprint_is_of_what_is_wrong_not_of_how_it_is_told(text: str, severity: Severity) -> None:
    assert fingerprint(replace(ALARM, title=text, summary=text, severity=severity)) == fingerprint(ALARM)
    assert fingerprint(replace(ALARM, labels={"candidate": "3"})) != fingerprint(ALARM)


def test_a_page_opens_an_incident_and_a_second_one_joins_it_while_a_ticket_does_not(parts: Clearance) -> None:
    page, other = raised(parts), raised(parts, replace(ALARM, kind="slo.burn"))
    ticket = raised(parts, replace(ALARM, kind="drift", severity=Severity.TICKET))
    assert page.incident == other.incident is not None
    assert ticket.incident is None


def test_two_processes_that_raise_the_same_at_once_leave_one_alert(parts: Clearance) -> None:
    parts.database  # noqa: B018  # made before the threads start
    threads = [threading.Thread(target=raised, args=(parts,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with parts.database.read() as tx:
        found = service.list_alerts(tx).items
    assert [alert.seen for alert in found] == [8]


def test_an_alert_moves_forward_only_and_is_new_when_it_comes_back(parts: Clearance) -> None:
    alert = raised(parts)
    with parts.database.write() as tx:
        assert service.acknowledge(tx, OPERATOR, alert.id).state is AlertState.ACKNOWLEDGED
    with parts.database.write() as tx:
        assert service.resolve_alert(tx, OPERATOR, alert.id, "rolled back").changed_by == "user:olga"
    with pytest.raises(Conflict, match="resolved already"), parts.database.write() as tx:
        service.acknowledge(tx, OPERATOR, alert.id)
    assert raised(parts).id != alert.id


def test_who_says_that_they_are_on_a_page_is_on_its_incident_unless_somebody_is(parts: Clearance) -> None:
    alert = raised(parts)
    for name in ("olga", "pat"):
        later = alert if name == "olga" else raised(parts, replace(ALARM, kind="another"))
        with parts.database.write() as tx:
            service.acknowledge(tx, replace(OPERATOR, name=f"user:{name}"), later.id)
        with parts.database.read() as tx:
            assert service.get_incident(tx, str(alert.incident)).incident.owner == "user:olga"


def test_the_timeline_of_an_incident_is_what_the_log_says(parts: Clearance, clock: FixedClock) -> None:
    alert = raised(parts)
    assert alert.incident is not None
    clock.advance(timedelta(minutes=30))
    with parts.database.write() as tx:
        report = service.note(tx, OPERATOR, alert.incident, "rolled back by itself; looking at the training data")
    assert report.incident.owner == "user:olga"
    with parts.database.write() as tx:
        closed = service.resolve_incident(tx, OPERATOR, alert.incident, "trained on cheap cars only")
    assert (closed.state, closed.minutes_to_resolve) == (IncidentState.RESOLVED, 30.0)
    with parts.database.read() as tx:
        report = service.get_incident(tx, alert.incident)
    assert [entry.event for entry in report.timeline] == [
        "incident.opened",
        "alert.raised",
        "incident.noted",
        "alert.resolved",
        "incident.resolved",
    ]
    assert all(found.state is AlertState.RESOLVED for found in report.alerts)


def test_an_incident_begins_its_story_at_the_rollout_and_keeps_the_hour_before_apart(
    parts: Clearance, clock: FixedClock
) -> None:
    leaves = [("model/car-loan", Event.MODEL_DELETED, "x"), ("rollout/rol_1", Event.INCIDENT_NOTED, "x")]
    for subject, event, text in leaves:
        with parts.database.write() as tx:
            log.record(tx, event, actor="user:ada", subject=subject, data={"reason": text, "text": text})
        clock.advance(timedelta(minutes=1))
    alert = raised(parts)
    with parts.database.read() as tx:
        report = service.get_incident(tx, alert.incident or "")
    assert [entry.subject for entry in report.before] == ["model/car-loan"]
    assert report.story[0].subject == "rollout/rol_1"
    assert (*report.before, *report.story) == report.timeline


def test_a_load_that_was_refused_begins_the_story_of_its_incident(parts: Clearance) -> None:
    for event in (Event.VERSION_RETIRED, Event.LOAD_REFUSED):
        with parts.database.write() as tx:
            facts = {"environment": "production", "code": "x", "reason": "a byte was flipped"}
            log.record(tx, event, actor="user:ada", subject="model/car-loan/2", data=facts)
    alert = raised(parts, replace(ALARM, kind="load.refused", subject="model/car-loan/2"))
    with parts.database.read() as tx:
        report = service.get_incident(tx, alert.incident or "")
    assert [entry.event for entry in report.before] == ["version.retired"]
    assert [entry.event for entry in report.story] == ["load.refused", "incident.opened", "alert.raised"]


def test_what_is_wrong_now_begins_with_pages_and_with_what_nobody_has_taken_on(
    parts: Clearance, clock: FixedClock
) -> None:
    made: list[str] = []
    for severity in (Severity.PAGE, Severity.PAGE, Severity.TICKET, Severity.TICKET):
        made.append(raised(parts, replace(ALARM, kind=f"kind {len(made)}", severity=severity)).id)
        clock.advance(timedelta(minutes=1))
    with parts.database.write() as tx:
        service.acknowledge(tx, OPERATOR, made[1])
        service.resolve_alert(tx, OPERATOR, made[3], "over")
    with parts.database.read() as tx:
        assert [made.index(alert.id) for alert in service.alive_alerts(tx)] == [0, 1, 2]


def test_a_notification_is_tried_again_until_it_arrives(parts: Clearance, clock: FixedClock) -> None:
    raised(parts)
    arrived: list[Alert] = []
    broken = True

    def send(alert: Alert) -> None:
        if broken:
            raise Unavailable("no route", code="webhook_failed")
        arrived.append(alert)

    assert service.deliver_due(parts.database, send) == 0
    assert service.deliver_due(parts.database, send) == 0  # not due yet
    broken = False
    clock.advance(retry_after(1))
    assert service.deliver_due(parts.database, send) == 1
    assert service.deliver_due(parts.database, send) == 0
    assert [alert.title for alert in arrived] == ["car-loan/2 was rolled back"]


def test_two_processes_that_look_at_once_send_a_notification_once(settings: Settings, clock: FixedClock) -> None:
    both = [Clearance(settings, clock) for _ in range(2)]
    raised(both[0])
    both[1].database  # noqa: B018  # made before the threads start
    looking = threading.Barrier(2)
    sent: list[Alert] = []

    class Looking:
        """The database of a process that has read what is due just when the other one has."""

        def __init__(self, database: Database) -> None:
            self.read, self._write = database.read, database.write
            self._first = True

        def write(self) -> Any:
            if self._first:
                self._first = False
                looking.wait(10)
            return self._write()

    def turn(parts: Clearance) -> None:
        service.deliver_due(cast("Database", Looking(parts.database)), sent.append)

    threads = [threading.Thread(target=turn, args=(parts,)) for parts in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 1
    for parts in both:
        parts.close()


def test_what_a_process_was_sending_when_it_died_is_sent_by_another_after_a_while(
    parts: Clearance, clock: FixedClock
) -> None:
    raised(parts)

    def die(_alert: Alert) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.deliver_due(parts.database, die)
    arrived: list[Alert] = []
    assert service.deliver_due(parts.database, arrived.append) == 0, "the other one may still be at it"
    clock.advance(LONGEST_SEND)
    assert service.deliver_due(parts.database, arrived.append) == 1


def test_the_client_and_its_errors(as_user: Callable[..., Client], sqlite_parts: Clearance) -> None:
    alert = raised(sqlite_parts)
    olga = as_user(OPERATOR)
    assert [found.id for found in olga.alerts.list(state=AlertState.FIRING)] == [alert.id]
    with pytest.raises(NotFound, match="no alert alr_x"):
        olga.alerts.get("alr_x")
    with pytest.raises(InvalidInput, match="empty"):
        olga.alerts.resolve(alert.id, "  ")
    with pytest.raises(Forbidden, match="respond"):
        as_user(Principal(name="user:vic", roles=(Role.VIEWER,))).alerts.acknowledge(alert.id)
    assert alert.incident is not None
    assert olga.incidents.resolve(alert.incident, "a bad candidate").cause == "a bad candidate"


def test_the_command_tells_the_timeline_in_words(sqlite_parts: Clearance) -> None:
    home, incident = sqlite_parts.settings.home, str(raised(sqlite_parts).incident)
    shown = CliRunner().invoke(command_line, ["--home", str(home), "incidents", "show", incident])
    assert "incident opened" in shown.stdout
    assert "incident.opened" not in shown.stdout
