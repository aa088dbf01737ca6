"""Commands of tags: words on models and versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from clearance.cli.core import Json, connect, show, table

app = typer.Typer(no_args_is_help=True, help="Put words on models and versions.")
Model = Annotated[str, typer.Argument(help="The model.")]
Key = Annotated[str, typer.Argument(help="The key of the tag.")]
Number = Annotated[int | None, typer.Option("--version", help="A version of it; without one, the model itself.")]


@app.command("list")
def listing(ctx: typer.Context, model: Model, number: Number = None, json: Json = False) -> None:
    """List tags by key."""
    _show(connect(ctx).tags.get(model, number), json)


@app.command("set")
def put(
    ctx: typer.Context,
    model: Model,
    key: Key,
    value: Annotated[str, typer.Argument(help="What it says.")],
    number: Number = None,
    json: Json = False,
) -> None:
    """Put a tag on, in place of the one with this key."""
    _show(connect(ctx).tags.set(model, key, value, number), json)


@app.command("delete")
def delete(ctx: typer.Context, model: Model, key: Key, number: Number = None, json: Json = False) -> None:
    """Take a tag off."""
    _show(connect(ctx).tags.delete(model, key, number), json)


def _show(found: Mapping[str, str], json: bool) -> None:
    empty = "No tags. `clearance tags set MODEL KEY VALUE` puts one on."
    show(found, json, lambda tags: table("Tags", ("key", "value"), list(tags.items()), empty=empty))
