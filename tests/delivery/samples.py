"""Rollouts, strategies and figures that the delivery tests share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from clearance.delivery import strategy
from clearance.delivery.model import (
    Analysis,
    MetricName,
    MetricResult,
    OnFailure,
    Rollout,
    RolloutState,
    Step,
    Strategy,
)
from clearance.statistics.verdicts import Verdict

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STEPS = (
    Step(weight=10, minimum_seconds=60, minimum_requests=100),
    Step(weight=50, minimum_seconds=60, minimum_requests=100),
)


def make_strategy(steps: Sequence[Step] = STEPS) -> Strategy:
    return strategy.with_steps(strategy.load("canary"), tuple(steps))


def make_rollout(**changes: Any) -> Rollout:
    plan = changes.pop("strategy", make_strategy())
    fields: dict[str, Any] = {
        "id": "rol_1",
        "model": "car-loan",
        "environment": "production",
        "stable": 1,
        "candidate": 2,
        "strategy": plan,
        "state": RolloutState.RUNNING,
        "weight": plan.steps[0].weight,
        "step": 0,
        "step_started_at": START,
        "step_requests_before": 0,
        "burn_requests_before": 0,
        "burn_errors_before": 0,
        "events_from": START,
        "reason": "started",
        "started_at": START,
        "started_by": "user:ada",
        "changed_at": START,
        "ended_at": None,
        "decision_id": "dec_1",
    }
    return Rollout(**{**fields, **changes})


def make_result(
    metric: MetricName = MetricName.ERROR_RATE,
    verdict: Verdict = Verdict.PASSED,
    on_failure: OnFailure = OnFailure.ROLL_BACK,
    *,
    required: bool = False,
) -> MetricResult:
    return MetricResult(
        metric=metric,
        verdict=verdict,
        reason=f"{metric.value} {verdict.value}",
        limit=0.01,
        on_failure=on_failure,
        required=required,
        candidate=0.0,
        stable=0.0,
        effect=0.0,
        low=-0.01,
        high=0.01,
        candidate_samples=100,
        stable_samples=900,
    )


def make_analysis(requests: int = 1000, errors: int = 0, metrics: Sequence[MetricResult] = ()) -> Analysis:
    return Analysis(
        at=START,
        candidate_requests=requests,
        candidate_errors=errors,
        stable_requests=requests * 9,
        stable_errors=0,
        metrics=tuple(metrics),
        table_versions={"events": 7, "labels": 1},
        window_start=START,
        code="clearance test",
    )
