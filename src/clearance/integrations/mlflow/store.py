"""What MLflow's clients say of models and versions beyond the registry's own facts, and reading all of it at once.

Every question is one statement, however many models or versions it is about, and compiled once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from clearance.delivery.store import aliases, pointers
from clearance.integrations.mlflow.model import PRODUCTION, STAGING, ModelRow, Stage, VersionRow
from clearance.registry.model import ModelKind, VersionStatus
from clearance.registry.store import models, tags, versions
from clearance.storage.database import Transaction, UtcDateTime, metadata

ByModel = dict[str, dict[str, int]]
"""Versions by name, by model."""

touched = sa.Table(
    "mlflow_models",
    metadata,
    sa.Column("model", sa.ForeignKey("registry_models.name"), primary_key=True),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    info={"audited": False},
)
"""When such a client last had something to do with a model: a sign for people, for what changed is in the log."""
noted = sa.Table(
    "mlflow_versions",
    metadata,
    sa.Column("model", sa.String(100), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("run_link", sa.Text, nullable=False),
    sa.Column("model_id", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("stage", sa.String(20), nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.ForeignKeyConstraint(["model", "number"], ["registry_versions.model", "registry_versions.number"]),
)
"""What such a client said of a version; one that was registered or moved without it may have no row."""

_BLANK = {"source": "", "run_id": "", "run_link": "", "model_id": "", "stage": Stage.NONE.value}

updated_model = sa.func.coalesce(touched.c.updated_at, models.c.created_at, type_=UtcDateTime)
updated_version = sa.func.coalesce(noted.c.updated_at, versions.c.created_at, type_=UtcDateTime)
_own = (noted.c.model == versions.c.model) & (noted.c.number == versions.c.number)
every_model = (
    sa.select(
        models.c.name,
        models.c.title,
        models.c.kind,
        models.c.description,
        models.c.created_at,
        updated_model.label("updated_at"),
    )
    .select_from(models.outerjoin(touched, touched.c.model == models.c.name))
    .where(models.c.title.is_not(None))
)
every_version = (
    sa.select(
        versions.c.model,
        versions.c.number,
        models.c.title,
        models.c.kind,
        versions.c.digest,
        versions.c.source.label("origin"),
        versions.c.status,
        versions.c.status_reason,
        versions.c.created_at,
        versions.c.created_by,
        noted.c.source,
        noted.c.run_id,
        noted.c.run_link,
        noted.c.model_id,
        noted.c.description,
        noted.c.stage,
        updated_version.label("updated_at"),
    )
    .select_from(versions.join(models, models.c.name == versions.c.model).outerjoin(noted, _own))
    .where(models.c.title.is_not(None), versions.c.status != VersionStatus.DELETED.value)
)
_ONE_MODEL = every_model.where(models.c.title == sa.bindparam("title"))
_ONE_VERSION = every_version.where(models.c.title == sa.bindparam("title"), versions.c.number == sa.bindparam("number"))
_GIVEN = every_version.join(
    aliases, (aliases.c.model == versions.c.model) & (aliases.c.number == versions.c.number)
).where(models.c.title == sa.bindparam("title"), aliases.c.alias == sa.bindparam("name"))
_SERVING = every_version.join(
    pointers, (pointers.c.model == versions.c.model) & (pointers.c.stable == versions.c.number)
).where(models.c.title == sa.bindparam("title"), pointers.c.environment == sa.bindparam("name"))
_GIVEN_PROMPT = _GIVEN.where(models.c.kind == ModelKind.PROMPT.value)
_NAME = sa.select(models.c.name).where(models.c.name == sa.bindparam("name"))
_PLACE = sa.select(models.c.name, models.c.team).where(models.c.title == sa.bindparam("title"))


def find_place(tx: Transaction, title: str) -> tuple[str, str] | None:
    """Return the identity and the team of the model that is called so."""
    row = tx.connection.execute(_PLACE, {"title": title}).first()
    return None if row is None else (row[0], row[1])


def find_model(tx: Transaction, title: str) -> ModelRow | None:
    """Return the model that is called so now."""
    row = tx.connection.execute(_ONE_MODEL, {"title": title}).first()
    return None if row is None else ModelRow._make(row)


def find_version(tx: Transaction, title: str, number: int) -> VersionRow | None:
    """Return a version that was not deleted, of a model that is called so now."""

    def read() -> VersionRow | None:
        row = tx.connection.execute(_ONE_VERSION, {"title": title, "number": number}).first()
        return None if row is None else VersionRow._make(row)

    return tx.remember((noted, title, number), read)


def is_taken(tx: Transaction, name: str) -> bool:
    """Whether a model has this identity, or had it."""
    return tx.connection.execute(_NAME, {"name": name}).first() is not None


def select_latest(tx: Transaction, of: Sequence[str]) -> list[VersionRow]:
    """Return the newest version in each stage of each of the models."""
    rows = tx.connection.execute(_prepared(tx).latest, {"of": _listed(of)})
    return list(map(VersionRow._make, rows))


def select_tags(tx: Transaction, of: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict[str, str]]:
    """Return the tags of models (number 0) and versions, by key; nothing where there are none."""
    found: dict[tuple[str, int], dict[str, str]] = {}
    rows = tx.connection.execute(_prepared(tx).tags, {"of": json.dumps(list(of))})
    for model, number, key, text in rows:
        found.setdefault((model, number), {})[key] = text
    return found


def select_names(tx: Transaction, of: Sequence[str]) -> tuple[ByModel, ByModel]:
    """Return the versions that aliases were given to, and those that serve in environments, by model."""
    given: ByModel = {model: {} for model in of}
    serving: ByModel = {model: {} for model in of}
    for model, alias, name, number in tx.connection.execute(_prepared(tx).names, {"of": _listed(of)}):
        (given if alias else serving)[model][name] = number
    return given, serving


def find_by_alias(tx: Transaction, title: str, alias: str, environment: str | None) -> VersionRow | None:
    """Return the version that an alias was given to; of a guarded one, what serves in its environment.

    Nothing is guarded of a prompt (`delivery.guards_of`).
    """
    named = {"title": title, "name": environment or alias}
    row = tx.connection.execute(_GIVEN if environment is None else _SERVING, named).first()
    if row is None and environment is not None:
        row = tx.connection.execute(_GIVEN_PROMPT, {"title": title, "name": alias}).first()
    return None if row is None else VersionRow._make(row)


def touch(tx: Transaction, model: str) -> None:
    """Note that a model was changed now."""
    if not tx.execute(sa.update(touched).where(touched.c.model == model).values(updated_at=tx.now)).rowcount:
        tx.execute(sa.insert(touched), {"model": model, "updated_at": tx.now})


def touch_versions(tx: Transaction, model: str) -> None:
    """Note that each version of a model was changed now."""
    tx.execute(sa.update(noted).where(noted.c.model == model).values(updated_at=tx.now))
    texts = (sa.literal(text) for text in _BLANK.values())
    now = sa.literal(tx.now, UtcDateTime)
    silent = sa.select(versions.c.model, versions.c.number, *texts, now).select_from(versions.outerjoin(noted, _own))
    missing = silent.where(versions.c.model == model, noted.c.model.is_(None))
    tx.execute(sa.insert(noted).from_select(["model", "number", *_BLANK, "updated_at"], missing))


def insert_note(tx: Transaction, note: Mapping[str, Any]) -> None:
    tx.execute(sa.insert(noted), {**note, "updated_at": tx.now})


def change_note(tx: Transaction, model: str, number: int, **changed: str | datetime | None) -> None:
    """Change what was said of a version, as of now."""
    own = (noted.c.model == model) & (noted.c.number == number)
    if not tx.execute(sa.update(noted).where(own).values(**changed, updated_at=tx.now)).rowcount:
        insert_note(tx, {**_BLANK, "model": model, "number": number, **changed})


def fill_run(tx: Transaction, model: str, number: int, run_id: str) -> None:
    """Say in which run a version was made, unless that was said before."""
    known = sa.select(noted.c.run_id).where(noted.c.model == model, noted.c.number == number)
    if not tx.execute(known).scalar():
        change_note(tx, model, number, run_id=run_id)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The statements about any number of things: these are one parameter, so that each is compiled once."""

    latest: sa.Select[Any]
    tags: sa.Select[Any]
    names: sa.CompoundSelect[Any]


