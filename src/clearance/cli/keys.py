"""Commands of trust: whose signatures count, and for what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clearance.cli.core import Json, connect, read_file, say, show, table
from clearance.evidence.predicates import Purpose

app = typer.Typer(no_args_is_help=True, help="Say whose signatures count, and for what.")


@app.command("list")
def listing(ctx: typer.Context, json: Json = False) -> None:
    """List every key whose signatures count or counted."""
    show(
        list(connect(ctx).evidence.trusted()),
        json,
        lambda found: table(
            "Keys",
            ("id", "name", "may sign", "trusted", "revoked"),
            [
                (
                    key.key_id,
                    key.name,
                    " ".join(key.purposes),
                    f"{key.trusted_at:%Y-%m-%d}",
                    key.revoked_at and f"{key.revoked_at:%Y-%m-%d %H:%M} {key.revoked_reason}",
                )
                for key in found
            ],
            empty="No keys yet. The installation's own comes with its first signature; `clearance keys trust` adds others.",
        ),
    )


@app.command("trust")
def trust(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Public key, PEM.")],
    name: Annotated[str, typer.Option(help="Whose it is.")],
    purpose: Annotated[list[Purpose], typer.Option(help="What it may sign; repeat for several.")],
    json: Json = False,
) -> None:
    """Let a key's signatures count from now on."""
    pem = read_file(file).decode(errors="replace")
    show(
        connect(ctx).evidence.trust(name, pem, purpose),
        json,
        lambda key: say(f"{key.name} may now sign: {', '.join(key.purposes)} (key {key.key_id})."),
    )


@app.command("revoke")
def revoke(
    ctx: typer.Context,
    key_id: Annotated[str, typer.Argument(help="Which key: `clearance keys list` shows their ids.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the log.")],
    json: Json = False,
) -> None:
    """Let nothing that a key signed count any more, whenever it was signed."""
    show(
        connect(ctx).evidence.revoke(key_id, reason),
        json,
        lambda key: say(f"Nothing that {key.name} signed counts any more."),
    )
