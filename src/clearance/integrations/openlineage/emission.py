"""Tells another OpenLineage receiver what Clearance knows: versions that were registered, and what began to serve.

The audit log is the outbox: it is durable and in order, and this remembers which leaf comes next. Nothing waits for the
receiver; an event may arrive twice, as itself, for run ids are made from the log's name and the leaf.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import clearance
from clearance.audit import log
from clearance.audit import store as leaves
from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.errors import ClearanceError, InvalidInput, NotFound, Unavailable
from clearance.integrations.openlineage import store
from clearance.integrations.openlineage.model import Emission
from clearance.registry import service as registry
from clearance.registry.model import Dataset
from clearance.registry.rules import parse_version_name
from clearance.storage.database import Database, Transaction
from clearance.values import sha256, timestamp

logger = logging.getLogger(__name__)

NAMESPACE = "clearance"
"""Of jobs, versions and registered datasets in the events that go out."""
TOLD = (Event.VERSION_REGISTERED, Event.POINTER_MOVED)
_PRODUCER = f"https://clearance.dev/{clearance.__version__}"
_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_AT_ONCE = 100
_TIMEOUT_SECONDS = 5.0
_FIRST_RETRY, _LONGEST_RETRY = timedelta(seconds=5), timedelta(hours=1)
_RETRIED = frozenset({408, 425, 429})

Send = Callable[[Mapping[str, Any]], None]
"""Sends one event; raises Unavailable when it may be tried again, InvalidInput when the receiver will never take it."""


def emit_due(database: Database, origin: str, url: str, send: Send) -> int:
    """Tell the receiver what it was not told yet, oldest first; return how many events it took.

    It stops at the first that can't be sent now, and tries again later: after 5 s, then twice as long each time, an hour at
    most. An event that the receiver refuses for good is counted, logged and passed over.

    Args:
        database: with the log and how far the receiver is.
        origin: name of the log.
        url: the receiver, to know it by.
        send: sends an event.
    """
    receiver = sha256(url.encode())
    with database.read() as tx:
        known = store.find_emission(tx, receiver)
        if known is not None and known.next_at > tx.now:
            return 0
        begin = known.next_leaf if known is not None else 0
        waiting = log.following(tx, begin, TOLD, _AT_ONCE)
        size = leaves.size(tx)
        events = [(entry.index, _event(tx, entry, origin)) for entry in waiting]
    sent = 0
    for index, event in events:
        error = _try(send, event)
        with database.write() as tx:
            _note(tx, receiver, index, error)
        if isinstance(error, Unavailable):
            return sent
        sent += error is None
    if len(waiting) < _AT_ONCE and size > begin:
        with database.write() as tx:
            _skip_to(tx, receiver, size)
    return sent


def progress(tx: Transaction, url: str) -> Emission | None:
    """Return how far a receiver is; None without one."""
    if not url:
        return None
    known = store.find_emission(tx, sha256(url.encode()))
    next_leaf = known.next_leaf if known is not None else 0
    return Emission(
        receiver=sha256(url.encode()),
        next_leaf=next_leaf,
        behind=max(0, leaves.size(tx) - next_leaf),
        sent=known.sent if known is not None else 0,
        refused=known.refused if known is not None else 0,
        attempts=known.attempts if known is not None else 0,
        next_at=known.next_at if known is not None else tx.now,
        error=known.error if known is not None else "",
    )


def sender(url: str, token: str) -> Send:
    """Return what POSTs an event to a receiver's `/api/v1/lineage`, as `OPENLINEAGE_URL` means it."""

    def send(event: Mapping[str, Any]) -> None:
        import httpx

        headers = {"authorization": f"Bearer {token}"} if token else {}
        address = f"{url.rstrip('/')}/api/v1/lineage"
        try:
            answer = httpx.post(address, json=event, headers=headers, timeout=_TIMEOUT_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _later(type(error).__name__) from error
        if answer.is_success:
            return
        if answer.status_code >= 500 or answer.status_code in {401, 403, 404, *_RETRIED}:
            raise _later(f"it answered {answer.status_code}")
        raise InvalidInput(f"the receiver refused it: {answer.status_code}", code="openlineage_refused")

    return send


def run_event(
    *, at: str, run: str, job: str, facets: Mapping[str, Any], inputs: list[Any], outputs: list[Any]
) -> dict[str, Any]:
    """Return a COMPLETE event of one of our jobs."""
    return {
        "eventType": "COMPLETE",
        "eventTime": at,
        "producer": _PRODUCER,
        "schemaURL": _SPEC,
        "run": {"runId": run, "facets": dict(facets)},
        "job": {
            "namespace": NAMESPACE,
            "name": job,
            "facets": {
                "jobType": _facet(
                    "2-0-3/JobTypeJobFacet", processingType="BATCH", integration="CLEARANCE", jobType="JOB"
                )
            },
        },
        "inputs": inputs,
        "outputs": outputs,
    }


def _event(tx: Transaction, entry: Entry, origin: str) -> dict[str, Any]:
    """Return what a leaf is told as."""
    model, number = parse_version_name(entry.subject.removeprefix("model/"))
    run = str(uuid5(NAMESPACE_URL, f"{origin}/{entry.index}"))
    facets: dict[str, Any] = {"clearance_leaf": _facet("", log=origin, leaf=entry.index, actor=entry.actor)}
    made = {"namespace": NAMESPACE, "name": f"{model}/{number}", "facets": {}}
    try:
        version = registry.get_version(tx, model, number)
    except NotFound:  # the tables have lost what the log has: the log is told
        version = None
    if version is not None and version.digest:
        made["facets"] = {"version": _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=version.digest)}
    if entry.event == Event.POINTER_MOVED:
        environment = str(entry.data["environment"])
        facets["clearance_deployment"] = _facet("", **{"from": entry.data["from"]}, **_deployment(entry))
        served = {"namespace": NAMESPACE, "name": f"{environment}/{model}", "facets": made["facets"]}
        return run_event(
            at=timestamp(entry.at),
            run=run,
            job=f"{model}.serve.{environment}",
            facets=facets,
            inputs=[made],
            outputs=[served],
        )
    uses = version.provenance.datasets if version is not None else ()
    return run_event(
        at=timestamp(entry.at),
        run=run,
        job=f"{model}.register",
        facets=facets,
        inputs=[_input(tx, use.digest, use.name) for use in uses],
        outputs=[made],
    )


