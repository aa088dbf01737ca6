"""The command that lets a version serve, if the policy allows it."""

from __future__ import annotations

from typing import Annotated

import typer

from clearance.cli.core import Json, connect, say, show
from clearance.delivery.model import Promotion

app = typer.Typer()


@app.command()
def promote(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    number: Annotated[int, typer.Argument(help="Number of the version.")],
    to: Annotated[str, typer.Option(help="Environment in which it shall serve.")] = "production",
    json: Json = False,
) -> None:
    """Decide on a version, and let it serve all traffic if it is allowed."""

    def render(found: Promotion) -> None:
        name = f"{model}/{number}"
        if found.moved:
            say(f"[green]{name} serves in {to}[/]: {found.decision.reason} ({found.decision.id})")
        else:
            say(f"[yellow]{name} waits[/]: {found.decision.reason}")
            say(f"[dim]another person approves it: clearance approvals approve {found.decision.approval_id}[/]")

    show(connect(ctx).delivery.promote(model, number, to), json, render)
