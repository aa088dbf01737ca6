"""Use case: how complete the stories of versions are, lineage included, over the whole inventory (M9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from clearance.compliance.findings import Stories, Story
from clearance.compliance.lineage import runs_of
from clearance.compliance.serving import everywhere
from clearance.registry import service as registry
from clearance.registry import store as registered
from clearance.registry.flows import store
from clearance.registry.flows.model import split_version
from clearance.registry.model import DatasetUse, Version, VersionStatus
from clearance.registry.source import WITHOUT_FILES
from clearance.registry.summaries import completeness_of
from clearance.storage.database import Transaction

_MOST = 1000
_OVER = frozenset({VersionStatus.RETIRED, VersionStatus.DELETED})
_OWN_FACTS, _LINEAGE_FACTS = 8, 2
"""How many facts `registry.completeness` weighs, and how many the lineage adds."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What pipelines told of, read once for all versions."""

    targets: frozenset[str]
    texts: frozenset[str]

    def traces(self, use: DatasetUse) -> bool:
        """Return whether a pipeline told of a dataset: under its name, or as something linked to its bytes."""
        texts = (use.name, split_version(use.name)[0]) if use.name else ()
        return use.digest in self.targets or any(store.text_key(text) in self.texts for text in texts)


def _story(tx: Transaction, told: _Told, version: Version, environments: tuple[str, ...]) -> Story:
    """Return what is missing of a version's story: what its provenance lacks, the run that made it, where its data came from.

    Of an endpoint or image that somebody else made, no run is asked for.
    """
    own = completeness_of(tx, version)
    lacking = [] if version.source.kind in WITHOUT_FILES else _lacking_lineage(tx, told, version)
    known = _OWN_FACTS * own.fraction + _LINEAGE_FACTS - len(lacking)
    return Story(
        model=version.model,
        number=version.number,
        fraction=round(known / (_OWN_FACTS + _LINEAGE_FACTS), 4),
        missing=(*own.missing, *lacking),
        flags=own.flags,
        environments=environments,
    )


def _lacking_lineage(tx: Transaction, told: _Told, version: Version) -> list[str]:
    known = version.name in told.targets or bool(runs_of(tx, version))
    lacking = [] if known else ["the run that made it"]
    uses = version.provenance.datasets
    unknown = [use.name or use.digest[:19] for use in uses if not told.traces(use)]
    if not uses or unknown:
        lacking.append("where its data come from" + (f": {', '.join(unknown[:5])}" if unknown else ""))
    return lacking


def stories(tx: Transaction, *, model: str | None = None, serving: bool = False) -> Stories:
    """Return how complete the stories are of the versions in use; about a millisecond for each.

    Args:
        model: only its versions.
        serving: only those that serve somewhere.

    Raises:
        NotFound: no such model.
    """
    serves: dict[tuple[str, int], list[str]] = {}
    for pointer in everywhere(tx):
        for number in pointer.serves:
            serves.setdefault((pointer.model, number), []).append(pointer.environment)
    registry.check_named(tx, model)
    named = [name for name in serves if model in {None, name[0]}] if serving else None
    versions = _all_versions(tx, model) if named is None else (registry.get_version(tx, *name) for name in named)
    told = _Told(targets=store.linked_targets(tx), texts=store.known_texts(tx))
    found = [
        _story(tx, told, version, tuple(serves.get((version.model, version.number), ())))
        for version in versions
        if version.status not in _OVER
    ]
    complete = [each for each in found if each.complete]
    incomplete = sorted(
        (each for each in found if not each.complete),
        key=lambda each: (not each.environments, each.fraction, each.model, each.number),
    )
    lacking = Counter(fact.partition(":")[0] for each in incomplete for fact in each.missing)
    return Stories(
        as_of=tx.now,
        total=len(found),
        complete=len(complete),
        share=len(complete) / len(found) if found else None,
        serving_total=sum(bool(each.environments) for each in found),
        serving_complete=sum(bool(each.environments) for each in complete),
        missing=dict(lacking.most_common()),
        incomplete=tuple(incomplete[:_MOST]),
    )


def _all_versions(tx: Transaction, model: str | None) -> Iterator[Version]:
    for name in [model] if model is not None else list(_models(tx)):
        yield from registered.list_versions(tx, name, before=None, limit=registered.last_number(tx, name))


def _models(tx: Transaction) -> Iterator[str]:
    cursor: str | None = None
    while True:
        page = registry.list_models(tx, cursor=cursor, limit=_MOST)
        yield from (model.name for model in page.items)
        cursor = page.next
        if cursor is None:
            return
