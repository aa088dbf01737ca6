"""Ingest: one commit for many callers, all or nothing, durable before it is acknowledged."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pyarrow as pa
import pytest

from clearance.app import Clearance
from clearance.clock import FixedClock
from clearance.errors import InvalidInput, Unavailable
from clearance.sdk.events import Event
from clearance.sdk.recorder import Recorder
from clearance.settings import load
from clearance.telemetry import group_commit, ingest
from clearance.telemetry.durability import LOG, set_torn_tail_aside
from clearance.telemetry.group_commit import GroupCommit
from clearance.telemetry.ingest import Ingest
from clearance.telemetry.lake import Lake
from tests.conftest import START
from tests.telemetry.events import event, label


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def door(lake: Lake) -> Iterator[Ingest]:
    made = Ingest(lake, FixedClock(START), linger_ms=5)
    yield made
    made.close()


def test_a_receipt_names_the_table_version_that_has_the_rows(door: Ingest, lake: Lake) -> None:
    receipt = door.submit([event(1), event(2)])
    assert (receipt.accepted, receipt.table, receipt.table_version) == (2, "events", 1)
    assert lake.events("car-loan", table_version={"events": 1, "labels": 0}).num_rows == 2
    assert door.submit_labels([label(1)]).table == "labels"
    assert lake.joined("car-loan")["label"].to_pylist() == [1.0, None]


def test_many_callers_share_commits_and_lose_nothing(lake: Lake) -> None:
    door = Ingest(lake, FixedClock(START), linger_ms=50)
    with ThreadPoolExecutor(32) as callers:
        receipts = list(callers.map(lambda number: door.submit([event(number)]), range(200)))
    assert sum(receipt.accepted for receipt in receipts) == 200
    assert lake.events("car-loan").num_rows == 200
    assert lake.table_versions()["events"] < 50
    door.close()


def test_a_bad_event_refuses_its_batch_and_only_that(door: Ingest, lake: Lake) -> None:
    good = door.begin([event(1)])
    with pytest.raises(InvalidInput, match="event 1: version"):
        door.submit([event(2), event(3, version=0)])
    good.result(10)
    assert lake.events("car-loan")["request_id"].to_pylist() == ["r-1"]


def test_copies_in_later_batches_have_a_later_receipt_even_on_a_clock_that_stands_still(
    door: Ingest, lake: Lake
) -> None:
    for score in (0.1, 0.2, 0.3):
        door.submit([event(1, score=score)])
    assert lake.events("car-loan")["score"].to_pylist() == [0.1]


def test_a_lake_that_cannot_be_written_is_told_to_every_caller_and_works_again_when_it_can(
    door: Ingest, lake: Lake
) -> None:
    lake.folder.write_text("in the way")
    both = [door.begin([event(1)]), door.begin([event(2)])]
    for each in both:
        with pytest.raises(Unavailable, match="can't be used"):
            each.result(10)
    lake.folder.unlink()
    door.submit([event(3)])
    assert lake.events("car-loan")["request_id"].to_pylist() == ["r-3"]


def test_closing_commits_what_waits_and_refuses_what_comes_later(lake: Lake) -> None:
    door = Ingest(lake, FixedClock(START), linger_ms=10_000)
    waiting = door.begin([event(1)])
    door.close()
    assert waiting.done()
    assert lake.events("car-loan").num_rows == 1
    with pytest.raises(Unavailable, match="closing"):
        door.submit([event(2)])


def test_the_queue_is_bounded_and_a_caller_who_left_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_WAITING", 10)
    free = threading.Event()
    committed: list[int] = []

    def commit(rows: pa.Table) -> int:
        free.wait(10)
        committed.append(rows.num_rows)
        return len(committed)

    queue = GroupCommit("events", commit, 0)
    rows = pa.table({"a": range(6)})
    queue.submit(rows)
    until = time.monotonic() + 5
    while queue._waiting and time.monotonic() < until:
        time.sleep(0.001)  # the thread takes the first batch and hangs in its commit
    left = queue.submit(rows)
    assert left.cancel()
    with pytest.raises(Unavailable, match="wait to be written"):
        queue.submit(rows)
    free.set()
    queue.close()
    assert committed == [6]


def test_small_files_are_merged_beside_the_traffic(door: Ingest, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "COMPACT_EVERY", 8)
    monkeypatch.setattr(ingest, "_COMPACT_PAUSE", 0.01)
    for number in range(20):
        door.submit([event(number)])
    until = time.monotonic() + 10
    while lake.summary().files["events"] > 12 and time.monotonic() < until:
        time.sleep(0.02)
    assert lake.summary().files["events"] <= 12
    assert lake.events("car-loan").num_rows == 20


def test_the_recorder_over_ingest_brings_events_into_the_lake(sqlite_parts: Clearance) -> None:
    recorder = Recorder(sqlite_parts.ingest.submit)
    for number in range(100):
        recorder.record(cast(Event, event(number, features={"bad": object()} if number == 50 else None)))
    assert recorder.flush(20)
    assert (recorder.stats().sent, recorder.stats().invalid) == (99, 1)
    assert sqlite_parts.lake.events("car-loan").num_rows == 99
    recorder.close()


WRITER = """
import sys, threading
from pathlib import Path
from clearance.app import Clearance
from clearance.settings import load
sys.path.insert(0, sys.argv[2])
from tests.telemetry.events import event
door = Clearance(load({}, home=Path(sys.argv[1]))).ingest
say = threading.Lock()
def work(thread):
    number = thread
    while True:
        batch = [event(number * 10 + k, request_id=f"r-{number}", row=k) for k in range(10)]
        door.submit(batch)
        with say:
            print(number, flush=True)
        number += 4
