"""What a report says of what serves is what the history says, and each of its statements cites the leaf that proves it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from clearance.access.model import Role
from clearance.alarm import Alarm, Severity
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.clock import FixedClock
from clearance.compliance import page, service
from clearance.delivery import service as delivery
from clearance.delivery.model import NewRollout, Step
from clearance.policy import service as policy
from clearance.policy.consent import NewWaiver
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import ModelChange, Reason, Risk
from clearance.registry.risk import Answers, Exposure, NewLowering
from clearance.response import service as response
from tests.conftest import person
from tests.delivery.conftest import ADA, PACK, decide, promote

HOUR = timedelta(hours=1)


def told(parts: Clearance, number: int) -> str:
    """Return the report's text, white space as one blank."""
    with parts.database.read() as tx:
        report = service.gather(tx, ADA, parts.log_verifier, "car-loan", number)
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page.html(report), flags=re.DOTALL)
    return " ".join(text.split())


def leaf(parts: Clearance, event: Event, place: int = 0) -> str:
    """Return how a report cites the newest leaf of an event, or an older one by its place."""
    with parts.database.read() as tx:
        return f"leaf {log.entries(tx, event=event).items[place].index}"


def refuse(parts: Clearance, number: int, serving: int | None) -> None:
    said = {"environment": "production", "code": "blob_corrupt", "reason": "a byte differs", "serving": serving}
    with parts.database.write() as tx:
        log.record(tx, Event.LOAD_REFUSED, actor="system", subject=f"model/car-loan/{number}", data=said)


def test_what_the_gateway_refused_does_not_serve_and_what_went_on_does(
    sqlite_loan: Clearance, clock: FixedClock
) -> None:
    clock.advance(HOUR)
    promote(sqlite_loan, 2)
    assert "It serves in production" in told(sqlite_loan, 2)
    refuse(sqlite_loan, 2, serving=None)
    refuse(sqlite_loan, 2, serving=1)
    cited = leaf(sqlite_loan, Event.LOAD_REFUSED)
    assert (
        f"It is asked for in production, and refused by the gateway: a byte differs; car-loan/1 went on serving. {cited}"
    ) in told(sqlite_loan, 2)
    assert (
        "It goes on serving in production, where car-loan/2 is asked for, and was refused by the gateway: a byte differs. "
        f"{cited}"
    ) in told(sqlite_loan, 1)
    with sqlite_loan.database.write() as tx:
        said = {"environment": "production", "refused": 0}
        log.record(tx, Event.LOAD_ACCEPTED, actor="system", subject="model/car-loan/2", data=said)
    assert "It serves in production" in told(sqlite_loan, 2)


def test_what_serves_is_asked_for_since_its_move_also_where_it_was_stopped_meanwhile(
    sqlite_loan: Clearance, clock: FixedClock
) -> None:
    clock.advance(HOUR)
    with sqlite_loan.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 1, "unsafe")
        registry.release_version(tx, ADA, "car-loan", 1, "safe after all")
    moved = leaf(sqlite_loan, Event.POINTER_MOVED)
    assert f"It serves in production, where it is asked for since 2026-01-05 09:00:00 UTC. {moved}" in told(
        sqlite_loan, 1
    )


def test_a_candidate_that_was_given_up_did_get_traffic(sqlite_loan: Clearance) -> None:
    decide(sqlite_loan, 2)
    steps = (Step(weight=20, minimum_seconds=1, minimum_requests=1),)
    with sqlite_loan.database.write() as tx:
        new = NewRollout(model="car-loan", candidate=2, strategy="canary", steps=steps)
        rollout = delivery.start_rollout(tx, ADA, sqlite_loan.gate, new)
    cited = leaf(sqlite_loan, Event.ROLLOUT_STARTED)
    assert f"It gets 20% of traffic in production, as a candidate. {cited}" in told(sqlite_loan, 2)
    with sqlite_loan.database.write() as tx:
        delivery.abort_rollout(tx, ADA, rollout.id, Reason(reason="enough"))
    text = told(sqlite_loan, 2)
    assert "It never served there." not in text
    assert "It was a rollout’s candidate, and never served all traffic there." in text


