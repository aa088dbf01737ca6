"""What is read from the bytes of a dataset."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from clearance.errors import InvalidInput, NotFound, VerificationFailed
from clearance.registry.dataset_file import inspect
from clearance.registry.model import Column
from clearance.storage.blobs import BlobStore
from clearance.values import sha256

FIRST, LAST = datetime(2018, 1, 1, tzinfo=UTC), datetime(2018, 10, 30, 17, 51, 16, tzinfo=UTC)
CEST = timezone(timedelta(hours=2))


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "artifacts")


def put_table(store: BlobStore, columns: Mapping[str, Any], tmp_path: Path, **options: Any) -> str:
    parquet.write_table(pa.table(dict(columns)), tmp_path / "table.parquet", **options)
    return store.put([(tmp_path / "table.parquet").read_bytes()])[0]


def test_schema_and_rows_come_from_the_file(store: BlobStore, tmp_path: Path) -> None:
    columns = {
        "amount": pa.array([1.5, 2.5, None]),
        "label": pa.array([1, 0, 1]),
        "kind": pa.array(["a", "b", "a"], pa.large_string()),
        "level": pa.array(["x", "y", "x"]).dictionary_encode(),
    }
    digest = put_table(store, columns, tmp_path)
    found = inspect(store, digest)
    assert (found.digest, found.rows, found.size) == (digest, 3, store.size(digest))
    assert found.columns == (
        Column(name="amount", type="double"),
        Column(name="label", type="int64"),
        Column(name="kind", type="string"),
        Column(name="level", type="string"),
    )
    assert (found.time_column, found.first_at, found.last_at) == (None, None, None)


@pytest.mark.parametrize(
    "times",
    [
        pa.array([LAST.replace(tzinfo=None), None, FIRST.replace(tzinfo=None)], pa.timestamp("ns")),
        pa.array([LAST, FIRST, None], pa.timestamp("ms", "UTC")),
        pa.array([LAST, FIRST, None], pa.timestamp("s", "Europe/Berlin")),
        pa.array(["2018-10-30 17:51:16.000", "2018-01-01 00:00:00.000", None]),
        pa.array(["2018-10-30T17:51:16Z", None, "2018-01-01T02:00:00+02:00"], pa.large_string()),
        pa.array(["2018-10-30 17:51:16", "2018-01-01", None]).dictionary_encode(),
    ],
)
def test_the_time_range_is_read_from_times_of_every_kind_and_from_text(
    store: BlobStore, tmp_path: Path, times: pa.Array
) -> None:
    found = inspect(store, put_table(store, {"at": times, "x": [1, 2, 3]}, tmp_path, row_group_size=1), "at")
    assert (found.first_at, found.last_at, found.rows) == (FIRST, LAST, 3)


def test_dates_begin_at_midnight_utc(store: BlobStore, tmp_path: Path) -> None:
    found = inspect(store, put_table(store, {"day": [date(2020, 2, 29), date(2019, 1, 1)]}, tmp_path), "day")
    assert (found.first_at, found.last_at) == (datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 2, 29, tzinfo=UTC))


@pytest.mark.parametrize(
    "times", [pa.array([], pa.timestamp("us")), pa.array([None, None]), pa.array([None], pa.string())]
)
def test_a_time_column_without_times_has_no_range(store: BlobStore, tmp_path: Path, times: pa.Array) -> None:
    found = inspect(store, put_table(store, {"at": times}, tmp_path), "at")
    assert (found.first_at, found.last_at, found.rows) == (None, None, len(times))


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (pa.array([1, 2]), "int64"),
        (pa.array([1.5, 2.5]), "double"),
        (pa.array(["yesterday", "2020-01-01"]), "yesterday"),
        (pa.array(["2020-01-01T00:00:00Z", "2020-01-01"]), "zone"),
        (pa.array([2**62], pa.timestamp("us")), "no calendar"),
    ],
)
def test_a_column_that_is_no_time_is_refused_with_the_reason(
    store: BlobStore, tmp_path: Path, times: pa.Array, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        inspect(store, put_table(store, {"at": times}, tmp_path), "at")
    assert caught.value.code == "not_a_time"


def test_a_column_that_is_not_there_is_named_with_those_that_are(store: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        inspect(store, put_table(store, {"a": [1], "b": [2]}, tmp_path), "at")
    assert caught.value.code == "no_such_column"
    assert caught.value.hint == "it has a, b"


def test_csv_is_read_too(store: BlobStore) -> None:
    digest, _ = store.put([b"at,amount,kind\n2018-10-30 17:51:16,1.5,a\n2018-01-01 00:00:00,2,b\n"])
    found = inspect(store, digest, "at")
    assert (found.rows, found.first_at, found.last_at) == (2, FIRST, LAST)
    assert [column.type for column in found.columns] == ["timestamp[s]", "double", "string"]


def test_a_long_csv_is_read_in_blocks(store: BlobStore) -> None:
    lines = (f"2020-01-01 00:00:{n % 60:02d},{n},{'x' * 90}\n".encode() for n in range(100_000))
    digest, size = store.put([b"at,n,text\n", *lines])
    found = inspect(store, digest, "at")
    assert size > 8 << 20
    assert found.rows == 100_000
    assert found.last_at == datetime(2020, 1, 1, 0, 0, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1 and then no Parquet",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00abc\n\xff\xfe\n",
        b"a,b\n1,2\n3\n",
        random.Random(7).randbytes(5000),
    ],
)
def test_what_is_neither_parquet_nor_csv_is_refused(store: BlobStore, data: bytes) -> None:
    digest, _ = store.put([data])
    with pytest.raises(InvalidInput) as caught:
        inspect(store, digest)
    assert caught.value.code == "dataset_unreadable"
    assert digest in caught.value.message
    assert caught.value.message.isprintable(), "none of the file's own bytes"


def test_a_truncated_parquet_file_is_refused(store: BlobStore, tmp_path: Path) -> None:
    put_table(store, {"a": list(range(1000))}, tmp_path)
    digest, _ = store.put([(tmp_path / "table.parquet").read_bytes()[:-100]])
    with pytest.raises(InvalidInput) as caught:
        inspect(store, digest)
    assert caught.value.code == "dataset_unreadable"


def test_columns_of_the_same_name_are_refused(store: BlobStore) -> None:
    digest, _ = store.put([b"a,a\n1,2\n"])
    with pytest.raises(InvalidInput) as caught:
        inspect(store, digest)
    assert caught.value.code == "duplicate_column"


def test_changed_and_missing_bytes_are_not_described(store: BlobStore, tmp_path: Path) -> None:
    digest = put_table(store, {"a": [1]}, tmp_path)
    store.path(digest).write_bytes(b"a\n1\n")
    with pytest.raises(VerificationFailed):
        inspect(store, digest)
    with pytest.raises(NotFound):
        inspect(store, sha256(b"unknown"))
