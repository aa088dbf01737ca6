"""What MLflow's clients say of models and versions beyond the registry's own facts, and reading all of it at once.

Every question is one statement, however many models or versions it is about; those about one are compiled once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.delivery.store import aliases, pointers
from clearance.integrations.mlflow.model import PRODUCTION, STAGING, Stage
from clearance.registry.model import VersionStatus
from clearance.registry.store import models, tags, versions
from clearance.storage.database import Transaction, UtcDateTime, metadata

_PAIRS_AT_ONCE = 5000  # two parameters each; SQLite takes 32766 (sqlite.org/limits.html)

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

updated_model = sa.func.coalesce(touched.c.updated_at, models.c.created_at, type_=UtcDateTime)
updated_version = sa.func.coalesce(noted.c.updated_at, versions.c.created_at, type_=UtcDateTime)
_own = (noted.c.model == versions.c.model) & (noted.c.number == versions.c.number)
every_model = (
    sa.select(
        models.c.name, models.c.title, models.c.description, models.c.created_at, updated_model.label("updated_at")
    )
    .select_from(models.outerjoin(touched, touched.c.model == models.c.name))
    .where(models.c.title.is_not(None))
)
every_version = (
    sa.select(
        versions.c.model,
        versions.c.number,
        models.c.title,
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
_ITS_TAGS = sa.select(tags.c.key, tags.c.value).where(
    tags.c.model == sa.bindparam("model"), tags.c.number == sa.bindparam("number")
)
_ITS_ALIASES = sa.select(aliases.c.alias, aliases.c.number).where(aliases.c.model == sa.bindparam("model"))
_ITS_POINTERS = sa.select(pointers.c.environment, pointers.c.stable).where(pointers.c.model == sa.bindparam("model"))
_ITS_NAMES = sa.select(models.c.name).where(models.c.name.in_(sa.bindparam("names", expanding=True)))
_PLACE = sa.select(models.c.name, models.c.team).where(models.c.title == sa.bindparam("title"))


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


_ITS_LATEST = _latest(versions.c.model == sa.bindparam("model"))


def find_place(tx: Transaction, title: str) -> tuple[str, str] | None:
    """Return the identity and the team of the model that is called so."""
    row = tx.connection.execute(_PLACE, {"title": title}).first()
    return None if row is None else (row[0], row[1])


def find_model(tx: Transaction, title: str) -> Any:
    """Return the model that is called so now, None without one."""
    return tx.connection.execute(_ONE_MODEL, {"title": title}).first()


def find_version(tx: Transaction, title: str, number: int) -> Any:
    """Return a version that was not deleted, of a model that is called so now; None if there is none."""
    return tx.connection.execute(_ONE_VERSION, {"title": title, "number": number}).first()


def taken_names(tx: Transaction, names: Sequence[str]) -> set[str]:
    """Return those of the identities that a model has, or had."""
    return set(tx.connection.execute(_ITS_NAMES, {"names": list(names)}).scalars())


def select_latest(tx: Transaction, of: Sequence[str]) -> Sequence[sa.Row[Any]]:
    """Return the newest version in each stage of each of the models."""
    if len(of) == 1:
        return tx.connection.execute(_ITS_LATEST, {"model": of[0]}).all()
    return tx.connection.execute(_latest(versions.c.model.in_(of))).all() if of else ()


def select_tags(tx: Transaction, of: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict[str, str]]:
    """Return the tags of models (number 0) and versions, by key; nothing where there are none."""
    wanted = list(of)
    found: dict[tuple[str, int], dict[str, str]] = {}
    if len(wanted) == 1:
        rows = tx.connection.execute(_ITS_TAGS, {"model": wanted[0][0], "number": wanted[0][1]}).tuples()
        return {wanted[0]: dict(list(rows))}
    for start in range(0, len(wanted), _PAIRS_AT_ONCE):
        there = sa.tuple_(tags.c.model, tags.c.number).in_(wanted[start : start + _PAIRS_AT_ONCE])
        query = sa.select(tags.c.model, tags.c.number, tags.c.key, tags.c.value).where(there)
        for model, number, key, text in tx.connection.execute(query).tuples():
            found.setdefault((model, number), {})[key] = text
    return found


def select_aliases(tx: Transaction, of: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the versions that aliases were given to, by model."""
    found: dict[str, dict[str, int]] = {model: {} for model in of}
    if len(of) == 1:
        found[of[0]] = dict(list(tx.connection.execute(_ITS_ALIASES, {"model": of[0]}).tuples()))
    elif of:
        query = sa.select(aliases.c.model, aliases.c.alias, aliases.c.number).where(aliases.c.model.in_(of))
        for model, alias, number in tx.connection.execute(query).tuples():
            found[model][alias] = number
    return found


def select_serving(tx: Transaction, of: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the version that serves in each environment, by model."""
    found: dict[str, dict[str, int]] = {model: {} for model in of}
    if len(of) == 1:
        found[of[0]] = dict(list(tx.connection.execute(_ITS_POINTERS, {"model": of[0]}).tuples()))
    elif of:
        query = sa.select(pointers.c.model, pointers.c.environment, pointers.c.stable).where(pointers.c.model.in_(of))
        for model, environment, stable in tx.connection.execute(query).tuples():
            found[model][environment] = stable
    return found


def is_tagged(tx: Transaction, model: str, key: str, text: str) -> bool:
    """Whether a model has a tag that says so."""
    query = sa.select(tags.c.key).where(tags.c.model == model, tags.c.number == 0, tags.c.key == key)
    return tx.connection.execute(query.where(tags.c.value == text)).first() is not None


def touch(tx: Transaction, model: str) -> None:
    """Note that a model was changed now."""
    if not tx.execute(sa.update(touched).where(touched.c.model == model).values(updated_at=tx.now)).rowcount:
        tx.execute(sa.insert(touched), {"model": model, "updated_at": tx.now})


def insert_note(tx: Transaction, note: Mapping[str, Any]) -> None:
    tx.execute(sa.insert(noted), {**note, "updated_at": tx.now})


def change_note(tx: Transaction, model: str, number: int, **changed: str | datetime | None) -> None:
    """Change what was said of a version, as of now."""
    own = (noted.c.model == model) & (noted.c.number == number)
    if not tx.execute(sa.update(noted).where(own).values(**changed, updated_at=tx.now)).rowcount:
        blank = {"source": "", "run_id": "", "run_link": "", "model_id": "", "stage": Stage.NONE.value}
        insert_note(tx, {**blank, "model": model, "number": number, **changed})
