"""The lake: Delta tables of events and labels, appended durably, read without duplicates, at any version they ever had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.clock import span
from clearance.errors import InvalidInput
from clearance.sdk.events import EARLIEST
from clearance.telemetry import reading
from clearance.telemetry.delta import Delta
from clearance.telemetry.model import Compaction, Count, Summary, Tally

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

TABLES = ("events", "labels")
_SLACK = timedelta(seconds=1)  # the log's bounds of a file may be cut to milliseconds
_LARGE = 64 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Lake:
    """The Delta tables `events` and `labels` in one folder; safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables: Mapping[str, Delta] = {
            "events": Delta(folder / "events", _events_schema, partition_by="day", skip_by="ts,model"),
            "labels": Delta(folder / "labels", _labels_schema, partition_by="model", skip_by="at"),
        }

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        return reading.connect()

    def append_events(self, rows: pa.Table) -> int:
        """Append rows of `schema.EVENTS`; returns the table's new version, once it is durable."""
        return self.tables["events"].append(rows)

    def append_labels(self, rows: pa.Table) -> int:
        """Append rows of `schema.LABELS`; returns the table's new version, once it is durable."""
        return self.tables["labels"].append(rows)

    def table_versions(self) -> dict[str, int]:
        """Return the newest version of each table, `{"events": n, "labels": n}`: what a figure names as its input."""
        return {name: table.version() for name, table in self.tables.items()}

    def events(
        self,
        model: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        environment: str | None = None,
        version_number: int | None = None,
        table_version: Mapping[str, int] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the events with start <= ts < end, each (request_id, row, status) once, sorted by ts; columns of `schema.READ`.

        Args:
            model: whose events.
            start: from here on; aware. None: from the first.
            end: up to here, exclusive; aware. None: to the last.
            environment: only this one.
            version_number: only what this version of the model answered.
            table_version: versions of the tables to read, as `table_versions` gave them; the newest by default.
            columns: only these, in this order.

        Raises:
            NotFound: no such table version, or its files are gone.
            InvalidInput: an unknown column, or a moment without a zone.
        """
        from clearance.telemetry.schema import READ

        chosen = list(READ.names if columns is None else columns)
        if unknown := [name for name in chosen if name not in READ.names]:
            raise InvalidInput(
                f"events have no column {unknown[0]}", code="column_unknown", hint="columns: " + ", ".join(READ.names)
            )
        schema = _schema(READ.field(name) for name in chosen)
        conditions = _conditions(model, start, end, environment, version_number)
        files = self._event_files(conditions, table_version)
        if not files:
            return schema.empty_table()
        return reading.read_events(self._engine, files, conditions, chosen).cast(schema)

    def joined(
        self,
        model: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        environment: str | None = None,
        version_number: int | None = None,
        table_version: Mapping[str, int] | None = None,
    ) -> pa.Table:
        """Return the same events with `label` and `label_at`, null where no label has come; columns of `schema.JOINED`."""
        import pyarrow as pa

        from clearance.telemetry.schema import JOINED, READ

        conditions = _conditions(model, start, end, environment, version_number)
        files = self._event_files(conditions, table_version)
        if not files:
            return JOINED.empty_table()
        labels = self._label_files(table_version).get(model)
        if labels:
            return reading.read_joined(self._engine, files, labels, conditions, READ.names).cast(JOINED)
        events = reading.read_events(self._engine, files, conditions, READ.names).cast(READ)
        for field in list(JOINED)[len(READ) :]:
            events = events.append_column(field, pa.nulls(events.num_rows, field.type))
        return events

    def counts(
        self,
        model: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        environment: str | None = None,
        table_version: Mapping[str, int] | None = None,
    ) -> tuple[Count, ...]:
        """Return how many events there are, by model, version, environment, variant and status; copies count once."""
        conditions = _conditions(model, start, end, environment, None)
        files = self._event_files(conditions, table_version)
        if not files:
            return ()
        labels = self._label_files(table_version)
        wanted = {name: found for name, found in labels.items() if model in {None, name}}
        found = reading.read_counts(self._engine, files, wanted, conditions)
        return tuple(
            Count(**{**row, "first_at": _utc(row["first_at"]), "last_at": _utc(row["last_at"])})
            for row in found.to_pylist()
        )

    def tallies(
        self,
        model: str,
        end: datetime,
        *,
        every: timedelta,
        origin: datetime,
        environment: str | None = None,
        table_version: Mapping[str, int] | None = None,
    ) -> tuple[Tally, ...]:
        """Return what each span of time before `end` holds, oldest first, in one pass; spans without events are left out.

        Events before `EARLIEST`, which were once taken, count in none.

        Args:
            every: length of a span.
            origin: where a span begins; aware.
        """
        conditions = _conditions(model, EARLIEST, end, environment, None)
        files = self._event_files(conditions, table_version)
        if not files:
            return ()
        labels = self._label_files(table_version).get(model, [])
        found = reading.read_tallies(
            self._engine, files, labels, conditions, (origin - _EPOCH) // _MICROSECOND, every // _MICROSECOND
        )
        return tuple(
            Tally(
                start=origin + row["span"] * every,
                events=row["events"],
                labelled=row["labelled"],
                digest=f"{row['digest']:016x}",
            )
            for row in found.to_pylist()
        )

    def summary(self, model: str | None = None) -> Summary:
        """Return what the lake holds, and how it lies on disk."""
        files = {name: table.files() for name, table in self.tables.items()}
        return Summary(
            counts=self.counts(model),
            table_versions=self.table_versions(),
            files={name: found.num_rows for name, found in files.items()},
            bytes={name: sum(found["size_bytes"].to_pylist()) for name, found in files.items()},
        )

    def compact(
        self,
        *,
        retention_hours: float | None = None,
        target_bytes: int = _LARGE,
        tables: Sequence[str] = TABLES,
    ) -> tuple[Compaction, ...]:
        """Merge files smaller than the target; figures stay the same.

        Raises:
            InvalidInput: the retention is no length of time (`bad_duration`).

        Args:
            retention_hours: also delete the files that were replaced longer ago than this; table versions older than
                that can then no longer be read. None: keep every version readable.
            target_bytes: files of this size and more are left alone.
            tables: which.
        """
        retention = None if retention_hours is None else span(hours=retention_hours)
        return tuple(self._compact(name, retention, target_bytes) for name in tables)

    def _compact(self, name: str, retention: timedelta | None, target_bytes: int) -> Compaction:
        table = self.tables[name]
        before = table.files().num_rows
        table.compact(target_bytes)
        deleted = 0 if retention is None else table.vacuum(retention)
        return Compaction(
            table=name,
            table_version=table.version(),
            files_before=before,
            files_after=table.files().num_rows,
            deleted=deleted,
        )

    def _event_files(self, conditions: Mapping[str, Any], table_version: Mapping[str, int] | None) -> list[str]:
        found = self.tables["events"].files(_version_of("events", table_version))
        start, end = conditions.get("start"), conditions.get("end")
        model = conditions.get("model")
        return [
            str(self.folder / "events" / path)
            for path, first, last, low, high in zip(
                *(found[name].to_pylist() for name in ("path", "min.ts", "max.ts", "min.model", "max.model")),
                strict=True,
            )
            # Differences, for a stored time may be so far off that there is none a second before or after it.
            if not (start and last and start - last > _SLACK)
            and not (end and first and first - end >= _SLACK)
            and not (model and low and high and not low <= model <= high)
        ]

    def _label_files(self, table_version: Mapping[str, int] | None) -> dict[str, list[str]]:
        found = self.tables["labels"].files(_version_of("labels", table_version))
        by_model: dict[str, list[str]] = {}
        for path, model in zip(found["path"].to_pylist(), found["partition.model"].to_pylist(), strict=True):
            by_model.setdefault(model, []).append(str(self.folder / "labels" / path))
        return by_model


def _conditions(
    model: str | None,
    start: datetime | None,
    end: datetime | None,
    environment: str | None,
    version_number: int | None,
) -> dict[str, Any]:
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(f"{name} has no zone: {moment}", code="zone_missing", hint="give it in UTC")
    given = {"model": model, "start": start, "end": end, "environment": environment, "version": version_number}
    return {name: found for name, found in given.items() if found is not None}


def _version_of(table: str, table_version: Mapping[str, int] | None) -> int | None:
    if table_version is None:
        return None
    if table not in table_version:
        raise InvalidInput(
            f"the table version names no {table}",
            code="table_version_partial",
            hint="give both, as table_versions does",
        )
    return table_version[table]


def _events_schema() -> pa.Schema:
    from clearance.telemetry.schema import EVENTS

    return EVENTS


def _labels_schema() -> pa.Schema:
    from clearance.telemetry.schema import LABELS

    return LABELS


def _schema(fields: Iterable[Any]) -> Any:
    import pyarrow as pa

    return pa.schema(list(fields))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
