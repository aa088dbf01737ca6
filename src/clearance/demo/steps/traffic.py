"""The fourth step: ten months of live traffic, the drift in them, and labels that come late."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from clearance.demo import contracts, data
from clearance.demo.graph import Trained
from clearance.demo.steps.lending import MODEL, PREFIX
from clearance.demo.story import Facts, Stage, StepFailed, expect
from clearance.demo.traffic import Call, by_day, send
from clearance.monitoring.model import Figure, MonitorConfig
from clearance.registry.model import Dataset
from clearance.statistics.verdicts import Verdict
from clearance.telemetry.model import Label

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Live traffic"
WHY = "Every prediction leaves an event. Weekly windows become profiles, and profiles say when the world has changed."

DRIFT_WEEK = datetime(2019, 4, 1, tzinfo=UTC)
"""The first whole week after the cars became dearer, on Sunday 2019-03-31."""
END = datetime(2019, 9, 2, tzinfo=UTC)
"""The Monday after the last loan: every week is over, the labels of the last ones are still awaited."""
LABELS_COMPLETE = datetime(2019, 10, 14, tzinfo=UTC)
_LABEL_DELAY = timedelta(days=30)
_DRIFT = frozenset({"psi", "ks", "null_rate"})
_DURABLE_WITHIN_SECONDS = 60.0


def run(stage: Stage, facts: Facts) -> None:
    """Replay the analysis half over HTTP, evaluate its weeks, then deliver the labels and evaluate again."""
    loans = data.live_traffic()
    _watch(stage)
    calls = list(by_day(contracts.CAR_LOAN, loans, PREFIX))
    seconds = _replay(stage, calls)
    facts |= {"requests": len(calls), "rows": len(loans), "replay_seconds": round(seconds, 1)}
    facts["events"] = _durable(stage, len(loans))
    stage.narrator.say(
        f"{facts['events']:,} predictions in {len(calls)} requests, {len(loans) / seconds:,.0f} a second"
    )
    _drift(stage, facts)
    _quality(stage, facts, calls)


def _watch(stage: Stage) -> None:
    """Configure the monitor: the baseline is what version 1 says about the holdout."""
    trained: Trained = stage.left["car_loan_first"]
    config = MonitorConfig(
        baseline_dataset=_baseline(stage, trained).digest,
        features=tuple(field.name for field in contracts.CAR_LOAN.inputs),
        score_column="probability",
        prediction_column="label",
        label_column=data.CAR_LOAN_LABEL,
    )
    stage.olga.monitoring.configure(MODEL, config)


def _baseline(stage: Stage, trained: Trained) -> Dataset:
    rows = stage.loans.holdout
    probability = trained.probability(rows)
    path = stage.folder / "data" / "car-loan-baseline.parquet"
    answered = rows.assign(probability=probability.astype("float32"), label=probability >= trained.threshold)
    answered.astype({"label": "int8", data.CAR_LOAN_LABEL: "int8"}).to_parquet(path, index=False)
    return stage.alice.datasets.register(path, name="car-loan-baseline", time_column="timestamp")


def _replay(stage: Stage, calls: Sequence[Call]) -> float:
    """Send every request, in the order of time; return how many seconds that took."""
    begun = time.monotonic()
    with stage.installation.http("loan-desk") as http:
        for request in stage.narrator.track(calls, "replaying ten months"):
            answer = send(http, MODEL, request)
            expect(answer.version == f"{MODEL}/1", f"{answer.version} answered {request.request_id}")
    return time.monotonic() - begun


def _durable(stage: Stage, wanted: int) -> int:
    """Wait until the lake holds the replay; return how many of its events it holds."""
    deadline = time.monotonic() + _DURABLE_WITHIN_SECONDS
    with stage.narrator.waiting("waiting for the recorder's last batch to be durable"):
        while True:
            found = stage.olga.telemetry.summary(MODEL)
            events = sum(count.events for count in found.counts if count.version == 1 and count.status == "ok")
            if events >= wanted:
                return events
            expect(time.monotonic() < deadline, f"{events:,} of {wanted:,} events reached the lake")
            time.sleep(0.2)


def _drift(stage: Stage, facts: Facts) -> None:
    with stage.narrator.waiting("turning events into weekly profiles, and comparing each with the baseline"):
        evaluation = stage.olga.monitoring.run(MODEL, until=END)
    failed = [
        figure
        for figure in stage.olga.monitoring.figures(MODEL, verdict=Verdict.FAILED)
        if figure.metric in _DRIFT and not figure.provisional
    ]
    weeks = sorted({figure.window.start for figure in failed})
    facts["windows"] = len(evaluation.windows)
    facts["drift_alarms_before"] = sum(week < DRIFT_WEEK for week in weeks)
    facts["windows_before"] = sum(1 for w in stage.olga.monitoring.windows(MODEL) if w.window.start < DRIFT_WEEK)
    if not weeks:
        raise StepFailed("no drift was found, though car values jump")
    facts["first_drift_window"] = f"{weeks[0]:%Y-%m-%d}"
    first = [figure for figure in failed if figure.window.start == weeks[0]]
    facts["drifted"] = sorted({figure.subject for figure in first})
    facts["drift_alerts"] = sum(1 for alert in stage.olga.alerts.list(model=MODEL) if alert.kind == "drift")
    stage.narrator.table(
        ("week of", "figure", "of", "value", "chance reaches", "matters from"),
        [
            (facts["first_drift_window"], f.metric, f.subject, _number(f.value), _number(f.threshold), _number(f.floor))
            for f in first
        ],
    )
    expect(weeks[0] == DRIFT_WEEK, f"drift was raised first in the week of {weeks[0]:%Y-%m-%d}")
    expect(facts["drift_alerts"], "drift raised no alert")
    stage.narrator.say(
        f"[yellow]drift[/] first in the week of {weeks[0]:%Y-%m-%d}, and not once in the {facts['windows_before']} weeks before"
    )


def _quality(stage: Stage, facts: Facts, calls: Iterable[Call]) -> None:
    facts["auc_without_labels"] = sum(figure.value is not None for figure in _auc(stage))
    expect(not facts["auc_without_labels"], "there is an AUC before any label came")
    with stage.narrator.waiting("delivering the labels, a month late"):
        facts["labels"] = _deliver(stage, list(_labels(calls, data.live_traffic(), data.late_labels())))
    with stage.narrator.waiting("evaluating again: in September, and in October when every label is a month old"):
        stage.olga.monitoring.run(MODEL, until=END)
        found = _auc(stage)
        stage.olga.monitoring.run(MODEL, until=LABELS_COMPLETE)
        mature = _auc(stage)
    facts["auc_provisional"] = sum(figure.provisional for figure in found)
    facts["auc_by_window"] = {
        f"{figure.window.start:%Y-%m-%d}": None if figure.value is None else round(figure.value, 4) for figure in mature
    }
    expect(all(value is not None for value in facts["auc_by_window"].values()), "a week has no AUC")
    expect(facts["auc_provisional"], "no AUC was marked provisional while labels were awaited")
    expect(not any(figure.provisional for figure in mature), "an AUC is still provisional after its labels have come")
    shown = [figure for figure in mature if figure.value is not None][:: max(1, len(mature) // 8)]
    stage.narrator.table(
        ("week of", "AUC", "labels"), [(f"{f.window.start:%Y-%m-%d}", _number(f.value), f.n) for f in shown]
    )
    stage.narrator.say(
        f"quality of {len(mature)} weeks; {facts['auc_provisional']} were marked provisional until their labels were a month old"
    )


def _auc(stage: Stage) -> list[Figure]:
    return list(stage.olga.monitoring.figures(MODEL, metric="auc", version=1, before=END))


def _labels(calls: Iterable[Call], loans: pd.DataFrame, labels: pd.DataFrame) -> Iterable[Label]:
    """Yield what became of each loan that was asked about, known a month after it was asked."""
    outcome = dict(zip(labels["id"].tolist(), labels["repaid"].tolist(), strict=True))
    asked = dict(zip(loans["id"].tolist(), loans["timestamp"].tolist(), strict=True))
    for request in calls:
        for row, loan in enumerate(request.loans):
            yield Label(
                model=MODEL,
                request_id=request.request_id,
                row=row,
                label=float(outcome[loan]),
                at=asked[loan].to_pydatetime() + _LABEL_DELAY,
            )


def _deliver(stage: Stage, labels: Sequence[Label]) -> int:
    with stage.installation.client("loan-desk") as desk:
        return desk.telemetry.labels(labels).accepted


def _number(found: float | None) -> Any:
    return "" if found is None else f"{found:.3f}"
