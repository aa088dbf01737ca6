"""Use case: find the versions that use an upstream column which was renamed, removed or retyped since they were made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from clearance.alarm import Alarm, Severity
from clearance.compliance import serving
from clearance.compliance.findings import ROWS, Finding, Findings
from clearance.compliance.made_from import as_of
from clearance.errors import ClearanceError
from clearance.registry import service as registry
from clearance.registry.flows import store
from clearance.registry.flows.model import Link, NamedDataset, Use, split_version
from clearance.registry.flows.schemas import ChangeKind, ColumnChange, changes
from clearance.registry.model import Column, Version, VersionStatus
from clearance.registry.rules import parse_version_name
from clearance.storage.database import Transaction
from clearance.values import plain

_HARMFUL = frozenset({ChangeKind.RENAMED, ChangeKind.REMOVED, ChangeKind.RETYPED})
_IN_USE = frozenset({VersionStatus.REGISTERED, VersionStatus.QUARANTINED})
_MOST_CHANGES = 200
_MOST_DATASETS = 1000
_PRODUCTION = "production"


def findings(tx: Transaction, *, model: str | None = None) -> Findings:
    """Return which versions use columns that changed upstream, newest change first.

    Args:
        model: only its versions.

    Raises:
        NotFound: no such model.
    """
    registry.check_named(tx, model)
    rows = store.schema_changes(tx, limit=_MOST_CHANGES + 1)
    found: list[Finding] = []
    for dataset, at, before, after in rows[:_MOST_CHANGES]:
        found += _of_change(tx, dataset, changes(before, after, at))
    cut = f"only the newest {_MOST_CHANGES} changes were looked at" if len(rows) > _MOST_CHANGES else ""
    return Findings(items=tuple(each for each in found if model in {None, each.model}), cut=cut)


def alarms_of(tx: Transaction, dataset: str, at: datetime) -> tuple[Alarm, ...]:
    """Return what to raise for a schema that an event of some time changed: a ticket for each version in production.

    Args:
        dataset: the dataset's key.
        at: the event's time; a change that was seen later stands, and is not raised again for an event that came late.
    """
    newest = store.schema_changes(tx, dataset, limit=1)
    if not newest or newest[0][1] < at:
        return ()
    _, changed_at, before, after = newest[0]
    by_version: dict[str, list[Finding]] = {}
    for found in _of_change(tx, dataset, changes(before, after, changed_at)):
        if _PRODUCTION in found.environments:
            by_version.setdefault(found.version, []).append(found)
    return tuple(_alarm(version, found) for version, found in by_version.items())


def _alarm(version: str, found: list[Finding]) -> Alarm:
    first = found[0]
    texts = dict.fromkeys(each.change.text for each in found)
    number = len({each.change.column for each in found})
    unsure = (
        "" if all(each.certain for each in found) else " Some steps have no column lineage: the same name was taken."
    )
    return Alarm(
        kind="lineage_schema_changed",
        model=first.model,
        environment=_PRODUCTION,
        severity=Severity.TICKET,
        title=f"{version} uses {number} column{'s' if number != 1 else ''} of {first.dataset} that changed"[:250],
        summary=("; ".join(texts) + "." + unsure)[:4000],
        subject=f"model/{version}",
        labels={"dataset": first.dataset, "version": version, "changed_at": f"{first.change.at:%Y-%m-%dT%H:%M:%SZ}"},
        details={"findings": plain(found[:100])},
    )


@dataclass(frozen=True, slots=True)
class _Carried:
    """A column of the changed dataset as it goes on in one further down."""

    origin: str
    column: str
    certain: bool


def _of_change(tx: Transaction, dataset: str, changed: Iterable[ColumnChange]) -> list[Finding]:
    """Return the versions that use a column which changed since they were made from it, wherever it went."""
    harmful = {change.column: change for change in changed if change.kind in _HARMFUL}
    if not harmful:
        return []
    start = store.find_datasets(tx, [dataset])[dataset]
    has = _types(start.columns) or {}
    found: dict[tuple[str, str, str], Finding] = {}
    for reached, path, via, carried in _flow(tx, dataset, harmful):
        for user in _users(tx, reached):
            version = user.version
            used = [(each, _used_as(user, each.column)) for each in carried]
            if version.status not in _IN_USE or not any(used_as for _, used_as in used):
                continue
            made_at = as_of(tx, version, reached.named, path, user.links, user.runs)
            had = _types(store.columns_at(tx, dataset, made_at))
            environments = _environments(tx, version)
            for each, used_as in used:
                change = harmful[each.origin]
                if used_as is None or not _is_news(change, made_at, had):
                    continue
                before = change.before if had is None else had[change.column]
                finding = Finding(
                    dataset=start.named.text,
                    change=change,
                    model=version.model,
                    number=version.number,
                    column=each.column,
                    used_as=used_as,
                    via=via,
                    certain=each.certain,
                    environments=environments,
                    mended=has.get(change.column) == before,
                )
                known = found.get(key := (version.name, each.origin, each.column))
                if known is None or (finding.certain and not known.certain):
                    found[key] = finding
    return list(found.values())


def _types(columns: Iterable[Column] | None) -> dict[str, str] | None:
    return None if columns is None else {column.name: column.type for column in columns}


def _is_news(change: ColumnChange, made_at: datetime, had: Mapping[str, str] | None) -> bool:
    """Whether a change came after a version was made, to a column that its data had, and is not the way back to that.

    Args:
        change: what became of the column.
        made_at: as of when the version was made from the dataset.
        had: the types of the dataset's columns then, by name; None if nobody told.
    """
    if change.at <= made_at:
        return False
    if had is None:
        return True
    back = change.kind is ChangeKind.RETYPED and change.after == had.get(change.column)
    return change.column in had and not back


def _flow(
    tx: Transaction, dataset: str, harmful: Mapping[str, ColumnChange]
) -> Iterator[tuple[NamedDataset, tuple[str, ...], tuple[str, ...], tuple[_Carried, ...]]]:
    """Yield the dataset and those further down that some of its columns went into, each once, nearest first.

    With each come the keys and the names of those that lead to it.
    """
    first: tuple[str, ...] = ()
    todo = deque([(dataset, first, first, tuple(_Carried(name, name, True) for name in harmful))])
    seen = {dataset}
    while todo and len(seen) <= _MOST_DATASETS:
        key, keys, names, carried = todo.popleft()
        reached = store.find_datasets(tx, [key])[key]
        path, via = (*keys, key), (*names, reached.named.text)
        yield reached, path, via, carried
        for use in _outputs_below(tx, key):
            if use.dataset not in seen and (further := _carry(key, use, carried)):
                seen.add(use.dataset)
                todo.append((use.dataset, path, via, further))


def _outputs_below(tx: Transaction, dataset: str) -> list[Use]:
    """Return what the jobs that read a dataset wrote, of each job and output the newest that tells of columns, if any does."""
    found: dict[tuple[str, str], Use] = {}
    for job in dict.fromkeys(use.job for use in store.select_uses(tx, dataset=dataset, output=False)):
        for use in store.select_uses(tx, job=job, output=True):
            known = found.get((job, use.dataset))
            if known is None or (known.sources is None and use.sources is not None):
                found[job, use.dataset] = use
    return list(found.values())


def _carry(dataset: str, use: Use, carried: Iterable[_Carried]) -> tuple[_Carried, ...]:
    """Return as what columns go on into an output: by its column lineage, else by their names, and then uncertain."""
    if use.sources is None:
        return tuple(_Carried(each.origin, each.column, False) for each in carried)
    return tuple(
        _Carried(each.origin, source.column, each.certain)
        for each in carried
        for source in use.sources
        if source.dataset.key == dataset and each.column in {source.source, ROWS}
    )


@dataclass(frozen=True, slots=True)
class _User:
    """A version that was made from a dataset.

    Attributes:
        training: columns of the dataset that are known to have been used.
        links: what the dataset is linked to.
        runs: runs that read the dataset and made the version.
    """

    version: Version
    training: frozenset[str]
    links: tuple[Link, ...]
    runs: tuple[str, ...]


def _users(tx: Transaction, dataset: NamedDataset) -> Iterator[_User]:
    """Yield the versions made from a dataset."""
    text, key = dataset.named.text, dataset.named.key
    links = store.select_links(tx, thing=key)
    digests = {link.target for link in links}
    runs = {use.run for use in store.select_uses(tx, dataset=key, output=False) if use.run}
    made_by: dict[tuple[str, int], list[str]] = {
        name: [] for name in store.versions_naming(tx, [text, *sorted(digests)])
    }
    for run in sorted(runs):
        targets = [parse_version_name(link.target) for link in store.select_links(tx, thing=run)]
        for name in dict.fromkeys([*targets, *store.versions_naming(tx, [run])]):
            made_by.setdefault(name, []).append(run)
    for name, own in made_by.items():
        try:
            version = registry.get_version(tx, *name)
        except ClearanceError:  # an event told of a version that nobody registered
            continue
        yield _User(version, _training_columns(tx, version, text, digests), links, tuple(own))


def _training_columns(tx: Transaction, version: Version, text: str, digests: set[str]) -> frozenset[str]:
    found: set[str] = set()
    for use in version.provenance.datasets:
        if use.digest in digests or text in {use.name, split_version(use.name)[0]}:
            try:
                found |= {column.name for column in registry.get_dataset(tx, use.digest).columns}
            except ClearanceError:  # named, but not registered: its columns are not known
                continue
    return frozenset(found)


def _used_as(user: _User, column: str) -> str | None:
    """Return what a version uses a column as, None when it does not."""
    contract = user.version.contract
    features = {field.name for field in contract.inputs} if contract else set()
    if not features and not user.training:
        return "unknown"
    if column == ROWS:
        return "rows"
    if column in features:
        return "feature"
    return "training column" if column in user.training else None


def _environments(tx: Transaction, version: Version) -> tuple[str, ...]:
    return tuple(each.environment for each in serving.of_model(tx, version.model) if version.number in each.serves)
