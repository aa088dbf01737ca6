"""Windows of time, and which of them are due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import InvalidInput
from clearance.monitoring.changes import changed, next_phase
from clearance.monitoring.model import Inputs, MonitorConfig, Window, WindowSummary, phase
from clearance.monitoring.rules import rules
from clearance.monitoring.windows import covering, holding, length

WEEK = timedelta(days=7)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "found"), [("P7D", WEEK), ("P1W", WEEK), ("P1D", timedelta(days=1)), ("PT6H", timedelta(hours=6))]
)
def test_lengths_are_iso_8601(text: str, found: timedelta) -> None:
    assert length(text) == found


@pytest.mark.parametrize("text", ["", "7d", "P", "P0D", "P-1D", "P1M", "PT30M", "P99999D", "P1D "])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no length"):
        length(text)


@given(moments)
def test_a_week_begins_on_monday_at_midnight_and_holds_its_moment(moment: datetime) -> None:
    found = holding(moment, WEEK)
    assert (found.start.weekday(), found.start.hour, found.end - found.start) == (0, 0, WEEK)
    assert found.start <= moment < found.end


@given(moments, st.integers(0, 400))
def test_windows_follow_each_other_from_the_first_to_the_last(moment: datetime, days: int) -> None:
    found = covering(moment, moment + timedelta(days=days), WEEK)
    assert found[0].start <= moment
    assert found[-1].end > moment + timedelta(days=days)
    assert all(a.end == b.start for a, b in pairwise(found))


def test_an_event_with_a_wrong_year_does_not_make_a_million_windows() -> None:
    with pytest.raises(InvalidInput, match="more than") as error:
        covering(datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1))
    assert "wrong time" in error.value.hint


SPANS = covering(datetime(2025, 1, 6, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC), WEEK)
RULES = rules(MonitorConfig(baseline_dataset="x"))
INPUTS = Inputs(
    events_version=2,
    labels_version=2,
    until=datetime(2025, 6, 1, tzinfo=UTC),
    baseline="b",
    monitor="m",
    code="c",
)


HELD = {window.start: f"{n:016x}" for n, window in enumerate(SPANS, 1)}


def known(inputs: Inputs = INPUTS) -> dict[datetime, WindowSummary]:
    return {
        window.start: WindowSummary(
            window=window,
            phase=phase(window, inputs.until, RULES.label_maturity_days),
            events=10,
            labelled=5,
            digest=HELD[window.start],
            versions=(1,),
            verdicts={},
            inputs=inputs,
            computed_at=inputs.until,
        )
        for window in SPANS
    }


@given(st.sets(st.sampled_from(SPANS)), st.integers(1, 3), st.integers(1, 3))
def test_exactly_the_windows_that_hold_something_else_are_due(touched: set[Window], events: int, labels: int) -> None:
    held = HELD | {window.start: "f" * 16 for window in touched}
    now = replace(INPUTS, events_version=events, labels_version=labels)
    assert changed(SPANS, known(), held, now, RULES) == sorted(touched, key=lambda window: window.start)


def test_a_window_that_is_new_or_lost_its_events_is_due() -> None:
    summaries = known()
    del summaries[SPANS[2].start]
    held = {start: digest for start, digest in HELD.items() if start != SPANS[5].start}
    assert changed(SPANS, summaries, held, INPUTS, RULES) == [SPANS[2], SPANS[5]]


@pytest.mark.parametrize("before", [replace(INPUTS, monitor="n"), replace(INPUTS, code="d")])
def test_what_was_judged_otherwise_is_due(before: Inputs) -> None:
    assert changed(SPANS, known(before), HELD, INPUTS, RULES) == list(SPANS)


def test_an_open_window_is_due_when_it_ends_or_something_came() -> None:
    before = replace(INPUTS, until=SPANS[-1].start + timedelta(days=1))
    after = replace(INPUTS, until=SPANS[-1].start + timedelta(days=1, hours=2))
    assert changed(SPANS, known(before), HELD, after, RULES) == []
    assert changed(SPANS, known(before), HELD | {SPANS[-1].start: "f" * 16}, after, RULES) == [SPANS[-1]]
    ended = replace(INPUTS, until=SPANS[-1].end)
    assert changed(SPANS, known(before), HELD, ended, RULES)[-1] == SPANS[-1]


@given(moments, st.floats(0, 100))
def test_until_the_next_phase_no_window_ends_or_matures(now: datetime, days: float) -> None:
    judged = replace(RULES, label_maturity_days=days)
    due = next_phase(now, judged)
    assert now < due
    spans = covering(now - timedelta(days=days + 14), now, WEEK)
    just_before = due - timedelta(microseconds=1)
    assert [phase(window, now, days) for window in spans] == [phase(window, just_before, days) for window in spans]
    assert [phase(window, now, days) for window in spans] != [phase(window, due, days) for window in spans]
