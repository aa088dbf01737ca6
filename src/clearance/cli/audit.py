"""Commands of the log."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from clearance.audit.checkpoint import parse_verifier
from clearance.audit.events import Event
from clearance.audit.model import Entry, Verification
from clearance.cli.core import DENIED, Json, connect, say, show, table
from clearance.errors import InvalidInput, VerificationFailed

app = typer.Typer(no_args_is_help=True, help="Read, prove and verify the audit log.")


@app.command("log")
def entries(
    ctx: typer.Context,
    subject: Annotated[
        str | None, typer.Option(help="Only what happened to this, for example model/car-loan/1.")
    ] = None,
    event: Annotated[Event | None, typer.Option(help="Only this kind of event.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50,
    json: Json = False,
) -> None:
    """Show what happened, newest first."""

    def render(found: list[Entry]) -> None:
        table(
            "Audit log",
            ("leaf", "at (UTC)", "event", "subject", "by"),
            [(e.index, f"{e.at:%Y-%m-%d %H:%M:%S}", e.event, e.subject, e.actor) for e in found],
            empty="Nothing has happened yet.",
        )

    client = connect(ctx)
    show(list(islice(client.audit.entries(subject=subject, event=event, limit=min(limit, 1000)), limit)), json, render)


@app.command("verify")
def verify(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Option(help="Verify this copy of clearance.db instead, with --pin.")] = None,
    pin: Annotated[str | None, typer.Option(help="The log's key, as `clearance audit key` printed it once.")] = None,
    json: Json = False,
) -> None:
    """Recompute the whole log and compare it with every signed checkpoint; exit 1 if anything was changed.

    With --pin the key is the one you kept, not the one the installation has now.
    """
    found = _verify_file(file, pin) if file is not None else connect(ctx).audit.verify()
    if file is None and pin is not None and found.verifier != parse_verifier(pin).text():
        raise VerificationFailed(
            f"this log is signed by {found.verifier}, not by the key you pinned",
            code="log_key_differs",
            hint="somebody replaced the log or its key: ask for the statement of rotation, keep a copy, compare backups",
        )
    show(found, json, _render_verification)
    if not found.ok:
        raise typer.Exit(DENIED)


@app.command("key")
def key(ctx: typer.Context) -> None:
    """Print the verifier string that an outsider pins."""
    typer.echo(connect(ctx).audit.key())


@app.command("checkpoint")
def checkpoint(ctx: typer.Context) -> None:
    """Print the newest signed checkpoint."""
    typer.echo(connect(ctx).audit.checkpoint(), nl=False)


def _verify_file(file: Path, pin: str | None) -> Verification:
    from clearance.audit.offline import verify_file

    if pin is None:
        raise InvalidInput(
            "a copy is verified against a key from outside it", code="pin_missing", hint="--pin 'name+hash+base64'"
        )
    return verify_file(file, parse_verifier(pin))


def _render_verification(found: Verification) -> None:
    if found.ok:
        say(
            f"[green]verified[/] {found.leaves} leaves against {found.checkpoints} signed checkpoints, root {found.root}"
        )
        return
    say(f"[red bold]the log does not verify[/]: {found.leaves} leaves, {found.checkpoints} checkpoints")
    for problem in found.problems:
        typer.echo(f"  - {problem}")
