"""The demo's server: a process of its own, people with their own tokens, and nothing left behind."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import httpx
import pytest

from clearance.demo.installation import HOST, PEOPLE, Installation, check_home, environment
from clearance.demo.narrator import Narrator
from clearance.demo.story import STEPS, Stage, StepFailed, expect, tell
from clearance.errors import InvalidInput, Unavailable


def test_a_folder_that_is_in_use_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(InvalidInput) as refused:
        check_home(tmp_path)
    assert refused.value.code == "demo_home_used"
    assert "--home" in refused.value.hint


@pytest.mark.parametrize("name", ["new", "."])
def test_a_new_or_empty_folder_is_taken(name: str, tmp_path: Path) -> None:
    check_home(tmp_path / name)


def test_nothing_that_is_set_for_clearance_reaches_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARANCE_DATABASE_URL", "postgresql://somewhere/precious")
    assert not [name for name in environment() if name.startswith("CLEARANCE_")]
    assert environment()["PATH"] == os.environ["PATH"]


def test_people_have_tokens_of_their_own_and_the_server_ends_with_the_block(tmp_path: Path) -> None:
    with Installation(tmp_path / "home") as made:
        for name, roles in PEOPLE.items():
            found = made.client(name).access.whoami()
            assert (found.name, set(found.roles)) == (f"user:{name}", set(roles))
        url = made.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")
    broken = tell(Stage(made, Narrator(quiet=True), tmp_path / "files"), started=0.0)
    assert not broken.ok
    assert [step.id for step in broken.steps] == list(STEPS)
    assert "server_unreachable" in broken.steps[0].reason
    assert {step.reason for step in broken.steps[1:]} == {"not run: lending failed"}


def test_a_port_that_is_taken_is_told_before_anything_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(Unavailable, match="in use") as refused, Installation(home, taken.getsockname()[1]):
            pytest.fail("it started")
    assert refused.value.code == "address_unusable"
    assert not home.exists(), "the next try would take it for somebody's"


class Raced(Installation):
    """Another program takes the port right after it was looked at."""

    def _first_token(self) -> str:
        self.other = socket.socket()
        self.other.bind((HOST, self.port))
        self.other.listen()
        return super()._first_token()


def test_a_server_that_does_not_start_is_told_with_its_error_and_leaves_no_process(tmp_path: Path) -> None:
    raced = Raced(tmp_path)
    with pytest.raises(Unavailable, match=r"did not start: http://.* in use") as refused:
        raced.__enter__()
    raced.other.close()
    assert refused.value.code == "demo_not_started"
    assert str(tmp_path / "server.log") in refused.value.hint


def test_a_quiet_narrator_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    narrator = Narrator(quiet=True)
    narrator.chapter("title", "why")
    narrator.say("text")
    narrator.table(("a", "b"), [(1, 2)])
    with narrator.waiting("waiting"):
        assert list(narrator.track([1, 2, 3], "tracking")) == [1, 2, 3]
    assert capsys.readouterr().out == ""


def test_a_step_fails_with_the_reason_of_what_was_expected() -> None:
    expect(1, "never")
    with pytest.raises(StepFailed, match="the reason"):
        expect(0, "the reason")
