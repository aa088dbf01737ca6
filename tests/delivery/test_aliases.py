"""Aliases: free ones move as asked, guarded ones are what serves, on both databases."""

from __future__ import annotations

import pytest

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import service
from clearance.delivery.aliases import parse_guards
from clearance.delivery.model import AliasMove, RollbackRequest
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.policy.model import Outcome
from clearance.registry import service as registry
from tests.conftest import person
from tests.delivery.conftest import forbid, promote

ADA = person("ada")


def point(parts: Clearance, alias: str, number: int) -> AliasMove:
    with parts.database.write() as tx:
        return service.set_alias(tx, ADA, parts.gate, parts.guards, "car-loan", alias, number)


def named(parts: Clearance, alias: str) -> int:
    with parts.database.read() as tx:
        return service.resolve_alias(tx, parts.guards, "car-loan", alias).number


def test_a_free_alias_moves_without_a_decision_and_the_log_says_from_where(loan: Clearance) -> None:
    assert point(loan, "shadow", 1).promotion is None
    point(loan, "shadow", 2)
    point(loan, "shadow", 2)  # nothing changes, nothing is written
    assert named(loan, "shadow") == 2
    with loan.database.read() as tx:
        moved = [entry.data for entry in log.entries(tx, event=Event.ALIAS_SET).items]
    assert moved == [{"alias": "shadow", "from": 1, "to": 2}, {"alias": "shadow", "from": None, "to": 1}]
    with loan.database.write() as tx:
        service.delete_alias(tx, ADA, loan.guards, "car-loan", "shadow")
    with pytest.raises(NotFound, match="has no alias 'shadow'"):
        named(loan, "shadow")


def test_a_guarded_alias_moves_by_promotion_and_follows_what_serves(loan: Clearance) -> None:
    moved = point(loan, "champion", 2)
    assert moved.promotion is not None
    assert moved.promotion.moved
    promote(loan, 3)
    assert named(loan, "champion") == 3
    assert named(loan, "production") == 3  # guarded too, and never given
    with loan.database.write() as tx:
        service.rollback(tx, ADA, loan.gate, "car-loan", RollbackRequest(reason="it is wrong"))
    assert named(loan, "champion") == 2
    with loan.database.read() as tx:
        (only,) = service.list_aliases(tx, loan.guards, "car-loan")
    assert (only.name, only.number, only.environment) == ("champion", 2, "production")


def test_an_alias_that_is_guarded_later_is_listed_only_once_something_serves_there(loan: Clearance) -> None:
    point(loan, "blue", 1)
    guards = parse_guards("blue=staging")
    with loan.database.read() as tx:
        assert service.list_aliases(tx, guards, "car-loan") == ()
        with pytest.raises(NotFound, match="it is what serves in staging, and nothing does"):
            service.resolve_alias(tx, guards, "car-loan", "blue")
    point(loan, "staging", 2)
    with loan.database.read() as tx:
        (only,) = service.list_aliases(tx, guards, "car-loan")[:1]
    assert (only.name, only.number, only.environment) == ("blue", 2, "staging")


def test_a_guarded_alias_stays_where_it_is_when_the_version_is_denied(loan: Clearance) -> None:
    point(loan, "champion", 1)
    forbid(loan, 2)
    asked = point(loan, "champion", 2)
    assert asked.promotion is not None
    assert asked.promotion.decision.outcome is Outcome.DENIED
    assert asked.alias is not None
    assert (asked.alias.number, named(loan, "champion")) == (1, 1)


@pytest.mark.parametrize("alias", ["champion", "shadow"])
def test_no_alias_is_given_to_a_version_that_was_stopped(loan: Clearance, alias: str) -> None:
    point(loan, alias, 1)
    with loan.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 2, "suspicious")
    with pytest.raises(Conflict, match="is quarantined: suspicious") as refused:
        point(loan, alias, 2)
    assert (refused.value.code, named(loan, alias)) == ("bad_status", 1)


def test_a_guarded_alias_cannot_be_taken_away_while_something_serves(loan: Clearance) -> None:
    point(loan, "champion", 1)
    with pytest.raises(Conflict) as refused, loan.database.write() as tx:
        service.delete_alias(tx, ADA, loan.guards, "car-loan", "champion")
    assert refused.value.code == "alias_guarded"
    with pytest.raises(NotFound, match="nothing does"), loan.database.write() as tx:
        service.delete_alias(tx, ADA, loan.guards, "car-loan", "staging")


@pytest.mark.parametrize("alias", ["", "latest", "Latest", "v1", "V12", "a b", "a/b", "x" * 256])
def test_what_is_no_alias_is_refused(loan: Clearance, alias: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        point(loan, alias, 1)
    assert refused.value.code == "bad_alias"


@pytest.mark.parametrize("text", ["champion", "champion=nowhere", "=production", "v1=production"])
def test_a_guard_that_guards_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="CLEARANCE_GUARDED_ALIASES"):
        parse_guards(text)


def test_no_guards_is_a_choice() -> None:
    assert parse_guards(" ") == {}
    assert parse_guards("a=production, b = staging") == {"a": "production", "b": "staging"}
