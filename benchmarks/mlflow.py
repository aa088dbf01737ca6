"""Cases of MLflow: its own client against its own server and against ours, both on SQLite with one worker."""

from __future__ import annotations

import os
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from benchmarks import environments
from benchmarks.bench import Bench
from benchmarks.gateway import PACK
from benchmarks.measure import Action, Row, Timing, alternate, timed
from benchmarks.processes import serving
from clearance.access.model import SYSTEM
from clearance.app import Clearance
from clearance.demo.installation import HOST, Installation
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import File, NewModel, NewVersion
from clearance.registry.source import Source, SourceKind
from clearance.settings import load

MEGABYTE = 1 << 20
IDLE_MEMORY = 250 * MEGABYTE
PREFIX = "model-"
FIVE_TIMES = 0.2
"""Aim for reads and for moves of an alias."""


@dataclass(frozen=True)
class Sides:
    """The same client, of each server, and of a tape of what ours answered."""

    ours: Any
    theirs: Any
    tape: Any

    def all(self, ask: Callable[[Any], Any], times: int) -> tuple[Action, ...]:
        """Return asking each of them so many times."""
        return tuple(timed(partial(ask, client), times) for client in (self.ours, self.theirs, self.tape))


def registry_calls(bench: Bench) -> Iterator[Row]:
    """Create, read, search and point, over loopback, one call after the other."""
    with servers(bench) as (_, sides, fill, _port):
        peer = f"MLflow {bench.versions['mlflow']} server"
        times, rounds, fresh = bench.size(20, 2), bench.rounds(7), count()

        def rows(what: str, ask: Callable[[Any], Any], aim: float = 1.0, note: str = "") -> Iterator[Row]:
            mine, theirs, tape = alternate(rounds, *sides.all(ask, times))
            yield Row(what=f"`{what}`", unit="call", ours=mine, peer=peer, theirs=theirs, aim=aim, note=note)
            share = statistics.median(
                (one - floor) / (other - floor)
                for one, other, floor in zip(mine.rounds, theirs.rounds, tape.rounds, strict=True)
            )
            yield Row(
                what=f"`{what}`",
                unit="call",
                ours=mine,
                peer="floor: the same client, answered at once from a tape",
                theirs=tape,
                aim=float("inf"),
                note=f"`{what}` on MLflow's server takes {theirs.median / tape.median:.1f} × this floor; beyond it, ours takes "
                f"{share:.2f} × what MLflow's takes",
            )

        def reads(what: str, ask: Callable[[Any], Any]) -> Iterator[Row]:
            yield from rows(
                f"{what}, again", ask, FIVE_TIMES, "nothing changed since it was asked before, which ours sees"
            )
            both = (_after_change(client, ask, times) for client in (sides.ours, sides.theirs))
            mine, theirs = alternate(rounds, *both)
            changed = f"`{what}`, after a change each time"
            yield Row(what=changed, unit="call", ours=mine, peer=peer, theirs=theirs, aim=FIVE_TIMES)

        def name() -> str:
            return f"made-{next(fresh)}"

        yield from rows("create_registered_model", lambda client: client.create_registered_model(name()))
        for client in (sides.ours, sides.theirs):
            client.create_registered_model("versioned")
        source = "s3://bucket/model"
        yield from rows("create_model_version", lambda client: client.create_model_version("versioned", source))
        turn = count()
        two_calls = "its client asks for the model first, so that there are two requests"
        yield from rows(
            "set_registered_model_alias",
            lambda client: client.set_registered_model_alias("versioned", "shadow", str(next(turn) % 2 + 1)),
            FIVE_TIMES,
            two_calls,
        )
        yield from rows(
            "set_registered_model_alias, guarded here: each move is decided, signed and logged",
            lambda client: client.set_registered_model_alias("guarded", "champion", str(next(turn) % 2 + 1)),
            FIVE_TIMES,
            f"MLflow's server decides nothing; {two_calls}",
        )
        yield from reads(
            "get_model_version_by_alias", lambda client: client.get_model_version_by_alias("versioned", "shadow")
        )
        yield from reads("get_model_version", lambda client: client.get_model_version("versioned", "1"))
        filled = 0
        for models in (bench.size(1_000, 20), bench.size(10_000, 40)):
            fill(filled, models)
            filled, middle = models, f"{PREFIX}{models // 2:05d}"
            exact, like = f"name = '{middle}'", f"name LIKE '{middle[:-1]}%'"
            for what, question in (
                (exact, {"filter_string": exact}),
                (like, {"filter_string": like}),
                ("a page of 100", {"max_results": 100}),
            ):
                yield from reads(
                    f"search_registered_models, {what}, among {models:,}",
                    lambda client, question=question: client.search_registered_models(**question),  # type: ignore[misc]
                )


