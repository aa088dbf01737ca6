"""The command that shows what serves where."""

from __future__ import annotations

import typer

from clearance.cli.core import Json, connect, show, table
from clearance.delivery.model import Environment

app = typer.Typer()


@app.command()
def environments(ctx: typer.Context, json: Json = False) -> None:
    """Show what serves in each environment."""

    def render(found: tuple[Environment, ...]) -> None:
        table(
            "Environments",
            ("environment", "model", "serves", "candidate", "weight", "since"),
            [
                (
                    each.name,
                    pointer.model,
                    pointer.stable,
                    pointer.candidate,
                    f"{pointer.weight:g}%" if pointer.candidate else "",
                    f"{pointer.moved_at:%Y-%m-%d %H:%M}",
                )
                for each in found
                for pointer in each.pointers
            ],
            empty="Nothing serves yet. `clearance promote MODEL NUMBER` lets a version serve.",
        )

    show(connect(ctx).delivery.environments(), json, render)
