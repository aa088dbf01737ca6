"""The recorder under slow, hanging, throwing and refusing sinks, many threads, forks and bad events."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from clearance.errors import InvalidInput, TooLarge, Unavailable
from clearance.sdk.events import Event
from clearance.sdk.http_sink import HttpSink
from clearance.sdk.recorder import Recorder, Stats

ROOT = str(Path(__file__).parents[2])


def event(number: int = 0, **changed: Any) -> Event:
    made = {
        "ts": "2026-01-05T09:00:00Z",
        "model": "car-loan",
        "version": 1,
        "environment": "production",
        "variant": "stable",
        "request_id": f"r-{number}",
        "row": 0,
        "latency_ms": 1.5,
        "status": "ok",
    }
    return cast(Event, {**made, **changed})


class Kept:
    """A sink that keeps what it is given, and can be made to hang or raise."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.free = threading.Event()
        self.free.set()
        self.asked = threading.Event()
        self.raises: list[Exception] = []

    def __call__(self, events: Sequence[Event]) -> None:
        self.asked.set()
        self.free.wait(10)
        if self.raises:
            raise self.raises.pop(0)
        self.events += events


@pytest.fixture
def sink() -> Iterator[Kept]:
    kept = Kept()
    yield kept
    kept.free.set()


def balanced(stats: Stats) -> bool:
    return stats.recorded == stats.sent + stats.dropped + stats.invalid + stats.failed + stats.pending


def test_what_is_recorded_is_sent_in_order(sink: Kept) -> None:
    recorder = Recorder(sink, batch_size=7)
    for number in range(100):
        recorder.record(event(number))
    assert recorder.flush()
    assert [each["request_id"] for each in sink.events] == [f"r-{number}" for number in range(100)]
    assert recorder.stats().sent == recorder.stats().recorded == 100
    assert recorder.close()


def test_events_go_out_by_themselves_after_a_while(sink: Kept) -> None:
    recorder = Recorder(sink, flush_seconds=0.01)
    recorder.record(event())
    until = time.monotonic() + 5
    while not sink.events and time.monotonic() < until:
        time.sleep(0.005)
    assert len(sink.events) == 1
    recorder.close()


def test_a_hanging_sink_holds_nobody_up_and_the_oldest_give_way(sink: Kept) -> None:
    sink.free.clear()
    recorder = Recorder(sink, capacity=100, batch_size=10, flush_seconds=0.001)
    recorder.record(event(0))
    assert sink.asked.wait(10)  # now the thread hangs in the sink with the first event
    started = time.perf_counter()
    for number in range(1, 1001):
        recorder.record(event(number))
    assert time.perf_counter() - started < 0.5
    stats = recorder.stats()
    assert (stats.recorded, stats.dropped, stats.pending) == (1001, 900, 101)
    assert not recorder.flush(0.05)
    sink.free.set()
    assert recorder.flush()
    assert [each["request_id"] for each in sink.events] == ["r-0", *(f"r-{number}" for number in range(901, 1001))]
    assert balanced(recorder.stats())
    recorder.close()


def test_closing_gives_up_on_a_hanging_sink_in_time(sink: Kept) -> None:
    sink.free.clear()
    recorder = Recorder(sink, flush_seconds=0.001)
    recorder.record(event())
    started = time.perf_counter()
    assert not recorder.close(0.1)
    assert time.perf_counter() - started < 1


def test_a_sink_that_raises_is_offered_the_batch_again(sink: Kept) -> None:
    sink.raises = [Unavailable("down", code="down"), RuntimeError("odd")]
    recorder = Recorder(sink)
    recorder.record(event())
    assert recorder.flush()
    stats = recorder.stats()
    assert (stats.sent, stats.failed) == (1, 0)
    assert stats.last_error == "RuntimeError: odd"
    recorder.close()


def test_after_the_last_attempt_a_batch_is_counted_as_failed(sink: Kept, caplog: pytest.LogCaptureFixture) -> None:
    sink.raises = [OSError("full")] * 2
    recorder = Recorder(sink, attempts=2)
    recorder.record(event())
    assert recorder.flush()
    recorder.record(event(1))
    assert recorder.flush()
    assert (recorder.stats().failed, recorder.stats().sent) == (1, 1)
    assert "given up" in caplog.text
    recorder.close()


