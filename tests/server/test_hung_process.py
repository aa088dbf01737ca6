"""A server process that hangs while it changes things holds the others up for seconds, and is one of them again afterwards."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from clearance.storage.database import engine_of
from tests.server.process import Server


@contextmanager
def changing(server: Server) -> Iterator[list[int]]:
    """Have several callers create models at a server all the time; yield the statuses of the answers."""
    statuses: list[int] = []
    over = threading.Event()

    def create(caller: int) -> None:
        token = {"authorization": f"Bearer {server.token}"}
        with httpx.Client(base_url=server.url, headers=token, timeout=90) as http:
            number = 0
            while not over.is_set():
                number += 1
                model = {"name": f"m-{server.port}-{caller}-{number}", "owner": "ada"}
                statuses.append(http.post("/api/v1/models", json=model).status_code)

    callers = [threading.Thread(target=create, args=(number,)) for number in range(4)]
    for each in callers:
        each.start()
    try:
        yield statuses
    finally:
        over.set()
        for each in callers:
            each.join()


def at_work(url: str) -> set[int]:
    """Return the processes that have loops or jobs under way, as the jobs' own tables say."""
    engine = engine_of(url)
    try:
        with engine.connect() as connection:
            under_way = "select distinct executor_id from dbos.workflow_status where status = 'PENDING'"
            return {int(name.split("/")[1]) for name in connection.exec_driver_sql(under_way).scalars()}
    finally:
        engine.dispose()


@pytest.fixture
def pair(tmp_path: Path, postgres_url: str) -> Iterator[tuple[Server, Server]]:
    """Two processes of one installation; what either says is in one file."""
    made = Server(tmp_path / "home", database_url=postgres_url), Server(tmp_path / "home", database_url=postgres_url)
    for each in made:
        each.start()
    yield made
    for each in made:
        each.close()


@pytest.mark.postgres
def test_while_one_process_hangs_no_change_at_the_other_is_refused_and_its_work_is_taken_up(
    pair: tuple[Server, Server], postgres_url: str
) -> None:
    hanging, other = pair
    assert hanging.process is not None
    assert other.process is not None
    taker = other.process.pid
    with changing(hanging), changing(other) as statuses:
        other.wait_for(lambda: len(statuses) > 20)
        hanging.process.send_signal(signal.SIGSTOP)
        other.wait_for(lambda: "hangs; its sessions on PostgreSQL were ended" in other.said())
        before = len(statuses)
        other.wait_for(lambda: len(statuses) > before + 20)
        other.wait_for(lambda: at_work(postgres_url) == {taker})
        hanging.process.send_signal(signal.SIGCONT)
    assert set(statuses) == {201}
    with hanging.client() as client:
        client.models.create("after", owner="ada")
