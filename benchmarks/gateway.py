"""Case of the gateway: predictions over loopback from a real server, against the bare model and a bare server."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.measure import Action, Row, alternate, timed
from benchmarks.processes import serving
from clearance.access.model import SYSTEM
from clearance.app import Clearance
from clearance.delivery import service as delivery
from clearance.delivery.model import NewPromotion
from clearance.demo import contracts, data, training
from clearance.demo.graph import columns, export
from clearance.demo.installation import HOST, Installation
from clearance.demo.traffic import call
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import File, NewModel, NewVersion
from clearance.settings import load

MODEL = "car-loan"
PACK = """
name: signed
version: "1"
description: What is signed may serve; to measure the gateway needs no more.
environments: ["*"]
risks: [standard]
parameters: {}
approvals: {count: 0}
longest_waiver_days: 30
rules:
  - id: signed
    title: The artifact is signed
    severity: block
    expression: signature_valid
    message: it is not signed
    sources: [P2]
"""


def gateway(bench: Bench) -> Iterator[Row]:
    """Requests of 1 and of 100 rows by one caller, one after the other, over a connection that stays open."""
    import onnxruntime

    model = _prepare(bench.folder)
    rows = data.live_traffic()
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    versions = f"{bench.library('starlette')} on {bench.library('uvicorn')}"
    runtime = bench.library("onnxruntime")
    bare_server = [sys.executable, "-m", "benchmarks.bare_server", str(model)]
    with Installation(bench.folder / "home") as server, serving(lambda port: [*bare_server, str(port)]) as port:
        token = server.http("loan-desk").headers["authorization"]
        ours, bare = http.client.HTTPConnection(HOST, server.port), http.client.HTTPConnection(HOST, port)
        path, headers = f"/v2/models/{MODEL}/infer", {"content-type": "application/json", "authorization": token}
        _until_served(ours, path, headers, call(contracts.CAR_LOAN, rows.head(1), "first").body)
        for size in (1, 100):
            times = bench.size(200, 10)
            body = call(contracts.CAR_LOAN, rows.head(size), "").body
            body = json.dumps({"inputs": json.loads(body)["inputs"]}).encode()
            feeds = columns(contracts.CAR_LOAN, rows.head(size))
            mine, theirs, inside = alternate(
                bench.rounds(7),
                _asking(ours, path, body, headers, times),
                _asking(bare, "/infer", body, headers, times),
                timed(lambda feeds=feeds: session.run(None, feeds), times),  # type: ignore[misc]
            )
            what = f"`clearance serve`, Open Inference Protocol v2, {size} row{'s' * (size > 1)} of 7 features over loopback"
            yield Row(
                what=what,
                unit="request",
                ours=mine,
                peer=f"{versions}, the same model: parses, predicts, answers, nothing else",
                theirs=theirs,
                aim=2.0,
                note=f"{1_000 * (mine.median - theirs.median):.2f} ms a request to find the route, look the "
                f"token up, check the contract column by column "
                f"and record an event a row",
            )
            yield Row(
                what=what,
                unit="request",
                ours=mine,
                peer=f"floor: bare {runtime} in process, arrays ready",
                theirs=inside,
                aim=float("inf"),
                note=f"{1_000 * (mine.median - inside.median):.2f} ms a request over the floor, HTTP and JSON included",
            )


def _prepare(folder: Path) -> Path:
    """Train, register, sign and promote car-loan/1 in folder/home; return its ONNX file."""
    split = data.car_loan(folder / "data")
    path = folder / "model" / "model.onnx"
    export(training.car_loan_first(split.training), path, split.holdout.head(100))
    parts = Clearance(load({}, home=folder / "home"))
    digest, size = parts.blobs.put([path.read_bytes()])
    new = NewVersion(files=(File(path=path.name, size=size, sha256=digest),), contract=contracts.CAR_LOAN)
    with parts.database.write() as tx:
        policy.install_pack(tx, SYSTEM, PackSource(source=PACK))
        registry.create_model(tx, SYSTEM, NewModel(name=MODEL, owner="user:ada"))
        number = registry.register_version(tx, SYSTEM, parts.blobs, MODEL, new).number
        evidence.sign_artifact(tx, SYSTEM, parts.keyring, parts.blobs, parts.scratch(), MODEL, number)
    with parts.database.write() as tx:
        assert delivery.promote(tx, SYSTEM, parts.gate, NewPromotion(model=MODEL, number=number)).moved
    parts.close()
    return path


def _asking(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str], times: int
) -> Action:
    """Return an action that asks so many times, over a connection made anew before: servers close those that are idle."""
    measured = timed(lambda: _ask(connection, path, body, headers), times)

    def action() -> float:
        connection.close()
        _ask(connection, path, body, headers)
        return measured()

    return action


def _ask(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> Any:
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {content[:300]!r}")
    return json.loads(content)


def _until_served(connection: http.client.HTTPConnection, path: str, headers: dict[str, str], body: bytes) -> None:
    deadline = time.monotonic() + 15
    while True:
        try:
            _ask(connection, path, body, headers)
            return
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
