"""Cases of telemetry: an event at the caller, durable ingest, reading a week back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.bench import Bench
from benchmarks.environments import PeerUnavailable
from benchmarks.measure import Row, alternate, timed
from clearance.clock import SystemClock
from clearance.sdk.events import Event
from clearance.sdk.recorder import Recorder

START = datetime(2019, 1, 7, tzinfo=UTC)
RECEIVED = START + timedelta(days=100)


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


def recorder(bench: Bench) -> Iterator[Row]:
    """Cost of one event at the caller, its batches going to a sink that drops them, against incrementing a counter."""
    times = bench.size(20_000, 1_000)
    made = Recorder(lambda _events: None)
    one = event(1)
    ours = timed(lambda: made.record(one), times)
    what = f"`Recorder.record` of an event with 7 features, {times:,} in a row, while its thread hands batches on"
    try:
        with bench.peer("prometheus-client") as peer:
            for job, called in (("labels", "labels(…).inc()"), ("cached", "child.inc(), the child kept")):
                mine, theirs = alternate(bench.rounds(9), ours, peer.action(job, times=times))
                yield Row(what=what, unit="event", ours=mine, peer=f"prometheus_client `{called}`", theirs=theirs)
    except PeerUnavailable as error:
        (mine,) = alternate(bench.rounds(9), ours)
        yield Row(what=what, unit="event", ours=mine, peer="prometheus_client", unavailable=str(error))
    finally:
        made.close(0)


def ingest(bench: Bench) -> Iterator[Row]:
    """Durable events a second through ingest (checked, group commit), against delta-rs appending rows made before."""
    from deltalake import DeltaTable, write_deltalake

    from clearance.telemetry.ingest import Ingest
    from clearance.telemetry.lake import Lake
    from clearance.telemetry.rows import event_rows
    from clearance.telemetry.schema import EVENTS

    size, many = bench.size(2_000, 100), bench.size(10, 2)
    batches = [[event(number) for number in range(b * size, (b + 1) * size)] for b in range(many)]
    tables = [event_rows(batch, RECEIVED) for batch in batches]
    raw = DeltaTable.create(bench.folder / "raw", schema=EVENTS, partition_by=["day"])

    def append() -> None:
        for rows in tables:
            write_deltalake(raw, rows, mode="append")

    def one_at_a_time(door: Ingest, given: Sequence[Sequence[Event]]) -> None:
        for batch in given:
            door.submit(batch)

    def together(door: Ingest, given: Sequence[Sequence[Event]]) -> None:
        for receipt in [door.begin(batch) for batch in given]:
            receipt.result()

    peer = f"{bench.library('deltalake')} `write_deltalake` of the same rows, made before, one commit a batch"
    for name, send, linger in (("one caller that waits", one_at_a_time, 0), ("all at once", together, 5)):
        door = Ingest(Lake(bench.folder / f"lake-{linger}"), SystemClock(), linger_ms=linger)
        mine, theirs = alternate(
            bench.rounds(5),
            timed(lambda door=door, send=send: send(door, batches), units=size * many),  # type: ignore[misc]
            timed(append, units=size * many),
        )
        door.close()
        yield Row(
            what=f"`Ingest` of {many} batches of {size:,} events, {name}: checked, and on disk when it returns",
            unit="event",
            ours=mine,
            peer=peer,
            theirs=theirs,
            rates=True,
            aim=1.25,
            note="ours begins with dictionaries, which are checked and made into columns; the peer's rows are ready",
        )


def week(bench: Bench) -> Iterator[Row]:
    """Reading a week of events with labels out of many small commits, against reading the same files bare."""
    from deltalake import DeltaTable

    from clearance.telemetry.lake import Lake
    from clearance.telemetry.rows import event_rows, label_rows

    commits = bench.size(150, 14)
    lake = Lake(bench.folder / "lake")
    for batch in range(commits):
        numbers = range(batch * 40, batch * 40 + 40)
        lake.append_events(
            event_rows([{**event(n), "ts": START + timedelta(seconds=504 * n)} for n in numbers], RECEIVED)
        )
    labels: list[dict[str, Any]] = [
        {"model": "car-loan", "request_id": f"r-{n}", "label": n % 2} for n in range(commits * 40)
    ]
    lake.append_labels(label_rows(labels, RECEIVED))
    begin, end = START, START + timedelta(days=7)

    def read() -> float:
        began = time.perf_counter()
        assert lake.joined("car-loan", begin, end).num_rows > 0
        return time.perf_counter() - began

    def bare() -> float:
        began = time.perf_counter()
        days = [f"{begin + timedelta(days=day):%Y-%m-%d}" for day in range(7)]
        table = DeltaTable(bench.folder / "lake" / "events").to_pyarrow_table(partitions=[("day", "in", days)])
        assert table.num_rows > 0
        return time.perf_counter() - began

    peer = f"{bench.library('deltalake')} `to_pyarrow_table` of the week's events: no labels, doubles not removed"
    for state in (f"{commits} commits of 40 events", "the same, compacted"):
        mine, theirs = alternate(bench.rounds(7), read, bare)
        yield Row(
            what=f"`Lake.joined` of one week with labels, {state}",
            unit="week",
            ours=mine,
            peer=peer,
            theirs=theirs,
            aim=2.0,
            note="ours also removes doubles and joins labels: two tables are read instead of one",
        )
        lake.compact()
