"""The use cases of evidence: add and read statements, sign artifacts, and verify that they are signed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import ClearanceError, Conflict, InvalidInput, VerificationFailed
from clearance.evidence import dsse, keys, oms, predicates, signing, slsa, statement, store, trust
from clearance.evidence.dsse import Envelope
from clearance.evidence.keyring import Keyring
from clearance.evidence.model import ArtifactSignature, StoredStatement, TrustedKey
from clearance.evidence.predicates import Purpose
from clearance.evidence.statement import Statement
from clearance.registry import service as registry
from clearance.registry.model import Version
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction
from clearance.values import sha256


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
    version = registry.get_version(tx, model, int(number))
    _require_about(claim, version)
    return _keep(tx, caller, version, claim, envelope, signer.key_id)


def attest_provenance(tx: Transaction, caller: Principal, keyring: Keyring, model: str, number: int) -> StoredStatement:
    """Sign what was registered about how a version was made, as SLSA provenance."""
    version = registry.get_version(tx, model, number)
    claim = statement.about(model, number, version.digest, predicates.PROVENANCE, slsa.provenance(version))
    return sign_and_add(tx, caller, keyring, claim)


def statements(
    tx: Transaction, model: str, number: int, predicate_type: str | None = None, *, revoked: bool = False
) -> tuple[StoredStatement, ...]:
    """Return a version's statements, oldest first, each verified as it is read; those by revoked keys only if asked for.

    Raises:
        NotFound: no such version.
        VerificationFailed: a stored statement was changed (code `statement_corrupt`).
    """
    version = registry.get_version(tx, model, number)
    known = store.all_keys(tx)
    rows = store.select_statements(tx, model, number, predicate_type)
    found = [_read(row, version, known[row.signer]) for row in rows]
    return tuple(each for each in found if revoked or each.revoked_at is None)


def make_signature(tx: Transaction, keyring: Keyring, blobs: BlobStore, scratch: Path, model: str, number: int) -> str:
    """Return a bundle over a version's files, signed with the own key; nothing is kept. Reads every byte: slow on large models.

    Raises:
        NotFound: no such version.
        VerificationFailed: a stored file was changed.
    """
    version = registry.get_version(tx, model, number)
    return signing.sign_files(keyring, blobs, scratch, version.files, model)


def add_artifact_signature(
    tx: Transaction, caller: Principal, bundle: str, *, model: str, number: int
) -> ArtifactSignature:
    """Keep an OpenSSF Model Signing bundle over a version's files, made here or anywhere.

    Raises:
        NotFound: no such version.
        InvalidInput: not a bundle.
        VerificationFailed: no key trusted for artifacts signed it, or it covers other files; the message names the first.
        Conflict: that key's signature is there already.
    """
    version = registry.get_version(tx, model, number)
    signer = oms.verify(bundle, trust.standing_keys(tx, Purpose.ARTIFACT), _files(version))
    tx.lock("evidence signatures")
    if any(row.signer == signer for row in store.select_signatures(tx, model, number)):
        raise Conflict(f"{version.name} is signed by this key already", code="artifact_signed")
    made = ArtifactSignature(
        id=tx.new_id("sig"),
        model=model,
        number=number,
        signer=signer,
        signer_name=store.all_keys(tx)[signer].name,
        bundle=bundle,
        digest=sha256(bundle.encode()),
        added_at=tx.now,
        added_by=caller.name,
    )
    store.insert_signature(tx, made)
    log.record(
        tx,
        Event.ARTIFACT_SIGNED,
        actor=caller.name,
        subject=f"model/{version.name}",
        data={"signature": made.id, "digest": made.digest, "artifact": version.digest, "signer": signer},
    )
    return made


def add_own_signature(
    tx: Transaction, caller: Principal, keyring: Keyring, bundle: str, *, model: str, number: int
) -> ArtifactSignature:
    """Keep a bundle that `make_signature` made, and sign what is known about how the version was made.

    Raises:
        Conflict: the own key is revoked, or its signature is there already.
    """
    trust.own_key(tx, keyring)
    made = add_artifact_signature(tx, caller, bundle, model=model, number=number)
    attest_provenance(tx, caller, keyring, model, number)
    return made


def sign_artifact(
    tx: Transaction, caller: Principal, keyring: Keyring, blobs: BlobStore, scratch: Path, model: str, number: int
) -> ArtifactSignature:
    """Sign a version's files and its provenance with the own key, and keep both, in one transaction.

    A server makes the bundle in a transaction of its own that only reads: see `make_signature` and `add_own_signature`.
    """
    bundle = make_signature(tx, keyring, blobs, scratch, model, number)
    return add_own_signature(tx, caller, keyring, bundle, model=model, number=number)


def artifact_signature(tx: Transaction, model: str, number: int) -> ArtifactSignature | None:
    """Return the newest signature over a version's files by a key that is still trusted for artifacts, None without one.

    It is checked on digests: whoever loads the files compares those with the version's manifest.

    Raises:
        NotFound: no such version.
        VerificationFailed: the stored signature does not cover these files.
    """
    version = registry.get_version(tx, model, number)
    trusted = trust.standing_keys(tx, Purpose.ARTIFACT)
    standing = [row for row in store.select_signatures(tx, model, number) if row.signer in trusted]
    if not standing:
        return None
    row = standing[-1]
    oms.verify(row.bundle, {row.signer: trusted[row.signer]}, _files(version))
    return ArtifactSignature(**row._asdict(), signer_name=store.all_keys(tx)[row.signer].name)


def verify_artifact_signature(tx: Transaction, model: str, number: int) -> ArtifactSignature:
    """Return what `artifact_signature` does, and insist that there is one.

    Raises:
        NotFound: no such version.
        VerificationFailed: there is none (code `artifact_unsigned`), or it does not cover these files.
    """
    found = artifact_signature(tx, model, number)
    if found is None:
        raise VerificationFailed(
            f"{model}/{number} has no signature by a trusted key",
            code="artifact_unsigned",
            hint=f"`clearance evidence sign {model} {number}` signs it",
        )
    return found


def _files(version: Version) -> Mapping[str, str]:
    return {file.path: file.sha256 for file in version.files}


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
