"""Statements: add them, sign them, read them back verified."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import ClearanceError, Conflict, InvalidInput, VerificationFailed
from clearance.evidence import dsse, keys, predicates, slsa, statement, store, trust
from clearance.evidence.dsse import Envelope
from clearance.evidence.keyring import Keyring
from clearance.evidence.model import StoredStatement, TrustedKey
from clearance.evidence.statement import Statement
from clearance.registry import service as registry
from clearance.registry.model import Version
from clearance.storage.database import Transaction


def add_statement(
    tx: Transaction, caller: Principal, envelope: Envelope, *, model: str, number: int
) -> StoredStatement:
    """Keep a statement about a version, wherever it was made.

    Raises:
        NotFound: no such version.
        InvalidInput: unsigned, not an in-toto statement, or a predicate without the fields of its type.
        VerificationFailed: signed by no key trusted for it, or about something else (code `wrong_subject`).
        Conflict: this very envelope is there already.
    """
    version = registry.get_version(tx, model, number)
    if envelope.payloadType != dsse.PAYLOAD_TYPE:
        raise InvalidInput(
            f"the envelope carries {envelope.payloadType[:80]!r}, not an in-toto statement",
            code="payload_type",
            hint=f"expected the payloadType {dsse.PAYLOAD_TYPE}",
        )
    claim = statement.decode(dsse.payload_of(envelope))
    purpose = predicates.purpose_of(claim.predicate_type)
    signer = dsse.verify(envelope, trust.standing_keys(tx, purpose)).key_id
    predicates.validate(claim.predicate_type, claim.predicate)
    _require_about(claim, version)
    return _keep(tx, caller, version, claim, envelope, signer)


def sign_and_add(tx: Transaction, caller: Principal, keyring: Keyring, claim: Statement) -> StoredStatement:
    """Sign a statement with the installation's own key, and keep it; its first subject names the version.

    Raises:
        NotFound: no such version.
        Conflict: the own key is revoked, or the same statement is there already.
    """
    model, _, number = claim.subject[0].name.rpartition("/")
    if not number.isdigit():
        raise InvalidInput(f"{claim.subject[0].name!r} does not name a version", code="wrong_subject")
    signer = trust.own_key(tx, keyring)
    envelope = dsse.sign(statement.encode(claim), dsse.PAYLOAD_TYPE, keyring.private_key)
    predicates.validate(claim.predicate_type, claim.predicate)
    version = registry.get_pinned(tx, model, int(number))
    _require_about(claim, version)
    return _keep(tx, caller, version, claim, envelope, signer.key_id)


def attest_provenance(tx: Transaction, caller: Principal, keyring: Keyring, model: str, number: int) -> StoredStatement:
    """Sign what was registered about how a version was made, as SLSA provenance."""
    version = registry.get_pinned(tx, model, number)
    claim = statement.about(model, number, version.digest, predicates.PROVENANCE, slsa.provenance(version))
    return sign_and_add(tx, caller, keyring, claim)


def statements(
    tx: Transaction,
    model: str,
    number: int,
    predicate_type: str | None = None,
    *,
    without: Collection[str] = (),
    revoked: bool = False,
) -> tuple[StoredStatement, ...]:
    """Return a version's statements, oldest first, each verified as it is read; those by revoked keys only if asked for.

    Args:
        tx, model, number: where and of which version.
        predicate_type: only those of this type.
        without: none of these types.
        revoked: also those whose key was revoked.

    Raises:
        NotFound: no such version.
        VerificationFailed: a stored statement was changed (code `statement_corrupt`).
    """
    version = registry.get_version(tx, model, number)
    known = store.all_keys(tx)
    rows = store.select_statements(tx, model, number, predicate_type, without)
    found = [_read(row, version, known[row.signer]) for row in rows]
    return tuple(each for each in found if revoked or each.revoked_at is None)


def _require_about(claim: Statement, version: Version) -> None:
    if not statement.is_about(claim, version.digest):
        raise VerificationFailed(
            f"the statement is not about {version.name}: none of its subjects has the digest {version.digest}",
            code="wrong_subject",
            details={"subjects": [dict(subject.digest) for subject in claim.subject]},
        )


def _keep(
    tx: Transaction, caller: Principal, version: Version, claim: Statement, envelope: Envelope, signer: str
) -> StoredStatement:
    tx.lock("evidence statements")  # two that add the same envelope at once wait for each other
    digest = dsse.digest(envelope)
    if store.has_statement(tx, version.model, version.number, digest):
        raise Conflict(
            f"{version.name} has this statement already", code="statement_exists", details={"digest": digest}
        )
    made = StoredStatement(
        id=tx.new_id("stm"),
        model=version.model,
        number=version.number,
        predicate_type=claim.predicate_type,
        predicate=claim.predicate,
        signer=signer,
        signer_name=store.all_keys(tx)[signer].name,
        added_at=tx.now,
        added_by=caller.name,
        envelope=envelope,
        digest=digest,
    )
    store.insert_statement(tx, made, dsse.encode(envelope))
    log.record(
        tx,
        Event.STATEMENT_ADDED,
        actor=caller.name,
        subject=f"model/{version.name}",
        data={"statement": made.id, "predicate_type": made.predicate_type, "digest": digest, "signer": signer},
    )
    return made


def _read(row: Any, version: Version, key: TrustedKey) -> StoredStatement:
    """Return a stored statement, its predicate taken from what was signed."""
    try:
        envelope = dsse.parse(row.envelope)
        claim = statement.decode(dsse.verify(envelope, {row.signer: keys.parse_public(key.pem)}).payload)
        _require_about(claim, version)
        if claim.predicate_type != row.predicate_type:
            raise VerificationFailed("it is filed under another predicate type", code="statement_corrupt")
    except ClearanceError as error:
        raise VerificationFailed(
            f"the stored statement {row.id} about {version.name} was changed: {error.message}",
            code="statement_corrupt",
            hint="`clearance audit verify` shows whether the log is whole; restore the database from a backup",
        ) from error
    return StoredStatement(
        id=row.id,
        model=row.model,
        number=row.number,
        predicate_type=claim.predicate_type,
        predicate=claim.predicate,
        signer=row.signer,
        signer_name=key.name,
        added_at=row.added_at,
        added_by=row.added_by,
        envelope=envelope,
        digest=dsse.digest(envelope),
        revoked_at=key.revoked_at,
    )
