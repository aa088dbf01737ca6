"""Notifications over a real webhook: what it refuses is told without its address, and given up after a day."""

from __future__ import annotations

import pytest

from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.clock import FixedClock
from clearance.errors import Unavailable
from clearance.response import service, store
from clearance.response.model import FIRST_RETRY, LONGEST_RETRY, MOST_ATTEMPTS, Alert, retry_after
from clearance.response.notifiers import sender
from tests.response.test_alerts import ALARM
from tests.server.process import free_port, receiving

SYSTEM = Principal(name="system:test", roles=(Role.ADMIN,))


@pytest.fixture
def alert(sqlite_parts: Clearance) -> Alert:
    with sqlite_parts.database.write() as tx:
        return service.raise_alert(tx, SYSTEM, ALARM)


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_webhook_that_refuses_is_told_by_its_answer_and_not_by_its_address(alert: Alert, status: int) -> None:
    port = free_port()
    with receiving(port) as receiver:
        receiver.status = status
        with pytest.raises(Unavailable, match=f"it answered {status}") as error:
            sender(lambda: f"http://127.0.0.1:{port}/secret")(alert)
    assert "secret" not in error.value.message


def test_a_webhook_gets_the_alert_with_its_figures(alert: Alert) -> None:
    port = free_port()
    with receiving(port) as receiver:
        sender(lambda: f"http://127.0.0.1:{port}/")(alert)
    found = receiver.received.get_nowait()
    assert (found["id"], found["severity"], found["details"]) == (alert.id, "page", {"accuracy": 0.81})


def test_without_a_webhook_the_log_has_the_alert(alert: Alert, caplog: pytest.LogCaptureFixture) -> None:
    sender(lambda: "")(alert)
    assert f"PAGE car-loan/2 was rolled back ({alert.id})" in caplog.text


def test_waiting_doubles_up_to_an_hour_and_lasts_a_day() -> None:
    waits = [retry_after(attempts) for attempts in range(1, MOST_ATTEMPTS)]
    assert (waits[0], waits[1], waits[-1]) == (FIRST_RETRY, 2 * FIRST_RETRY, LONGEST_RETRY)
    assert 24 <= sum(wait.total_seconds() for wait in waits) / 3600 <= 25


def test_what_never_arrives_is_given_up_and_said_loudly(
    alert: Alert, sqlite_parts: Clearance, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"http://127.0.0.1:{free_port()}/"
    send = sender(lambda: address)
    for _ in range(MOST_ATTEMPTS + 2):
        service.deliver_due(sqlite_parts.database, send)
        clock.advance(LONGEST_RETRY)
    with sqlite_parts.database.read() as tx:
        (row,) = tx.execute(store.notifications.select())
    assert (row.attempts, row.sent_at) == (MOST_ATTEMPTS, None)
    assert [record.levelname for record in caplog.records if "given up" in record.getMessage()] == ["ERROR"]
    assert alert.id in caplog.text
