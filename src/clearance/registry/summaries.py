"""Keep what the inventory is searched by: the words of a model, its newest version, and what is missing of that one's story."""

from __future__ import annotations

import sqlalchemy as sa

from clearance.registry import store
from clearance.registry.completeness import Completeness, completeness, completeness_of_black_box
from clearance.registry.model import Model, Version
from clearance.registry.source import WITHOUT_FILES
from clearance.registry.tables import summaries
from clearance.storage.database import Transaction


def begin(tx: Transaction, model: Model) -> None:
    """Summarise a model that was just taken in: it has no tags and no versions."""
    own: dict[str, object] = {
        "model": model.name,
        "words": words(model, {}),
        "newest": None,
        "missing": [],
        "incomplete": False,
    }
    tx.execute(sa.insert(summaries), own)


def refresh(tx: Transaction, model: str) -> None:
    """Summarise a model again, after it, a tag of it, or one of its versions changed."""
    found = store.find_model(tx, model)
    if found is None:
        return
    newest = store.newest_usable(tx, model)
    missing = () if newest is None else completeness_of(tx, newest).missing
    fields = {
        "words": words(found, store.select_tags(tx, model, 0)),
        "newest": None if newest is None else newest.number,
        "missing": list(missing),
        "incomplete": bool(missing),
    }
    if not tx.execute(sa.update(summaries).where(summaries.c.model == model).values(fields)).rowcount:
        tx.execute(sa.insert(summaries), {"model": model, **fields})


def refresh_users(tx: Transaction, dataset: str) -> None:
    """Summarise the models again whose newest version names a dataset, after it was registered."""
    for model in store.newest_that_name(tx, dataset):
        refresh(tx, model)


def words(model: Model, tags: dict[str, str]) -> str:
    """Return what a search of a model looks through: in lower case, so that large and small letters are one."""
    own = (model.name, model.title or "", model.purpose, model.description, model.owner, model.team)
    tagged = (f"{key} {text}" for key, text in tags.items())
    return " ".join(part for part in (*own, *tagged) if part).casefold()


def completeness_of(tx: Transaction, version: Version) -> Completeness:
    """Return how complete a version's story is, by what is registered now."""
    found = [store.find_dataset(tx, use.digest) for use in version.provenance.datasets]
    known = [dataset for dataset in found if dataset is not None]
    if version.source.kind in WITHOUT_FILES:
        return completeness_of_black_box(version, known)
    return completeness(version.provenance, known)
