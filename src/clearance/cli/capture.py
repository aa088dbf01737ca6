"""The commands of versions that came with little: infer a contract from captured requests, fill in what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from clearance.cli.core import Json, connect, say, show, table
from clearance.cli.facts import DATA, counted
from clearance.errors import InvalidInput
from clearance.policy.model import Onboarding
from clearance.registry.captured import Capture
from clearance.registry.contract import Field, ModelContract
from clearance.registry.model import DatasetRole, DatasetUse, Provenance, Version

Model = Annotated[str, typer.Argument(help="The model, for example scores.")]
Number = Annotated[int, typer.Argument(help="The version's number.")]


def capture(
    ctx: typer.Context,
    model: Model,
    number: Number,
    events: Annotated[
        Path | None, typer.Option(help="Captured inputs and outputs: JSON lines, CSV or Parquet.")
    ] = None,
    telemetry: Annotated[
        bool, typer.Option("--from-telemetry", help="Instead of a file: what telemetry holds of the version.")
    ] = False,
    environment: Annotated[str, typer.Option(help="Whose telemetry.")] = "production",
    output: Annotated[
        list[str] | None, typer.Option(help="Column that the model gave; repeat. Others are what it took.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Store the contract and the baseline.")] = False,
    json: Json = False,
) -> None:
    """Infer a contract and a baseline from captured requests; proposed first, stored with --accept."""
    if (events is None) is not telemetry:
        raise InvalidInput("name --events FILE or --from-telemetry, not both or neither", code="capture_ambiguous")
    found = connect(ctx).versions.capture(
        model, number, events, outputs=output or (), environment=environment, accept=accept
    )
    show(found, json, _render)


def fill(
    ctx: typer.Context,
    model: Model,
    number: Number,
    provenance: Annotated[Path | None, typer.Option(help="YAML or JSON: what is to be added.")] = None,
    trainer: Annotated[str, typer.Option(help="Who made it; of a black box: its provider.")] = "",
    metric: Annotated[list[str] | None, typer.Option(help="NAME=NUMBER, a figure that was measured; repeat.")] = None,
    reference: Annotated[str | None, typer.Option(help=f"Data to compare production with: {DATA}.")] = None,
    json: Json = False,
) -> None:
    """Fill in what a version does not say of itself yet; what it says never changes."""
    from clearance.cli.documents import read_document

    client = connect(ctx)
    more = Provenance() if provenance is None else read_document(provenance, Provenance)
    if trainer:
        more = replace(more, trainer=trainer)
    if metric:
        more = replace(more, metrics={**more.metrics, **dict(map(_metric, metric))})
    if reference is not None:
        use = DatasetUse(role=DatasetRole.REFERENCE, digest=client.datasets.resolve(reference))
        more = replace(more, datasets=(*more.datasets, use))

    def render(made: Version) -> None:
        waiting = by_when(client.versions.onboarding(model, number))
        say(f"{made.name} is filled in. {waiting or 'Nothing is missing.'}")

    show(client.versions.fill(model, number, more), json, render)


def contract_of(
    ctx: typer.Context,
    model: Model,
    number: Number,
    file: Annotated[Path, typer.Argument(help="YAML or JSON: inputs and outputs.")],
    json: Json = False,
) -> None:
    """Give a version that was registered without a contract one, once."""
    from clearance.cli.documents import read_document

    found = connect(ctx).versions.set_contract(model, number, read_document(file, ModelContract))
    show(found, json, lambda made: say(f"{made.name} has its contract."))


def by_when(found: Onboarding) -> str:
    """Return what is missing and by when it must be there; empty when nothing is."""
    if not found.missing:
        return ""
    if found.due_at is None:
        return f"Missing before it may serve: {', '.join(found.missing)}"
    day = f"{found.due_at:%Y-%m-%d}"
    when = f"overdue since {day}: it may not serve" if found.overdue else f"due on {day}"
    return f"Missing, {when}: {', '.join(found.missing)}"


def _metric(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise InvalidInput(f"{text!r} does not say NAME=NUMBER", code="bad_metric", hint="such as auc=0.81") from None


def _render(found: Capture) -> None:
    sides = (("in", found.contract.inputs), ("out", found.contract.outputs))
    table(
        f"Contract of {found.model}/{found.number}, from {counted(found.rows, 'record')}",
        ("name", "", "type", "allowed", ""),
        [
            (field.name, side, field.datatype, _allowed(field), "nullable" if field.nullable else "")
            for side, fields in sides
            for field in fields
        ],
        empty="",
    )
    if found.accepted:
        say(f"Stored, with the baseline {found.dataset}")
        say(f"Next: `clearance monitor configure {found.model} --baseline {found.dataset[7:19]}`")
    else:
        say("Proposed only. The same with --accept stores it; a contract never changes once it is set.")


def _allowed(field: Field) -> str:
    if field.categories is not None:
        return ", ".join(map(str, field.categories))
    if field.minimum is None or field.maximum is None:
        return ""
    return f"{field.minimum:g} to {field.maximum:g}"
