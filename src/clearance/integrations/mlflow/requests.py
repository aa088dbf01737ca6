"""Reads requests of the protocol: JSON bodies and queries, field by field; pure.

As in MLflow, a field that is null or unknown is as if it were not there, and numbers may be texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from clearance.integrations.mlflow.errors import invalid


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a request: how it is read, and whether it has to be there."""

    read: Callable[[str, Any], Any]
    required: bool = False
    repeated: bool = False


def read_body(fields: Mapping[str, Field], body: bytes) -> dict[str, Any]:
    """Return the fields of a JSON body.

    Raises:
        ProtocolError: it is no JSON object, or a field is missing or can't be meant.
    """
    try:
        found = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise invalid("the request's body can't be read: it is not JSON") from None
    if not isinstance(found, dict):
        raise invalid("the request's body can't be read: it is no JSON object")
    return _read(fields, found)


def read_query(fields: Mapping[str, Field], query: bytes) -> dict[str, Any]:
    """Return the fields of a query; errors as `read_body`."""
    found: dict[str, Any] = {}
    for name, text in parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"):
        field = fields.get(name)
        if field is not None and field.repeated:
            found.setdefault(name, []).append(text)
        else:
            found.setdefault(name, text)
    return _read(fields, found)


def text(name: str, found: Any) -> str:
    """Read a text."""
    if not isinstance(found, str):
        raise _wrong(name, found)
    try:
        found.encode()
    except UnicodeEncodeError:
        raise invalid(f"Invalid value for parameter '{name}' supplied: it is no text in UTF-8.") from None
    if "\x00" in found:
        raise invalid(f"Invalid value for parameter '{name}' supplied: a text has no null characters.")
    return found


def texts(name: str, found: Any) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _wrong(name, found)
    return tuple(text(name, each) for each in found)


def count(name: str, found: Any) -> int:
    """Read a whole number."""
    try:
        number = int(found)
        if isinstance(found, bool) or (isinstance(found, float) and number != found):
            raise _wrong(name, found)
    except (ValueError, TypeError, OverflowError):
        raise _wrong(name, found) from None
    return number


def flag(name: str, found: Any) -> bool:
    """Read yes or no."""
    if not isinstance(found, bool):
        raise _wrong(name, found)
    return found


def tags(name: str, found: Any) -> dict[str, str]:
    """Read tags: a list of `{"key", "value"}`; of two with one key the last one counts."""
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _wrong(name, found)
    return {text("key", _given(each, "key")): text("value", _given(each, "value")) for each in found}


TEXT = Field(text)
NEEDED = Field(text, required=True)
TEXTS = Field(texts, repeated=True)
COUNT = Field(count)
FLAG = Field(flag)
TAGS = Field(tags)


def _read(fields: Mapping[str, Field], found: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, field in fields.items():
        sent = found.get(name)
        if field.required and (sent is None or sent == ""):
            raise invalid(
                f"Missing value for required parameter '{name}'. See the API docs for more information about request "
                "parameters."
            )
        if sent is not None:
            made[name] = field.read(name, sent)
    return made


def _given(item: Mapping[str, Any], name: str) -> Any:
    found = item.get(name)
    return "" if found is None else found


def _wrong(name: str, found: Any) -> Exception:
    told = json.dumps(found, sort_keys=True, separators=(",", ":"))[:500]
    return invalid(
        f"Invalid value {told} for parameter '{name}' supplied:  Hint: Value was of type "
        f"'{type(found).__name__}'. See the API docs for more information about request parameters."
    )
