"""Charts as data: what is drawn, what stands out, and that they can stand inside a page."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clearance.compliance import charts, wording
from clearance.compliance.drawing import svg
from clearance.monitoring.model import Figure, Inputs, Window
from clearance.statistics.verdicts import Verdict

MONDAY = datetime(2025, 6, 2, tzinfo=UTC)
INPUTS = Inputs(events_version=1, labels_version=1, until=MONDAY, baseline="b", monitor="m", code="c")


def figure(week: int, value: float | None, verdict: Verdict = Verdict.PASSED, **changes: Any) -> Figure:
    start = MONDAY + timedelta(weeks=week)
    usual: dict[str, Any] = {
        "model": "loans",
        "environment": "production",
        "version": None,
        "window": Window(start=start, end=start + timedelta(weeks=1)),
        "metric": "psi",
        "subject": "income",
        "value": value,
        "threshold": 0.02,
        "floor": 0.1,
        "verdict": verdict,
        "reason": "so",
        "n": 100,
        "provisional": False,
        "inputs": INPUTS,
    }
    return Figure(**{**usual, **changes})


def test_only_features_that_failed_have_a_colour_and_a_name_and_not_too_many_of_them() -> None:
    names = [f"feature{number:02}" for number in range(40)]
    rows = [figure(0, 0.01, subject=name) for name in names]
    rows += [figure(1, 0.5, Verdict.FAILED, subject=name) for name in names[:9]]
    rows += [figure(2, 0.5, Verdict.FAILED, subject="feature08")]
    spec = charts.drift(rows)
    assert spec is not None
    (line,) = [layer for layer in spec["layer"] if layer["mark"]["type"] == "line"]
    named = line["encoding"]["color"]["scale"]["domain"]
    assert named == ["feature08", "feature00", "feature01", "feature02", "feature03", "feature04", charts.OTHERS]


def test_nothing_measured_is_no_chart() -> None:
    assert charts.drift([]) is None
    assert charts.drift([figure(0, None)]) is None
    assert charts.quality([figure(0, None, version=1)], "AUC") is None


def test_the_limit_is_drawn_once_and_only_where_all_have_the_same() -> None:
    def dashed(spec: charts.Spec | None) -> list[Any]:
        assert spec is not None
        return [layer for layer in spec["layer"] if layer["mark"].get("strokeDash")]

    assert len(dashed(charts.drift([figure(0, 0.1), figure(1, 0.1)]))) == 1
    assert dashed(charts.drift([figure(0, 0.1), figure(1, 0.1, floor=0.3)])) == []
    quality = charts.quality([figure(0, 0.9, version=1, floor=None, threshold=0.85)], "AUC")
    assert dashed(quality)[0]["data"]["values"] == [{"limit": 0.85}]


@pytest.mark.parametrize(("weeks", "pattern"), [(3, "%d %b"), (40, "%b %Y")])
def test_the_axis_tells_days_or_months(weeks: int, pattern: str) -> None:
    spec = charts.drift([figure(0, 0.1), figure(weeks, 0.1)])
    assert spec is not None
    assert spec["layer"][0]["mark"]["type"] == "rule"
    assert spec["layer"][1]["encoding"]["x"]["axis"]["format"] == pattern


def test_a_specification_can_stand_inside_a_script_element() -> None:
    spec = charts.intervals([{"name": "</script><b>", "value": 1.0, "low": 0.5, "high": 1.5, "wrong": True}], "x")
    text = charts.embedded(spec)
    assert "<" not in text
    assert json.loads(text) == spec


def test_a_drawn_chart_stands_alone_and_has_no_ids_that_another_could_have() -> None:
    spec = charts.drift([figure(0, 0.1), figure(1, 0.5, Verdict.FAILED)])
    assert spec is not None
    drawn = svg(spec, width=500, height=100)
    assert drawn.startswith("<svg")
    assert 'width="500"' in drawn
    assert "income" in drawn
    assert not re.search(r"\bid=|href=|url\(", drawn)


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "—"), (0, "0"), (0.96, "0.960"), (0.01234, "0.0123"), (1.5, "1.5"), (12.345, "12.35"), (1e6, "1,000,000")],
)
def test_figures_are_written_for_people(number: float | None, text: str) -> None:
    assert wording.figure(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (1023, "1,023 bytes"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")]
)
def test_sizes_are_written_for_people(number: int, text: str) -> None:
    assert wording.size(number) == text
