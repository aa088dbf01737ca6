"""Delivery over the API, by the client, and from the command line, in process."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.cli.main import app
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.delivery import strategy_source
from clearance.delivery.model import RolloutState, Step, StrategySource
from clearance.errors import Conflict, Denied, Forbidden, InvalidInput, NotFound
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.settings import load
from clearance.values import digest_of, plain
from tests.conftest import START, person
from tests.delivery.conftest import ADA, PACK, decide, forbid, prepare, promote, send
from tests.delivery.test_strategy_source import LIKE

STEPS = (Step(weight=25, minimum_seconds=1, minimum_requests=100),)


def test_a_version_is_promoted_rolled_out_and_rolled_back_by_the_client(
    sqlite_loan: Clearance, client: Client, clock: FixedClock
) -> None:
    decide(sqlite_loan, 2)
    rollout = client.rollouts.start("car-loan", 2, steps=STEPS)
    assert client.rollouts.get(rollout.id) == rollout
    assert [found.id for found in client.rollouts.list("car-loan", active=True)] == [rollout.id]
    assert client.rollouts.pause(rollout.id, "wait").state is RolloutState.PAUSED
    assert client.rollouts.resume(rollout.id, "go").state is RolloutState.RUNNING
    send(sqlite_loan, 1, "stable", START, 200)
    send(sqlite_loan, 2, "candidate", START, 200)
    clock.advance(timedelta(seconds=2))
    assert client.rollouts.reconcile(rollout.id).state is RolloutState.COMPLETED
    assert [seen.candidate_requests for seen in client.rollouts.analyses(rollout.id)] == [200]
    assert [pointer.stable for pointer in client.delivery.pointers("car-loan")] == [2]
    assert client.delivery.promote("car-loan", 3).moved
    assert client.delivery.rollback("car-loan", "it is slow").to_number == 2
    kinds = [move.kind for move in client.delivery.moves("car-loan")]
    assert kinds == ["rollback", "promotion", "rollout", "promotion"]
    assert [each.name for each in client.delivery.environments()] == ["development", "staging", "production"]
    assert {found.name for found in client.rollouts.strategies()} == {"canary", "canary-quick"}


def test_a_denial_names_its_rules_and_its_decision_stays(sqlite_loan: Clearance, client: Client) -> None:
    forbid(sqlite_loan, 2)
    with pytest.raises(Denied, match="version 2 is not wanted") as caught:
        client.delivery.promote("car-loan", 2)
    assert caught.value.code == "promotion_denied"
    assert [rule["id"] for rule in caught.value.details["rules"]] == ["version-wanted"]
    assert client.policy.get(caught.value.details["decision"]).outcome == "denied"


def test_bad_requests_are_refused_in_clear_words(sqlite_loan: Clearance, client: Client) -> None:
    with pytest.raises(NotFound, match="no version 77"):
        client.delivery.promote("car-loan", 77)
    with pytest.raises(InvalidInput, match="reason is empty"):
        client.delivery.rollback("car-loan", "")
    with pytest.raises(Conflict, match="no version to go back to"):
        client.delivery.rollback("car-loan", "because")
    with pytest.raises(Denied, match="nobody has decided"):
        client.rollouts.start("car-loan", 3)
    with pytest.raises(NotFound, match="no rollout rol_x"):
        client.rollouts.abort("rol_x", "because")
    with pytest.raises(InvalidInput, match="steps"):
        client.http.post("/rollouts", dict, {"model": "car-loan", "candidate": 2, "steps": [{"weight": "much"}]})


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.APPROVER])
def test_who_may_not_deliver_changes_nothing(
    sqlite_loan: Clearance, as_user: Callable[..., Client], role: Role
) -> None:
    other = as_user(person("eve", role))
    with pytest.raises(Forbidden, match="deliver"):
        other.delivery.promote("car-loan", 2)
    with pytest.raises(Forbidden, match="deliver"):
        other.delivery.rollback("car-loan", "because")
    with pytest.raises(Forbidden, match="deliver"):
        other.rollouts.start("car-loan", 2)
    assert [pointer.stable for pointer in other.delivery.pointers("car-loan")] == [1]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder in which car-loan/1 serves and 2 is admitted."""
    parts = Clearance(load({}, home=tmp_path / "home"))
    prepare(parts)
    promote(parts, 1)
    decide(parts, 2)
    parts.close()
    return tmp_path / "home"


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *arguments])


