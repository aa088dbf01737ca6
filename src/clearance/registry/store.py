"""The tables of models, versions and datasets; what never changes is kept as the JSON text it came as."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from clearance.registry.model import Column, Dataset, Model, Version, VersionStatus
from clearance.registry.source import WITHOUT_FILES
from clearance.registry.tables import summaries
from clearance.storage.database import Transaction, UtcDateTime, batched, metadata
from clearance.values import parse, plain

T = TypeVar("T")
_DOCUMENTS = ("files", "source", "contract", "provenance")
"""Columns of a version that are JSON texts."""

models = sa.Table(
    "registry_models",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("on_call", sa.String(255), nullable=False),
    sa.Column("team", sa.String(255), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("use_case", sa.String(255), nullable=False),
    sa.Column("risk", sa.String(32), nullable=False),
    sa.Column("lifecycle", sa.String(32), nullable=False),
    sa.Column("lifecycle_reason", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("title", sa.String(255), unique=True, index=True),
    sa.Column("template", sa.String(100), nullable=False),
    sa.Column("assessed_risk", sa.String(32)),
    sa.Column("privacy", sa.Boolean, nullable=False),
    sa.Column("lowered_reason", sa.Text),
    sa.Column("lowered_by", sa.String(255)),
    sa.Column("lowered_at", UtcDateTime),
    sa.Column("lowered_until", UtcDateTime),
)
versions = sa.Table(
    "registry_versions",
    metadata,
    sa.Column("model", sa.ForeignKey("registry_models.name"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(71), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("files", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("contract", sa.Text, nullable=False),
    sa.Column("provenance", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("status_reason", sa.Text, nullable=False),
)
parents = sa.Table(
    "registry_parents",
    metadata,
    sa.Column("parent", sa.String(120), primary_key=True),
    sa.Column("model", sa.String(100), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.ForeignKeyConstraint(["model", "number"], ["registry_versions.model", "registry_versions.number"]),
)
"""Which version names which as its parent: the way down a lineage."""
tags = sa.Table(
    "registry_tags",
    metadata,
    sa.Column("model", sa.ForeignKey("registry_models.name"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""Words on models (number 0) and on versions."""
datasets = sa.Table(
    "registry_datasets",
    metadata,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("time_column", sa.Text),
    sa.Column("first_at", UtcDateTime),
    sa.Column("last_at", UtcDateTime),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
)


_MODEL = sa.select(models).where(models.c.name == sa.bindparam("name"))
_LOCKED_MODEL = _MODEL.with_for_update()
_VERSION = sa.select(versions).where(
    versions.c.model == sa.bindparam("model"), versions.c.number == sa.bindparam("number")
)
_HEAD = _VERSION.with_only_columns(versions.c.digest, versions.c.source, versions.c.status, versions.c.status_reason)
_FILES = _VERSION.with_only_columns(versions.c.files)
_LAST_NUMBER = sa.select(sa.func.max(versions.c.number)).where(versions.c.model == sa.bindparam("model"))
_FIRST_WITHOUT_FILES = (
    sa.select(versions.c.created_at)
    .where(
        versions.c.model == sa.bindparam("model"),
        sa.or_(*(versions.c.source.startswith(f'{{"kind": "{kind.value}"', autoescape=True) for kind in WITHOUT_FILES)),
    )
    .order_by(versions.c.number)
    .limit(1)
)


def insert_model(tx: Transaction, model: Model) -> None:
    tx.execute(sa.insert(models), model_row(model))


def update_model(tx: Transaction, model: Model) -> None:
    tx.execute(sa.update(models).where(models.c.name == model.name).values(model_row(model)))


def find_model(tx: Transaction, name: str, *, lock: bool = False) -> Model | None:
    """Return a model; with `lock`, nobody else changes it or its versions until this transaction ends."""

    def read() -> Model | None:
        row = tx.execute(_LOCKED_MODEL if lock else _MODEL, {"name": name}).first()
        return None if row is None else model_of(tx, row)

    if not lock or tx.is_alone:
        return tx.remember((models, name), read)
    found = read()
    tx.forget()
    return tx.remember((models, name), lambda: found)


def find_title(tx: Transaction, title: str) -> Model | None:
    """Return the model that is called so now."""
    row = tx.execute(sa.select(models).where(models.c.title == title)).first()
    return None if row is None else model_of(tx, row)


def list_models(tx: Transaction, *, after: str | None, limit: int) -> list[Model]:
    query = sa.select(models).order_by(models.c.name).limit(limit)
    if after is not None:
        query = query.where(models.c.name > after)
    return [model_of(tx, row) for row in tx.execute(query)]