def _prepared(tx: Transaction) -> _Prepared:
    return _prepare(tx.connection.dialect.name)


@cache
def _prepare(dialect: str) -> _Prepared:
    these = _rows(dialect, sa.String())
    pairs = _rows(dialect, sa.String(), sa.Integer())
    return _Prepared(
        latest=_latest(versions.c.model.in_(these)),
        tags=sa.select(tags.c.model, tags.c.number, tags.c.key, tags.c.value).where(
            sa.tuple_(tags.c.model, tags.c.number).in_(pairs)
        ),
        names=sa.union_all(
            sa.select(aliases.c.model, sa.literal(1), aliases.c.alias, aliases.c.number).where(
                aliases.c.model.in_(these)
            ),
            sa.select(pointers.c.model, sa.literal(0), pointers.c.environment, pointers.c.stable).where(
                pointers.c.model.in_(these)
            ),
        ),
    )


def _rows(dialect: str, *types: sa.types.TypeEngine[Any]) -> sa.Select[Any]:
    """Return the rows of the parameter `of`, a JSON list of lists."""
    if dialect == "sqlite":
        each = sa.func.json_each(sa.bindparam("of")).table_valued("value")
        return sa.select(*(sa.func.json_extract(each.c.value, f"$[{index}]") for index in range(len(types))))
    each = sa.func.json_array_elements(sa.cast(sa.bindparam("of"), sa.JSON)).table_valued("value")
    return sa.select(*(sa.cast(each.c.value.op("->>")(index), kind) for index, kind in enumerate(types)))


def _latest(of: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the statement for the newest version in each stage of the models that `of` is true for."""
    serving = {name: pointers.alias(name) for name in (PRODUCTION, STAGING)}
    joined = versions.outerjoin(noted, _own)
    for environment, pointer in serving.items():
        there = (pointer.c.model == versions.c.model) & (pointer.c.environment == environment)
        joined = joined.outerjoin(pointer, there)
    stage = sa.case(
        (serving[PRODUCTION].c.stable == versions.c.number, Stage.PRODUCTION.value),
        (serving[STAGING].c.stable == versions.c.number, Stage.STAGING.value),
        else_=sa.func.coalesce(noted.c.stage, Stage.NONE.value),
    )
    newest = (
        sa.select(versions.c.model, sa.func.max(versions.c.number).label("number"))
        .select_from(joined)
        .where(of, versions.c.status != VersionStatus.DELETED.value)
        .group_by(versions.c.model, stage)
        .subquery()
    )
    here = (newest.c.model == versions.c.model) & (newest.c.number == versions.c.number)
    return every_version.join(newest, here).order_by(versions.c.model, versions.c.number)


def _listed(models: Iterable[str]) -> str:
    return json.dumps([[model] for model in models])
