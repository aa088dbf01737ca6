"""Use cases of OpenLineage: take events in, once each, whole or not at all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from clearance.access.model import Principal
from clearance.alarm import Alarm
from clearance.compliance.changes import alarms_of
from clearance.errors import InvalidInput, NotFound, TooLarge
from clearance.integrations.openlineage import store
from clearance.integrations.openlineage.events import read, without_secrets
from clearance.integrations.openlineage.model import Receipt, Refused
from clearance.registry.flows import service as flows
from clearance.storage.database import Transaction
from clearance.values import sha256

RaiseAlarm = Callable[[Transaction, Principal, Alarm], object]
_MOST_IN_BATCH = 1000
_GZIP = 16 + zlib.MAX_WBITS


def unpack(body: bytes, encoding: str, most: int) -> bytes:
    """Return a body as it was before the sender compressed it.

    Args:
        body: as it came.
        encoding: its Content-Encoding; empty, `identity` or `gzip`.
        most: bytes that it may be at most, unpacked.

    Raises:
        InvalidInput: another encoding, or not what it says it is (`content_encoding`).
        TooLarge: there is more in it.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise InvalidInput(
            f"the body is encoded as {encoding[:40]!r}", code="content_encoding", hint="send gzip, or plain"
        )
    unpacker = zlib.decompressobj(_GZIP)
    try:
        found = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise InvalidInput(
            f"the body is not gzip: {error}", code="content_encoding", hint="send gzip, or plain"
        ) from error
    if len(found) > most:
        raise TooLarge(
            f"the body is over {most // 1024} KiB when it is unpacked",
            code="request_too_large",
            hint="send fewer events at once, or raise CLEARANCE_MAX_REQUEST_KB on the server",
        )
    if not unpacker.eof:
        raise InvalidInput("the gzip of the body broke off", code="content_encoding", hint="send it again")
    return found


def parse(body: bytes) -> Any:
    """Return the JSON of a body.

    Raises:
        InvalidInput: it is none (`bad_json`); NaN and infinity are none either.
    """

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no JSON")

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not JSON: {str(error)[:200]}", code="bad_json") from error


def receive(tx: Transaction, caller: Principal, raise_alarm: RaiseAlarm, event: Any) -> Receipt:
    """Take in an event, without secrets that are in it; the same event again changes nothing.

    An alarm is raised, in this transaction, for versions in production that use a column which the event shows to be gone,
    renamed or of another type.

    Raises:
        InvalidInput: it is no OpenLineage event, or a name in it is none.
    """
    event = without_secrets(event)
    sighting = read(event)
    body = json.dumps(event, sort_keys=True, separators=(",", ":"))
    tx.lock("lineage")
    row = {"at": sighting.at, "run": sighting.run, "body": body, "received_at": tx.now, "received_by": caller.name}
    if not store.insert_event(tx, sha256(body.encode()), row):
        return Receipt(received=1, new=0)
    for dataset in flows.see(tx, sighting):
        for alarm in alarms_of(tx, dataset, sighting.at):
            raise_alarm(tx, caller, alarm)
    return Receipt(received=1, new=1)


def receive_batch(tx: Transaction, caller: Principal, raise_alarm: RaiseAlarm, events: Any) -> Receipt:
    """Take in events; those that are none are refused by their place, the others kept.

    Raises:
        InvalidInput: it is no list of events, or too long (`batch_too_large`).
    """
    if not isinstance(events, list):
        raise InvalidInput("a batch is a list of events", code="openlineage_event")
    if len(events) > _MOST_IN_BATCH:
        raise InvalidInput(f"a batch of {len(events)}", code="batch_too_large", hint=f"{_MOST_IN_BATCH} at most")
    new, refused = 0, []
    for index, event in enumerate(events):
        try:
            with tx.connection.begin_nested():
                new += receive(tx, caller, raise_alarm, event).new
        except InvalidInput as error:
            refused.append(Refused(index=index, reason=error.message))
    return Receipt(received=len(events), new=new, refused=tuple(refused))


def events_of(tx: Transaction, run: str) -> tuple[Any, ...]:
    """Return what was said of a run, as it was kept.

    Raises:
        NotFound: nothing was.
    """
    found: Sequence[str] = store.bodies(tx, flows.get_run(tx, run).id)
    if not found:
        raise NotFound(f"no event says anything of the run {run[:80]!r}", code="run_not_found")
    return tuple(json.loads(body) for body in found)