def model_of(tx: Transaction, row: sa.Row[Any]) -> Model:
    """Return a model as it is governed at this transaction's time: a lowering that is over is none."""
    found = dict(row._mapping)
    lowering = {name: found.pop(f"lowered_{name}") for name in ("reason", "by", "at", "until")}
    if lowering["until"] is None:
        return parse(Model, found)
    if lowering["until"] <= tx.now:
        return parse(Model, {**found, "risk": found["assessed_risk"]})
    return parse(Model, {**found, "lowered": lowering})


def insert_version(tx: Transaction, version: Version) -> None:
    tx.execute(sa.insert(versions), _row(version, as_text=_DOCUMENTS))
    own = {"model": version.model, "number": version.number}
    if named := [{"parent": parent, **own} for parent in sorted(set(version.provenance.parents))]:
        tx.execute(sa.insert(parents), named)


def set_files(tx: Transaction, version: Version) -> None:
    """Write the files of a version that had none, and what follows from them."""
    found = _row(version, as_text=_DOCUMENTS)
    changed = {name: found[name] for name in ("files", "size", "digest")}
    own = (versions.c.model == version.model) & (versions.c.number == version.number)
    tx.execute(sa.update(versions).where(own).values(changed))


def set_story(tx: Transaction, version: Version) -> None:
    """Write the contract and provenance of a version that had less of them."""
    found = _row(version, as_text=_DOCUMENTS)
    changed = {name: found[name] for name in ("contract", "provenance")}
    own = (versions.c.model == version.model) & (versions.c.number == version.number)
    tx.execute(sa.update(versions).where(own).values(changed))


def set_status(tx: Transaction, version: Version) -> None:
    own = (versions.c.model == version.model) & (versions.c.number == version.number)
    tx.execute(sa.update(versions).where(own).values(status=version.status.value, status_reason=version.status_reason))


def last_number(tx: Transaction, model: str) -> int:
    """Return the highest number given to a version of the model, 0 when there is none."""
    return tx.execute(_LAST_NUMBER, {"model": model}).scalar() or 0


def find_version(tx: Transaction, model: str, number: int) -> Version | None:
    def read() -> Version | None:
        row = tx.execute(_VERSION, {"model": model, "number": number}).first()
        return None if row is None else _version(row)

    return tx.remember((versions, model, number), read)


def find_head(tx: Transaction, model: str, number: int) -> sa.Row[Any] | None:
    """Return digest, source, status and its reason of a version, without its other documents, which may be long."""
    return tx.execute(_HEAD, {"model": model, "number": number}).first()


def files_of(tx: Transaction, model: str, number: int) -> str:
    """Return the files of a version that there is, as JSON."""
    found: str = tx.execute(_FILES, {"model": model, "number": number}).scalar_one()
    return found


def look_up(tx: Transaction, wanted: Sequence[tuple[str, int]]) -> None:
    """Read versions and their models at once, so that `find_version` and `find_model` need not ask for each of them."""
    for some in batched(wanted):
        names = {model for model, _ in some}
        # By name too: SQLite goes through the whole table for a list of pairs.
        own = (versions.c.model.in_(names), sa.tuple_(versions.c.model, versions.c.number).in_(some))
        for row in tx.execute(sa.select(versions).where(*own)):
            tx.remember((versions, row.model, row.number), partial(_version, row))
        for row in tx.execute(sa.select(models).where(models.c.name.in_(names))):
            tx.remember((models, row.name), partial(model_of, tx, row))


def versions_with(tx: Transaction, digest: str, model: str | None = None) -> list[Version]:
    """Return the versions that are these bytes, of one model or of all."""
    query = sa.select(versions).where(versions.c.digest == digest).order_by(versions.c.model, versions.c.number)
    if model is not None:
        query = query.where(versions.c.model == model)
    return [_version(row) for row in tx.execute(query)]