def _after_change(client: Any, read: Callable[[Any], Any], times: int) -> Action:
    """Return reading so many times, each after a tag was set; only the reading is measured."""
    turn = count()

    def action() -> float:
        taken = 0.0
        for _ in range(times):
            client.set_model_version_tag("versioned", "1", "turn", str(next(turn)))
            began = time.perf_counter()
            read(client)
            taken += time.perf_counter() - began
        return taken / times

    return action


def artifacts(bench: Bench) -> Iterator[Row]:
    """One large file up and down through the artifact proxy, by MLflow's own artifact repository."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    size = bench.size(1024, 8)
    path = bench.folder / "weights.bin"
    with path.open("wb") as file:
        for _ in range(size):
            file.write(secrets.token_bytes(MEGABYTE))
    with servers(bench) as (installation, _, __, port):
        rounds, turns = min(bench.rounds(3), 3), count()
        repositories = [
            get_artifact_repository(f"http://{HOST}:{each}/api/2.0/mlflow-artifacts/artifacts/bench")
            for each in (installation.port, port)
        ]

        def upload(repository: Any) -> None:
            with path.open("r+b") as file:  # other bytes each time: what is there already would be known
                file.write(secrets.token_bytes(32))
            repository.log_artifact(str(path))

        def download(repository: Any) -> None:
            folder = bench.folder / f"down-{next(turns)}"
            folder.mkdir()
            found = Path(repository.download_artifacts("weights.bin", str(folder)))
            if found.stat().st_size != path.stat().st_size:
                raise RuntimeError(f"{found} has {found.stat().st_size} bytes")
            found.unlink()

        for what, act in (("log_artifact", upload), ("download_artifacts", download)):
            mine, theirs = alternate(rounds, *(timed(lambda act=act, it=it: act(it)) for it in repositories))  # type: ignore[misc]
            yield Row(
                what=f"`{what}` of {size} MiB through the proxy, hashed and synced to disk here",
                unit="file",
                ours=mine,
                peer=f"MLflow {bench.versions['mlflow']} server",
                theirs=theirs,
                note="MLflow's server neither hashes nor syncs",
            )


def memory(bench: Bench) -> Iterator[Row]:
    """What each server keeps resident while nobody asks anything, after a few calls of each kind."""
    with servers(bench) as (installation, sides, _, port):
        for client in (sides.ours, sides.theirs):
            client.create_registered_model("warm")
            client.search_registered_models()
        time.sleep(bench.size(5, 1))
        ours, theirs = (_resident(each) for each in (installation.port, port))
    peer = f"MLflow {bench.versions['mlflow']} server, one worker, with the processes that it starts"
    what = "resident memory of the idle server, one worker, with all its processes"
    yield Row(what=what, unit="server", ours=Timing((ours,)), peer="limit: 250 MiB", limit=IDLE_MEMORY, memory=True)
    yield Row(what=what, unit="server", ours=Timing((ours,)), peer=peer, theirs=Timing((theirs,)), memory=True)


@contextmanager
def servers(bench: Bench) -> Iterator[tuple[Installation, Sides, Callable[[int, int], None], int]]:
    """Run both servers; yield ours, the client of each, what fills both registries with models, and the peer's port."""
    import mlflow

    python = environments.install("mlflow", bench.cache)
    folder = bench.folder / f"mlflow-{secrets.token_hex(4)}"
    folder.mkdir()
    database = f"sqlite:///{folder / 'mlflow.db'}"
    home = folder / "home"
    _prepare(home)
    with ExitStack() as stack:
        filler = stack.enter_context(bench.peer("mlflow", database))
        filler.ask("fill", prefix="made-before-", first=0, last=1)  # the tables are there before the server looks
        installation = stack.enter_context(Installation(home))
        port = stack.enter_context(_mlflow_server(python, folder, database))
        os.environ |= {"MLFLOW_TRACKING_TOKEN": installation.admin_token, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        words = [sys.executable, "-m", "benchmarks.tape"]
        tape = stack.enter_context(serving(lambda port: [*words, str(port), str(installation.port)]))
        ports = (installation.port, port, tape)
        sides = Sides(*(mlflow.MlflowClient(url, url) for url in (f"http://{HOST}:{each}" for each in ports)))
        sides.theirs.create_registered_model("guarded")
        for _ in range(2):
            sides.theirs.create_model_version("guarded", "s3://bucket/model")

        def fill(first: int, last: int) -> None:
            filler.ask("fill", prefix=PREFIX, first=first, last=last)
            _fill(home, first, last)

        yield installation, sides, fill, port


def _prepare(home: Path) -> None:
    parts = Clearance(load({}, home=home))
    make_guarded(parts)
    parts.close()


def make_guarded(parts: Clearance) -> None:
    """Make the model `guarded` with two versions that a policy admits."""
    with parts.database.write() as tx:
        policy.install_pack(tx, SYSTEM, PackSource(source=PACK))
        registry.create_model(tx, SYSTEM, NewModel(name="guarded", owner="user:ada"))
    for number in (1, 2):
        digest, size = parts.blobs.put([str(number).encode()])
        new = NewVersion(files=(File(path="model.bin", size=size, sha256=digest),))
        with parts.database.write() as tx:
            registry.register_version(tx, SYSTEM, parts.blobs, "guarded", new)
            evidence.sign_artifact(tx, SYSTEM, parts.keyring, parts.blobs, parts.scratch(), "guarded", number)


def _fill(home: Path, first: int, last: int) -> None:
    """Take models with one version each into our registry, by its use cases."""
    parts = Clearance(load({}, home=home))
    new = NewVersion(source=Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model"))
    for begin in range(first, last, 500):
        with parts.database.write() as tx:
            for number in range(begin, min(begin + 500, last)):
                name = f"{PREFIX}{number:05d}"
                registry.create_model(tx, SYSTEM, NewModel(name=name, owner="user:ada", description="filled"))
                registry.register_version(tx, SYSTEM, parts.blobs, name, new)
    parts.close()


@contextmanager
def _mlflow_server(python: Path, folder: Path, database: str) -> Iterator[int]:
    """Run MLflow's server with one worker."""
    options = ["--workers", "1", "--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts")]

    def command(port: int) -> list[str]:
        return [str(python), "-m", "mlflow", "server", "--host", HOST, "--port", str(port), *options]

    with (
        (folder / "mlflow.log").open("wb") as log,
        serving(command, _answers, stdout=log, stderr=log, cwd=folder) as port,
    ):
        yield port


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/health", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _resident(port: int) -> float:
    """Return the resident bytes of the session whose server listens on a port: of all its processes together."""
    listener = next(pid for pid, words in _processes() if "--port" in words and str(port) in words)
    session = os.getsid(listener)
    return float(sum(_resident_of(pid) for pid, _ in _processes() if _session_of(pid) == session))


def _processes() -> Iterator[tuple[int, list[str]]]:
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                yield int(each.name), each.joinpath("cmdline").read_text().split("\0")
            except OSError:
                continue  # it ended meanwhile


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _resident_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
