"""A server starts quickly and ends in order: what it answered is kept, and nothing under way holds it up."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

import httpx
import pytest

from clearance.alarm import Alarm, Severity
from clearance.client.client import Client
from clearance.errors import ClearanceError
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.response import service as response
from tests.conftest import person
from tests.gateway.test_gateway import ADA, PACK, add_version, ask, promote
from tests.monitoring.world import MODEL, MONDAY, events, table
from tests.server.process import Server, free_port, receiving

Serve = Callable[..., Server]
_LONGEST_END_SECONDS = 5
_LONGEST_START_SECONDS = 10  # `time clearance serve` on a quiet machine is under 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_predictions_answered_before_the_end_are_in_the_lake_after_it(serve: Serve, how: signal.Signals) -> None:
    server = serve()
    with server.parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK))
        registry.create_model(tx, ADA, NewModel(name="loans", owner="user:ada"))
    add_version(server.parts, b"one")
    promote(server.parts, 1)
    assert server.start() < _LONGEST_START_SECONDS
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {server.token}"}) as http:
        answered = [ask(http, f"r{n}").status_code for n in range(50)]
    assert server.end(how) < _LONGEST_END_SECONDS
    assert answered == [200] * 50
    assert server.parts.lake.joined("loans").num_rows == 100
    assert "Traceback" not in server.said()


def test_a_connection_is_kept_for_longer_than_callers_keep_it(serve: Serve) -> None:
    """Closed by the server just when its caller sends, the caller can't know whether that was done."""
    server = serve()
    server.start()
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        for wait in (0, 6):  # seconds: httpx keeps one for 5, as uvicorn would
            time.sleep(wait)
            assert connection.sock is not None or wait == 0
            connection.request("GET", "/health")  # on the socket that it has; it connects only if it was closed
            answer = connection.getresponse()
            assert (answer.status, answer.will_close) == (200, False)
            answer.read()


def test_batches_acknowledged_while_the_server_ends_are_in_the_lake(serve: Serve) -> None:
    server = serve()
    server.start()
    acknowledged: list[str] = []
    going = threading.Event()

    def send(client: Client, sender: int) -> None:
        with suppress(ClearanceError):  # the server is gone: what follows was not acknowledged
            for batch in range(1000):
                rows = events(table(5, batch), MONDAY)
                name = f"{sender}-{batch}"
                for row in rows:
                    row["request_id"] = f"{name}-{row['request_id']}"
                client.http.post("/telemetry/events", dict, rows)
                acknowledged.append(name)
                going.set()

    clients = [server.client() for _ in range(3)]
    senders = [threading.Thread(target=send, args=(client, n)) for n, client in enumerate(clients)]
    for each in senders:
        each.start()
    assert going.wait(30)
    assert server.end() < _LONGEST_END_SECONDS
    for each in senders:
        each.join()
    for client in clients:
        client.close()
    kept = server.parts.lake.events(MODEL, columns=["request_id"])["request_id"].to_pylist()
    assert {f"{name}-{MONDAY:%Y%m%d}-{n}" for name in acknowledged for n in range(5)} <= set(kept)


def test_a_webhook_that_never_answers_does_not_hold_up_the_end(serve: Serve) -> None:
    port = free_port()
    server = serve(webhook_url=f"http://127.0.0.1:{port}/")
    server.start()
    under_way, over = threading.Event(), threading.Event()

    def hold(_alert: object) -> None:
        under_way.set()
        over.wait(30)

    alarm = Alarm(
        kind="drift",
        model="m",
        environment="production",
        severity=Severity.TICKET,
        title="t",
        summary="s",
        subject="model/m",
    )
    with receiving(port, hold):
        with server.parts.database.write() as tx:
            response.raise_alert(tx, person("ada"), alarm)
        assert under_way.wait(30)
        assert server.end(signal.SIGINT) < _LONGEST_END_SECONDS
        over.set()
    assert "a job is still at work" in server.said()


def test_a_bad_setting_ends_the_start_with_what_to_do(serve: Serve) -> None:
    server = serve()
    server.environment["CLEARANCE_WEBHOOK_URL"] = "ftp://hooks.example.com/token"
    with pytest.raises(AssertionError, match="CLEARANCE_WEBHOOK_URL is no http:// or https:// address"):
        server.start()
    assert server.process is not None
    assert server.process.returncode == 2
