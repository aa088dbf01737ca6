"""Issue a passport: gather what is known, seal it in the log, then prove what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.checkpoint import Verifier
from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.errors import VerificationFailed
from clearance.evidence import artifacts, passport, statements, store
from clearance.registry import service as registry
from clearance.storage.database import Transaction

_EVENTS = (
    Event.VERSION_REGISTERED,
    Event.ARTIFACT_SIGNED,
    Event.STATEMENT_ADDED,
    Event.DECISION_MADE,
    Event.PASSPORT_EXPORTED,
)


def seal_passport(
    tx: Transaction,
    caller: Principal,
    model: str,
    number: int,
    decision: Mapping[str, Any] | None,
    lapsed: str = "",
) -> dict[str, Any]:
    """Return the body of a version's passport, recorded in the log with its digest; `prove_passport` completes it.

    Args:
        decision: the newest decision about the version as JSON (with `id` and `vsa`), from whoever decides; None before it.
        lapsed: why that decision, which allowed, holds no more (a waiver ended); empty while it does.

    Raises:
        NotFound: no such version.
        VerificationFailed: a stored statement or signature was changed.
    """
    version = registry.get_version(tx, model, number)
    signature = artifacts.artifact_signature(tx, model, number)
    claims = statements.statements(tx, model, number)
    signers = {claim.signer for claim in claims} | ({signature.signer} if signature else set())
    body = passport.body(
        version=version,
        keys=[key for key in store.all_keys(tx).values() if key.key_id in signers],
        signature=signature,
        statements=claims,
        decision=decision,
        lapsed=lapsed,
        at=tx.now,
        by=caller.name,
    )
    log.record(
        tx,
        Event.PASSPORT_EXPORTED,
        actor=caller.name,
        subject=f"model/{version.name}",
        data={"digest": passport.seal(body)},
    )
    return body


def prove_passport(tx: Transaction, body: Mapping[str, Any], verifier: Verifier) -> dict[str, Any]:
    """Return the passport: the body with proofs, against the newest checkpoint, of every leaf that it rests on.

    Raises:
        VerificationFailed: the log lacks the leaf of the export, so that no proof can be had.
    """
    needed = list(filter(passport.resting_on(body), _entries(tx, body)))
    if not any(entry.event == Event.PASSPORT_EXPORTED for entry in needed):
        raise VerificationFailed(
            "the log does not show this export",
            code="log_incomplete",
            hint="`clearance audit verify` says what is wrong",
        )
    proofs = list(map(log.prover(tx), sorted(entry.index for entry in needed)))
    return passport.assemble(body, verifier.text(), proofs)


def _entries(tx: Transaction, body: Mapping[str, Any]) -> Iterator[Entry]:
    for event in _EVENTS:
        yield from _all(tx, f"model/{body['model']}/{body['number']}", event)
    for key in body["keys"]:
        yield from _all(tx, f"key/{key['key_id']}", Event.KEY_TRUSTED)


def _all(tx: Transaction, subject: str, event: Event) -> Iterator[Entry]:
    cursor: str | None = None
    while True:
        page = log.entries(tx, subject=subject, event=event, cursor=cursor, limit=1000)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return