for thread in range(3):
    threading.Thread(target=work, args=(thread,), daemon=True).start()
work(3)
"""


@pytest.mark.parametrize("seconds", [0.05, 0.33, 0.71])
def test_after_kill_9_every_acknowledged_event_is_there_and_no_batch_is_half_there(
    tmp_path: Path, seconds: float
) -> None:
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), root], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline())]
        threading.Timer(seconds, writer.kill).start()
        acknowledged += [int(line) for line in writer.stdout]
    assert writer.returncode == -9
    parts = Clearance(load({}, home=tmp_path))
    found = parts.lake.events("car-loan")
    rows: dict[str, list[int]] = {}
    for request, row in zip(found["request_id"].to_pylist(), found["row"].to_pylist(), strict=True):
        rows.setdefault(request, []).append(row)
    assert {f"r-{number}" for number in acknowledged} <= set(rows)
    assert all(sorted(each) == list(range(10)) for each in rows.values())
    parts.ingest.submit([event(0, request_id="after")])  # and it goes on
    assert "after" in parts.lake.events("car-loan")["request_id"].to_pylist()
    parts.close()


def test_two_processes_may_write_the_same_tables_at_once(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from clearance.app import Clearance
from clearance.settings import load
sys.path.insert(0, sys.argv[2])
from tests.telemetry.events import event
parts = Clearance(load({"CLEARANCE_INGEST_LINGER_MS": "1"}, home=Path(sys.argv[1])))
for number in range(15):
    parts.ingest.submit([event(number, request_id=f"{sys.argv[3]}-{number}")])
parts.lake.compact()
parts.close()
"""
    root = str(Path(__file__).parents[2])
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), root, name], stderr=subprocess.PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    for each in running:
        assert each.communicate(timeout=120)[1] == ""
        assert each.returncode == 0
    assert Clearance(load({}, home=tmp_path)).lake.events("car-loan").num_rows == 45


@pytest.mark.skipif(not os.path.exists("/usr/bin/strace"), reason="needs strace to see what is synced")  # noqa: PTH110
def test_files_log_and_folders_are_synced_before_the_receipt(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from clearance.app import Clearance
from clearance.settings import load
sys.path.insert(0, sys.argv[2])
from tests.telemetry.events import event
parts = Clearance(load({"CLEARANCE_INGEST_LINGER_MS": "0"}, home=Path(sys.argv[1])))
parts.ingest.submit([event(1)])
sys.stdout.write("acknowledged"); sys.stdout.flush()
"""
    root = str(Path(__file__).parents[2])
    trace = tmp_path / "trace"
    calls = "trace=fsync,write"
    subprocess.run(
        [
            "/usr/bin/strace",
            "-f",
            "-y",
            "-e",
            calls,
            "-o",
            trace,
            sys.executable,
            "-c",
            program,
            tmp_path / "home",
            root,
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    before = trace.read_text().split('"acknowledged"')[0]
    synced = "\n".join(line for line in before.splitlines() if "fsync(" in line)
    for wanted in (
        "day=2019-01-07/part-",
        f"{LOG}/{1:020}.json",
        f"{LOG}>",
        "day=2019-01-07>",
        "lake/events>",
        "lake>",
    ):
        assert wanted in synced


@pytest.mark.parametrize("damage", ["empty log entry", "cut log entry", "missing file", "cut file"])
def test_a_commit_torn_by_a_power_cut_is_set_aside_and_the_rest_reads(lake: Lake, damage: str) -> None:
    door = Ingest(lake, FixedClock(START), linger_ms=0)
    door.submit([event(1)])
    door.submit([event(2)])
    door.close()
    table = lake.folder / "events"
    entry = table / LOG / f"{2:020}.json"
    newest = max(table.glob("day=*/*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    match damage:
        case "empty log entry":
            entry.write_bytes(b"")
        case "cut log entry":
            entry.write_bytes(entry.read_bytes()[:-20])
        case "missing file":
            newest.unlink()
        case "cut file":
            newest.write_bytes(newest.read_bytes()[:-8])
    again = Lake(lake.folder)
    assert again.events("car-loan")["request_id"].to_pylist() == ["r-1"]
    assert not entry.exists()
    assert set_torn_tail_aside(table) == ()
    later = Ingest(again, FixedClock(START), linger_ms=0)
    assert later.submit([event(3)]).table_version == 2
    assert again.events("car-loan")["request_id"].to_pylist() == ["r-1", "r-3"]
    later.close()


def test_every_thread_ends_with_the_installation(sqlite_parts: Clearance) -> None:
    def threads() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name.startswith(("commit-", "compact-"))} - before

    before = set(threading.enumerate())
    sqlite_parts.ingest.submit([event(1)])
    assert [thread.name for thread in threads()] == ["commit-events"]
    sqlite_parts.close()
    assert threads() == set()
