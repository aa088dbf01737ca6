"""Windows of time, and which of them are due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import InvalidInput
from clearance.monitoring.changes import changed
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


def known(inputs: Inputs = INPUTS) -> dict[datetime, WindowSummary]:
    return {
        window.start: WindowSummary(
            window=window,
            phase=phase(window, inputs.until, RULES.label_maturity_days),
            events=10,
            labelled=5,
            versions=(1,),
            verdicts={},
            inputs=inputs,
            computed_at=inputs.until,
        )
        for window in SPANS
    }


class Lake:
    """Counts rows of given windows, and the questions."""

    def __init__(self, grown: tuple[Window, ...]) -> None:
        self.grown = grown
        self.asked = 0

    def count(self, start: datetime, end: datetime) -> tuple[int, int]:
        self.asked += 1
        inside = [window for window in SPANS if start <= window.start < end]
        return 10 * len(inside), 5 * len(inside) + sum(window in self.grown for window in inside)


def test_while_the_tables_stay_nothing_is_asked() -> None:
    lake = Lake(())
    assert changed(SPANS, known(), INPUTS, RULES, lake.count) == []
    assert lake.asked == 0


@given(st.sets(st.sampled_from(SPANS)))
def test_exactly_the_windows_that_grew_are_due(grown: set[Window]) -> None:
    lake = Lake(tuple(grown))
    found = changed(SPANS, known(replace(INPUTS, labels_version=1)), INPUTS, RULES, lake.count)
    assert found == sorted(grown, key=lambda window: window.start)


def test_one_new_label_among_many_windows_costs_few_questions() -> None:
    lake = Lake(SPANS[3:4])
    changed(SPANS, known(replace(INPUTS, labels_version=1)), INPUTS, RULES, lake.count)
    assert lake.asked <= 2 * len(SPANS).bit_length()


@pytest.mark.parametrize("before", [replace(INPUTS, monitor="n"), replace(INPUTS, code="d")])
def test_what_was_judged_otherwise_is_due_without_asking(before: Inputs) -> None:
    lake = Lake(())
    assert changed(SPANS, known(before), INPUTS, RULES, lake.count) == list(SPANS)
    assert lake.asked == 0


def test_a_window_that_matured_or_is_open_is_due() -> None:
    before = replace(INPUTS, until=SPANS[-1].start + timedelta(days=1))
    after = replace(INPUTS, until=SPANS[-1].start + timedelta(days=1, hours=2))
    assert changed(SPANS, known(before), after, RULES, Lake(()).count) == [SPANS[-1]]
    assert changed(SPANS, known(before), INPUTS, RULES, Lake(()).count)[-1] == SPANS[-1]
