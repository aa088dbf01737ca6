"""What a server does without being asked: figures, alerts and notifications appear by themselves, once each."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from clearance.alarm import Alarm, Severity
from clearance.audit.events import Event
from clearance.client.client import Client
from clearance.delivery.model import Step
from clearance.response import service as response
from clearance.response import store as response_store
from clearance.response.model import MOST_ATTEMPTS, Alert, Notification
from clearance.statistics.verdicts import Verdict
from clearance.telemetry.model import Label
from tests.conftest import person
from tests.delivery.conftest import decide, prepare, promote, send
from tests.monitoring.world import MODEL, MONDAY, WEEK, World, events, labels, table
from tests.server.process import Server, free_port, receiving

if TYPE_CHECKING:
    from clearance.sdk.events import Event as TelemetryEvent

Serve = Callable[..., Server]
ALARM = Alarm(
    kind="drift",
    model="car-loan",
    environment="production",
    severity=Severity.TICKET,
    title="car-loan in production: feature income drifted in the week of 2026-01-05",
    summary="KS is 0.3",
    subject="model/car-loan",
)


def raised(server: Server) -> Alert:
    with server.parts.database.write() as tx:
        return response.raise_alert(tx, person("ada"), ALARM)


def send_over_http(client: Client, rows: list[dict[str, Any]]) -> None:
    client.telemetry.send(cast("list[TelemetryEvent]", rows))


def notifications(server: Server) -> list[Notification]:
    with server.parts.database.read() as tx:
        rows = tx.execute(response_store.notifications.select())
        return [Notification(**row._mapping) for row in rows]


def test_figures_and_alerts_appear_after_events_were_sent(serve: Serve) -> None:
    server = serve(monitor_seconds="0.3")
    World(server.parts)
    server.start()
    quiet = table(1_000, 1)
    with server.client() as client:
        send_over_http(client, events(quiet, MONDAY) + events(table(1_000, 2, shift=8), MONDAY + WEEK))
        server.wait_for(lambda: list(client.monitoring.windows(MODEL)))
        failed = list(client.monitoring.figures(MODEL, verdict=Verdict.FAILED))
        assert {(figure.subject, figure.window.start) for figure in failed} == {("income", MONDAY + WEEK)}
        assert [alert.changed_by for alert in client.alerts.list()] == ["system:clearance"]
        assert next(client.audit.entries(event=Event.ALERT_RAISED)).actor == "system:clearance"

        client.telemetry.labels([Label(**each) for each in labels(quiet, MONDAY)])

        def auc() -> float | None:
            return next(client.monitoring.figures(MODEL, metric="auc", version=1)).value

        assert server.wait_for(auc) == pytest.approx(0.83, abs=0.05)
        assert [alert.seen for alert in client.alerts.list()] == [1], "evaluating again raises nothing again"
    assert server.end() < 5


def test_a_webhook_that_is_down_at_first_gets_the_alert_later(serve: Serve) -> None:
    port = free_port()
    server = serve(webhook_url=f"http://127.0.0.1:{port}/hooks/clearance?key=secret")
    server.start()
    alert = raised(server)
    waiting = server.wait_for(lambda: [each for each in notifications(server) if each.attempts])
    assert waiting[0].sent_at is None
    assert "ConnectError" in waiting[0].error
    assert "secret" not in server.said()
    with receiving(port) as receiver:
        arrived = receiver.received.get(timeout=30)
        server.wait_for(lambda: notifications(server)[0].sent_at)
    assert (arrived["id"], arrived["title"], arrived["path"]) == (alert.id, ALARM.title, "/hooks/clearance?key=secret")
    assert notifications(server)[0].attempts <= MOST_ATTEMPTS
    assert receiver.received.empty(), "what arrived is not sent again"


def test_a_secret_that_ends_soon_is_warned_of_by_the_server_itself(serve: Serve, tmp_path: Path) -> None:
    secret = tmp_path / "webhook"
    secret.write_text("http://127.0.0.1:9/hooks?key=hidden")
    secret.with_name("webhook.expires").write_text(f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}")
    server = serve(webhook_url=f"file:{secret}")
    server.start()
    server.wait_for(lambda: "the secret of CLEARANCE_WEBHOOK_URL" in server.said())
    assert "hidden" not in server.said()


def test_an_alert_raised_before_a_kill_is_delivered_by_the_next_server(serve: Serve) -> None:
    port = free_port()
    server = serve(webhook_url=f"http://127.0.0.1:{port}/")
    server.start()
    under_way, killed = threading.Event(), threading.Event()

    def hold(_alert: Any) -> None:
        under_way.set()
        killed.wait(30)

    with receiving(port, hold) as receiver:
        alert = raised(server)
        assert under_way.wait(30)
        server.end(signal.SIGKILL)
        assert notifications(server)[0].sent_at is None
        killed.set()
        server.start()
        server.wait_for(lambda: notifications(server)[0].sent_at)
        received = [receiver.received.get(timeout=1)["id"] for _ in range(2)]
    assert received == [alert.id, alert.id], "at least once: the first message was under way when its sender died"


@pytest.mark.postgres
def test_a_server_on_postgresql_evaluates_monitors_and_drives_rollouts(serve: Serve, postgres_url: str) -> None:
    server = serve(database_url=postgres_url, monitor_seconds="0.3")
    prepare(server.parts)
    promote(server.parts, 1)
    decide(server.parts, 2)
    World(server.parts, create=False)
    server.start()
    with server.client() as client:
        send_over_http(client, events(table(500, 1), MONDAY))
        assert server.wait_for(lambda: list(client.monitoring.windows(MODEL)))[0].events == 500
        steps = [Step(weight=weight, minimum_seconds=0.2, minimum_requests=60) for weight in (10, 50)]
        started = client.rollouts.start(MODEL, 2, strategy="canary-quick", steps=steps)

        def step_after_traffic() -> int:
            for version, variant in ((1, "stable"), (2, "candidate")):
                send(server.parts, version, variant, started.started_at + timedelta(seconds=1), 60)
            return client.rollouts.get(started.id).step

        assert server.wait_for(step_after_traffic) == 1
        client.rollouts.abort(started.id, "seen enough")
    assert server.end() < 5
    assert not (server.home / "jobs.db").exists()
    assert not (server.home / "clearance.db").exists()
