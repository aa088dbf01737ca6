"""Client of access: who am I, tokens, role bindings, log-ins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from clearance.access.model import IssuedToken, NewToken, Principal, Role, Rotation, Scope, Token
from clearance.access.people import Binding, LoginMethods, NewBinding, NewSession, OpenedSession, Session
from clearance.client.http import Http
from clearance.client.routes import route


class Access:
    """Tokens, roles and identity."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def whoami(self) -> Principal:
        """Return who the server takes the caller to be."""
        return self._http.get("/whoami", Principal)

    def issue(
        self,
        name: str,
        roles: Sequence[Role],
        *,
        days: float = 90,
        service: bool = False,
        scope: Scope | None = None,
    ) -> IssuedToken:
        """Issue a token for `user:NAME` or `service:NAME`; the secret is in the answer and nowhere else."""
        new = NewToken(name=name, roles=tuple(roles), days=days, service=service, scope=scope)
        return self._http.post("/tokens", IssuedToken, new)

    def tokens(self) -> Iterator[Token]:
        """Yield all tokens, without their secrets."""
        return self._http.pages("/tokens", Token)

    def rotate(self, token_id: str, *, overlap: timedelta = timedelta(hours=1)) -> IssuedToken:
        """Issue the successor of a token; the old one still works during the overlap."""
        body = Rotation(overlap_seconds=overlap.total_seconds())
        return self._http.post(route("/tokens/{}/rotate", token_id), IssuedToken, body)

    def revoke(self, token_id: str) -> Token:
        """Make a token useless from now on."""
        return self._http.delete(route("/tokens/{}", token_id), Token)

    def bind(self, subject: str, role: Role, *, team: str | None = None) -> Binding:
        """Give a role to `user:NAME` or `group:NAME`, for one team's models or for all."""
        return self._http.post("/roles", Binding, NewBinding(subject=subject, role=role, team=team))

    def unbind(self, subject: str, role: Role, *, team: str | None = None) -> Binding:
        """Take a role away again."""
        return self._http.delete("/roles", Binding, subject=subject, role=role, team=team)

    def bindings(self) -> Iterator[Binding]:
        """Yield who gets which role when they log in."""
        return self._http.pages("/roles", Binding)

    def login_methods(self) -> LoginMethods:
        """Return how one can log in there; needs no token."""
        return self._http.get("/login-methods", LoginMethods)

    def open_session(self, id_token: str) -> OpenedSession:
        """Exchange an identity token of the provider for a session; needs no other token."""
        return self._http.post("/sessions", OpenedSession, NewSession(id_token=id_token))

    def end_session(self) -> Session:
        """End the session that this client acts by."""
        return self._http.delete("/sessions/current", Session)
