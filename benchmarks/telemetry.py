"""Measures the cost of one event at the caller, of ingest against a raw append, and of reading a week; prints JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from deltalake import DeltaTable, write_deltalake

from clearance.clock import SystemClock
from clearance.sdk.events import Event
from clearance.sdk.recorder import Recorder
from clearance.telemetry.ingest import Ingest
from clearance.telemetry.lake import Lake
from clearance.telemetry.rows import event_rows, label_rows
from clearance.telemetry.schema import EVENTS

START = datetime(2019, 1, 7, tzinfo=UTC)
BATCHES, SIZE = 40, 2_000


def event(number: int) -> Event:
    """Return an event with seven features, one every ten seconds."""
    return {
        "ts": (START + timedelta(seconds=10 * number)).isoformat(),
        "model": "car-loan",
        "version": 1,
        "environment": "production",
        "variant": "stable",
        "request_id": f"r-{number}",
        "row": 0,
        "latency_ms": 1.25,
        "status": "ok",
        "features": {"age": 40, "income": 51_000.0, "car_value": 20_500.0, "sex": "f", "a": 1, "b": 2.5, "c": "x"},
        "prediction": 1,
        "score": 0.75,
    }


def nanoseconds_each(function: Callable[[], Any], times: int = 20_000, rounds: int = 7) -> float:
    """Return the median over the rounds of the time of one call."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for _ in range(times):
            function()
        found.append((time.perf_counter_ns() - began) / times)
    return median(found)


def caller() -> dict[str, Any]:
    """Cost at the caller: record an event made before, and increment a counter of prometheus_client."""
    recorder = Recorder(lambda _events: None, capacity=500_000, flush_seconds=60)
    one = event(1)
    figures: dict[str, Any] = {"recorder_record_ns": nanoseconds_each(lambda: recorder.record(one))}
    recorder.close(0)
    try:
        from prometheus_client import CollectorRegistry, Counter
    except ImportError:
        return {**figures, "prometheus_client": "not installed"}
    counter = Counter("requests", "…", ["model", "version"], registry=CollectorRegistry())
    child = counter.labels("car-loan", "1")
    figures["prometheus_counter_labels_inc_ns"] = nanoseconds_each(lambda: counter.labels("car-loan", "1").inc())
    figures["prometheus_cached_child_inc_ns"] = nanoseconds_each(child.inc)
    return figures


def ingest(folder: Path, batches: Sequence[Sequence[Event]]) -> dict[str, Any]:
    """Events a second through ingest (checked, durable), one caller, against delta-rs appending the same rows made before."""
    events = sum(len(batch) for batch in batches)
    tables = [event_rows(batch, START) for batch in batches]
    raw = DeltaTable.create(folder / "raw", schema=EVENTS, partition_by=["day"])
    began = time.perf_counter()
    for rows in tables:
        write_deltalake(raw, rows, mode="append")
    raw_seconds = time.perf_counter() - began

    door = Ingest(Lake(folder / "lake"), SystemClock(), linger_ms=0)
    began = time.perf_counter()
    for batch in batches:
        door.submit(batch)
    one_by_one = time.perf_counter() - began
    door.close()

    door = Ingest(Lake(folder / "together"), SystemClock(), linger_ms=5)
    began = time.perf_counter()
    for receipt in [door.begin(batch) for batch in batches]:
        receipt.result()
    together = time.perf_counter() - began
    door.close()
    return {
        "events": events,
        "raw_delta_rs_per_second": events / raw_seconds,
        "ingest_one_batch_at_a_time_per_second": events / one_by_one,
        "ingest_group_commit_per_second": events / together,
        "ingest_to_raw": raw_seconds / one_by_one,
        "group_commit_to_raw": raw_seconds / together,
    }


def reading(folder: Path) -> dict[str, Any]:
    """Milliseconds to read a week of 1,200 events with labels, before and after compaction of 300 commits."""
    lake = Lake(folder / "read")
    for batch in range(300):
        numbers = range(batch * 40, batch * 40 + 40)
        lake.append_events(event_rows([{**event(n), "ts": START + timedelta(seconds=504 * n)} for n in numbers], START))
    lake.append_labels(
        label_rows([{"model": "car-loan", "request_id": f"r-{n}", "label": n % 2} for n in range(12_000)], START)
    )
    week = START + timedelta(days=21), START + timedelta(days=28)

    def read() -> float:
        began = time.perf_counter()
        assert lake.joined("car-loan", *week).num_rows == 1_200
        return 1_000 * (time.perf_counter() - began)

    read()
    before = median(read() for _ in range(9))
    lake.compact()
    return {"week_ms_300_commits": before, "week_ms_compacted": median(read() for _ in range(9))}


def main() -> None:
    """Run all and print one JSON object."""
    batches = [[event(number) for number in range(b * SIZE, (b + 1) * SIZE)] for b in range(BATCHES)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {"caller": caller(), "ingest": ingest(folder, batches), "reading": reading(folder)}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
