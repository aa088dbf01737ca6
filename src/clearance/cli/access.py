"""Commands of access: tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from clearance.access.model import IssuedToken, Role
from clearance.cli.core import Json, connect, say, show, table

app = typer.Typer(no_args_is_help=True, help="Issue and revoke tokens.")


@app.command("issue")
def issue(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose token: a person or a machine.")],
    role: Annotated[list[Role], typer.Option(help="What it may do; repeat for several.")],
    days: Annotated[float, typer.Option(help="How long it works.")] = 90,
    json: Json = False,
) -> None:
    """Issue a token; its secret is shown this once."""

    def render(issued: IssuedToken) -> None:
        say(f"{issued.token.name}, until {issued.token.expires_at:%Y-%m-%d}. This is shown only now:\n")
        typer.echo(issued.secret)

    show(connect(ctx).access.issue(name, role, days=days), json, render)


@app.command("list")
def listing(ctx: typer.Context, json: Json = False) -> None:
    """List all tokens."""
    show(
        list(connect(ctx).access.tokens()),
        json,
        lambda tokens: table(
            "Tokens",
            ("id", "name", "roles", "expires", "revoked"),
            [
                (
                    t.id,
                    t.name,
                    " ".join(t.roles),
                    f"{t.expires_at:%Y-%m-%d}",
                    t.revoked_at and f"{t.revoked_at:%Y-%m-%d %H:%M}",
                )
                for t in tokens
            ],
            empty="No tokens yet. `clearance tokens issue NAME --role viewer` makes one.",
        ),
    )


@app.command("revoke")
def revoke(ctx: typer.Context, token_id: str, json: Json = False) -> None:
    """Make a token useless from now on."""
    show(connect(ctx).access.revoke(token_id), json, lambda token: say(f"{token.id} of {token.name} no longer works."))


@app.command("whoami")
def whoami(ctx: typer.Context, json: Json = False) -> None:
    """Show who you are taken to be, and what your roles are."""
    show(connect(ctx).access.whoami(), json, lambda who: say(f"{who.name} ({', '.join(who.roles)})"))
