"""Reads YAML value by value, each with what it must be, and tells all faults at once, with line and column; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import reduce
from operator import getitem
from typing import Any, TypeVar

from clearance import marked
from clearance.errors import InvalidInput
from clearance.marked import Marked, Path

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

MAX_CHARACTERS = 200_000


class Faults:
    """Collects what is wrong with a document, so that its author reads all of it at once."""

    def __init__(self) -> None:
        self._found: list[InvalidInput] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep an error of the block and go on after it."""
        try:
            yield
        except InvalidInput as error:
            self._found.append(error)

    def take(self, read: Callable[[], T]) -> T | None:
        """Return what is read; where that is refused, keep the error and return None."""
        try:
            return read()
        except InvalidInput as error:
            self._found.append(error)
            return None

    def refuse(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            InvalidInput: the one fault as it is; of several the first, with all of them a line each, and in `details["faults"]`.
        """
        faults = [
            {"message": each.message, "hint": each.hint, "code": each.code, **each.details} for each in self._all()
        ]
        if len(faults) > 1:
            first = self._all()[0]
            message = "\n".join(map(_line, self._all()))
            raise InvalidInput(message, code=first.code, details={**first.details, "faults": faults})
        if faults:
            raise self._found[0]

    def _all(self) -> list[InvalidInput]:
        found = []
        for error in self._found:
            several = error.details.get("faults")
            found += [_fault(each) for each in several] if several else [error]
        return found


def _line(error: InvalidInput) -> str:
    """Return an error as one line, with its hint where that is one."""
    return error.message if not error.hint or "\n" in error.hint else f"{error.message} ({error.hint})"


def _fault(told: Mapping[str, Any]) -> InvalidInput:
    rest = {name: fact for name, fact in told.items() if name not in {"message", "hint", "code"}}
    return InvalidInput(told["message"], code=told["code"], hint=told["hint"], details=rest)


class Document:
    """A value of a YAML document, read as it is written: whoever asks for it says what it must be.

    Args:
        said: the whole document.
        path: where in it.
    """

    def __init__(self, said: Marked, path: Path = ()) -> None:
        self._said, self._path = said, path
        self._data: Any = reduce(getitem, path, said.data)

    @classmethod
    def read(cls, text: str, name: str) -> Document:
        """Parse a text.

        Raises:
            InvalidInput: it is too large; or as `marked.read`.
        """
        if len(text) > MAX_CHARACTERS:
            raise InvalidInput(f"{name} is longer than {MAX_CHARACTERS:,} characters", code="document_too_large")
        return cls(marked.read(text, name, code="yaml_invalid", as_written=True))

    def error(self, problem: str, hint: str = "", *, code: str = "document_invalid") -> InvalidInput:
        """Return the error to raise about this value."""
        return self._said.error(self._path, problem, hint, code=code)

    def fields(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Document]:
        """Return the values of a mapping by key.

        Raises:
            InvalidInput: it is no mapping, or a key is unknown or lacking.
        """
        found = self.entries()
        known, faults = (*required, *optional), Faults()
        for key, child in found.items():
            with faults.collected():
                if key not in known:
                    raise child.error("this key is not known here", f"known: {', '.join(known)}")
        for key in required:
            with faults.collected():
                if key not in found:
                    raise self.error(f"`{key}` is missing")
        faults.refuse()
        return found

    def entries(self) -> dict[str, Document]:
        """Return the values of a mapping whose keys are free."""
        if not isinstance(self._data, dict):
            raise self.error("this must be a mapping, `key: value`")
        if any(not key.strip() for key in self._data):
            raise self.error("a key must be a word")
        return {key: Document(self._said, (*self._path, key)) for key in self._data}

    def items(self) -> Iterator[Document]:
        """Yield the values of a list."""
        if not isinstance(self._data, list):
            raise self.error("this must be a list, `- …`")
        for index in range(len(self._data)):
            yield Document(self._said, (*self._path, index))

    def text(self) -> str:
        """Return a text that is not blank."""
        if not isinstance(self._data, str) or not self._data.strip():
            raise self.error("this must be a text")
        return self._data

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(item.text() for item in self.items())

    def number(self, low: float, high: float) -> float:
        """Return a number between two bounds."""
        try:
            found = float(self._data) if isinstance(self._data, str) else math.nan
        except ValueError:
            found = math.nan
        if not low <= found <= high:
            raise self.error(f"this must be a number from {low:g} to {high:g}")
        return found

    def flag(self) -> bool:
        """Return true or false."""
        words = {"true": True, "false": False}
        if not isinstance(self._data, str) or self._data not in words:
            raise self.error("this must be true or false")
        return words[self._data]

    def word(self, kind: type[E]) -> E:
        """Return a word of a closed vocabulary."""
        return kind(self.one_of(tuple(kind)))

    def one_of(self, words: Sequence[str]) -> str:
        """Return a text that is one of some words."""
        found = self.text()
        if found not in words:
            raise self.error(f"`{found}` is none of the words allowed here", f"allowed: {', '.join(words)}")
        return found
