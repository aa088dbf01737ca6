"""The device flow (RFC 8628): somebody confirms in a browser, wherever that is, what a program here asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from clearance.access.people import IdentityProvider
from clearance.errors import Conflict, Unauthenticated, Unavailable
from clearance.values import value

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_TIMEOUT_SECONDS = 10.0
_SLOW_DOWN_SECONDS = 5.0  # RFC 8628, 3.5
_LONGEST_SECONDS = 1800.0


@value
class Invitation:
    """Where somebody has to go, and what to type there."""

    verification_uri: str
    user_code: str
    complete_uri: str
    """The address with the code in it; empty where the provider gives none."""


def identity_token(
    provider: IdentityProvider,
    invite: Callable[[Invitation], None],
    *,
    http: httpx.Client | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Return the identity token of whoever confirms.

    Args:
        provider: where people log in.
        invite: tells the person where to go; called once.
        http: how to reach the provider.
        sleep: waits for so many seconds.

    Raises:
        Conflict: the provider knows no device flow (`no_device_flow`).
        Unauthenticated: it was denied (`login_denied`), took too long (`login_expired`), or the provider refuses.
        Unavailable: the provider can't be reached.
    """
    if not provider.device_authorization_endpoint:
        raise Conflict(
            f"the identity provider {provider.issuer} offers no log-in for command lines (no device flow)",
            code="no_device_flow",
            hint="use a token: `clearance tokens issue` on the server, then CLEARANCE_TOKEN",
        )
    client = http or httpx.Client(timeout=_TIMEOUT_SECONDS)
    try:
        begun = _begin(client, provider)
        invite(_invitation(begun))
        return _wait(client, provider, begun, sleep)
    finally:
        if http is None:
            client.close()


def _begin(client: httpx.Client, provider: IdentityProvider) -> Mapping[str, Any]:
    form = {"client_id": provider.client_id, "scope": provider.scopes}
    status, begun = _post(client, provider, provider.device_authorization_endpoint, form)
    if status >= httpx.codes.BAD_REQUEST or not {"device_code", "user_code", "verification_uri"} <= set(begun):
        raise _refused(provider, str(begun.get("error", status)))
    return begun


def _invitation(begun: Mapping[str, Any]) -> Invitation:
    return Invitation(
        verification_uri=str(begun["verification_uri"]),
        user_code=str(begun["user_code"]),
        complete_uri=str(begun.get("verification_uri_complete", "")),
    )


def _wait(
    client: httpx.Client, provider: IdentityProvider, begun: Mapping[str, Any], sleep: Callable[[float], None]
) -> str:
    form = {"grant_type": _GRANT, "device_code": str(begun["device_code"]), "client_id": provider.client_id}
    pause = float(begun.get("interval", 5))
    left = min(float(begun.get("expires_in", _LONGEST_SECONDS)), _LONGEST_SECONDS)
    while left > 0:
        sleep(pause)
        left -= pause
        status, answer = _post(client, provider, provider.token_endpoint, form)
        found = answer.get("id_token")
        if status < httpx.codes.BAD_REQUEST and isinstance(found, str):
            return found
        error = str(answer.get("error", status))
        if error == "slow_down":
            pause += _SLOW_DOWN_SECONDS
        elif error == "access_denied":
            raise Unauthenticated("the log-in was denied in the browser", code="login_denied", hint="`clearance login`")
        elif error == "expired_token":
            break
        elif error != "authorization_pending":
            raise _refused(provider, error)
    raise Unauthenticated(
        "nobody confirmed the log-in in time", code="login_expired", hint="`clearance login` gives a fresh code"
    )


def _post(
    client: httpx.Client, provider: IdentityProvider, url: str, form: Mapping[str, str]
) -> tuple[int, Mapping[str, Any]]:
    try:
        answer = client.post(url, data=dict(form), headers={"accept": "application/json"})
        body = answer.json()
    except httpx.HTTPError as error:
        raise Unavailable(
            f"the identity provider {provider.issuer} can't be reached from here: {type(error).__name__}",
            code="provider_unreachable",
            hint="the server reaches it, this machine does not; a token works without it",
        ) from error
    except ValueError as error:
        raise _refused(provider, f"{answer.status_code}, and no JSON") from error
    return answer.status_code, body if isinstance(body, dict) else {}


def _refused(provider: IdentityProvider, why: str) -> Unauthenticated:
    return Unauthenticated(
        f"the identity provider {provider.issuer} refused the log-in: {why[:100]}",
        code="login_refused",
        hint=f"is the client {provider.client_id} allowed the device flow there? CLEARANCE_OIDC_CLI_CLIENT_ID names it",
    )
