"""The device flow as it goes wrong: slow, late, denied, refused; against an issuer that answers what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from clearance.access.people import IdentityProvider
from clearance.client.device import Invitation, identity_token
from clearance.errors import ClearanceError, Conflict, Unauthenticated, Unavailable
from tests.access import issuer as issuers
from tests.access.issuer import Issuer

PENDING = {"error": "authorization_pending"}
SLOWLY = {"error": "slow_down"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuers.running() as running:
        running.documents["/device"] = {
            "device_code": "d",
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{running.url}/activate",
            "interval": 2,
            "expires_in": 60,
        }
        yield running


def provider(issuer: Issuer) -> IdentityProvider:
    return IdentityProvider(
        issuer=issuer.url,
        client_id="cli",
        scopes="openid",
        device_authorization_endpoint=f"{issuer.url}/device",
        token_endpoint=f"{issuer.url}/token",
    )


def log_in(issuer: Issuer, *answers: Any) -> tuple[str, list[float], list[Invitation]]:
    """Return the token, how long was waited each time, and the invitations."""
    issuer.documents["/token"] = list(answers)
    waited: list[float] = []
    invited: list[Invitation] = []
    with httpx.Client() as http:
        token = identity_token(provider(issuer), invited.append, http=http, sleep=waited.append)
    return token, waited, invited


def test_it_waits_as_long_as_the_provider_asks_and_longer_when_told_to_slow_down(issuer: Issuer) -> None:
    token, waited, invited = log_in(issuer, PENDING, SLOWLY, PENDING, SLOWLY, {"id_token": "t"})
    assert token == "t"
    assert waited == [2, 2, 7, 7, 12]
    assert [each.user_code for each in invited] == ["ABCD-EFGH"]


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ([PENDING, {"error": "access_denied"}], "login_denied", "denied in the browser"),
        ([PENDING, {"error": "expired_token"}], "login_expired", "nobody confirmed"),
        ([PENDING] * 40, "login_expired", "nobody confirmed"),
        ([{"error": "unauthorized_client"}], "login_refused", "unauthorized_client"),
        ([{"access_token": "only"}], "login_refused", "refused the log-in"),
        (["no object"], "login_refused", "refused the log-in"),
    ],
)
def test_what_goes_wrong_is_said_in_clear_words(issuer: Issuer, answers: list[Any], code: str, said: str) -> None:
    with pytest.raises(Unauthenticated, match=said) as error:
        log_in(issuer, *answers)
    assert error.value.code == code


def test_a_client_that_may_not_use_the_flow_is_named(issuer: Issuer) -> None:
    issuer.documents["/device"] = {"error": "invalid_client"}
    with pytest.raises(Unauthenticated, match="invalid_client") as error:
        log_in(issuer)
    assert "is the client cli allowed" in error.value.hint


def test_a_provider_without_the_flow_is_said_to_have_none(issuer: Issuer) -> None:
    without = replace(provider(issuer), device_authorization_endpoint="")
    with pytest.raises(Conflict, match="no device flow"):
        identity_token(without, lambda _: None)


def test_a_provider_that_this_machine_cannot_reach_is_said_to_be_away() -> None:
    with issuers.running() as gone:
        pass
    with httpx.Client() as http, pytest.raises(Unavailable, match="can't be reached from here") as error:
        identity_token(provider(gone), lambda _: None, http=http)
    found: ClearanceError = error.value
    assert found.code == "provider_unreachable"
