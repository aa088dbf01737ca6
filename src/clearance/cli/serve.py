"""The command that runs the server."""

from __future__ import annotations

from typing import Annotated

import typer

from clearance.cli.core import settings_of

app = typer.Typer()
_GRACE_SECONDS = 2  # for requests under way when the server is told to end; a caller sends again what was not answered


@app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8780,
) -> None:
    """Run the server: API, gateway and console."""
    import uvicorn

    from clearance import server
    from clearance.app import Clearance

    uvicorn.run(
        server.create(Clearance(settings_of(ctx)), background=True),
        host=host,
        port=port,
        log_level="info",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
