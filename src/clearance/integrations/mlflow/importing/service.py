"""Use cases of taking over: one model, or one version with the number it has; sent again, nothing happens.

The numbers that an origin gave to versions and then deleted become tombstones here, so that every version keeps its number
and the numbers stay without holes. What an alias or stage would let serve is not moved by an import: it is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from urllib.parse import quote

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import service as delivery
from clearance.delivery.aliases import Guards, guards_of
from clearance.delivery.ports import Gate
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.integrations.mlflow import store as noted
from clearance.integrations.mlflow.importing import store
from clearance.integrations.mlflow.importing.model import (
    ALIASES_TAG,
    BORN_TAG,
    FROM_TAG,
    STAGE_TAG,
    Came,
    Imported,
    OriginalModel,
    OriginalVersion,
    differences,
)
from clearance.integrations.mlflow.model import Stage, kind_of, parse_stage
from clearance.integrations.mlflow.models import free_identity
from clearance.registry import service as registry
from clearance.registry.addresses import without_secret
from clearance.registry.model import NewModel, NewVersion, Provenance
from clearance.registry.rules import LARGEST_NUMBER, LONGEST_DESCRIPTION, check_text
from clearance.registry.source import Source, SourceKind
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction
from clearance.values import timestamp

_WIDEST_GAP = 5000  # numbers that one request fills: some seconds


def import_model(tx: Transaction, caller: Principal, original: OriginalModel) -> Imported:
    """Take over a model, under the name that it has; its identity is made of that.

    Raises:
        InvalidInput: a name, text or tag that can't be one here.
        Conflict: another model is called so (`title_taken`), or one that was made anew since came under this name
            (`import_differs`).
    """
    check_text("the origin", original.origin, least=1, most=255)
    tx.lock("mlflow imports")
    if (known := store.find(tx, original.origin, original.name, 0)) is not None:
        _check_same(known, original)
        return Imported(model=known.model, number=None, made=False)
    new = NewModel(
        name=free_identity(tx, original.name),
        title=original.name,
        owner=original.owner or caller.name,
        description=original.description[:LONGEST_DESCRIPTION],
        kind=kind_of(original.tags),
    )
    made = registry.create_model(tx, caller, new).name
    for key, text in original.tags.items():
        registry.set_tag(tx, caller, made, None, key, text)
    registry.set_tag(tx, caller, made, None, FROM_TAG, original.origin)
    store.insert(tx, original.origin, original.name, 0, made, asdict(original))
    facts = {
        "from": original.origin,
        "name": original.name,
        "created_at": timestamp(original.created_at),
        "updated_at": timestamp(original.updated_at),
    }
    log.record(tx, Event.MODEL_IMPORTED, actor=caller.name, subject=f"model/{made}", data=facts)
    return Imported(model=made, number=None, made=True, left=tuple(_description_left(original.description)))


def import_version(
    tx: Transaction, caller: Principal, blobs: BlobStore, gate: Gate, guards: Guards, original: OriginalVersion
) -> Imported:
    """Take over a version of a model that was taken over, with its number; its bytes are pinned afterwards.

    Raises:
        NotFound: its model was not taken over from there (`import_not_found`).
        InvalidInput: a number, text or tag that can't be one here.
        Conflict: the number was given here to another version since (`number_taken`), at the origin to another than came
            (`import_differs`), or the model is retired.
    """
    original = replace(original, source=without_secret(original.source))
    tx.lock("mlflow imports")
    parent = store.find(tx, original.origin, original.name, 0)
    if parent is None:
        raise NotFound(
            f"the model {original.name[:255]!r} was not imported from {original.origin[:255]}",
            code="import_not_found",
            hint="import the model first, then its versions",
        )
    model = parent.model
    came = store.find(tx, original.origin, original.name, original.number) if original.number > 0 else None
    if came is not None:
        _check_same(came, original)
        return Imported(model=model, number=original.number, made=False)
    guards = guards_of(guards, registry.get_model(tx, model, lock=True))
    _fill_gap(tx, caller, blobs, model, original)
    address = original.source or _address(original, original.number)
    new = NewVersion(
        source=Source(kind=SourceKind.REFERENCE, uri=address), provenance=Provenance(trainer=original.by[:255])
    )
    registry.register_version(tx, caller, blobs, model, new)
    stage = parse_stage(original.stage or Stage.NONE.value)
    _note(tx, model, original, Stage.NONE if stage.environment else stage)
    left = (*_stage_left(stage), *_set_aliases(tx, caller, gate, guards, model, original))
    for key, text in {**original.tags, **_tags(original, stage, guards)}.items():
        registry.set_tag(tx, caller, model, original.number, key, text)
    store.insert(tx, original.origin, original.name, original.number, model, asdict(original))
    facts = {
        "from": original.origin,
        "name": original.name,
        "created_at": timestamp(original.created_at),
        "updated_at": timestamp(original.updated_at),
        "by": original.by,
        "run_id": original.run_id,
        "stage": stage,
        "aliases": original.aliases,
        "left": left,
    }
    subject = f"model/{model}/{original.number}"
    log.record(tx, Event.VERSION_IMPORTED, actor=caller.name, subject=subject, data=facts)
    return Imported(model=model, number=original.number, made=True, left=left)


def _check_same(came: Came, original: OriginalModel | OriginalVersion) -> None:
    """Refuse what has the name of something that came before and is not that: it was deleted there, or renamed, and made anew."""
    if differing := differences(came, original):
        raise Conflict(
            f"could not come: it is another one than came on {came.at:%Y-%m-%d}: it is {'; '.join(differing)}",
            code="import_differs",
            hint="what came stays as it is; rename this one at its origin, or register it here under a name of its own",
        )


def _fill_gap(tx: Transaction, caller: Principal, blobs: BlobStore, model: str, original: OriginalVersion) -> None:
    """Leave tombstones for the numbers before this one that the origin has no more."""
    newest = registry.list_versions(tx, model, limit=1).items
    last = newest[0].number if newest else 0
    if not 0 < original.number <= min(LARGEST_NUMBER, last + 1 + _WIDEST_GAP):
        raise InvalidInput(
            f"version {original.number} can't follow version {last}",
            code="bad_number",
            hint=f"numbers count from 1, and at most {_WIDEST_GAP} may be missing between two",
        )
    if original.number <= last:
        raise Conflict(
            f"{model}/{original.number} was registered here otherwise",
            code="number_taken",
            hint="import before new versions are registered here; this one can be registered under a number of its own",
        )
    for number in range(last + 1, original.number):
        source = Source(kind=SourceKind.REFERENCE, uri=_address(original, number))
        registry.register_version(tx, caller, blobs, model, NewVersion(source=source))
        registry.delete_version(tx, caller, model, number, f"deleted at {original.origin} before it was imported")


def _note(tx: Transaction, model: str, original: OriginalVersion, stage: Stage) -> None:
    said = {
        "source": original.source,
        "run_id": original.run_id,
        "run_link": original.run_link,
        "model_id": original.model_id,
        "description": original.description,
        "stage": stage.value,
    }
    noted.insert_note(tx, {"model": model, "number": original.number, **said})


def _description_left(description: str) -> Iterator[str]:
    if len(description) > LONGEST_DESCRIPTION:
        yield (
            f"its description has {len(description)} characters there: the first {LONGEST_DESCRIPTION} came, "
            "for one has no more here"
        )


def _stage_left(stage: Stage) -> Iterator[str]:
    if stage.environment is not None:
        yield f"it was {stage} there: `clearance promote` decides whether it may serve in {stage.environment} here"


def _set_aliases(
    tx: Transaction, caller: Principal, gate: Gate, guards: Guards, model: str, original: OriginalVersion
) -> Iterator[str]:
    """Give a version the aliases that nothing guards; yield why it did not get the others."""
    for alias in original.aliases:
        if alias in guards:
            yield f"it was {alias} there: `clearance promote` decides whether it may serve in {guards[alias]} here"
            continue
        try:
            delivery.set_alias(tx, caller, gate, guards, model, alias, original.number)
        except InvalidInput as error:
            yield f"its alias {alias!r} can't be one here: {error.message}"


def _tags(original: OriginalVersion, stage: Stage, guards: Guards) -> dict[str, str]:
    found = {FROM_TAG: original.origin, BORN_TAG: timestamp(original.created_at)}
    if stage.environment is not None:
        found[STAGE_TAG] = stage.value
    if guarded := [alias for alias in original.aliases if alias in guards]:
        found[ALIASES_TAG] = ", ".join(guarded)
    return found


def _address(original: OriginalVersion, number: int) -> str:
    """Return where people find a version at its origin."""
    return f"{original.origin}/#/models/{quote(original.name, safe='')}/versions/{number}"
