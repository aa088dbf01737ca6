"""Queries of flows: what events said, merged as they come in any order, and what people linked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.registry.flows.model import (
    ENDED,
    ColumnSource,
    Job,
    Link,
    Name,
    NamedDataset,
    Run,
    RunState,
    SeenDataset,
    Use,
    merge_state,
)
from clearance.registry.flows.tables import claims, columns, datasets, jobs, links, runs, schemas, uses
from clearance.registry.model import Column
from clearance.registry.store import versions
from clearance.storage.database import Transaction
from clearance.values import digest_of, plain, sha256, timestamp

_VERSIONS_TOLD = 100


def see_dataset(tx: Transaction, seen: SeenDataset, at: datetime) -> None:
    """Write what an event says of a dataset; what is newer wins, whatever comes first."""
    row = tx.execute(sa.select(datasets).where(datasets.c.key == seen.name.key)).first()
    if row is None:
        made = {**_named(seen.name), "facets": _merged("{}", seen.facets, at), "first_at": at, "last_at": at}
        tx.execute(sa.insert(datasets), made)
        return
    changed = {
        "facets": _merged(row.facets, seen.facets, at),
        "first_at": min(at, row.first_at),
        "last_at": max(at, row.last_at),
    }
    tx.execute(sa.update(datasets).where(datasets.c.key == seen.name.key).values(**changed))


def see_job(tx: Transaction, name: Name, facets: Mapping[str, Any], at: datetime) -> None:
    row = tx.execute(sa.select(jobs).where(jobs.c.key == name.key)).first()
    if row is None:
        tx.execute(sa.insert(jobs), {**_named(name), "facets": _merged("{}", facets, at), "last_at": at})
        return
    changed = {"facets": _merged(row.facets, facets, at), "last_at": max(at, row.last_at)}
    tx.execute(sa.update(jobs).where(jobs.c.key == name.key).values(**changed))


def see_run(
    tx: Transaction, run: str, job: str, state: RunState | None, parent: str, facets: Mapping[str, Any], at: datetime
) -> None:
    """Write what an event says of a run; START and COMPLETE may come in any order."""
    row = tx.execute(sa.select(runs).where(runs.c.id == run)).first()
    known = (None, None) if row is None else (row.state and RunState(row.state), row.state_at)
    now_state, state_at = merge_state(known, (state, at))
    started = [each for each in (row.started_at if row else None, at if state is RunState.START else None) if each]
    values = {
        "job": job,
        "state": now_state,
        "state_at": state_at,
        "started_at": min(started, default=None),
        "ended_at": state_at if now_state in ENDED else None,
        "parent": parent or (row.parent if row else ""),
        "facets": _merged(row.facets if row else "{}", facets, at),
        "last_at": max(at, row.last_at) if row else at,
    }
    if row is None:
        tx.execute(sa.insert(runs), {"id": run, **values})
    else:
        tx.execute(sa.update(runs).where(runs.c.id == run).values(**values))


def see_use(tx: Transaction, use: Use) -> None:
    """Write that a dataset was read or written; once it is known at which version, `not known` is forgotten."""
    own = (
        (uses.c.job == use.job)
        & (uses.c.run == use.run)
        & (uses.c.dataset == use.dataset)
        & (uses.c.output == use.output)
    )
    found = {row.version: row for row in tx.execute(sa.select(uses).where(own))}
    sources = json.dumps(plain(use.sources))
    if not use.version and any(found):
        return
    if use.version and "" in found:
        tx.execute(sa.delete(uses).where(own, uses.c.version == ""))
        sources = sources if use.sources is not None else found[""].sources
    if use.version in found:
        if use.sources is not None:
            tx.execute(sa.update(uses).where(own, uses.c.version == use.version).values(sources=sources))
        return
    made = {name: getattr(use, name) for name in ("job", "run", "dataset", "output", "version", "at")}
    tx.execute(sa.insert(uses), made | {"sources": sources})


def see_schema(tx: Transaction, dataset: str, at: datetime, found: tuple[Column, ...]) -> bool:
    """Write which columns a dataset had at a time; return whether they differ from those seen before or after."""
    digest = digest_of(found)
    if tx.execute(sa.select(columns.c.digest).where(columns.c.digest == digest)).first() is None:
        tx.execute(sa.insert(columns), {"digest": digest, "body": json.dumps(plain(found))})
    own = schemas.c.dataset == dataset
    if tx.execute(sa.select(schemas.c.at).where(own, schemas.c.at == at)).first() is not None:
        return False  # of two schemas at one time the one that came first is kept
    around = sa.select(schemas.c.columns).where(own).limit(1)
    before = tx.execute(around.where(schemas.c.at < at).order_by(schemas.c.at.desc())).scalar()
    after = tx.execute(around.where(schemas.c.at > at).order_by(schemas.c.at)).scalar()
    tx.execute(sa.insert(schemas), {"dataset": dataset, "at": at, "columns": digest})
    return any(other not in {None, digest} for other in (before, after))


def schema_changes(
    tx: Transaction, dataset: str | None = None, *, limit: int
) -> list[tuple[str, datetime, tuple[Column, ...], tuple[Column, ...]]]:
    """Return where a dataset's schema was another than before: its key, when, the columns before and after; newest first."""
    before = sa.func.lag(schemas.c.columns).over(partition_by=schemas.c.dataset, order_by=schemas.c.at)
    query = sa.select(schemas, before.label("before"))
    if dataset is not None:
        query = query.where(schemas.c.dataset == dataset)
    seen = query.subquery()
    differing = sa.select(seen).where(seen.c.before != seen.c.columns).order_by(seen.c.at.desc()).limit(limit)
    rows = tx.execute(differing).all()
    wanted = {row.columns for row in rows} | {row.before for row in rows}
    found = tx.execute(sa.select(columns).where(columns.c.digest.in_(sorted(wanted))))
    bodies = {row.digest: _columns(row.body) for row in found}
    return [(row.dataset, row.at, bodies[row.before], bodies[row.columns]) for row in rows]


