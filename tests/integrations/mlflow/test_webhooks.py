"""Webhooks: made by MLflow's client, told of every change whoever made it, signed as MLflow's receivers expect."""

from __future__ import annotations

import json
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.delivery import service as delivery
from clearance.errors import Forbidden, InvalidInput, Unavailable
from clearance.integrations.mlflow.webhooks import model as values
from clearance.integrations.mlflow.webhooks import service, store
from clearance.integrations.mlflow.webhooks.addresses import Poster, is_public
from clearance.integrations.mlflow.webhooks.driver import Driver
from clearance.integrations.mlflow.webhooks.model import NewWebhook, WebhookEvent, parse_event
from clearance.integrations.mlflow.webhooks.sending import Sender
from clearance.registry import service as registry
from clearance.registry.model import NewModel, NewVersion
from clearance.registry.source import Source, SourceKind
from tests.conftest import person
from tests.delivery.conftest import prepare, promote
from tests.integrations.mlflow.real import run_script
from tests.server.process import Server

ADA = person("ada")
EVERY = tuple(
    parse_event(word)
    for word in (
        "registered_model.created",
        "model_version.created",
        "model_version_tag.set",
        "model_version_tag.deleted",
        "model_version_alias.created",
        "model_version_alias.deleted",
        "prompt.created",
        "prompt_version.created",
        "prompt_tag.set",
    )
)


