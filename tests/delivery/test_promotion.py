"""Promotion and rollback over the real policy, on both databases."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import service
from clearance.delivery.model import MoveKind, NewPromotion, NewRollout, Pointer, Rollback, RollbackRequest, Serving
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.policy import service as policy
from clearance.policy.model import Outcome, Standing
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.contract import Datatype, Field
from clearance.registry.model import Lifecycle, ModelChange
from tests.delivery.conftest import ADA, PACK, add_version, decide, forbid, prepare, promote

_STOPS = {
    "quarantined": registry.quarantine_version,
    "retired": registry.retire_version,
    "deleted": registry.delete_version,
}


def roll_back(parts: Clearance, to: int | None = None, reason: str = "it is wrong") -> Rollback:
    with parts.database.write() as tx:
        return service.rollback(tx, ADA, parts.gate, "car-loan", RollbackRequest(reason=reason, to=to))


def serving(parts: Clearance) -> Pointer:
    with parts.database.read() as tx:
        (found,) = service.serving(tx)
    return found


def stop(parts: Clearance, number: int) -> None:
    with parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", number, "found unsafe")


def test_an_allowed_version_serves_by_the_decision_of_the_same_transaction(loan: Clearance) -> None:
    found = promote(loan, 2)
    assert found.moved
    assert found.pointer == serving(loan)
    assert (serving(loan).stable, serving(loan).previous) == (2, 1)
    assert serving(loan).decision_id == found.decision.id
    with loan.database.read() as tx:
        newest = log.entries(tx, event=Event.POINTER_MOVED).items[0]
        moves = service.history(tx, "car-loan").items
    assert newest.subject == "model/car-loan/2"
    assert newest.data["decision"] == found.decision.id
    assert [(move.from_number, move.to_number, move.kind) for move in moves] == [
        (1, 2, MoveKind.PROMOTION),
        (None, 1, MoveKind.PROMOTION),
    ]


def test_a_denied_version_moves_nothing_and_its_decision_is_kept(loan: Clearance) -> None:
    forbid(loan, 2)
    found = promote(loan, 2)
    assert found.decision.outcome is Outcome.DENIED
    assert not found.moved
    assert serving(loan).stable == 1
    with loan.database.read() as tx:
        assert policy.get_decision(tx, found.decision.id).outcome is Outcome.DENIED


def test_promoting_what_serves_already_changes_nothing(loan: Clearance) -> None:
    before = serving(loan)
    with loan.database.read() as tx:
        leaves = log.entries(tx).items
    found = promote(loan, 1)
    assert (found.moved, found.pointer, found.decision.id) == (False, before, before.decision_id)
    with loan.database.read() as tx:
        assert log.entries(tx).items == leaves
        assert len(policy.list_decisions(tx).items) == 1


def test_promoting_what_serves_but_may_no_more_decides_anew(loan: Clearance) -> None:
    before = serving(loan)
    forbid(loan, 1)
    decide(loan, 1)
    found = promote(loan, 1)
    assert (found.decision.outcome, found.moved, found.pointer) == (Outcome.DENIED, False, before)
    with loan.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK.replace('"1"', '"3"')))
    again = promote(loan, 1)
    assert (again.decision.outcome, again.moved, again.pointer) == (Outcome.ALLOWED, False, before)
    assert again.decision.id not in {before.decision_id, found.decision.id}
    assert promote(loan, 1).decision == again.decision


@pytest.mark.parametrize("asks_people", [False, True])
@pytest.mark.parametrize(
    ("stopping", "says"),
    [
        ("quarantined", "quarantined: labels"),
        ("retired", "retired: labels"),
        ("deleted", "deleted: labels"),
        ("retired model", "retired: the model was retired: labels"),
        ("deleted model", "retired: the model was retired: labels"),
    ],
)
def test_what_was_stopped_is_promoted_nowhere_whatever_the_pack_says(
    parts: Clearance, stopping: str, says: str, asks_people: bool
) -> None:
    prepare(parts)
    careless = PACK.replace('"1"', '"2"').replace("version.status == 'registered'", "version.number > 0")
    if asks_people:
        careless = careless.replace("{count: 0}", "{count: 1, roles: [approver]}")
    reason = "labels were poisoned"
    with parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=careless))
    with parts.database.write() as tx:
        if stopping == "retired model":
            change = ModelChange(lifecycle=Lifecycle.RETIRED, reason=reason)
            registry.update_model(tx, ADA, "car-loan", change)
        elif stopping == "deleted model":
            registry.delete_model(tx, ADA, "car-loan", reason)
        else:
            _STOPS[stopping](tx, ADA, "car-loan", 1, reason)
    with parts.database.read() as tx:
        before = log.entries(tx).items
    for ask in (promote, decide):
        with pytest.raises(Conflict, match=f"car-loan/1 is {says} were poisoned") as refused:
            ask(parts, 1)
        assert refused.value.code == "bad_status"
        assert ("versions release car-loan 1" in refused.value.hint) == (stopping == "quarantined")
    with parts.database.read() as tx:
        assert log.entries(tx).items == before, "no decision, no request for approval, no move"
        assert service.serving(tx) == ()


def test_a_version_is_not_stopped_while_a_promotion_of_it_runs(parts: Clearance) -> None:
    prepare(parts)
    with ThreadPoolExecutor(1) as pool:
        with parts.database.write() as tx:
            assert service.promote(tx, ADA, parts.gate, NewPromotion(model="car-loan", number=1)).moved
            stopping = pool.submit(stop, parts, 1)
            with pytest.raises(TimeoutError):
                stopping.result(timeout=0.5)
        stopping.result(timeout=20)
    with parts.database.read() as tx:
        told = [entry.event for entry in reversed(log.entries(tx).items)]
    assert told.index(Event.POINTER_MOVED) < told.index(Event.VERSION_QUARANTINED)


def test_a_promotion_waits_for_who_stops_the_version_and_is_refused(parts: Clearance) -> None:
    prepare(parts)
    with ThreadPoolExecutor(1) as pool:
        with parts.database.write() as tx:
            registry.quarantine_version(tx, ADA, "car-loan", 1, "found unsafe")
            asking = pool.submit(promote, parts, 1)
            with pytest.raises(TimeoutError):
                asking.result(timeout=0.5)
        with pytest.raises(Conflict, match="is quarantined"):
            asking.result(timeout=20)
    with parts.database.read() as tx:
        assert service.serving(tx) == ()


def test_an_unknown_environment_is_refused_with_those_there_are(loan: Clearance) -> None:
    with (
        pytest.raises(InvalidInput, match="moon") as caught,
        loan.database.write() as tx,
    ):
        service.promote(tx, ADA, loan.gate, NewPromotion(model="car-loan", number=2, environment="moon"))
    assert "staging" in caught.value.hint


def test_environments_are_told_in_order_with_what_serves(loan: Clearance) -> None:
    with loan.database.read() as tx:
        found = service.environments(tx, loan.gate)
    assert [each.name for each in found] == ["development", "staging", "production"]
    assert [pointer.stable for pointer in found[2].pointers] == [1]
    assert found[2].pointers[0].stable_admission.standing is Standing.ADMITTED


def test_what_is_asked_for_and_was_stopped_or_lapsed_says_so_with_its_reason(loan: Clearance) -> None:
    def found() -> Serving:
        with loan.database.read() as tx:
            return service.environments(tx, loan.gate)[2].pointers[0]

    with loan.database.write() as tx:
        stricter = PACK.replace('"1"', '"2"').replace("version.status == 'registered'", "version.number > 1")
        policy.install_pack(tx, ADA, PackSource(source=stricter))
    decide(loan, 1)
    assert found().stable_admission.standing is Standing.LAPSED
    with loan.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 1, "labels were poisoned")
    stopped = found()
    assert (stopped.stable, stopped.stable_admission.standing) == (1, Standing.STOPPED)
    assert stopped.stable_admission.reason == "car-loan/1 is quarantined: labels were poisoned"
    with loan.database.read() as tx:
        assert [each.stable for each in service.judged(tx, loan.gate, service.list_pointers(tx, "car-loan"))] == [1]


def test_a_candidate_that_was_stopped_says_so_beside_a_stable_version_that_serves(loan: Clearance) -> None:
    decide(loan, 2)
    with loan.database.write() as tx:
        service.start_rollout(tx, ADA, loan.gate, NewRollout(model="car-loan", candidate=2))
        registry.quarantine_version(tx, ADA, "car-loan", 2, "unsafe")
    with loan.database.read() as tx:
        pointer = service.environments(tx, loan.gate)[2].pointers[0]
    assert pointer.stable_admission.allowed
    assert pointer.candidate_admission is not None
    assert pointer.candidate_admission.standing is Standing.STOPPED


def test_a_rollback_goes_to_the_version_before_within_milliseconds(loan: Clearance) -> None:
    promote(loan, 2)
    begun = time.perf_counter()
    found = roll_back(loan)
    assert time.perf_counter() - begun < 1
    assert (found.from_number, found.to_number) == (2, 1)
    assert serving(loan).stable == 1


def test_a_second_rollback_never_returns_to_the_version_that_was_bad(loan: Clearance) -> None:
    promote(loan, 2)
    promote(loan, 3)
    assert roll_back(loan).to_number == 2
    assert roll_back(loan).to_number == 1
    with pytest.raises(Conflict, match="no version to go back to") as refused:
        roll_back(loan)
    why = "it was rolled back from, and not promoted since"
    assert sorted(refused.value.details["passed_over"]) == [f"car-loan/2: {why}", f"car-loan/3: {why}"]


def test_a_rollback_of_the_first_version_says_that_there_was_no_other(loan: Clearance) -> None:
    with pytest.raises(Conflict, match="no other version has served there"):
        roll_back(loan)


def test_a_version_promoted_again_after_its_rollback_is_good_again(loan: Clearance) -> None:
    promote(loan, 2)
    roll_back(loan)
    promote(loan, 2)
    promote(loan, 3)
    assert roll_back(loan).to_number == 2


def test_a_rollback_passes_over_what_may_not_serve_and_says_why(loan: Clearance) -> None:
    promote(loan, 2)
    promote(loan, 3)
    stop(loan, 2)
    found = roll_back(loan)
    assert found.to_number == 1
    assert found.passed_over == ("car-loan/2: car-loan/2 is quarantined: found unsafe",)


def test_a_rollback_passes_over_a_version_whose_inputs_are_not_those_of_today(loan: Clearance) -> None:
    add_version(loan, 4, inputs=(Field(name="salary", datatype=Datatype.FP32),))
    promote(loan, 4)
    with pytest.raises(Conflict, match="income, salary") as caught:
        roll_back(loan)
    assert caught.value.code == "no_good_version"
    assert serving(loan).stable == 4


def test_a_rollback_to_a_named_version_is_checked_all_the_same(loan: Clearance) -> None:
    promote(loan, 2)
    promote(loan, 3)
    assert roll_back(loan, to=1).to_number == 1
    with pytest.raises(Conflict, match="serves already"):
        roll_back(loan, to=1)
    stop(loan, 2)
    with pytest.raises(Conflict, match="quarantined"):
        roll_back(loan, to=2)
    with pytest.raises(NotFound):
        roll_back(loan, to=99)


def test_a_rollback_needs_a_reason_and_something_that_serves(loan: Clearance) -> None:
    with pytest.raises(InvalidInput, match="reason is empty"):
        roll_back(loan, reason="  ")
    with pytest.raises(NotFound, match="nothing serves"), loan.database.write() as tx:
        service.rollback(tx, ADA, loan.gate, "car-loan", RollbackRequest(reason="why not", environment="staging"))


def test_promotions_at_once_make_one_history_without_a_lost_update(parts: Clearance) -> None:
    prepare(parts, versions=6)
    together = threading.Barrier(6)

    def run(number: int) -> bool:
        together.wait()
        return promote(parts, number).moved

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(run, range(1, 7)))
    with parts.database.read() as tx:
        moves = service.history(tx, "car-loan").items[::-1]
    assert sorted(move.to_number for move in moves) == [1, 2, 3, 4, 5, 6]
    assert [move.from_number for move in moves] == [None, *(move.to_number for move in moves[:-1])]
    assert serving(parts).stable == moves[-1].to_number


def test_the_same_promotion_at_once_moves_once(loan: Clearance) -> None:
    together = threading.Barrier(4)

    def run(_index: int) -> bool:
        together.wait()
        return promote(loan, 2).moved

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(run, range(4))) == [False, False, False, True]
    with loan.database.read() as tx:
        assert [move.to_number for move in service.history(tx, "car-loan").items] == [2, 1]
