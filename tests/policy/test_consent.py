"""Approvals and waivers: who may, what counts, for how long; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.clock import FixedClock
from clearance.errors import ClearanceError, Conflict, Forbidden, InvalidInput, NotFound
from clearance.evidence import predicates
from clearance.evidence import service as evidence
from clearance.policy import service
from clearance.policy.consent import NewWaiver, RequestState, Voted, Waiver
from clearance.policy.engine import Engine
from clearance.policy.model import Decision, Outcome
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, ModelChange, Risk, Version
from tests.conftest import person
from tests.policy.registered import ADA, BO, CY, approve, decide, measure, ready, register, reject, sign
from tests.policy.samples import YAML


def waiting(parts: Clearance) -> Decision:
    decision = decide(parts, ready(parts, "income", Risk.FULL))
    assert decision.outcome is Outcome.PENDING, decision.reason
    return decision


def grant(parts: Clearance, rule: str, who: object = BO, **more: object) -> Waiver:
    new = NewWaiver(**{"rule": rule, "model": "car-loan", "reason": "a pilot", "days": 7, **more})  # type: ignore[arg-type]
    with parts.database.write() as tx:
        return service.grant_waiver(tx, who, new)  # type: ignore[arg-type]


def events(parts: Clearance, event: Event) -> int:
    with parts.database.read() as tx:
        return len(log.entries(tx, event=event).items)


def test_a_pending_decision_asks_once_and_the_approval_decides_anew_in_the_same_transaction(parts: Clearance) -> None:
    first = waiting(parts)
    with parts.database.read() as tx:
        inbox = service.list_approvals(tx, BO, mine=True).items
        assert [request.id for request in inbox] == [first.approval_id]
        assert not service.admission(tx, "income", 1).allowed
    with parts.database.write() as tx:
        again = service.decide(tx, BO, parts.policy_engine, parts.keyring, "income", 1, "production")
    assert again.approval_id == first.approval_id
    assert events(parts, Event.APPROVAL_REQUESTED) == 1

    voted = approve(parts, first.approval_id)
    assert voted.request.state is RequestState.APPROVED
    assert voted.decision is not None
    assert (voted.decision.outcome, voted.decision.approvals) == (Outcome.ALLOWED, ("user:bo",))
    assert voted.decision.approval_id == first.approval_id
    with parts.database.read() as tx:
        assert service.admission(tx, "income", 1).decision_id == voted.decision.id
        assert service.list_approvals(tx, BO, mine=True).items == ()
        assert service.replay(tx, Engine()).differing == ()
        signed = evidence.statements(tx, "income", 1, predicates.APPROVAL)
    assert (signed[0].predicate["voter"], signed[0].predicate["approve"]) == ("user:bo", True)


def test_nobody_approves_their_own_version(parts: Clearance) -> None:
    decision = waiting(parts)
    for attempt in (approve, reject):
        with pytest.raises(Forbidden) as caught:
            attempt(parts, decision.approval_id, ADA)
        assert caught.value.code == "own_version"
    with parts.database.read() as tx:
        assert service.list_approvals(tx, ADA, mine=True).items == ()
        assert service.get_approval(tx, str(decision.approval_id)).votes == ()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VALIDATOR, Role.OPERATOR])
def test_a_vote_takes_the_role_that_the_pack_names(parts: Clearance, role: Role) -> None:
    decision = waiting(parts)
    with pytest.raises(Forbidden) as caught:
        approve(parts, decision.approval_id, person("eve", role))
    assert caught.value.code == "role_missing"


def test_two_approvals_take_two_people(parts: Clearance) -> None:
    two = YAML.replace("{count: 0}", "{count: 2, roles: [approver]}")
    with parts.database.write() as tx:
        service.install_pack(tx, ADA, PackSource(source=two))
    decision = decide(parts, ready(parts))
    assert decision.reason == "the rules hold; 0 of 2 approvals by approver are there"
    for _ in range(2):
        voted = approve(parts, decision.approval_id)
        assert (voted.request.state, voted.decision) == (RequestState.OPEN, None)
    settled = approve(parts, decision.approval_id, CY)
    assert settled.decision is not None
    assert (settled.decision.outcome, settled.decision.approvals) == (Outcome.ALLOWED, ("user:bo", "user:cy"))


def test_a_rejection_denies_and_settles(parts: Clearance) -> None:
    decision = waiting(parts)
    voted = reject(parts, decision.approval_id)
    assert voted.decision is not None
    assert (voted.decision.outcome, voted.decision.reason) == (Outcome.DENIED, "user:bo rejected it: too few rows")
    with pytest.raises(Conflict) as caught:
        approve(parts, decision.approval_id, CY)
    assert caught.value.code == "approval_settled"
    with parts.database.write() as tx:
        again = service.decide(tx, CY, parts.policy_engine, parts.keyring, "income", 1, "production")
    assert again.outcome is Outcome.DENIED
    assert events(parts, Event.APPROVAL_REJECTED) == 1


def test_a_rejection_says_why(parts: Clearance) -> None:
    decision = waiting(parts)
    with parts.database.write() as tx, pytest.raises(InvalidInput, match="needs a comment"):
        service.reject(tx, BO, parts.policy_engine, parts.keyring, str(decision.approval_id), " ")


def test_a_request_runs_out_and_deciding_asks_anew(parts: Clearance, clock: FixedClock) -> None:
    decision = waiting(parts)
    clock.advance(timedelta(days=14))
    with pytest.raises(Conflict) as caught:
        approve(parts, decision.approval_id)
    assert caught.value.code == "approval_expired"
    with parts.database.read() as tx:
        assert service.list_approvals(tx, BO, state=RequestState.OPEN).items == ()
        assert len(service.list_approvals(tx, BO, state=RequestState.EXPIRED).items) == 1
    with parts.database.write() as tx:
        again = service.decide(tx, BO, parts.policy_engine, parts.keyring, "income", 1, "production")
    assert (again.outcome, again.approval_id == decision.approval_id) == (Outcome.PENDING, False)


@pytest.mark.parametrize("vote", [approve, reject])
@pytest.mark.parametrize("stop", [registry.retire_version, registry.delete_version, None])
def test_a_request_on_a_version_that_was_stopped_for_good_is_closed_and_takes_no_vote(
    parts: Clearance, stop: Callable[..., Version] | None, vote: Callable[..., Voted]
) -> None:
    request_id = str(waiting(parts).approval_id)
    with parts.database.write() as tx:
        if stop is None:
            registry.update_model(tx, ADA, "income", ModelChange(lifecycle=Lifecycle.RETIRED, reason="leaked"))
        else:
            stop(tx, ADA, "income", 1, "leaked")
    with parts.database.read() as tx:
        assert service.get_approval(tx, request_id).state is RequestState.CLOSED
        assert service.list_approvals(tx, BO, mine=True).items == ()
        for state in RequestState:
            listed = [each.id for each in service.list_approvals(tx, BO, state=state).items]
            assert listed == ([request_id] if state is RequestState.CLOSED else [])
    with pytest.raises(Conflict, match=r"income/1 is (retired|deleted): .*leaked") as caught:
        vote(parts, request_id)
    assert caught.value.code == "bad_status"
    with parts.database.read() as tx:
        assert service.get_approval(tx, request_id).votes == ()


def test_a_request_on_a_quarantined_version_waits_for_its_release(parts: Clearance) -> None:
    request_id = str(waiting(parts).approval_id)
    with parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "income", 1, "labels may be poisoned")
    with parts.database.read() as tx:
        assert [each.id for each in service.list_approvals(tx, BO, state=RequestState.OPEN).items] == [request_id]
        assert service.list_approvals(tx, BO, mine=True).items == ()
    with pytest.raises(Conflict, match="is quarantined: labels may be poisoned") as caught:
        approve(parts, request_id)
    assert "versions release income 1" in caught.value.hint
    with parts.database.write() as tx:
        registry.release_version(tx, ADA, "income", 1, "they were not")
    with parts.database.read() as tx:
        assert [each.id for each in service.list_approvals(tx, BO, mine=True).items] == [request_id]
    assert approve(parts, request_id).request.state is RequestState.APPROVED


def test_what_was_settled_stays_so_when_its_version_is_stopped(parts: Clearance, clock: FixedClock) -> None:
    rejected = str(waiting(parts).approval_id)
    reject(parts, rejected)
    with parts.database.write() as tx:
        registry.delete_version(tx, ADA, "income", 1, "leaked")
    clock.advance(timedelta(days=100))
    with parts.database.read() as tx:
        assert service.get_approval(tx, rejected).state is RequestState.REJECTED
        assert service.list_approvals(tx, BO, state=RequestState.CLOSED).items == ()


def test_an_approval_counts_for_its_days_only(parts: Clearance, clock: FixedClock) -> None:
    decision = waiting(parts)
    approve(parts, decision.approval_id)
    clock.advance(timedelta(days=91))
    measure(parts, _version(parts))
    with parts.database.write() as tx:
        again = service.decide(tx, BO, parts.policy_engine, parts.keyring, "income", 1, "production")
    assert again.outcome is Outcome.PENDING


def test_an_approval_is_for_one_version_in_one_environment(parts: Clearance) -> None:
    approve(parts, waiting(parts).approval_id)
    assert decide(parts, _version(parts), "staging").outcome is Outcome.PENDING
    assert decide(parts, ready(parts, "income", Risk.FULL, b"other bytes")).outcome is Outcome.PENDING


def test_people_can_not_approve_what_the_rules_deny(parts: Clearance) -> None:
    decision = waiting(parts)
    measure(parts, _version(parts), ["data"], verdict="failed")
    voted = approve(parts, decision.approval_id)
    assert voted.decision is not None
    assert voted.decision.outcome is Outcome.DENIED


def test_votes_at_once_decide_once(parts: Clearance) -> None:
    decision = waiting(parts)
    errors: list[str] = []

    def vote(who: object) -> None:
        try:
            approve(parts, decision.approval_id, who)
        except ClearanceError as error:
            errors.append(error.code)

    threads = [threading.Thread(target=vote, args=(who,)) for who in (BO, CY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == ["approval_settled"]
    with parts.database.read() as tx:
        assert len(service.list_decisions(tx).items) == 2


def test_a_waiver_lets_its_rule_pass_until_it_ends_and_is_shown(parts: Clearance, clock: FixedClock) -> None:
    version = register(parts)
    sign(parts, version)
    measure(parts, version, ["data", "performance", "artifact_safety", "contract"])
    assert decide(parts, version).outcome is Outcome.DENIED
    waiver = grant(parts, "latency-passed")
    decision = decide(parts, version)
    assert (decision.outcome, decision.waivers) == (Outcome.ALLOWED, (waiver.id,))
    assert decision.facts.waivers[0].reason == "a pilot"
    with parts.database.read() as tx:
        assert service.admission(tx, "car-loan", 1).allowed
    clock.advance(timedelta(days=7))
    with parts.database.read() as tx:
        lapsed = service.admission(tx, "car-loan", 1)
    assert (lapsed.allowed, waiver.id in lapsed.reason) == (False, True)
    assert decide(parts, version).outcome is Outcome.DENIED
    with parts.database.read() as tx:
        assert service.replay(tx, Engine()).differing == ()


def test_a_revoked_waiver_counts_no_longer(parts: Clearance) -> None:
    version = register(parts)
    sign(parts, version)
    measure(parts, version, ["data", "performance", "artifact_safety", "contract"])
    waiver = grant(parts, "latency-passed", number=1)
    assert decide(parts, version).outcome is Outcome.ALLOWED
    with parts.database.write() as tx:
        service.revoke_waiver(tx, CY, waiver.id)
    with parts.database.read() as tx:
        assert not service.admission(tx, "car-loan", 1).allowed
        assert service.list_waivers(tx).items[0].revoked_by == "user:cy"
    assert decide(parts, version).outcome is Outcome.DENIED
    with parts.database.write() as tx, pytest.raises(Conflict):
        service.revoke_waiver(tx, CY, waiver.id)
    assert (events(parts, Event.WAIVER_GRANTED), events(parts, Event.WAIVER_REVOKED)) == (1, 1)


def test_a_waiver_of_ones_own_version_is_refused_and_one_of_the_model_does_not_count(parts: Clearance) -> None:
    version = register(parts)
    sign(parts, version)
    measure(parts, version, ["data", "performance", "artifact_safety", "contract"])
    with pytest.raises(Forbidden) as caught:
        grant(parts, "latency-passed", ADA, number=1)
    assert caught.value.code == "own_version"
    grant(parts, "latency-passed", ADA)
    assert decide(parts, version).outcome is Outcome.DENIED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rule": "unheard-of"}, "rule_not_found"),
        ({"rule": "artifact-signed"}, "not_waivable"),
        ({"reason": " "}, "no_reason"),
        ({"days": 0}, "bad_expiry"),
        ({"days": 91}, "bad_expiry"),
        ({"days": float("nan")}, "bad_expiry"),
        ({"model": "nobody"}, "model_not_found"),
        ({"number": 7}, "version_not_found"),
    ],
)
def test_a_waiver_that_can_not_be_meant_is_refused(parts: Clearance, change: dict[str, object], code: str) -> None:
    register(parts)
    with pytest.raises(ClearanceError) as caught:
        grant(parts, **{"rule": "data-passed", **change})  # type: ignore[arg-type]
    assert caught.value.code == code
    with parts.database.read() as tx:
        assert service.list_waivers(tx).items == ()


def test_what_does_not_exist_is_told(parts: Clearance) -> None:
    with parts.database.write() as tx:
        with pytest.raises(NotFound):
            service.approve(tx, BO, parts.policy_engine, parts.keyring, "apr_none")
        with pytest.raises(NotFound):
            service.revoke_waiver(tx, BO, "wvr_none")


def _version(parts: Clearance) -> Version:
    with parts.database.read() as tx:
        return registry.get_version(tx, "income", 1)