class Receiver:
    """A web server that takes webhooks; `status` is what it answers."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.put((dict(self.headers.items()), body))
                self.send_response(receiver.status)
                self.send_header("content-length", "5")
                self.end_headers()
                self.wfile.write(b"taken")

            def log_message(self, *_parts: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def bodies(self) -> list[dict[str, Any]]:
        """Return what came since the last time, in order."""
        return [json.loads(body) for _, body in _drained(self)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def sender(parts: Clearance, *hosts: str) -> Sender:
    return Sender(Poster(hosts or ("127.0.0.1",)), parts.webhook_cipher, parts.clock)


def driver(parts: Clearance) -> Driver:
    return Driver(parts.database, parts.guards, sender(parts))


def hook(parts: Clearance, url: str, events: tuple[WebhookEvent, ...] = EVERY, **more: Any) -> values.Webhook:
    new = NewWebhook(name="ci", url=url, events=events, secret="shared secret", **more)
    with parts.database.write() as tx:
        return service.create(tx, ADA, parts.webhook_cipher, new)


def told(receiver: Receiver) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{body['entity']}.{body['action']}", body["data"]) for body in receiver.bodies()]


def model(parts: Clearance, name: str, **more: Any) -> None:
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name=name, owner="ada", **more))


def version(parts: Clearance, name: str) -> None:
    source = Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model")
    with parts.database.write() as tx:
        registry.register_version(tx, ADA, parts.blobs, name, NewVersion(source=source))
        registry.set_tag(tx, ADA, name, 1, "born", "with it")


def test_a_change_that_was_made_natively_is_told_in_mlflows_words_and_order(
    parts: Clearance, clock: FixedClock, receiver: Receiver
) -> None:
    model(parts, "before", description="not told of")
    hook(parts, receiver.url)
    model(parts, "car-loan", title="Car loan ü", description="decides")
    version(parts, "car-loan")
    clock.advance(timedelta(seconds=1))
    with parts.database.write() as tx:
        registry.set_tag(tx, ADA, "car-loan", 1, "quality", "good")
        registry.set_tag(tx, ADA, "car-loan", None, "team", "of a model: MLflow has no event for it")
        delivery.set_alias(tx, ADA, parts.gate, parts.guards, "car-loan", "fresh", 1)
    with parts.database.write() as tx:
        registry.delete_tag(tx, ADA, "car-loan", 1, "born")
        delivery.delete_alias(tx, ADA, parts.guards, "car-loan", "fresh")
    assert driver(parts).turn() == 6
    name = {"name": "Car loan ü"}
    assert told(receiver) == [
        ("registered_model.created", {**name, "tags": {}, "description": "decides"}),
        (
            "model_version.created",
            {
                **name,
                "version": "1",
                "source": "s3://bucket/model",
                "run_id": None,
                "tags": {"born": "with it"},
                "description": None,
            },
        ),
        ("model_version_tag.set", {**name, "version": "1", "key": "quality", "value": "good"}),
        ("model_version_alias.created", {**name, "alias": "fresh", "version": "1"}),
        ("model_version_tag.deleted", {**name, "version": "1", "key": "born"}),
        ("model_version_alias.deleted", {**name, "alias": "fresh"}),
    ]
    assert driver(parts).turn() == 0


def test_a_guarded_alias_is_told_of_whenever_what_serves_changes_and_once(
    parts: Clearance, clock: FixedClock, receiver: Receiver
) -> None:
    prepare(parts)
    hook(parts, receiver.url)
    with parts.database.write() as tx:
        delivery.set_alias(tx, ADA, parts.gate, parts.guards, "car-loan", "champion", 1)
    clock.advance(timedelta(hours=1))
    promote(parts, 2)
    driver(parts).turn()
    named = {"name": "car-loan", "alias": "champion"}
    assert told(receiver) == [
        ("model_version_alias.created", {**named, "version": "1"}),
        ("model_version_alias.created", {**named, "version": "2"}),
    ]


def test_a_webhook_is_told_of_what_it_wants_and_a_disabled_one_of_nothing(
    sqlite_parts: Clearance, receiver: Receiver
) -> None:
    hook(sqlite_parts, receiver.url, (parse_event("model_version.created"),))
    hook(sqlite_parts, receiver.url, status=values.Status.DISABLED)
    model(sqlite_parts, "car-loan")
    version(sqlite_parts, "car-loan")
    assert driver(sqlite_parts).turn() == 1
    assert [word for word, _ in told(receiver)] == ["model_version.created"]


def test_prompts_are_told_of_as_prompts(sqlite_parts: Clearance, receiver: Receiver) -> None:
    hook(sqlite_parts, receiver.url)
    with sqlite_parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="greeting", owner="ada"))
        registry.set_tag(tx, ADA, "greeting", None, "mlflow.prompt.is_prompt", "true")
    with sqlite_parts.database.write() as tx:
        source = Source(kind=SourceKind.REFERENCE, uri="dummy-source")
        registry.register_version(tx, ADA, sqlite_parts.blobs, "greeting", NewVersion(source=source))
        registry.set_tag(tx, ADA, "greeting", 1, "mlflow.prompt.text", "Hello {{name}}")
    driver(sqlite_parts).turn()
    assert told(receiver) == [
        ("prompt.created", {"name": "greeting", "tags": {}, "description": ""}),
        (
            "prompt_version.created",
            {"name": "greeting", "version": "1", "template": "Hello {{name}}", "tags": {}, "description": None},
        ),
    ]


def test_a_receiver_that_is_down_is_tried_later_with_the_same_ids_and_misses_nothing(
    parts: Clearance, clock: FixedClock, receiver: Receiver
) -> None:
    hook(parts, receiver.url)
    receiver.status = 503
    for name in ("one", "two", "three"):
        model(parts, name)
    assert driver(parts).turn() == 0
    (first, _) = receiver.got.get_nowait()
    assert receiver.got.empty(), "the others wait with the first"
    assert driver(parts).turn() == 0
    assert receiver.got.empty(), "and nothing is sent before its time"
    receiver.status = 200
    clock.advance(timedelta(seconds=6))
    assert driver(parts).turn() == 3
    (again, body) = receiver.got.get_nowait()
    assert again["X-MLflow-Delivery-Id"] == first["X-MLflow-Delivery-Id"]
    assert [json.loads(body)["data"]["name"], *(data["name"] for _, data in told(receiver))] == ["one", "two", "three"]


def test_what_can_not_be_brought_in_a_day_is_given_up_and_the_log_says_so(
    sqlite_parts: Clearance, clock: FixedClock, receiver: Receiver
) -> None:
    hook(sqlite_parts, receiver.url)
    receiver.status = 500
    model(sqlite_parts, "car-loan")
    for _ in range(60):
        driver(sqlite_parts).turn()
        clock.advance(timedelta(hours=1))
    assert receiver.got.qsize() <= values.MOST_ATTEMPTS
    with sqlite_parts.database.read() as tx:
        rows = tx.connection.exec_driver_sql("select leaf from audit_leaves where event = 'webhook.gave_up'").all()
        assert tx.connection.exec_driver_sql("select count(*) from mlflow_webhook_messages").scalar() == 0
    assert [json.loads(row[0])["data"]["event"] for row in rows] == ["registered_model.created"]


def test_one_receiver_that_is_down_does_not_keep_another_waiting(sqlite_parts: Clearance, receiver: Receiver) -> None:
    hook(sqlite_parts, "http://127.0.0.1:1/nobody")
    hook(sqlite_parts, receiver.url)
    model(sqlite_parts, "car-loan")
    assert driver(sqlite_parts).turn() == 1
    assert len(told(receiver)) == 1


def test_what_happens_while_a_receiver_is_down_waits_behind_what_it_did_not_take(
    parts: Clearance, clock: FixedClock, receiver: Receiver
) -> None:
    hook(parts, receiver.url)
    receiver.status = 503
    model(parts, "one")
    assert driver(parts).turn() == 0
    receiver.bodies()
    receiver.status = 200
    model(parts, "two")
    assert driver(parts).turn() == 0
    assert receiver.got.empty()
    clock.advance(timedelta(seconds=6))
    assert driver(parts).turn() == 2
    assert [data["name"] for _, data in told(receiver)] == ["one", "two"]


def test_a_receiver_that_takes_its_time_gets_the_rest_in_the_next_turn(
    parts: Clearance, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearance.integrations.mlflow.webhooks.driver._TURN_SECONDS", 0.0)  # each takes its time
    hook(parts, receiver.url)
    hook(parts, receiver.url)
    for name in ("one", "two"):
        model(parts, name)
    for name in ("one", "two"):
        assert driver(parts).turn() == 2
        assert [data["name"] for _, data in told(receiver)] == [name, name]
    assert driver(parts).turn() == 0


def test_a_webhook_to_which_much_is_due_leaves_room_for_another(parts: Clearance, receiver: Receiver) -> None:
    busy = hook(parts, receiver.url)
    for name in ("one", "two", "three", "four"):
        model(parts, name)
    late = hook(parts, receiver.url)
    model(parts, "five")
    driver(parts).collect()
    with parts.database.write() as tx:
        taken = [message.webhook for message in store.take_due(tx, 3, timedelta(minutes=1))]
    assert sorted(taken) == sorted([busy.webhook_id, busy.webhook_id, late.webhook_id])


def test_a_process_that_dies_between_collecting_and_sending_loses_nothing_and_doubles_nothing(
    sqlite_parts: Clearance, clock: FixedClock, receiver: Receiver
) -> None:
    hook(sqlite_parts, receiver.url)
    model(sqlite_parts, "car-loan")
    dying = driver(sqlite_parts)
    dying.collect()
    dying.collect()
    with sqlite_parts.database.write() as tx:
        assert len(store.take_due(tx, 10, timedelta(minutes=1))) == 1  # and dies, holding it
    assert driver(sqlite_parts).turn() == 0
    clock.advance(timedelta(minutes=2))
    assert driver(sqlite_parts).turn() == 1
    assert len(told(receiver)) == 1


def test_the_secret_is_encrypted_in_the_database_and_never_told(
    sqlite_parts: Clearance, client: Client, receiver: Receiver
) -> None:
    made = hook(sqlite_parts, receiver.url)
    with sqlite_parts.database.read() as tx:
        kept = store.secret_of(tx, made.webhook_id)
        everything = tx.connection.exec_driver_sql("select leaf from audit_leaves").all()
    assert "shared secret" not in kept
    assert sqlite_parts.webhook_cipher.decrypt(kept.encode()) == b"shared secret"
    assert (sqlite_parts.settings.keys / "webhooks.key").stat().st_mode & 0o077 == 0
    assert not any(b"shared secret" in bytes(row[0]) for row in everything)
    assert "secret" not in client.http.client.get("/api/2.0/mlflow/webhooks").text


# Where nothing is sent


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.5.5",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # an address to refuse, not to listen on
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a01:203",
        "2002:7f00:1::",
        "224.0.0.1",
    ],
)
def test_addresses_of_private_networks_are_no_public_ones(address: str) -> None:
    assert not is_public(address)


def test_addresses_of_the_internet_are_public() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "http://localhost:99/x", "http://[::1]/x", "http://2130706433/"])
def test_nothing_is_sent_into_our_own_network_unless_the_operator_allows_the_host(url: str) -> None:
    with pytest.raises(Forbidden) as caught:
        Poster(()).check(url)
    assert caught.value.code == "private_address"
    assert "CLEARANCE_PRIVATE_WEBHOOK_HOSTS" in caught.value.hint
    with pytest.raises(Forbidden):
        Poster(()).post(url, b"{}", {})


@pytest.mark.parametrize(
    "url", ["", "ftp://example.com", "file:///etc/passwd", "https://", "http://a b/", "https://u:p@example.com/", "x"]
)
def test_what_is_no_address_of_the_web_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Poster(()).check(url)
    assert caught.value.code == "bad_webhook_url"


def test_a_receiver_may_know_who_calls_by_a_token_in_the_query() -> None:
    Poster(["127.0.0.1"]).check("http://127.0.0.1/hooks?token=t&sig=s")


def test_a_name_that_turns_to_a_private_address_after_it_was_checked_gains_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer is chosen from what is looked up for the connection, not from an earlier answer."""
    answers = iter(["93.184.215.14", "127.0.0.1"])
    monkeypatch.setattr("socket.getaddrinfo", lambda *_args, **_more: [(2, 1, 6, "", (next(answers), 80))])
    poster = Poster(())
    poster.check("http://rebinding.example/")
    with pytest.raises(Forbidden):
        poster.post("http://rebinding.example/", b"{}", {})


