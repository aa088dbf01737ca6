"""Commands of templates: what a model of a use case starts with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clearance.cli.core import Json, connect, show, table
from clearance.cli.facts import facts
from clearance.registry.templates import Template

app = typer.Typer(no_args_is_help=True, help="See what a model of a use case starts with.")


@app.command("list")
def listing(ctx: typer.Context, json: Json = False) -> None:
    """List the templates of use cases."""
    show(
        connect(ctx).templates.list(),
        json,
        lambda found: table(
            "Templates",
            ("name", "use case", "pack", "suite", "what it is about"),
            [(each.name, each.title, each.pack, each.suite, each.description) for each in found],
            empty="There are none.",
        ),
    )


@app.command("show")
def one(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The template, for example lending.")],
    json: Json = False,
) -> None:
    """Show what a template fills in, and where its numbers come from."""
    show(connect(ctx).templates.get(name), json, _render)


def _render(template: Template) -> None:
    answers = asdict(template.answers)
    yes = [key.replace("_", " ") for key, said in answers.items() if said is True]
    facts(
        template.name,
        [
            ("use case", template.title),
            ("about", template.description),
            ("kind", template.kind),
            ("answers", f"exposure {template.answers.exposure}; yes to {', '.join(yes) or 'nothing'}"),
            ("required", ", ".join(template.required)),
            ("policy pack", template.pack),
            ("suite", template.suite),
            ("telemetry", ", ".join(template.telemetry.fields)),
            ("watch", "; ".join(template.watch)),
        ],
    )
    rows = [
        ("objective", f"{slo.sli} {slo.objective:g} {slo.unit} over {slo.window_days:g} days", slo.source)
        for slo in template.slos
    ]
    rows += [("monitor", f"{name} {number.value}", number.source) for name, number in template.monitor.items()]
    table("\nNumbers", ("what", "value", "source"), rows, empty="")
