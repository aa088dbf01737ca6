"""Queries of assessments; each is kept whole, as it was made."""

from __future__ import annotations

import sqlalchemy as sa

from clearance.registry.risk import Assessment
from clearance.registry.tables import assessments
from clearance.storage.database import Transaction
from clearance.values import parse, plain


def insert(tx: Transaction, made: Assessment) -> None:
    tx.execute(sa.insert(assessments), {"model": made.model, "position": made.position, "document": plain(made)})


def last_position(tx: Transaction, model: str) -> int:
    """Return how many assessments a model has had."""
    return tx.execute(sa.select(sa.func.max(assessments.c.position)).where(assessments.c.model == model)).scalar() or 0


def select(tx: Transaction, model: str) -> tuple[Assessment, ...]:
    """Return the assessments of a model, newest first."""
    query = sa.select(assessments.c.document).where(assessments.c.model == model)
    rows = tx.execute(query.order_by(assessments.c.position.desc()))
    return tuple(parse(Assessment, row.document) for row in rows)
