"""Judges one comparison: from an interval and a limit to a verdict with its reason; pure."""

from __future__ import annotations

from math import isinf

from clearance.delivery.model import Metric, MetricResult
from clearance.statistics import sequential
from clearance.statistics.sequential import Arm, Bounds
from clearance.statistics.verdicts import Verdict


def one_sided(metric: Metric, first: Arm, second: Arm, alpha: float, text: str) -> MetricResult:
    """Judge a rate of which more is worse."""
    if waiting := too_few(metric, first.n, second.n):
        return waiting
    bounds = sequential.difference_bounds(first, second, alpha)
    verdict = at_most(bounds.low, bounds.high, metric.limit)
    return judged(metric, first, second, verdict, bounds, text)


def at_most(low: float | None, high: float | None, limit: float) -> Verdict:
    if low is not None and low > limit:
        return Verdict.FAILED
    return Verdict.PASSED if high is not None and high <= limit else Verdict.INCONCLUSIVE


def two_sided(bounds: Bounds, limit: float) -> Verdict:
    if bounds.low > limit or bounds.high < -limit:
        return Verdict.FAILED
    return Verdict.PASSED if -limit <= bounds.low and bounds.high <= limit else Verdict.INCONCLUSIVE


def judged(metric: Metric, first: Arm, second: Arm, verdict: Verdict, bounds: Bounds, text: str) -> MetricResult:
    assert first.mean is not None
    assert second.mean is not None
    sentence = "the candidate " + text.format(candidate=first.mean, stable=second.mean)
    return result(
        metric,
        verdict,
        f"{sentence}; " + spread(bounds.low, bounds.high, metric.limit, "the difference is"),
        candidate=first.mean,
        stable=second.mean,
        effect=first.mean - second.mean,
        low=bounds.low,
        high=bounds.high,
        samples=(first.n, second.n),
    )


def too_few(metric: Metric, candidate: int, stable: int) -> MetricResult | None:
    fewest = min(candidate, stable)
    if fewest >= metric.minimum_samples:
        return None
    which = "candidate" if candidate <= stable else "stable"
    return pending(
        metric, (candidate, stable), f"{fewest} of the {metric.minimum_samples} samples it needs from {which}"
    )


def pending(metric: Metric, samples: tuple[int, int], what: str) -> MetricResult:
    return result(metric, Verdict.PENDING, f"waiting for data: {what}", samples=samples)


def result(
    metric: Metric,
    verdict: Verdict,
    reason: str,
    *,
    samples: tuple[int, int],
    candidate: float | None = None,
    stable: float | None = None,
    effect: float | None = None,
    low: float | None = None,
    high: float | None = None,
) -> MetricResult:
    return MetricResult(
        metric=metric.name,
        verdict=verdict,
        reason=reason,
        limit=metric.limit,
        on_failure=metric.on_failure,
        required=metric.required,
        candidate=candidate,
        stable=stable,
        effect=effect,
        low=low,
        high=high,
        candidate_samples=samples[0],
        stable_samples=samples[1],
    )


def spread(low: float | None, high: float | None, limit: float, subject: str) -> str:
    least, most = ("?" if edge is None else f"{edge:.3g}" for edge in (low, high))
    return f"{subject} between {least} and {most}, the limit {limit:g}"


def ratio(above: float, below: float) -> float | None:
    """Return a ratio of latencies; None where it is unbounded or either side is unknown."""
    if isinf(above) or isinf(below) or below <= 0:
        return None
    return above / below


def distance(bounds: Bounds) -> float:
    return max(bounds.low, -bounds.high)


def gap(first: Arm, second: Arm) -> float:
    return abs((first.mean or 0.0) - (second.mean or 0.0))
