"""What is written for people is said in words, and by names: no id where a name is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.compliance import wording
from clearance.delivery.model import MetricName

ID = "01m8cedv4w2px6e4gf360xq1g5"


def leaf(subject: str, data: Mapping[str, Any] | None = None) -> Entry:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return Entry(index=1, at=at, event=Event.TOKEN_ISSUED, actor="user:ada", subject=subject, data=data or {})


@pytest.mark.parametrize("name", list(MetricName))
def test_every_metric_of_a_rollout_has_words(name: MetricName) -> None:
    assert "_" not in wording.metric(name)


def test_what_stands_between_backticks_is_code_and_nothing_is_markup() -> None:
    assert wording.prose("try `a <b>`, or <i>") == "try <code>a &lt;b&gt;</code>, or &lt;i&gt;"
    assert wording.prose("one ` alone") == "one ` alone"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (None, "—"),
        (0.00362, "less than a second"),
        (0.2, "12 s"),
        (5, "5 min"),
        (5.5, "5 min 30 s"),
        (125, "2 h 5 min"),
        (1440, "1 day"),
        (4565.5, "3 days 4 h"),
        (1441, "1 day"),
    ],
)
def test_durations_are_told_in_the_two_largest_units(minutes: float | None, said: str) -> None:
    assert wording.lasted(minutes) == said


@pytest.mark.parametrize(
    ("subject", "data", "said"),
    [
        ("model/car-loan", {}, "car-loan"),
        ("model/car-loan/2", {"name": "x"}, "car-loan/2"),
        (f"token/tok_{ID}", {"name": "user:bo"}, "token user:bo"),
        (f"alert/alr_{ID}", {"title": "It drifted", "model": "m"}, "It drifted"),
        (f"alert/alr_{ID}", {"model": "m"}, "alert of m"),
        (f"incident/inc_{ID}", {"text": "found it"}, "incident"),
        (f"rollout/rol_{ID}", {"model": "m", "candidate": 2}, "rollout of m/2"),
        ("dataset/sha256:" + "a" * 64, {"name": "loans"}, "dataset loans"),
        ("dataset/sha256:" + "a" * 64, {}, "dataset " + "a" * 12),
        ("pack/full", {"version": "3"}, "pack full"),
        ("binding/user:bo", {"role": "viewer"}, "binding user:bo"),
        ("artifacts", {}, "artifacts"),
    ],
)
def test_what_a_leaf_is_about_is_named_and_never_by_an_id(subject: str, data: dict[str, Any], said: str) -> None:
    assert wording.about(leaf(subject, data)) == said


@pytest.mark.parametrize(
    ("subject", "page"),
    [
        ("model/car-loan", "/models/car-loan"),
        ("model/car-loan/2", "/models/car-loan/versions/2"),
        ("rollout/rol_1", "/rollouts/rol_1"),
        ("alert/alr_1", "/alerts/alr_1"),
        ("incident/inc_1", "/incidents/inc_1"),
        ("token/tok_1", "/audit?subject=token/tok_1"),
        ("log/x&y", "/audit?subject=log/x%26y"),
    ],
)
def test_what_a_leaf_is_about_has_a_page(subject: str, page: str) -> None:
    assert wording.place(subject) == page
