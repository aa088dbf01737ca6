"""Durable jobs: what was started is done, once noted; loops go on; a killed process is taken up by the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from clearance.settings import Settings
from clearance.storage import jobs as module
from clearance.storage.jobs import Jobs


@pytest.fixture
def jobs(settings: Settings) -> Iterator[Jobs]:
    settings.home.mkdir(parents=True, exist_ok=True)
    made = Jobs(settings.jobs_url)
    yield made
    made.stop()


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_job_gets_its_argument_and_the_same_key_is_run_once(jobs: Jobs) -> None:
    seen: list[Any] = []
    jobs.register("note", seen.append)
    jobs.start()
    for _ in range(3):
        jobs.run("note", "k", {"a": [1, "b", None]})
    jobs.run("note", "other", {})
    wait_for(lambda: len(seen) == 2)
    time.sleep(0.2)
    assert sorted(seen, key=len) == [{}, {"a": [1, "b", None]}]


def test_a_failing_job_is_tried_again(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def shaky(_argument: object) -> None:
        tries.append(1)
        if len(tries) < 2:
            raise OSError("not yet")

    jobs.register("shaky", shaky)
    jobs.start()
    jobs.run("shaky", "k", {})
    wait_for(lambda: len(tries) == 2)
    assert "not yet" in caplog.text


def test_a_loop_goes_on_over_failures_and_into_its_next_workflow(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_ROUNDS", 3)
    turns: list[float] = []

    def turn() -> None:
        turns.append(time.monotonic())
        if len(turns) == 2:
            raise OSError("a bad turn")

    jobs.every("turn", 0.05, turn)
    jobs.start()
    wait_for(lambda: len(turns) >= 8)
    assert min(later - earlier for earlier, later in pairwise(turns)) >= 0.04
    assert "a bad turn" in caplog.text


def test_a_loop_that_always_fails_is_told_of_once_and_the_others_go_on(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[int] = []
    others: list[int] = []

    def fail() -> None:
        failed.append(1)
        raise OSError("the disk is full")

    jobs.every("fails", 0.05, fail)
    jobs.every("works", 0.05, lambda: others.append(1))
    jobs.start()
    wait_for(lambda: len(failed) >= 5 and len(others) >= 5)
    told = [record for record in caplog.records if record.getMessage().startswith("the loop fails failed")]
    assert len(told) == 1


def test_a_shorter_interval_holds_from_the_next_start(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    turns: list[int] = []
    for seconds in (3600, 0.1):
        made = Jobs(settings.jobs_url)
        made.every("turn", seconds, lambda: turns.append(1))
        made.start()
        before = len(turns)
        wait_for(lambda before=before: len(turns) > before)  # type: ignore[misc]  # a lambda with a default
        made.stop()


def test_what_does_not_end_is_left_behind_and_run_again_by_the_next_start(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    entered, release = threading.Event(), threading.Event()

    def hang(_argument: object) -> None:
        entered.set()
        release.wait(30)

    first = Jobs(settings.jobs_url)
    first.register("hang", hang)
    first.start()
    first.run("hang", "k", {})
    assert entered.wait(10)
    begun = time.monotonic()
    first.stop()
    assert time.monotonic() - begun < 5
    assert "still at work" in caplog.text
    release.set()
    done: list[object] = []
    second = Jobs(settings.jobs_url)
    second.register("hang", done.append)
    second.start()
    wait_for(lambda: done == [{}])
    second.stop()


def test_stopping_waits_for_what_runs_and_a_new_start_takes_up_the_loop(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    entered, ended = threading.Event(), threading.Event()

    def slow() -> None:
        entered.set()
        time.sleep(0.3)
        ended.set()

    first = Jobs(settings.jobs_url)
    first.every("slow", 60, slow)
    first.start()
    assert entered.wait(10)
    begun = time.monotonic()
    first.stop()
    assert ended.is_set()
    assert time.monotonic() - begun < 5, "a pause of a minute does not hold up the end"

    turns: list[int] = []
    second = Jobs(settings.jobs_url)
    second.every("slow", 60, lambda: turns.append(1))
    second.every("new", 0.05, lambda: turns.append(2))
    second.start()
    wait_for(lambda: turns.count(2) >= 2)
    second.stop()
    assert turns.count(1) == 0, "the pause is durable: its minute is not over"


def test_two_running_jobs_in_one_process_are_refused(jobs: Jobs, settings: Settings) -> None:
    jobs.start()
    with pytest.raises(RuntimeError, match="running in this process"):
        Jobs(settings.jobs_url).start()


def test_an_unknown_job_is_refused(jobs: Jobs) -> None:
    with pytest.raises(KeyError, match="nothing"):
        jobs.run("nothing", "k", {})


PROGRAM = """
    import sys, time
    from pathlib import Path
    from clearance.storage.jobs import Jobs

    folder, pause, name = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]

    def work(argument):
        with (folder / "begun").open("a") as out:
            out.write(argument["name"] + "\\n")
        time.sleep(pause)
        with (folder / "done").open("a") as out:
            out.write(argument["name"] + "\\n")

    def turn():
        with (folder / "turns").open("a") as out:
            out.write(f"{name}\\n")

    jobs = Jobs(sys.argv[4] if len(sys.argv) > 4 else f"sqlite:///{folder}/jobs.db")
    jobs.every("turn", 0.2, turn)
    jobs.register("work", work)
    jobs.start()
    if pause:
        jobs.run("work", "k", {"name": "a"})
    time.sleep(200)