def test_a_receiver_that_answers_a_byte_at_a_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearance.integrations.mlflow.webhooks.addresses._ALL_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            line, _ = listening.accept()
            with line, suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000:
                    line.sendall(bytes([byte]))
                    time.sleep(0.05)

        dripping = threading.Thread(target=drip)
        dripping.start()
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="ReadTimeout"):
            Poster(["127.0.0.1"]).post(f"http://127.0.0.1:{listening.getsockname()[1]}/", b"{}", {})
        assert time.monotonic() - begun < 4
        dripping.join()


def test_a_redirect_is_not_followed(sqlite_parts: Clearance, receiver: Receiver) -> None:
    receiver.status = 302
    hook(sqlite_parts, receiver.url)
    model(sqlite_parts, "car-loan")
    assert driver(sqlite_parts).turn() == 0


# The protocol


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"url": "https://93.184.215.14/", "events": [{"entity": "PROMPT", "action": "CREATED"}]}, "'name'"),
        ({"name": "ci", "url": "https://93.184.215.14/", "events": []}, "events cannot be empty"),
        (
            {"name": "ci", "url": "https://93.184.215.14/", "events": [{"entity": "PROMPT", "action": "SET"}]},
            "Valid actions are: ['created']",
        ),
        ({"name": "-", "url": "https://93.184.215.14/", "events": [{"entity": "PROMPT", "action": "CREATED"}]}, "name"),
        ({"name": "ci", "url": "https://93.184.215.14/", "events": [{"entity": "CAR", "action": "SET"}]}, "entity"),
        ({"name": "ci", "url": "ftp://x", "events": [{"entity": "PROMPT", "action": "CREATED"}]}, "http"),
    ],
)
def test_what_is_no_webhook_is_refused_in_the_words_of_the_protocol(
    client: Client, body: dict[str, Any], says: str
) -> None:
    answer = client.http.client.post("/api/2.0/mlflow/webhooks", json=body)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert says in answer.json()["message"]


