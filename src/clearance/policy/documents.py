"""Reads YAML in which every value knows its line and column, so that an error can say where it is; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TypeVar

import yaml

from clearance.errors import InvalidInput

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

MAX_CHARACTERS = 200_000
MAX_DEPTH = 20


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
    """A node of a YAML document.

    Args:
        name: what the document is called in errors.
        node: where in it.
        path: how to get there, for people: `rules[2].severity`.
    """

    def __init__(self, name: str, node: yaml.Node, path: str = "") -> None:
        self.name, self.node, self.path = name, node, path

    @classmethod
    def read(cls, text: str, name: str) -> Document:
        """Parse a text.

        Raises:
            InvalidInput: it is not YAML, empty, too large, too deep or has aliases.
        """
        if len(text) > MAX_CHARACTERS:
            raise InvalidInput(f"{name} is longer than {MAX_CHARACTERS:,} characters", code="document_too_large")
        try:
            _refuse_aliases(text, name)
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
            raise InvalidInput(f"{where}: {error.problem or error.context}", code="yaml_invalid") from None
        except yaml.YAMLError as error:
            raise InvalidInput(f"{name}: {' '.join(str(error).split())}", code="yaml_invalid") from None
        if node is None:
            raise InvalidInput(f"{name} is empty", code="yaml_invalid")
        return cls(name, node)

    @property
    def line(self) -> int:
        """Line of this value, from 1."""
        return int(self.node.start_mark.line) + 1

    def error(self, problem: str, hint: str = "", *, code: str = "document_invalid") -> InvalidInput:
        """Return the error to raise about this value."""
        column = self.node.start_mark.column + 1
        what = f"{self.path}: {problem}" if self.path else problem
        details = {"line": self.line, "column": column, "path": self.path}
        return InvalidInput(f"{self.name}:{self.line}:{column}: {what}", code=code, hint=hint, details=details)

    def fields(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Document]:
        """Return the values of a mapping by key.

        Raises:
            InvalidInput: it is no mapping, or a key is unknown, there twice, or lacking.
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
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("this must be a mapping, `key: value`")
        found: dict[str, Document] = {}
        for key_node, value_node in self.node.value:
            key = Document(self.name, key_node, self.path).text()
            if key in found:
                raise Document(self.name, key_node, self.path).error(f"`{key}` is there twice")
            found[key] = Document(self.name, value_node, f"{self.path}.{key}" if self.path else key)
        return found

    def items(self) -> Iterator[Document]:
        """Yield the values of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("this must be a list, `- …`")
        for index, node in enumerate(self.node.value):
            yield Document(self.name, node, f"{self.path}[{index}]")

    def text(self) -> str:
        """Return a text that is not blank."""
        if not isinstance(self.node, yaml.ScalarNode) or not self.node.value.strip():
            raise self.error("this must be a text")
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(item.text() for item in self.items())

    def number(self, low: float, high: float) -> float:
        """Return a number between two bounds."""
        text = self.node.value if isinstance(self.node, yaml.ScalarNode) else None
        try:
            found = float(str(text))
        except ValueError:
            found = math.nan
        if not low <= found <= high:
            raise self.error(f"this must be a number from {low:g} to {high:g}")
        return found

    def flag(self) -> bool:
        """Return true or false."""
        words = {"true": True, "false": False}
        if not isinstance(self.node, yaml.ScalarNode) or self.node.value not in words:
            raise self.error("this must be true or false")
        return words[self.node.value]

    def word(self, kind: type[E]) -> E:
        """Return a word of a closed vocabulary."""
        return kind(self.one_of(tuple(kind)))

    def one_of(self, words: Sequence[str]) -> str:
        """Return a text that is one of some words."""
        found = self.text()
        if found not in words:
            raise self.error(f"`{found}` is none of the words allowed here", f"allowed: {', '.join(words)}")
        return found


def _refuse_aliases(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark = event.start_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        if isinstance(event, yaml.AliasEvent):
            raise InvalidInput(f"{where}: aliases (`*name`) are not taken", code="yaml_invalid", hint="write it out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise InvalidInput(f"{where}: nested deeper than {MAX_DEPTH}", code="yaml_invalid")
