"""A figure against its bounds: passed, failed, inconclusive or not measured, with the sentence that says so; pure."""

from __future__ import annotations

from clearance.checks.figures import shown
from clearance.checks.model import Figure, Finding
from clearance.checks.parameters import By, FairnessThreshold, Threshold
from clearance.statistics.verdicts import Verdict


def judge(
    threshold: Threshold | FairnessThreshold, figure: Figure, *, about: str = "", aside: str = "", unmeasured: str = ""
) -> Finding:
    """Return how a figure stands to a threshold.

    By interval, a figure passes when its whole interval is within the bounds, fails when all of it is outside one, and
    is inconclusive in between; a figure without interval is then judged by its value.

    Args:
        threshold: the bounds.
        figure: what was measured.
        about: what it was measured on: ` by sex`, ` where region is north`.
        aside: appended to a sentence that says failed or inconclusive.
        unmeasured: why the figure has no value.
    """
    what = f"{threshold.figure.replace('_', ' ')}{about}"
    if figure.value is None:
        return Finding(verdict=Verdict.NOT_MEASURED, sentence=f"could not measure {what}: {unmeasured or 'no value'}")
    bounded = threshold.by is By.INTERVAL and figure.low is not None and figure.high is not None
    low, high = (figure.low, figure.high) if bounded else (figure.value, figure.value)
    assert low is not None
    assert high is not None
    minimum = float("-inf") if threshold.minimum is None else threshold.minimum
    maximum = float("inf") if threshold.maximum is None else threshold.maximum
    said = f"{what} is {shown(figure)}"
    if minimum <= low and high <= maximum:
        return Finding(verdict=Verdict.PASSED, sentence=f"{said}, {_bounds(threshold)}")
    if high < minimum or low > maximum:
        side = f"below {minimum:g}" if high < minimum else f"above {maximum:g}"
        return Finding(verdict=Verdict.FAILED, sentence=f"{said}, {side}{aside}")
    crossed = f"{minimum:g}" if low < minimum else f"{maximum:g}"
    return Finding(
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"{said}: the interval reaches over {crossed}, so more rows are needed to tell{aside}",
    )


def _bounds(threshold: Threshold | FairnessThreshold) -> str:
    ends = []
    if threshold.minimum is not None:
        ends.append(f"at least {threshold.minimum:g}")
    if threshold.maximum is not None:
        ends.append(f"at most {threshold.maximum:g}")
    return " and ".join(ends)
