"""How values are declared, written as canonical bytes and named by digest: the one spelling for the whole house."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, cast, dataclass_transform, get_type_hints

import rfc8785

from clearance.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T]) -> type[T]:
    """Declare a frozen value of the domain; the same class is what the API answers and the client returns."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def request(cls: type[T]) -> type[T]:
    """Declare what a caller sends: a frozen value that refuses fields it does not know."""
    cls.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]  # read by pydantic
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def takes_fields(kind: type, declare: Callable[[str], Any]) -> Callable[[F], F]:
    """Declare that a function's `**given` are the fields of a value, to whoever reads signatures, as FastAPI and Typer do.

    Args:
        kind: the value; each of its fields is `Annotated[TYPE, "What people are told of it."]` and has a default.
        declare: makes of what people are told what the reader of signatures wants beside the type.
    """

    def declared(function: F) -> F:
        own = inspect.signature(function, eval_str=True)
        *first, _given = own.parameters.values()
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in first]
        made = own.replace(parameters=[*_field_parameters(kind, declare), *parameters])
        function.__signature__ = made  # type: ignore[attr-defined]  # read by `inspect.signature`
        return function

    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing; `next` is the cursor to ask for the following one, or None at the end."""

    items: tuple[T, ...]
    next: str | None = None


def bad_cursor(cursor: str) -> InvalidInput:
    """Return the error for a cursor that no page of the listing gave."""
    return InvalidInput(f"{cursor[:80]!r} is no cursor of this listing", code="bad_cursor", hint="begin without one")


def position_of(cursor: str | None) -> int | None:
    """Return the position that a cursor of a numbered listing names.

    Raises:
        InvalidInput: it is none that was given out (`bad_cursor`).
    """
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):  # what 64 bits can hold
        raise bad_cursor(cursor)
    return int(cursor)


def timestamp(at: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds and a `Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(item: Any) -> Any:
    """Turn values, enums, dates and tuples into what JSON knows (dict, list, str, int, float, bool, None)."""
    return _plain(item, canonical=False)


def parse(kind: type[T], found: Any) -> T:
    """Return the value that `plain` made this of, or that a row of a table is.

    Raises:
        pydantic.ValidationError: it is none; a ValueError.
    """
    made: T = _adapter(cast("Hashable", kind)).validate_python(found)
    return made


def parse_json(kind: type[T], text: str | bytes) -> T:
    """Return the value that JSON says; errors as `parse`."""
    made: T = _adapter(cast("Hashable", kind)).validate_json(text)
    return made


def as_json(item: Any) -> str:
    """Return the JSON that `parse_json` reads; unlike canonical JSON it says NaN and infinity as null."""
    text: bytes = _adapter(cast("Hashable", type(item))).dump_json(item)
    return text.decode()


def canonical_json(item: Any) -> bytes:
    """Return the RFC 8785 (JCS) bytes of a value: equal values always give equal bytes.

    Raises:
        rfc8785.CanonicalizationError: for NaN, infinity or integers beyond 2**53.
    """
    try:
        # Python's encoder, written in C, escapes texts as section 3.2.2.2 says.
        return _ENCODER.encode(_plain(item, canonical=True)).encode()
    except (_Unusual, TypeError, UnicodeEncodeError):
        return rfc8785.dumps(plain(item))


def misfits(item: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield what of a plain value no JSON in UTF-8 can say: where it stands, such as `days` or `items.3.name`, and what it is."""
    if isinstance(item, str):
        if _is_torn(item):
            yield ".".join(where), "holds half a character (a lone surrogate)"
    elif isinstance(item, float):
        if not math.isfinite(item):
            yield ".".join(where), f"is {item}, which is no number"
    elif isinstance(item, Mapping):
        if any(_is_torn(str(name)) for name in item):
            yield ".".join(where), "has a name that holds half a character (a lone surrogate)"
        for name, child in item.items():
            yield from misfits(child, (*where, str(name)))
    elif isinstance(item, list):
        for place, child in enumerate(item):
            yield from misfits(child, (*where, str(place)))


def sha256(data: bytes) -> str:
    """Return `sha256:` + lower-case hex of the data."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of(item: Any) -> str:
    """Return the digest of a value's canonical bytes."""
    return sha256(canonical_json(item))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what reads values of a kind; to make one takes a thousand times as long as to use it."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _is_torn(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _field_parameters(kind: type, declare: Callable[[str], Any]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    for each in fields(kind):
        hint, (about,) = hints[each.name].__origin__, hints[each.name].__metadata__
        yield inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=each.default,
            annotation=Annotated[hint, declare(about)],
        )


class _Unusual(Exception):
    """Something that Python's encoder writes otherwise than RFC 8785."""


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_EXACT = 2**53
"""From here on a double no longer tells neighbouring integers apart."""


def _plain(item: Any, *, canonical: bool) -> Any:
    """Return what JSON knows; `canonical`: so that Python's encoder writes it as RFC 8785 does, or raise _Unusual."""
    if type(item) is str:
        return item
    if isinstance(item, Mapping):
        made = {str(key): _plain(child, canonical=canonical) for key, child in item.items()}
        if canonical and not all(map(str.isascii, made)):
            raise _Unusual  # keys are sorted by UTF-16 (section 3.2.3), Python's by code points
        return made
    if isinstance(item, list | tuple | set | frozenset):
        return [_plain(child, canonical=canonical) for child in item]
    if (names := _names(cast("Hashable", type(item)))) is not None:
        return {name: _plain(getattr(item, name), canonical=canonical) for name in names}
    return _scalar(item, canonical=canonical)


def _scalar(item: Any, *, canonical: bool) -> Any:
    found = item.value if isinstance(item, Enum) else item
    if isinstance(found, datetime):
        return timestamp(found)
    if canonical and isinstance(found, int | float) and not isinstance(found, bool):
        return _number(found)
    return found


def _number(number: float) -> float:
    """Return a number that Python writes as ECMAScript does (section 3.2.2.3): both write the shortest digits that say it."""
    if not -_EXACT < number < _EXACT:
        raise _Unusual
    if number == int(number):
        return int(number)
    if abs(number) < 1e-4:  # below, Python writes an exponent
        raise _Unusual
    return float(number)


@cache
def _names(kind: Hashable) -> tuple[str, ...] | None:
    """Return the names of a value's fields; None for what is no value."""
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else None