"""


def test_a_job_in_a_process_killed_with_9_is_done_by_the_next(tmp_path: Path) -> None:
    done, begun = tmp_path / "done", tmp_path / "begun"

    def launch(pause: float) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path), str(pause), "one"], env=dict(os.environ)
        )

    first = launch(30)
    wait_for(begun.exists)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not done.exists()
    second = launch(0)
    try:
        wait_for(done.exists)
    finally:
        second.kill()
        second.wait()
    assert done.read_text() == "a\n"
    assert begun.read_text() == "a\na\n"


@pytest.mark.postgres
def test_on_postgresql_one_process_at_a_time_does_a_loop_and_another_takes_up_what_a_killed_one_had(
    tmp_path: Path, postgres_url: str
) -> None:
    done, begun, turns = tmp_path / "done", tmp_path / "begun", tmp_path / "turns"

    def launch(pause: float, name: str) -> subprocess.Popen[bytes]:
        arguments = [str(tmp_path), str(pause), name, postgres_url]
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments], env=dict(os.environ))

    first = launch(60, "first")
    wait_for(lambda: begun.exists() and turns.exists())
    second = launch(0, "second")
    try:
        time.sleep(3)
        assert set(turns.read_text().split()) == {"first"}
        first.send_signal(signal.SIGKILL)
        first.wait()
        wait_for(lambda: done.exists() and "second" in turns.read_text(), 40)
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
    assert done.read_text() == "a\n"
    assert begun.read_text() == "a\na\n"


@pytest.mark.postgres
def test_on_postgresql_what_a_hung_process_had_is_taken_up_and_it_gives_that_up_when_it_goes_on(
    tmp_path: Path, postgres_url: str
) -> None:
    done, begun, turns = tmp_path / "done", tmp_path / "begun", tmp_path / "turns"

    def launch(pause: float, name: str) -> subprocess.Popen[bytes]:
        arguments = [str(tmp_path), str(pause), name, postgres_url]
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments], env=dict(os.environ))

    def turns_of(name: str) -> int:
        return turns.read_text().split().count(name)

    first = launch(120, "first")
    wait_for(lambda: begun.exists() and turns.exists())
    second = launch(0, "second")
    try:
        time.sleep(3)
        first.send_signal(signal.SIGSTOP)
        wait_for(lambda: done.exists() and turns_of("second"), 70)
        before = turns_of("first"), turns_of("second")
        first.send_signal(signal.SIGCONT)
        time.sleep(5)
        assert turns_of("first") == before[0], "it saw that the loop is another's now before it took a turn"
        assert turns_of("second") > before[1]
        assert first.poll() is None
        second.send_signal(signal.SIGKILL)
        second.wait()
        wait_for(lambda: turns_of("first") > before[0], 40)  # it is one of the processes again
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
    assert done.read_text() == "a\n"
    assert begun.read_text() == "a\na\n"


def test_a_loop_of_each_process_runs_beside_the_shared_ones(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    turns: list[int] = []

    def turn() -> None:
        turns.append(1)
        if len(turns) == 2:
            raise OSError("a bad turn")

    jobs.every_here("here", 0.05, turn)
    jobs.start()
    wait_for(lambda: len(turns) >= 4)
    assert "a bad turn" in caplog.text


@pytest.mark.postgres
def test_loops_and_jobs_go_on_after_postgresql_was_away(own_postgres: Any) -> None:
    jobs = Jobs(own_postgres.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    turns: list[float] = []
    done: list[Any] = []
    jobs.every("tick", 0.1, lambda: turns.append(time.monotonic()))
    jobs.register("note", done.append)
    jobs.start()
    try:
        wait_for(lambda: turns)
        own_postgres.stop()  # its socket is gone with it
        time.sleep(3)
        own_postgres.ensure_postgres_running()
        back = time.monotonic()
        wait_for(lambda: sum(at > back for at in turns) > 2)
        jobs.run("note", "k", {})
        wait_for(lambda: done)
    finally:
        jobs.stop()
