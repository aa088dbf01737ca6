"""Rollouts over the real lake, policy and response room, on both databases: from the first share of traffic to the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.clock import FixedClock
from clearance.delivery import rollouts, service
from clearance.delivery.model import NewRollout, Observation, Pointer, RollbackRequest, Rollout, RolloutState, Step
from clearance.errors import ClearanceError, Conflict, Denied, InvalidInput, NotFound
from clearance.registry import service as registry
from clearance.registry.model import Reason
from clearance.response import service as response
from clearance.statistics.verdicts import Verdict
from tests.conftest import START
from tests.delivery.conftest import ADA, decide, promote, send

STEPS = (
    Step(weight=10, minimum_seconds=30, minimum_requests=200),
    Step(weight=50, minimum_seconds=30, minimum_requests=200),
)
WHY = Reason(reason="we want to look")


def start(parts: Clearance, candidate: int = 2, **more: Any) -> Rollout:
    decide(parts, candidate)
    with parts.database.write() as tx:
        return service.start_rollout(
            tx, ADA, parts.gate, NewRollout(model="car-loan", candidate=candidate, steps=STEPS, **more)
        )


def drive(parts: Clearance, rollout: Rollout) -> Rollout:
    return parts.rollout_driver.drive(ADA, rollout.id)


def pointer(parts: Clearance) -> Pointer:
    with parts.database.read() as tx:
        return service.get_pointer(tx, "car-loan", "production")


def happened(parts: Clearance, rollout: Rollout) -> list[str]:
    with parts.database.read() as tx:
        return [entry.event for entry in log.entries(tx, subject=f"rollout/{rollout.id}").items[::-1]]


def traffic(parts: Clearance, at: datetime = START, count: int = 300, **candidate: Any) -> None:
    send(parts, 1, "stable", at, count)
    send(parts, 2, "candidate", at, count, **candidate)


def test_a_good_candidate_goes_through_every_step_to_all_traffic(loan: Clearance, clock: FixedClock) -> None:
    rollout = start(loan)
    assert (pointer(loan).candidate, pointer(loan).weight, pointer(loan).rollout_id) == (2, 10, rollout.id)
    traffic(loan)
    assert drive(loan, rollout).step == 0, "the step's time is not over"
    clock.advance(timedelta(seconds=31))
    assert drive(loan, rollout).weight == 50
    assert pointer(loan).weight == 50
    clock.advance(timedelta(seconds=31))
    assert drive(loan, rollout).state is RolloutState.RUNNING, "the second step has no requests of its own yet"
    traffic(loan)
    found = drive(loan, rollout)
    assert (found.state, found.weight) == (RolloutState.COMPLETED, 100)
    after = pointer(loan)
    assert (after.stable, after.candidate, after.weight, after.previous, after.rollout_id) == (2, None, 0, 1, None)
    assert after.decision_id == rollout.decision_id
    assert happened(loan, rollout) == [Event.ROLLOUT_STARTED, Event.ROLLOUT_ADVANCED, Event.ROLLOUT_COMPLETED]
    assert drive(loan, rollout).state is RolloutState.COMPLETED
    assert len(happened(loan, rollout)) == 3


def test_a_failing_candidate_is_taken_out_with_alert_incident_and_leaf_in_one_transaction(loan: Clearance) -> None:
    rollout = start(loan)
    traffic(loan, status="error", error="boom", prediction=None, score=None)
    found = drive(loan, rollout)
    assert (found.state, found.weight) == (RolloutState.ROLLED_BACK, 0)
    assert (pointer(loan).stable, pointer(loan).candidate, pointer(loan).weight) == (1, None, 0)
    with loan.database.read() as tx:
        (alert,) = response.list_alerts(tx).items
        stopped = log.entries(tx, event=Event.ROLLOUT_ROLLED_BACK).items[0]
        raised = log.entries(tx, event=Event.ALERT_RAISED).items[0]
    assert alert.severity == "page"
    assert alert.incident is not None
    assert alert.details["breached"]["metric"] == "error_rate"
    assert alert.details["breached"]["candidate"] == 1.0
    assert alert.details["breached"]["low"] > 0.01
    assert alert.details["analysis"]["candidate_requests"] == 300
    assert stopped.data["breached"]["metric"] == "error_rate"
    assert stopped.at == raised.at


def test_a_rollback_whose_alarm_fails_did_not_happen(loan: Clearance) -> None:
    rollout = start(loan)
    traffic(loan, status="error", error="boom", prediction=None, score=None)
    observation = Observation(analysis=drive_analysis(loan, rollout))

    def broken(*_arguments: object) -> None:
        raise ClearanceError("the alarm broke", code="broken")

    with pytest.raises(ClearanceError, match="alarm broke"), loan.database.write() as tx:
        rollouts.reconcile(tx, ADA, loan.gate, broken, rollout.id, observation)
    assert pointer(loan).candidate == 2
    with loan.database.read() as tx:
        assert service.get_rollout(tx, rollout.id).state is RolloutState.RUNNING


def drive_analysis(parts: Clearance, rollout: Rollout) -> Any:
    from clearance.delivery.observe import Observer

    found = Observer(parts.lake).observe(rollout, START).analysis
    assert found is not None
    return found


def test_worse_scores_alone_stop_a_candidate(loan: Clearance) -> None:
    rollout = start(loan)
    traffic(loan, score=0.9, prediction=1.0)
    found = drive(loan, rollout)
    assert found.state is RolloutState.ROLLED_BACK
    assert found.analysis is not None
    failed = [result.metric for result in found.analysis.metrics if result.verdict is Verdict.FAILED]
    assert "score_shift" in failed


def test_late_labels_alone_stop_a_candidate(loan: Clearance) -> None:
    rollout = start(loan)
    traffic(loan)
    assert drive(loan, rollout).state is RolloutState.RUNNING
    events = loan.lake.joined("car-loan").to_pylist()
    loan.ingest.submit_labels(
        [
            {
                "model": "car-loan",
                "request_id": event["request_id"],
                "row": 0,
                "label": event["prediction"] if event["variant"] == "stable" else 1 - event["prediction"],
            }
            for event in events
        ]
    )
    found = drive(loan, rollout)
    assert found.state is RolloutState.ROLLED_BACK
    assert "labelled rows" in found.reason


def test_a_replay_is_analysed_from_the_time_it_names(loan: Clearance, clock: FixedClock) -> None:
    past = START - timedelta(days=400)
    rollout = start(loan, events_from=past)
    send(loan, 1, "stable", past - timedelta(days=1), 50, status="error", error="before the replay")
    traffic(loan, at=past)
    clock.advance(timedelta(seconds=31))
    found = drive(loan, rollout)
    assert found.step == 1
    assert found.analysis is not None
    assert (found.analysis.stable_errors, found.analysis.window_start) == (0, past)
    assert found.analysis.table_versions == loan.lake.table_versions()


def test_a_candidate_that_is_quarantined_goes_out_of_traffic(loan: Clearance) -> None:
    rollout = start(loan)
    with loan.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 2, "found unsafe")
    found = drive(loan, rollout)
    assert found.state is RolloutState.ROLLED_BACK
    assert "found unsafe" in found.reason
    assert pointer(loan).candidate is None


def test_without_the_lake_a_rollout_stays_where_it_is(loan: Clearance, clock: FixedClock) -> None:
    rollout = start(loan)
    clock.advance(timedelta(days=1))
    with loan.database.write() as tx:
        found = rollouts.reconcile(
            tx, ADA, loan.gate, response.raise_alert, rollout.id, Observation(analysis=None, problem="no disk")
        )
    assert (found.state, found.step) == (RolloutState.RUNNING, 0)
    assert happened(loan, rollout) == [Event.ROLLOUT_STARTED]


def test_people_pause_resume_and_abort_with_a_reason(loan: Clearance, clock: FixedClock) -> None:
    rollout = start(loan)
    with loan.database.write() as tx:
        assert service.pause_rollout(tx, ADA, rollout.id, WHY).state is RolloutState.PAUSED
    traffic(loan)
    clock.advance(timedelta(seconds=31))
    assert drive(loan, rollout).state is RolloutState.PAUSED
    assert pointer(loan).weight == 10
    with loan.database.write() as tx:
        assert service.resume_rollout(tx, ADA, rollout.id, WHY).state is RolloutState.RUNNING
    with loan.database.write() as tx:
        assert service.abort_rollout(tx, ADA, rollout.id, WHY).state is RolloutState.ABORTED
    assert pointer(loan).candidate is None
    with pytest.raises(Conflict, match="is aborted"), loan.database.write() as tx:
        service.resume_rollout(tx, ADA, rollout.id, WHY)
    with pytest.raises(InvalidInput, match="reason is empty"), loan.database.write() as tx:
        service.pause_rollout(tx, ADA, rollout.id, Reason(reason=" "))


def test_a_rollback_during_a_rollout_takes_the_candidate_out_and_keeps_stable(loan: Clearance) -> None:
    rollout = start(loan)
    with loan.database.write() as tx:
        found = service.rollback(tx, ADA, loan.gate, "car-loan", RollbackRequest(reason="customers complain"))
    assert (found.stopped, found.from_number, found.to_number) == (rollout.id, 2, 1)
    assert (pointer(loan).stable, pointer(loan).candidate) == (1, None)


def test_a_rollback_to_a_named_version_ends_the_rollout_and_moves_stable(loan: Clearance) -> None:
    promote(loan, 3)
    rollout = start(loan)
    with loan.database.write() as tx:
        service.rollback(tx, ADA, loan.gate, "car-loan", RollbackRequest(reason="both are bad", to=1))
        assert service.get_rollout(tx, rollout.id).state is RolloutState.ROLLED_BACK
    assert (pointer(loan).stable, pointer(loan).candidate, pointer(loan).previous) == (1, None, 3)


def test_only_an_admitted_candidate_gets_traffic(loan: Clearance) -> None:
    new = NewRollout(model="car-loan", candidate=2)
    with pytest.raises(Denied, match="nobody has decided") as caught, loan.database.write() as tx:
        service.start_rollout(tx, ADA, loan.gate, new)
    assert caught.value.code == "not_admitted"
    decide(loan, 2)
    with pytest.raises(Denied), loan.database.write() as tx:
        service.start_rollout(tx, ADA, loan.gate, replace(new, candidate=3))
    assert pointer(loan).candidate is None


def test_one_rollout_at_a_time_and_no_promotion_beside_it(loan: Clearance) -> None:
    start(loan)
    with pytest.raises(Conflict, match="under way"):
        start(loan, 3)
    with pytest.raises(Conflict, match="under way"):
        promote(loan, 3)


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"candidate": 99}, NotFound, "no version 99"),
        ({"model": "nothing"}, NotFound, "no model"),
        ({"strategy": "leap"}, NotFound, "no strategy"),
        ({"environment": "staging"}, NotFound, "nothing serves"),
        ({"environment": "moon"}, InvalidInput, "moon"),
        ({"candidate": 1}, Conflict, "already"),
        ({"steps": ()}, InvalidInput, "no step"),
        ({"events_from": datetime(2026, 1, 5)}, InvalidInput, "no zone"),
    ],
)
def test_a_rollout_that_cannot_be_is_refused_with_the_reason(
    sqlite_loan: Clearance, changes: dict[str, Any], kind: type[ClearanceError], says: str
) -> None:
    new = replace(NewRollout(model="car-loan", candidate=2), **changes)
    with pytest.raises(kind, match=says), sqlite_loan.database.write() as tx:
        service.start_rollout(tx, ADA, sqlite_loan.gate, new)


def test_the_driver_reconciles_all_that_run_and_lists_what_it_saw(sqlite_loan: Clearance, clock: FixedClock) -> None:
    rollout = start(sqlite_loan)
    traffic(sqlite_loan)
    clock.advance(timedelta(seconds=31))
    sqlite_loan.rollout_driver.turn()
    with sqlite_loan.database.read() as tx:
        assert service.get_rollout(tx, rollout.id).step == 1
        assert [found.id for found in service.list_rollouts(tx, active=True).items] == [rollout.id]
        (seen,) = service.list_analyses(tx, rollout.id).items
        assert seen.candidate_requests == 300
        with pytest.raises(NotFound):
            service.get_rollout(tx, "rol_none")
