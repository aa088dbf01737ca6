"""Commands of monitoring: configure a monitor, run it, see its windows and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from clearance.cli.core import Json, connect, say, show, table
from clearance.cli.facts import DATA, counted, short
from clearance.client.monitoring import PRODUCTION
from clearance.compliance import wording
from clearance.errors import InvalidInput
from clearance.monitoring.model import Evaluation, Figure, Monitor, MonitorConfig, WindowSummary
from clearance.statistics.verdicts import Verdict

app = typer.Typer(no_args_is_help=True, help="Watch models: windows, drift, quality, latency.")

Model = Annotated[str, typer.Argument(help="Name of the model.")]
Environment = Annotated[str, typer.Option(help="Where it answers.")]


@app.command("configure")
def configure(
    ctx: typer.Context,
    model: Model,
    baseline: Annotated[str | None, typer.Option(help=f"Dataset to compare with: {DATA}.")] = None,
    file: Annotated[Path | None, typer.Option(help="The whole configuration, as YAML.")] = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="Input to compare; repeat. All of the contract, when left out.")
    ] = None,
    score: Annotated[str | None, typer.Option(help="Column of the baseline with scores.")] = None,
    prediction: Annotated[str | None, typer.Option(help="Column of the baseline with predictions.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the baseline with outcomes.")] = None,
    window: Annotated[str | None, typer.Option(help="Length of a window: P7D, P1D, PT6H.")] = None,
    environment: Environment = PRODUCTION,
    json: Json = False,
) -> None:
    """Watch a model by a baseline; a monitor that is there already is replaced."""
    config = _config(file, baseline, feature or [], score, prediction, label, window)
    client = connect(ctx)
    config = replace(config, baseline_dataset=client.datasets.resolve(config.baseline_dataset))

    def render(made: Monitor) -> None:
        say(
            f"[green]watching[/] {made.model} in {made.environment}, in windows of {made.rules.window}, "
            f"by {counted(len(made.config.features), 'feature')}: {', '.join(made.config.features)}"
        )
        say(f"`clearance monitor run {made.model}` computes its figures.")

    show(client.monitoring.configure(model, config, environment=environment), json, render)


@app.command("list")
def listing(ctx: typer.Context, json: Json = False) -> None:
    """List what watches which model where."""
    show(
        list(connect(ctx).monitoring.monitors()),
        json,
        lambda found: table(
            "Monitors",
            ("model", "environment", "window", "baseline", "configured", "by"),
            [
                (
                    m.model,
                    m.environment,
                    m.rules.window,
                    short(m.config.baseline_dataset),
                    f"{m.configured_at:%Y-%m-%d %H:%M}",
                    m.configured_by,
                )
                for m in found
            ],
            empty="Nothing is watched yet. `clearance monitor configure MODEL --baseline FILE` begins.",
        ),
    )


@app.command("run")
def run(
    ctx: typer.Context,
    model: Model,
    until: Annotated[datetime | None, typer.Option(help="Take the time (UTC) to be this; now, when left out.")] = None,
    recompute: Annotated[bool, typer.Option(help="Compute all windows, also those that did not change.")] = False,
    environment: Environment = PRODUCTION,
    json: Json = False,
) -> None:
    """Compute the figures of every window that changed, and raise alerts for what is newly wrong."""

    def render(made: Evaluation) -> None:
        say(
            f"{counted(len(made.windows), 'window')} computed, {made.unchanged} unchanged, {counted(len(made.alarms), 'alarm')}"
        )
        if not made.windows and not made.unchanged:
            say(f"There are no events of {model} in {environment} yet.")
        for alarm in made.alarms:
            typer.echo(f"  - {alarm.title}: {alarm.summary}")

    moment = _utc(until)
    found = connect(ctx).monitoring.run(model, environment=environment, until=moment, recompute=recompute)
    show(found, json, render)


@app.command("windows")
def windows(ctx: typer.Context, model: Model, environment: Environment = PRODUCTION, json: Json = False) -> None:
    """List the windows that were evaluated, with how many of their figures failed."""

    def render(found: Sequence[WindowSummary]) -> None:
        table(
            f"Windows of {model} in {environment}",
            ("start (UTC)", "end", "events", "labelled", "versions", "failed", "passed", "so far"),
            [
                (
                    _moment(w.window.start),
                    _moment(w.window.end),
                    w.events,
                    w.labelled,
                    " ".join(map(str, w.versions)),
                    w.verdicts.get(Verdict.FAILED, 0),
                    w.verdicts.get(Verdict.PASSED, 0),
                    "mature" if w.phase.mature else "provisional",
                )
                for w in found
            ],
            empty=f"No window was evaluated yet. `clearance monitor run {model}` does it.",
        )

    show(list(connect(ctx).monitoring.windows(model, environment=environment)), json, render)


@app.command("figures")
def figures(
    ctx: typer.Context,
    model: Model,
    metric: Annotated[str | None, typer.Option(help="Such as psi, ks, null_rate, auc, accuracy, latency_p95.")] = None,
    subject: Annotated[str | None, typer.Option(help="Feature, or score.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Only those that ended so.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Windows that start at this time (UTC) or later.")] = None,
    environment: Environment = PRODUCTION,
    json: Json = False,
) -> None:
    """List figures, oldest window first."""

    def render(found: Sequence[Figure]) -> None:
        table(
            f"Figures of {model} in {environment}",
            ("window (UTC)", "metric", "of", "v", "value", "n", "verdict"),
            [
                (
                    _moment(f.window.start),
                    f.metric,
                    f.subject,
                    f.version,
                    None if f.value is None else wording.figure(f.value),
                    f.n,
                    f.verdict + ("*" if f.provisional else ""),
                )
                for f in found
            ],
            empty=f"No such figure. `clearance monitor run {model}` computes them.",
        )
        if any(f.provisional for f in found):
            say("[dim]* provisional: events or labels may still come[/dim]")
        for f in found:
            if (
                f.verdict == Verdict.FAILED or verdict is not None
            ):  # why the others are as they are: ask for their verdict
                of = f" of {f.subject}" if f.subject else ""
                typer.echo(f"  - {_moment(f.window.start)} {f.metric}{of}: {f.reason}")

    found = connect(ctx).monitoring.figures(
        model, environment=environment, metric=metric, subject=subject, verdict=verdict, since=_utc(since)
    )
    show(list(found), json, render)


def _config(
    file: Path | None,
    baseline: str | None,
    features: Sequence[str],
    score: str | None,
    prediction: str | None,
    label: str | None,
    window: str | None,
) -> MonitorConfig:
    given = any((baseline, features, score, prediction, label, window))
    if file is not None and not given:
        from clearance.cli.documents import read_document

        return read_document(file, MonitorConfig)
    if file is not None or baseline is None:
        raise InvalidInput(
            "a monitor is configured either by --file or by --baseline with its options",
            code="bad_monitor",
            hint="`clearance datasets list` shows names for --baseline; it takes a file, too",
        )
    return MonitorConfig(
        baseline_dataset=baseline,
        features=tuple(features),
        score_column=score,
        prediction_column=prediction,
        label_column=label,
        window=window,
    )


def _moment(at: datetime) -> str:
    """Return a moment in UTC, to the minute; of midnight only the day."""
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
