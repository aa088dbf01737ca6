"""The state machine of a rollout: what to do next, and what that makes of it; pure, so that it can be reconciled from what is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from clearance.delivery.model import (
    ACTIVE,
    Action,
    Analysis,
    MetricResult,
    Observation,
    OnFailure,
    Rollout,
    RolloutState,
    Transition,
)
from clearance.errors import Conflict
from clearance.statistics.verdicts import Verdict

_MEASURED = frozenset({Verdict.PASSED, Verdict.INCONCLUSIVE, Verdict.FAILED})
_ENDS = {
    Action.COMPLETE: (RolloutState.COMPLETED, 100.0),
    Action.ROLL_BACK: (RolloutState.ROLLED_BACK, 0.0),
    Action.ABORT: (RolloutState.ABORTED, 0.0),
}
_COMMANDS = {
    Action.PAUSE: frozenset({RolloutState.RUNNING}),
    Action.RESUME: frozenset({RolloutState.PAUSED}),
    Action.ROLL_BACK: ACTIVE,
    Action.ABORT: ACTIVE,
}


def decide_next(rollout: Rollout, observation: Observation, now: datetime) -> Transition:
    """Return what to do with the rollout now.

    What speaks against the candidate is looked at first, also while it is paused: a paused rollout still rolls back.
    A person resumes what is paused. Without an analysis nothing advances.
    """
    if rollout.state not in ACTIVE:
        return Transition(action=Action.STAY, reason=f"the rollout is {rollout.state.value}")
    if observation.refusal:
        return Transition(action=Action.ROLL_BACK, reason=f"the candidate may no longer serve: {observation.refusal}")
    if observation.analysis is None:
        return Transition(action=Action.STAY, reason=f"the arms could not be analysed: {observation.problem}")
    return _judge(rollout, observation.analysis, now)


def _judge(rollout: Rollout, analysis: Analysis, now: datetime) -> Transition:
    if stop := _failed(analysis, OnFailure.ROLL_BACK):
        return Transition(action=Action.ROLL_BACK, reason=stop.reason, breached=stop)
    if rollout.state is RolloutState.PAUSED:
        return Transition(action=Action.STAY, reason=f"paused: {rollout.reason}")
    if slow := _failed(analysis, OnFailure.PAUSE):
        return Transition(action=Action.PAUSE, reason=slow.reason, breached=slow)
    return _forward(rollout, analysis, now)


def _forward(rollout: Rollout, analysis: Analysis, now: datetime) -> Transition:
    step = rollout.strategy.steps[rollout.step]
    served = analysis.candidate_requests - rollout.step_requests_before
    if served < step.minimum_requests:
        waiting = f"the candidate has answered {max(0, served)} of the {step.minimum_requests} requests this step needs"
        return Transition(action=Action.STAY, reason=waiting)
    elapsed = (now - rollout.step_started_at).total_seconds()
    if elapsed < step.minimum_seconds:
        left = step.minimum_seconds - elapsed
        return Transition(action=Action.STAY, reason=f"this step lasts {left:.0f} s longer at least")
    missing = next((m for m in analysis.metrics if m.required and m.verdict not in _MEASURED), None)
    if missing is not None:
        return Transition(
            action=Action.STAY, reason=f"{missing.metric.value} is needed and not measured: {missing.reason}"
        )
    if rollout.step + 1 == len(rollout.strategy.steps):
        return Transition(action=Action.COMPLETE, reason="the last step held: nothing speaks against the candidate")
    weight = rollout.strategy.steps[rollout.step + 1].weight
    return Transition(action=Action.ADVANCE, reason=f"the step held: on to {weight:g}% of traffic")


def command(rollout: Rollout, action: Action, reason: str) -> Transition:
    """Return a person's action as a transition.

    Raises:
        Conflict: it does not fit the rollout's state.
    """
    if rollout.state not in _COMMANDS[action]:
        raise Conflict(
            f"rollout {rollout.id} is {rollout.state.value}: it can't {action.value.replace('_', ' ')} now",
            code="rollout_state",
            hint=f"`clearance rollouts show {rollout.id}` says what happened",
        )
    return Transition(action=action, reason=reason)


def apply(rollout: Rollout, transition: Transition, analysis: Analysis | None, now: datetime) -> Rollout:
    """Return the rollout after a transition; `stay` returns it as it was.

    Args:
        rollout: before.
        transition: from `decide_next` or `command`.
        analysis: the newest look at the arms; its counts mark where a step or the burn rate begins anew.
        now: time of the change.
    """
    action = transition.action
    if action is Action.STAY:
        return rollout
    changed = replace(rollout, reason=transition.reason, changed_at=now)
    if action in _ENDS:
        state, weight = _ENDS[action]
        return replace(changed, state=state, weight=weight, ended_at=now)
    if action is Action.PAUSE:
        return replace(changed, state=RolloutState.PAUSED)
    if action is Action.RESUME:
        return replace(
            changed,
            state=RolloutState.RUNNING,
            burn_requests_before=analysis.candidate_requests if analysis else rollout.burn_requests_before,
            burn_errors_before=analysis.candidate_errors if analysis else rollout.burn_errors_before,
        )
    assert analysis is not None, "nothing advances without an analysis"
    return replace(
        changed,
        step=rollout.step + 1,
        weight=rollout.strategy.steps[rollout.step + 1].weight,
        step_started_at=now,
        step_requests_before=analysis.candidate_requests,
    )


def _failed(analysis: Analysis, consequence: OnFailure) -> MetricResult | None:
    """Return the first failed metric with that consequence; strategies list the gravest first."""
    return next(
        (m for m in analysis.metrics if m.verdict is Verdict.FAILED and m.on_failure is consequence),
        None,
    )