@pytest.mark.parametrize("token", ["!!", "eyJvZmZzZXQiOiAxfQ==", "whk_", "whk_1' or 1=1"])
def test_a_page_token_that_no_answer_gave_is_refused(client: Client, token: str) -> None:
    answer = client.http.client.get("/api/2.0/mlflow/webhooks", params={"page_token": token})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "Invalid page token" in answer.json()["message"]


def test_only_those_who_may_tell_the_outside_see_webhooks(as_user: Callable[..., Client]) -> None:
    for role, status in ((Role.DEVELOPER, 403), (Role.AUDITOR, 403), (Role.OPERATOR, 200), (Role.ADMIN, 200)):
        assert as_user(person("x", role)).http.client.get("/api/2.0/mlflow/webhooks").status_code == status


_SCRIPT = """
    import json, os
    from mlflow import MlflowClient
    from mlflow.entities.webhook import WebhookEvent, WebhookStatus
    from mlflow.exceptions import MlflowException
    client = MlflowClient(tracking_uri=os.environ["SERVER"], registry_uri=os.environ["SERVER"])
    made = client.create_webhook(
        name="ci", url=os.environ["HOOK"], secret="shared secret", description="tells CI",
        events=["registered_model.created", "model_version_alias.created"],
    )
    again = client.get_webhook(made.webhook_id)
    assert (again.name, again.url, again.description) == ("ci", os.environ["HOOK"], "tells CI"), again
    assert again.status == WebhookStatus.ACTIVE and len(again.events) == 2
    tried = client.test_webhook(made.webhook_id)
    other = client.test_webhook(made.webhook_id, event="model_version_tag.set")
    second = client.create_webhook(name="second", url=os.environ["HOOK"], events=["prompt.created"])
    pages = [[w.name for w in client.list_webhooks(max_results=1)]]
    token = client.list_webhooks(max_results=1).token
    pages.append([w.name for w in client.list_webhooks(max_results=1, page_token=token)])
    changed = client.update_webhook(second.webhook_id, name="renamed", status="DISABLED", description="off")
    client.delete_webhook(second.webhook_id)
    try:
        client.get_webhook(second.webhook_id)
        code = None
    except MlflowException as error:
        code = error.error_code
    client.create_registered_model("Car loan", tags={"team": "lending"}, description="decides")
    print(json.dumps({
        "tried": [tried.success, tried.response_status, tried.response_body, other.success],
        "pages": pages, "changed": [changed.name, str(changed.status), changed.description], "code": code,
    }))
"""
_VERIFY = """
    import json, os
    from mlflow.webhooks.delivery import _generate_hmac_signature
    print(json.dumps([_generate_hmac_signature("shared secret", *each) for each in json.loads(os.environ["SIGNED"])]))
"""


