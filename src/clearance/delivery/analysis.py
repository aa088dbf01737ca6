"""Compares a candidate with the stable version on live figures; pure, and valid however often it is looked at.

Both arms get random shares of the same traffic, so that they differ only by the version. Each comparison is an
always-valid confidence sequence (statistics/sequential.py); the strategy's alpha is shared evenly between them, so that
an equal candidate is ever stopped with probability alpha at most. It assumes that within an arm rows are exchangeable over
the rollout; traffic that changes while weights change is read as stable-against-candidate only in aggregate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from clearance.delivery.arms import THRESHOLDS, ArmFigures
from clearance.delivery.judgement import (
    at_most,
    distance,
    gap,
    judged,
    one_sided,
    pending,
    ratio,
    result,
    spread,
    too_few,
    two_sided,
)
from clearance.delivery.model import Analysis, Metric, MetricName, MetricResult, Rollout
from clearance.statistics import sequential
from clearance.statistics.sequential import Arm
from clearance.statistics.verdicts import Verdict

SEQUENTIAL = frozenset(MetricName) - {MetricName.ERROR_BUDGET}
"""Metrics that share alpha; the error budget is a count, not a comparison."""
_P95 = 0.95


def analyse(
    rollout: Rollout,
    candidate: ArmFigures,
    stable: ArmFigures,
    *,
    at: datetime,
    table_versions: Mapping[str, int],
    code: str,
) -> Analysis:
    """Return what the arms say, metric by metric in the strategy's order.

    Args:
        rollout: with its strategy and the marks from which the burn rate counts.
        candidate: figures of the candidate's events.
        stable: figures of the stable version's events beside it.
        at: time of the look.
        table_versions: versions of the tables that the figures were read from.
        code: which program computes (`clearance 0.1.0`).
    """
    tested = sum(metric.name in SEQUENTIAL for metric in rollout.strategy.metrics)
    alpha = rollout.strategy.alpha / max(1, tested)
    return Analysis(
        at=at,
        candidate_requests=candidate.requests,
        candidate_errors=candidate.errors,
        stable_requests=stable.requests,
        stable_errors=stable.errors,
        metrics=tuple(
            _MEASURES[metric.name](rollout, metric, candidate, stable, alpha) for metric in rollout.strategy.metrics
        ),
        table_versions=dict(table_versions),
        window_start=rollout.events_from,
        code=code,
    )


def _error_rate(
    _rollout: Rollout, metric: Metric, candidate: ArmFigures, stable: ArmFigures, alpha: float
) -> MetricResult:
    first, second = Arm(n=candidate.requests, total=candidate.errors), Arm(n=stable.requests, total=stable.errors)
    return one_sided(metric, first, second, alpha, "fails {candidate:.2%} of requests, stable {stable:.2%}")


def _accuracy_loss(
    _rollout: Rollout, metric: Metric, candidate: ArmFigures, stable: ArmFigures, alpha: float
) -> MetricResult:
    first = Arm(n=candidate.labelled, total=candidate.labelled - candidate.correct)
    second = Arm(n=stable.labelled, total=stable.labelled - stable.correct)
    return one_sided(
        metric, first, second, alpha, "is wrong in {candidate:.1%} of labelled rows, stable in {stable:.1%}"
    )


def _positive_rate(
    _rollout: Rollout, metric: Metric, candidate: ArmFigures, stable: ArmFigures, alpha: float
) -> MetricResult:
    first = Arm(n=candidate.predictions, total=candidate.positives)
    second = Arm(n=stable.predictions, total=stable.positives)
    if waiting := too_few(metric, first.n, second.n):
        return waiting
    bounds = sequential.difference_bounds(first, second, alpha)
    text = "says yes to {candidate:.1%} of rows, stable to {stable:.1%}"
    return judged(metric, first, second, two_sided(bounds, metric.limit), bounds, text)


def _score_shift(
    _rollout: Rollout, metric: Metric, candidate: ArmFigures, stable: ArmFigures, alpha: float
) -> MetricResult:
    if candidate.predictions >= metric.minimum_samples and not candidate.scores + stable.scores:
        return result(metric, Verdict.NOT_APPLICABLE, "these versions give no scores", samples=(0, 0))
    if waiting := too_few(metric, candidate.scores, stable.scores):
        return waiting
    gaps = []
    for position in range(len(THRESHOLDS)):
        first = Arm(n=candidate.scores, total=candidate.scores_above[position])
        second = Arm(n=stable.scores, total=stable.scores_above[position])
        gaps.append((first, second, sequential.difference_bounds(first, second, alpha / len(THRESHOLDS))))
    verdicts = [two_sided(bounds, metric.limit) for _, _, bounds in gaps]
    verdict = next(
        (word for word in (Verdict.FAILED, Verdict.INCONCLUSIVE) if word in verdicts),
        Verdict.PASSED,
    )
    # The threshold that shows most: the one whose interval lies farthest from zero, else the widest gap seen.
    position = max(range(len(gaps)), key=lambda at: (distance(gaps[at][2]), gap(gaps[at][0], gaps[at][1])))
    first, second, bounds = gaps[position]
    text = f"scores above {THRESHOLDS[position]:g} " + "{candidate:.1%} of rows, stable {stable:.1%}"
    return judged(metric, first, second, verdict, bounds, text)


def _latency_p95(
    _rollout: Rollout, metric: Metric, candidate: ArmFigures, stable: ArmFigures, alpha: float
) -> MetricResult:
    if waiting := too_few(metric, len(candidate.latencies), len(stable.latencies)):
        return waiting
    seen = [sequential.quantile(arm.latencies, _P95) for arm in (candidate, stable)]
    ours, theirs = (sequential.quantile_bounds(arm.latencies, _P95, alpha / 2) for arm in (candidate, stable))
    assert seen[0] is not None
    assert seen[1] is not None
    low = ratio(ours.low, theirs.high)
    high = ratio(ours.high, theirs.low)
    verdict = at_most(low, high, metric.limit)
    return result(
        metric,
        verdict,
        f"the candidate's P95 is {seen[0]:.1f} ms, stable's {seen[1]:.1f} ms; "
        + spread(low, high, metric.limit, "the ratio is"),
        candidate=seen[0],
        stable=seen[1],
        effect=ratio(seen[0], seen[1]),
        low=low,
        high=high,
        samples=(len(candidate.latencies), len(stable.latencies)),
    )


def _error_budget(
    rollout: Rollout, metric: Metric, candidate: ArmFigures, stable: ArmFigures, _alpha: float
) -> MetricResult:
    """Share of the period's budget used: failures / ((1 - objective) x requests of a whole period at the rate seen)."""
    samples = (candidate.requests, stable.requests)
    if candidate.requests < metric.minimum_samples:
        return pending(metric, samples, f"{candidate.requests} of the {metric.minimum_samples} requests it needs")
    seconds = _seconds(candidate, stable)
    if not seconds:
        return result(
            metric, Verdict.NOT_MEASURED, "all events have the same time: no rate of traffic", samples=samples
        )
    period = rollout.strategy.budget_days * 86_400
    expected = (candidate.requests + stable.requests) * period / seconds
    budget = (1 - rollout.strategy.availability_objective) * expected
    if budget * metric.limit < 1:
        thin = f"the traffic is too thin: {metric.limit:.0%} of the budget is less than one failure"
        return result(metric, Verdict.NOT_MEASURED, thin, samples=samples)
    used = candidate.errors / budget
    return result(
        metric,
        Verdict.FAILED if used > metric.limit else Verdict.PASSED,
        f"the candidate's {candidate.errors} failures used {used:.1%} of the error budget of "
        f"{rollout.strategy.budget_days:g} days; the limit is {metric.limit:.0%}",
        candidate=used,
        effect=used,
        samples=samples,
    )


