"""Policy through the API, the client and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.errors import ClearanceError, Forbidden, InvalidInput, NotFound
from clearance.policy.consent import RequestState
from clearance.policy.model import Outcome
from clearance.registry.model import Risk
from clearance.values import digest_of
from tests.conftest import person
from tests.policy.registered import ADA, BO, DEV, ready, register
from tests.policy.samples import YAML

AsUser = Callable[[Principal], Client]


def test_the_whole_way_from_pending_to_allowed_goes_through_the_client(
    sqlite_parts: Clearance, as_user: AsUser
) -> None:
    ready(sqlite_parts, "income", Risk.FULL)
    decision = as_user(DEV).policy.decide("income", 1)
    assert decision.outcome is Outcome.PENDING
    with pytest.raises(Forbidden) as caught:
        as_user(ADA).approvals.approve(str(decision.approval_id))
    assert caught.value.code == "own_version"
    with pytest.raises(Forbidden) as refused:
        as_user(DEV).approvals.approve(str(decision.approval_id))
    assert refused.value.code == "permission_missing"
    bo = as_user(BO)
    assert [request.id for request in bo.approvals.list(mine=True)] == [decision.approval_id]
    voted = bo.approvals.approve(str(decision.approval_id), "looked at the slices")
    assert voted.decision is not None
    assert voted.decision.outcome is Outcome.ALLOWED
    assert bo.policy.get(voted.decision.id) == voted.decision
    assert digest_of(voted.decision.facts) == voted.decision.facts_digest
    assert bo.policy.admission("income", 1).allowed
    assert [each.id for each in bo.policy.decisions("income", 1)] == [voted.decision.id, decision.id]
    report = as_user(person("aud", Role.AUDITOR)).policy.replay()
    assert (report.total, report.reproduced) == (2, 2)
    assert bo.approvals.get(str(decision.approval_id)).state is RequestState.APPROVED


def test_a_denial_is_an_answer_with_its_rules(sqlite_parts: Clearance, client: Client) -> None:
    register(sqlite_parts)
    decision = client.policy.decide("car-loan", 1)
    assert decision.outcome is Outcome.DENIED
    assert "artifact-signed" in decision.reason


def test_a_dry_run_goes_through_the_client_and_stores_nothing(sqlite_parts: Clearance, as_user: AsUser) -> None:
    register(sqlite_parts)
    dev = as_user(DEV)
    seen = dev.policy.decide("car-loan", 1, dry_run=True)
    assert (seen.outcome, seen.dry_run, seen.vsa, list(dev.policy.decisions())) == (Outcome.DENIED, True, {}, [])
    answer = dev.http.client.post("/api/v1/decisions", json={"model": "car-loan", "number": 1, "dry_run": True})
    assert (answer.status_code, answer.json()["id"]) == (200, "")
    with pytest.raises(Forbidden):
        as_user(person("eve", Role.VIEWER)).policy.decide("car-loan", 1, dry_run=True)


def test_waivers_go_through_the_client(sqlite_parts: Clearance, as_user: AsUser) -> None:
    register(sqlite_parts)
    bo = as_user(BO)
    waiver = bo.waivers.grant("data-passed", "car-loan", reason="a pilot", days=3)
    assert [each.id for each in bo.waivers.list("car-loan")] == [waiver.id]
    assert bo.waivers.revoke(waiver.id).revoked_by == "user:bo"
    with pytest.raises(Forbidden):
        as_user(DEV).waivers.grant("data-passed", "car-loan", reason="a pilot", days=3)


def test_packs_are_checked_installed_and_listed(client: Client, as_user: AsUser, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(YAML)
    assert client.policy.check(file).pack.name == "own"
    assert len(list(client.policy.packs())) == 2
    installed = client.policy.install(file)
    assert client.policy.pack("own").digest == installed.digest
    with pytest.raises(Forbidden):
        as_user(DEV).policy.install(file)
    file.write_text(YAML.replace(">= parameters", ">= paramters"))
    with pytest.raises(InvalidInput, match=r"own\.yaml:14:17.*no fact `paramters`"):
        client.policy.check(file)
    file.write_bytes(b"\xff\xfe")
    for path in (file, tmp_path / "none.yaml"):
        with pytest.raises(InvalidInput):
            client.policy.check(path)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/decisions", {"model": "nobody", "number": 1}, 404),
        ("POST", "/decisions", {"model": "car-loan"}, 422),
        ("POST", "/decisions", {"model": "car-loan", "number": 1, "forced": True}, 422),
        ("GET", "/decisions/dec_none", None, 404),
        ("GET", "/decisions?cursor=x", None, 422),
        ("GET", "/decisions?limit=0", None, 422),
        ("POST", "/policy/packs", {"source": "rules: ["}, 422),
        ("POST", "/policy/check", {}, 422),
        ("POST", "/approvals/apr_none/approve", {}, 404),
        ("POST", "/waivers", {"rule": "x", "model": "nobody", "reason": "x", "days": 1}, 404),
        ("DELETE", "/waivers/wvr_none", None, 404),
        ("GET", "/policy/packs/none", None, 404),
    ],
)
def test_bad_requests_are_problems_with_a_code(
    client: Client, method: str, path: str, body: object, status: int
) -> None:
    response = client.http.client.request(method, "/api/v1" + path, json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"]


def clearance(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clearance", "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_decides_explains_and_ends_with_the_right_code(
    sqlite_parts: Clearance, clock: FixedClock, tmp_path: Path
) -> None:
    clock.advance(datetime.now(UTC) - clock.now())  # commands run by the machine's clock
    home = sqlite_parts.settings.home
    register(sqlite_parts)
    denied = clearance(home, "policy", "decide", "car-loan", "1")
    assert (denied.returncode, "artifact-signed" in denied.stdout) == (1, True), denied.stderr
    assert "Next: `clearance evidence sign car-loan 1` signs it.\n" in denied.stdout
    idle = [line for line in denied.stdout.splitlines() if "not apply" in line]
    assert len(idle) == 1, denied.stdout
    rehearsed = clearance(home, "policy", "decide", "car-loan", "1", "--dry-run")
    assert (rehearsed.returncode, "dry run: nothing was stored" in rehearsed.stdout) == (1, True), rehearsed.stderr
    ready(sqlite_parts, "income", data=b"other")
    allowed = clearance(home, "policy", "decide", "income", "1", "--json")
    assert allowed.returncode == 0, allowed.stdout
    found = json.loads(allowed.stdout)
    shown = clearance(home, "policy", "show", found["id"])
    assert (shown.returncode, "allowed" in shown.stdout) == (0, True)
    replayed = clearance(home, "policy", "replay", "--json")
    assert (replayed.returncode, json.loads(replayed.stdout)) == (0, {"total": 2, "reproduced": 2, "differing": []})
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: own\nname: own\n")
    checked = clearance(home, "policy", "check", str(bad))
    assert (checked.returncode, "bad.yaml:2:1" in checked.stderr) == (2, True)
    bad.write_text(YAML.replace(">= parameters", ">= paramters"))
    lines = clearance(home, "policy", "check", str(bad)).stderr.splitlines()
    hint = next(at for at, line in enumerate(lines) if line.startswith("hint "))
    assert lines[hint + 1].index("^") == lines[hint].index("paramters"), lines


def test_empty_listings_say_what_to_do(sqlite_parts: Clearance) -> None:
    for command, says in (("approvals", "pending"), ("waivers", "waivers grant"), ("policy", "policy decide")):
        listed = clearance(sqlite_parts.settings.home, command, "list")
        assert (listed.returncode, says in listed.stdout.replace("\n", " ")) == (0, True), listed.stderr


def test_who_has_nothing_to_vote_on_is_told_how_much_waits_for_others(
    sqlite_parts: Clearance, clock: FixedClock, as_user: AsUser
) -> None:
    clock.advance(datetime.now(UTC) - clock.now())  # commands run by the machine's clock
    ready(sqlite_parts, "income", Risk.FULL)
    assert as_user(DEV).policy.decide("income", 1).outcome is Outcome.PENDING
    home = sqlite_parts.settings.home
    mine = clearance(home, "approvals", "list", "--mine")
    assert mine.stdout.startswith("Nothing waits for you. 1 request waits for others: "), mine
    assert json.loads(clearance(home, "approvals", "list", "--mine", "--json").stdout) == []
    assert clearance(home, "approvals", "list", "--state", "rejected").stdout == "No request is rejected.\n"
    assert "income/1" in clearance(home, "approvals", "list", "--state", "open").stdout


def test_loading_the_client_and_commands_of_policy_is_light() -> None:
    loads = (
        "import sys, clearance.client.policy, clearance.cli.policy, clearance.cli.approvals, clearance.cli.waivers; "
        "heavy = {'cel_expr_python', 'sqlalchemy', 'fastapi', 'numpy', 'yaml'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_errors_keep_their_kind_through_the_client(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.policy.decide("nobody", 1)
    assert isinstance(caught.value, ClearanceError)
    assert caught.value.code == "model_not_found"
