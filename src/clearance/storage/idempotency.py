"""Idempotency keys: a creating call that is sent twice happens once, because its key commits with its change."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from clearance.errors import Conflict
from clearance.storage.types import UtcDateTime, metadata

if TYPE_CHECKING:
    from clearance.storage.database import Transaction

KEEP = timedelta(days=1)
ANSWERING = timedelta(seconds=10)
"""How long after its change an answer may still be on its way; after that its server is taken to have died."""

keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("scope", sa.String(64), primary_key=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("status", sa.Integer),
    sa.Column("content_type", sa.String(100)),
    sa.Column("body", sa.LargeBinary),
    info={"audited": False},
)


@dataclass
class Claim:
    """The key of the request under way: whose and what (`scope`), and what was asked (`request_hash`)."""

    scope: str
    request_hash: str
    committed: bool = False


current: ContextVar[Claim | None] = ContextVar("idempotency_claim", default=None)
"""Set by the HTTP surface for a request that carries a key; the first transaction that commits takes it along."""


@dataclass(frozen=True)
class Answer:
    """What is known of an earlier request with the same key; status None: it took effect, but its answer was lost.

    Attributes:
        under_way: it took effect a moment ago, and its answer may still come.
        secret: its answer held a secret, and so was not kept.
    """

    request_hash: str
    status: int | None
    content_type: str
    body: bytes
    under_way: bool
    secret: bool


def find(tx: Transaction, scope: str) -> Answer | None:
    """Return what an earlier request with this key came to, if it changed anything."""
    row = tx.execute(sa.select(keys).where(keys.c.scope == scope, keys.c.at > tx.now - KEEP)).first()
    if row is None:
        return None
    return Answer(
        request_hash=row.request_hash,
        status=row.status,
        content_type=row.content_type or "",
        body=bytes(row.body or b""),
        under_way=row.status is None and row.at > tx.now - ANSWERING,
        secret=row.status is not None and row.body is None,
    )


def begin(tx: Transaction, claim: Claim) -> None:
    """Let one request with this key at a time past this point, also of those that other processes serve.

    Raises:
        Conflict: one got there first (`idempotency_in_progress`).
    """
    tx.lock(f"idempotency {claim.scope}")
    if tx.execute(sa.select(keys.c.scope).where(keys.c.scope == claim.scope, keys.c.at > tx.now - KEEP)).first():
        raise in_progress()


def in_progress() -> Conflict:
    """Return that the first request with a key is not done yet."""
    return Conflict(
        "another request with this Idempotency-Key is under way",
        code="idempotency_in_progress",
        hint="wait a moment and send it again: you are told what became of the first",
    )


def take_along(tx: Transaction, claim: Claim) -> None:
    """Write the key into the transaction that is about to commit; `begin` has seen that it is the first."""
    tx.execute(sa.delete(keys).where(keys.c.at <= tx.now - KEEP))
    tx.execute(sa.insert(keys), {"scope": claim.scope, "request_hash": claim.request_hash, "at": tx.now})


def keep_answer(tx: Transaction, claim: Claim, status: int, content_type: str, body: bytes | None) -> None:
    """Remember the answer for whoever sends the same request again; without its body if that holds a secret."""
    tx.execute(
        sa.update(keys)
        .where(keys.c.scope == claim.scope)
        .values(status=status, content_type=content_type[:100], body=body)
    )