def test_a_refused_batch_is_not_offered_again(sink: Kept) -> None:
    sink.raises = [InvalidInput("no", code="no")]
    recorder = Recorder(sink)
    recorder.record(event())
    assert recorder.flush(1)
    assert (recorder.stats().failed, recorder.stats().sent) == (1, 0)
    recorder.close()


def test_a_batch_that_is_too_large_is_halved() -> None:
    sizes: list[int] = []

    def sink(events: Sequence[Event]) -> None:
        if len(events) > 3:
            raise TooLarge("too large", code="too_large")
        sizes.append(len(events))

    recorder = Recorder(sink)
    for number in range(10):
        recorder.record(event(number))
    assert recorder.flush()
    assert sum(sizes) == recorder.stats().sent == 10
    assert recorder.stats().pending == 0
    recorder.close()


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_bad_events_are_counted_and_the_good_ones_beside_them_are_sent(sink: Kept) -> None:
    recorder = Recorder(sink)
    nested: Any = []
    nested.append(nested)
    bad: list[Any] = [
        event(features={"a": object()}),
        event(features={"a": Hostile()}),
        event(features={"a": nested}),
        event(version=0),
        {},
        None,
        "text",
    ]
    for each in [event(1), *bad, event(2)]:
        recorder.record(each)
    assert recorder.flush()
    stats = recorder.stats()
    assert (stats.sent, stats.invalid, stats.failed) == (2, len(bad), 0)
    recorder.close()


def test_many_threads_lose_nothing(sink: Kept) -> None:
    recorder = Recorder(sink, capacity=100_000, flush_seconds=0.001)

    def work(name: int) -> None:
        for number in range(2_000):
            recorder.record(event(name * 10_000 + number))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.flush(20)
    assert len({each["request_id"] for each in sink.events}) == recorder.stats().sent == 16_000
    assert balanced(recorder.stats())
    recorder.close()


def test_after_close_events_are_counted_as_dropped(sink: Kept) -> None:
    recorder = Recorder(sink)
    recorder.record(event())
    assert recorder.close()
    recorder.record(event(1))
    assert (recorder.stats().sent, recorder.stats().dropped, recorder.stats().pending) == (1, 1, 0)


def test_no_thread_to_be_had_is_no_reason_to_raise(sink: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    recorder = Recorder(sink)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        recorder.record(event())
    assert recorder.stats().last_error == "can't start new thread"
    recorder.record(event(1))
    assert recorder.flush()
    assert len(sink.events) == 2
    recorder.close()


def test_a_forked_child_sends_its_own_events_and_not_the_parents() -> None:
    program = """
import os, sys, threading
from clearance.sdk.recorder import Recorder
sys.path.insert(0, sys.argv[1])
from tests.sdk.test_recorder import event
seen = []
hold = threading.Event()
def sink(events):
    hold.wait(5)
    seen.extend(each["request_id"] for each in events)
recorder = Recorder(sink, flush_seconds=0.001)
recorder.record(event(1))
child = os.fork()
hold.set()
if child == 0:
    recorder.record(event(2))
    recorder.flush()
    os._exit(0 if seen == ["r-2"] else 1)
recorder.flush()
assert seen == ["r-1"], seen
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, ROOT], check=True, timeout=60)


def test_events_still_waiting_are_sent_when_the_program_ends() -> None:
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.sdk.test_recorder import event
from clearance.sdk.recorder import Recorder
recorder = Recorder(lambda events: print(len(events), flush=True), flush_seconds=60)
recorder.record(event())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, ROOT], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout == "1\n"


@pytest.mark.parametrize(
    ("status", "error"),
    [(413, TooLarge), (422, InvalidInput), (401, Unavailable), (429, Unavailable), (503, Unavailable)],
)
def test_the_http_sink_tells_never_from_not_now(status: int, error: type[Exception]) -> None:
    sink = HttpSink("http://x", transport=httpx.MockTransport(lambda _: httpx.Response(status, text="why")))
    with pytest.raises(error, match="why"):
        sink([event()])
    sink.close()


def test_the_http_sink_says_when_the_server_is_not_there() -> None:
    sink = HttpSink("http://127.0.0.1:9", timeout=1)
    with pytest.raises(Unavailable, match="can't be reached"):
        sink([event()])
    sink.close()
