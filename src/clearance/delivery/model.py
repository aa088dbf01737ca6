"""Values of delivery: pointers and their moves, strategies, rollouts and what analysing one found; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from clearance.policy.model import Admission, Decision, Standing
from clearance.statistics.verdicts import Verdict
from clearance.values import request, value


class MetricName(StrEnum):
    """What candidate and stable are compared on, or what the candidate alone is held to."""

    ERROR_RATE = "error_rate"
    """Failed share of requests: candidate minus stable."""
    LATENCY_P95 = "latency_p95"
    """95th percentile of latency: candidate over stable."""
    POSITIVE_RATE = "positive_rate"
    """Share of positive predictions: candidate minus stable, either way."""
    SCORE_SHIFT = "score_shift"
    """Largest gap between the arms' score distributions."""
    ACCURACY_LOSS = "accuracy_loss"
    """Share of right predictions where labels have come: stable minus candidate."""
    ERROR_BUDGET = "error_budget"
    """Share of the period's error budget that the candidate's failures have used."""
    BURN_RATE = "burn_rate"
    """How many times faster than the objective allows the candidate fails, since the rollout was last resumed."""

    @property
    def words(self) -> str:
        """Return what is compared, for people."""
        return _METRICS[self]


_METRICS = {
    MetricName.ERROR_RATE: "error rate",
    MetricName.LATENCY_P95: "95th percentile of latency",
    MetricName.POSITIVE_RATE: "share of positive answers",
    MetricName.SCORE_SHIFT: "shift of the scores",
    MetricName.ACCURACY_LOSS: "loss of accuracy",
    MetricName.ERROR_BUDGET: "error budget used",
    MetricName.BURN_RATE: "burn rate of the error budget",
}


class OnFailure(StrEnum):
    """What a failed metric does to the rollout."""

    ROLL_BACK = "roll_back"
    PAUSE = "pause"


@value
class Metric:
    """One comparison of a strategy: where its limit lies, and what to do beyond it."""

    name: MetricName
    limit: float
    minimum_samples: int
    """Fewest observations in each arm it looks at before it says anything."""
    on_failure: OnFailure
    required: bool
    """Whether the rollout stays where it is until this was measured."""
    source: str
    """Where the limit comes from."""


@value
class Step:
    """How much traffic the candidate gets (percent), for how long (seconds) and how many of its own requests at least."""

    weight: float
    minimum_seconds: float
    minimum_requests: int


@value
class Strategy:
    """How a candidate is given more traffic, and what stops it."""

    name: str
    version: str
    description: str
    steps: tuple[Step, ...]
    alpha: float
    """Chance that any of the comparisons ever fails an equal candidate, however often it is looked at."""
    availability_objective: float
    budget_days: float
    """Period of the error budget, in days."""
    metrics: tuple[Metric, ...]

    def metric(self, name: MetricName) -> Metric:
        """Return the metric of that name; the strategy must have it."""
        return next(metric for metric in self.metrics if metric.name is name)


@value
class MetricResult:
    """What one metric says: the figures of both arms, the effect with its always-valid interval, and a verdict with its reason."""

    metric: MetricName
    verdict: Verdict
    reason: str
    limit: float
    on_failure: OnFailure
    required: bool
    candidate: float | None
    stable: float | None
    effect: float | None
    low: float | None
    high: float | None
    candidate_samples: int
    stable_samples: int


@value
class Analysis:
    """One look at both arms. `table_versions` and `window_start` say on which events, `code` by which program."""

    at: datetime
    candidate_requests: int
    candidate_errors: int
    stable_requests: int
    stable_errors: int
    metrics: tuple[MetricResult, ...]
    table_versions: Mapping[str, int]
    window_start: datetime
    code: str


@value
class Observation:
    """What a rollout is decided on: the analysis, or why there is none, and why the candidate may no longer serve, if so."""

    analysis: Analysis | None
    problem: str = ""
    refusal: str = ""


