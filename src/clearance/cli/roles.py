"""Commands of role bindings: who gets which role when they log in."""

from __future__ import annotations

from typing import Annotated

import typer

from clearance.access.model import Role
from clearance.access.people import Binding
from clearance.cli.core import Json, connect, say, show, table

app = typer.Typer(no_args_is_help=True, help="Say who gets which role, for which team.")
Subject = Annotated[str, typer.Argument(help="user:NAME, or group:NAME for everybody of a group at the provider.")]
Team = Annotated[str | None, typer.Option(help="Only for models of this team; else for all.")]


@app.command("bind")
def bind(
    ctx: typer.Context,
    subject: Subject,
    role: Annotated[Role, typer.Argument(help="What they may do.")],
    team: Team = None,
    json: Json = False,
) -> None:
    """Give a role to a person or a group."""
    show(connect(ctx).access.bind(subject, role, team=team), json, lambda made: say(f"{_sentence(made)} now."))


@app.command("unbind")
def unbind(
    ctx: typer.Context,
    subject: Subject,
    role: Annotated[Role, typer.Argument(help="What they may do no longer.")],
    team: Team = None,
    json: Json = False,
) -> None:
    """Take a role away again; who is logged in loses it within a second."""
    show(connect(ctx).access.unbind(subject, role, team=team), json, lambda gone: say(f"{_sentence(gone)} no more."))


@app.command("list")
def listing(ctx: typer.Context, json: Json = False) -> None:
    """List who gets which role."""
    show(
        list(connect(ctx).access.bindings()),
        json,
        lambda found: table(
            "Roles",
            ("who", "role", "team", "since", "by"),
            [(b.subject, b.role.value, b.team or "all", f"{b.bound_at:%Y-%m-%d}", b.bound_by) for b in found],
            empty="No roles are bound yet. `clearance roles bind user:NAME viewer` binds one; tokens carry their own.",
        ),
    )


def _sentence(binding: Binding) -> str:
    return f"{binding.subject} is {binding.role.value} for {binding.team or 'all teams'}"
