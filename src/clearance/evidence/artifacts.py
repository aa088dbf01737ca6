"""Artifact signatures: make them, keep them, insist on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, VerificationFailed
from clearance.evidence import oms, signing, statements, store, trust
from clearance.evidence.keyring import Keyring
from clearance.evidence.model import ArtifactSignature
from clearance.evidence.predicates import Purpose
from clearance.registry import service as registry
from clearance.registry.model import Version
from clearance.registry.rules import check_held
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction
from clearance.values import sha256


def make_signature(tx: Transaction, keyring: Keyring, blobs: BlobStore, scratch: Path, model: str, number: int) -> str:
    """Return a bundle over a version's files, signed with the own key; nothing is kept. Reads every byte: slow on large models.

    Raises:
        NotFound: no such version.
        Denied: it has no files here, so there is nothing to sign (`no_files`).
        VerificationFailed: a stored file was changed.
    """
    version = registry.get_version(tx, model, number)
    check_held(version, hint="sign what is known of it as statements instead: `clearance evidence add`")
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
    statements.attest_provenance(tx, caller, keyring, model, number)
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
