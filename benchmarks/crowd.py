"""Case of many callers at once: the same requests to MLflow's server and to ours, both on SQLite with one worker."""

from __future__ import annotations

import http.client
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from benchmarks import mlflow
from benchmarks.bench import Bench
from benchmarks.measure import Row, Timing, alternate
from clearance.demo.installation import HOST

_CALLERS = 16
_PATH = "/api/2.0/mlflow/registered-models/alias"


def at_once(bench: Bench) -> Iterator[Row]:
    """Callers that set aliases as fast as they are answered, each of a model of its own, then all of a guarded one."""
    times, rounds = bench.size(20, 2), bench.rounds(3)
    with mlflow.servers(bench) as (installation, clients, _, port):
        for client in (clients.ours, clients.theirs):
            for caller in range(_CALLERS):
                client.create_registered_model(f"crowd-{caller}")
                for _ in range(2):
                    client.create_model_version(f"crowd-{caller}", "s3://bucket/model")
        peer = f"MLflow {bench.versions['mlflow']} server"
        for what, model, alias in (
            ("each of a model of its own", "crowd-{}", "shadow"),
            ("all of one model, guarded here", "guarded", "champion"),
        ):
            sides = [Crowd(each, times, installation.admin_token, model, alias) for each in (installation.port, port)]
            means = alternate(rounds, *(side.ask for side in sides))
            slowest = [Timing(tuple(side.slowest[-rounds:])) for side in sides]
            asked = f"`POST {_PATH}`, {_CALLERS} callers at once, {what}"
            for unit, how, (mine, theirs) in (
                ("call", "by the time of them all", means),
                ("round", "the slowest call of a round", slowest),
            ):
                yield Row(what=f"{asked}: {how}", unit=unit, ours=mine, peer=peer, theirs=theirs, aim=mlflow.FIVE_TIMES)


@dataclass
class Crowd:
    """Callers of one server; `slowest` are the seconds of the slowest call of each round."""

    port: int
    times: int
    token: str
    model: str
    alias: str
    slowest: list[float] = field(default_factory=list)

    def ask(self) -> float:
        """Have all of them ask, and return the seconds that a call took of all the time."""
        began = time.perf_counter()
        with ThreadPoolExecutor(_CALLERS) as pool:
            callers = [
                pool.submit(_call, self.port, self.times, self.token, self.model.format(number), self.alias)
                for number in range(_CALLERS)
            ]
            taken = list(itertools.chain.from_iterable(each.result() for each in callers))
        self.slowest.append(max(taken))
        return (time.perf_counter() - began) / len(taken)


def _call(port: int, times: int, token: str, model: str, alias: str) -> list[float]:
    """Set an alias so many times on one connection, and return the seconds that each took.

    Raises:
        RuntimeError: it was refused.
    """
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    taken = []
    with closing(http.client.HTTPConnection(HOST, port, timeout=300)) as connection:
        for number in range(times):
            body: dict[str, Any] = {"name": model, "alias": alias, "version": str(number % 2 + 1)}
            began = time.perf_counter()
            connection.request("POST", _PATH, json.dumps(body), headers)
            answer = connection.getresponse()
            said = answer.read()
            taken.append(time.perf_counter() - began)
            if answer.status != http.client.OK:
                raise RuntimeError(f"{answer.status}: {said[:200]!r}")
    return taken
