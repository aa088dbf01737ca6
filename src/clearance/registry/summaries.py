"""Keep what the inventory is searched by: the words of a model, its newest version, and what is missing of that one's story."""

from __future__ import annotations

from collections.abc import Mapping

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


def reword(tx: Transaction, before: Model, after: Model) -> None:
    """Write the words of a model again after it changed, if they did: all its tags are among them."""
    if words(before, {}) != words(after, {}):
        _write(tx, after.name, {"words": words(after, store.select_tags(tx, after.name, 0))})


def retag(tx: Transaction, model: Model, key: str, before: str | None, after: str | None) -> None:
    """Put what a tag says among the words of a model in place of what it said; None where there is no tag."""
    own = summaries.c.model == model.name
    lines = str(tx.execute(sa.select(summaries.c.words).where(own)).scalar_one()) + "\n"
    gone = None if before is None else f"\n{_line(key, before)}\n"
    if gone is not None and gone not in lines:  # summarised by a release that did not write lines
        lines = words(model, store.select_tags(tx, model.name, 0))
    else:
        lines = lines if gone is None else lines.replace(gone, "\n", 1)
        lines += "" if after is None else _line(key, after)
    _write(tx, model.name, {"words": lines.rstrip("\n")})


def refresh(tx: Transaction, model: str) -> None:
    """Write again which version of a model is its newest, and what is missing of that, after one of them changed."""
    newest = store.newest_usable(tx, model)
    missing = () if newest is None else completeness_of(tx, newest).missing
    fields = {
        "newest": None if newest is None else newest.number,
        "missing": list(missing),
        "incomplete": bool(missing),
    }
    _write(tx, model, fields)


def refresh_users(tx: Transaction, dataset: str) -> None:
    """Summarise the models again whose newest version names a dataset, after it was registered."""
    for model in store.newest_that_name(tx, dataset):
        refresh(tx, model)


def words(model: Model, tags: dict[str, str]) -> str:
    """Return what a search of a model looks through: a line of its own, and one for each tag.

    In lower case, so that large and small letters are one; as no word that is searched for has a blank in it, all are one.
    """
    own = (model.name, model.title or "", model.purpose, model.description, model.owner, model.team)
    return "\n".join([_line(*own), *(_line(key, text) for key, text in tags.items())])


def _line(*parts: str) -> str:
    return " ".join(" ".join(parts).casefold().split())


def _write(tx: Transaction, model: str, fields: Mapping[str, object]) -> None:
    tx.execute(sa.update(summaries).where(summaries.c.model == model).values(fields))


def completeness_of(tx: Transaction, version: Version) -> Completeness:
    """Return how complete a version's story is, by what is registered now."""
    found = [store.find_dataset(tx, use.digest) for use in version.provenance.datasets]
    known = [dataset for dataset in found if dataset is not None]
    if version.source.kind in WITHOUT_FILES:
        return completeness_of_black_box(version, known)
    return completeness(version.provenance, known)
