"""From batches to rows: what is stored, and what is refused with its place."""

from __future__ import annotations

import io
import json
import struct
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import InvalidInput, TooLarge
from clearance.telemetry.model import MAX_EVENTS, MAX_LABELS
from clearance.telemetry.rows import event_rows, feature_hash, from_arrow, from_json, label_rows
from clearance.telemetry.schema import EVENTS, LABELS
from tests.telemetry.events import MONDAY, event, label


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_rows_have_the_tables_schema_and_keep_the_batchs_order() -> None:
    rows = event_rows([event(2), event(1, ts="2019-01-08T00:30:00+01:00", prediction=True)], MONDAY)
    assert rows.schema == EVENTS
    assert rows["request_id"].to_pylist() == ["r-2", "r-1"]
    assert rows["position"].to_pylist() == [0, 1]
    assert rows["day"].to_pylist() == [date(2019, 1, 7), date(2019, 1, 7)]
    assert rows["prediction"].to_pylist() == [1.0, 1.0]
    assert rows["schema_version"].to_pylist() == [1, 1]


def test_features_are_stored_with_sorted_keys_and_hashed_unless_the_caller_did() -> None:
    one, other, own, none = event_rows(
        [
            event(features={"b": 1, "a": "é"}),
            event(features={"a": "é", "b": 1}),
            event(feature_hash="mine"),
            event(features=None),
        ],
        MONDAY,
    ).to_pylist()
    assert one["features"] == other["features"] == '{"a":"é","b":1}'
    assert one["feature_hash"] == other["feature_hash"] == feature_hash('{"a":"é","b":1}')
    assert own["feature_hash"] == "mine"
    assert (none["features"], none["feature_hash"]) == (None, None)


def test_a_bad_event_is_named_by_index_and_field_and_the_whole_batch_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"event 2: latency_ms is missing") as caught:
        event_rows([event(0), event(1), {k: v for k, v in event(2).items() if k != "latency_ms"}], MONDAY)
    assert caught.value.code == "event_invalid"
    assert caught.value.details == {"index": 2, "field": "latency_ms"}


def test_batches_have_limits() -> None:
    with pytest.raises(TooLarge, match=f"allowed are {MAX_EVENTS}"):
        event_rows([{}] * (MAX_EVENTS + 1), MONDAY)
    with pytest.raises(TooLarge, match=f"allowed are {MAX_LABELS}"):
        label_rows([{}] * (MAX_LABELS + 1), MONDAY)
    for empty in (event_rows, label_rows):
        with pytest.raises(InvalidInput, match="the batch has no"):
            empty([], MONDAY)


def test_a_label_without_a_moment_was_known_when_it_came() -> None:
    rows = label_rows([label(at=None), {"model": "m", "request_id": "r", "label": False}], MONDAY)
    assert rows.schema == LABELS
    assert rows["at"].to_pylist() == [MONDAY, MONDAY]
    assert rows["row"].to_pylist() == [0, 0]
    assert rows["label"].to_pylist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "wrong", ["0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2019-01-08T00:00:00.000001Z", "9999-12-31T23:59:59Z"]
)
def test_what_claims_to_be_of_another_age_is_named_by_index_and_field(wrong: str) -> None:
    with pytest.raises(InvalidInput, match="event 1: ts is ") as caught:
        event_rows([event(0), event(1, ts=wrong)], MONDAY)
    assert caught.value.details == {"index": 1, "field": "ts"}
    with pytest.raises(InvalidInput, match="label 1: at is ") as caught:
        label_rows([label(0, at=None), label(1, at=wrong)], MONDAY)
    assert caught.value.details == {"index": 1, "field": "at"}


def test_old_data_may_be_replayed_and_a_clock_may_be_a_day_ahead() -> None:
    for ts in ("2000-01-01T00:00:00Z", "2018-03-01T00:00:00Z", "2019-01-08T00:00:00Z"):
        assert event_rows([event(0, ts=ts)], MONDAY).num_rows == 1


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"label": None}, "label"),
        ({"label": "1"}, "label"),
        ({"label": float("nan")}, "label"),
        ({"row": -1}, "row"),
        ({"at": "soon"}, "at"),
        ({"model": "No Model"}, "model"),
        ({"request_id": ""}, "request_id"),
        ({"verdict": 1}, "verdict"),
    ],
)
def test_a_bad_label_is_named_by_index_and_field(bad: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput, match=f"label 1: {field} ") as caught:
        label_rows([label(), label(**bad)], MONDAY)
    assert caught.value.details == {"index": 1, "field": field}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"a": 1}', b"1", b"[" * 100_000])
def test_a_body_that_is_no_json_list_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_json(body)
    assert caught.value.code == "json_invalid"


def test_arrow_carries_the_same_events_as_json() -> None:
    events = [event(0), event(1, features={"age": 41, "sex": "m"})]
    table = pa.Table.from_pylist(events)
    texts = table.set_column(
        table.schema.get_field_index("features"), "features", [[json.dumps(e["features"]) for e in events]]
    )
    pairs = table.set_column(
        table.schema.get_field_index("features"),
        pa.field("features", pa.map_(pa.string(), pa.int64())),
        [pa.array([[("age", 40)], [("age", 41)]], pa.map_(pa.string(), pa.int64()))],
    )
    moments = table.set_column(
        table.schema.get_field_index("ts"),
        "ts",
        [pa.array([1546819200_000000001, 1546819260_000000000], pa.timestamp("ns", "UTC"))],
    )
    want = event_rows(events, MONDAY)
    for sent in (table, texts, moments):
        assert event_rows(from_arrow(stream(sent), 2**20), MONDAY) == want
    assert event_rows(from_arrow(stream(pairs), 2**20), MONDAY)["features"].to_pylist() == ['{"age":40}', '{"age":41}']


def test_arrow_that_is_broken_or_too_large_is_refused() -> None:
    good = stream(pa.Table.from_pylist([event(0)]))
    for bad in (b"", b"PAR1", good[:-20], good[:40], struct.pack("<Ii", 0xFFFFFFFF, 2**31 - 1)):
        with pytest.raises(InvalidInput, match="Arrow"):
            from_arrow(bad, 2**20)
    with pytest.raises(TooLarge):
        from_arrow(good, 10)
    with pytest.raises(TooLarge):
        from_arrow(stream(pa.table({"row": range(MAX_EVENTS + 1)})), 2**30)


def test_arrow_moments_without_a_zone_are_refused_like_others() -> None:
    table = pa.Table.from_pylist([{**event(0), "ts": MONDAY.replace(tzinfo=None)}])
    with pytest.raises(InvalidInput, match=r"event 0: ts .* zone"):
        event_rows(from_arrow(stream(table), 2**20), MONDAY)


@given(st.binary(max_size=200))
def test_any_bytes_are_events_or_refused(body: bytes) -> None:
    for read in (from_json, lambda data: from_arrow(data, 2**20)):
        try:
            found = read(body)
        except InvalidInput:
            continue
        assert isinstance(found, list)
