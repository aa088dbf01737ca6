"""The page that shows every route of the API and what it takes, from the application's own OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from clearance.access.model import Permission, Principal
from clearance.api.openapi import PERMISSION
from clearance.values import value
from clearance.web.core import page_needs, render

router = APIRouter(include_in_schema=False)
_DEEPEST = 4
"""How far the fields of a body are unfolded."""
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list", "null": "nothing"}


@value
class Part:
    """Something that a route takes: a parameter (`place` says where it stands) or a field of the body."""

    name: str
    place: str
    kind: str
    required: bool
    about: str


@value
class Shown:
    """A route as the page shows it; `permission` is empty where anybody may call."""

    method: str
    path: str
    about: str
    permission: str
    parameters: tuple[Part, ...]
    content: tuple[str, ...]
    fields: tuple[Part, ...]


@router.get("/docs", response_class=HTMLResponse)
def reference(request: Request, caller: Annotated[Principal, page_needs(Permission.READ)]) -> HTMLResponse:
    """Every route with what it is for, what it takes and what it needs."""
    return render(request, "reference.html", rooms=_rooms(request.app))


def _rooms(app: FastAPI) -> Mapping[str, tuple[Shown, ...]]:
    document = app.openapi()
    rooms: dict[str, tuple[Shown, ...]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            room = (operation.get("tags") or ["other"])[0]
            rooms[room] = (*rooms.get(room, ()), shown(document, method, path, operation))
    return rooms


def shown(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Shown:
    """Return what the page says of an operation of an OpenAPI document; pure."""
    content = operation.get("requestBody", {}).get("content", {})
    schema: Mapping[str, Any] = next((each["schema"] for each in content.values() if "schema" in each), {})
    return Shown(
        method=method.upper(),
        path=path,
        about=operation.get("description", ""),
        permission=operation.get(PERMISSION, ""),
        parameters=tuple(_parameter(document, each) for each in operation.get("parameters", ())),
        content=tuple(content),
        fields=tuple(_fields(document, schema, "", _DEEPEST)),
    )


def _parameter(document: Mapping[str, Any], found: Mapping[str, Any]) -> Part:
    found = _resolved(document, found)
    return Part(
        name=found["name"],
        place=found["in"],
        kind=_kind(document, found.get("schema", {})),
        required=found.get("required", False),
        about=found.get("description", ""),
    )


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any], prefix: str, depth: int) -> Iterator[Part]:
    """Yield the fields of an object, of the items of a list, or of whichever of several is an object, and theirs."""
    schema = _resolved(document, schema)
    for each in schema.get("anyOf", ()):
        yield from _fields(document, each, prefix, depth)
    if "items" in schema:
        yield from _fields(document, schema["items"], f"{prefix.removesuffix('.')}[]." if prefix else "[].", depth)
    for name, field in schema.get("properties", {}).items():
        yield Part(
            name=prefix + name,
            place="body",
            kind=_kind(document, field),
            required=name in schema.get("required", ()),
            about=_about(field),
        )
        if depth > 1:
            yield from _fields(document, field, f"{prefix}{name}.", depth - 1)


def _about(field: Mapping[str, Any]) -> str:
    standard = field.get("default")
    said = [field.get("description", ""), f"{standard} when left out" if standard not in (None, "", [], {}) else ""]
    return "; ".join(filter(None, said))


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        kinds = dict.fromkeys(_kind(document, each) for each in schema["anyOf"])
        return " or ".join(sorted(kinds, key=lambda kind: kind == "nothing"))
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if schema.get("format") == "date-time":
        return "time"
    if schema.get("items"):
        return f"list of {_kind(document, schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping) and "properties" not in schema:
        return f"object of {_kind(document, schema['additionalProperties'])}"
    named = str(schema.get("type", "anything"))
    return _WORDS.get(named, named)


def _resolved(document: Mapping[str, Any], found: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in found:
        there: Any = document
        for word in found["$ref"].removeprefix("#/").split("/"):
            there = there[word]
        found = there
    return found
