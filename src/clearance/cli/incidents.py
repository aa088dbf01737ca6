"""Commands of incidents."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich.markup import escape

from clearance.audit.words import happened
from clearance.cli.core import Json, Limit, OfModel, connect, say, show, table
from clearance.response.model import IncidentReport

app = typer.Typer(no_args_is_help=True, help="Work on incidents: timeline, notes, resolution.")
IncidentId = Annotated[str, typer.Argument(help="Which incident: `clearance incidents list` shows their ids.")]


@app.command("list")
def listing(
    ctx: typer.Context,
    model: OfModel = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List incidents, newest first."""
    show(
        list(islice(connect(ctx).incidents.list(model=model), limit)),
        json,
        lambda found: table(
            "Incidents",
            ("id", "state", "model", "title", "opened (UTC)", "owner"),
            [(i.id, i.state, i.model, i.title, f"{i.opened_at:%Y-%m-%d %H:%M}", i.owner or "nobody") for i in found],
            empty="No incidents.",
        ),
    )


@app.command("show")
def one(ctx: typer.Context, incident_id: IncidentId, json: Json = False) -> None:
    """Show an incident with its timeline."""
    show(connect(ctx).incidents.get(incident_id), json, _render)


@app.command("note")
def note(
    ctx: typer.Context,
    incident_id: IncidentId,
    text: Annotated[str, typer.Argument(help="What to write there.")],
    json: Json = False,
) -> None:
    """Add a line to an incident's timeline."""
    show(connect(ctx).incidents.note(incident_id, text), json, _render)


@app.command("resolve")
def resolve(
    ctx: typer.Context,
    incident_id: IncidentId,
    cause: Annotated[str, typer.Option(help="What it was.")],
    json: Json = False,
) -> None:
    """Close an incident with its cause; its alerts are resolved with it."""
    show(
        connect(ctx).incidents.resolve(incident_id, cause),
        json,
        lambda incident: say(f"{incident.id} is resolved after {incident.minutes_to_resolve:.0f} min."),
    )


def _render(report: IncidentReport) -> None:
    incident = report.incident
    say(f"[bold]{escape(incident.title)}[/] ({incident.state}; owner: {escape(incident.owner or 'nobody yet')})")
    table(
        "Timeline, from the audit log",
        ("leaf", "at (UTC)", "what happened", "subject", "by"),
        [(e.index, f"{e.at:%Y-%m-%d %H:%M:%S}", happened(e.event), e.subject, e.actor) for e in report.timeline],
        empty="",
    )
