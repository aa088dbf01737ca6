"""The command that goes back to the last good version."""

from __future__ import annotations

from typing import Annotated

import typer

from clearance.cli.core import Json, connect, say, show
from clearance.delivery.model import Rollback

app = typer.Typer()


@app.command()
def rollback(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit log.")] = "rolled back by hand",
    environment: Annotated[str, typer.Option(help="Where.")] = "production",
    to: Annotated[int | None, typer.Option(help="Number of the version; else the last good one.")] = None,
    json: Json = False,
) -> None:
    """Go back to the last good version; a candidate under way is taken out of traffic."""

    def render(found: Rollback) -> None:
        say(f"[green]{model}/{found.to_number} serves in {environment}[/], {model}/{found.from_number} no longer")
        for line in found.passed_over:
            say(f"[dim]passed over {line}[/]")

    show(connect(ctx).delivery.rollback(model, reason, environment=environment, to=to), json, render)
