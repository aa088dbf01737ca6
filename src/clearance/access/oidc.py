"""The identity provider (OpenID Connect Core 1.0): where to send people, and whom an identity token names."""

from __future__ import annotations

import base64
import hashlib
import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from clearance.access.people import IdentityProvider
from clearance.clock import Clock
from clearance.errors import Unauthenticated, Unavailable
from clearance.values import sha256

if TYPE_CHECKING:
    import httpx

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that are believed: public keys only, never `none`, never a secret that two sides share."""
LEEWAY_SECONDS = 60
"""How far the provider's clock may be from ours."""
FRESH_SECONDS = 600
"""How long ago an identity token may have been issued: it opens a session right after the log-in or not at all."""
_TIMEOUT_SECONDS = 10.0
_METADATA_SECONDS = 3600.0
_LEAST_BETWEEN_KEYS = 10.0  # seconds: an unknown key id makes us ask again, a flood of them does not
_LONGEST_TOKEN = 64 * 1024
_LONGEST_NAME = 200
_MOST_GROUPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What the operator said of the provider; the secret is asked for when it is needed, for it may change."""

    issuer: str
    client_id: str
    cli_client_id: str
    secret: Callable[[], str]
    scopes: str
    name_claim: str
    groups_claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person whom the provider vouches for."""

    name: str
    groups: tuple[str, ...]
    issuer: str
    proof: str
    """Digest of the identity token: it counts once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Somebody on the way to the provider: the address to go to, and what only their browser keeps meanwhile."""

    url: str
    state: str
    nonce: str
    verifier: str


