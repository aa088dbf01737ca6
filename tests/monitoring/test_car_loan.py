"""Drift on the real car-loan data: the first alarm comes in the week after car values jump, and none before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clearance.monitoring import baselines, columns
from clearance.monitoring.alarms import alarms
from clearance.monitoring.figures import Frame, figures
from clearance.monitoring.model import Inputs, MonitorConfig, Phase, Window, WindowFigures, WindowSummary
from clearance.monitoring.rules import rules
from clearance.statistics.profiles import Batch, Profile, profile
from clearance.statistics.verdicts import Verdict
from tests.statistics.data import CATEGORICAL, NUMERIC, car_loan, column, weeks

FEATURES = (*NUMERIC, *CATEGORICAL)
DIGEST = "sha256:" + "0" * 64
JUMP = datetime(2019, 4, 1, tzinfo=UTC)


def profile_of(table: Any, baseline: baselines.Baseline, score: str | None) -> Profile:
    found = columns.of_table({name: table[name].combine_chunks() for name in FEATURES}, baseline.layout)
    rows = table.num_rows
    return profile(
        baseline.layout,
        Batch(
            numeric=found.numeric,
            categorical=found.categorical,
            score=columns.floats(table[score]) if score else np.full(rows, np.nan),
            predicted=np.full(rows, -1, np.int8),
            label=np.full(rows, -1, np.int8),
            latency_ms=np.zeros(rows),
            statuses={"ok": rows},
        ),
    )


def weekly(tmp_path: Any, reference: Any, analysis: Any, score: str | None) -> list[WindowFigures]:
    """Return the figures of each week of the analysis half, judged by the defaults."""
    config = MonitorConfig(baseline_dataset=DIGEST, features=FEATURES, score_column=score)
    pq.write_table(reference, tmp_path / "baseline.parquet")
    baseline = baselines.read(tmp_path / "baseline.parquet", DIGEST, config, FEATURES)
    week = weeks(analysis)
    made = []
    for monday in np.unique(week):
        start = datetime.combine(monday.item(), datetime.min.time(), UTC)
        inputs = Inputs(
            events_version=1, labels_version=1, until=start, baseline=DIGEST, monitor=DIGEST, code="clearance"
        )
        frame = Frame(
            model="car-loan",
            environment="production",
            window=Window(start=start, end=start + timedelta(days=7)),
            phase=Phase(closed=True, mature=True),
            rules=rules(config),
            baseline=baseline,
            inputs=inputs,
        )
        rows = analysis.filter(pa.array(week == monday))
        found = figures(frame, {1: profile_of(rows, baseline, score)})
        summary = WindowSummary(
            window=frame.window,
            phase=frame.phase,
            events=rows.num_rows,
            labelled=0,
            digest="0" * 16,
            versions=(1,),
            verdicts={},
            inputs=inputs,
            computed_at=start,
        )
        made.append(WindowFigures(summary=summary, figures=found))
    return made


@pytest.mark.parametrize("score", [None, "y_pred_proba"])
def test_the_first_alarm_is_in_the_week_of_the_jump_and_none_in_the_22_before(tmp_path: Any, score: str | None) -> None:
    needs = (score,) if score else ()
    found = weekly(tmp_path, car_loan("reference", *needs), car_loan("analysis", *needs), score)
    drifted = {each.summary.window.start: alarms(each, ()) for each in found}
    assert len(found) == 44
    assert next(start for start, raised in drifted.items() if raised) == JUMP
    assert sum(start < JUMP for start in drifted) == 22
    subjects = {alarm.labels["subject"] for alarm in drifted[JUMP]}
    assert "car_value" in subjects
    assert not {"debt_to_income_ratio", "driver_tenure", "size_of_downpayment"} & subjects


def test_in_the_quiet_weeks_every_judged_figure_passes_with_its_reason(tmp_path: Any) -> None:
    found = weekly(tmp_path, car_loan("reference"), car_loan("analysis"), None)
    quiet = [figure for each in found for figure in each.figures if each.summary.window.start < JUMP]
    judged = [figure for figure in quiet if figure.metric in {"psi", "ks", "null_rate"}]
    assert {figure.verdict for figure in judged} == {Verdict.PASSED}
    assert all(figure.threshold is not None and figure.reason for figure in judged)
    assert column(car_loan("analysis"), "id").size == sum(each.summary.events for each in found)
