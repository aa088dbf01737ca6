"""The command that ends the log-in to a server."""

from __future__ import annotations

from contextlib import suppress

import typer

from clearance.cli import logins
from clearance.cli.core import Json, say, settings_of, show
from clearance.client.client import Client
from clearance.errors import Unauthenticated

app = typer.Typer()


@app.command()
def logout(ctx: typer.Context, json: Json = False) -> None:
    """End the log-in to the server of CLEARANCE_URL or --url, there and here."""
    settings = settings_of(ctx)
    found = logins.find(settings.home, settings.url)
    if found is None:
        show({"ended": False}, json, lambda _: say(f"Nobody is logged in to {settings.url or 'a server'} here."))
        return
    with Client(settings.url, found.secret) as client, suppress(Unauthenticated):  # it ran out by itself
        client.access.end_session()
    logins.forget(settings.home, settings.url)
    show({"ended": True}, json, lambda _: say(f"{found.name} is logged out of {settings.url}."))
