"""Commands of aliases: names by which versions are asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from clearance.cli.core import Json, connect, say, show, table
from clearance.delivery.model import Alias, AliasMove

app = typer.Typer(no_args_is_help=True, help="Name versions; a guarded alias is what serves in an environment.")
Model = Annotated[str, typer.Argument(help="The model.")]
Name = Annotated[str, typer.Argument(help="The alias, such as champion.")]


@app.command("list")
def listing(ctx: typer.Context, model: Model, json: Json = False) -> None:
    """List the aliases that were given, and which of them follow an environment."""
    show(connect(ctx).delivery.aliases(model), json, _table)


@app.command("show")
def one(ctx: typer.Context, model: Model, alias: Name, json: Json = False) -> None:
    """Show which version an alias names."""
    show(connect(ctx).delivery.alias(model, alias), json, lambda found: say(_sentence(found)))


@app.command("set")
def put(
    ctx: typer.Context,
    model: Model,
    alias: Name,
    number: Annotated[int, typer.Argument(help="The version it is to name.")],
    json: Json = False,
) -> None:
    """Let an alias name a version; a guarded one moves only if the policy lets the version serve there."""

    def render(moved: AliasMove) -> None:
        if moved.alias is not None:
            say(_sentence(moved.alias))
        if (
            moved.promotion is not None
            and moved.promotion.decision.approval_id is not None
            and not moved.promotion.moved
        ):
            say(
                f"{alias} stays where it is until people agree: `clearance approvals list`. {moved.promotion.decision.reason}"
            )

    show(connect(ctx).delivery.set_alias(model, alias, number), json, render)


@app.command("delete")
def delete(ctx: typer.Context, model: Model, alias: Name, json: Json = False) -> None:
    """Take an alias away; a guarded one stays as long as something serves there."""
    show(connect(ctx).delivery.delete_alias(model, alias), json, _table)


def _sentence(found: Alias) -> str:
    follows = f", which serves in {found.environment}" if found.environment else ""
    return f"{found.name} is {found.model}/{found.number}{follows}"


def _table(found: tuple[Alias, ...]) -> None:
    table(
        "Aliases",
        ("alias", "version", "follows"),
        [(each.name, f"{each.model}/{each.number}", each.environment) for each in found],
        empty="No aliases. `clearance aliases set MODEL ALIAS NUMBER` gives one.",
    )
