"""Values of monitoring: what a monitor watches, its windows, and their figures; pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from clearance.alarm import Alarm
from clearance.statistics.verdicts import Verdict
from clearance.values import request, value


@request
class MonitorConfig:
    """What to watch a model by; numbers left out come from `defaults.yaml`, which says why they are what they are."""

    baseline_dataset: str
    """Digest of a registered dataset whose columns are the features, and more where named below."""
    features: tuple[str, ...] = ()
    """Columns to compare; empty: the inputs of the contract of the version that serves (or of the newest with a contract)
    that are columns of the dataset; without any contract, all that are not named below, nor its time column."""
    score_column: str | None = None
    """Column of the baseline with scores of the model on it; without one, drift of scores is not measured."""
    prediction_column: str | None = None
    """Column of the baseline with predictions; with `label_column`, accuracy is compared with the baseline's."""
    label_column: str | None = None
    """Column of the baseline with outcomes; with `score_column`, AUC is compared with the baseline's."""
    positive: float = 1.0
    """The prediction and label that count as positive; every other one is negative."""
    window: str | None = None
    """Length of a window: ISO 8601, `P7D`, `P1D`, `PT6H`; aligned to Monday 00:00 UTC."""
    minimum_events: int | None = None
    minimum_labels: int | None = None
    false_alarm_rate: float | None = None
    """Probability of any false drift alarm in a window, over all features together."""
    psi_floor: float | None = None
    ks_floor: float | None = None
    null_floor: float | None = None
    quality_drop: float | None = None
    label_maturity_days: float | None = None


@value
class Rules:
    """The numbers a monitor judges by, each given or from the defaults."""

    window: str
    minimum_events: int
    minimum_labels: int
    false_alarm_rate: float
    psi_floor: float
    ks_floor: float
    null_floor: float
    quality_drop: float
    label_maturity_days: float


@value
class Monitor:
    """What watches one model in one environment; `digest` names the configuration in every figure."""

    model: str
    environment: str
    config: MonitorConfig
    rules: Rules
    defaults: str
    digest: str
    configured_at: datetime
    configured_by: str


@value
class Window:
    """A span of time, from `start` up to but without `end`."""

    start: datetime
    end: datetime


@value
class Phase:
    """How far a window has come when it is looked at: over, and its labels no longer awaited."""

    closed: bool
    mature: bool


@value
class Inputs:
    """What a figure was computed from; with these it can be computed again."""

    events_version: int
    labels_version: int
    until: datetime
    baseline: str
    monitor: str
    code: str

    @property
    def tables(self) -> dict[str, int]:
        """The versions of the lake's tables."""
        return {"events": self.events_version, "labels": self.labels_version}


@value
class Figure:
    """One number about one window, with its verdict and where it comes from.

    `version` is None for what concerns a model's inputs whichever version answered; `subject` is the feature or `score`,
    empty for the model as a whole; `threshold` is what chance reaches, `floor` what matters; `n` the rows or requests it is
    about. `provisional` says that more events or labels are still to come.
    """

    model: str
    environment: str
    version: int | None
    window: Window
    metric: str
    subject: str
    value: float | None
    threshold: float | None
    floor: float | None
    verdict: Verdict
    reason: str
    n: int
    provisional: bool
    inputs: Inputs


@value
class WindowSummary:
    """What is known of a window without its figures."""

    window: Window
    phase: Phase
    events: int
    labelled: int
    digest: str
    """Of which events and labels there were; equal as long as none came and no label was corrected."""
    versions: tuple[int, ...]
    verdicts: dict[str, int]
    """How many figures have each verdict."""
    inputs: Inputs
    computed_at: datetime


@value
class WindowFigures:
    """A window with all its figures."""

    summary: WindowSummary
    figures: tuple[Figure, ...]


@value
class Evaluation:
    """What an evaluation did: windows computed anew, how many were up to date already, and what is newly wrong."""

    windows: tuple[WindowFigures, ...]
    unchanged: int
    alarms: tuple[Alarm, ...]


@request
class Run:
    """Ask for an evaluation: of events before `until` (now, when left out); `recompute` also what did not change."""

    until: datetime | None = None
    recompute: bool = False


def phase(window: Window, until: datetime, maturity_days: float) -> Phase:
    """Return how far a window has come at a moment."""
    return Phase(closed=window.end <= until, mature=window.end + timedelta(days=maturity_days) <= until)
