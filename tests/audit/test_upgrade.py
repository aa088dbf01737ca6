"""A log that version 0.1 wrote goes on under this schema, and what was wrong with it is still found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from clearance.app import Clearance
from clearance.audit import checkpoint, leaf, log, store, tree
from clearance.audit.checkpoint import Checkpoint
from clearance.storage import migrate
from tests.audit.writing import newest, write

AT = datetime(2026, 1, 5, tzinfo=UTC)


def old_log(parts: Clearance, count: int) -> None:
    """Write a log as version 0.1 did, a checkpoint after every leaf."""
    with migrate.changing(parts.database_as_found) as connection:
        there = sa.MetaData()
        there.reflect(connection)
        there.drop_all(connection)  # the fixture's database has the schema of today
        migrate.run_to(connection, "0001")
    verifier = parts.log_keys.first()
    key = parts.log_keys.signer(verifier.text())
    rolling = tree.RollingRoot()
    with parts.database_as_found.engine.begin() as connection:
        for position in range(count):
            said = {"event": "tag.set", "actor": "user:ada", "subject": f"model/m{position}"}
            encoded = leaf.encode(at="2026-01-05T00:00:00.000000Z", data={"key": position}, **said)
            rolling.add(encoded)
            note = checkpoint.sign(Checkpoint(verifier.name, rolling.size, rolling.root()), key)
            at = "2026-01-05 00:00:00.000000" if connection.dialect.name == "sqlite" else AT
            connection.execute(
                sa.text("insert into audit_leaves values (:position, :leaf, :at, :event, :actor, :subject)"),
                {"position": position, "leaf": encoded, "at": at, **said},
            )
            connection.execute(
                sa.text("insert into audit_checkpoints values (:size, :note)"), {"size": rolling.size, "note": note}
            )


@pytest.mark.parametrize("count", [0, 1, 255, 256, 300])
def test_a_log_of_version_0_1_verifies_and_goes_on(parts: Clearance, count: int) -> None:
    old_log(parts, count)
    with parts.database.read() as tx:
        found = log.verify(tx, parts.log_verifier)
        assert (found.ok, found.leaves, found.checkpoints) == (True, count, count), found.problems
    write(parts, 520, batch=52)
    with parts.database.read() as tx:
        found = log.verify(tx, parts.log_verifier)
        assert (found.ok, found.leaves) == (True, count + 520), found.problems
        if count > 2:
            assert log.prove_consistency(tx, 2).older, "every checkpoint that was kept stays"
    assert checkpoint.verify(newest(parts), parts.log_verifier).size == count + 520


def test_what_was_changed_before_the_upgrade_is_found_after_it(parts: Clearance) -> None:
    old_log(parts, 300)
    with parts.database_as_found.engine.begin() as connection:
        forged = leaf.encode(
            at="2026-01-05T00:00:00.000000Z", event="tag.set", actor="user:eve", subject="model/m7", data={"key": 7}
        )
        connection.execute(
            sa.text("update audit_leaves set leaf = :leaf, actor = 'user:eve' where position = 7"), {"leaf": forged}
        )
    write(parts, 300)
    with parts.database.read() as tx:
        found = log.verify(tx, parts.log_verifier)
        assert store.size(tx) == 600
    assert "a leaf up to 7 was changed" in " ".join(found.problems)
