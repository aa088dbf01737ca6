"""The whole story, as a newcomer runs it: a process, one JSON document, a folder that can be checked afterwards."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clearance.demo.installation import environment
from clearance.values import sha256

pytestmark = pytest.mark.story

STEPS = ["lending", "income", "tampering", "traffic", "canary", "proof"]


def clearance(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clearance", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment() if env is None else env,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("story") / "home"


@pytest.fixture(scope="module")
def told(home: Path) -> dict[str, Any]:
    options = ["--no-serve", "--json", "--home", str(home)]
    if (Path(sys.prefix) / ".demo").exists():  # this environment was made by make: do what the README says
        command = ["make", "--no-print-directory", "-s", "demo", f"VENV={sys.prefix}", f"DEMO_ARGS={' '.join(options)}"]
        root = Path(__file__).parents[2]
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, check=False, timeout=300, env=environment()
        )
    else:
        done = clearance("demo", *options)
    document: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0, document
    return document


def facts(told: dict[str, Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each["facts"] for each in told["steps"] if each["id"] == step)
    return found


def test_every_step_goes_as_it_should(told: dict[str, Any]) -> None:
    assert [(step["id"], step["ok"]) for step in told["steps"]] == [(step, True) for step in STEPS]
    assert told["seconds"] > 0


def test_lending_is_promoted_with_complete_provenance_and_every_check_passed(told: dict[str, Any]) -> None:
    found = facts(told, "lending")
    assert found["served_by"] == "car-loan/1"
    assert found["provenance_complete"]
    assert set(found["verdicts"]) == {"data", "performance", "artifact_safety", "contract", "latency"}
    assert set(found["verdicts"].values()) == {"passed"}
    assert found["auc"]["low"] <= found["auc"]["value"] <= found["auc"]["high"]


def test_income_is_denied_by_the_four_fifths_rule_with_figure_group_and_interval(told: dict[str, Any]) -> None:
    found = facts(told, "income")
    assert "fairness-four-fifths" in found["denied_rules"]
    figure = found["denied_figure"]
    assert figure["low"] <= figure["value"] <= figure["high"] < 0.8
    assert figure["group"]
    assert found["own_approval_refused"] == "own_version"
    assert found["decision"]["approvals"] == ["user:bob"]
    assert found["served_by"] == "income/2"


def test_a_flipped_byte_is_refused_while_the_version_before_goes_on(told: dict[str, Any]) -> None:
    found = facts(told, "tampering")
    assert "were changed" in found["refused_reason"]
    assert found["served_by"] == found["rolled_back_to"] == "car-loan/1"


def test_every_prediction_of_ten_months_is_an_event(told: dict[str, Any]) -> None:
    assert facts(told, "traffic")["events"] == 50_000


def test_drift_is_raised_in_the_week_in_which_it_begins_and_not_before(told: dict[str, Any]) -> None:
    found = facts(told, "traffic")
    assert found["first_drift_window"] == "2019-04-01"
    assert (found["windows_before"], found["drift_alarms_before"]) == (22, 0)
    assert "car_value" in found["drifted"]


def test_every_week_has_an_auc_once_its_labels_have_come(told: dict[str, Any]) -> None:
    found = facts(told, "traffic")
    assert found["auc_without_labels"] == 0
    assert len(found["auc_by_window"]) == 44
    assert all(0.9 < auc < 1 for auc in found["auc_by_window"].values())
    assert 0 < found["auc_provisional"] < 44


def test_the_bad_candidate_is_taken_back_by_itself_within_seconds(told: dict[str, Any]) -> None:
    found = facts(told, "canary")
    assert found["rolled_back"]
    assert found["versions_after"] == ["car-loan/1"]
    assert 0 <= found["seconds_from_breach_to_rollback"] < 15
    assert found["alert"]["severity"] == "page"
    assert len(found["alert"]["fingerprint"]) == 16
    assert {"rollout.started", "rollout.rolled_back", "alert.raised"} <= set(found["incident"]["timeline"])


def test_the_log_verifies_and_the_passport_needs_nothing_but_its_file(told: dict[str, Any], home: Path) -> None:
    found = facts(told, "proof")
    assert found["leaves"] > 50
    assert found["passport_verified"]
    assert found["forged_passport_refused"]
    assert found["decisions"]["reproduced"] == found["decisions"]["total"] >= 4
    passport = home.parent / "passport.json"
    assert clearance("--home", str(home), "passport", "export", "car-loan", "1", str(passport)).returncode == 0
    assert clearance("passport", "verify", str(passport), env={}).returncode == 0
    assert clearance("--home", str(home), "audit", "verify").returncode == 0
    assert json.loads(clearance("--home", str(home), "policy", "replay", "--json").stdout)["differing"] == []


def test_the_report_is_one_page_whose_digest_the_log_holds(told: dict[str, Any], home: Path) -> None:
    found = facts(told, "proof")
    page = Path(found["report"]).read_bytes()
    assert sha256(page) == found["report_digest"]
    assert page.lstrip().lower().startswith(b"<!doctype html>")
    assert not any(word in page for word in (b"<script src", b"<link", b'src="http'))


def test_a_second_run_on_the_same_folder_is_refused_and_harms_nothing(told: dict[str, Any], home: Path) -> None:
    again = clearance("demo", "--no-serve", "--json", "--home", str(home))
    assert again.returncode == 2
    assert json.loads(again.stdout)["error"]["code"] == "demo_home_used"
    assert clearance("--home", str(home), "audit", "verify").returncode == 0


@pytest.fixture
def _ctrl_c_works() -> Iterator[None]:
    """A shell starts what runs in its background with Ctrl-C ignored, and children inherit that: not here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_works")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ending_the_demo_ends_its_server(ending: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "clearance", "demo", "--home", str(tmp_path / "home"), "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment()
    ) as demo:
        try:
            wait_until_healthy(port)
            demo.send_signal(ending)
            _, said = demo.communicate(timeout=60)
        finally:
            demo.kill()
    assert demo.returncode == 1  # the story had not been told to its end
    assert "Traceback" not in said
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def wait_until_healthy(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")