def test_the_real_client_keeps_webhooks_and_mlflows_own_code_agrees_with_every_signature(
    tmp_path: Path, receiver: Receiver
) -> None:
    server = Server(tmp_path / "home", private_webhook_hosts="127.0.0.1")
    server.start()
    try:
        found = run_script(_SCRIPT, tmp_path, SERVER=server.url, HOOK=receiver.url, MLFLOW_TRACKING_TOKEN=server.token)
        assert found == {
            "tried": [True, 200, "taken", True],
            "pages": [["second"], ["ci"]],
            "changed": ["renamed", "DISABLED", "off"],
            "code": "RESOURCE_DOES_NOT_EXIST",
        }
        server.wait_for(lambda: receiver.got.qsize() >= 3)
    finally:
        server.close()
    came = [receiver.got.get() for _ in range(3)]
    assert [json.loads(body)["data"]["name"] for _, body in came] == ["example_model", "example_model", "Car loan"]
    assert json.loads(came[2][1])["data"] == {"name": "Car loan", "tags": {"team": "lending"}, "description": "decides"}
    signed = [(headers["X-MLflow-Delivery-Id"], headers["X-MLflow-Timestamp"], body.decode()) for headers, body in came]
    assert run_script(_VERIFY, tmp_path, SIGNED=json.dumps(signed)) == [
        headers["X-MLflow-Signature"] for headers, _ in came
    ]


def test_a_refused_webhook_does_not_stop_the_change_that_it_would_tell_of(
    sqlite_parts: Clearance, client: Client
) -> None:
    answer = client.http.client.post(
        "/api/2.0/mlflow/webhooks",
        json={"name": "ci", "url": "http://169.254.169.254/", "events": [{"entity": "PROMPT", "action": "CREATED"}]},
    )
    assert answer.status_code == 403
    hook(sqlite_parts, "http://169.254.169.254/")
    model(sqlite_parts, "car-loan")
    assert Driver(sqlite_parts.database, sqlite_parts.guards, sqlite_parts.webhook_sender).turn() == 0


def test_a_server_that_is_killed_while_a_receiver_is_down_tells_it_afterwards(
    tmp_path: Path, receiver: Receiver
) -> None:
    server = Server(tmp_path / "home", private_webhook_hosts="127.0.0.1")
    receiver.status = 503
    try:
        server.start()
        hook(server.parts, receiver.url)
        with server.client() as client:
            client.models.create("car-loan", owner="ada")
        server.wait_for(lambda: not receiver.got.empty())
        server.end(signal.SIGKILL)
        tried = {headers["X-MLflow-Delivery-Id"] for headers, _ in _drained(receiver)}
        receiver.status = 200
        server.start()
        server.wait_for(lambda: not receiver.got.empty(), 90)
    finally:
        server.close()
    came = _drained(receiver)
    assert {headers["X-MLflow-Delivery-Id"] for headers, _ in came} == tried
    assert json.loads(came[0][1])["data"]["name"] == "car-loan"


def _drained(receiver: Receiver) -> list[tuple[dict[str, str], bytes]]:
    found = []
    while not receiver.got.empty():
        found.append(receiver.got.get())
    return found
