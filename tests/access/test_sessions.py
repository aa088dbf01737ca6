"""A token is remembered for a second, and longer only while nobody can be asked."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from clearance.access import secret, service
from clearance.access.model import NewToken, Principal, Role
from clearance.access.sessions import AWAY_SECONDS, REMEMBER_SECONDS, Sessions
from clearance.app import Clearance
from clearance.clock import FixedClock
from clearance.errors import Unauthenticated, Unavailable
from clearance.storage.database import Database, Transaction
from tests.conftest import person

ADA = person("ada")


def test_a_revoked_token_works_for_a_second_at_most(parts: Clearance) -> None:
    now = 100.0
    sessions = Sessions(parts.database, lambda: now)
    with parts.database.write() as tx:
        issued = service.issue_token(tx, ADA, NewToken(name="ci", roles=(Role.DEVELOPER,)))
    assert sessions.principal(issued.secret).name == "user:ci"
    with parts.database.write() as tx:
        service.revoke_token(tx, ADA, issued.token.id)
    assert sessions.principal(issued.secret).name == "user:ci"
    now += REMEMBER_SECONDS
    with pytest.raises(Unauthenticated, match="revoked"):
        sessions.principal(issued.secret)


def test_a_wrong_token_is_refused_each_time(parts: Clearance) -> None:
    sessions = Sessions(parts.database)
    for _ in range(2):
        with pytest.raises(Unauthenticated, match="not known"):
            sessions.principal("clr.tok_x.y")


class Outage:
    """Lets a database be away, and counts who asks it."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_on = False
        self.asked = 0
        read = database.read

        def found() -> AbstractContextManager[Transaction]:
            self.asked += 1
            if self.is_on:
                raise Unavailable("the database can't be reached", code="database_unavailable")
            return read()

        monkeypatch.setattr(database, "read", found)


def test_a_token_that_was_good_counts_for_a_quarter_of_an_hour_while_the_database_is_away(
    sqlite_parts: Clearance, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    outage = Outage(sqlite_parts.database, monkeypatch)
    sessions = Sessions(sqlite_parts.database, lambda: now)
    with sqlite_parts.database.write() as tx:
        lasting, ending, other = (
            service.issue_token(tx, ADA, NewToken(name=name, roles=(Role.DEVELOPER,), days=days)).secret
            for name, days in (("lasting", 30), ("ending", 1), ("other", 30))
        )
    for each in (lasting, ending):
        sessions.principal(each)
    outage.is_on = True
    now += AWAY_SECONDS - 1
    assert sessions.principal(lasting).name == "user:lasting"
    with pytest.raises(Unavailable):
        sessions.principal(other)  # that was never good here
    clock.advance(timedelta(days=2))
    with pytest.raises(Unavailable):
        sessions.principal(ending)  # it would have ended by now
    now += 1
    with pytest.raises(Unavailable):
        sessions.principal(lasting)
    outage.is_on = False
    assert sessions.principal(lasting).name == "user:lasting"
    with sqlite_parts.database.write() as tx:
        service.revoke_token(tx, ADA, secret.parse(lasting).id)
    now += REMEMBER_SECONDS
    with pytest.raises(Unauthenticated, match="revoked"):
        sessions.principal(lasting)


def test_one_at_a_time_asks_whether_the_database_is_back(
    sqlite_parts: Clearance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that is gone takes seconds to say so, and predictions don't wait for it."""
    now = 100.0
    outage = Outage(sqlite_parts.database, monkeypatch)
    sessions = Sessions(sqlite_parts.database, lambda: now)
    with sqlite_parts.database.write() as tx:
        token = service.issue_token(tx, ADA, NewToken(name="ci", roles=(Role.DEVELOPER,))).secret
    sessions.principal(token)
    outage.is_on = True
    now += REMEMBER_SECONDS
    sessions.principal(token)
    now += REMEMBER_SECONDS
    asks, look_up = threading.Event(), sessions._look_up
    goes_on = threading.Event()

    def slowly(bearer: str) -> Principal:
        asks.set()
        assert goes_on.wait(30)
        return look_up(bearer)

    monkeypatch.setattr(sessions, "_look_up", slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(sessions.principal, token)
        assert asks.wait(30)
        assert sessions.principal(token).name == "user:ci"  # at once, for somebody asks already
        goes_on.set()
        assert first.result().name == "user:ci"
