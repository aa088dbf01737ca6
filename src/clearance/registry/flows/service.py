"""Use cases of flows: take in what an event says, look things up by what people write, link by a person's word."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import InvalidInput, NotFound
from clearance.registry.flows import store
from clearance.registry.flows.model import (
    Job,
    Link,
    NamedDataset,
    NewLink,
    Run,
    SeenDataset,
    Sighting,
    Use,
    check_name,
    no_such_dataset,
    split_version,
)
from clearance.registry.lookup import get_dataset, get_version
from clearance.registry.rules import parse_version_name
from clearance.storage.database import Transaction
from clearance.storage.digests import check_digest
from clearance.values import Page, bad_cursor


def see(tx: Transaction, sighting: Sighting) -> tuple[str, ...]:
    """Take in what an event says; return the keys of the datasets whose schema was seen to change.

    Saying the same twice, or late, changes nothing that was said by newer events.

    Raises:
        InvalidInput: a name that is none.
    """
    named = [seen.name for seen in (*sighting.inputs, *sighting.outputs, *sighting.datasets)]
    for name in (*named, *([sighting.job] if sighting.job else [])):
        check_name("a dataset" if name is not sighting.job else "the job", name)
    tx.lock("lineage")  # what is merged is read first
    if sighting.job is not None:
        store.see_job(tx, sighting.job, sighting.job_facets, sighting.at)
        if sighting.run:
            store.see_run(
                tx,
                sighting.run,
                sighting.job.key,
                sighting.state,
                sighting.parent,
                sighting.run_facets,
                sighting.at,
            )
            if sighting.version:
                store.claim(tx, sighting.run, "", sighting.version)
    changed = [key for seen in sighting.datasets for key in _see_dataset(tx, seen, sighting.at)]
    for output, side in ((False, sighting.inputs), (True, sighting.outputs)):
        for seen in side:
            changed += _see_dataset(tx, seen, sighting.at)
            if sighting.job is not None:
                store.see_use(
                    tx,
                    Use(
                        job=sighting.job.key,
                        run=sighting.run,
                        dataset=seen.name.key,
                        output=output,
                        version=seen.version,
                        at=sighting.at,
                        sources=seen.sources if output else None,
                    ),
                )
    return tuple(dict.fromkeys(changed))


def link(tx: Transaction, caller: Principal, new: NewLink) -> Link:
    """Say that a named dataset is a registered one, or that a run made a model version; the same again changes nothing.

    Raises:
        InvalidInput: neither a dataset with a digest nor a run with a version (`bad_link`).
        NotFound: what is named does not exist.
    """
    dataset, run = bool(new.dataset and new.digest), bool(new.run and new.version)
    if dataset == run or bool(new.dataset or new.digest) == bool(new.run or new.version):
        raise InvalidInput(
            "a link is between a dataset and a digest, or between a run and a version",
            code="bad_link",
            hint='{"dataset": "namespace/name@version", "digest": "sha256:…"} or {"run": "…", "version": "car-loan/1"}',
        )
    if dataset:
        found, version = find_dataset(tx, new.dataset)
        thing, target = found.named.key, get_dataset(tx, new.digest).digest
    else:
        thing, version, target = get_run(tx, new.run).id, "", get_version(tx, *parse_version_name(new.version)).name
    made = Link(thing=thing, version=version, target=target, said_by=caller.name, said_at=tx.now)
    if store.insert_link(tx, made):
        subject = f"dataset/{target}" if dataset else f"model/{target}"
        facts = {"dataset": new.dataset, "run": new.run, "target": target}
        log.record(tx, Event.LINEAGE_LINKED, actor=caller.name, subject=subject, data=facts)
    return made


def find_dataset(tx: Transaction, text: str) -> tuple[NamedDataset, str]:
    """Return the dataset that `namespace/name` or `namespace/name@version` names, and the version.

    Raises:
        NotFound: no pipeline has told of it, or of it at that version.
        InvalidInput: two datasets read the same (`dataset_ambiguous`).
    """
    name, version = split_version(text)
    for wanted, at in dict.fromkeys(((text, ""), (name, version))):
        found = store.datasets_called(tx, wanted)
        if len(found) > 1:
            raise InvalidInput(
                f"{wanted[:200]!r} may mean {len(found)} datasets",
                code="dataset_ambiguous",
                hint="; ".join(f"namespace {each.namespace!r}, name {each.name!r}" for each in found[:5]),
            )
        if found and at and at not in found[0].versions:
            raise NotFound(
                f"no pipeline has told of {wanted} at version {at[:80]!r}",
                code="dataset_version_unknown",
                hint="known, newest first: "
                + (", ".join(found[0].versions[:10]) or "none: events carry no version facet"),
            )
        if found:
            return found[0], at
    error = no_such_dataset(text)
    raise NotFound(error.message, code=error.code, hint=error.hint)


def get_run(tx: Transaction, run: str) -> Run:
    """Return a run.

    Raises:
        NotFound: no pipeline has told of it.
    """
    try:
        found = store.find_run(tx, str(UUID(run)))
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"no pipeline has told of a run {run[:80]!r}", code="run_not_found", hint="it is a UUID")
    return found


def find_job(tx: Transaction, text: str) -> Job:
    """Return the job that `namespace/name` names.

    Raises:
        NotFound: no pipeline has told of it.
    """
    found = store.jobs_called(tx, text)
    if not found:
        raise NotFound(f"no pipeline has told of a job {text[:200]!r}", code="job_not_found", hint="namespace/name")
    return found[0]


def list_datasets(tx: Transaction, *, cursor: str | None = None, limit: int = 100) -> Page[NamedDataset]:
    """Return a page of the datasets that pipelines told of."""
    if cursor is not None:
        try:
            check_digest(cursor)
        except InvalidInput as error:
            raise bad_cursor(cursor) from error
    found = store.list_datasets(tx, after=cursor, limit=limit + 1)
    return Page(
        items=tuple(each for _, each in found[:limit]), next=found[limit - 1][0] if len(found) > limit else None
    )


def _see_dataset(tx: Transaction, seen: SeenDataset, at: datetime) -> list[str]:
    store.see_dataset(tx, seen, at)
    if seen.digest:
        store.claim(tx, seen.name.key, seen.version, seen.digest)
    if seen.columns is not None and store.see_schema(tx, seen.name.key, at, seen.columns):
        return [seen.name.key]
    return []