@pytest.mark.parametrize(
    ("stop", "event"), [("retire_version", Event.VERSION_RETIRED), ("delete_version", Event.VERSION_DELETED)]
)
def test_the_status_is_proven_by_the_leaf_that_gave_it(sqlite_loan: Clearance, stop: str, event: Event) -> None:
    with sqlite_loan.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 2, "unsafe")
        getattr(delivery, stop)(tx, ADA, sqlite_loan.guards, "car-loan", 2, "for good")
    assert f"{event.value.removeprefix('version.')}: for good {leaf(sqlite_loan, event)} Serves" in told(sqlite_loan, 2)


def test_each_approval_cites_its_own_leaf_and_each_revocation_its(sqlite_loan: Clearance, clock: FixedClock) -> None:
    asking = PACK.replace("{count: 0}", "{count: 2, roles: [approver]}").replace('"1"', '"2"')
    with sqlite_loan.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=asking))
        asked = sqlite_loan.gate.decide(tx, ADA, "car-loan", 2, "production").approval_id
    assert asked
    for name in ("bo", "cy"):
        clock.advance(HOUR)
        with sqlite_loan.database.write() as tx:
            by = person(name, Role.APPROVER)
            policy.approve(tx, by, sqlite_loan.policy_engine, sqlite_loan.keyring, asked, f"good, says {name}")
    with sqlite_loan.database.write() as tx:
        rule = NewWaiver(rule="version-usable", model="car-loan", reason="pilot", days=1)
        policy.revoke_waiver(tx, ADA, policy.grant_waiver(tx, person("root"), rule).id)
    text = told(sqlite_loan, 2)
    assert f"“good, says bo”. {leaf(sqlite_loan, Event.APPROVAL_GIVEN, 1)}" in text
    assert f"“good, says cy”. {leaf(sqlite_loan, Event.APPROVAL_GIVEN)}" in text
    cited = f"{leaf(sqlite_loan, Event.WAIVER_GRANTED)} {leaf(sqlite_loan, Event.WAIVER_REVOKED)}"
    assert f"revoked by user:ada: pilot {cited}" in text


def test_approvals_of_a_version_are_told_however_many_others_there_were(
    sqlite_loan: Clearance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = PACK.replace("{count: 0}", "{count: 1, roles: [approver]}").replace('"1"', '"2"')
    with sqlite_loan.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=asking))
        for number in (2, 3):
            sqlite_loan.gate.decide(tx, ADA, "car-loan", number, "production")
    monkeypatch.setattr(service, "_MOST", 1)
    assert "user:ada asked for 1 approval for production" in told(sqlite_loan, 2)


def test_owner_and_governance_cite_what_changed_them(sqlite_loan: Clearance) -> None:
    answers = Answers(
        exposure=Exposure.SUBSTANTIAL,
        financial_or_legal=True,
        user_safety=False,
        personal_data=False,
        shared_across_teams=False,
        customer_facing=True,
        regulated=True,
    )
    with sqlite_loan.database.write() as tx:
        registry.update_model(tx, ADA, "car-loan", ModelChange(owner="user:bo"))
        registry.update_model(tx, ADA, "car-loan", ModelChange(purpose="lends"))
        registry.assess_model(tx, ADA, "car-loan", answers)
    assert f"full {leaf(sqlite_loan, Event.MODEL_ASSESSED)}" in told(sqlite_loan, 1)
    with sqlite_loan.database.write() as tx:
        registry.lower_risk(tx, person("cy"), "car-loan", NewLowering(risk=Risk.LIGHT, reason="pilot", days=7))
    text = told(sqlite_loan, 1)
    assert f"Owner user:bo {leaf(sqlite_loan, Event.MODEL_UPDATED, 1)}" in text
    lowered = "light instead of full until 2026-01-12 09:00:00 UTC, by user:cy: pilot"
    assert f"{lowered} {leaf(sqlite_loan, Event.RISK_LOWERED)}" in text


def test_an_incident_was_resolved_by_who_resolved_it(sqlite_loan: Clearance) -> None:
    alarm = Alarm(
        kind="load_refused",
        model="car-loan",
        environment="production",
        severity=Severity.PAGE,
        title="It was refused",
        summary="a byte differs",
        subject="model/car-loan/1",
        labels={},
    )
    with sqlite_loan.database.write() as tx:
        alert = response.raise_alert(tx, ADA, alarm)
        response.acknowledge(tx, person("olga"), alert.id)
        response.resolve_incident(tx, person("pat"), alert.incident or "", "a disk")
    assert f"by user:pat: a disk {leaf(sqlite_loan, Event.INCIDENT_RESOLVED)}" in told(sqlite_loan, 1)
