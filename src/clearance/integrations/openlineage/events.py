"""Reads OpenLineage events: the shape that openlineage.io/spec/2-0-2/OpenLineage.json asks for, facets kept as they are; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from clearance.errors import InvalidInput
from clearance.registry.addresses import scrubbed
from clearance.registry.flows.model import (
    LONGEST_VERSION,
    ColumnSource,
    Name,
    RunState,
    SeenDataset,
    Sighting,
)
from clearance.registry.model import Column
from clearance.values import misfits, sha256

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}/[1-9][0-9]{0,8}")
_MOST = 10_000
WHOLE = "*"
"""The column of a source that all of an output depends on (a filter, a join key)."""


def without_secrets(event: Any) -> Any:
    """Return an event as it is kept: passwords, tokens and signatures are left out, wherever a facet or a name has them.

    Raises:
        InvalidInput: it is nested too deeply (`openlineage_event`).
    """
    try:
        return scrubbed(event)
    except RecursionError as error:
        raise _bad("it is nested too deeply") from error


def read(event: Any) -> Sighting:
    """Return what a RunEvent, JobEvent or DatasetEvent says.

    A facet that is not known is kept as it is; one that is known and malformed is kept too, and says nothing.

    Raises:
        InvalidInput: it is no such event; the message names the field (`openlineage_event`).
    """
    _check_sayable(event)
    root = _object(event, "the event")
    for field in ("producer", "schemaURL"):
        _text(root, field, "")
    at = _time(_text(root, "eventTime", ""), "eventTime")
    if "run" in root:
        return _run_event(root, at)
    if "dataset" in root:
        return Sighting(at=at, datasets=(_dataset(root["dataset"], "dataset"),))
    if "job" in root:
        name, facets = _named(root["job"], "job")
        return Sighting(
            at=at, job=name, job_facets=facets, inputs=_side(root, "inputs"), outputs=_side(root, "outputs")
        )
    raise _bad("it has neither `run`, `job` nor `dataset`")


def _check_sayable(event: Any) -> None:
    """Refuse an event that could not be told again as it came: half characters, numbers that are none, NUL."""
    try:
        fault = next(misfits(event), None)
    except RecursionError as error:
        raise _bad("it is nested too deeply") from error
    if fault is not None:
        raise _bad(f"{fault[0] or 'it'} {fault[1]}")
    if (where := next(_with_nul(event, ()), None)) is not None:
        raise _bad(f"{where} has control characters: a NUL, which PostgreSQL keeps in no text")


def _with_nul(item: Any, where: tuple[str, ...]) -> Iterator[str]:
    """Yield the places of texts and names that hold a NUL."""
    if isinstance(item, str):
        if "\0" in item:
            yield ".".join(where)
        return
    inner = item.items() if isinstance(item, Mapping) else enumerate(item) if isinstance(item, list) else ()
    for name, child in inner:
        if isinstance(name, str) and "\0" in name:
            yield f"a name in {'.'.join(where)}"
        yield from _with_nul(child, (*where, str(name)))


def _run_event(root: Mapping[str, Any], at: datetime) -> Sighting:
    run = _object(root["run"], "run")
    if "job" not in root:
        raise _bad("a run event needs `job`")
    name, job_facets = _named(root["job"], "job")
    facets = _facets(run, "facets", "run")
    outputs = _side(root, "outputs")
    return Sighting(
        at=at,
        job=name,
        job_facets=job_facets,
        run=_uuid(_text(run, "runId", "run."), "run.runId"),
        state=_state(root.get("eventType")),
        run_facets=facets,
        parent=_parent(facets),
        version=_made(facets, outputs),
        inputs=_side(root, "inputs"),
        outputs=outputs,
    )


def _state(found: Any) -> RunState | None:
    if found is None:
        return None
    if found not in set(RunState):
        raise _bad(f"eventType is {str(found)[:40]!r}", hint="one of " + ", ".join(RunState))
    return RunState(found)


def _side(root: Mapping[str, Any], side: str) -> tuple[SeenDataset, ...]:
    found = root.get(side)
    if found is None:
        return ()
    if not isinstance(found, list):
        raise _bad(f"{side} is no list")
    if len(found) > _MOST:
        raise _bad(f"{side} has {len(found)} datasets", hint=f"at most {_MOST} in one event")
    return tuple(_dataset(each, f"{side}[{place}]", side) for place, each in enumerate(found))


def _dataset(found: Any, where: str, side: str = "") -> SeenDataset:
    name, facets = _named(found, where)
    own = {"inputs": "inputFacets", "outputs": "outputFacets"}.get(side)
    if own is not None:
        facets = {**facets, **_facets(found, own, where)}
    version = _inside(facets, "version", "datasetVersion", str) or ""
    digest = _DIGEST.fullmatch(_inside(facets, "clearance_digest", "digest", str) or version)
    return SeenDataset(
        name=name,
        version=version if len(version) <= LONGEST_VERSION else sha256(version.encode()),
        columns=_columns(facets),
        sources=_sources(facets),
        digest=f"sha256:{digest[1]}" if digest else "",
        facets=facets,
    )


def _columns(facets: Mapping[str, Any]) -> tuple[Column, ...] | None:
    fields = _inside(facets, "schema", "fields", list)
    return None if fields is None else tuple(_flat(fields, ""))


def _flat(fields: Sequence[Any], prefix: str) -> list[Column]:
    """Return the fields of a schema; those inside a struct are named `struct.field`."""
    found: list[Column] = []
    for each in fields:
        if not isinstance(each, Mapping) or not isinstance(each.get("name"), str):
            continue
        name, kind, children = prefix + each["name"], each.get("type"), each.get("fields")
        found.append(Column(name=name, type=kind if isinstance(kind, str) else ""))
        if isinstance(children, list) and prefix.count(".") < 50:
            found += _flat(children, name + ".")
    return found[:_MOST]


def _sources(facets: Mapping[str, Any]) -> tuple[ColumnSource, ...] | None:
    """Return which columns came from which (ColumnLineageDatasetFacet); None when that is not said."""
    fields = _inside(facets, "columnLineage", "fields", dict)
    if fields is None:
        return None
    listed = [(column, told.get("inputFields")) for column, told in fields.items() if isinstance(told, Mapping)]
    listed.append((WHOLE, _inside(facets, "columnLineage", "dataset", list)))
    return tuple(
        ColumnSource(column=column, dataset=Name(namespace=each["namespace"], name=each["name"]), source=each["field"])
        for column, inputs in listed
        if isinstance(inputs, list)
        for each in inputs
        if isinstance(each, Mapping) and all(isinstance(each.get(key), str) for key in ("namespace", "name", "field"))
    )


def _parent(facets: Mapping[str, Any]) -> str:
    run = _inside(facets, "parent", "run", dict)
    try:
        return str(UUID(str(run["runId"]))) if run else ""
    except (KeyError, ValueError):
        return ""


def _made(facets: Mapping[str, Any], outputs: Sequence[SeenDataset]) -> str:
    """Return the model version that a run says it made: in a facet, or as an output in the namespace `clearance`."""
    said = [_inside(facets, "clearance_version", "version", str) or ""]
    said += [seen.name.name for seen in outputs if seen.name.namespace == "clearance"]
    return next((each for each in said if _VERSION.fullmatch(each)), "")


def _inside(facets: Mapping[str, Any], facet: str, field: str, kind: type) -> Any:
    found = facets.get(facet)
    inner = found.get(field) if isinstance(found, Mapping) else None
    return inner if isinstance(inner, kind) else None


def _named(found: Any, where: str) -> tuple[Name, Mapping[str, Any]]:
    whole = _object(found, where)
    namespace, name = (_text(whole, field, f"{where}.") for field in ("namespace", "name"))
    return Name(namespace=namespace, name=name), _facets(whole, "facets", where)


def _facets(found: Mapping[str, Any], field: str, where: str) -> Mapping[str, Any]:
    facets = found.get(field)
    if facets is None:
        return {}
    return _object(facets, f"{where}.{field}")


def _object(found: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise _bad(f"{where} is no object")
    return found


def _text(found: Mapping[str, Any], field: str, prefix: str) -> str:
    text = found.get(field)
    if not isinstance(text, str) or not text:
        raise _bad(f"{prefix}{field} is missing" if text in {None, ""} else f"{prefix}{field} is no text")
    return text


def _uuid(text: str, where: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise _bad(f"{where} is {text[:60]!r}, not a UUID") from error


def _time(text: str, where: str) -> datetime:
    """Return a time in UTC; one without a zone is read as UTC, for clients write that although the format asks for one."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad(f"{where} is {text[:60]!r}, not an ISO 8601 time") from error


def _bad(what: str, hint: str = "openlineage.io/docs/spec/object-model shows the shape of an event") -> InvalidInput:
    return InvalidInput(f"this is no OpenLineage event: {what}", code="openlineage_event", hint=hint)
