"""The command that runs the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clearance import __version__
from clearance.cli.core import note, settings_of

if TYPE_CHECKING:
    from clearance.app import Clearance

app = typer.Typer()
_GRACE_SECONDS = 2  # for requests under way when the server is told to end; a caller sends again what was not answered
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8780,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log a line for each request.")] = False,
) -> None:
    """Run the server: API, gateway and console."""
    import uvicorn

    from clearance import server
    from clearance.app import Clearance

    parts = Clearance(settings_of(ctx))
    _greet(parts, host, port)
    uvicorn.run(
        server.create(parts, background=True),
        host=host,
        port=port,
        log_level="info",
        access_log=access_log,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _greet(parts: Clearance, host: str, port: int) -> None:
    from clearance.access.service import list_tokens

    note(f"Clearance {__version__} on http://{host}:{port}, data in {parts.settings.home}")
    if host not in _LOOPBACK:
        note("It speaks plain HTTP: put a proxy with TLS before it.")
    with parts.database.read() as tx:
        somebody = any(token.revoked_at is None and token.expires_at > tx.now for token in list_tokens(tx))
    if not somebody:
        note(f"Nobody can log in yet: clearance --home {parts.settings.home} tokens issue NAME --role admin")
