"""An identity token is believed only from the provider, for us, for now and for this log-in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from clearance.access import oidc, service
from clearance.access.oidc import Oidc, Provider
from clearance.app import Clearance
from clearance.clock import FixedClock
from clearance.errors import Unauthenticated, Unavailable
from tests.access import issuer as issuers
from tests.access.issuer import Issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuers.running() as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def provider(issuer: Issuer, **changes: Any) -> Provider:
    given: dict[str, Any] = {
        "issuer": issuer.url,
        "client_id": "console",
        "cli_client_id": "cli",
        "secret": lambda: "",
        "scopes": "openid",
        "name_claim": "",
        "groups_claim": "groups",
    }
    return Provider(**{**given, **changes})


@pytest.fixture
def known(issuer: Issuer, clock: FixedClock, http: httpx.Client) -> Oidc:
    return Oidc(provider(issuer), clock, http)


def claims(issuer: Issuer, clock: FixedClock, **changes: Any) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    good = {
        "iss": issuer.url,
        "aud": "console",
        "sub": "1",
        "email": "alice@example.com",
        "groups": ["risk"],
        "iat": now,
        "exp": now + 300,
        "nonce": "n",
    }
    return {name: claim for name, claim in {**good, **changes}.items() if claim is not None}


def refused(known: Oidc, token: str, nonce: str | None = "n") -> str:
    with pytest.raises(Unauthenticated) as error:
        known.identity(token, audience="console", nonce=nonce)
    assert error.value.code == "identity_token_refused"
    return error.value.message


def test_a_good_token_names_a_person_and_their_groups(known: Oidc, issuer: Issuer, clock: FixedClock) -> None:
    found = known.identity(issuer.sign(claims(issuer, clock)), audience="console", nonce="n")
    assert (found.name, found.groups, found.issuer) == ("user:alice@example.com", ("risk",), issuer.url)


@pytest.mark.parametrize(
    ("offered", "secret", "basic", "posted"),
    [
        (None, "hush", True, None),
        (["client_secret_post", "client_secret_basic"], "hush", True, None),
        (["client_secret_post"], "hush", False, "hush"),
        (["client_secret_post"], "", False, None),
        (["none"], "", False, None),
    ],
)
def test_the_console_says_who_it_is_as_the_provider_asks_for_it(
    issuer: Issuer,
    clock: FixedClock,
    http: httpx.Client,
    offered: list[str] | None,
    secret: str,
    basic: bool,
    posted: str | None,
) -> None:
    if offered is not None:
        issuer.documents["/.well-known/openid-configuration"]["token_endpoint_auth_methods_supported"] = offered
    console = Oidc(provider(issuer, secret=lambda: secret), clock, http)
    leaving = console.depart("https://here/login/callback")
    issuer.documents["/token"] = {"id_token": issuer.sign(claims(issuer, clock, nonce=leaving.nonce))}
    assert console.arrive("code", leaving, "https://here/login/callback").name == "user:alice@example.com"
    ((form, authorization),) = issuer.posted
    sent = base64.b64decode(authorization.removeprefix("Basic ")).decode()
    assert sent == (f"console:{secret}" if basic else "")
    assert (form.get("client_id"), form.get("client_secret")) == (None if basic else "console", posted)
    assert form["code_verifier"] == leaving.verifier


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://evil.example"}, "another provider"),
        ({"iss": None}, "another provider"),
        ({"aud": "other"}, "another program"),
        ({"aud": None}, "another program"),
        ({"aud": ["console", "other"]}, "at the request of another program"),
        ({"aud": ["console", "other"], "azp": "other"}, "at the request of another program"),
        ({"azp": "other"}, "at the request of another program"),
        ({"exp": None}, "does not say exp"),
        ({"exp": "tomorrow"}, "does not say exp"),
        ({"exp": True}, "does not say exp"),
        ({"iat": None}, "does not say iat"),
        ({"nonce": "other"}, "another log-in"),
        ({"nonce": None}, "another log-in"),
        ({"email": None}, "names nobody"),
        ({"email": "two words"}, "names nobody"),
        ({"email": ""}, "names nobody"),
        ({"email": "alice@example.com", "email_verified": False}, "names nobody"),
    ],
)
def test_a_token_with_another_claim_is_refused(
    known: Oidc, issuer: Issuer, clock: FixedClock, changes: dict[str, Any], why: str
) -> None:
    assert why in refused(known, issuer.sign(claims(issuer, clock, **changes)))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": -61}, "expired"),
        ({"exp": -60}, "expired"),
        ({"iat": 61}, "from the future"),
        ({"nbf": 61}, "from the future"),
        ({"iat": -oidc.FRESH_SECONDS - oidc.LEEWAY_SECONDS}, "too long ago"),
    ],
)
def test_a_token_for_another_time_is_refused_beyond_the_leeway(
    known: Oidc, issuer: Issuer, clock: FixedClock, changes: dict[str, int], why: str
) -> None:
    now = int(clock.now().timestamp())
    shifted = {name: now + seconds for name, seconds in changes.items()}
    assert why in refused(known, issuer.sign(claims(issuer, clock, **shifted)))


def test_clocks_may_differ_by_a_minute(known: Oidc, issuer: Issuer, clock: FixedClock) -> None:
    now = int(clock.now().timestamp())
    known.identity(issuer.sign(claims(issuer, clock, iat=now + 59, exp=now - 59)), audience="console", nonce="n")


def test_a_token_that_another_key_signed_is_refused(known: Oidc, issuer: Issuer, clock: FixedClock) -> None:
    other = RSAKey.generate_key(2048, {"kid": "first"})
    assert "signature" in refused(known, issuer.sign(claims(issuer, clock), other))


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_a_token_without_a_signature_is_refused(known: Oidc, issuer: Issuer, clock: FixedClock) -> None:
    payload = json.dumps(claims(issuer, clock)).encode()
    for alg in ("none", "None", "NONE"):
        header = json.dumps({"alg": alg, "kid": "first"}).encode()
        assert "signature" in refused(known, f"{segment(header)}.{segment(payload)}.")


def test_the_public_key_is_no_shared_secret(known: Oidc, issuer: Issuer, clock: FixedClock) -> None:
    header, payload = json.dumps({"alg": "HS256", "kid": "first"}), json.dumps(claims(issuer, clock))
    signed = f"{segment(header.encode())}.{segment(payload.encode())}"
    mac = hmac.new(issuer.key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    assert "signature" in refused(known, f"{signed}.{segment(mac)}")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "é.é.é", "a.b.c.d.e", "x" * 100_000])
def test_what_is_no_token_is_refused(known: Oidc, token: str) -> None:
    refused(known, token)


def test_a_token_whose_payload_is_no_object_is_refused(known: Oidc, issuer: Issuer) -> None:
    from joserfc import jws

    token = jws.serialize_compact({"alg": "RS256", "kid": "first"}, b"[1]", issuer.key, algorithms=["RS256"])
    refused(known, token)


def test_a_key_that_is_new_is_fetched_and_a_flood_of_unknown_ones_is_not(
    known: Oidc, issuer: Issuer, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.identity(issuer.sign(claims(issuer, clock)), audience="console", nonce="n")
    second = ECKey.generate_key("P-256", {"kid": "second", "use": "sig", "alg": "ES256"})
    issuer.publish(issuer.key, second)
    monkeypatch.setattr(oidc, "_LEAST_BETWEEN_KEYS", 0.0)
    known.identity(issuer.sign(claims(issuer, clock), second, "ES256"), audience="console", nonce="n")
    assert issuer.asked.count("/keys") == 2
    monkeypatch.setattr(oidc, "_LEAST_BETWEEN_KEYS", 10.0)
    unknown = RSAKey.generate_key(2048, {"kid": "third"})
    for _ in range(20):
        refused(known, issuer.sign(claims(issuer, clock), unknown))
    assert issuer.asked.count("/keys") == 2
    assert issuer.asked.count("/.well-known/openid-configuration") == 1


def test_the_claim_that_names_people_can_be_chosen(issuer: Issuer, clock: FixedClock, http: httpx.Client) -> None:
    known = Oidc(provider(issuer, name_claim="upn", groups_claim="roles"), clock, http)
    token = issuer.sign(claims(issuer, clock, upn="alice", roles="risk"))
    found = known.identity(token, audience="console", nonce="n")
    assert (found.name, found.groups) == ("user:alice", ("risk",))


def test_an_unverified_address_gives_way_to_the_user_name(known: Oidc, issuer: Issuer, clock: FixedClock) -> None:
    token = issuer.sign(claims(issuer, clock, email_verified=False, preferred_username="alice"))
    assert known.identity(token, audience="console", nonce="n").name == "user:alice"


def test_groups_that_are_none_give_no_group(known: Oidc, issuer: Issuer, clock: FixedClock) -> None:
    token = issuer.sign(claims(issuer, clock, groups=[1, "", "risk", "risk", {"name": "x"}]))
    assert known.identity(token, audience="console", nonce="n").groups == ("risk",)


def test_a_provider_that_calls_itself_otherwise_is_not_trusted(known: Oidc, issuer: Issuer) -> None:
    issuer.documents["/.well-known/openid-configuration"]["issuer"] = "https://evil.example"
    with pytest.raises(Unavailable, match="calls itself"):
        known.depart("http://console/callback")


def test_a_provider_that_is_away_is_said_to_be_so(clock: FixedClock, http: httpx.Client) -> None:
    with issuers.running() as gone:
        pass
    with pytest.raises(Unavailable, match="can't be reached") as error:
        Oidc(provider(gone), clock, http).depart("http://console/callback")
    assert "CLEARANCE_OIDC_ISSUER" in error.value.hint


def test_an_identity_token_opens_one_session(parts: Clearance, known: Oidc, issuer: Issuer, clock: FixedClock) -> None:
    identity = known.identity(issuer.sign(claims(issuer, clock)), audience="console", nonce="n")
    with parts.database.write() as tx:
        opened = service.open_session(tx, identity, hours=1)
    with parts.database.write() as tx, pytest.raises(Unauthenticated, match="opened a session already"):
        service.open_session(tx, identity, hours=1)
    with parts.database.read() as tx:
        assert service.authenticate(tx, opened.secret).name == "user:alice@example.com"
    clock.advance(timedelta(hours=1))
    with parts.database.read() as tx, pytest.raises(Unauthenticated, match="ran out"):
        service.authenticate(tx, opened.secret)
    with parts.database.read() as tx, pytest.raises(Unauthenticated, match="not known"):
        service.authenticate(tx, opened.secret + "x")
