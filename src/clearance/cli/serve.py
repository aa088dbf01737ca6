"""The command that runs the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clearance import __version__
from clearance.cli.core import Port, note, settings_of
from clearance.errors import InvalidInput

if TYPE_CHECKING:
    from clearance.app import Clearance

app = typer.Typer()
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8780,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Server processes; more than one need PostgreSQL.")] = 1,
    no_upgrade: Annotated[bool, typer.Option("--no-upgrade", help="Refuse a database that needs an upgrade.")] = False,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log a line for each request.")] = False,
) -> None:
    """Run the server: API, gateway and console."""
    from clearance.app import Clearance
    from clearance.cli import workers as processes
    from clearance.storage import migrate

    parts = Clearance(settings_of(ctx))
    try:
        if workers > 1 and parts.database_as_found.is_sqlite:
            raise _one_process_only(workers)
        if no_upgrade:
            migrate.check_current(parts.database_as_found)
        parts.check()
        listener = processes.listen(host, port)
        _greet(parts, host, listener.getsockname()[1])
    finally:
        parts.close()
    processes.run(parts.settings, listener, workers, access_log=access_log)


def _one_process_only(workers: int) -> InvalidInput:
    return InvalidInput(
        f"{workers} processes can't share an SQLite file: it takes one writer at a time, and one server",
        code="workers_need_postgresql",
        hint="set CLEARANCE_DATABASE_URL to PostgreSQL (docs/how-to/run-on-postgresql.md moves what is there), or leave --workers out",
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
