"""Whatever somebody does to the tables of the log, verifying a copy says that it does not verify, and why."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from clearance.app import Clearance
from clearance.audit import checkpoint, log, offline, store
from clearance.cli.main import app
from clearance.errors import InvalidInput
from clearance.settings import load
from clearance.storage.database import Transaction
from tests.audit.writing import write


def _without_rules(tx: Transaction) -> None:
    """Make the log's tables anew without their rules, as somebody could who edits the file: SQLite keeps anything in any column."""
    for table in store.TABLES:
        for statement in (
            f"create table bare as select * from {table.name}",
            f"drop table {table.name}",
            f"alter table bare rename to {table.name}",
        ):
            tx.connection.exec_driver_sql(statement)


@pytest.fixture(scope="module")
def rotated_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, checkpoint.Verifier]:
    """The file of a log of 300 leaves and two keys, in tables without rules, and its first key."""
    home = tmp_path_factory.mktemp("rotated")
    parts = Clearance(load({}, home=home))
    write(parts, 290, batch=50)
    first = parts.log_verifier
    with parts.database.write() as tx:
        log.rotate_key(tx, "user:ada", parts.log_keys, "yearly")
    write(parts, 9)
    with parts.database.write() as tx:
        _without_rules(tx)
    with parts.database.connect() as connection:
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    parts.close()
    return home / "clearance.db", first