class RolloutState(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


ACTIVE = frozenset({RolloutState.RUNNING, RolloutState.PAUSED})


class Action(StrEnum):
    """What can be done with a rollout."""

    STAY = "stay"
    ADVANCE = "advance"
    PAUSE = "pause"
    RESUME = "resume"
    COMPLETE = "complete"
    ROLL_BACK = "roll_back"
    ABORT = "abort"


@value
class Transition:
    """What to do with a rollout now, and why; `breached` is the metric that stopped it."""

    action: Action
    reason: str
    breached: MetricResult | None = None


@value
class Rollout:
    """A candidate on its way to all traffic, beside the stable version it is compared with."""

    id: str
    model: str
    environment: str
    stable: int
    candidate: int
    strategy: Strategy
    state: RolloutState
    weight: float
    """Percent of traffic that the candidate gets now."""
    step: int
    """Index of the present step."""
    step_started_at: datetime
    step_requests_before: int
    """Candidate's requests seen when the step began."""
    burn_requests_before: int
    """Candidate's requests seen when the rollout was last resumed; the burn rate is measured from there."""
    burn_errors_before: int
    events_from: datetime
    """Events from this time on are analysed."""
    reason: str
    started_at: datetime
    started_by: str
    changed_at: datetime
    ended_at: datetime | None
    decision_id: str
    analysis: Analysis | None = None
    """The newest look at both arms."""


@request
class StrategySource:
    """The YAML text of a strategy of one's own."""

    source: str
    name: str = "strategy.yaml"
    """What to call the text in error messages."""


@request
class NewRollout:
    """A canary to start, by the name of a built-in strategy or by one's own.

    `steps` replaces the strategy's steps; `events_from` is now unless a replay says otherwise.
    """

    model: str
    candidate: int
    environment: str = "production"
    strategy: str | StrategySource = "canary"
    steps: tuple[Step, ...] | None = None
    events_from: datetime | None = None


@value
class Pointer:
    """What serves for a model in an environment: all traffic to `stable`, but `weight` percent to the candidate, if any."""

    model: str
    environment: str
    stable: int
    candidate: int | None
    weight: float
    previous: int | None
    moved_at: datetime
    decision_id: str
    rollout_id: str | None


@value
class Serving(Pointer):
    """A pointer, with how what it asks for stands: a version that was stopped since is asked for, and refused."""

    stable_admission: Admission
    candidate_admission: Admission | None

    @property
    def serves(self) -> tuple[int, ...]:
        """The versions that serve: those asked for that nobody stopped. One whose admission lapsed goes on where it is loaded."""
        asked = ((self.stable, self.stable_admission), (self.candidate, self.candidate_admission))
        return tuple(number for number, found in asked if number and found and found.standing is not Standing.STOPPED)


class MoveKind(StrEnum):
    """Why the stable version of a pointer changed."""

    PROMOTION = "promotion"
    ROLLOUT = "rollout"
    ROLLBACK = "rollback"


@value
class Move:
    """One change of a pointer's stable version."""

    id: str
    model: str
    environment: str
    kind: MoveKind
    from_number: int | None
    to_number: int
    at: datetime
    by: str
    reason: str
    decision_id: str
    rollout_id: str | None


@request
class NewPromotion:
    """Ask for a version to serve all traffic of an environment."""

    model: str
    number: int
    environment: str = "production"


@value
class Promotion:
    """The decision, and whether the pointer moved; when it waits for people, `decision.approval_id` says where.

    Where the version served already, nothing moved, and the decision is the one that admits it.
    """

    decision: Decision
    moved: bool
    pointer: Pointer | None


@request
class AliasTarget:
    """The version that an alias is to name."""

    number: int


@value
class Alias:
    """A name by which a version is asked for; a guarded one names what serves in its environment."""

    name: str
    model: str
    number: int
    environment: str | None


@value
class AliasMove:
    """Where the alias points now, None while it points nowhere; and, of a guarded one, the promotion that was asked for."""

    alias: Alias | None
    promotion: Promotion | None


@request
class RollbackRequest:
    """Ask for the last good version, or for the one named."""

    reason: str
    environment: str = "production"
    to: int | None = None


@value
class Rollback:
    """What serves after a rollback; `stopped` is the rollout that it ended, if one was under way."""

    pointer: Pointer
    from_number: int
    to_number: int
    stopped: str | None
    passed_over: tuple[str, ...]
    """Newer versions that were not gone back to, each with the reason."""


@value
class Environment:
    """An environment and what is asked for in it, in the order in which versions are promoted."""

    name: str
    pointers: tuple[Serving, ...]
