"""What a dataset's own bytes say about it: schema, rows, time range; read with Arrow, never taken from the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.errors import InvalidInput
from clearance.registry.model import Column
from clearance.storage.blobs import BlobStore
from clearance.values import value

if TYPE_CHECKING:
    import pyarrow as pa

_PARQUET_MAGIC = b"PAR1"  # first and last four bytes (parquet.apache.org/docs/file-format)
_CSV_BLOCK = 8 << 20
_BATCH_ROWS = 65_536


@value
class Contents:
    """What was found in the bytes of a dataset; times without a zone are read as UTC."""

    digest: str
    size: int
    rows: int
    columns: tuple[Column, ...]
    time_column: str | None
    first_at: datetime | None
    last_at: datetime | None


def inspect(blobs: BlobStore, digest: str, time_column: str | None = None) -> Contents:
    """Verify a stored Parquet or CSV file and describe it, in memory bounded by a batch of rows.

    Args:
        blobs: where it is stored.
        digest: which one.
        time_column: column to take the time range from: timestamps, dates, or text that parses as ISO 8601 times.

    Raises:
        NotFound: there is no such blob.
        VerificationFailed: its bytes were changed.
        InvalidInput: `dataset_unreadable`, `no_such_column`, `not_a_time`, or `duplicate_column`.
    """
    import pyarrow as pa

    size = blobs.size(digest)
    with blobs.local_file(digest) as path, _readable(digest), closing(_open(path, time_column)) as file:
        _check_columns(file.schema, time_column)
        rows = 0
        first: datetime | None = None
        last: datetime | None = None
        for batch in file.batches():
            rows += batch.num_rows
            if time_column is not None:
                low, high = _time_range(batch.column(batch.schema.get_field_index(time_column)), time_column)
                first = min(filter(None, (first, low)), default=None)
                last = max(filter(None, (last, high)), default=None)
        rows = rows if file.rows is None else file.rows
        columns = tuple(Column(name=field.name, type=_type_name(field.type, pa)) for field in file.schema)
    return Contents(
        digest=digest, size=size, rows=rows, columns=columns, time_column=time_column, first_at=first, last_at=last
    )


class _ParquetFile:
    """A Parquet file; of its rows only the time column is read."""

    def __init__(self, path: Path, time_column: str | None) -> None:
        from pyarrow import parquet

        self._file = parquet.ParquetFile(path)
        self._time_column = time_column
        self.schema: Any = self._file.schema_arrow
        self.rows: int | None = self._file.metadata.num_rows

    def batches(self) -> Iterator[Any]:
        if self._time_column is None:
            return iter(())
        found: Iterator[Any] = self._file.iter_batches(_BATCH_ROWS, columns=[self._time_column])
        return found

    def close(self) -> None:
        self._file.close()


class _CsvFile:
    """A CSV file with a header, in UTF-8; all of it is read, block by block."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import csv

        self._reader = csv.open_csv(path, read_options=csv.ReadOptions(block_size=_CSV_BLOCK))
        self.schema: Any = self._reader.schema
        if any(pa.types.is_binary(field.type) for field in self.schema):  # what Arrow makes of bytes that are not UTF-8
            raise pa.ArrowInvalid("it is neither Parquet nor text in UTF-8")
        self.rows: int | None = None

    def batches(self) -> Iterator[Any]:
        return iter(self._reader)

    def close(self) -> None:
        self._reader.close()


def _open(path: Path, time_column: str | None) -> _ParquetFile | _CsvFile:
    with path.open("rb") as file:
        is_parquet = file.read(4) == _PARQUET_MAGIC
    return _ParquetFile(path, time_column) if is_parquet else _CsvFile(path)


def _check_columns(schema: pa.Schema, time_column: str | None) -> None:
    names = list(schema.names)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(f"the column {repeated[0]!r} stands in the dataset twice", code="duplicate_column")
    if time_column is not None and time_column not in names:
        raise InvalidInput(
            f"the dataset has no column {time_column!r}",
            code="no_such_column",
            hint="it has " + ", ".join(names[:30]),
            details={"columns": names},
        )


def _time_range(column: pa.Array, name: str) -> tuple[datetime | None, datetime | None]:
    import pyarrow as pa
    from pyarrow import compute

    found = compute.min_max(_as_times(column, name))
    try:
        low, high = (found[end].cast(pa.timestamp("us", "UTC"), safe=False).as_py() for end in ("min", "max"))
    except (ValueError, OverflowError) as error:
        raise _not_a_time(name, f"it holds times that no calendar has: {error}") from error
    return low and low.astimezone(UTC), high and high.astimezone(UTC)


def _as_times(column: pa.Array, name: str) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us"))
    if pa.types.is_null(kind):
        return column.cast(pa.timestamp("us"))
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise _not_a_time(name, f"it is of type {kind}")
    faults = []
    for wanted in (pa.timestamp("us"), pa.timestamp("us", "UTC")):  # text without a zone, text with one
        try:
            return column.cast(wanted)
        except pa.ArrowInvalid as error:
            faults.append(str(error))
    raise _not_a_time(name, faults["expected no zone" in faults[0]])


def _not_a_time(name: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"the column {name!r} is not a time: {why}"[:400],
        code="not_a_time",
        hint="timestamps, dates, or text like 2026-01-31 23:59:59, all with a zone or all without",
    )


def _legible(text: str) -> str:
    """Return the beginning of what Arrow says, up to the first of the file's own bytes that no terminal should see."""
    shown = "".join(takewhile(lambda found: found.isprintable() and found != "\ufffd", text))[:300]
    return shown if shown == text else f"{shown}…"


def _type_name(kind: pa.DataType, pa: Any) -> str:
    if pa.types.is_dictionary(kind):
        return str(kind.value_type)
    return str(kind).removeprefix("large_")


@contextmanager
def _readable(digest: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the dataset {digest} can't be read: {_legible(str(error))}",
            code="dataset_unreadable",
            hint="it must be Parquet, or CSV in UTF-8 with a header line",
        ) from error
