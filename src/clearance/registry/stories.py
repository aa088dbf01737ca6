"""Use cases of filling in: a contract or provenance that a version was registered without, each once and in the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, InvalidInput
from clearance.registry import dataset_file, datasets, rules, store, summaries
from clearance.registry.capture import Inferred
from clearance.registry.captured import Capture
from clearance.registry.contract import ModelContract, check_contract
from clearance.registry.lookup import get_model, get_version
from clearance.registry.model import DatasetRole, DatasetUse, Provenance, Version
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Database, Transaction
from clearance.values import digest_of

_ONE = ("code", "trainer")
_MAPS = ("parameters", "environment", "metrics")


def set_contract(tx: Transaction, caller: Principal, model: str, number: int, contract: ModelContract) -> Version:
    """Give a version that was registered without a contract one, once.

    Raises:
        NotFound: no such model or version.
        InvalidInput: a contract that can't be meant.
        Conflict: it has one already (`contract_set`), which never changes.
    """
    check_contract(contract)
    get_model(tx, model, lock=True)
    present = get_version(tx, model, number)
    if present.contract is not None:
        raise Conflict(
            f"{present.name} has a contract, and that never changes",
            code="contract_set",
            hint=f"register a new version with another: `clearance versions register {model} …`",
        )
    made = replace(present, contract=contract)
    store.set_story(tx, made)
    summaries.refresh(tx, model)
    facts = {"contract": digest_of(contract), "inputs": len(contract.inputs), "outputs": len(contract.outputs)}
    log.record(tx, Event.CONTRACT_SET, actor=caller.name, subject=f"model/{made.name}", data=facts)
    return made


def fill_provenance(tx: Transaction, caller: Principal, model: str, number: int, more: Provenance) -> Version:
    """Add to a version's provenance what it does not say yet; what it says stays.

    Raises:
        NotFound: no such model or version.
        InvalidInput: provenance that can't be meant, or parents, which are only named when a version is registered.
        Conflict: it says something else already (`provenance_set`, naming what).
    """
    rules.check_provenance(more)
    if more.parents:
        raise InvalidInput("parents are named when a version is registered", code="bad_provenance")
    get_model(tx, model, lock=True)
    present = get_version(tx, model, number)
    filled = dict(_additions(present, more))
    if not filled:
        return present
    made = replace(present, provenance=replace(present.provenance, **filled))
    store.set_story(tx, made)
    summaries.refresh(tx, model)
    facts = {"filled": sorted(filled), "provenance": digest_of(made.provenance)}
    log.record(tx, Event.PROVENANCE_FILLED, actor=caller.name, subject=f"model/{made.name}", data=facts)
    return made


def accept_capture(
    database: Database, caller: Principal, blobs: BlobStore, model: str, number: int, inferred: Inferred
) -> Capture:
    """Store what was inferred from captured records: the baseline as a reference dataset, and the contract, if it has none.

    Raises:
        NotFound: no such model or version.
        Conflict: the version has a reference dataset already (`captured_already`).
    """
    digest, _ = blobs.put([inferred.parquet])
    contents = dataset_file.inspect(blobs, digest)
    with database.write() as tx:
        get_model(tx, model, lock=True)
        present = get_version(tx, model, number)
        if any(use.role is DatasetRole.REFERENCE for use in present.provenance.datasets):
            raise Conflict(
                f"{present.name} has a reference dataset already",
                code="captured_already",
                hint=f"`clearance versions show {model} {number}` names it",
            )
        dataset = store.find_dataset(tx, digest) or datasets.register_dataset(
            tx, caller, contents, name=f"{present.name} captured"
        )
        use = DatasetUse(role=DatasetRole.REFERENCE, digest=digest, name=dataset.name)
        made = fill_provenance(tx, caller, model, number, Provenance(datasets=(use,)))
        contract = made.contract
        if contract is None:
            contract = inferred.contract
            set_contract(tx, caller, model, number, contract)
    return Capture(model=model, number=number, rows=inferred.rows, contract=contract, dataset=digest, accepted=True)


def _additions(version: Version, more: Provenance) -> Iterator[tuple[str, Any]]:
    """Yield each field of the provenance that grows, with what it becomes."""
    present = version.provenance
    for name in _ONE:
        old, new = getattr(present, name), getattr(more, name)
        if old and new and old != new:
            raise _said(version, name)
        if new and not old:
            yield name, new
    for name in _MAPS:
        known: Mapping[str, Any] = getattr(present, name)
        wanted: Mapping[str, Any] = getattr(more, name)
        for key, text in wanted.items():
            if key in known and known[key] != text:
                raise _said(version, f"{name}.{key}")
        if wanted.keys() - known.keys():
            yield name, {**known, **wanted}
    named = {(use.role, use.digest) for use in present.datasets}
    if fresh := tuple(use for use in more.datasets if (use.role, use.digest) not in named):
        yield "datasets", (*present.datasets, *fresh)


def _said(version: Version, what: str) -> Conflict:
    return Conflict(
        f"{version.name} says something else of {what} already, and that never changes",
        code="provenance_set",
        hint="only what is missing can be filled in; register a new version for another story",
        details={"field": what},
    )
