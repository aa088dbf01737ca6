"""Commands of alerts."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich.markup import escape

from clearance.cli.core import Json, Limit, OfModel, connect, say, show, table
from clearance.response.model import Alert, AlertState

app = typer.Typer(no_args_is_help=True, help="See what is wrong, take it on, say that it is over.")
AlertId = Annotated[str, typer.Argument(help="Which alert: `clearance alerts list` shows their ids.")]


@app.command("list")
def listing(
    ctx: typer.Context,
    state: Annotated[AlertState | None, typer.Option(help="Only alerts in this state.")] = None,
    model: OfModel = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List alerts, newest first."""
    show(
        list(islice(connect(ctx).alerts.list(state=state, model=model), limit)),
        json,
        lambda found: table(
            "Alerts",
            ("id", "severity", "state", "model", "what", "raised (UTC)", "seen"),
            [(a.id, a.severity, a.state, a.model, a.title, f"{a.raised_at:%Y-%m-%d %H:%M}", a.seen) for a in found],
            empty="No alerts. Nothing is known to be wrong.",
        ),
    )


@app.command("show")
def one(ctx: typer.Context, alert_id: AlertId, json: Json = False) -> None:
    """Show an alert with the figures behind it."""
    show(connect(ctx).alerts.get(alert_id), json, _render)


@app.command("acknowledge")
def acknowledge(ctx: typer.Context, alert_id: AlertId, json: Json = False) -> None:
    """Say that you are on it."""
    show(connect(ctx).alerts.acknowledge(alert_id), json, _render)


@app.command("resolve")
def resolve(
    ctx: typer.Context,
    alert_id: AlertId,
    reason: Annotated[str, typer.Option(help="Why it is over.")],
    json: Json = False,
) -> None:
    """Say that it is over, and why."""
    show(connect(ctx).alerts.resolve(alert_id, reason), json, _render)


def _render(alert: Alert) -> None:
    say(f"[bold]{escape(alert.title)}[/] ({alert.severity}, {alert.state}, seen {alert.seen}×)")
    say(escape(alert.summary))
    table(
        "",
        ("", ""),
        [
            ("model", f"{alert.model} in {alert.environment}"),
            ("about", alert.subject),
            ("fingerprint", alert.fingerprint),
            ("incident", alert.incident or "none"),
            *((name, text) for name, text in alert.labels.items()),
        ],
        empty="",
    )
