"""Tokens: for people and programs, narrowed, rotated with an overlap, rate-limited, and never kept in the clear."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from clearance import server
from clearance.access import service, store
from clearance.access.model import NewToken, Permission, Place, Principal, Role, Scope, require
from clearance.access.sessions import FAILURES_PER_ADDRESS, FAILURES_PER_TOKEN, Sessions
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.client.client import Client
from clearance.client.transport import InProcessTransport
from clearance.clock import FixedClock
from clearance.errors import Conflict, Forbidden, InvalidInput, RateLimited, Unauthenticated
from tests.conftest import person

ADA = person("ada")
CI = NewToken(name="ci", roles=(Role.DEVELOPER,), service=True)


def issue(parts: Clearance, new: NewToken = CI) -> tuple[str, str]:
    """Return the id and the secret of a fresh token."""
    with parts.database.write() as tx:
        issued = service.issue_token(tx, ADA, new)
    return issued.token.id, issued.secret


def who(parts: Clearance, secret: str) -> Principal:
    with parts.database.read() as tx:
        return service.authenticate(tx, secret)


@pytest.fixture
def stranger(sqlite_parts: Clearance) -> Iterator[httpx.Client]:
    app = server.create(sqlite_parts)
    with httpx.Client(base_url="http://local/api/v1", transport=InProcessTransport(lambda: app, {})) as client:
        yield client


# ── rotation


def test_during_the_overlap_both_work_and_then_only_the_successor(parts: Clearance, clock: FixedClock) -> None:
    old_id, old = issue(parts)
    clock.advance(timedelta(days=10))
    with parts.database.write() as tx:
        fresh = service.rotate_token(tx, ADA, old_id, timedelta(hours=1))
    assert who(parts, old).name == who(parts, fresh.secret).name == "service:ci"
    assert fresh.token.expires_at - fresh.token.issued_at == timedelta(days=90)
    clock.advance(timedelta(hours=1))
    with pytest.raises(Unauthenticated, match="expired"):
        who(parts, old)
    assert who(parts, fresh.secret).roles == (Role.DEVELOPER,)


def test_an_overlap_never_lengthens_a_life(parts: Clearance, clock: FixedClock) -> None:
    old_id, old = issue(parts, NewToken(name="ci", roles=(Role.VIEWER,), days=1))
    with parts.database.write() as tx:
        service.rotate_token(tx, ADA, old_id, timedelta(days=7))
    assert who(parts, old).expires_at == clock.now() + timedelta(days=1)


def test_a_token_is_rotated_once_and_not_when_it_is_over(parts: Clearance, clock: FixedClock) -> None:
    old_id, _ = issue(parts)
    with parts.database.write() as tx:
        fresh = service.rotate_token(tx, ADA, old_id, timedelta())
    for token_id, why in ((old_id, "expired"), (fresh.token.id, None)):
        with parts.database.write() as tx:
            if why is None:
                service.rotate_token(tx, ADA, token_id, timedelta(hours=1))
            else:
                with pytest.raises(Conflict, match=why):
                    service.rotate_token(tx, ADA, token_id, timedelta())
    with parts.database.write() as tx, pytest.raises(Conflict, match="rotated already"):
        service.rotate_token(tx, ADA, fresh.token.id, timedelta(hours=1))
    with parts.database.write() as tx:
        service.revoke_token(tx, ADA, fresh.token.id)
    with parts.database.write() as tx, pytest.raises(Conflict, match="revoked"):
        service.rotate_token(tx, ADA, fresh.token.id, timedelta())


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=8)])
def test_an_overlap_is_at_most_a_week(parts: Clearance, overlap: timedelta) -> None:
    token_id, _ = issue(parts)
    with parts.database.write() as tx, pytest.raises(InvalidInput, match="overlap"):
        service.rotate_token(tx, ADA, token_id, overlap)


# ── scopes


def test_a_token_narrowed_to_a_permission_has_no_other(parts: Clearance) -> None:
    scope = Scope(permissions=(Permission.PREDICT,))
    caller = who(parts, issue(parts, NewToken(name="gw", roles=(Role.OPERATOR,), service=True, scope=scope))[1])
    assert caller.may(Permission.PREDICT)
    assert not caller.may(Permission.READ)


@pytest.mark.parametrize(
    ("scope", "place", "allowed"),
    [
        (Scope(models=("a", "b")), Place(model="a", team="x"), True),
        (Scope(models=("a", "b")), Place(model="c", team="x"), False),
        (Scope(models=("a",)), Place(), False),
        (Scope(team="x"), Place(model="a", team="x"), True),
        (Scope(team="x"), Place(model="a", team="y"), False),
        (Scope(team="x"), Place(), False),
        (Scope(models=("a",), team="x"), Place(model="a", team="y"), False),
        (Scope(permissions=(Permission.READ,), team="x"), Place(model="a", team="x"), True),
        (Scope(permissions=(Permission.DECIDE,), team="x"), Place(model="a", team="x"), False),
    ],
)
def test_a_narrowed_token_reaches_what_it_names_and_nothing_else(scope: Scope, place: Place, allowed: bool) -> None:
    caller = Principal(name="service:ci", roles=(Role.DEVELOPER,), scope=scope)
    if allowed:
        assert require(caller, Permission.READ, place).may(Permission.READ)
    else:
        with pytest.raises(Forbidden, match="permission read"):
            require(caller, Permission.READ, place)


def test_a_scope_adds_nothing_to_the_roles(parts: Clearance) -> None:
    beyond = NewToken(name="ci", roles=(Role.VIEWER,), scope=Scope(permissions=(Permission.DELIVER,)))
    with parts.database.write() as tx, pytest.raises(InvalidInput, match="in none of the roles"):
        service.issue_token(tx, ADA, beyond)


# ── programs don't decide for people


@pytest.mark.parametrize("permission", [Permission.APPROVE, Permission.WAIVE])
def test_a_program_neither_approves_nor_waives_whatever_its_roles(parts: Clearance, permission: Permission) -> None:
    caller = who(parts, issue(parts, NewToken(name="ci", roles=(Role.ADMIN, Role.APPROVER), service=True))[1])
    with pytest.raises(Forbidden) as refused:
        require(caller, permission)
    assert "a person has to do this" in refused.value.hint


def test_whoever_made_a_token_speaks_through_it(parts: Clearance) -> None:
    caller = who(parts, issue(parts, NewToken(name="bob", roles=(Role.APPROVER,)))[1])
    assert caller.name == "user:bob"
    assert caller.stands_for("user:bob")
    assert caller.stands_for("user:ada")  # she could have made it to approve her own version
    assert not caller.stands_for("user:carol")
    assert caller.voice_of("user:bob") == "user:bob"
    assert caller.voice_of("user:ada") == "user:ada, who made this token of user:bob,"


# ── how it is sent


def test_a_client_that_knows_only_passwords_sends_the_token_as_one(
    stranger: httpx.Client, sqlite_parts: Clearance
) -> None:
    _, secret = issue(sqlite_parts)
    for name in ("anybody", "", "ci"):
        assert stranger.get("/whoami", auth=(name, secret)).json()["name"] == "service:ci"
    assert stranger.get("/whoami", auth=("ci", "wrong")).status_code == 401


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic /w==", "Bearer", "Bearer  ", "Digest x", "é"])
def test_what_is_no_token_is_asked_for_again(stranger: httpx.Client, header: str) -> None:
    answer = stranger.get("/whoami", headers={b"authorization": header.encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


def test_a_password_may_hold_colons(stranger: httpx.Client) -> None:
    sent = base64.b64encode(b"name:clr.x:y.z").decode()
    assert stranger.get("/whoami", headers={"authorization": f"Basic {sent}"}).json()["code"] == "token_unknown"


def test_a_token_that_ends_soon_says_so_with_every_answer(
    stranger: httpx.Client, sqlite_parts: Clearance, clock: FixedClock
) -> None:
    _, secret = issue(sqlite_parts)
    headers = {"authorization": f"Bearer {secret}"}
    assert "clearance-token-expires" not in stranger.get("/whoami", headers=headers).headers
    clock.advance(timedelta(days=76))
    found = stranger.get("/whoami", headers=headers).headers["clearance-token-expires"]
    assert found == "2026-04-05T09:00:00.000000Z"


# ── when it was used


def test_the_last_use_is_kept_to_within_a_minute_and_costs_no_leaf(parts: Clearance, clock: FixedClock) -> None:
    token_id, secret = issue(parts)
    moment = 0.0
    sessions = Sessions(parts.database, lambda: moment)

    def last_used() -> object:
        sessions.write_uses()
        with parts.database.read() as tx:
            return next(token.last_used_at for token in service.list_tokens(tx) if token.id == token_id)

    assert last_used() is None
    sessions.principal(secret)
    first = last_used()
    assert first == clock.now()
    clock.advance(timedelta(seconds=59))
    moment += 59
    sessions.principal(secret)
    assert last_used() == first
    clock.advance(timedelta(seconds=1))
    moment += 1
    sessions.principal(secret)
    assert last_used() == clock.now()
    with parts.database.read() as tx:
        assert len(log.entries(tx).items) == 1  # that it was issued
        assert tx.execute(sa.select(sa.func.count()).select_from(store.token_uses)).scalar() == 1


# ── guessing


def guess(sessions: Sessions, bearer: str, address: str = "192.0.2.7") -> str:
    with pytest.raises((Unauthenticated, RateLimited)) as refused:
        sessions.principal(bearer, address)
    return refused.value.code


def lockouts(parts: Clearance) -> list[str]:
    with parts.database.read() as tx:
        return [entry.subject for entry in log.entries(tx, event=Event.LOCKOUT_STARTED).items]


def test_an_address_that_guesses_has_to_wait_and_others_do_not(parts: Clearance) -> None:
    _, secret = issue(parts)
    moment = 0.0
    sessions = Sessions(parts.database, lambda: moment)
    codes = [guess(sessions, f"clr.tok_{n}.x") for n in range(FAILURES_PER_ADDRESS + 1)]
    assert set(codes) == {"token_unknown"}
    for _ in range(3):
        assert guess(sessions, "clr.tok_x.y") == "too_many_attempts"
        assert guess(sessions, secret) == "too_many_attempts"
    assert sessions.principal(secret, "192.0.2.8").name == "service:ci"
    assert lockouts(parts) == ["address/192.0.2.0/24"]
    moment += 60
    assert guess(sessions, "clr.tok_x.y") == "token_unknown"


def test_a_token_that_was_good_here_stays_so_behind_an_address_that_guesses(parts: Clearance) -> None:
    _, secret = issue(parts)
    moment = 0.0
    sessions = Sessions(parts.database, lambda: moment)
    sessions.principal(secret, "192.0.2.7")
    for n in range(FAILURES_PER_ADDRESS + 1):
        guess(sessions, f"clr.tok_{n}.x")
    moment += 30
    assert sessions.remembered(secret) is None
    assert sessions.principal(secret, "192.0.2.7").name == "service:ci"


def test_whoever_has_the_secret_is_not_locked_out_by_those_who_guess_it(parts: Clearance) -> None:
    token_id, secret = issue(parts)
    sessions = Sessions(parts.database)
    codes = [guess(sessions, f"clr.{token_id}.x", f"198.51.100.{n}") for n in range(FAILURES_PER_TOKEN + 2)]
    assert codes == ["token_unknown"] * FAILURES_PER_TOKEN + ["too_many_attempts"] * 2
    assert sessions.principal(secret, "203.0.113.1").name == "service:ci"
    assert lockouts(parts) == [f"token/{token_id}"]


def test_a_token_that_expired_locks_nobody_out(parts: Clearance, clock: FixedClock) -> None:
    _, expired = issue(parts, NewToken(name="old", roles=(Role.VIEWER,), days=1))
    clock.advance(timedelta(days=1))
    sessions = Sessions(parts.database)
    assert {guess(sessions, expired) for _ in range(FAILURES_PER_ADDRESS * 2)} == {"token_expired"}
    assert sessions.principal(issue(parts)[1], "192.0.2.7").name == "service:ci"


def test_who_has_to_wait_is_told_for_how_long(stranger: httpx.Client) -> None:
    headers = {"authorization": "Bearer clr.tok_x.y"}
    answers = [stranger.get("/whoami", headers=headers) for _ in range(FAILURES_PER_TOKEN + 1)]
    assert [answer.status_code for answer in answers] == [401] * FAILURES_PER_TOKEN + [429]
    assert answers[-1].headers["retry-after"] == "60"
    assert answers[-1].json()["code"] == "too_many_attempts"


def test_a_lockout_is_no_part_of_the_request_that_it_refuses(stranger: httpx.Client, sqlite_parts: Clearance) -> None:
    _, secret = issue(sqlite_parts, NewToken(name="root", roles=(Role.ADMIN,)))
    body = {"subject": "user:x", "role": "viewer"}
    for _ in range(FAILURES_PER_TOKEN + 1):
        headers = {"authorization": "Bearer clr.tok_x.y", "idempotency-key": "k"}
        assert stranger.post("/roles", json=body, headers=headers).status_code in {401, 429}
    assert len(lockouts(sqlite_parts)) == 1
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": "k"}
    assert stranger.post("/roles", json=body, headers=headers).status_code == 201


def test_the_client_issues_narrows_and_rotates(as_user: Callable[..., Client]) -> None:
    client = as_user(ADA)
    scope = Scope(models=("car-loan",))
    issued = client.access.issue("ci", [Role.OPERATOR], service=True, scope=scope)
    assert (issued.token.name, issued.token.scope) == ("service:ci", scope)
    fresh = client.access.rotate(issued.token.id, overlap=timedelta(minutes=30))
    known = {token.id: token for token in client.access.tokens()}
    assert known[issued.token.id].successor == fresh.token.id
    assert known[fresh.token.id].scope == scope
