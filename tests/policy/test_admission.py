"""Which decision admits a version while newer ones are made, and dry runs that admit nothing; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from clearance.app import Clearance
from clearance.audit import log
from clearance.clock import FixedClock
from clearance.errors import InvalidInput, NotFound
from clearance.policy import service
from clearance.policy.consent import NewWaiver
from clearance.policy.model import Admission, Decision, Outcome, Standing
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, ModelChange, Risk, Version
from tests.policy.registered import ADA, BO, DEV, approve, decide, measure, ready, register, reject


def admission(parts: Clearance, model: str = "income") -> Admission:
    with parts.database.read() as tx:
        return service.admission(tx, model, 1)


def preview(parts: Clearance, version: Version) -> Decision:
    with parts.database.read() as tx:
        return service.preview(tx, DEV, parts.policy_engine, version.model, version.number, "production")


def leaves(parts: Clearance) -> int:
    with parts.database.read() as tx:
        return len(log.entries(tx, limit=1000).items)


@pytest.fixture
def income(parts: Clearance) -> Version:
    """A version of full risk: it takes an approval."""
    return ready(parts, "income", Risk.FULL)


def let_approval_run_out(parts: Clearance, version: Version, clock: FixedClock) -> Decision:
    """Let ninety days pass after an approval, with fresh evidence, and decide anew."""
    clock.advance(timedelta(days=91))
    measure(parts, version)
    again = decide(parts, version)
    assert again.outcome is Outcome.PENDING
    return again


def test_a_newer_decision_that_waits_for_people_does_not_take_back_the_admission(
    parts: Clearance, income: Version, clock: FixedClock
) -> None:
    allowed = approve(parts, decide(parts, income).approval_id).decision
    assert allowed is not None
    waiting = let_approval_run_out(parts, income, clock)
    found = admission(parts)
    assert (found.allowed, found.decision_id) == (True, allowed.id)
    assert f"decision {allowed.id}, which stands while the newer {waiting.id} waits for approval" in found.reason
    rejected = reject(parts, waiting.approval_id).decision
    assert rejected is not None
    found = admission(parts)
    assert (found.allowed, found.decision_id) == (False, rejected.id)
    assert f"(decision {rejected.id})" in found.reason


def test_a_denial_stands_while_a_newer_decision_waits(parts: Clearance, income: Version, clock: FixedClock) -> None:
    approve(parts, decide(parts, income).approval_id)
    clock.advance(timedelta(days=91))
    assert decide(parts, income).outcome is Outcome.DENIED  # its evidence is too old
    measure(parts, income)
    waiting = decide(parts, income)
    assert waiting.outcome is Outcome.PENDING
    found = admission(parts)
    assert (found.allowed, found.decision_id) == (False, waiting.id)


def test_an_earlier_decision_admits_only_while_it_holds(parts: Clearance, income: Version, clock: FixedClock) -> None:
    allowed = approve(parts, decide(parts, income).approval_id).decision
    assert allowed is not None
    waiting = let_approval_run_out(parts, income, clock)
    with parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "income", 1, "found unsafe")
    found = admission(parts)
    assert (found.standing, found.decision_id) == (Standing.STOPPED, waiting.id)
    assert found.reason == "income/1 is quarantined: found unsafe"


def test_an_earlier_decision_ends_with_the_waiver_that_it_stood_on(
    parts: Clearance, income: Version, clock: FixedClock
) -> None:
    measure(parts, income, ["latency"], verdict="failed")
    with parts.database.write() as tx:
        service.grant_waiver(tx, BO, NewWaiver(rule="latency-passed", model="income", reason="a pilot", days=7))
    allowed = approve(parts, decide(parts, income).approval_id).decision
    assert allowed is not None
    assert allowed.outcome is Outcome.ALLOWED
    waiting = let_approval_run_out(parts, income, clock)
    found = admission(parts)
    assert (found.standing, found.decision_id) == (Standing.LAPSED, waiting.id)
    assert f"the earlier decision {allowed.id} holds no more: the waiver {allowed.waivers[0]}" in found.reason


def test_what_only_ever_waited_is_not_admitted(parts: Clearance, income: Version) -> None:
    waiting = decide(parts, income)
    found = admission(parts)
    assert (found.allowed, found.decision_id) == (False, waiting.id)
    assert waiting.id in found.reason


def test_a_dry_run_says_what_would_be_decided_and_leaves_no_trace(parts: Clearance) -> None:
    version = ready(parts)
    before = leaves(parts)
    seen = preview(parts, version)
    assert (seen.id, seen.vsa, seen.dry_run, seen.outcome) == ("", {}, True, Outcome.ALLOWED)
    with parts.database.read() as tx:
        assert service.list_decisions(tx).items == ()
        assert not service.admission(tx, "car-loan", 1).allowed
    assert leaves(parts) == before
    made = decide(parts, version)
    assert not made.dry_run
    assert (seen.rules, seen.pack_digest, seen.facts_digest) == (made.rules, made.pack_digest, made.facts_digest)


def test_a_dry_run_that_would_deny_takes_nothing_out_of_service(parts: Clearance) -> None:
    version = ready(parts)
    allowed = decide(parts, version)
    measure(parts, version, ["data"], verdict="failed")
    assert preview(parts, version).outcome is Outcome.DENIED
    found = admission(parts, "car-loan")
    assert (found.allowed, found.decision_id) == (True, allowed.id)


def test_a_dry_run_asks_nobody_but_names_the_request_that_is_open(parts: Clearance, income: Version) -> None:
    seen = preview(parts, income)
    assert (seen.outcome, seen.approval_id) == (Outcome.PENDING, None)
    with parts.database.read() as tx:
        assert service.list_approvals(tx, ADA).items == ()
    waiting = decide(parts, income)
    assert preview(parts, income).approval_id == waiting.approval_id


def test_a_dry_run_of_what_is_not_there_is_refused(parts: Clearance) -> None:
    register(parts)
    with parts.database.read() as tx:
        with pytest.raises(NotFound):
            service.preview(tx, DEV, parts.policy_engine, "car-loan", 7, "production")
        with pytest.raises(InvalidInput, match="not the name of an environment"):
            service.preview(tx, DEV, parts.policy_engine, "car-loan", 1, "../etc")


def test_many_versions_are_looked_up_at_once_and_stand_as_each_of_them_does(parts: Clearance) -> None:
    """A page of a hundred models that serve asked three times for each of them."""
    names = ("allowed", "denied", "stopped", "undecided", "retired")
    made = {name: ready(parts, name, data=name.encode()) for name in names}
    with parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "denied", 1, "unsafe")
    for name in ("allowed", "denied", "stopped", "retired"):
        decide(parts, made[name])
    with parts.database.write() as tx:
        registry.release_version(tx, ADA, "denied", 1, "looked at")
        registry.quarantine_version(tx, ADA, "stopped", 1, "unsafe")
        registry.update_model(
            tx, ADA, "retired", ModelChange(lifecycle=Lifecycle.RETIRED, reason="replaced by another")
        )
    wanted = [(name, 1) for name in names]
    with parts.database.read() as tx:
        alone = [service.admission(tx, *each) for each in wanted]
    asked: list[str] = []
    with parts.database.read() as tx:
        service.look_up(tx, wanted, "production")
        sa.event.listen(tx.connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        together = [service.admission(tx, *each) for each in wanted]
    assert together == alone
    assert [each.standing for each in alone] == ["admitted", "lapsed", "stopped", "lapsed", "stopped"]
    assert asked == []
