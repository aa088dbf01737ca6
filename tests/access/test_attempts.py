"""Failures are counted in bounded memory, per address or token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.access.attempts import Attempts, neighbourhood, source


def test_the_failure_after_the_last_that_is_borne_locks_for_a_while() -> None:
    attempts = Attempts(most=2, window=60, pause=30)
    assert [attempts.failed("a", now) for now in (0, 1, 2)] == [False, False, True]
    assert attempts.wait("a", 2) == 30
    assert attempts.wait("b", 2) == 0
    assert attempts.wait("a", 32) == 0


def test_failures_far_apart_lock_nobody() -> None:
    attempts = Attempts(most=1, window=10, pause=30)
    assert not any(attempts.failed("a", now) for now in range(0, 1000, 10))


def test_what_is_forgotten_first_is_what_failed_longest_ago() -> None:
    attempts = Attempts(most=0, keys=2)
    for key in ("a", "b", "a", "c"):
        attempts.failed(key, 0)
    assert [attempts.wait(key, 0) > 0 for key in "abc"] == [True, False, True]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 5))))
def test_whatever_happens_memory_is_bounded_and_nobody_waits_longer_than_a_pause(
    failures: list[tuple[str, int]],
) -> None:
    attempts = Attempts(most=3, window=20, pause=10, keys=4)
    now = 0
    for key, later in failures:
        now += later
        attempts.failed(key, now)
        assert len(attempts._counts) <= 4
        assert all(0 <= attempts.wait(each, now) <= 10 for each in "abcdefgh")


@pytest.mark.parametrize(
    ("address", "counted", "told"),
    [
        ("192.0.2.7", "192.0.2.7/32", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("", "unknown", "unknown"),
        ("/run/socket", "unknown", "unknown"),
    ],
)
def test_an_address_stands_for_a_subscriber_and_is_told_as_nobodys_own(address: str, counted: str, told: str) -> None:
    assert (source(address), neighbourhood(address)) == (counted, told)
