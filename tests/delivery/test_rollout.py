"""The state machine of a rollout: each decision from a table, and what holds along every path."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clearance.delivery.model import (
    ACTIVE,
    Action,
    MetricName,
    MetricResult,
    Observation,
    OnFailure,
    Rollout,
    RolloutState,
    Step,
)
from clearance.delivery.rollout import apply, command, decide_next
from clearance.errors import Conflict
from clearance.statistics.verdicts import Verdict
from tests.delivery.samples import START, make_analysis, make_result, make_rollout, make_strategy

LATER = START + timedelta(seconds=60)
FAILED = make_result(verdict=Verdict.FAILED)
BURNING = make_result(MetricName.BURN_RATE, Verdict.FAILED, OnFailure.PAUSE)
PAUSED = {"state": RolloutState.PAUSED, "reason": "burning"}


def see(requests: int = 1000, *metrics: MetricResult, **changes: Any) -> Observation:
    return replace(Observation(analysis=make_analysis(requests, metrics=metrics)), **changes)


@pytest.mark.parametrize(
    ("changes", "observation", "now", "action", "says"),
    [
        ({}, see(99), LATER, Action.STAY, "99 of the 100"),
        ({"step_requests_before": 950}, see(1000), LATER, Action.STAY, "50 of the 100"),
        ({"step_requests_before": 2000}, see(1000), LATER, Action.STAY, "0 of the 100"),
        ({}, see(100), LATER - timedelta(seconds=1), Action.STAY, "1 s longer"),
        ({}, see(100), LATER, Action.ADVANCE, "50%"),
        ({"step": 1, "weight": 50}, see(100), LATER, Action.COMPLETE, "last step held"),
        ({}, see(100, FAILED), START, Action.ROLL_BACK, "error_rate failed"),
        ({}, see(100, BURNING), LATER, Action.PAUSE, "burn_rate failed"),
        ({}, see(100, BURNING, FAILED), LATER, Action.ROLL_BACK, "error_rate failed"),
        (PAUSED, see(100), LATER, Action.STAY, "burning"),
        (PAUSED, see(100, BURNING), LATER, Action.STAY, "burning"),
        (PAUSED, see(100, FAILED), LATER, Action.ROLL_BACK, "error_rate failed"),
        ({}, see(100, make_result(verdict=Verdict.INCONCLUSIVE, required=True)), LATER, Action.ADVANCE, "50%"),
        ({}, see(100, make_result(verdict=Verdict.PENDING, required=True)), LATER, Action.STAY, "not measured"),
        ({}, see(100, make_result(verdict=Verdict.PENDING)), LATER, Action.ADVANCE, "50%"),
        ({}, Observation(analysis=None, problem="the lake is away"), LATER, Action.STAY, "the lake is away"),
        ({}, see(0, refusal="it is quarantined"), START, Action.ROLL_BACK, "it is quarantined"),
        ({"state": RolloutState.COMPLETED}, see(100, FAILED), LATER, Action.STAY, "completed"),
        ({"state": RolloutState.ROLLED_BACK}, see(1000), LATER, Action.STAY, "rolled_back"),
    ],
)
def test_the_next_step_follows_from_what_is_seen(
    changes: dict[str, Any], observation: Observation, now: Any, action: Action, says: str
) -> None:
    transition = decide_next(make_rollout(**changes), observation, now)
    assert transition.action is action
    assert says in transition.reason


def test_a_rollback_names_the_metric_that_was_breached() -> None:
    assert decide_next(make_rollout(), see(100, FAILED), LATER).breached == FAILED


def test_a_resumed_rollout_counts_its_burn_rate_anew() -> None:
    paused = make_rollout(**PAUSED)
    resumed = apply(paused, command(paused, Action.RESUME, "found it"), make_analysis(300, errors=9), LATER)
    assert resumed.state is RolloutState.RUNNING
    assert (resumed.burn_requests_before, resumed.burn_errors_before) == (300, 9)


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (RolloutState.PAUSED, Action.PAUSE),
        (RolloutState.RUNNING, Action.RESUME),
        (RolloutState.COMPLETED, Action.ABORT),
        (RolloutState.ROLLED_BACK, Action.RESUME),
        (RolloutState.ABORTED, Action.ROLL_BACK),
    ],
)
def test_an_action_that_does_not_fit_the_state_is_refused(state: RolloutState, action: Action) -> None:
    with pytest.raises(Conflict, match=state.value):
        command(make_rollout(state=state), action, "because")


class RolloutMachine(RuleBasedStateMachine):
    """Drives one rollout with arbitrary observations, waits and people."""

    rollout: Rollout
    ended_with: Rollout | None

    @initialize(
        weights=st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True).map(sorted),
        needed=st.integers(1, 50),
    )
    def start(self, weights: list[int], needed: int) -> None:
        plan = make_strategy([Step(weight=w, minimum_seconds=10, minimum_requests=needed) for w in weights])
        self.rollout = make_rollout(strategy=plan)
        self.needed, self.now, self.requests = needed, START, 0
        self.ended_with = None

    @rule(
        more=st.integers(0, 60),
        seconds=st.floats(0, 30),
        verdict=st.sampled_from(list(Verdict)),
        consequence=st.sampled_from(list(OnFailure)),
        refusal=st.sampled_from(["", "", "", "quarantined"]),
    )
    def reconcile(self, more: int, seconds: float, verdict: Verdict, consequence: OnFailure, refusal: str) -> None:
        self.now += timedelta(seconds=seconds)
        self.requests += more
        result = make_result(verdict=verdict, on_failure=consequence, required=True)
        observation = see(self.requests, result, refusal=refusal)
        before = self.rollout
        transition = decide_next(before, observation, self.now)
        self.rollout = apply(before, transition, observation.analysis, self.now)
        if transition.action in {Action.ADVANCE, Action.COMPLETE}:
            assert self.requests - before.step_requests_before >= self.needed
            assert verdict in {Verdict.PASSED, Verdict.INCONCLUSIVE}
        again = decide_next(self.rollout, observation, self.now)
        assert again.action is Action.STAY, "the same observation moves a rollout once"
        assert apply(self.rollout, again, observation.analysis, self.now) == self.rollout

    @rule()
    def lose_sight(self) -> None:
        transition = decide_next(self.rollout, Observation(analysis=None, problem="no lake"), self.now)
        assert transition.action is Action.STAY

    @precondition(lambda self: self.rollout.state in ACTIVE)
    @rule(action=st.sampled_from([Action.PAUSE, Action.RESUME, Action.ABORT]))
    def a_person_acts(self, action: Action) -> None:
        try:
            transition = command(self.rollout, action, "somebody wants it")
        except Conflict:
            return
        self.rollout = apply(self.rollout, transition, make_analysis(self.requests), self.now)

    @invariant()
    def the_weight_is_one_of_the_strategy_or_nothing_or_all(self) -> None:
        if not hasattr(self, "rollout"):
            return
        steps = {step.weight for step in self.rollout.strategy.steps}
        expected = {RolloutState.COMPLETED: {100.0}, RolloutState.ROLLED_BACK: {0.0}, RolloutState.ABORTED: {0.0}}
        assert self.rollout.weight in expected.get(self.rollout.state, steps)

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        if not hasattr(self, "rollout") or self.rollout.state in ACTIVE:
            return
        assert self.rollout.ended_at is not None
        assert self.ended_with in {None, self.rollout}
        self.ended_with = self.rollout


TestRolloutMachine = RolloutMachine.TestCase
