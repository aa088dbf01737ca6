"""Routes of evidence: artifact signatures, statements, trusted keys, passports."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.delivery.promotion import check_environment
from clearance.evidence import service
from clearance.evidence.dsse import Envelope
from clearance.evidence.model import ArtifactSignature, NewKey, NewSignature, StoredStatement, TrustedKey
from clearance.policy import service as policy
from clearance.values import Page, plain

router = APIRouter(tags=["evidence"])
Reader = Annotated[Principal, needs(Permission.READ)]
Writer = Annotated[Principal, needs(Permission.EVIDENCE_WRITE)]
Keeper = Annotated[Principal, needs(Permission.TRUST_WRITE)]


@router.post("/models/{model}/versions/{number}/signature", status_code=201)
def sign(model: str, number: int, body: NewSignature, app: App, caller: Writer) -> ArtifactSignature:
    """Sign a version's files and provenance with the server's key, or keep a bundle that was made elsewhere."""
    if body.bundle:
        with app.database.write() as tx:
            return service.add_artifact_signature(tx, caller, body.bundle, model=model, number=number)
    with app.database.read() as tx:  # reading a large model takes long: nobody waits for it
        tx.allow_pause()
        bundle = service.make_signature(tx, app.keyring, app.blobs, app.scratch(), model, number)
    with app.database.write() as tx:
        return service.add_own_signature(tx, caller, app.keyring, bundle, model=model, number=number)


@router.get("/models/{model}/versions/{number}/signature")
def get_signature(model: str, number: int, app: App, caller: Reader) -> ArtifactSignature:
    """The newest signature over a version's files by a trusted key; `bundle` is what `model_signing verify` reads."""
    with app.database.read() as tx:
        return service.verify_artifact_signature(tx, model, number)


@router.post("/models/{model}/versions/{number}/statements", status_code=201)
def add_statement(model: str, number: int, body: Envelope, app: App, caller: Writer) -> StoredStatement:
    """Keep an in-toto statement about a version, in its DSSE envelope, signed by a key trusted for its predicate type."""
    with app.database.write() as tx:
        return service.add_statement(tx, caller, body, model=model, number=number)


@router.get("/models/{model}/versions/{number}/statements")
def list_statements(
    model: str,
    number: int,
    app: App,
    caller: Reader,
    predicate_type: Annotated[str | None, Query(description="only statements of this type")] = None,
) -> Page[StoredStatement]:
    """All statements about a version, oldest first; those whose `revoked_at` is set count for nothing."""
    with app.database.read() as tx:
        return Page(items=service.statements(tx, model, number, predicate_type, revoked=True))


@router.get("/models/{model}/versions/{number}/passport")
def passport(
    model: str,
    number: int,
    app: App,
    caller: Reader,
    environment: Annotated[str, Query(description="which decision to take along")] = "production",
) -> dict[str, Any]:
    """Everything known about a version in one file that proves itself; the export is itself recorded in the log."""
    check_environment(environment)
    with app.database.write() as tx:
        decision = policy.newest_decision(tx, model, number, environment)
        body = service.seal_passport(
            tx, caller, model, number, plain(decision), policy.why_lapsed(tx, decision) if decision else ""
        )
    with app.database.read() as tx:
        return service.prove_passport(tx, body, app.log_verifier)


@router.get("/keys")
def list_keys(app: App, caller: Reader) -> Page[TrustedKey]:
    """Every key whose signatures count or counted, oldest first."""
    with app.database.read() as tx:
        return Page(items=service.list_keys(tx))


@router.post("/keys", status_code=201)
def trust_key(body: NewKey, app: App, caller: Keeper) -> TrustedKey:
    """Let a key's signatures count from now on, for the purposes named."""
    with app.database.write() as tx:
        return service.trust_key(tx, caller, body)


@router.delete("/keys/{key_id}")
def revoke_key(
    key_id: str, app: App, caller: Keeper, reason: Annotated[str, Query(description="why, for the log")] = ""
) -> TrustedKey:
    """Let nothing that a key signed count any more."""
    with app.database.write() as tx:
        return service.revoke_key(tx, caller, key_id, reason)
