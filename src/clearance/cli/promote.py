"""The command that lets a version serve, if the policy allows it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from clearance.cli.core import DENIED, Json, connect, say, show
from clearance.delivery.model import Promotion
from clearance.policy.model import Outcome

app = typer.Typer()


@app.command()
def promote(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    number: Annotated[int, typer.Argument(help="Number of the version.")],
    to: Annotated[str, typer.Option(help="Environment in which it shall serve.")] = "production",
    json: Json = False,
) -> None:
    """Decide on a version, and let it serve all traffic if it is allowed; exit 1 when it is denied or waits for approval.

    What serves already goes on serving: exit 0, and nothing is decided.
    """

    def render(found: Promotion) -> None:
        name, why, which = f"{model}/{number}", escape(found.decision.reason), found.decision.id
        if found.moved:
            say(f"[green]{name} serves in {to}[/]: {why} ({which})")
        elif found.decision.outcome is Outcome.ALLOWED:
            say(f"[green]{name} serves in {to} already[/]: {why} ({which})")
        else:
            _render_waiting(found, name, to)

    made = connect(ctx).delivery.promote(model, number, to)
    show(made, json, render)
    if made.decision.outcome is not Outcome.ALLOWED:
        raise typer.Exit(DENIED)


def _render_waiting(found: Promotion, name: str, to: str) -> None:
    say(f"[yellow]{name} waits for approval[/]: {escape(found.decision.reason)} ({found.decision.id})")
    serves = f"{found.pointer.model}/{found.pointer.stable} goes on serving" if found.pointer else "nothing serves"
    say(f"The pointer did not move: {serves} in {to}.")
    say(f"Next: another person runs `clearance approvals approve {found.decision.approval_id}`, then promote again.")
