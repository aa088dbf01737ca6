"""Suites in YAML: read with line and column in every error, and the ones that come with Clearance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import yaml
from pydantic import ValidationError

from clearance.checks.model import SuiteText
from clearance.checks.parameters import (
    CHECKS,
    FAIRNESS_FIGURES,
    PERFORMANCE_FIGURES,
    FairnessThreshold,
    Suite,
    Threshold,
)
from clearance.errors import InvalidInput, NotFound
from clearance.values import parse as make
from clearance.values import sha256, value

MAX_CHARACTERS = 200_000

Path = tuple[str | int, ...]


@value
class SuiteDocument:
    """A suite with the text it was read from; `digest` is that of the text."""

    suite: Suite
    source: str
    digest: str

    def text(self) -> SuiteText:
        """Return what is shown of it."""
        return SuiteText(
            name=self.suite.name,
            version=self.suite.version,
            description=self.suite.description,
            checks=tuple(each.check for each in self.suite.checks),
            digest=self.digest,
            source=self.source,
        )


def parse(text: str, name: str = "suite.yaml") -> SuiteDocument:
    """Read a suite.

    Args:
        text: the YAML.
        name: what to call it in errors.

    Raises:
        InvalidInput: code `suite_invalid`; the message has name, line and column, and what is wrong there.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(f"{name} is longer than {MAX_CHARACTERS:,} characters", code="suite_invalid")
    plain, marks = _compose(text, name)
    where = _Where(name, marks)
    if not isinstance(plain, dict):
        raise where.error((), "a suite is a mapping: name, version, checks")
    checks = plain.get("checks")
    for index, each in enumerate(checks if isinstance(checks, list) else ()):
        at: Path = ("checks", index)
        word = each.get("check") if isinstance(each, dict) else None
        if not isinstance(word, str) or word not in CHECKS:
            problem = f"`check` is {word!r}" if word else "a check is a mapping that begins with `check: NAME`"
            raise where.error((*at, "check"), problem, "known: " + ", ".join(CHECKS))
        _validate(CHECKS[word], each, at, where)
    suite: Suite = _validate(Suite, plain, (), where)
    for path, problem, hint in _contradictions(suite):
        raise where.error(path, problem, hint)
    return SuiteDocument(suite=suite, source=text, digest=sha256(text.encode()))


def builtin(name: str) -> SuiteDocument:
    """Return a suite that comes with Clearance.

    Raises:
        NotFound: there is none of that name.
    """
    found = builtins()
    if name not in found:
        raise NotFound(
            f"there is no suite {name!r}",
            code="suite_not_found",
            hint="there are " + ", ".join(found) + "; or send your own",
        )
    return found[name]


@cache
def builtins() -> Mapping[str, SuiteDocument]:
    """Return every suite that comes with Clearance, by name, sorted."""
    folder = resources.files("clearance.checks") / "suites"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    read = [parse(file.read_text(encoding="utf-8"), file.name) for file in files]
    return {each.suite.name: each for each in read}


class _Where:
    """Turns a path in the data into a place in the text."""

    def __init__(self, name: str, marks: Mapping[Path, tuple[int, int]]) -> None:
        self._name, self._marks = name, marks

    def error(self, path: Path, problem: str, hint: str = "") -> InvalidInput:
        known = path
        while known not in self._marks:
            known = known[:-1]
        line, column = self._marks[known]
        label = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return InvalidInput(
            f"{self._name}:{line}:{column}: {label + ': ' if label else ''}{problem}",
            code="suite_invalid",
            hint=hint,
            details={"line": line, "column": column, "path": label},
        )


def _compose(text: str, name: str) -> tuple[Any, Mapping[Path, tuple[int, int]]]:
    try:
        _refuse_aliases(text, name)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise InvalidInput(f"{name} is empty", code="suite_invalid")
        marks = {path: (at.line + 1, at.column + 1) for path, at in _marks(node, (), name)}
        return loader.construct_document(node), marks
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise InvalidInput(f"{name}{place}: {error.problem or error.context}", code="suite_invalid") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{name}: {' '.join(str(error).split())}", code="suite_invalid") from None


