"""A small world for the tests of monitoring: a model that is watched, its baseline, events and labels in a real lake."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clearance.access.model import Principal
from clearance.alarm import Alarm
from clearance.app import Clearance
from clearance.monitoring import service
from clearance.monitoring.model import Evaluation, MonitorConfig
from clearance.registry import dataset_file
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.storage.database import Transaction
from clearance.telemetry.lake import Lake
from clearance.telemetry.rows import event_rows, label_rows
from tests.conftest import person

ADA = person("ada")
MONDAY = datetime(2025, 6, 2, tzinfo=UTC)
WEEK = timedelta(days=7)
MODEL = "car-loan"


def table(rows: int, seed: int, *, shift: float = 0.0) -> Any:
    """Return generated rows: four features, a score that knows something, the prediction, the label."""
    random = np.random.default_rng(seed)
    score = random.uniform(size=rows)
    return pa.table(
        {
            "income": random.normal(50 + shift, 10, rows),
            "age": random.integers(18, 80, rows),
            "city": random.choice(["Bonn", "Ulm", "Köln"], rows, p=[0.6, 0.3, 0.1]),
            "member": random.uniform(size=rows) < 0.3,
            "score": score,
            "prediction": (score > 0.5).astype(float),
            "label": (random.uniform(size=rows) < score).astype(float),
        }
    )


def parquet(found: Any) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(found, buffer)
    return buffer.getvalue()


def events(found: Any, start: datetime, **changed: Any) -> list[dict[str, Any]]:
    """Return the rows of a table as events, spread evenly over a week."""
    step = WEEK / max(found.num_rows, 1)
    return [
        {
            "ts": start + step * n,
            "model": MODEL,
            "version": 1,
            "environment": "production",
            "variant": "stable",
            "request_id": f"{start:%Y%m%d}-{n}",
            "row": 0,
            "latency_ms": 2.0,
            "status": "ok",
            "features": {name: row[name] for name in ("income", "age", "city", "member")},
            "prediction": row["prediction"],
            "score": row["score"],
            **changed,
        }
        for n, row in enumerate(found.to_pylist())
    ]


def labels(found: Any, start: datetime, share: float = 1.0) -> list[dict[str, Any]]:
    """Return the labels of the first share of those events."""
    outcomes = found["label"].to_pylist()[: int(found.num_rows * share)]
    return [
        {"model": MODEL, "request_id": f"{start:%Y%m%d}-{n}", "row": 0, "label": outcome, "at": start + 2 * WEEK}
        for n, outcome in enumerate(outcomes)
    ]


class World:
    """A watched model in an installation."""

    def __init__(self, parts: Clearance, *, create: bool = True, **config: Any) -> None:
        self.parts = parts
        self.raised: list[Alarm] = []
        digest, _ = parts.blobs.put([parquet(table(20_000, 0))])
        with parts.database.write() as tx:
            if create:
                registry.create_model(tx, ADA, NewModel(name=MODEL, owner="user:ada"))
            registry.register_dataset(tx, ADA, dataset_file.inspect(parts.blobs, digest), name="baseline")
        self.baseline = digest
        self.configure(**config)

    def configure(self, **config: Any) -> None:
        self.config = MonitorConfig(
            **{
                "baseline_dataset": self.baseline,
                "score_column": "score",
                "prediction_column": "prediction",
                "label_column": "label",
                **config,
            }
        )
        parts = self.parts
        self.monitor = service.configure_monitor(parts.database, ADA, parts.blobs, MODEL, "production", self.config)

    def send(self, found: Sequence[dict[str, Any]]) -> None:
        self.parts.lake.append_events(event_rows(found, self.parts.clock.now()))

    def label(self, found: Sequence[dict[str, Any]]) -> None:
        self.parts.lake.append_labels(label_rows(found, self.parts.clock.now()))

    def evaluate(self, lake: Lake | None = None, **options: Any) -> Evaluation:
        def note(_tx: Transaction, _caller: Principal, alarm: Alarm) -> None:
            self.raised.append(alarm)

        parts = self.parts
        return service.evaluate(parts.database, ADA, lake or parts.lake, parts.blobs, note, model=MODEL, **options)

    def figure(self, metric: str, subject: str = "", start: datetime = MONDAY, version: int | None = None) -> Any:
        with self.parts.database.read() as tx:
            found = service.figures(
                tx,
                MODEL,
                "production",
                metric=metric,
                subject=subject,
                version=version,
                since=start,
                before=start + WEEK,
            )
        assert len(found.items) == 1, found.items
        return found.items[0]