class Oidc:
    """One provider: its documents are fetched when needed and kept; its keys again when it signs with one that is new."""

    def __init__(self, provider: Provider, clock: Clock, client: httpx.Client | None = None) -> None:
        import httpx

        self.provider = provider
        self._clock = clock
        self._http = client or httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False)
        self._lock = threading.Lock()
        self._metadata: tuple[Mapping[str, Any], float] | None = None
        self._keys: tuple[Any, float] | None = None

    def depart(self, redirect_uri: str) -> Departure:
        """Return where to send a browser that wants to log in (authorization code with PKCE, RFC 7636)."""
        made = [secrets.token_urlsafe(32) for _ in range(3)]
        state, nonce, verifier = made
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.provider.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return Departure(url=self._url("authorization_endpoint", query), state=state, nonce=nonce, verifier=verifier)

    def arrive(self, code: str, departure: Departure, redirect_uri: str) -> Identity:
        """Exchange the code that a browser brought back, and return who logged in.

        Raises:
            Unauthenticated: the provider does not take the code, or its identity token is not for this log-in.
            Unavailable: the provider can't be reached.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": departure.verifier,
        }
        answer = self._exchange(form, self.provider.secret())
        return self.identity(answer, audience=self.provider.client_id, nonce=departure.nonce)

    def identity(self, id_token: str, *, audience: str, nonce: str | None = None) -> Identity:
        """Return whom an identity token names (OpenID Connect Core 1.0, 3.1.3.7).

        Args:
            id_token: as the provider gave it.
            audience: the client that it must be for.
            nonce: what it must carry; None for the device flow, which has none.

        Raises:
            Unauthenticated: it is not signed by the provider, or for somebody else, or not for now; the hint says which.
        """
        claims = self._signed(id_token)
        self._check(claims, audience, nonce)
        return Identity(
            name=f"user:{self._name(claims)}",
            groups=self._groups(claims),
            issuer=self.provider.issuer,
            proof=sha256(id_token.encode()),
        )

    def audience_of_cli(self) -> str:
        """Return the client that the command line logs in as."""
        return self.provider.cli_client_id or self.provider.client_id

    def described(self) -> IdentityProvider:
        """Return what a program needs to begin a log-in of its own."""
        found = self._discovered()
        return IdentityProvider(
            issuer=self.provider.issuer,
            client_id=self.audience_of_cli(),
            scopes=self.provider.scopes,
            device_authorization_endpoint=str(found.get("device_authorization_endpoint", "")),
            token_endpoint=str(found["token_endpoint"]),
        )

    def farewell(self, back: str) -> str | None:
        """Return where to log out of the provider too (RP-Initiated Logout 1.0); None where it offers none."""
        if not self._discovered().get("end_session_endpoint"):
            return None
        query = {"client_id": self.provider.client_id, "post_logout_redirect_uri": back}
        return self._url("end_session_endpoint", query)

    def _signed(self, id_token: str) -> Mapping[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError

        if len(id_token) > _LONGEST_TOKEN:
            raise _refused("it is longer than any identity token")
        for again in (False, True):
            try:
                claims: Mapping[str, Any] = jwt.decode(
                    id_token, self._key_set(again=again), algorithms=list(ALGORITHMS)
                ).claims
                return claims
            except (JoseError, ValueError, TypeError, KeyError) as error:
                found = error
            if not _may_be_new_key(id_token):
                break
        raise _refused(f"its signature is none of the provider's ({type(found).__name__})") from found

    def _check(self, claims: Mapping[str, Any], audience: str, nonce: str | None) -> None:
        now = self._clock.now().timestamp()
        given = claims.get("aud")
        audiences = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        if claims.get("iss") != self.provider.issuer:
            raise _refused("another provider issued it")
        if audience not in audiences:
            raise _refused("it was issued for another program")
        if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != audience:
            raise _refused("it was issued at the request of another program")
        if _time(claims, "exp") + LEEWAY_SECONDS <= now:
            raise _refused("it has expired")
        issued = _time(claims, "iat")
        if issued - LEEWAY_SECONDS > now or ("nbf" in claims and _time(claims, "nbf") - LEEWAY_SECONDS > now):
            raise _refused("it is from the future: one of the two clocks is wrong")
        if issued + FRESH_SECONDS + LEEWAY_SECONDS <= now:
            raise _refused("it was issued too long ago")
        if nonce is not None and not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise _refused("it belongs to another log-in")

    def _name(self, claims: Mapping[str, Any]) -> str:
        wanted = [self.provider.name_claim] if self.provider.name_claim else ["email", "preferred_username"]
        for claim in wanted:
            found = claims.get(claim)
            vouched = claim != "email" or claims.get("email_verified", True) in {True, "true"}
            if vouched and isinstance(found, str) and 0 < len(found) <= _LONGEST_NAME and _is_plain(found):
                return found
        raise _refused(f"it names nobody: there is no usable claim {' or '.join(wanted)} (CLEARANCE_OIDC_NAME_CLAIM)")

    def _groups(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        found = claims.get(self.provider.groups_claim, ())
        groups = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        named = (each for each in groups if isinstance(each, str) and 0 < len(each) <= _LONGEST_NAME)
        return tuple(dict.fromkeys(named))[:_MOST_GROUPS]

    def _exchange(self, form: Mapping[str, str], secret: str) -> str:
        """Return the identity token for a form; the client says who it is as the provider asks for it.

        HTTP Basic unless that is not offered (OpenID Connect Discovery 1.0, 3: it is where nothing is said), or no secret.
        """
        import httpx

        provider, client = self._discovered(), self.provider.client_id
        offered = provider.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        auth = httpx.BasicAuth(client, secret) if secret and "client_secret_basic" in offered else None
        said = {} if auth is not None else {"client_id": client, **({"client_secret": secret} if secret else {})}
        answer = self._ask("POST", str(provider["token_endpoint"]), data={**form, **said}, auth=auth)
        body = _json(answer)
        found = body.get("id_token")
        if answer.is_error or not isinstance(found, str):
            raise Unauthenticated(
                f"the identity provider did not take the log-in: {str(body.get('error', answer.status_code))[:100]}",
                code="login_refused",
                hint="log in again; if it stays so, the server's CLEARANCE_OIDC_CLIENT_ID or its secret is wrong",
            )
        return found

    def _key_set(self, *, again: bool) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        with self._lock:
            now = time.monotonic()
            if self._keys is None or (again and now - self._keys[1] >= _LEAST_BETWEEN_KEYS):
                document = _json(self._ask("GET", str(self._discovered()["jwks_uri"])))
                try:
                    self._keys = KeySet.import_key_set(document), now  # type: ignore[arg-type]  # checked by joserfc
                except (JoseError, ValueError, TypeError, KeyError) as error:
                    raise _strange("its keys can't be read") from error
            return self._keys[0]

    def _discovered(self) -> Mapping[str, Any]:
        now = time.monotonic()
        if self._metadata is None or now - self._metadata[1] >= _METADATA_SECONDS:
            answer = self._ask("GET", self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
            found = _json(answer)
            if answer.is_error or found.get("issuer") != self.provider.issuer:
                raise _strange(f"it calls itself {str(found.get('issuer'))[:200]!r}, not {self.provider.issuer!r}")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if urlsplit(str(found.get(name, ""))).scheme not in {"http", "https"}:
                    raise _strange(f"its discovery document has no {name}")
            self._metadata = found, now
        return self._metadata[0]

    def _url(self, endpoint: str, query: Mapping[str, str]) -> str:
        address = str(self._discovered()[endpoint])
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"

    def _ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        import httpx

        try:
            return self._http.request(method, url, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"the identity provider {self.provider.issuer} can't be reached: {type(error).__name__}",
                code="provider_unreachable",
                hint="tokens work meanwhile; is CLEARANCE_OIDC_ISSUER right, and reachable from the server?",
            ) from error


def _may_be_new_key(id_token: str) -> bool:
    """Whether fetching the provider's keys again might help: the token has the form of one that is signed."""
    return id_token.count(".") == 2


def _time(claims: Mapping[str, Any], name: str) -> float:
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise _refused(f"it does not say {name}")
    return float(found)


def _is_plain(text: str) -> bool:
    return text.isprintable() and " " not in text


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise _strange(f"{answer.request.url.path} answered {answer.status_code}, and no JSON") from error
    if not isinstance(found, dict):
        raise _strange(f"{answer.request.url.path} answered no JSON object")
    return found


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"this identity token is not good here: {why}", code="identity_token_refused", hint="log in again"
    )


def _strange(why: str) -> Unavailable:
    return Unavailable(
        f"the identity provider answers strangely: {why}",
        code="provider_strange",
        hint="is CLEARANCE_OIDC_ISSUER exactly what the provider calls itself?",
    )
