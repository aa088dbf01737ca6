"""Statements of the log on the database's own driver; nothing is trusted that they read, for whoever can write there may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from clearance.errors import VerificationFailed
from clearance.storage import refusals
from clearance.storage.database import Transaction

_WORDS = {int: "a whole number", float: "a number", str: "a text", bytes: "bytes", type(None): "empty"}


def rows(
    tx: Transaction, table: str, kinds: Mapping[str, type], rest: str, *parameters: Any, at_once: int = 1000
) -> Iterator[Any]:
    """Yield rows as the driver gives them, once their values are of the kinds that are written there.

    SQLite keeps in any column whatever it is given, and SQLAlchemy would read a number as that many zero bytes.
    """
    text = _text(tx, f"select {', '.join(kinds)} from {table} {rest}")  # noqa: S608  # our own words only
    right = tuple(kinds.values())
    with (
        readable(table),
        tx.connection.exec_driver_sql(text, parameters, execution_options={"yield_per": at_once}) as result,
    ):
        for row in result:
            if tuple(map(type, row)) != right:
                check_kinds(table, kinds, row)
            yield row


def check_kinds(table: str, kinds: Mapping[str, type], row: Sequence[Any]) -> None:
    """Raise VerificationFailed where a value is of another kind than is written there."""
    for (name, kind), value in zip(kinds.items(), row, strict=True):
        if type(value) is not kind:
            where = f" where its {next(iter(kinds))} is {str(row[0])[:40]!r}"
            found = _WORDS.get(type(value), type(value).__name__)
            raise damaged(f"in {table}{where}, {name} is {found} and not {_WORDS.get(kind, 'a time')}")


@contextmanager
def readable(table: str) -> Iterator[None]:
    """Tell what the database can't read as damage; that it is away or busy is none."""
    try:
        yield
    except sa.exc.DatabaseError as error:
        if refusals.in_words(error) is not None:
            raise
        raise damaged(f"the table {table} can't be read: {str(error.orig).splitlines()[0]}") from error


def damaged(why: str) -> VerificationFailed:
    """Return that the log is damaged, and what to do about it."""
    return VerificationFailed(
        f"the audit log is damaged: {why}",
        code="log_damaged",
        hint="`clearance audit verify` says what still holds; restore the database from a backup",
    )


def run(tx: Transaction, text: str, rows: Sequence[tuple[Any, ...]], *, fetch: bool = False) -> Any:
    """Run a statement on the driver's own cursor, for it is part of every commit; its errors are told as SQLAlchemy's."""
    cursor = tx.connection.connection.cursor()
    try:
        if len(rows) == 1:
            cursor.execute(_text(tx, text), rows[0])
        else:
            cursor.executemany(_text(tx, text), rows)
        return cursor.fetchone() if fetch else None
    except Exception as error:
        dialect = tx.connection.dialect
        base = dialect.loaded_dbapi.Error
        raise sa.exc.DBAPIError.instance(text, None, error, base, dialect=dialect) from error


def _text(tx: Transaction, text: str) -> str:
    return text if tx.connection.dialect.name == "sqlite" else text.replace("?", "%s")
