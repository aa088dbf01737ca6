"""Settings of what a server does by itself: their defaults, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from clearance.errors import InvalidInput
from clearance.settings import load
from tests.server.process import Server


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


def serve(home: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a server that is not to start; it would serve until the time is over."""
    environment = {"PATH": os.environ["PATH"], **{f"CLEARANCE_{name.upper()}": text for name, text in settings.items()}}
    command = [sys.executable, "-m", "clearance", "--home", str(home), "serve", "--port", "0", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.mark.parametrize(
    ("setting", "text", "says"),
    [
        ("log_witnesses", "xx", "'xx' names no witness"),
        ("artifacts_url", "nonsense", "CLEARANCE_ARTIFACTS_URL"),
        ("guarded_aliases", "nope", "CLEARANCE_GUARDED_ALIASES"),
        ("guarded_aliases", "a=nowhere", "environments: development"),
        ("database_url", "mysql://u:secret@x/y", "CLEARANCE_DATABASE_URL is for mysql"),
        ("database_url", "postgresql+psycopg2://u:secret@x/y", "CLEARANCE_DATABASE_URL is for postgresql+psycopg2"),
        ("database_url", "sqlite+foo:///x", "CLEARANCE_DATABASE_URL is for sqlite+foo"),
    ],
)
def test_a_server_with_a_wrong_setting_says_so_before_it_listens(
    tmp_path: Path, setting: str, text: str, says: str
) -> None:
    done = serve(tmp_path, **{setting: text})
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert "http://127.0.0.1" not in done.stderr, "it did not get so far as to greet"
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("port", ["-1", "65536", "99999"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    done = serve(tmp_path, "--port", port)
    assert (done.returncode, "from 0 to 65535" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", ""), ("10.0.0.5", "10.0.0.5"), (" 10.0.0.5, 10.1.0.0/24 ,::1,", "10.0.0.5,10.1.0.0/24,::1")],
)
def test_proxies_are_named_by_address_or_network(tmp_path: Path, text: str, kept: str) -> None:
    assert load({"CLEARANCE_TRUSTED_PROXIES": text}, home=tmp_path).trusted_proxies == kept


@pytest.mark.parametrize("text", ["*", "proxy.example.com", "10.0.0.5/24", "10.0.0.5:8080", "10.0.0.5;10.0.0.6"])
def test_a_proxy_that_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="CLEARANCE_TRUSTED_PROXIES has"):
        load({"CLEARANCE_TRUSTED_PROXIES": text}, home=tmp_path)


def _guesses(server: Server, addresses: list[str]) -> list[int]:
    with httpx.Client(base_url=server.url) as http:
        return [
            http.get(
                "/api/v1/models", headers={"authorization": f"Bearer clr_wrong{n}", "x-forwarded-for": address}
            ).status_code
            for n, address in enumerate(addresses)
        ]


def test_who_guesses_tokens_chooses_no_address_to_be_counted_for(serve: Callable[..., Server]) -> None:
    many = [f"10.1.{n}.1" for n in range(25)]
    server = serve()
    server.start()
    assert _guesses(server, many)[21:] == [429] * 4


def test_behind_a_proxy_that_is_trusted_each_address_is_counted_by_itself(serve: Callable[..., Server]) -> None:
    many = [f"10.1.{n}.1" for n in range(25)]
    server = serve(trusted_proxies="127.0.0.1")
    server.start()
    assert set(_guesses(server, many)) == {401}
    assert _guesses(server, ["10.2.0.1"] * 25)[21:] == [429] * 4
