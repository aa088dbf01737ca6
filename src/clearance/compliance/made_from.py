"""As of when a version was made from a dataset: what changed before is in its data already."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from clearance.errors import ClearanceError
from clearance.registry import service as registry
from clearance.registry.flows import store
from clearance.registry.flows.model import Link, Name, split_version
from clearance.registry.model import Version
from clearance.storage.database import Transaction

_DEEPEST = 50


def as_of(
    tx: Transaction, version: Version, used: Name, path: tuple[str, ...], links: Iterable[Link], runs: Iterable[str]
) -> datetime:
    """Return the earliest time as of which a version was made from a dataset.

    It is when the dataset's version was first told of that the model version names, or that a run which made it read; of a run
    that does not say which, when it read. Along a path it is the same of what was read there to write that. Where nobody tells
    any of this, it is when the version, or the data that it names by their digest, were registered.

    Args:
        tx: transaction to read in.
        version: the model version.
        used: the dataset that it uses.
        path: keys of the datasets that lead to that one, which is the last.
        links: what the used dataset is linked to.
        runs: which runs that read it made the version.
    """
    path = path[-_DEEPEST:]

    @cache
    def told_at(place: int, label: str) -> datetime | None:
        seen = store.select_uses(tx, dataset=path[place], version=label)
        times = [use.at for use in seen]
        if place:
            times += [at for use in seen if use.output and use.run and (at := read_at(place - 1, use.run)) is not None]
        return min(times, default=None)

    @cache
    def read_at(place: int, run: str) -> datetime | None:
        seen = store.select_uses(tx, run=run, dataset=path[place], output=False)
        return min((use.version and told_at(place, use.version)) or use.at for use in seen) if seen else None

    last = len(path) - 1
    told = [told_at(last, label) for label in _labels(version, used, links)]
    read = [read_at(last, run) for run in runs]
    return min((at for at in (*told, *read) if at is not None), default=_registered_at(tx, version))


def _labels(version: Version, used: Name, links: Iterable[Link]) -> frozenset[str]:
    """Return the versions of a dataset that a model version names, itself or by a digest that is linked to them."""
    split = [split_version(use.name) for use in version.provenance.datasets if use.name != used.text]
    named = {label for name, label in split if name == used.text}
    digests = {use.digest for use in version.provenance.datasets}
    return frozenset(filter(None, named | {link.version for link in links if link.target in digests}))


def _registered_at(tx: Transaction, version: Version) -> datetime:
    found = [version.created_at]
    for use in version.provenance.datasets:
        try:
            found.append(registry.get_dataset(tx, use.digest).created_at)
        except ClearanceError:  # named, but not registered
            continue
    return min(found)
