"""Use case: how complete the stories of versions are, lineage included, over the whole inventory (M9)."""

from __future__ import annotations

from collections import Counter

from clearance.compliance.findings import Stories, Story
from clearance.compliance.lineage import runs_of
from clearance.delivery import service as delivery
from clearance.delivery.model import ENVIRONMENTS
from clearance.registry import service as registry
from clearance.registry import store as registered
from clearance.registry.flows import store
from clearance.registry.flows.model import split_version
from clearance.registry.model import Model, SourceKind, Version, VersionStatus
from clearance.storage.database import Transaction

_MOST = 1000
_OVER = frozenset({VersionStatus.RETIRED, VersionStatus.DELETED})
_OWN_FACTS, _LINEAGE_FACTS = 8, 2
"""How many facts `registry.completeness` weighs, and how many the lineage adds."""
_BLACK_BOXES = frozenset({SourceKind.ENDPOINT, SourceKind.IMAGE})


def story(tx: Transaction, version: Version, environments: tuple[str, ...] = ()) -> Story:
    """Return what is missing of a version's story: what its provenance lacks, the run that made it, where its data came from.

    Of an endpoint or image that somebody else made, no run is asked for.
    """
    own = registry.completeness(tx, version.model, version.number)
    lacking = [] if version.source.kind in _BLACK_BOXES else _lacking_lineage(tx, version)
    known = _OWN_FACTS * own.fraction + _LINEAGE_FACTS - len(lacking)
    return Story(
        model=version.model,
        number=version.number,
        fraction=round(known / (_OWN_FACTS + _LINEAGE_FACTS), 4),
        missing=(*own.missing, *lacking),
        flags=own.flags,
        environments=environments,
    )


def _lacking_lineage(tx: Transaction, version: Version) -> list[str]:
    lacking = [] if runs_of(tx, version) else ["the run that made it"]
    uses = version.provenance.datasets
    unknown = [use.name or use.digest[:19] for use in uses if not _is_traced(tx, use.name, use.digest)]
    if not uses or unknown:
        lacking.append("where its data come from" + (f": {', '.join(unknown[:5])}" if unknown else ""))
    return lacking


def stories(tx: Transaction, *, model: str | None = None) -> Stories:
    """Return how complete the stories are of the versions in use, of one model or of all.

    Raises:
        NotFound: no such model.
    """
    serving: dict[tuple[str, int], list[str]] = {}
    for environment in ENVIRONMENTS:
        for pointer in delivery.serving(tx, environment):
            for number in filter(None, (pointer.stable, pointer.candidate)):
                serving.setdefault((pointer.model, number), []).append(environment)
    models = [registry.get_model(tx, model)] if model is not None else _models(tx)
    found = [
        story(tx, version, tuple(serving.get((version.model, version.number), ())))
        for each in models
        for version in registered.list_versions(tx, each.name, before=None, limit=1_000_000)
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


def _is_traced(tx: Transaction, name: str, digest: str) -> bool:
    """Return whether a pipeline told of a dataset: under its name, or as something linked to its bytes."""
    texts = dict.fromkeys(filter(None, (name, split_version(name)[0])))
    return any(store.datasets_called(tx, text) for text in texts) or bool(store.select_links(tx, target=digest))


def _models(tx: Transaction) -> list[Model]:
    found: list[Model] = []
    cursor: str | None = None
    while True:
        page = registry.list_models(tx, cursor=cursor, limit=_MOST)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found
