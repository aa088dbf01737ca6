"""How complete the story of a version is: which facts are known, which are missing, which are doubtful; pure."""

from __future__ import annotations

from collections.abc import Iterable

from clearance.registry.model import Dataset, DatasetRole, Provenance, Version
from clearance.registry.source import SourceKind
from clearance.values import value


@value
class Completeness:
    """How much of a version's story is known: the part of the facts that are there, what is missing, what is doubtful."""

    complete: bool
    fraction: float
    missing: tuple[str, ...]
    flags: tuple[str, ...] = ()


def completeness(provenance: Provenance, datasets: Iterable[Dataset]) -> Completeness:
    """Measure how complete a version's story is.

    Each of these counts the same: training data is named; test or validation data is named; every dataset named is
    registered (so that its schema, rows and time range are known); commit; parameters; environment lock; trainer; metrics.
    A dirty tree is no missing fact but a flag: the commit is known, and known not to be all of the code.

    Args:
        provenance: what the version says of itself.
        datasets: the registered datasets among those it names.
    """
    known = {dataset.digest for dataset in datasets}
    roles = {use.role for use in provenance.datasets}
    unknown = [use.name or use.digest for use in provenance.datasets if use.digest not in known]
    facts = {
        "training dataset": DatasetRole.TRAINING in roles,
        "test or validation dataset": bool(roles & {DatasetRole.TEST, DatasetRole.VALIDATION}),
        "registration of " + (", ".join(unknown) or "datasets"): bool(roles) and not unknown,
        "code commit": provenance.code is not None and bool(provenance.code.commit),
        "parameters": bool(provenance.parameters),
        "environment lock": bool(provenance.environment),
        "trainer": bool(provenance.trainer),
        "metrics": bool(provenance.metrics),
    }
    missing = tuple(name for name, there in facts.items() if not there)
    dirty = provenance.code is not None and provenance.code.dirty
    return Completeness(
        complete=not missing,
        fraction=round(1 - len(missing) / len(facts), 4),
        missing=missing,
        flags=("dirty tree: the code was changed after its commit",) if dirty else (),
    )


def completeness_of_black_box(version: Version, datasets: Iterable[Dataset]) -> Completeness:
    """Measure how complete the story of an endpoint or image is; each fact that is asked for counts the same.

    What made it can't be told, so what its user can find out is asked for instead: who provides it; which revision it is; a
    contract; a dataset of captured inputs, registered like every other it names; figures measured on them.

    Args:
        version: what is registered of it.
        datasets: the registered datasets among those it names.
    """
    uses = version.provenance.datasets
    known = {dataset.digest for dataset in datasets}
    unknown = [use.name or use.digest for use in uses if use.digest not in known]
    facts = {
        "provider (as trainer)": bool(version.provenance.trainer),
        "revision": version.source.kind is SourceKind.IMAGE or bool(version.source.revision),
        "contract": version.contract is not None,
        "captured inputs (as reference dataset)": any(use.role is DatasetRole.REFERENCE for use in uses),
        "registration of " + (", ".join(unknown) or "datasets"): bool(uses) and not unknown,
        "metrics": bool(version.provenance.metrics),
    }
    missing = tuple(name for name, there in facts.items() if not there)
    return Completeness(
        complete=not missing, fraction=round(1 - len(missing) / len(facts), 4), missing=missing, flags=()
    )