def claim(tx: Transaction, thing: str, version: str, target: str) -> None:
    own = (claims.c.thing == thing) & (claims.c.version == version) & (claims.c.target == target)
    if tx.execute(sa.select(claims.c.thing).where(own)).first() is None:
        tx.execute(sa.insert(claims), {"thing": thing, "version": version, "target": target, "said_at": tx.now})


def insert_link(tx: Transaction, link: Link) -> bool:
    """Write a link; return whether it is new."""
    own = (links.c.thing == link.thing) & (links.c.version == link.version) & (links.c.target == link.target)
    if tx.execute(sa.select(links.c.thing).where(own)).first() is not None:
        return False
    tx.execute(sa.insert(links), {name: getattr(link, name) for name in Link.__dataclass_fields__})
    return True


def select_links(tx: Transaction, *, thing: str | None = None, target: str | None = None) -> tuple[Link, ...]:
    """Return what belongs together, by people's word and by the events'."""
    found: dict[tuple[str, str, str], Link] = {}
    for table in (links, claims):
        query = sa.select(table)
        query = query if thing is None else query.where(table.c.thing == thing)
        query = query if target is None else query.where(table.c.target == target)
        for row in tx.execute(query.order_by(table.c.thing, table.c.version, table.c.target)):
            by = row._mapping.get("said_by", "")
            link = Link(thing=row.thing, version=row.version, target=row.target, said_by=by, said_at=row.said_at)
            found.setdefault((link.thing, link.version, link.target), link)
    return tuple(found.values())


def linked_targets(tx: Transaction) -> frozenset[str]:
    """Return every digest and version that something belongs to."""
    found = sa.union(sa.select(links.c.target), sa.select(claims.c.target))
    return frozenset(tx.execute(found).scalars())


def known_texts(tx: Transaction) -> frozenset[str]:
    """Return the `text_key` of every dataset that pipelines told of."""
    return frozenset(tx.execute(sa.select(datasets.c.text_key)).scalars())


def find_datasets(tx: Transaction, keys: Sequence[str]) -> dict[str, NamedDataset]:
    """Return datasets by key."""
    rows = tx.execute(sa.select(datasets).where(datasets.c.key.in_(keys)))
    return {row.key: _dataset(tx, row) for row in rows}


def datasets_called(tx: Transaction, text: str) -> list[NamedDataset]:
    """Return the datasets that read `namespace/name`; mostly one."""
    rows = tx.execute(sa.select(datasets).where(datasets.c.text_key == text_key(text)).order_by(datasets.c.key))
    return [_dataset(tx, row) for row in rows]


def list_datasets(tx: Transaction, *, after: str | None, limit: int) -> list[tuple[str, NamedDataset]]:
    """Return datasets by namespace and name, each with its key."""
    query = sa.select(datasets).order_by(datasets.c.key).limit(limit)
    if after is not None:
        query = query.where(datasets.c.key > after)
    return [(row.key, _dataset(tx, row)) for row in tx.execute(query)]


def jobs_called(tx: Transaction, text: str) -> list[Job]:
    rows = tx.execute(sa.select(jobs).where(jobs.c.text_key == text_key(text)).order_by(jobs.c.key))
    return [_job(row) for row in rows]


def find_jobs(tx: Transaction, keys: Sequence[str]) -> dict[str, Job]:
    return {row.key: _job(row) for row in tx.execute(sa.select(jobs).where(jobs.c.key.in_(keys)))}


def find_run(tx: Transaction, run: str) -> Run | None:
    row = tx.execute(sa.select(runs).where(runs.c.id == run)).first()
    return None if row is None else _run(row, find_jobs(tx, [row.job])[row.job])


def made_by(tx: Transaction, job: str) -> list[str]:
    """Return the model versions that runs of a job made."""
    found = [
        sa.select(table.c.target).join(runs, runs.c.id == table.c.thing).where(runs.c.job == job)
        for table in (links, claims)
    ]
    return sorted(tx.execute(sa.union(*found)).scalars())


