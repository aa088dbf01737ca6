"""Values of people: the roles bound to them, and their sessions after a log-in through the identity provider; pure."""

from __future__ import annotations

from datetime import datetime

from clearance.access.model import Role
from clearance.values import request, value


@request
class NewBinding:
    """A role to give: `user:alice` or `group:risk`, for one team's models, or for all with None."""

    subject: str
    role: Role
    team: str | None = None


@value
class Binding:
    """A role that a person, or everybody of a group of the identity provider, holds when they log in."""

    subject: str
    role: Role
    team: str | None
    bound_at: datetime
    bound_by: str


@request
class NewSession:
    """The identity token that the provider gave to the command line."""

    id_token: str


@value
class Session:
    """A person who logged in through the identity provider."""

    id: str
    name: str
    groups: tuple[str, ...]
    opened_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@value
class OpenedSession:
    """A fresh session with its secret, which is shown this once and used like a token."""

    session: Session
    secret: str


@value
class IdentityProvider:
    """Where people log in, and what a program needs to know to begin that (RFC 8628)."""

    issuer: str
    client_id: str
    scopes: str
    device_authorization_endpoint: str
    """Empty where the provider knows no device flow."""
    token_endpoint: str


@value
class LoginMethods:
    """How one can log in here: a token always works, an identity provider where one is set."""

    token: bool
    provider: IdentityProvider | None