def list_versions(tx: Transaction, model: str, *, before: int | None, limit: int) -> list[Version]:
    """Return versions of a model, newest first."""
    query = sa.select(versions).where(versions.c.model == model).order_by(versions.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(versions.c.number < before)
    return [_version(row) for row in tx.execute(query)]


def newest_contract(tx: Transaction, model: str) -> Version | None:
    """Return the newest version of a model that declares a contract."""
    query = sa.select(versions).where(versions.c.model == model, versions.c.contract != "null")
    row = tx.execute(query.order_by(versions.c.number.desc()).limit(1)).first()
    return None if row is None else _version(row)


def newest_usable(tx: Transaction, model: str) -> Version | None:
    """Return the newest version of a model that is neither retired nor deleted."""
    usable = versions.c.status.in_([VersionStatus.REGISTERED.value, VersionStatus.QUARANTINED.value])
    query = sa.select(versions).where(versions.c.model == model, usable)
    row = tx.execute(query.order_by(versions.c.number.desc()).limit(1)).first()
    return None if row is None else _version(row)


def newest_that_name(tx: Transaction, dataset: str) -> tuple[str, ...]:
    """Return the models whose newest usable version says that it used a dataset."""
    own = (versions.c.model == summaries.c.model) & (versions.c.number == summaries.c.newest)
    query = sa.select(summaries.c.model).join(versions, own).where(versions.c.provenance.contains(dataset))
    return tuple(tx.execute(query.order_by(summaries.c.model)).scalars())


def first_without_files(tx: Transaction, model: str) -> datetime | None:
    """Return when the first version of a model was registered that is an endpoint or an image; None without one."""
    found: datetime | None = tx.execute(_FIRST_WITHOUT_FILES, {"model": model}).scalar()
    return found


def children(tx: Transaction, name: str) -> tuple[tuple[str, int], ...]:
    """Return which versions name `model/number` as a parent."""
    query = sa.select(parents.c.model, parents.c.number).where(parents.c.parent == name)
    return tuple((row.model, row.number) for row in tx.execute(query.order_by(parents.c.model, parents.c.number)))


def insert_dataset(tx: Transaction, dataset: Dataset) -> None:
    tx.execute(sa.insert(datasets), _row(dataset, as_text=("columns",)))


def find_dataset(tx: Transaction, digest: str) -> Dataset | None:
    row = tx.execute(sa.select(datasets).where(datasets.c.digest == digest)).first()
    return None if row is None else _dataset(row)


def list_datasets(tx: Transaction, *, after: Dataset | None, limit: int) -> list[Dataset]:
    """Return datasets, newest first."""
    order = sa.tuple_(datasets.c.created_at, datasets.c.digest)
    query = sa.select(datasets).order_by(datasets.c.created_at.desc(), datasets.c.digest.desc()).limit(limit)
    if after is not None:
        place = sa.tuple_(sa.literal(after.created_at, UtcDateTime), sa.literal(after.digest))
        query = query.where(order < place)
    return [_dataset(row) for row in tx.execute(query)]


def put_tag(tx: Transaction, model: str, number: int, key: str, value: str) -> str | None:
    """Write a tag, in place of the one with this key if there is one; return what that said."""
    before = _tag(tx, model, number, key)
    if not tx.execute(sa.update(tags).where(_is_tag(model, number, key)).values(value=value)).rowcount:
        tx.execute(sa.insert(tags), {"model": model, "number": number, "key": key, "value": value})
    return before


def drop_tag(tx: Transaction, model: str, number: int, key: str) -> str | None:
    """Remove a tag; return what it said, None if there was none."""
    before = _tag(tx, model, number, key)
    return before if tx.execute(sa.delete(tags).where(_is_tag(model, number, key))).rowcount else None


def _tag(tx: Transaction, model: str, number: int, key: str) -> str | None:
    found: str | None = tx.execute(sa.select(tags.c.value).where(_is_tag(model, number, key))).scalar()
    return found


def _is_tag(model: str, number: int, key: str) -> sa.ColumnElement[bool]:
    return (tags.c.model == model) & (tags.c.number == number) & (tags.c.key == key)


def select_tags(tx: Transaction, model: str, number: int) -> dict[str, str]:
    own = (tags.c.model == model) & (tags.c.number == number)
    return {row.key: row.value for row in tx.execute(sa.select(tags).where(own).order_by(tags.c.key))}


def model_row(model: Model) -> dict[str, Any]:
    """Return a model as its table holds it."""
    found = _row(model)
    lowered = found.pop("lowered")
    names = ("reason", "by", "at", "until")
    return found | {f"lowered_{name}": None if lowered is None else getattr(lowered, name) for name in names}


def _row(item: Any, as_text: tuple[str, ...] = ()) -> dict[str, Any]:
    found = {field.name: getattr(item, field.name) for field in fields(item)}
    return found | {name: json.dumps(plain(found[name])) for name in as_text}


def _value(row: sa.Row[Any], kind: type[T], **parsed: Any) -> T:
    return parse(kind, {**row._mapping, **parsed})


def _version(row: sa.Row[Any]) -> Version:
    found = row._mapping
    return _value(row, Version, **{name: json.loads(found[name]) for name in _DOCUMENTS})


def _dataset(row: sa.Row[Any]) -> Dataset:
    columns = tuple(Column(**column) for column in json.loads(row._mapping["columns"]))
    return _value(row, Dataset, columns=columns)
