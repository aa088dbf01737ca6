"""Reading what strangers sent without leaving them room: one meaning per JSON text, one spelling per base64; pure."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from clearance.errors import InvalidInput


def loads(text: bytes | str, what: str) -> dict[str, Any]:
    """Read a JSON object; a key given twice or a NaN is refused, because two readers could take it differently.

    Args:
        text: UTF-8 JSON.
        what: what it should be, for the error message (`the statement`).

    Raises:
        InvalidInput: not JSON (with line and column), ambiguous, or not an object.
    """
    try:
        found = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", code="bad_json"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{what} is not UTF-8 text", code="bad_json") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} can't be read: {error}", code="bad_json") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{what} is not a JSON object", code="bad_json")
    return found


def unbase64(text: str, what: str) -> bytes:
    """Decode standard base64 in its one canonical spelling.

    Raises:
        InvalidInput: anything else.
    """
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidInput(f"{what} is not base64", code="bad_base64") from error
    if base64.b64encode(found).decode() != text:
        raise InvalidInput(f"{what} is not canonical base64", code="bad_base64")
    return found


def field(found: Mapping[str, Any], name: str, kind: type, what: str) -> Any:
    """Return a field of the kind it must have.

    Raises:
        InvalidInput: it is missing or of another kind; the message names it.
    """
    if name not in found:
        raise InvalidInput(f"{what} has no field {name!r}", code="field_missing")
    if not isinstance(found[name], kind) or (kind is int and isinstance(found[name], bool)):
        raise InvalidInput(f"{what}: the field {name!r} is not {_WORDS[kind]}", code="field_kind")
    return found[name]


_EXACT = 2**53 - 1
_DIGITS = 17  # a sign and the digits of 2**53
_WORDS: dict[type, str] = {str: "text", int: "a whole number", dict: "an object", list: "a list"}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is given twice in one object")
    return made


def _integer(text: str) -> int | float:
    """Read an integer; beyond 2**53 it is the float that canonical JSON took it from (RFC 8785, section 3.2.2.3)."""
    return _float(text) if len(text) > _DIGITS or abs(int(text)) > _EXACT else int(text)


def _float(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise ValueError(f"{text[:40]} is too large a number")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
