"""What a check answers, and how thresholds and findings become one verdict with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime

from clearance.statistics.verdicts import Verdict
from clearance.values import request, value


@value
class Figure:
    """A measured number: its value (None where it could not be computed), the ends of its interval, and its unit.

    Name and slice together tell figures of a check apart. `slice` is None for the whole dataset; `{"attribute": …,
    "group": …}` for one group, or for a disparity by an attribute, where the group is the one with the lowest rate.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    slice: Mapping[str, str] | None = None
    unit: str = ""


@value
class CheckResult:
    """How a check ended, why, and the figures that say so."""

    check: str
    verdict: Verdict
    reason: str
    figures: tuple[Figure, ...] = ()


@value
class StoredResult:
    """A check's result as it stands in a signed statement."""

    statement: str
    model: str
    number: int
    suite: str
    suite_digest: str
    result: CheckResult
    datasets: Mapping[str, str]
    added_at: datetime
    signer: str


@value
class SuiteRun:
    """What a suite found about a version: one stored, signed result for each check."""

    model: str
    number: int
    suite: str
    suite_digest: str
    results: tuple[StoredResult, ...]


@value
class SuiteText:
    """A suite as anyone may read it: the words of its checks, and the YAML that `digest` names."""

    name: str
    version: int
    description: str
    checks: tuple[str, ...]
    digest: str
    source: str


@request
class NewRun:
    """A suite to run: a built-in one by name, or the YAML text of one's own; and datasets (role → digest)."""

    suite: str = ""
    document: str = ""
    name: str = "suite.yaml"
    """What to call the document in error messages."""
    datasets: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    """Run these checks of the suite and leave what is known of the others; all of them when empty."""


@value
class Finding:
    """One thing a check looked at: how it ended, and the sentence that says so."""

    verdict: Verdict
    sentence: str


_WORST_FIRST = (Verdict.FAILED, Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE, Verdict.PASSED)


def conclude(
    check: str, findings: Iterable[Finding], figures: Iterable[Figure], *, notes: Iterable[str] = ()
) -> CheckResult:
    """Return the result of a check: the worst of its findings decides, and their sentences are the reason.

    Nothing found at all is not_measured: an empty list of demands is never passed.
    """
    found = tuple(findings)
    worst = next((word for word in _WORST_FIRST if any(each.verdict is word for each in found)), None)
    if worst is None:
        return CheckResult(
            check=check,
            verdict=Verdict.NOT_MEASURED,
            reason="the suite demands nothing of this check",
            figures=tuple(figures),
        )
    sentences = [each.sentence for each in found if each.verdict is worst]
    return CheckResult(
        check=check, verdict=worst, reason="; ".join(dict.fromkeys([*sentences, *notes])), figures=tuple(figures)
    )