def test_the_commands_promote_roll_out_and_roll_back(home: Path) -> None:
    assert "car-loan" in run(home, "environments").stdout
    assert "No rollouts" in run(home, "rollouts", "list").stdout
    started = json.loads(run(home, "rollouts", "start", "car-loan", "2", "--json").stdout)
    shown = run(home, "rollouts", "show", started["id"])
    assert "5% of traffic" in shown.stdout
    assert "paused" in run(home, "rollouts", "pause", started["id"]).stdout
    assert "running" in run(home, "rollouts", "resume", started["id"]).stdout
    assert "error_rate" in run(home, "rollouts", "reconcile", started["id"]).stdout
    assert "aborted" in run(home, "rollouts", "abort", started["id"], "--reason", "enough").stdout
    assert "car-loan/2 serves in production" in run(home, "promote", "car-loan", "2").stdout
    assert "car-loan/1 serves in production" in run(home, "rollback", "car-loan", "--reason", "slow").stdout
    assert json.loads(run(home, "environments", "--json").stdout)[2]["pointers"][0]["stable"] == 1


def test_a_quarantined_version_is_shown_as_refused_and_not_as_serving(home: Path) -> None:
    run(home, "versions", "quarantine", "car-loan", "1", "--reason", "labels were poisoned")
    shown = run(home, "environments").stdout
    assert "1, refused" in shown
    assert "asked for, refused car-loan/1 in production: car-loan/1 is quarantined: labels were poisoned" in shown
    pointer = json.loads(run(home, "environments", "--json").stdout)[2]["pointers"][0]
    assert (pointer["stable"], pointer["stable_admission"]["standing"]) == (1, "stopped")


def test_a_strategy_of_ones_own_comes_from_a_file_and_stays_with_the_rollout(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "careful.yaml"
    file.write_text(LIKE)
    started = json.loads(run(home, "rollouts", "start", "car-loan", "2", "--strategy", str(file), "--json").stdout)
    assert (started["strategy"]["name"], started["weight"]) == ("careful", 1)
    assert started["strategy"] == plain(strategy_source.read(StrategySource(source=LIKE)))
    (leaf,) = json.loads(run(home, "audit", "log", "--event", "rollout.started", "--json").stdout)
    assert leaf["data"]["strategy_digest"] == digest_of(started["strategy"])
    assert "step 1 of 2 of careful 1" in run(home, "rollouts", "show", started["id"]).stdout
    file.write_text(LIKE.replace("weight: 20", "weight: lots"))
    refused = run(home, "rollouts", "start", "car-loan", "2", "--strategy", str(file))
    assert "careful.yaml:6:14: steps[1].weight" in str(refused.exception)
    missing = run(home, "rollouts", "start", "car-loan", "2", "--strategy", str(tmp_path / "none.yaml"))
    assert "can't be read" in str(missing.exception)


def test_steps_are_given_on_the_command_line(home: Path) -> None:
    shown = run(home, "rollouts", "strategies")
    assert "canary-quick" in shown.stdout
    start = ("rollouts", "start", "car-loan", "2", "--json")
    for bad, says in (("5:60", "is not WEIGHT:SECONDS:REQUESTS"), ("0:60:10", "step 1: weight 0")):
        assert says in str(run(home, *start, "--step", bad).exception)
    started = json.loads(run(home, *start, "--step", "5:60:10", "--step", "40:30.5:20").stdout)
    assert started["strategy"]["version"] == "1+steps"
    assert [tuple(step.values()) for step in started["strategy"]["steps"]] == [(5, 60, 10), (40, 30.5, 20)]


def test_promoting_again_says_so_and_is_done(home: Path) -> None:
    again = run(home, "promote", "car-loan", "1")
    assert (again.exit_code, "car-loan/1 serves in production already" in again.stdout) == (0, True)
    assert json.loads(run(home, "promote", "car-loan", "1", "--json").stdout)["moved"] is False


def test_a_promotion_that_waits_ends_with_one_and_says_for_what(home: Path) -> None:
    asking = PACK.replace("{count: 0}", "{count: 1, roles: [approver]}").replace('"1"', '"2"')
    parts = Clearance(load({}, home=home))
    with parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=asking))
    parts.close()
    waiting = run(home, "promote", "car-loan", "3")
    assert waiting.exit_code == 1
    assert "car-loan/3 waits for approval: the rules hold; 0 of 1 approvals by approver are there" in waiting.stdout
    assert "The pointer did not move: car-loan/1 goes on serving in production." in waiting.stdout
    assert "clearance approvals approve apr_" in waiting.stdout
    as_json = run(home, "promote", "car-loan", "3", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["moved"]) == (1, False)
    assert run(home, "promote", "car-loan", "3", "--to", "staging").exit_code == 1


def test_an_empty_installation_says_what_to_do_next(tmp_path: Path) -> None:
    assert "clearance promote MODEL NUMBER" in run(tmp_path / "home", "environments").stdout
