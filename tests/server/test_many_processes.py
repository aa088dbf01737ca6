"""Several server processes on one PostgreSQL, hundreds of clients, one process killed: nothing is lost, doubled or out of order.

The same is asked of one process on SQLite.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from clearance.audit import log, proofs
from clearance.audit.events import Event
from clearance.cli import workers
from clearance.delivery import service as delivery
from clearance.errors import Unavailable
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from tests.delivery.conftest import ADA, PACK
from tests.server.process import Server

CLIENTS = 200
SHARED = tuple(f"shared-{n}" for n in range(4))
PATIENCE_SECONDS = 120.0
PASSING = {"idempotency_in_progress", "database_busy", "database_unavailable"}
"""Codes of errors that say: send it again."""


@dataclass
class Seen:
    """What the clients were answered; all of it must be found afterwards."""

    created: dict[str, int] = field(default_factory=Counter)
    registered: dict[str, list[int]] = field(default_factory=lambda: {model: [] for model in SHARED})
    tagged: list[tuple[str, str, str]] = field(default_factory=list)
    promoted: list[tuple[str, int]] = field(default_factory=list)
    rolled_back: int = 0
    failures: list[str] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=Counter)


class Caller:
    """One client, which goes to the next server when the one it talks to is gone, and sends again what was not answered."""

    def __init__(self, http: httpx.AsyncClient, servers: list[Server], number: int, seen: Seen) -> None:
        self.http, self.servers, self.number, self.seen = http, servers, number, seen
        self.at = number % len(servers)

    async def send(self, method: str, path: str, *, key: str = "", token: int = 0, **body: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        headers = {"authorization": f"Bearer {self.servers[token].token}"}
        if key:
            headers["idempotency-key"] = key
        while True:
            assert time.monotonic() < deadline, f"{method} {path} was not answered in time"
            try:
                url = f"{self.servers[self.at].url}/api/v1{path}"
                answer = await self.http.request(method, url, headers=headers, **body)
            except httpx.TransportError:
                self.at = (self.at + 1) % len(self.servers)
                await asyncio.sleep(0.05)
                continue
            self.seen.answers[answer.status_code] += 1
            if answer.is_error and answer.json().get("code") in PASSING:
                if answer.status_code == 503:
                    assert answer.headers["retry-after"] == "1"
                await asyncio.sleep(0.1)
                continue
            if answer.status_code >= 500:
                self.seen.failures.append(f"{method} {path}: {answer.status_code} {answer.text}")
            return answer

    async def work(self) -> None:
        """Do what a busy team does to models that others work on, too."""
        n, seen = self.number, self.seen
        model = SHARED[n % len(SHARED)]
        answer = await self.send("POST", "/models", key=f"own-{n}", json={"name": f"own-{n}", "owner": "user:ada"})
        self.expect(answer, {201}, "idempotency_answer_lost")
        seen.created[f"own-{n}"] += 1
        answer = await self.send("POST", "/models", key=f"one-{n}", json={"name": "wanted-by-all", "owner": "user:ada"})
        if self.expect(answer, {201, 409}, "idempotency_answer_lost") and answer.status_code == 201:
            seen.created["wanted-by-all"] += 1

        content = f"weights of {n}".encode()
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.expect(await self.send("PUT", f"/blobs/{digest}", content=content), {200, 201})
        file = {"path": "weights.bin", "size": len(content), "sha256": digest}
        answer = await self.send("POST", f"/models/{model}/versions", key=f"version-{n}", json={"files": [file]})
        if self.expect(answer, {201}, "idempotency_answer_lost") and answer.status_code == 201:
            seen.registered[model].append(answer.json()["number"])

        answer = await self.send("PUT", f"/models/{model}/tags/client-{n}", json={"value": str(n)})
        self.expect(answer, {200})
        seen.tagged.append((model, f"client-{n}", str(n)))
        if n % 3 == 0 and seen.registered[model]:
            number = seen.registered[model][-1]
            wanted = {"model": model, "number": number, "environment": "staging"}
            answer = await self.send("POST", "/promotions", key=f"promote-{n}", json=wanted)
            if self.expect(answer, {201}, "idempotency_answer_lost") and answer.status_code == 201:
                seen.promoted.append((model, number))
        if n % 13 == 0:
            wanted = {"reason": "a drill", "environment": "staging"}
            answer = await self.send("POST", f"/models/{model}/rollback", key=f"back-{n}", json=wanted)
            if self.expect(answer, {201, 409, 404}) and answer.status_code == 201:
                seen.rolled_back += 1

    def expect(self, answer: httpx.Response, statuses: set[int], *codes: str) -> bool:
        if answer.status_code in statuses or answer.json().get("code") in codes:
            return True
        self.seen.failures.append(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
        return False


async def storm(servers: list[Server], seen: Seen, kill: Callable[[], None]) -> None:
    """Let all clients work at once, take checkpoints meanwhile, and kill a server when a third of the work is done."""
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(limits=limits, timeout=30) as http:
        callers = [Caller(http, servers, number, seen) for number in range(CLIENTS)]
        over = asyncio.Event()

        async def look() -> None:
            watcher = Caller(http, servers, 0, seen)
            while not over.is_set():
                seen.checkpoints.append((await watcher.send("GET", "/audit/checkpoint")).text)
                watcher.at = (watcher.at + 1) % len(servers)
                await asyncio.sleep(0.2)

        async def end_one() -> None:
            while len(seen.tagged) < CLIENTS // 3 and not over.is_set():
                await asyncio.sleep(0.01)
            await asyncio.to_thread(kill)

        beside = [asyncio.create_task(look()), asyncio.create_task(end_one())]
        await asyncio.gather(*(caller.work() for caller in callers))
        over.set()
        await asyncio.gather(*beside)


@pytest.fixture(params=[("sqlite", 1), pytest.param(("postgres", 4), marks=pytest.mark.postgres)], ids=["sqlite", "pg"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Server]]:
    """Running servers on one home and database, with models that everybody works on and a pack that admits them."""
    kind, count = request.param
    settings = {"database_url": request.getfixturevalue("postgres_url")} if kind == "postgres" else {}
    made = [Server(tmp_path / "home", monitor_seconds="0", **settings) for _ in range(count)]
    with made[0].parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK))
        for model in SHARED:
            registry.create_model(tx, ADA, NewModel(name=model, owner="user:ada"))
    starting = [threading.Thread(target=server.start) for server in made]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    yield made
    for server in made:
        server.close()


def test_hundreds_of_clients_and_a_killed_server_leave_every_answer_true_and_one_log(servers: list[Server]) -> None:
    seen = Seen()
    begun = time.monotonic()

    def kill() -> None:
        servers[-1].end(signal.SIGKILL)
        if len(servers) == 1:
            servers[0].start()

    asyncio.run(storm(servers, seen, kill))
    took = time.monotonic() - begun
    assert seen.failures == []
    assert set(seen.answers) <= {200, 201, 403, 404, 409, 422, 503}, seen.answers
    assert took < 180, f"{sum(seen.answers.values())} answers took {took:.0f} s"
    said = servers[0].said()
    assert "Traceback" not in said, said[said.index("Traceback") - 500 :][:3000]

    parts = servers[0].parts
    with parts.database.read() as tx:
        models = {model.name for model in registry.list_models(tx, limit=1000).items}
        assert models == set(SHARED) | {f"own-{n}" for n in range(CLIENTS)} | {"wanted-by-all"}
        assert seen.created["wanted-by-all"] <= 1, "it was created once, and at most one was told so"
        for model in SHARED:
            numbers = [version.number for version in registry.list_versions(tx, model, limit=1000).items]
            assert sorted(numbers) == list(range(1, CLIENTS // len(SHARED) + 1)), "each client's bytes, once, no gap"
            assert set(seen.registered[model]) <= set(numbers)
            assert len(set(seen.registered[model])) == len(seen.registered[model])
            tags = registry.tags(tx, model)
            assert {(each, key, tags.get(key)) for each, key, _ in seen.tagged if each == model} == {
                found for found in seen.tagged if found[0] == model
            }
            moves = delivery.history(tx, model, "staging").items
            pointer = next(found for found in delivery.list_pointers(tx, model) if found.environment == "staging")
            assert moves[0].to_number == pointer.stable
            for later, earlier in pairwise(moves):
                assert later.from_number == earlier.to_number, "no move was made from where the pointer was not"
        verified = log.verify(tx, log.verifier(tx, parts.log_keys))
        assert verified.ok, verified.problems
        created = log.entries(tx, event=Event.MODEL_CREATED, limit=1000).items
        assert len(created) == len(models)
        registered = log.entries(tx, event=Event.VERSION_REGISTERED, limit=1000).items
        assert len(registered) == CLIENTS
        keys = proofs.Succession((log.verifier(tx, parts.log_keys),))
        for note in dict.fromkeys(seen.checkpoints):
            size = int(note.split("\n")[1])
            older, newer = proofs.check_consistency(log.prove_consistency(tx, size), keys, note)
            assert older.size <= newer.size == verified.leaves


def test_one_key_sent_to_all_servers_at_once_creates_one_version_and_every_answer_is_the_same(
    servers: list[Server],
) -> None:
    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=30) as http:
            callers = [Caller(http, servers, n, Seen()) for n in range(12)]
            content = b"the same bytes"
            digest = "sha256:" + hashlib.sha256(content).hexdigest()
            await callers[0].send("PUT", f"/blobs/{digest}", content=content)
            body = {"files": [{"path": "w", "size": len(content), "sha256": digest}]}
            asked = (caller.send("POST", "/models/shared-0/versions", key="k", json=body) for caller in callers)
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask())
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert answers[0].json()["number"] == 1
    with servers[0].parts.database.read() as tx:
        assert len(registry.list_versions(tx, "shared-0").items) == 1


shows_workers = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="looks for the workers where Linux shows them"
)


def workers_of(server: Server) -> set[int]:
    """Return the process ids of a server's workers, from what Linux tells of it."""
    assert server.process is not None
    main = server.process.pid
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return {int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.mark.postgres
@shows_workers
def test_a_server_of_several_workers_answers_at_once_replaces_a_killed_one_and_ends_in_order(
    serve: Callable[..., Server], postgres_url: str
) -> None:
    server = serve(database_url=postgres_url, monitor_seconds="0")
    server.options = ("--workers", "2")
    server.start()
    with httpx.Client(base_url=server.url) as http:
        times = []
        for _ in range(60):
            begun = time.perf_counter()
            assert http.get("/health").status_code == 200
            times.append(time.perf_counter() - begun)
    # Where the server waits for acknowledgements, all but the first few take 40 ms.
    assert sorted(times)[20] < 0.035, times
    server.wait_for(lambda: len(workers_of(server)) == 2)
    before = workers_of(server)
    os.kill(min(before), signal.SIGKILL)
    server.wait_for(lambda: len(workers_of(server)) == 2 and min(before) not in workers_of(server))

    def answers() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{server.url}/health").status_code == 200
        return False

    server.wait_for(answers)
    last = workers_of(server)
    server.end()
    for pid in last:
        assert not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.postgres
@shows_workers
def test_workers_end_when_the_process_that_began_them_is_killed(
    serve: Callable[..., Server], postgres_url: str
) -> None:
    server = serve(database_url=postgres_url, monitor_seconds="0")
    server.options = ("--workers", "2")
    server.start()
    server.wait_for(lambda: len(workers_of(server)) == 2)
    server.end(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{server.url}/health")
        except httpx.ConnectError:
            break
        except httpx.TransportError:
            pass  # it was ending just then
        assert time.monotonic() < deadline, "somebody still listens"
        time.sleep(0.2)


def test_several_workers_on_sqlite_are_refused_with_the_way_out(serve: Callable[..., Server]) -> None:
    server = serve()
    server.options = ("--workers", "2")
    with pytest.raises(AssertionError, match="2 processes can't share an SQLite file"):
        server.start()
    assert "CLEARANCE_DATABASE_URL" in server.said()
    assert server.process is not None
    assert server.process.wait() == 2


def test_an_address_that_another_server_has_is_refused_in_words() -> None:
    with workers.listen("127.0.0.1", 0) as first, pytest.raises(Unavailable, match="can't be listened on"):
        workers.listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_accepted_connection_sends_at_once_what_is_written_to_it(host: str) -> None:
    with (
        workers.listen(host, 0) as listener,
        socket.create_connection(listener.getsockname()[:2]),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert accepted.proto == socket.IPPROTO_TCP, "asyncio looks for it"


@pytest.mark.postgres
def test_while_postgresql_is_away_requests_are_refused_in_words_and_afterwards_all_goes_on(
    serve: Callable[..., Server], own_postgres: Any
) -> None:
    url = own_postgres.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server = serve(database_url=url, monitor_seconds="0")
    server.start()
    headers = {"authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=30) as http:

        def create(name: str) -> httpx.Response:
            key = {"idempotency-key": name}
            return http.post("/models", json={"name": name, "owner": "user:ada"}, headers=key)

        assert create("before").status_code == 201
        own_postgres.stop()
        foreign = {"authorization": "Bearer of nobody"}
        refused = [create("meanwhile"), http.get("/models"), http.get("/models", headers=foreign)]
        for answer in refused:
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable"), answer.text
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["detail"] == "the database can't be reached"  # and not at which address it is
        own_postgres.ensure_postgres_running()
        server.wait_for(lambda: create("meanwhile").status_code == 201)
        assert {model["name"] for model in http.get("/models").json()["items"]} == {"before", "meanwhile"}
        assert http.get("/audit/verification").json()["ok"]


@pytest.mark.postgres
@shows_workers
def test_a_process_that_dies_while_postgresql_is_away_takes_no_other_with_it_and_is_replaced_later(
    serve: Callable[..., Server], own_postgres: Any
) -> None:
    url = own_postgres.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server = serve(database_url=url, monitor_seconds="0")
    server.options = ("--workers", "2")
    server.start()
    server.wait_for(lambda: server.said().count("Application startup complete") == 2)
    own_postgres.stop()
    os.kill(min(workers_of(server)), signal.SIGKILL)
    server.wait_for(lambda: server.said().count("ended (3)") >= 2)  # that could not start, and neither could the next
    own_postgres.ensure_postgres_running()
    server.wait_for(lambda: server.said().count("Application startup complete") == 3)
    assert httpx.get(f"{server.url}/health", timeout=30).status_code == 200
