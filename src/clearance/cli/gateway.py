"""Commands of the gateway."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from clearance.cli.core import Json, Model, connect, say, show, table
from clearance.gateway.model import GatewayStatus, RouteStatus

app = typer.Typer(no_args_is_help=True, help="See what the gateway serves and refuses.")


@app.command("status")
def status(ctx: typer.Context, json: Json = False) -> None:
    """Show what is served, what is refused and why."""
    show(connect(ctx).gateway.status(), json, _render)


@app.command("reload")
def reload(
    ctx: typer.Context,
    model: Model,
    environment: Annotated[str, typer.Option(help="Where it serves.")] = "production",
    json: Json = False,
) -> None:
    """Load what serves again from the store, verifying every byte; exit 1 if it is refused."""
    show(
        connect(ctx).gateway.reload(model, environment=environment),
        json,
        lambda route: say(f"{route.model}/{route.serving} is loaded and verified."),
    )


def _serving(route: RouteStatus) -> str | int:
    if route.elsewhere is not None:
        return f"served elsewhere: {route.elsewhere}"
    return route.serving or "nothing"


def _render(found: GatewayStatus) -> None:
    table(
        "Serving",
        ("model", "environment", "wanted", "serving", "candidate", "weight"),
        [(r.model, r.environment, r.wanted, _serving(r), r.candidate_serving, f"{r.weight:g}%") for r in found.routes],
        empty="Nothing serves. `clearance promote MODEL NUMBER --to production` puts a version there.",
    )
    for refusal in found.refusals:
        say(f"[red]refused[/] {refusal.model}/{refusal.number} in {refusal.environment}: {escape(refusal.reason)}")
