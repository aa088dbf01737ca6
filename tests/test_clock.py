"""Identifiers sort by time, and within one moment by the order in which they were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clearance.clock import new_id

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.integers(0, 5), max_size=50))
def test_identifiers_sort_in_the_order_in_which_they_were_made(pauses: list[int]) -> None:
    now, made = START, []
    for pause in pauses:
        now += timedelta(milliseconds=pause)
        made.append(new_id("x", now))
    assert made == sorted(set(made))


def test_an_identifier_names_its_kind_and_is_as_long_as_any_other() -> None:
    assert {len(new_id("inc", START + timedelta(days=days))) for days in (0, 10_000)} == {30}
    assert new_id("inc", START).startswith("inc_")
