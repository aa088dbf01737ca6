"""The tables that a database has, and its values as JSON that either kind of database can be filled from."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.storage.types import UtcDateTime
from clearance.values import timestamp

_KINDS: tuple[tuple[type[Any], str], ...] = (
    (sa.LargeBinary, "bytes"),
    (UtcDateTime, "time"),
    (sa.JSON, "json"),
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Float, "real"),
    (sa.String, "text"),
)
"""How a column's values are written: bytes in base64, times as RFC 3339 in UTC, everything else as JSON has it."""


def reflect(connection: sa.Connection) -> sa.MetaData:
    """Return the tables that a connection finds in its database, without Alembic's own and those that only index others."""
    found = sa.MetaData()

    @sa.event.listens_for(found, "column_reflect")
    def adapt(_inspector: Any, _table: Any, column: Any) -> None:
        if isinstance(column["type"], sa.DateTime):
            column["type"] = UtcDateTime()
        elif isinstance(column["type"], sa.JSON):
            column["type"].none_as_null = column["nullable"]

    hidden = _indexing(connection) | {"alembic_version"}
    found.reflect(connection, only=lambda name, _found: name not in hidden)
    return found


def kind_of(column: sa.Column[Any]) -> str:
    """Return how a column's values are written."""
    for kind, name in _KINDS:
        if isinstance(column.type, kind):
            return name
    raise TypeError(f"{column} is a {column.type!r}, for which backups know no form")


def encode(kinds: Mapping[str, str], row: Sequence[Any]) -> bytes:
    """Return a row as a line of JSON, an array in the order of the columns, of which `kinds` says name and kind."""
    written = [
        _TO.get(kind, _same)(found) if found is not None else None
        for kind, found in zip(kinds.values(), row, strict=True)
    ]
    return json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(kinds: Mapping[str, str], line: bytes) -> dict[str, Any]:
    """Return the row that a line stands for, by column.

    Raises:
        ValueError: it stands for none.
    """
    return {
        name: _FROM.get(kind, _same)(found) if found is not None else None
        for (name, kind), found in zip(kinds.items(), json.loads(line), strict=True)
    }


def _same(found: Any) -> Any:
    return found


_TO: Mapping[str, Callable[[Any], Any]] = {"bytes": lambda found: base64.b64encode(found).decode(), "time": timestamp}
_FROM: Mapping[str, Callable[[Any], Any]] = {"bytes": base64.b64decode, "time": datetime.fromisoformat}


def _indexing(connection: sa.Connection) -> set[str]:
    """Return SQLite's virtual tables and those behind them: they are filled from the real ones."""
    if connection.dialect.name != "sqlite":
        return set()
    listed = connection.exec_driver_sql("select name from pragma_table_list where type in ('virtual', 'shadow')")
    return {row[0] for row in listed}
