"""An installation with something on every page, made through the clients and use cases that people and programs use."""

from __future__ import annotations

import base64
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from clearance import server
from clearance.access.model import NewToken, Principal, Role
from clearance.access.service import issue_token
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.client.transport import InProcessTransport
from clearance.clock import FixedClock
from clearance.delivery.model import RolloutState, Step
from clearance.monitoring.model import MonitorConfig
from clearance.registry.model import Code, DatasetRole, DatasetUse, Provenance, Risk
from clearance.settings import load
from clearance.telemetry.rows import event_rows, label_rows
from tests.checks import loans
from tests.conftest import START, person
from tests.delivery.conftest import send
from tests.monitoring import world
from tests.policy import registered
from tests.sdk.onnx_models import pipeline

ALICE = person("alice", Role.DEVELOPER)
OLGA = person("olga", Role.OPERATOR)
BO = person("bo", Role.APPROVER)
PEOPLE = {"ada": Role.ADMIN, "bo": Role.APPROVER, "vic": Role.VIEWER, "aude": Role.AUDITOR}
MONDAY = datetime(2025, 10, 6, tzinfo=UTC)
WEEKS, DRIFT_WEEK = 10, 7
STEPS = (Step(weight=10, minimum_seconds=30, minimum_requests=200),)


@dataclass
class Showcase:
    """What was made, by the names that tests ask for."""

    parts: Clearance
    clock: FixedClock
    tokens: dict[str, str]
    """Secret of each of PEOPLE."""
    stopped: str
    """Rollout of car-loan/2, rolled back."""
    running: str
    """Rollout of pricing/2, under way."""
    alert: str
    incident: str

    @property
    def pages(self) -> dict[str, str]:
        """Every page that can be looked at, by a name."""
        return {
            "overview": "/",
            "models": "/models",
            "model": "/models/car-loan",
            "bare model": "/models/churn",
            "version": "/models/car-loan/versions/1",
            "denied version": "/models/income/versions/1",
            "pending version": "/models/income/versions/2",
            "bare version": "/models/legacy/versions/1",
            "rollouts": "/rollouts",
            "stopped rollout": f"/rollouts/{self.stopped}",
            "running rollout": f"/rollouts/{self.running}",
            "approvals": "/approvals",
            "alerts": "/alerts",
            "alert": f"/alerts/{self.alert}",
            "incident": f"/incidents/{self.incident}",
            "audit log": "/audit",
            "verification": "/audit/verification",
            "reference": "/docs",
        }


def build(folder: Path) -> Showcase:
    """Make the installation in a folder."""
    clock = FixedClock(START)
    parts = Clearance(load({}, home=folder / "home"), clock)
    with closing(_Maker(parts, clock, folder)) as made:
        return _make(made)


def _make(made: _Maker) -> Showcase:
    parts, clock = made.parts, made.clock
    made.lending()
    made.traffic()
    stopped = made.stopped_rollout()
    made.income()
    running = made.running_rollout()
    made.bare()
    with parts.database.write() as tx:
        tokens = {
            name: issue_token(tx, person("root"), NewToken(name=name, roles=(role,))).secret
            for name, role in PEOPLE.items()
        }
    page = next(alert for alert in made.olga.alerts.list() if alert.incident)
    incident = str(page.incident)
    made.olga.incidents.note(incident, "taken out by itself; looking at what it answered")
    ticket = next(alert for alert in made.olga.alerts.list() if not alert.incident)
    made.olga.alerts.acknowledge(ticket.id)
    return Showcase(parts, clock, tokens, stopped, running, page.id, incident)


def answered(rows: int, seed: int, *, shift: float = 0.0) -> Any:
    """Return loans with what the model says of each: score, prediction, and what became of it as `label`."""
    frame = loans.frame(rows, seed).drop(columns="sex")
    frame["amount"] += shift
    score = pipeline().predict_proba(frame)[:, 1]
    label = frame.pop("repaid").astype(float)
    return pa.Table.from_pandas(frame.assign(score=score, prediction=(score > 0.5).astype(float), label=label))


def events(found: Any, start: datetime) -> list[dict[str, Any]]:
    """Return those loans as events, spread evenly over a week."""
    step = world.WEEK / found.num_rows
    inputs = [field.name for field in loans.CONTRACT.inputs]
    return [
        {
            "ts": start + step * n,
            "model": "car-loan",
            "version": 1,
            "environment": "production",
            "variant": "stable",
            "request_id": f"{start:%Y%m%d}-{n}",
            "row": 0,
            "latency_ms": 2.0,
            "status": "ok",
            "features": {name: row[name] for name in inputs},
            "prediction": row["prediction"],
            "score": row["score"],
        }
        for n, row in enumerate(found.to_pylist())
    ]


