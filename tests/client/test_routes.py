"""Names in paths are quoted; what nothing can be called is refused before it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.client.client import Client
from clearance.client.mlflow_server import MlflowServer
from clearance.client.routes import route
from clearance.errors import InvalidInput, NotFound

NAMES = ("?a", "#a", "a b", "a\nb", "%2F", "..", "ü", "[x]", "a" * 5000)
ASKED: tuple[Callable[[Client, str], Any], ...] = (
    lambda client, name: client.models.get(name),
    lambda client, name: client.alerts.get(name),
    lambda client, name: client.incidents.get(name),
    lambda client, name: client.approvals.approve(name),
    lambda client, name: client.rollouts.get(name),
    lambda client, name: client.policy.get(name),
    lambda client, name: client.waivers.revoke(name),
    lambda client, name: client.access.revoke(name),
    lambda client, name: client.delivery.aliases(name),
    lambda client, name: client.checks.suite(name),
    lambda client, name: client.evidence.revoke(name, "gone"),
)


@pytest.mark.parametrize(
    ("template", "names", "made"),
    [
        ("/models", (), "/models"),
        ("/models/{}/versions/{}", ("car loan", 1), "/models/car%20loan/versions/1"),
        ("/datasets/{}", ("sha256:ab",), "/datasets/sha256:ab"),
        ("/alerts/{}/resolve", ("..",), "/alerts/%2E%2E/resolve"),
        ("/models/{}/tags/{...}", ("m", "a/b"), "/models/m/tags/a%2Fb"),
        ("/models/{}/tags/{...}", ("m", ""), "/models/m/tags/"),
    ],
)
def test_names_are_quoted(template: str, names: tuple[str | int, ...], made: str) -> None:
    assert route(template, *names) == made


@pytest.mark.parametrize(
    ("template", "code", "says"),
    [
        ("/models/{}", "model_not_found", "there is no model "),
        ("/approvals/{}/approve", "approval_not_found", "there is no request for approval "),
        ("/models/m/aliases/{}", "alias_not_found", "there is no alias "),
        ("/policy/packs/{}", "pack_not_found", "there is no pack "),
    ],
)
@pytest.mark.parametrize("name", ["", "/", "[/x]"])
def test_what_nothing_can_be_called_does_not_exist(template: str, code: str, says: str, name: str) -> None:
    with pytest.raises(NotFound) as refused:
        route(template, name)
    assert (refused.value.code, refused.value.message) == (code, f"{says}{name!r}")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1))
def test_the_server_gets_the_name_that_was_given(name: str) -> None:
    seen = httpx.URL("http://local" + route("/models/{}/versions", name)).raw_path.decode()
    assert unquote(seen) == f"/models/{name}/versions"


def test_an_odd_name_is_said_to_be_unknown(client: Client) -> None:
    for ask in ASKED:
        for name in NAMES:
            with pytest.raises(NotFound, match="there is no"):
                ask(client, name)


@pytest.mark.parametrize("token", ["Ü", "a\nb", "a\x00"])
def test_a_token_that_cannot_be_sent_is_refused_without_repeating_it(token: str) -> None:
    for connect in (lambda: Client("http://local", token), lambda: MlflowServer("http://local", token)):
        with pytest.raises(InvalidInput) as refused:
            connect()
        assert (refused.value.code, token in refused.value.message) == ("bad_token", False)


def test_an_address_that_is_none_is_refused() -> None:
    for connect in (
        lambda: Client("http://a:9x"),
        lambda: MlflowServer("http://a:9x"),
        lambda: MlflowServer("http://["),
    ):
        with pytest.raises(InvalidInput) as refused:
            connect()
        assert refused.value.code == "bad_url"
