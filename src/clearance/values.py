"""How values are declared, written as canonical bytes and named by digest: the one spelling for the whole house."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar, dataclass_transform

import rfc8785

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T]) -> type[T]:
    """Declare a frozen value of the domain; the same class is what the API answers and the client returns."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def request(cls: type[T]) -> type[T]:
    """Declare what a caller sends: a frozen value that refuses fields it does not know."""
    cls.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]  # read by pydantic
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing; `next` is the cursor to ask for the following one, or None at the end."""

    items: tuple[T, ...]
    next: str | None = None


def timestamp(at: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds and a `Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(item: Any) -> Any:
    """Turn values, enums, dates and tuples into what JSON knows (dict, list, str, int, float, bool, None)."""
    if is_dataclass(item) and not isinstance(item, type):
        return plain(asdict(item))
    if isinstance(item, Enum):
        return item.value
    if isinstance(item, datetime):
        return timestamp(item)
    if isinstance(item, Mapping):
        return {str(key): plain(child) for key, child in item.items()}
    if isinstance(item, list | tuple | set | frozenset):
        return [plain(child) for child in item]
    return item


def canonical_json(item: Any) -> bytes:
    """Return the RFC 8785 (JCS) bytes of a value: equal values always give equal bytes.

    Raises:
        rfc8785.CanonicalizationError: for NaN, infinity or integers beyond 2**53.
    """
    return rfc8785.dumps(plain(item))


def sha256(data: bytes) -> str:
    """Return `sha256:` + lower-case hex of the data."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of(item: Any) -> str:
    """Return the digest of a value's canonical bytes."""
    return sha256(canonical_json(item))
