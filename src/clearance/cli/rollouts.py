"""Commands of rollouts: start, follow, steer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from clearance.cli.core import Json, connect, say, show, table
from clearance.delivery.model import Rollout, Step
from clearance.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="Roll a candidate out by steps.")

RolloutId = Annotated[str, typer.Argument(help="Which rollout: `clearance rollouts list` shows their ids.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it goes into the audit log.")]


@app.command("start")
def start(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    candidate: Annotated[int, typer.Argument(help="Number of the version.")],
    strategy: Annotated[
        str, typer.Option(help="By name (`clearance rollouts strategies`), or a YAML file of your own.")
    ] = "canary",
    step: Annotated[
        list[str] | None,
        typer.Option(help="WEIGHT:SECONDS:REQUESTS instead of the strategy's steps; repeat for several."),
    ] = None,
    environment: Annotated[str, typer.Option(help="Where.")] = "production",
    json: Json = False,
) -> None:
    """Give an admitted candidate its first share of traffic."""
    found = connect(ctx).rollouts.start(
        model,
        candidate,
        environment=environment,
        strategy=Path(strategy) if strategy.endswith((".yaml", ".yml")) else strategy,
        steps=[_step(each) for each in step] if step else None,
    )
    show(found, json, render)


@app.command("strategies")
def strategies(ctx: typer.Context, json: Json = False) -> None:
    """List the built-in strategies; one of your own begins with `like: canary`."""
    show(
        list(connect(ctx).rollouts.strategies()),
        json,
        lambda found: table(
            "Strategies",
            ("name", "version", "steps (% of traffic)", "at least", "metrics", "description"),
            [
                (
                    each.name,
                    each.version,
                    " ".join(f"{step.weight:g}" for step in each.steps),
                    timedelta(seconds=sum(step.minimum_seconds for step in each.steps)),
                    len(each.metrics),
                    each.description,
                )
                for each in found
            ],
            empty="No strategies.",
        ),
    )


@app.command("list")
def listing(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    active: Annotated[bool, typer.Option("--active", help="Only those under way.")] = False,
    json: Json = False,
) -> None:
    """List rollouts, newest first."""
    show(
        list(connect(ctx).rollouts.list(model, active=active)),
        json,
        lambda found: table(
            "Rollouts",
            ("id", "candidate", "environment", "state", "weight", "reason"),
            [
                (
                    each.id,
                    f"{each.model}/{each.candidate}",
                    each.environment,
                    each.state,
                    f"{each.weight:g}%",
                    each.reason,
                )
                for each in found
            ],
            empty="No rollouts. `clearance rollouts start MODEL NUMBER` begins one.",
        ),
    )


@app.command("show")
def show_one(ctx: typer.Context, rollout_id: RolloutId, json: Json = False) -> None:
    """Show a rollout and what its arms say."""
    show(connect(ctx).rollouts.get(rollout_id), json, render)


@app.command("pause")
def pause(ctx: typer.Context, rollout_id: RolloutId, reason: Why = "paused by hand", json: Json = False) -> None:
    """Keep a rollout at its weight; it still rolls back by itself."""
    show(connect(ctx).rollouts.pause(rollout_id, reason), json, render)


@app.command("resume")
def resume(ctx: typer.Context, rollout_id: RolloutId, reason: Why = "resumed by hand", json: Json = False) -> None:
    """Let a paused rollout go on."""
    show(connect(ctx).rollouts.resume(rollout_id, reason), json, render)


@app.command("abort")
def abort(ctx: typer.Context, rollout_id: RolloutId, reason: Why = "aborted by hand", json: Json = False) -> None:
    """Take the candidate out of traffic."""
    show(connect(ctx).rollouts.abort(rollout_id, reason), json, render)


@app.command("reconcile")
def reconcile(ctx: typer.Context, rollout_id: RolloutId, json: Json = False) -> None:
    """Look at the arms now and do what follows; a server does so every second by itself."""
    show(connect(ctx).rollouts.reconcile(rollout_id), json, render)


def _step(text: str) -> Step:
    try:
        weight, seconds, requests = text.split(":")
        return Step(weight=float(weight), minimum_seconds=float(seconds), minimum_requests=int(requests))
    except ValueError as error:
        raise InvalidInput(
            f"--step {text[:80]!r} is not WEIGHT:SECONDS:REQUESTS",
            code="bad_step",
            hint="--step 5:600:100 is 5% of traffic for at least 600 seconds and 100 requests",
        ) from error


def render(found: Rollout) -> None:
    """Print a rollout and the newest look at its arms."""
    step = f"step {found.step + 1} of {len(found.strategy.steps)} of {escape(found.strategy.name)} {escape(found.strategy.version)}"
    say(
        f"[bold]{found.model}/{found.candidate}[/] beside {found.model}/{found.stable} in {found.environment} ({found.id})"
    )
    say(f"{found.state}, {step}, {found.weight:g}% of traffic: {escape(found.reason)}")
    if found.analysis is None:
        say("[dim]its arms were not looked at yet[/]")
        return
    table(
        "",
        ("metric", "verdict", "reason"),
        [(result.metric, result.verdict, result.reason) for result in found.analysis.metrics],
        empty="",
    )
