"""Tables of OpenLineage: every event as it came, and how far our own have come at the receiver."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clearance.storage.database import Transaction, UtcDateTime, metadata

_OBSERVED = {"audited": False}

events = sa.Table(
    "openlineage_events",
    metadata,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("run", sa.String(36), nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("received_by", sa.String(255), nullable=False),
    info=_OBSERVED,
)
"""`body` is the event's JSON, keys sorted; `digest` is that of the body."""
emissions = sa.Table(
    "openlineage_emissions",
    metadata,
    sa.Column("receiver", sa.String(71), primary_key=True),
    sa.Column("next_leaf", sa.BigInteger, nullable=False),
    sa.Column("sent", sa.BigInteger, nullable=False),
    sa.Column("refused", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    info=_OBSERVED,
)
"""`receiver` is the digest of its address, which may hold a secret."""


def insert_event(tx: Transaction, digest: str, row: dict[str, Any]) -> bool:
    """Keep an event; return whether it is new."""
    if tx.execute(sa.select(events.c.digest).where(events.c.digest == digest)).first() is not None:
        return False
    tx.execute(sa.insert(events), {"digest": digest, **row})
    return True


def bodies(tx: Transaction, run: str) -> list[str]:
    """Return what was said of a run, as it came, oldest event first."""
    query = sa.select(events.c.body).where(events.c.run == run).order_by(events.c.at, events.c.digest)
    return [row.body for row in tx.execute(query)]


def find_emission(tx: Transaction, receiver: str) -> sa.Row[Any] | None:
    return tx.execute(sa.select(emissions).where(emissions.c.receiver == receiver)).first()


def put_emission(tx: Transaction, receiver: str, **values: Any) -> None:
    """Insert or change how far a receiver has come."""
    if not tx.execute(sa.update(emissions).where(emissions.c.receiver == receiver).values(**values)).rowcount:
        tx.execute(sa.insert(emissions), {"receiver": receiver, **values})