def children_of(tx: Transaction, run: str, limit: int) -> list[str]:
    """Return the ids of the runs that a run started."""
    query = sa.select(runs.c.id).where(runs.c.parent == run).order_by(runs.c.id).limit(limit)
    return [row.id for row in tx.execute(query)]


def select_uses(
    tx: Transaction,
    *,
    dataset: str | None = None,
    run: str | None = None,
    job: str | None = None,
    output: bool | None = None,
    version: str | None = None,
    limit: int = 10_000,
) -> list[Use]:
    """Return who read or wrote what, newest first."""
    wanted = {"dataset": dataset, "run": run, "job": job, "output": output, "version": version}
    query = sa.select(uses).where(*(uses.c[name] == each for name, each in wanted.items() if each is not None))
    order = (uses.c.at.desc(), uses.c.run, uses.c.dataset)
    return [_use(row) for row in tx.execute(query.order_by(*order).limit(limit))]


def versions_naming(tx: Transaction, texts: Iterable[str]) -> list[tuple[str, int]]:
    """Return the model versions whose provenance contains one of these texts (digests or names of datasets)."""
    found = [versions.c.provenance.contains(json.dumps(text)[1:-1], autoescape=True) for text in texts]
    query = sa.select(versions.c.model, versions.c.number).where(sa.or_(sa.false(), *found))
    return [(row.model, row.number) for row in tx.execute(query.order_by(versions.c.model, versions.c.number))]


def text_key(text: str) -> str:
    """Return under what a written name is looked up."""
    return sha256(text.encode())


def _named(name: Name) -> dict[str, str]:
    return {"key": name.key, "namespace": name.namespace, "name": name.name, "text_key": text_key(name.text)}


def _merged(known: str, said: Mapping[str, Any], at: datetime) -> str:
    """Return facets after an event, each with the time at which it was said: the newest of each name stays."""
    found = json.loads(known)
    for name, facet in said.items():
        if name not in found or timestamp(at) >= found[name]["at"]:
            found[name] = {"at": timestamp(at), "facet": facet}
    return json.dumps(found)


def _facets(stored: str) -> dict[str, Any]:
    """Return the facets by name; one that says `_deleted` is gone."""
    found = {name: each["facet"] for name, each in json.loads(stored).items()}
    return {name: facet for name, facet in found.items() if not (isinstance(facet, dict) and facet.get("_deleted"))}


def _dataset(tx: Transaction, row: sa.Row[Any]) -> NamedDataset:
    query = sa.select(uses.c.version, sa.func.max(uses.c.at).label("last")).where(
        uses.c.dataset == row.key, uses.c.version != ""
    )
    told = tx.execute(query.group_by(uses.c.version).order_by(sa.desc("last"), uses.c.version).limit(_VERSIONS_TOLD))
    return NamedDataset(
        namespace=row.namespace,
        name=row.name,
        columns=_newest_columns(tx, row.key),
        versions=tuple(each.version for each in told),
        first_at=row.first_at,
        last_at=row.last_at,
        facets=_facets(row.facets),
    )


def _newest_columns(tx: Transaction, dataset: str) -> tuple[Column, ...]:
    query = sa.select(columns.c.body).join(schemas, schemas.c.columns == columns.c.digest)
    body = tx.execute(query.where(schemas.c.dataset == dataset).order_by(schemas.c.at.desc()).limit(1)).scalar()
    return _columns(body) if body is not None else ()


def columns_at(tx: Transaction, dataset: str, at: datetime) -> tuple[Column, ...] | None:
    """Return which columns a dataset had at a time; None if nobody had told by then."""
    query = sa.select(columns.c.body).join(schemas, schemas.c.columns == columns.c.digest)
    own = query.where(schemas.c.dataset == dataset, schemas.c.at <= at)
    body = tx.execute(own.order_by(schemas.c.at.desc()).limit(1)).scalar()
    return None if body is None else _columns(body)


def _columns(body: str) -> tuple[Column, ...]:
    return tuple(Column(**each) for each in json.loads(body))


def _job(row: sa.Row[Any]) -> Job:
    return Job(namespace=row.namespace, name=row.name, last_at=row.last_at, facets=_facets(row.facets))


def _run(row: sa.Row[Any], job: Job) -> Run:
    return Run(
        id=row.id,
        job=Name(namespace=job.namespace, name=job.name),
        state=row.state and RunState(row.state),
        started_at=row.started_at,
        ended_at=row.ended_at,
        parent=row.parent,
        facets=_facets(row.facets),
    )


def _use(row: sa.Row[Any]) -> Use:
    return Use(
        job=row.job,
        run=row.run,
        dataset=row.dataset,
        output=row.output,
        version=row.version,
        at=row.at,
        sources=_sources(json.loads(row.sources)),
    )


def _sources(found: list[dict[str, Any]] | None) -> tuple[ColumnSource, ...] | None:
    if found is None:
        return None
    return tuple(
        ColumnSource(column=each["column"], dataset=Name(**each["dataset"]), source=each["source"]) for each in found
    )
