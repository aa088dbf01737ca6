"""Suites in YAML: read with line and column in every error, and the ones that come with Clearance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources

from clearance import marked
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
from clearance.marked import Path
from clearance.values import sha256, value

MAX_CHARACTERS = 200_000


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
    found = marked.read(text, name, code="suite_invalid")
    plain = found.data
    if not isinstance(plain, dict):
        raise found.error((), "a suite is a mapping: name, version, checks")
    checks = plain.get("checks")
    for index, each in enumerate(checks if isinstance(checks, list) else ()):
        at: Path = ("checks", index)
        word = each.get("check") if isinstance(each, dict) else None
        if not isinstance(word, str) or word not in CHECKS:
            problem = f"`check` is {word!r}" if word else "a check is a mapping that begins with `check: NAME`"
            raise found.error((*at, "check"), problem, "known: " + ", ".join(CHECKS))
        found.fit(CHECKS[word], each, at)
    suite = found.fit(Suite, plain)
    for path, problem, hint in _contradictions(suite):
        raise found.error(path, problem, hint)
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
