"""What alarms say: which model, what, when, how much against which limit, of how many, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clearance.monitoring.alarms import alarms
from clearance.monitoring.model import Figure, Inputs, Phase, Window, WindowFigures, WindowSummary
from clearance.response.model import fingerprint
from clearance.statistics.verdicts import Verdict

MONDAY = datetime(2019, 4, 1, tzinfo=UTC)
INPUTS = Inputs(events_version=1, labels_version=1, until=MONDAY, baseline="b", monitor="m", code="c")


def figure(metric: str, subject: str = "", version: int | None = None, **changed: Any) -> Figure:
    usual = Figure(
        model="car-loan",
        environment="production",
        version=version,
        window=Window(start=MONDAY, end=MONDAY + timedelta(days=7)),
        metric=metric,
        subject=subject,
        value=0.4267,
        threshold=0.062,
        floor=0.1,
        verdict=Verdict.FAILED,
        reason="because",
        n=1156,
        provisional=False,
        inputs=INPUTS,
    )
    return replace(usual, **changed)


def window(*figures: Figure) -> WindowFigures:
    summary = WindowSummary(
        window=figures[0].window,
        phase=Phase(closed=True, mature=True),
        events=1156,
        labelled=0,
        digest="0" * 16,
        versions=(1,),
        verdicts={},
        inputs=INPUTS,
        computed_at=MONDAY,
    )
    return WindowFigures(summary=summary, figures=figures)


@pytest.mark.parametrize(
    ("found", "title", "told", "todo"),
    [
        (
            figure("ks", "car_value"),
            "car-loan in production: feature car_value drifted in the week of 2019-04-01",
            "KS 0.427 (alarm from 0.100), of 1,156 values",
            "`clearance monitor figures car-loan --subject car_value`",
        ),
        (
            figure("psi", "score", 2, environment="staging"),
            "car-loan/2 in staging: its score drifted in the week of 2019-04-01",
            "PSI 0.427 (alarm from 0.100), of 1,156 values",
            "`clearance rollback car-loan --environment staging`",
        ),
        (
            figure("null_rate", "income", threshold=0.12),
            "car-loan in production: feature income is missing more often in the week of 2019-04-01",
            "42.7% without a value (alarm from 12.0%), of 1,156 rows",
            "renamed, moved or stopped",
        ),
        (
            figure("auc", "", 1, threshold=0.95, floor=None),
            "car-loan/1 in production: AUC fell in the week of 2019-04-01",
            "AUC 0.427 (alarm below 0.950), of 1,156 labelled rows",
            "`clearance monitor figures car-loan --metric auc`",
        ),
    ],
)
def test_an_alarm_says_what_where_when_how_much_and_what_next(found: Figure, title: str, told: str, todo: str) -> None:
    (alarm,) = alarms(window(found), ())
    assert alarm.title == title
    assert alarm.summary.startswith("2019-04-01 00:00 to 2019-04-08 00:00 UTC: " + told + ". ")
    assert todo in alarm.summary.partition(" Next: ")[2]
    assert "inputs" in alarm.details


@pytest.mark.parametrize(
    ("hours", "when"), [(24, "on 2019-04-01"), (6, "from 2019-04-01 00:00 to 2019-04-01 06:00 UTC")]
)
def test_shorter_windows_are_named_by_day_or_hours(hours: int, when: str) -> None:
    found = figure("ks", "car_value", window=Window(start=MONDAY, end=MONDAY + timedelta(hours=hours)))
    assert alarms(window(found), ())[0].title.endswith(when)


def test_what_fails_by_two_figures_is_one_alarm_with_both() -> None:
    (alarm,) = alarms(window(figure("psi", "x"), figure("ks", "x")), ())
    assert "PSI 0.427 (alarm from 0.100), KS 0.427 (alarm from 0.100), of" in alarm.summary
    assert alarm.details["figures"] == {"psi": 0.4267, "ks": 0.4267}


def test_the_next_week_of_the_same_drift_has_the_same_fingerprint() -> None:
    later = Window(start=MONDAY + timedelta(days=7), end=MONDAY + timedelta(days=14))
    first, second = (alarms(window(each), ())[0] for each in (figure("ks", "x"), figure("ks", "x", window=later)))
    assert fingerprint(first) == fingerprint(second)


@pytest.mark.parametrize(
    "changed", [{"provisional": True}, {"verdict": Verdict.PASSED}, {"verdict": Verdict.INCONCLUSIVE}]
)
def test_what_is_provisional_or_did_not_fail_raises_nothing(changed: dict[str, Any]) -> None:
    assert alarms(window(figure("ks", "x", **changed)), ()) == ()


def test_what_failed_before_in_the_same_window_raises_nothing_again() -> None:
    assert alarms(window(figure("ks", "x")), (figure("psi", "x"),)) == ()
    assert alarms(window(figure("ks", "x")), (figure("psi", "x", provisional=True),)) != ()
