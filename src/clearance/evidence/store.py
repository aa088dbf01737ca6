"""Tables of the room: trusted keys, statements, artifact signatures. Envelopes and bundles are kept as the text that came."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.evidence.model import ArtifactSignature, StoredStatement, TrustedKey
from clearance.evidence.predicates import Purpose
from clearance.storage.database import Json, Transaction, UtcDateTime, metadata

keys = sa.Table(
    "evidence_keys",
    metadata,
    sa.Column("key_id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("pem", sa.Text, nullable=False),
    sa.Column("purposes", Json, nullable=False),
    sa.Column("trusted_at", UtcDateTime, nullable=False),
    sa.Column("trusted_by", sa.String(255), nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("revoked_reason", sa.Text, nullable=False, default=""),
)
statements = sa.Table(
    "evidence_statements",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("predicate_type", sa.String(512), nullable=False),
    sa.Column("signer", sa.String(64), sa.ForeignKey(keys.c.key_id), nullable=False),
    sa.Column("envelope", sa.Text, nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("added_at", UtcDateTime, nullable=False),
    sa.Column("added_by", sa.String(255), nullable=False),
    sa.UniqueConstraint("model", "number", "digest"),
)
signatures = sa.Table(
    "evidence_signatures",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("signer", sa.String(64), sa.ForeignKey(keys.c.key_id), nullable=False),
    sa.Column("bundle", sa.Text, nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("added_at", UtcDateTime, nullable=False),
    sa.Column("added_by", sa.String(255), nullable=False),
    sa.UniqueConstraint("model", "number", "signer"),
)


_KEYS = sa.select(keys).order_by(keys.c.trusted_at, keys.c.key_id)


def _of(table: sa.Table) -> sa.Select[Any]:
    """Return the statement for what was said of a version, oldest first."""
    own = (table.c.model == sa.bindparam("model")) & (table.c.number == sa.bindparam("number"))
    return sa.select(table).where(own).order_by(table.c.id)


_STATEMENTS = _of(statements)
_STATEMENTS_OF = _STATEMENTS.where(statements.c.predicate_type == sa.bindparam("kind"))
_STATEMENTS_WITHOUT = _STATEMENTS.where(statements.c.predicate_type.not_in(sa.bindparam("kinds", expanding=True)))
_STATEMENT = _STATEMENTS.where(statements.c.digest == sa.bindparam("digest"))
_SIGNATURES = _of(signatures)


def insert_key(tx: Transaction, key: TrustedKey) -> None:
    tx.execute(
        sa.insert(keys),
        {
            "key_id": key.key_id,
            "name": key.name,
            "pem": key.pem,
            "purposes": [purpose.value for purpose in key.purposes],
            "trusted_at": key.trusted_at,
            "trusted_by": key.trusted_by,
            "revoked_reason": "",
        },
    )


def revoke_key(tx: Transaction, key_id: str, at: datetime, reason: str) -> None:
    tx.execute(sa.update(keys).where(keys.c.key_id == key_id).values(revoked_at=at, revoked_reason=reason))


def all_keys(tx: Transaction) -> dict[str, TrustedKey]:
    """Return every key by its id, oldest first, revoked ones too."""
    return tx.remember(keys, lambda: {row.key_id: _key(row._asdict()) for row in tx.execute(_KEYS)})


def insert_statement(tx: Transaction, found: StoredStatement, envelope: str) -> None:
    """Write a statement; `envelope` is its canonical text."""
    tx.execute(
        sa.insert(statements),
        {
            "id": found.id,
            "model": found.model,
            "number": found.number,
            "predicate_type": found.predicate_type,
            "signer": found.signer,
            "envelope": envelope,
            "digest": found.digest,
            "added_at": found.added_at,
            "added_by": found.added_by,
        },
    )


def has_statement(tx: Transaction, model: str, number: int, digest: str) -> bool:
    """Tell whether this envelope is stored for the version already."""
    return tx.execute(_STATEMENT, {"model": model, "number": number, "digest": digest}).first() is not None


def select_statements(
    tx: Transaction, model: str, number: int, predicate_type: str | None, without: Collection[str]
) -> list[sa.Row[Any]]:
    """Return rows of a version's statements, oldest first."""
    own = {"model": model, "number": number}
    if predicate_type is not None:
        return list(tx.execute(_STATEMENTS_OF, {**own, "kind": predicate_type}))
    return list(tx.execute(_STATEMENTS_WITHOUT, {**own, "kinds": list(without)}))


def insert_signature(tx: Transaction, found: ArtifactSignature) -> None:
    tx.execute(
        sa.insert(signatures),
        {
            "id": found.id,
            "model": found.model,
            "number": found.number,
            "signer": found.signer,
            "bundle": found.bundle,
            "digest": found.digest,
            "added_at": found.added_at,
            "added_by": found.added_by,
        },
    )


def select_signatures(tx: Transaction, model: str, number: int) -> list[sa.Row[Any]]:
    """Return rows of a version's artifact signatures, oldest first."""
    return list(tx.execute(_SIGNATURES, {"model": model, "number": number}))


def _key(row: Mapping[str, Any]) -> TrustedKey:
    return TrustedKey(**{**row, "purposes": tuple(Purpose(word) for word in row["purposes"])})
