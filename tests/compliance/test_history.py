"""History: what served when is told from the log, with who and why, and a table that says otherwise is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.cli.main import app as cli
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.compliance import history, timeline
from clearance.compliance.served import History, Share
from clearance.delivery import service as delivery
from clearance.delivery.model import NewPromotion, NewRollout, RollbackRequest, Step
from clearance.errors import InvalidInput, NotFound
from clearance.policy import service as policy
from clearance.policy.consent import NewWaiver
from clearance.policy.model import Standing
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import Reason, Risk
from tests.conftest import START, person
from tests.delivery.conftest import ADA, PACK, decide, promote
from tests.policy import registered
from tests.policy.samples import CHECKS
from tests.web.showcase import Showcase

HOUR = timedelta(hours=1)
STEPS = (Step(weight=20, minimum_seconds=1, minimum_requests=1),)


def told(parts: Clearance, at: str | None = None, environment: str = "production") -> History:
    with parts.database.read() as tx:
        return history.history(tx, parts.log_verifier, "car-loan", environment, at)


def rows(found: History) -> list[tuple[float, float | None, list[tuple[int, float]]]]:
    """Return the intervals as hours since START, with version and traffic of each arm that might serve."""

    def hours(at: datetime | None) -> float | None:
        return None if at is None else (at - START) / HOUR

    return [
        (hours(each.since) or 0.0, hours(each.until), [(arm.number, arm.weight) for arm in each.serving])
        for each in found.intervals
    ]


def test_promotions_and_a_rollback_are_intervals_that_follow_each_other(loan: Clearance, clock: FixedClock) -> None:
    clock.advance(HOUR)
    promote(loan, 2)
    clock.advance(HOUR)
    with loan.database.write() as tx:
        delivery.rollback(tx, ADA, loan.gate, "car-loan", RollbackRequest(reason="slow"))
    found = told(loan)
    assert rows(found) == [(0, 1, [(1, 100)]), (1, 2, [(2, 100)]), (2, None, [(1, 100)])]
    assert found.problems == ()
    assert [each.began.reason for each in found.intervals][-1] == "slow"
    assert found.intervals[0].arms[0].moved.by == "user:ada"


def test_a_canary_is_told_with_both_versions_and_their_traffic(loan: Clearance, clock: FixedClock) -> None:
    decide(loan, 2)
    clock.advance(HOUR)
    with loan.database.write() as tx:
        rollout = delivery.start_rollout(
            tx, ADA, loan.gate, NewRollout(model="car-loan", candidate=2, strategy="canary", steps=STEPS)
        )
    clock.advance(HOUR)
    during = told(loan)
    assert rows(during)[-1] == (1, None, [(1, 80), (2, 20)])
    assert [arm.share for arm in during.intervals[-1].arms] == [Share.STABLE, Share.CANDIDATE]
    assert during.intervals[-1].arms[0].since == START, "the stable version has served all the time"
    assert during.problems == ()
    with loan.database.write() as tx:
        delivery.abort_rollout(tx, ADA, rollout.id, Reason(reason="enough"))
    assert rows(told(loan)) == [(0, 1, [(1, 100)]), (1, 2, [(1, 80), (2, 20)]), (2, None, [(1, 100)])]
    assert told(loan).problems == ()


def test_a_quarantine_ends_serving_although_the_pointer_stays(loan: Clearance, clock: FixedClock) -> None:
    clock.advance(HOUR)
    with loan.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 1, "unsafe")
    clock.advance(HOUR)
    with loan.database.write() as tx:
        registry.release_version(tx, ADA, "car-loan", 1, "safe after all")
    found = told(loan)
    assert rows(found) == [(0, 1, [(1, 100)]), (1, 2, []), (2, None, [(1, 100)])]
    (stopped,) = found.intervals[1].arms
    assert (stopped.standing, stopped.reason) == (Standing.STOPPED, "it is quarantined: unsafe")
    assert told(loan, "2026-01-05T10:30:00Z").summary == (
        "Nothing served car-loan in production at 2026-01-05T10:30:00Z. "
        "The pointer named car-loan/1, which may not be used."
    )


def test_a_day_lists_every_version_that_served_in_it_and_a_moment_only_one(loan: Clearance, clock: FixedClock) -> None:
    clock.advance(timedelta(days=1))
    promote(loan, 2)
    clock.advance(timedelta(days=1))
    assert [each.serving[0].number for each in told(loan, "2026-01-06").intervals] == [1, 2]
    assert [each.serving[0].number for each in told(loan, "2026-01-05").intervals] == [1]
    assert [each.serving[0].number for each in told(loan, "2026-01-06T08:59:59Z").intervals] == [1]
    assert [each.serving[0].number for each in told(loan, "2026-01-06T10:00:00+01:00").intervals] == [2]
    assert told(loan, "2026-01-04").summary.endswith("version 1 was the first, from 2026-01-05 09:00:00 UTC on.")


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-13-01", "neither a date nor a time"),
        ("yesterday", "neither a date nor a time"),
        ("2026-01-05T12:00:00", "has no zone"),
        ("2027-01-01", "in the future"),
        ("9999-12-31", "neither a date nor a time"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused(sqlite_loan: Clearance, at: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        told(sqlite_loan, at)


def test_what_never_served_and_what_there_is_not_are_told_apart(sqlite_loan: Clearance) -> None:
    assert told(sqlite_loan, environment="staging").summary == "Nothing has ever served car-loan in staging."
    with sqlite_loan.database.read() as tx:
        with pytest.raises(NotFound, match="no model"):
            history.history(tx, sqlite_loan.log_verifier, "none")
        with pytest.raises(InvalidInput, match="no environment"):
            history.history(tx, sqlite_loan.log_verifier, "car-loan", "moon")


def test_approvals_evidence_and_policy_come_with_their_leaves(sqlite_parts: Clearance) -> None:
    parts = sqlite_parts
    version = registered.ready(parts, risk=Risk.FULL)
    waiting = registered.decide(parts, version)
    for who in (registered.BO, registered.CY):
        voted = registered.approve(parts, waiting.approval_id, who)
        if voted.decision is not None:
            break
    with parts.database.write() as tx:
        assert delivery.promote(tx, ADA, parts.gate, NewPromotion(model="car-loan", number=1)).moved
    found = told(parts)
    assert found.problems == ()
    grounds = found.ground(found.intervals[0].arms[0].decision)
    assert grounds is not None
    assert {each.voter for each in grounds.approvals} >= {"user:bo"}
    assert all(each.comment == "looked at it" and Role.APPROVER in each.roles for each in grounds.approvals)
    assert grounds.pack_digest.startswith("sha256:")
    assert len(grounds.evidence) == len(CHECKS)
    leaves = [grounds.leaf, *(each.leaf for each in grounds.approvals), *(each.leaf for each in grounds.evidence)]
    assert None not in leaves
    assert set(leaves) <= set(found.leaves)


def test_a_decision_lapses_when_the_waiver_that_it_stood_on_runs_out(sqlite_loan: Clearance, clock: FixedClock) -> None:
    strict = PACK.replace('"1"', '"2"') + (
        "  - {id: ripe, title: It is ripe, severity: block, expression: version.number > 9, message: no, sources: [X4]}\n"
    )
    with sqlite_loan.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=strict))
        waiver = NewWaiver(rule="ripe", model="car-loan", reason="for a day", days=1)
        policy.grant_waiver(tx, person("bo", Role.APPROVER), waiver)
    moved = promote(sqlite_loan, 2)
    assert moved.moved, moved.decision.reason
    clock.advance(timedelta(days=3))
    found = told(sqlite_loan)
    assert rows(found) == [(0, 24, [(2, 100)]), (24, None, [(2, 100)])]
    ended = found.intervals[0].ended
    assert ended is not None
    assert (ended.leaf, "ran out" in ended.reason) == (None, True)
    assert found.intervals[1].arms[0].standing is Standing.LAPSED
    assert [each.rule for each in found.grounds[-1].waivers] == ["ripe"]
    assert found.problems == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("update delivery_pointers set stable = 2", "by the log version 1 serves in production now, by the tables version 2"),
        ("delete from delivery_moves", "a promotion to version 1 that the tables do not know"),
        ("update registry_versions set status = 'retired'", "version 1 is registered by the log, and retired by the tables"),
        ("update policy_decisions set pack_digest = pack_digest, outcome = 'denied', facts = replace(facts, 'ada', 'bob')",
         "is not the one in leaf"),
        ("delete from policy_decisions", "is in the log, but stored no more"),
        ("update audit_leaves set leaf = cast(replace(cast(leaf as text), '\"to\":1', '\"to\":3') as blob) where event = 'pointer.moved'",
         "does not verify"),
    ],
)  # fmt: skip
def test_a_table_or_a_leaf_that_was_changed_is_said_loudly(sqlite_loan: Clearance, change: str, says: str) -> None:
    assert told(sqlite_loan).problems == ()
    with sqlite_loan.database.engine.begin() as connection:
        connection.execute(sa.text("pragma foreign_keys = off"))
        connection.exec_driver_sql(change)
    assert any(says in problem for problem in told(sqlite_loan).problems), told(sqlite_loan).problems


def test_the_replay_does_not_depend_on_the_order_in_which_leaves_are_read() -> None:
    def leaf(index: int, event: Event, subject: str, **data: object) -> Entry:
        at = START + index * HOUR
        return Entry(index=index, at=at, event=event, actor="user:x", subject=subject, data=data)

    leaves = [
        leaf(
            0, Event.DECISION_MADE, "model/m/1", decision="d1", outcome="allowed", reason="", environment="production"
        ),
        leaf(1, Event.POINTER_MOVED, "model/m/1", to=1, decision="d1", environment="production"),
        leaf(2, Event.POINTER_MOVED, "model/m/7", to=7, decision="d1", environment="staging"),
        leaf(
            3, Event.DECISION_MADE, "model/m/1", decision="d2", outcome="denied", reason="old", environment="production"
        ),
        leaf(
            4, Event.DECISION_MADE, "model/m/1", decision="d3", outcome="pending", reason="", environment="production"
        ),
        leaf(
            5, Event.DECISION_MADE, "model/m/1", decision="d4", outcome="allowed", reason="", environment="production"
        ),
    ]
    forward = timeline.replay(leaves, "production", START + 9 * HOUR)
    assert forward == timeline.replay(reversed(leaves), "production", START + 9 * HOUR)
    assert [(each.arms[0].standing, each.arms[0].decision) for each in forward.intervals] == [
        (Standing.ADMITTED, "d1"),
        (Standing.LAPSED, "d1"),
        (Standing.ADMITTED, "d4"),
    ]


def _leaf(hour: float, index: int, event: Event, subject: str, **data: object) -> Entry:
    at = START + hour * HOUR
    return Entry(
        index=index, at=at, event=event, actor="system", subject=subject, data={"environment": "production", **data}
    )


def _allowed(number: int) -> Entry:
    decision = {"decision": f"d{number}", "outcome": "allowed", "reason": ""}
    return _leaf(0, number - 1, Event.DECISION_MADE, f"model/m/{number}", **decision)


def _moved(hour: float, index: int, to: int) -> Entry:
    return _leaf(hour, index, Event.POINTER_MOVED, f"model/m/{to}", to=to, decision=f"d{to}")


def _refused(hour: float, index: int, number: int, code: str = "blob_corrupt", **data: object) -> Entry:
    return _leaf(hour, index, Event.LOAD_REFUSED, f"model/m/{number}", code=code, reason="a byte differs", **data)


def _at(hour: float) -> str:
    return (START + hour * HOUR).isoformat()


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        pytest.param(
            [_moved(1, 3, 2), _refused(1.1, 4, 2, serving=1, not_since=_at(0.9)), _moved(2, 5, 1)],
            [(0, (1,), None), (1, (1,), 4), (2, (1,), None)],
            id="from the move on, for the gateway had not loaded it before",
        ),
        pytest.param(
            [_moved(1, 3, 2), _refused(5, 4, 2, serving=None, not_since=_at(5))],
            [(0, (1,), None), (1, (2,), None), (5, (), 4)],
            id="from a restart on, for it had served until then",
        ),
        pytest.param(
            [_moved(1, 3, 2), _refused(1, 4, 2, serving=1, not_since=_at(0.9)),
             _leaf(3, 5, Event.LOAD_ACCEPTED, "model/m/2", refused=4)],
            [(0, (1,), None), (1, (1,), 4), (3, (2,), None)],
            id="until it was loaded after all",
        ),
        pytest.param(
            [_moved(1, 3, 2), _refused(1, 4, 2, serving=1, not_since=_at(0.9)), _moved(2, 5, 1), _moved(3, 6, 2)],
            [(0, (1,), None), (1, (1,), 4), (2, (1,), None), (3, (2,), None)],
            id="until the pointer comes to it anew, and nothing is refused",
        ),
        pytest.param(
            [_refused(1, 3, 1, serving=1, not_since=_at(0.5))],
            [(0, (1,), None)],
            id="not at all where only loading it again was refused",
        ),
        pytest.param(
            [_leaf(1, 3, Event.VERSION_QUARANTINED, "model/m/1", reason="x"),
             _refused(1.1, 4, 1, "not_admitted", serving=None, not_since=_at(0.9)),
             _leaf(2, 5, Event.VERSION_RELEASED, "model/m/1", reason="y")],
            [(0, (1,), None), (1, (), None), (2, (1,), None)],
            id="until it is admitted again, where that was what stood against it",
        ),
        pytest.param(
            [_moved(1, 3, 2), _refused(1, 4, 2, serving=1, not_since=_at(0.9)),
             _leaf(2, 5, Event.VERSION_QUARANTINED, "model/m/1", reason="x")],
            [(0, (1,), None), (1, (1,), 4), (2, (), 4)],
            id="and what went on may be stopped as well",
        ),
        pytest.param(
            [_leaf(1, 3, Event.ROLLOUT_STARTED, "rollout/r", candidate=2, weight=20.0, decision="d2"),
             _refused(1, 4, 2, serving=1, not_since=_at(0.9))],
            [(0, (1,), None), (1, (1,), 4)],
            id="of a canary, whose share went to the stable version",
        ),
        pytest.param(
            [_moved(1, 3, 2), _refused(1.5, 4, 2)],
            [(0, (1,), None), (1, (2,), None), (1.5, (), 4)],
            id="from its leaf on where an older gateway said no more",
        ),
    ],
)  # fmt: skip
def test_what_the_gateway_refused_did_not_serve(
    leaves: list[Entry], says: list[tuple[float, tuple[int, ...], int]]
) -> None:
    found = timeline.replay([_allowed(1), _allowed(2), _moved(0, 2, 1), *leaves], "production", START + 9 * HOUR)
    assert [
        (
            (each.since - START) / HOUR,
            each.answered,
            next((arm.refused.leaf for arm in each.arms if arm.refused), None),
        )
        for each in found.intervals
    ] == says


def test_the_client_and_the_command_tell_the_same(sqlite_loan: Clearance, client: Client) -> None:
    found = client.reports.history("car-loan")
    assert found == told(sqlite_loan)
    home = str(sqlite_loan.settings.home)
    done = CliRunner().invoke(cli, ["--home", home, "history", "car-loan", "--json"], catch_exceptions=False)
    assert json.loads(done.stdout)["intervals"][0]["arms"][0]["number"] == 1
    shown = CliRunner().invoke(cli, ["--home", home, "history", "car-loan", "--at", "2026-01-05"])
    assert "car-loan/1 served in production on 2026-01-05." in shown.stdout
    with sqlite_loan.database.engine.begin() as connection:
        connection.execute(sa.text("update delivery_pointers set stable = 2"))
    loud = CliRunner().invoke(cli, ["--home", home, "history", "car-loan"])
    assert (loud.exit_code, "disagreement" in loud.stdout) == (1, True)


def test_the_page_tells_a_rollout_that_was_rolled_back(
    showcase: Showcase, tmp_path: Path, as_user: Callable[[Principal], Client]
) -> None:
    with showcase.parts.database.read() as tx:
        found = history.history(tx, showcase.parts.log_verifier, "car-loan")
    assert [[(arm.number, arm.weight) for arm in each.arms] for each in found.intervals] == [
        [(1, 100)],
        [(1, 90), (2, 10)],
        [(1, 100)],
    ]
    assert found.problems == ()
