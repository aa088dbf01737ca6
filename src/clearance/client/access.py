"""Client of access: tokens, and who am I."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clearance.access.model import IssuedToken, NewToken, Principal, Role, Token
from clearance.client.http import Http


class Access:
    """Tokens and identity."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def whoami(self) -> Principal:
        """Return who the server takes the caller to be."""
        return self._http.get("/whoami", Principal)

    def issue(self, name: str, roles: Sequence[Role], *, days: float = 90) -> IssuedToken:
        """Issue a token for `user:NAME`; the secret is in the answer and nowhere else."""
        return self._http.post("/tokens", IssuedToken, NewToken(name=name, roles=tuple(roles), days=days))

    def tokens(self) -> Iterator[Token]:
        """Yield all tokens, without their secrets."""
        return self._http.pages("/tokens", Token)

    def revoke(self, token_id: str) -> Token:
        """Make a token useless from now on."""
        return self._http.delete(f"/tokens/{token_id}", Token)
