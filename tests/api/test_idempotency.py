"""A POST with an Idempotency-Key happens once, whatever happens to its answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clearance import server
from clearance.access import service as access
from clearance.access.model import NewToken, Principal, Role
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport
from clearance.clock import FixedClock
from clearance.storage import idempotency

ADA = Principal(name="user:ada", roles=(Role.ADMIN,))
BODY = {"subject": "user:ci", "role": "developer"}


@pytest.fixture
def http(parts: Clearance) -> Iterator[httpx.Client]:
    app: Any = server.create(parts)
    with httpx.Client(
        base_url="http://local/api/v1", transport=InProcessTransport(lambda: app, {"clearance.principal": ADA})
    ) as client:
        yield client


def post(http: httpx.Client, key: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return http.post("/roles", json=body or BODY, headers={"idempotency-key": key})


def count(http: httpx.Client) -> int:
    return len(http.get("/roles").json()["items"])


def test_the_same_request_again_gets_the_first_answer_and_changes_nothing(http: httpx.Client) -> None:
    first, again = post(http, "k1"), post(http, "k1")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert count(http) == 1
    assert post(http, "k2").json() != first.json()


def test_a_repetition_with_a_token_that_was_revoked_is_told_nothing(parts: Clearance) -> None:
    with parts.database.write() as tx:
        issued = access.issue_token(tx, ADA, NewToken(name="ci", roles=(Role.ADMIN,)))
    app: Any = server.create(parts)
    bearer = {"authorization": f"Bearer {issued.secret}"}
    transport = InProcessTransport(lambda: app, {})
    with httpx.Client(base_url="http://local/api/v1", transport=transport, headers=bearer) as client:
        assert post(client, "k1").status_code == post(client, "k1").status_code == 201
        with parts.database.write() as tx:
            access.revoke_token(tx, ADA, issued.token.id)
        parts.sessions.forget(issued.secret)
        again = post(client, "k1")
        assert (again.status_code, again.json()["code"]) == (401, "token_revoked")
        assert "www-authenticate" in again.headers
        assert "user:ci" not in again.text


def test_a_key_is_for_one_request(http: httpx.Client) -> None:
    post(http, "k1")
    refused = post(http, "k1", {**BODY, "subject": "user:other"})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert count(http) == 1


def test_a_refused_request_may_be_corrected_under_the_same_key(http: httpx.Client) -> None:
    assert post(http, "k1", {**BODY, "subject": ""}).status_code == 422
    assert post(http, "k1").status_code == 201


def test_when_the_answer_was_lost_the_second_request_says_so_once_it_can_no_longer_come(
    http: httpx.Client, parts: Clearance, clock: FixedClock
) -> None:
    post(http, "k1")
    with parts.database.write() as tx:  # as if the process had died between the commit and the answer
        tx.execute(idempotency.keys.update().values(status=None, body=None))
    early = post(http, "k1")
    assert (early.status_code, early.json()["code"]) == (409, "idempotency_in_progress")
    clock.advance(idempotency.ANSWERING)
    again = post(http, "k1")
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_answer_lost")
    assert count(http) == 1


def test_an_answer_with_a_secret_is_not_kept_and_a_repetition_is_told_so(
    http: httpx.Client, parts: Clearance, clock: FixedClock
) -> None:
    body = {"name": "ci", "roles": ["viewer"]}
    issued = http.post("/tokens", json=body, headers={"idempotency-key": "k1"}).json()
    with parts.database.read() as tx:
        kept = tx.execute(idempotency.keys.select()).one()
    assert issued["secret"] not in str(kept)
    for _ in range(2):
        again = http.post("/tokens", json=body, headers={"idempotency-key": "k1"})
        assert (again.status_code, again.json()["code"]) == (409, "idempotency_answer_lost")
        assert "fresh key" in again.json()["hint"], "told at once: there is nothing to wait for"
        clock.advance(idempotency.ANSWERING)


def test_whoever_has_an_answer_gets_it_again_at_once(parts: Clearance) -> None:
    app: Any = server.create(parts)
    early: list[int] = []

    async def eager(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start" and not early:
                early.append(0)
                early[0] = (await asyncio.to_thread(post, second, "k1")).status_code
            await send(message)

        await app(scope, receive, sending)

    extra = {"clearance.principal": ADA}
    with (
        httpx.Client(base_url="http://local/api/v1", transport=InProcessTransport(lambda: app, extra)) as second,
        httpx.Client(base_url="http://local/api/v1", transport=InProcessTransport(lambda: eager, extra)) as first,
    ):
        assert post(first, "k1").status_code == 201
    assert early == [201]


def test_of_many_at_once_one_takes_effect(parts: Clearance) -> None:
    parts.database  # noqa: B018  # made before the threads start
    app: Any = server.create(parts)
    statuses: list[int] = []

    def work() -> None:
        transport = InProcessTransport(lambda: app, {"clearance.principal": ADA})
        with httpx.Client(base_url="http://local/api/v1", transport=transport) as client:
            statuses.append(post(client, "same").status_code)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    with parts.database.read() as tx:
        from clearance.access import service

        assert len(service.list_bindings(tx)) == 1


def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(http: httpx.Client, parts: Clearance) -> None:
    object.__setattr__(parts.settings, "max_request_kb", 1)

    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b" " * 1024
        pytest.fail("the whole body was read")

    refused = http.post("/roles", content=endless(), headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (413, "request_too_large")