DAMAGES = {
    "the end is gone": ("delete from audit_head", "audit_head does not say where it ends"),
    "every table is empty": (
        "delete from audit_head; delete from audit_leaves; delete from audit_tiles; delete from audit_checkpoints",
        "audit_head",
    ),
    "a leaf is a text": (
        "update audit_leaves set leaf = cast(leaf as text) where position = 100",
        "in audit_leaves where its position is '100', leaf is a text and not bytes",
    ),
    "a text is none": (
        "update audit_leaves set actor = cast(x'ff' as text) where position = 1",
        "audit_leaves can't be read",
    ),
    "an event is a number": ("update audit_leaves set event = 7 where position = 3", "its event column says 7"),
    "a time is empty": ("update audit_leaves set at = null where position = 4", "at is empty and not a text"),
    "the peaks are a text": (
        "update audit_head set peaks = 'zz'",
        "in audit_head where its size is '300', peaks is a text",
    ),
    "the peaks are a number": ("update audit_head set peaks = 10000000000000", "peaks is a whole number"),
    "the size is a text": ("update audit_head set size = 'many'", "size is a text"),
    "the size is below zero": ("update audit_head set size = -1", "a log of -1 leaves"),
    "a tile is a text": (
        "update audit_tiles set hashes = 'q'",
        "in audit_tiles where its position is '0', hashes is a text",
    ),
    "a tile is of a level that is none": ("insert into audit_tiles values (9, 0, x'00', x'00')", "2 tiles are kept"),
    "a table is gone": ("drop table audit_tiles", "the table audit_tiles can't be read: no such table"),
    "the leaves are gone": ("drop table audit_leaves", "the table audit_leaves can't be read: no such table"),
    "a column is gone": (
        "alter table audit_head drop column note",
        "the table audit_head can't be read: no such column",
    ),
    "a leaf stands before the first": (
        "insert into audit_leaves select -5, leaf, hash, at, event, actor, subject from audit_leaves limit 1",
        "-5",
    ),
    "a note is no text": ("update audit_checkpoints set note = x'00'", "note is bytes and not a text"),
    "a signature is no ASCII": (
        "update audit_head set note = replace(note, char(8212) || ' clearance.local/log ', char(8212) || ' clearance.local/log é')",
        "a signature line can't be read",
    ),
    "a change of the key can't be read": (
        "update audit_leaves set leaf = x'7b7d' where event = 'log.key_rotated'",
        "it can't be read which one",
    ),
    "a change of the key is nested without end": (
        "update audit_leaves set leaf = cast(replace(hex(zeroblob(30000)), '0', '[') as blob) where event = 'log.key_rotated'",
        "can't be read",
    ),
    "another key would sign next": ("update audit_head set signer = 'somebody'", "would be signed by somebody"),
    "another key would follow": ("update audit_head set successor = 'somebody'", "somebody would follow"),
    "a key is said to sign since another size": (
        "update audit_keys set since = 7 where since > 0",
        "table of the log's keys",
    ),
    "the keys are gone": ("delete from audit_keys", "table of the log's keys"),
    "the keys are gone, the signer is not": ("delete from audit_keys", "names, which names none"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_copy_does_not_verify_and_what_is_damaged_is_named(
    rotated_log: tuple[Path, checkpoint.Verifier], tmp_path: Path, name: str
) -> None:
    source, pinned = rotated_log
    copy = tmp_path / "copy.db"
    shutil.copyfile(source, copy)
    assert offline.verify_file(copy, pinned).ok
    statements, named = DAMAGES[name]
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript(statements)
    found = offline.verify_file(copy, pinned)
    assert not found.ok
    assert any(named in problem for problem in found.problems), found.problems


@pytest.mark.parametrize("name", ["a leaf is a text", "a table is gone"])
def test_the_command_says_that_a_damaged_copy_does_not_verify(
    rotated_log: tuple[Path, checkpoint.Verifier], tmp_path: Path, name: str
) -> None:
    source, pinned = rotated_log
    copy = tmp_path / "copy.db"
    shutil.copyfile(source, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript(DAMAGES[name][0])
    said = CliRunner().invoke(app, ["audit", "verify", "--file", str(copy), "--pin", pinned.text()])
    assert (said.exit_code, "the log does not verify" in said.output) == (1, True), said.output


_VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
    st.binary(max_size=40),
    st.sampled_from(
        [b"[" * 60_000, "9" * 5000, b"\x00" * 300_000, "clearance.local/log\n300\nAA==\n\n", b"{}", b"[]", b"null"]
    ),
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_a_cell_of_the_log_is_changed_to_the_answer_is_that_it_does_not_verify(
    rotated_log: tuple[Path, checkpoint.Verifier], data: st.DataObject
) -> None:
    source, pinned = rotated_log
    table = data.draw(st.sampled_from([table for table in store.TABLES if table is not store.cosignatures]))
    column = data.draw(st.sampled_from([column.name for column in table.columns if column.name != "id"]))
    value = data.draw(_VALUES)
    undecodable = isinstance(value, bytes) and data.draw(st.booleans())
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(source, copy)
        with closing(sqlite3.connect(copy)) as connection:
            connection.text_factory = bytes
            rows = connection.execute(f"select rowid, {column}, typeof({column}) from {table.name}").fetchall()
            row, *before = data.draw(st.sampled_from(rows))
            kind = "cast(? as text)" if undecodable else "?"
            connection.execute(f"update {table.name} set {column} = {kind} where rowid = ?", (value, row))
            cell = f"select {column}, typeof({column}) from {table.name} where rowid = ?"
            after = list(connection.execute(cell, (row,)).fetchone())
            connection.commit()
        found = offline.verify_file(copy, pinned)
        assert found.ok == (before == after), (found.problems, before, after)
        json.dumps(found.problems).encode()
        assert all(problem.isprintable() for problem in found.problems)


@pytest.mark.parametrize(
    ("statements", "code"),
    [
        ("create table other (id)", "no_log"),
        ("create table audit_leaves (position); create table audit_nodes (level)", "schema_old"),
    ],
)
def test_a_file_that_holds_no_log_of_ours_is_said_to_be_none(tmp_path: Path, statements: str, code: str) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.executescript(statements)
    pinned = checkpoint.Verifier("x", Ed25519PrivateKey.generate().public_key())
    with pytest.raises(InvalidInput) as refused:
        offline.verify_file(tmp_path / "other.db", pinned)
    assert refused.value.code == code
