"""A real server is killed with -9 in the middle of a rollout; another on the same home takes it to its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import service
from clearance.delivery.model import NewRollout, Rollout, RolloutState, Step
from clearance.response import service as response
from clearance.settings import load
from tests.delivery.conftest import ADA, decide, prepare, promote, send

STEPS = tuple(Step(weight=weight, minimum_seconds=0.5, minimum_requests=60) for weight in (10, 20, 40, 80))


@contextmanager
def server(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `clearance serve` until it answers; killed with -9 at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "clearance", "--home", str(home), "serve", "--port", str(port)]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("CLEARANCE_")}
    with (home / "server.log").open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        wait_for(lambda: answers(port), process, home)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        said = (home / "server.log").read_text()[-3000:]
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


@pytest.mark.parametrize("good", [True, False])
def test_a_rollout_goes_on_after_its_server_was_killed(tmp_path: Path, good: bool) -> None:
    home = tmp_path / "home"
    parts = Clearance(load({}, home=home))
    prepare(parts)
    promote(parts, 1)
    decide(parts, 2)
    with parts.database.write() as tx:
        started = service.start_rollout(
            tx, ADA, parts.gate, NewRollout(model="car-loan", candidate=2, steps=STEPS, strategy="canary-quick")
        )

    def now() -> Rollout:
        with parts.database.read() as tx:
            return service.get_rollout(tx, started.id)

    def traffic(candidate_works: bool) -> Rollout:
        found = now()
        at = started.started_at + timedelta(seconds=1)
        send(parts, 1, "stable", at, 60)
        outcome = {} if candidate_works else {"status": "error", "error": "boom", "prediction": None, "score": None}
        send(parts, 2, "candidate", at, 60, **outcome)
        return found

    with server(home) as first:
        wait_for(lambda: traffic(True).step >= 1, first, home)
    killed_at = now()
    assert killed_at.state is RolloutState.RUNNING
    time.sleep(1)
    assert now().step == killed_at.step, "nothing moves while no server runs"
    with server(home) as second:
        wait_for(lambda: traffic(good).state is not RolloutState.RUNNING, second, home)

    ended = now()
    with parts.database.read() as tx:
        entries = log.entries(tx, subject=f"rollout/{started.id}").items[::-1]
        alerts = [alert for alert in response.list_alerts(tx).items if alert.subject == f"rollout/{started.id}"]
        pointer = service.get_pointer(tx, "car-loan", "production")
        assert log.verify(tx, parts.log_verifier).ok
    parts.close()
    steps = [entry.data["step"] for entry in entries if entry.event == Event.ROLLOUT_ADVANCED]
    assert steps == list(range(1, ended.step + 1)), "each step is entered exactly once"
    assert entries[0].event == Event.ROLLOUT_STARTED
    assert len(entries) == len(steps) + 2
    if good:
        assert (ended.state, entries[-1].event) == (RolloutState.COMPLETED, Event.ROLLOUT_COMPLETED)
        assert (len(steps), pointer.stable, alerts) == (3, 2, [])
    else:
        assert (ended.state, entries[-1].event) == (RolloutState.ROLLED_BACK, Event.ROLLOUT_ROLLED_BACK)
        assert (pointer.stable, pointer.candidate, len(alerts)) == (1, None, 1)
