"""The lake: windows, copies, late labels, time travel, compaction, many writers."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearance.errors import InvalidInput, NotFound, Unavailable
from clearance.telemetry import rows
from clearance.telemetry.lake import Lake
from clearance.telemetry.rows import event_rows, label_rows
from clearance.telemetry.schema import JOINED, READ
from tests.telemetry.events import LATER, MONDAY, event, label


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def add(lake: Lake, events: Sequence[dict[str, Any]], received: int = 0) -> int:
    return lake.append_events(event_rows(events, LATER + timedelta(seconds=received)))


def add_labels(lake: Lake, labels: Sequence[dict[str, Any]], received: int = 0) -> int:
    return lake.append_labels(label_rows(labels, LATER + timedelta(seconds=received)))


def ids(lake: Lake, *args: Any, **more: Any) -> list[str]:
    found: list[str] = lake.events("car-loan", *args, **more)["request_id"].to_pylist()
    return found


def outcomes(lake: Lake, **more: Any) -> dict[str, float | None]:
    found = lake.joined("car-loan", **more)
    return dict(zip(found["request_id"].to_pylist(), found["label"].to_pylist(), strict=True))


def test_an_empty_lake_answers_with_empty_tables_of_the_right_schema(lake: Lake) -> None:
    assert lake.joined("car-loan").schema == JOINED
    assert lake.events("car-loan").schema == READ
    assert lake.joined("car-loan").num_rows == 0
    assert lake.table_versions() == {"events": 0, "labels": 0}
    assert lake.counts() == ()


def test_what_was_appended_is_read_as_it_was_sent_sorted_by_time(lake: Lake) -> None:
    add(
        lake,
        [event(5), event(3), event(2000, error="late", status="error", segment="ü", cost=0.1, tokens=7, trace_id="t")],
    )
    found = lake.events("car-loan")
    assert found.schema == READ
    assert found["request_id"].to_pylist() == ["r-3", "r-5", "r-2000"]
    last = found.slice(2).to_pylist()[0]
    assert last["ts"] == MONDAY + timedelta(minutes=2000)
    assert (last["error"], last["segment"], last["cost"], last["tokens"], last["trace_id"]) == (
        "late",
        "ü",
        0.1,
        7,
        "t",
    )
    assert last["features"] == '{"age":40,"sex":"f"}'


def test_a_window_takes_its_start_and_not_its_end(lake: Lake) -> None:
    add(lake, [event(number) for number in (0, 1, 2)])
    add(lake, [event(3, ts="2019-01-07T00:02:00.000001Z"), event(4, ts="2019-01-07T00:01:59.999999Z")])
    start, end = MONDAY + timedelta(minutes=1), MONDAY + timedelta(minutes=2)
    assert ids(lake, start, end) == ["r-1", "r-4"]
    assert ids(lake, end) == ["r-2", "r-3"]
    assert ids(lake, None, start) == ["r-0"]
    assert ids(lake, start.astimezone(timezone(timedelta(hours=-8))), end) == ["r-1", "r-4"]


def test_environment_version_model_and_columns_choose(lake: Lake) -> None:
    add(
        lake,
        [event(0), event(1, version=2), event(2, environment="staging"), event(3, model="income"), event(4, model="a")],
    )
    assert ids(lake, environment="production") == ["r-0", "r-1"]
    assert ids(lake, version_number=2) == ["r-1"]
    assert lake.events("income")["request_id"].to_pylist() == ["r-3"]
    assert lake.events("car-loan", columns=("score", "ts")).column_names == ["score", "ts"]
    with pytest.raises(InvalidInput, match="no column colour"):
        lake.events("car-loan", columns=["colour"])
    with pytest.raises(InvalidInput, match="start has no zone"):
        lake.events("car-loan", datetime(2019, 1, 1))


def test_a_copy_is_removed_and_the_first_received_stays(lake: Lake) -> None:
    add(lake, [event(1, score=0.2), event(1, score=0.3)], received=5)
    add(lake, [event(1, score=0.1)], received=1)
    add(lake, [event(1, score=0.4)], received=9)
    assert lake.events("car-loan")["score"].to_pylist() == [0.1]


def test_rows_of_a_request_other_models_and_shadow_answers_are_no_copies(lake: Lake) -> None:
    add(lake, [event(1), event(1, row=1), event(1, variant="shadow", version=2), event(1, model="income")])
    assert lake.events("car-loan").num_rows == 3
    assert lake.events("income").num_rows == 1


def test_a_rejected_retry_is_an_event_of_its_own_and_takes_no_label(lake: Lake) -> None:
    again = {"ts": event(1)["ts"], "request_id": "r-0", "prediction": None, "score": None, "features": None}
    rejected = event(0, **again, status="rejected", error="contract_violation")
    add(lake, [event(0), rejected])
    add(lake, [event(0), rejected], received=9)  # sent again by a recorder that did not hear the answer
    add_labels(lake, [label(0, 1)])
    assert lake.joined("car-loan").select(["status", "label"]).to_pylist() == [
        {"status": "ok", "label": 1.0},
        {"status": "rejected", "label": None},
    ]
    assert {each.status: (each.events, each.labelled) for each in lake.counts()} == {"ok": (1, 1), "rejected": (1, 0)}
    (week,) = lake.tallies("car-loan", MONDAY + timedelta(days=7), every=timedelta(days=7), origin=MONDAY)
    assert (week.events, week.labelled) == (2, 1)


def test_a_replayed_batch_doubles_nothing(lake: Lake) -> None:
    batch = [event(number) for number in range(50)]
    add(lake, batch)
    before = lake.joined("car-loan")
    add(lake, batch, received=60)
    assert lake.joined("car-loan") == before
    assert lake.counts()[0].events == 50


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.lists(
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=4), min_size=1, max_size=4
    )
)
def test_however_copies_are_batched_the_first_received_is_read(
    data: list[list[tuple[int, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    first: dict[str, float] = {}
    order = list(enumerate(data))
    for _, batch in order:
        for number, score in batch:
            first.setdefault(f"r-{number}", score)
    random.Random(len(data)).shuffle(order)  # committed in any order, received in this one
    for received, batch in order:
        add(lake, [event(number, score=score) for number, score in batch], received=received)
    found = lake.events("car-loan")
    assert dict(zip(found["request_id"].to_pylist(), found["score"].to_pylist(), strict=True)) == first
    lake.compact()
    assert lake.events("car-loan") == found


def test_labels_join_whenever_they_come_and_before_their_event(lake: Lake) -> None:
    add_labels(lake, [label(2, 0)])
    add(lake, [event(1), event(2), event(3)])
    assert outcomes(lake) == {"r-1": None, "r-2": 0.0, "r-3": None}
    add_labels(lake, [label(1, 1), label(9, 1)], received=1)
    assert outcomes(lake) == {"r-1": 1.0, "r-2": 0.0, "r-3": None}
    joined = lake.joined("car-loan")
    assert joined.schema == JOINED
    assert joined["label_at"].to_pylist() == [MONDAY + timedelta(days=30)] * 2 + [None]


def test_a_label_known_later_supersedes_and_an_old_one_sent_again_does_not(lake: Lake) -> None:
    add(lake, [event(1), event(1, row=1)])
    add_labels(lake, [label(1, 0)], received=1)
    add_labels(lake, [label(1, 1, at="2019-03-01T00:00:00Z")], received=2)
    add_labels(lake, [label(1, 0)], received=3)
    assert lake.joined("car-loan")["label"].to_pylist() == [1.0, None]
    add_labels(lake, [label(1, 5, at="2019-03-01T00:00:00Z")], received=4)  # the same moment: the one received later
    assert lake.joined("car-loan")["label"].to_pylist() == [5.0, None]


def test_labels_of_other_models_do_not_join(lake: Lake) -> None:
    add(lake, [event(1)])
    add_labels(lake, [label(1, model="income")])
    assert outcomes(lake) == {"r-1": None}


def test_a_figure_can_be_recomputed_from_the_versions_it_names(lake: Lake) -> None:
    add(lake, [event(1), event(2)])
    add_labels(lake, [label(1, 1)])
    named = lake.table_versions()
    then = lake.joined("car-loan")
    add(lake, [event(3)], received=1)
    add_labels(lake, [label(1, 0, at="2019-05-01T00:00:00Z"), label(2, 1)], received=1)
    lake.compact()
    assert lake.joined("car-loan", table_version=named) == then
    assert lake.joined("car-loan") != then
    assert lake.events("car-loan", table_version={"events": 0, "labels": 0}).num_rows == 0


def test_a_table_version_that_never_was_is_refused(lake: Lake) -> None:
    for wrong in (-1, 1, 10**6):
        with pytest.raises(NotFound, match="has no version"):
            lake.events("car-loan", table_version={"events": wrong, "labels": 0})
    add(lake, [event(1)])
    with pytest.raises(InvalidInput, match="names no labels"):
        lake.joined("car-loan", table_version={"events": 1})


def test_compaction_merges_files_and_changes_no_answer(lake: Lake) -> None:
    for number in range(12):
        add(lake, [event(number)], received=number)
    before = lake.joined("car-loan")
    events, labels = lake.compact()
    assert (events.files_before, events.files_after, events.deleted) == (12, 1, 0)
    assert labels.table == "labels"
    assert lake.joined("car-loan") == before


def test_after_a_vacuum_the_newest_version_reads_and_an_old_one_says_it_is_gone(lake: Lake) -> None:
    for number in range(3):
        add(lake, [event(number)], received=number)
    old = lake.table_versions()
    assert lake.compact(retention_hours=0)[0].deleted == 3
    assert ids(lake) == ["r-0", "r-1", "r-2"]
    with pytest.raises(NotFound) as caught:
        lake.events("car-loan", table_version=old)
    assert caught.value.code == "table_version_gone"


def test_two_lakes_on_one_folder_write_and_see_each_others_rows(lake: Lake) -> None:
    other = Lake(lake.folder)
    for number in range(5):
        add(lake, [event(2 * number)])
        add(other, [event(2 * number + 1)])
        lake.compact(tables=["events"])
    assert sorted(ids(lake)) == sorted(ids(other)) == sorted(f"r-{number}" for number in range(10))


def test_counts_are_of_events_without_copies_and_of_labelled_ones(lake: Lake) -> None:
    add(
        lake,
        [event(0), event(1), event(1), event(2, version=2, variant="candidate"), event(3, status="error", error="x")],
    )
    add(lake, [event(4, model="income", environment="staging")])
    add_labels(lake, [label(1), label(1, 0, at="2019-05-01T00:00:00Z"), label(4, model="income")])
    found = {(c.model, c.version, c.environment, c.variant, c.status): (c.events, c.labelled) for c in lake.counts()}
    assert found == {
        ("car-loan", 1, "production", "stable", "ok"): (2, 1),
        ("car-loan", 1, "production", "stable", "error"): (1, 0),
        ("car-loan", 2, "production", "candidate", "ok"): (1, 0),
        ("income", 1, "staging", "stable", "ok"): (1, 1),
    }
    window = lake.counts("car-loan", MONDAY + timedelta(minutes=1), MONDAY + timedelta(minutes=2))
    assert [(c.events, c.first_at) for c in window] == [(1, MONDAY + timedelta(minutes=1))]
    assert window[0].first_at.tzinfo is UTC


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file is in the way")
    with pytest.raises(Unavailable, match="can't be used") as caught:
        add(Lake(tmp_path / "lake"), [event(1)])
    assert caught.value.code == "lake_unavailable"


@pytest.mark.parametrize(
    ("name", "works"), [("a b", True), ("ü#", True), ("[c]", False), ("50%", False), ("s*r", False)]
)
def test_a_folder_with_an_odd_name_works_or_is_refused_with_the_reason(tmp_path: Path, name: str, works: bool) -> None:
    lake = Lake(tmp_path / name)
    if works:
        add(lake, [event(1)])
        add_labels(lake, [label(1)])
        assert outcomes(lake) == {"r-1": 1.0}
        return
    with pytest.raises(Unavailable, match="can't be kept") as caught:
        add(lake, [event(1)])
    assert caught.value.code == "lake_path"


def test_a_week_of_1200_events_is_read_quickly_after_hundreds_of_commits(lake: Lake) -> None:
    for batch in range(200):
        minutes = range(batch * 80 * 5, (batch + 1) * 80 * 5, 5)
        add(lake, [event(minute) for minute in minutes][:20], received=batch)
        if batch % 64 == 63:
            lake.compact(target_bytes=2**20, tables=["events"])
    add_labels(lake, [label(minute) for minute in range(0, 20_000, 5)])
    start = MONDAY + timedelta(days=21)
    lake.joined("car-loan", start, start + timedelta(days=7))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        found = lake.joined("car-loan", start, start + timedelta(days=7))
        times.append(time.perf_counter() - began)
    assert found.num_rows > 400
    assert min(times) < 0.5  # about 0.02 on an idle machine; `make bench` has the figure


def test_events_of_another_age_that_were_once_taken_keep_nobody_from_reading(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(lake, [event(1), event(2)])
    with monkeypatch.context() as earlier:  # as they were taken before times had bounds
        earlier.setattr(rows, "fault", lambda _event: None)
        earlier.setattr(rows, "_check_moments", lambda *_: None)
        add(lake, [event(3, ts="0001-01-01T00:00:00Z", model="another")])
        add(lake, [event(4, ts="0001-01-01T00:00:00Z"), event(5, ts="9999-12-31T23:59:59.999999Z")])
    end = MONDAY + timedelta(days=1)
    assert ids(lake, MONDAY, end) == ["r-1", "r-2"]
    for bound in (datetime.min, datetime.max):
        lake.joined("car-loan", bound.replace(tzinfo=UTC), bound.replace(tzinfo=UTC))
    tallies = lake.tallies("car-loan", end, every=timedelta(days=7), origin=datetime(1970, 1, 5, tzinfo=UTC))
    assert [(tally.start, tally.events) for tally in tallies] == [(MONDAY, 2)]
    assert sum(count.events for count in lake.counts()) == 5
    assert lake.summary().counts
