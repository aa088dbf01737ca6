"""What is stopped for good is named by no alias any more, and what serves is not deleted; on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.client.client import Client
from clearance.delivery import service
from clearance.delivery.model import NewRollout
from clearance.errors import Conflict, NotFound
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, ModelChange
from tests.delivery.conftest import ADA, decide, promote


def name(parts: Clearance, **aliases: int) -> None:
    with parts.database.write() as tx:
        for alias, number in aliases.items():
            service.set_alias(tx, ADA, parts.gate, parts.guards, "car-loan", alias, number)


def named(parts: Clearance) -> dict[str, int]:
    with parts.database.read() as tx:
        return {each.name: each.number for each in service.list_aliases(tx, parts.guards, "car-loan")}


@pytest.mark.parametrize("stop", [service.retire_version, service.delete_version])
def test_a_version_that_is_stopped_for_good_loses_its_aliases_with_a_leaf_each(
    loan: Clearance, stop: Callable[..., object]
) -> None:
    name(loan, best=2, shadow=2, other=3, champion=1)
    with loan.database.write() as tx:
        stop(tx, ADA, loan.guards, "car-loan", 2, "leaked")
    assert named(loan) == {"other": 3, "champion": 1}
    with loan.database.read() as tx:
        removed = [entry.data for entry in log.entries(tx, event=Event.ALIAS_REMOVED).items]
        with pytest.raises(NotFound):
            service.resolve_alias(tx, loan.guards, "car-loan", "best")
    assert removed == [{"alias": "shadow", "from": 2}, {"alias": "best", "from": 2}]


def test_a_quarantined_version_keeps_its_aliases_for_its_release(loan: Clearance) -> None:
    name(loan, best=2)
    with loan.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 2, "suspicious")
    assert named(loan) == {"best": 2}


def test_a_retired_model_has_no_free_aliases_and_its_guarded_ones_stay_what_is_asked_for(loan: Clearance) -> None:
    name(loan, best=2, champion=1)
    with loan.database.write() as tx:
        change = ModelChange(lifecycle=Lifecycle.RETIRED, reason="replaced")
        service.update_model(tx, ADA, loan.guards, "car-loan", change)
    assert named(loan) == {"champion": 1}


def test_what_a_pointer_asks_for_is_not_deleted(loan: Clearance) -> None:
    name(loan, best=2)
    decide(loan, 2)
    with loan.database.write() as tx:
        service.start_rollout(tx, ADA, loan.gate, NewRollout(model="car-loan", candidate=2))
    for number in (1, 2):
        with (
            pytest.raises(Conflict, match=f"^car-loan/{number} serves in production") as refused,
            loan.database.write() as tx,
        ):
            service.delete_version(tx, ADA, loan.guards, "car-loan", number, "untidy")
        assert refused.value.code == "version_serves"
    assert named(loan) == {"best": 2}


def test_a_model_of_which_something_serves_is_deleted_only_once_it_is_retired(loan: Clearance) -> None:
    name(loan, best=2)

    def delete() -> None:
        with loan.database.write() as tx:
            service.delete_model(tx, ADA, loan.guards, "car-loan", "untidy")

    with pytest.raises(Conflict, match="serves: version 1 in production") as refused:
        delete()
    assert (refused.value.code, named(loan)) == ("version_serves", {"best": 2})
    with loan.database.write() as tx:
        change = ModelChange(lifecycle=Lifecycle.RETIRED, reason="replaced")
        service.update_model(tx, ADA, loan.guards, "car-loan", change)
    delete()
    with loan.database.read() as tx:
        assert registry.get_model(tx, "car-loan").title is None


def test_the_client_stops_as_the_use_cases_do(sqlite_loan: Clearance, as_user: Callable[[Principal], Client]) -> None:
    client = as_user(Principal(name="user:root", roles=(Role.ADMIN,)))
    name(sqlite_loan, best=2, fresh=3)
    with pytest.raises(Conflict, match="can't be deleted"):
        client.versions.delete("car-loan", 1, "untidy")
    client.versions.retire("car-loan", 2, "leaked")
    assert named(sqlite_loan) == {"fresh": 3}
    promote(sqlite_loan, 3)
    client.versions.delete("car-loan", 1, "untidy")
    with pytest.raises(Conflict, match="can't be deleted"):
        client.models.delete("car-loan", "untidy")
    client.models.retire("car-loan", "replaced")
    assert named(sqlite_loan) == {}
    client.models.delete("car-loan", "untidy")