class _Maker:
    def __init__(self, parts: Clearance, clock: FixedClock, folder: Path) -> None:
        self.parts, self.clock, self._folder = parts, clock, folder
        app = server.create(parts, console=False)

        def client(who: Principal) -> Client:
            return Client("http://local", transport=InProcessTransport(lambda: app, {"clearance.principal": who}))

        self.alice, self.olga, self.bo = client(ALICE), client(OLGA), client(BO)

    def close(self) -> None:
        for each in (self.alice, self.olga, self.bo):
            each.close()

    def lending(self) -> None:
        """car-loan: two checked and signed versions, the first in production."""
        self.alice.models.create(
            "car-loan", owner="alice", on_call="olga", team="lending", purpose="Forecasts which car loans are repaid."
        )
        for number in (1, 2):
            self._version(number)
            self.clock.advance(timedelta(minutes=20))
        self.olga.delivery.promote("car-loan", 1)

    def traffic(self) -> None:
        """Ten weeks of events and labels; amounts drift in the eighth."""
        baseline = self._folder / "baseline.parquet"
        baseline.write_bytes(world.parquet(answered(5_000, 100)))
        dataset = self.alice.datasets.register(baseline, name="baseline")
        config = MonitorConfig(
            baseline_dataset=dataset.digest,
            score_column="score",
            prediction_column="prediction",
            label_column="label",
        )
        self.olga.monitoring.configure("car-loan", config)
        for week in range(WEEKS):
            start = MONDAY + week * world.WEEK
            rows = answered(300, 101 + week, shift=12.0 if week >= DRIFT_WEEK else 0.0)
            now = self.clock.now()
            self.parts.lake.append_events(event_rows(events(rows, start), now))
            self.parts.lake.append_labels(label_rows(world.labels(rows, start), now))
        self.olga.monitoring.run("car-loan", until=MONDAY + WEEKS * world.WEEK)

    def stopped_rollout(self) -> str:
        """car-loan/2 fails every request and is taken out again."""
        self.clock.advance(timedelta(hours=1))
        self.olga.policy.decide("car-loan", 2)
        rollout = self.olga.rollouts.start("car-loan", 2, steps=STEPS)
        now = self.clock.now()
        send(self.parts, 1, "stable", now, 300)
        send(self.parts, 2, "candidate", now, 300, status="error", error="boom", prediction=None, score=None)
        self.clock.advance(timedelta(seconds=40))
        ended = self.parts.rollout_driver.drive(OLGA, rollout.id)
        assert ended.state is RolloutState.ROLLED_BACK
        return rollout.id

    def income(self) -> None:
        """income: one version denied, one that waits for an approval; a waiver."""
        parts = self.parts
        denied = registered.register(parts, "income", Risk.FULL, b"first")
        registered.sign(parts, denied)
        registered.measure(parts, denied)
        registered.measure(parts, denied, ("performance",), verdict="failed")
        registered.decide(parts, denied)
        self.clock.advance(timedelta(minutes=5))
        registered.decide(parts, registered.ready(parts, "income", Risk.FULL, b"second"))
        self.bo.waivers.grant("latency-passed", "income", reason="measured on a busy machine", days=7)

    def running_rollout(self) -> str:
        """pricing: the second version gets a tenth of traffic."""
        for data in (b"p1", b"p2"):
            registered.ready(self.parts, "pricing", data=data)
        self.olga.delivery.promote("pricing", 1)
        self.olga.policy.decide("pricing", 2)
        return self.olga.rollouts.start("pricing", 2, steps=STEPS).id

    def bare(self) -> None:
        """churn has no version; legacy has one of which nothing is known, in quarantine."""
        self.alice.models.create("churn", owner="alice")
        self.alice.models.create("legacy", owner="alice")
        folder = self._folder / "legacy"
        folder.mkdir()
        (folder / "model.bin").write_bytes(base64.b64decode("AAEC"))
        self.alice.versions.register("legacy", folder)
        self.olga.versions.quarantine("legacy", 1, "nobody knows where it comes from")

    def _version(self, number: int) -> None:
        folder = loans.artifact(self._folder / f"car-loan-{number}")
        (folder / "NOTE").write_text(f"version {number}")
        uses = []
        for role, rows, seed in ((DatasetRole.TRAINING, 600, 7), (DatasetRole.TEST, 4000, 8)):
            path = loans.parquet(self._folder / f"{role}-{number}.parquet", rows, seed + 10 * number)
            dataset = self.alice.datasets.register(path, name=f"loans-{role}-{number}")
            uses.append(DatasetUse(role=role, digest=dataset.digest, name=dataset.name))
        story = Provenance(
            datasets=tuple(uses),
            code=Code(repository="https://example.org/lending", commit="c" * 40),
            parameters={"depth": 3, "rate": 0.1},
            environment={"scikit-learn": "1.9.0", "skl2onnx": "1.20.0"},
            trainer="user:alice",
            metrics={"auc": 0.9},
        )
        version = self.alice.versions.register("car-loan", folder, contract=loans.CONTRACT, provenance=story)
        roles: dict[str, Any] = {"training": uses[0].digest, "holdout": uses[1].digest}
        self.alice.checks.run("car-loan", version.number, document=loans.SUITE, datasets=roles)
        self.alice.evidence.sign("car-loan", version.number)