def _burn_rate(
    rollout: Rollout, metric: Metric, candidate: ArmFigures, _stable: ArmFigures, alpha: float
) -> MetricResult:
    """Failure rate over the rate that the objective allows, since the rollout was last resumed."""
    requests = max(0, candidate.requests - rollout.burn_requests_before)
    errors = min(requests, max(0, candidate.errors - rollout.burn_errors_before))
    if requests < metric.minimum_samples:
        return pending(metric, (requests, 0), f"{requests} of the {metric.minimum_samples} requests it needs")
    allowed = 1 - rollout.strategy.availability_objective
    bounds = sequential.mean_bounds(Arm(n=requests, total=errors), alpha)
    low, high, seen = bounds.low / allowed, bounds.high / allowed, errors / requests / allowed
    verdict = at_most(low, high, metric.limit)
    return result(
        metric,
        verdict,
        f"the candidate burns the error budget at {seen:.1f} times the rate allowed; "
        + spread(low, high, metric.limit, "the true rate is"),
        candidate=seen,
        effect=seen,
        low=low,
        high=high,
        samples=(requests, 0),
    )


_MEASURES: dict[MetricName, Callable[[Rollout, Metric, ArmFigures, ArmFigures, float], MetricResult]] = {
    MetricName.ERROR_RATE: _error_rate,
    MetricName.ERROR_BUDGET: _error_budget,
    MetricName.ACCURACY_LOSS: _accuracy_loss,
    MetricName.SCORE_SHIFT: _score_shift,
    MetricName.POSITIVE_RATE: _positive_rate,
    MetricName.LATENCY_P95: _latency_p95,
    MetricName.BURN_RATE: _burn_rate,
}


def _seconds(candidate: ArmFigures, stable: ArmFigures) -> float:
    first = [arm.first_at for arm in (candidate, stable) if arm.first_at]
    last = [arm.last_at for arm in (candidate, stable) if arm.last_at]
    return (max(last) - min(first)).total_seconds() if first and last else 0.0
