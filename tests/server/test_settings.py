"""Settings of what a server does by itself: their defaults, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearance.errors import InvalidInput
from clearance.settings import load


def test_a_server_evaluates_every_minute_and_posts_nowhere_unless_told(tmp_path: Path) -> None:
    found = load({}, home=tmp_path)
    assert (found.monitor_seconds, found.webhook_url) == (60, "")


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost",
        "https://alerts.example.com/hooks/a?b=c",
        "http://127.0.0.1:8080/x",
        "http://[::1]:80/",
        " https://a ",
    ],
)
def test_an_address_of_the_web_is_taken(tmp_path: Path, address: str) -> None:
    assert load({"CLEARANCE_WEBHOOK_URL": address}, home=tmp_path).webhook_url == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        "ftp://secret.example.com",
        "secret.example.com",
        "https://",
        "http://secret:port/",
        "http://[secret",
        "http://secret:99999/",
        "http://sec ret/",
        "gopher://secret/",
        "http://secret/\x00",
    ],
)
def test_any_other_is_refused_without_repeating_it(tmp_path: Path, address: str) -> None:
    with pytest.raises(InvalidInput, match="CLEARANCE_WEBHOOK_URL is no") as error:
        load({"CLEARANCE_WEBHOOK_URL": address}, home=tmp_path)
    assert "secret" not in error.value.message + error.value.hint


@pytest.mark.parametrize("text", ["-1", "often", "nan", "inf"])
def test_an_interval_is_a_number_of_seconds(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="CLEARANCE_MONITOR_SECONDS"):
        load({"CLEARANCE_MONITOR_SECONDS": text}, home=tmp_path)
