"""The tables of delivery: pointers, their moves, rollouts, and the looks at their arms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from clearance.delivery.model import ACTIVE, Analysis, Move, Pointer, Rollout
from clearance.storage.database import Json, Transaction, UtcDateTime, metadata
from clearance.values import parse, plain

pointers = sa.Table(
    "delivery_pointers",
    metadata,
    sa.Column("model", sa.String(100), primary_key=True),
    sa.Column("environment", sa.String(100), primary_key=True),
    sa.Column("stable", sa.Integer, nullable=False),
    sa.Column("candidate", sa.Integer),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("previous", sa.Integer),
    sa.Column("moved_at", UtcDateTime, nullable=False),
    sa.Column("decision_id", sa.String(64), nullable=False),
    sa.Column("rollout_id", sa.String(64)),
)
aliases = sa.Table(
    "delivery_aliases",
    metadata,
    sa.Column("model", sa.String(100), primary_key=True),
    sa.Column("alias", sa.String(255), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)
"""Names by which people and programs ask for a version; of a guarded one the number is that of its pointer instead."""
moves = sa.Table(
    "delivery_moves",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("environment", sa.String(100), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("document", Json, nullable=False),
    sa.UniqueConstraint("model", "environment", "position"),
)
rollouts = sa.Table(
    "delivery_rollouts",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(100), nullable=False, index=True),
    sa.Column("environment", sa.String(100), nullable=False),
    sa.Column("state", sa.String(32), nullable=False, index=True),
    sa.Column("document", Json, nullable=False),
)
analyses = sa.Table(
    "delivery_analyses",
    metadata,
    sa.Column("rollout_id", sa.ForeignKey("delivery_rollouts.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", Json, nullable=False),
    info={"audited": False},
)


_POINTER = sa.select(pointers).where(
    pointers.c.model == sa.bindparam("model"), pointers.c.environment == sa.bindparam("environment")
)
_CHANGE_POINTER = sa.update(pointers).where(
    pointers.c.model == sa.bindparam("of"), pointers.c.environment == sa.bindparam("there")
)
_LAST_MOVE = sa.select(sa.func.max(moves.c.position)).where(
    moves.c.model == sa.bindparam("model"), moves.c.environment == sa.bindparam("environment")
)
_ALIAS = sa.select(aliases.c.number).where(
    aliases.c.model == sa.bindparam("model"), aliases.c.alias == sa.bindparam("alias")
)
_CHANGE_ALIAS = (
    sa.update(aliases)
    .where(aliases.c.model == sa.bindparam("of"), aliases.c.alias == sa.bindparam("called"))
    .values(number=sa.bindparam("to"))
)
_ALIASES = (
    sa.select(aliases.c.alias, aliases.c.number)
    .where(aliases.c.model == sa.bindparam("model"))
    .order_by(aliases.c.alias)
)


def pointer(tx: Transaction, model: str, environment: str) -> Pointer | None:
    row = tx.execute(_POINTER, {"model": model, "environment": environment}).first()
    return None if row is None else Pointer(**row._mapping)


def select_pointers(
    tx: Transaction, *, model: str | None = None, environment: str | None = None
) -> tuple[Pointer, ...]:
    """Return pointers by model and environment."""
    query = sa.select(pointers).order_by(pointers.c.model, pointers.c.environment)
    if model is not None:
        query = query.where(pointers.c.model == model)
    if environment is not None:
        query = query.where(pointers.c.environment == environment)
    return tuple(Pointer(**row._mapping) for row in tx.execute(query))


def put_pointer(tx: Transaction, found: Pointer) -> None:
    """Insert or replace; the caller holds the lock of the model and environment."""
    fields = {column.name: getattr(found, column.name) for column in pointers.columns}
    if not tx.execute(_CHANGE_POINTER, {**fields, "of": found.model, "there": found.environment}).rowcount:
        tx.execute(sa.insert(pointers), fields)


def insert_move(tx: Transaction, move: Move) -> None:
    last = tx.execute(_LAST_MOVE, {"model": move.model, "environment": move.environment}).scalar()
    tx.execute(
        sa.insert(moves),
        {
            "id": move.id,
            "model": move.model,
            "environment": move.environment,
            "position": (last or 0) + 1,
            "document": plain(move),
        },
    )


def select_moves(tx: Transaction, model: str, environment: str) -> tuple[Move, ...]:
    """Return the moves of a pointer, newest first."""
    query = (
        sa.select(moves.c.document)
        .where(moves.c.model == model, moves.c.environment == environment)
        .order_by(moves.c.position.desc())
    )
    return tuple(parse(Move, row.document) for row in tx.execute(query))


def insert_rollout(tx: Transaction, rollout: Rollout) -> None:
    tx.execute(sa.insert(rollouts), {"id": rollout.id, **_columns(rollout)})


def update_rollout(tx: Transaction, rollout: Rollout) -> None:
    tx.execute(sa.update(rollouts).where(rollouts.c.id == rollout.id).values(**_columns(rollout)))


def rollout(tx: Transaction, rollout_id: str) -> Rollout | None:
    """Return a rollout with its newest analysis."""
    row = tx.execute(sa.select(rollouts.c.document).where(rollouts.c.id == rollout_id)).first()
    return None if row is None else _with_analysis(tx, parse(Rollout, row.document))


def select_rollouts(
    tx: Transaction, *, model: str | None = None, active: bool = False, before: str | None = None, limit: int = 100
) -> tuple[Rollout, ...]:
    """Return rollouts, newest first, each with its newest analysis."""
    query = sa.select(rollouts.c.document).order_by(rollouts.c.id.desc()).limit(limit)
    if model is not None:
        query = query.where(rollouts.c.model == model)
    if active:
        query = query.where(rollouts.c.state.in_([state.value for state in ACTIVE]))
    if before is not None:
        query = query.where(rollouts.c.id < before)
    return tuple(_with_analysis(tx, parse(Rollout, row.document)) for row in tx.execute(query).all())


def find_alias(tx: Transaction, model: str, alias: str) -> int | None:
    """Return the version that an alias was given to."""
    found: int | None = tx.execute(_ALIAS, {"model": model, "alias": alias}).scalar()
    return found


def select_aliases(tx: Transaction, model: str) -> dict[str, int]:
    return {row.alias: row.number for row in tx.execute(_ALIASES, {"model": model})}


def put_alias(tx: Transaction, model: str, alias: str, number: int) -> None:
    """Write an alias, in place of the one of this name if there is one."""
    if not tx.execute(_CHANGE_ALIAS, {"of": model, "called": alias, "to": number}).rowcount:
        tx.execute(sa.insert(aliases), {"model": model, "alias": alias, "number": number})


def drop_alias(tx: Transaction, model: str, alias: str) -> None:
    tx.execute(sa.delete(aliases).where(aliases.c.model == model, aliases.c.alias == alias))


def add_analysis(tx: Transaction, rollout_id: str, analysis: Analysis) -> None:
    last = tx.execute(sa.select(sa.func.max(analyses.c.position)).where(analyses.c.rollout_id == rollout_id)).scalar()
    tx.execute(
        sa.insert(analyses), {"rollout_id": rollout_id, "position": (last or 0) + 1, "document": plain(analysis)}
    )


def select_analyses(tx: Transaction, rollout_id: str) -> tuple[Analysis, ...]:
    """Return every look at a rollout's arms that saw something new, oldest first."""
    query = sa.select(analyses.c.document).where(analyses.c.rollout_id == rollout_id).order_by(analyses.c.position)
    return tuple(parse(Analysis, row.document) for row in tx.execute(query))


def _with_analysis(tx: Transaction, found: Rollout) -> Rollout:
    query = (
        sa.select(analyses.c.document)
        .where(analyses.c.rollout_id == found.id)
        .order_by(analyses.c.position.desc())
        .limit(1)
    )
    row = tx.execute(query).first()
    return found if row is None else replace(found, analysis=parse(Analysis, row.document))


def _columns(found: Rollout) -> dict[str, Any]:
    return {
        "model": found.model,
        "environment": found.environment,
        "state": found.state.value,
        "document": plain(replace(found, analysis=None)),
    }
