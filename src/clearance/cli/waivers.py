"""Commands of waivers: dated exceptions to rules."""

from __future__ import annotations

from typing import Annotated

import typer

from clearance.cli.core import Json, OfModel, connect, say, show, table

app = typer.Typer(no_args_is_help=True, help="Grant, list and revoke dated exceptions to rules.")


@app.command("list")
def listing(
    ctx: typer.Context,
    model: OfModel = None,
    json: Json = False,
) -> None:
    """List waivers, newest first, also those that count no longer."""
    show(
        list(connect(ctx).waivers.list(model)),
        json,
        lambda waivers: table(
            "Waivers",
            ("id", "rule", "for", "environment", "reason", "granted by", "until", "revoked"),
            [
                (
                    w.id,
                    w.rule,
                    w.model if w.number is None else f"{w.model}/{w.number}",
                    w.environment,
                    w.reason,
                    w.granted_by,
                    f"{w.expires_at:%Y-%m-%d}",
                    w.revoked_at and f"{w.revoked_at:%Y-%m-%d}",
                )
                for w in waivers
            ],
            empty="No waivers. `clearance waivers grant RULE MODEL --reason WHY --days N` makes one.",
        ),
    )


@app.command("grant")
def grant(
    ctx: typer.Context,
    rule: Annotated[str, typer.Argument(help="The rule, by its id.")],
    model: Annotated[str, typer.Argument(help="The model it is waived for.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever asks in a year.")],
    days: Annotated[float, typer.Option(help="How long.")],
    number: Annotated[int | None, typer.Option(help="Only this version.")] = None,
    environment: Annotated[str, typer.Option("--environment", "-e", help="Only there.")] = "production",
    json: Json = False,
) -> None:
    """Let one rule not block a model for a while; it counts from the next decision on."""
    show(
        connect(ctx).waivers.grant(rule, model, reason=reason, days=days, number=number, environment=environment),
        json,
        lambda waiver: say(f"{waiver.id}: {waiver.rule} is waived until {waiver.expires_at:%Y-%m-%d}"),
    )


@app.command("revoke")
def revoke(
    ctx: typer.Context,
    waiver_id: Annotated[str, typer.Argument(help="Its id, wvr_…")],
    json: Json = False,
) -> None:
    """End a waiver now; what was admitted because of it may not be loaded any more."""
    show(connect(ctx).waivers.revoke(waiver_id), json, lambda waiver: say(f"{waiver.id} counts no longer."))
