"""The command that logs in to a server through its identity provider."""

from __future__ import annotations

import typer

from clearance.access.people import Session
from clearance.cli import logins
from clearance.cli.core import Json, note, say, settings_of, show
from clearance.client.client import Client
from clearance.client.device import Invitation, identity_token
from clearance.errors import Conflict, InvalidInput
from clearance.values import timestamp

app = typer.Typer()


@app.command()
def login(ctx: typer.Context, json: Json = False) -> None:
    """Log in to the server of CLEARANCE_URL or --url; every later command there is yours until the log-in ends."""
    settings = settings_of(ctx)
    if not settings.url:
        raise InvalidInput(
            "there is no server to log in to: local mode needs no log-in",
            code="no_server",
            hint="clearance --url https://clearance.example.com login",
        )
    with Client(settings.url) as client:
        provider = client.access.login_methods().provider
        if provider is None:
            raise Conflict(
                f"people can't log in to {settings.url}: it has no identity provider",
                code="no_provider",
                hint="use a token: --token or CLEARANCE_TOKEN",
            )
        opened = client.access.open_session(identity_token(provider, _invite))
    kept = logins.Login(name=opened.session.name, expires_at=timestamp(opened.session.expires_at), secret=opened.secret)
    logins.keep(settings.home, settings.url, kept)
    show(opened.session, json, lambda session: say(_welcome(session, settings.url)))


def _invite(invitation: Invitation) -> None:
    note(f"Open {invitation.complete_uri or invitation.verification_uri}")
    note(f"and confirm the code {invitation.user_code}. Waiting …")


def _welcome(session: Session, url: str) -> str:
    return f"Logged in to {url} as {session.name}, until {session.expires_at:%Y-%m-%d %H:%M} UTC."
