"""Use cases of versions: register the next one, list them, stop them, tell their lineage."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, InvalidInput
from clearance.registry import lineage as graph
from clearance.registry import model as values
from clearance.registry import rules, store, summaries
from clearance.registry.artifacts import claims
from clearance.registry.completeness import Completeness
from clearance.registry.contract import ModelContract, check_contract
from clearance.registry.lookup import get_model, get_version
from clearance.registry.model import Lifecycle, Lineage, Manifest, NewVersion, Version, VersionStatus
from clearance.registry.source import Source, SourceKind
from clearance.registry.stopped import STATUS_EVENTS, check_new, check_usable
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction
from clearance.values import Page, digest_of, position_of

_NAMED_IN_MESSAGE = 3


def register_version(
    tx: Transaction, caller: Principal, blobs: BlobStore, model: str, new: NewVersion, *, again: bool = False
) -> Version:
    """Register the next version of a model; the bytes of its files, if it has any here, are in the store already.

    With `again`, bytes that are a version of the model already may become another one.

    Raises:
        NotFound: no such model.
        InvalidInput: files, source, contract or provenance that can't be meant; a parent that does not exist; a size that is
            not that of the stored bytes.
        Conflict: bytes are missing (`blobs_missing`, all named in the details); the model has this digest already
            (`version_exists`), and not only in versions that were deleted; the model is retired, or a prompt (`model_is_prompt`).
    """
    found = get_model(tx, model, lock=True)
    if found.lifecycle == Lifecycle.RETIRED:
        raise Conflict(
            f"{model} was retired: {found.lifecycle_reason}", code="model_retired", hint="create a new model"
        )
    if new.source.kind is not SourceKind.REFERENCE:
        rules.check_has_bytes(found)
    rules.check_source(new.source, new.files)
    if new.source.kind is SourceKind.FILES:
        rules.check_files(new.files)
    rules.check_provenance(new.provenance)
    if new.contract is not None:
        check_contract(new.contract)
    _check_parents(tx, new.provenance)
    _check_stored(tx, blobs, new.files)
    manifest = Manifest(files=tuple(sorted(new.files, key=lambda file: file.path)))
    digest = _identity(new.source, manifest)
    if digest and not again:
        check_new(store.versions_with(tx, digest, model))
    made = Version(
        model=model,
        number=store.last_number(tx, model) + 1,
        digest=digest,
        size=manifest.size,
        files=manifest.files,
        source=new.source,
        contract=new.contract,
        provenance=new.provenance,
        created_at=tx.now,
        created_by=caller.name,
        status=VersionStatus.REGISTERED,
        status_reason="",
    )
    store.insert_version(tx, made)
    summaries.refresh(tx, model)
    code = made.provenance.code
    facts = {
        "digest": made.digest,
        "size": made.size,
        "files": len(made.files),
        "source": made.source,
        "contract": digest_of(made.contract),
        "provenance": digest_of(made.provenance),
        "dirty": code is not None and code.dirty,
    }
    log.record(tx, Event.VERSION_REGISTERED, actor=caller.name, subject=f"model/{made.name}", data=facts)
    return made


def pin_version(
    tx: Transaction, caller: Principal, blobs: BlobStore, model: str, number: int, files: tuple[values.File, ...]
) -> Version:
    """Give a version that only referred to its bytes the files that they are, once; from then on it has a digest.

    Raises:
        NotFound: no such model or version.
        InvalidInput: files that are none.
        Conflict: it has a digest already (`version_pinned`), may not be used (`bad_status`), bytes are missing, or the
            model is a prompt (`model_is_prompt`).
    """
    found = get_model(tx, model, lock=True)
    rules.check_has_bytes(found)
    present = get_version(tx, model, number)
    if present.digest:
        raise Conflict(
            f"{present.name} is {present.digest}; a version never changes",
            code="version_pinned",
            hint=f"register other bytes as a new version: `clearance versions register {model} FOLDER`",
        )
    check_usable(found, present)
    rules.check_files(files)
    _check_stored(tx, blobs, files)
    manifest = Manifest(files=tuple(sorted(files, key=lambda file: file.path)))
    made = replace(present, files=manifest.files, size=manifest.size, digest=manifest.digest)
    store.set_files(tx, made)
    facts = {"digest": made.digest, "size": made.size, "files": len(made.files), "source": made.source}
    log.record(tx, Event.VERSION_PINNED, actor=caller.name, subject=f"model/{made.name}", data=facts)
    return made


def list_versions(tx: Transaction, model: str, *, cursor: str | None = None, limit: int = 100) -> Page[Version]:
    """Return a page of a model's versions, newest first.

    Raises:
        NotFound: no such model.
    """
    get_model(tx, model)
    found = store.list_versions(tx, model, before=position_of(cursor), limit=limit + 1)
    return Page(items=tuple(found[:limit]), next=str(found[limit - 1].number) if len(found) > limit else None)


def contract_of(tx: Transaction, model: str, number: int | None = None) -> ModelContract | None:
    """Return the contract of a version, or, if it has none or none is named, that of the newest version that has one.

    Raises:
        NotFound: no such model or version.
    """
    get_model(tx, model)
    own = None if number is None else get_version(tx, model, number).contract
    if own is not None:
        return own
    newest = store.newest_contract(tx, model)
    return None if newest is None else newest.contract


def black_box_since(tx: Transaction, model: str) -> datetime | None:
    """Return when the first version of a model came that is an endpoint or an image: from then on its story is to be filled."""
    return store.first_without_files(tx, model)


def versions_with_digest(tx: Transaction, digest: str) -> tuple[Version, ...]:
    """Return the versions, of any model, that are these bytes."""
    return tuple(store.versions_with(tx, digest))


def quarantine_version(tx: Transaction, caller: Principal, model: str, number: int, reason: str) -> Version:
    """Stop a version from being used until it is released. Errors as `retire_version`."""
    return _move(tx, caller, model, number, VersionStatus.QUARANTINED, reason)


def release_version(tx: Transaction, caller: Principal, model: str, number: int, reason: str) -> Version:
    """Let a quarantined version be used again. Errors as `retire_version`."""
    return _move(tx, caller, model, number, VersionStatus.REGISTERED, reason)


def retire_version(tx: Transaction, caller: Principal, model: str, number: int, reason: str) -> Version:
    """Stop a version from being used, for good.

    Raises:
        NotFound: no such model or version.
        InvalidInput: no reason (`no_reason`).
        Conflict: its status does not allow it (`bad_status`).
    """
    return _move(tx, caller, model, number, VersionStatus.RETIRED, reason)


def delete_version(tx: Transaction, caller: Principal, model: str, number: int, reason: str) -> Version:
    """Leave a tombstone: the version is as if retired, and left out where people choose. Errors as `retire_version`."""
    return _move(tx, caller, model, number, VersionStatus.DELETED, reason)


def set_status(tx: Transaction, caller: Principal, present: Version, wanted: VersionStatus, reason: str) -> Version:
    """Write a status that is allowed, with its leaf; `quarantine_version` and its sisters decide whether it is."""
    made = replace(present, status=wanted, status_reason=reason)
    store.set_status(tx, made)
    summaries.refresh(tx, made.model)
    facts = {"digest": made.digest, "reason": reason}
    log.record(tx, STATUS_EVENTS[wanted], actor=caller.name, subject=f"model/{made.name}", data=facts)
    return made


def lineage(tx: Transaction, model: str, number: int) -> Lineage:
    """Return what a version was made from and what was made from it.

    Raises:
        NotFound: no such model or version.
    """
    return graph.trace(
        get_version(tx, model, number),
        version=lambda name: get_version(tx, *name),
        children=lambda name: store.children(tx, f"{name[0]}/{name[1]}"),
        dataset=lambda digest: store.find_dataset(tx, digest),
        parse=rules.parse_version_name,
    )


def completeness(tx: Transaction, model: str, number: int) -> Completeness:
    """Return how complete a version's provenance is, and what is missing.

    Raises:
        NotFound: no such model or version.
    """
    return summaries.completeness_of(tx, get_version(tx, model, number))


def _move(tx: Transaction, caller: Principal, model: str, number: int, wanted: VersionStatus, reason: str) -> Version:
    get_model(tx, model, lock=True)  # one change of a model's versions at a time
    present = get_version(tx, model, number)
    rules.check_status(present.name, present.status, wanted, reason)
    return set_status(tx, caller, present, wanted, reason)


def _identity(source: Source, manifest: Manifest) -> str:
    if source.kind is SourceKind.FILES:
        return manifest.digest
    if source.kind is SourceKind.IMAGE:
        return rules.image_digest(source.uri) or ""
    return digest_of(source) if source.kind is SourceKind.ENDPOINT else ""


def _check_parents(tx: Transaction, provenance: values.Provenance) -> None:
    for parent in provenance.parents:
        if store.find_version(tx, *rules.parse_version_name(parent)) is None:
            raise InvalidInput(
                f"the parent {parent} does not exist",
                code="parent_not_found",
                hint="register parents before what is made from them",
            )


def _check_stored(tx: Transaction, blobs: BlobStore, files: tuple[values.File, ...]) -> None:
    stored = claims.hold(tx, blobs, (file.sha256 for file in files))
    missing = [file for file in files if file.sha256 not in stored]
    if missing:
        named = ", ".join(file.path for file in missing[:_NAMED_IN_MESSAGE])
        more = len(missing) - _NAMED_IN_MESSAGE
        raise Conflict(
            f"the bytes of {named}{f' and {more} more' if more > 0 else ''} are not in the store",
            code="blobs_missing",
            hint="upload them with PUT /api/v1/blobs/DIGEST, then register again",
            details={"missing": [{"path": file.path, "sha256": file.sha256} for file in missing]},
        )
    for file in files:
        if (size := stored[file.sha256].size) != file.size:
            raise InvalidInput(f"{file.path} has {size} bytes in the store, not {file.size}", code="bad_size")