def _refuse_aliases(text: str, name: str) -> None:
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            mark = event.start_mark
            place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            raise InvalidInput(
                f"{name}{place}: aliases (`*name`) are not taken",
                code="suite_invalid",
                hint="write it out",
            )


def _marks(node: yaml.Node, path: Path, name: str) -> Iterator[tuple[Path, yaml.Mark]]:
    yield path, node.start_mark
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _marks(child, (*path, index), name)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                problem = (
                    f"`{key.value}` is there twice" if isinstance(key, yaml.ScalarNode) else "a key must be a word"
                )
                place = f"{name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
                raise InvalidInput(f"{place}: {problem}", code="suite_invalid")
            seen.add(key.value)
            yield from _marks(child, (*path, key.value), name)


def _validate(kind: Any, data: Any, path: Path, where: _Where) -> Any:
    try:
        return make(kind, data)
    except ValidationError as error:
        first = error.errors()[0]
        at = _known(first["loc"], data)
        missing = first["type"] == "missing"
        problem = f"`{first['loc'][-1]}` is missing" if missing else first["msg"]
        raise where.error((*path, *at), problem) from None


def _known(loc: Path, data: Any) -> Path:
    """Return the part of an error's path that is in the document; pydantic also names the members of unions."""
    at: list[str | int] = []
    for part in loc:
        children = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(children, dict) and part in children:
            at.append(part)
            data = children[part]
    return tuple(at)


def _contradictions(suite: Suite) -> Iterator[tuple[Path, str, str]]:
    """Yield what is well-formed but can't be meant."""
    words = [each.check for each in suite.checks]
    for index, each in enumerate(suite.checks):
        at: Path = ("checks", index)
        if words.index(each.check) != index:
            yield at, f"the check {each.check} is there twice", "a suite has each check once"
        if each.check in {"data", "performance", "fairness"} and not suite.label:
            yield (), f"`label` is missing: the check {each.check} needs it", "name the column that holds the truth"
        if each.check == "performance":
            yield from _threshold_faults(each.thresholds, (*at, "thresholds"), PERFORMANCE_FIGURES)
            yield from _threshold_faults(each.slice_thresholds, (*at, "slice_thresholds"), PERFORMANCE_FIGURES)
        if each.check == "fairness":
            yield from _threshold_faults(each.thresholds, (*at, "thresholds"), FAIRNESS_FIGURES)
            known = {name if isinstance(name, str) else name.name for name in each.attributes}
            for number, names in enumerate(each.intersections):
                if len(names) < 2 or not set(names) <= known:
                    yield (*at, "intersections", number), "an intersection names two or more of the attributes", ""
            judged = known | {" & ".join(names) for names in each.intersections}
            for number, threshold in enumerate(each.thresholds):
                if unknown := sorted(set(threshold.attributes) - judged):
                    place: Path = (*at, "thresholds", number, "attributes")
                    yield place, f"there is no attribute {unknown[0]!r}", "known: " + ", ".join(sorted(judged))


def _threshold_faults(
    thresholds: Sequence[Threshold | FairnessThreshold], path: Path, known: Sequence[str]
) -> Iterator[tuple[Path, str, str]]:
    for index, each in enumerate(thresholds):
        if each.figure not in known:
            yield (*path, index, "figure"), f"there is no figure {each.figure!r}", "known: " + ", ".join(known)
        if each.minimum is None and each.maximum is None:
            yield (*path, index), "a threshold needs a `minimum` or a `maximum`", ""
        if each.minimum is not None and each.maximum is not None and each.minimum > each.maximum:
            yield (*path, index), "the minimum is above the maximum", ""
