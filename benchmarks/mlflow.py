"""Cases of MLflow: its own client against its own server and against ours, both on SQLite with one worker."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from benchmarks import environments
from benchmarks.bench import Bench
from benchmarks.gateway import PACK
from benchmarks.measure import Action, Row, Timing, alternate, timed
from clearance.access.model import SYSTEM
from clearance.app import Clearance
from clearance.demo.installation import HOST, Installation, free_port
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import File, NewModel, NewVersion, Source, SourceKind
from clearance.settings import load

MEGABYTE = 1 << 20
IDLE_MEMORY = 250 * MEGABYTE
PREFIX = "model-"
FIVE_TIMES = 0.2
"""Aim for reads and for moves of an alias."""
_START_SECONDS = 120


@dataclass(frozen=True)
class Sides:
    """The same client, of either server."""

    ours: Any
    theirs: Any

    def both(self, ask: Callable[[Any], Any], times: int) -> tuple[Action, Action]:
        """Return asking each of them so many times."""
        return timed(lambda: ask(self.ours), times), timed(lambda: ask(self.theirs), times)


def registry_calls(bench: Bench) -> Iterator[Row]:
    """Create, read, search and point, over loopback, one call after the other."""
    with _servers(bench) as (_, sides, fill, _port):
        peer = f"MLflow {bench.versions['mlflow']} server"
        times, rounds, fresh = bench.size(20, 2), bench.rounds(7), count()

        def row(what: str, ask: Callable[[Any], Any], aim: float = 1.0, note: str = "") -> Row:
            mine, theirs = alternate(rounds, *sides.both(ask, times))
            return Row(what=f"`{what}`", unit="call", ours=mine, peer=peer, theirs=theirs, aim=aim, note=note)

        def name() -> str:
            return f"made-{next(fresh)}"

        yield row("create_registered_model", lambda client: client.create_registered_model(name()))
        for client in (sides.ours, sides.theirs):
            client.create_registered_model("versioned")
        source = "s3://bucket/model"
        yield row("create_model_version", lambda client: client.create_model_version("versioned", source))
        turn = count()
        yield row(
            "set_registered_model_alias",
            lambda client: client.set_registered_model_alias("versioned", "shadow", str(next(turn) % 2 + 1)),
            FIVE_TIMES,
        )
        yield row(
            "set_registered_model_alias, guarded here: each move is decided, signed and logged",
            lambda client: client.set_registered_model_alias("guarded", "champion", str(next(turn) % 2 + 1)),
            FIVE_TIMES,
            "MLflow's server decides nothing",
        )
        yield row(
            "get_model_version_by_alias",
            lambda client: client.get_model_version_by_alias("versioned", "shadow"),
            FIVE_TIMES,
        )
        yield row("get_model_version", lambda client: client.get_model_version("versioned", "1"), FIVE_TIMES)
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
                yield row(
                    f"search_registered_models, {what}, among {models:,}",
                    lambda client, question=question: client.search_registered_models(**question),  # type: ignore[misc]
                    FIVE_TIMES,
                    "the client's own share, reading JSON into its entities, is the same on both sides",
                )


def artifacts(bench: Bench) -> Iterator[Row]:
    """One large file up and down through the artifact proxy, by MLflow's own artifact repository."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    size = bench.size(1024, 8)
    path = bench.folder / "weights.bin"
    with path.open("wb") as file:
        for _ in range(size):
            file.write(secrets.token_bytes(MEGABYTE))
    with _servers(bench) as (installation, _, __, port):
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
    with _servers(bench) as (installation, sides, _, port):
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
def _servers(bench: Bench) -> Iterator[tuple[Installation, Sides, Callable[[int, int], None], int]]:
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
        sides = Sides(*(mlflow.MlflowClient(url, url) for url in (installation.url, f"http://{HOST}:{port}")))
        sides.theirs.create_registered_model("guarded")
        for _ in range(2):
            sides.theirs.create_model_version("guarded", "s3://bucket/model")

        def fill(first: int, last: int) -> None:
            filler.ask("fill", prefix=PREFIX, first=first, last=last)
            _fill(home, first, last)

        yield installation, sides, fill, port


def _prepare(home: Path) -> None:
    """Make a model with two versions that a policy admits."""
    parts = Clearance(load({}, home=home))
    with parts.database.write() as tx:
        policy.install_pack(tx, SYSTEM, PackSource(source=PACK))
        registry.create_model(tx, SYSTEM, NewModel(name="guarded", owner="user:ada"))
    for number in (1, 2):
        digest, size = parts.blobs.put([str(number).encode()])
        new = NewVersion(files=(File(path="model.bin", size=size, sha256=digest),))
        with parts.database.write() as tx:
            registry.register_version(tx, SYSTEM, parts.blobs, "guarded", new)
            evidence.sign_artifact(tx, SYSTEM, parts.keyring, parts.blobs, parts.scratch(), "guarded", number)
    parts.close()


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
    """Run MLflow's server with one worker; end it with all that it started when the block ends."""
    port = free_port()
    command = [str(python), "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts")]
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise environments.PeerUnavailable("MLflow's server did not start")
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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