def _deployment(entry: Entry) -> dict[str, Any]:
    return {name: entry.data[name] for name in ("environment", "kind", "to", "decision")}


def _input(tx: Transaction, digest: str, name: str) -> dict[str, Any]:
    facets: dict[str, Any] = {"version": _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=digest)}
    known: Dataset | None = None
    with suppress(ClearanceError):  # named, but not registered: its columns are not known
        known = registry.get_dataset(tx, digest)
    if known is not None:
        fields = [{"name": column.name, "type": column.type} for column in known.columns]
        facets["schema"] = _facet("1-2-0/SchemaDatasetFacet", fields=fields)
    return {"namespace": NAMESPACE, "name": (known.name if known else name) or digest, "facets": facets}


def _facet(path: str, **fields: Any) -> dict[str, Any]:
    where = f"{_FACETS}/{path}.json" if path else f"{_PRODUCER}/facet"
    return {"_producer": _PRODUCER, "_schemaURL": where, **fields}


def _try(send: Send, event: Mapping[str, Any]) -> ClearanceError | None:
    try:
        send(event)
    except (Unavailable, InvalidInput) as error:
        return error
    return None


def _note(tx: Transaction, receiver: str, index: int, error: ClearanceError | None) -> None:
    known = store.find_emission(tx, receiver)
    sent, refused, attempts = (known.sent, known.refused, known.attempts) if known is not None else (0, 0, 0)
    values: dict[str, Any] = {"sent": sent, "refused": refused, "error": error.message if error else ""}
    if isinstance(error, Unavailable):
        values |= {"attempts": attempts + 1, "next_leaf": index, "next_at": tx.now + _retry_after(attempts + 1)}
        logger.warning("lineage can't be told, and is tried again at %s: %s", values["next_at"], error.message)
    else:
        values |= {"attempts": 0, "next_leaf": index + 1, "next_at": tx.now}
        values["refused" if error else "sent"] += 1
        if error:
            logger.error("the receiver of lineage will not take leaf %d: %s", index, error.message)
    store.put_emission(tx, receiver, **values)


def _skip_to(tx: Transaction, receiver: str, size: int) -> None:
    """Note that nothing up to here is left to tell."""
    known = store.find_emission(tx, receiver)
    if known is None:
        fresh = {"sent": 0, "refused": 0, "attempts": 0, "next_at": tx.now, "error": ""}
        store.put_emission(tx, receiver, next_leaf=size, **fresh)
    elif known.next_leaf < size:
        store.put_emission(tx, receiver, next_leaf=size)


def _retry_after(attempts: int) -> timedelta:
    return min(_FIRST_RETRY * (1 << min(attempts - 1, 20)), _LONGEST_RETRY)


def _later(why: str) -> Unavailable:
    return Unavailable(
        f"the receiver of lineage did not take it: {why}",
        code="openlineage_unreachable",
        hint="is CLEARANCE_OPENLINEAGE_URL right, and CLEARANCE_OPENLINEAGE_TOKEN?",
    )
