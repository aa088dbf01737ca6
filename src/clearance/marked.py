"""A YAML or JSON text whose values know their line and column, so that an error can say where it is; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from clearance.errors import InvalidInput
from clearance.values import parse

T = TypeVar("T")
MAX_DEPTH = 20
Path = tuple[str | int, ...]
"""How to get to a value: keys and places in lists."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What a text says, and where it says it.

    Attributes:
        name: what the text is called in errors.
        code: of those errors.
        data: what `yaml.safe_load` makes of it, or, as it is written, its mappings, lists and texts.
        marks: line and column, from 1, by path.
    """

    name: str
    code: str
    data: Any
    marks: Mapping[Path, tuple[int, int]]

    def error(self, path: Path, problem: str, hint: str = "", *, code: str = "") -> InvalidInput:
        """Return the error to raise about a value, or, of one that is not there, about what it should be in.

        `code`: of this one, where it has another than the rest.
        """
        known = path
        while known not in self.marks:
            known = known[:-1]
        line, column = self.marks[known]
        label = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return InvalidInput(
            f"{self.name}:{line}:{column}: {label + ': ' if label else ''}{problem}",
            code=code or self.code,
            hint=hint,
            details={"line": line, "column": column, "path": label},
        )

    def fit(self, kind: type[T], data: Any, path: Path = ()) -> T:
        """Return the value that a part of the data is.

        Raises:
            InvalidInput: it does not fit.
        """
        try:
            return parse(kind, data)
        except ValidationError as error:
            first = error.errors()[0]
            at = _known(first["loc"], data)
            missing = first["type"] == "missing"
            problem = f"`{first['loc'][-1]}` is missing" if missing else first["msg"]
            raise self.error((*path, *at), problem) from None


def read(
    text: str | bytes, name: str, *, code: str, aliases: bool = False, as_written: bool = False, hint: str = ""
) -> Marked:
    """Parse a text.

    Args:
        text: YAML, or JSON, which is YAML.
        name: what to call it in errors.
        code: of every error.
        aliases: whether `*name` is taken; from others than its own author it is not, for it can grow without end.
        as_written: whether every number, date and flag stays the text that it is written as, so that `1.10` is not 1.1.
        hint: what to do about a text that can't be parsed.

    Raises:
        InvalidInput: it can't be parsed, is empty, nested deeper than MAX_DEPTH, or has a key twice; with line and column.
    """
    kind = yaml.BaseLoader if as_written else yaml.SafeLoader
    try:
        _refuse_excess(text, name, code, aliases=aliases)
        loader = kind(text)
        node = loader.get_single_node()
        if node is None:
            raise InvalidInput(f"{name} is empty", code=code, hint=hint)
        marks = {path: (at.line + 1, at.column + 1) for path, at in _marks(node, (), name, code)}
        return Marked(name, code, loader.construct_document(node), marks)
    except yaml.MarkedYAMLError as error:
        place = _place(name, error.problem_mark or error.context_mark)
        raise InvalidInput(f"{place}: {error.problem or error.context}", code=code, hint=hint) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInput(f"{name} is not text: {' '.join(str(error).split())}", code=code, hint=hint) from None


def _place(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name


def _refuse_excess(text: str | bytes, name: str, code: str, *, aliases: bool) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = _place(name, event.start_mark)
        if isinstance(event, yaml.AliasEvent) and not aliases:
            raise InvalidInput(f"{place}: aliases (`*name`) are not taken", code=code, hint="write it out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InvalidInput(f"{place}: nested deeper than {MAX_DEPTH}", code=code)


def _marks(node: yaml.Node, path: Path, name: str, code: str) -> Iterator[tuple[Path, yaml.Mark]]:
    yield path, node.start_mark
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _marks(child, (*path, index), name, code)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                twice = isinstance(key, yaml.ScalarNode)
                problem = f"`{key.value}` is there twice" if twice else "a key must be a word"
                raise InvalidInput(f"{_place(name, key.start_mark)}: {problem}", code=code)
            seen.add(key.value)
            yield from _marks(child, (*path, key.value), name, code)


def _known(loc: Path, data: Any) -> Path:
    """Return the part of an error's path that is in the document; pydantic also names the members of unions."""
    at: list[str | int] = []
    for part in loc:
        children = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(children, dict) and part in children:
            at.append(part)
            data = children[part]
    return tuple(at)
