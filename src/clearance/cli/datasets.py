"""Commands of datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clearance.cli.core import Json, connect, say, show, table
from clearance.cli.facts import facts
from clearance.registry.model import Dataset

app = typer.Typer(no_args_is_help=True, help="Register data by what its bytes say.")
Named = Annotated[str, typer.Argument(help="The dataset's name, or its digest (8 digits are enough).")]


@app.command("list")
def listing(ctx: typer.Context, json: Json = False) -> None:
    """List all datasets, newest first."""
    show(
        list(connect(ctx).datasets.list()),
        json,
        _render_all,
    )


@app.command("show")
def one(ctx: typer.Context, dataset: Named, json: Json = False) -> None:
    """Show one dataset with its schema."""
    datasets = connect(ctx).datasets
    show(datasets.get(datasets.find(dataset)), json, _render)


@app.command("register")
def register(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Parquet, or CSV in UTF-8 with a header line.")],
    name: Annotated[str, typer.Option(help="What to call it.")],
    time_column: Annotated[str | None, typer.Option(help="Column with the time of each row.")] = None,
    json: Json = False,
) -> None:
    """Register a file of data: schema, rows and time range are read from it."""
    show(connect(ctx).datasets.register(file, name=name, time_column=time_column), json, _render)


@app.command("download")
def download(
    ctx: typer.Context,
    dataset: Named,
    file: Annotated[Path, typer.Argument(help="New file to write.")],
    json: Json = False,
) -> None:
    """Write a dataset's bytes to a new file, verified."""
    datasets = connect(ctx).datasets
    found = datasets.download(datasets.find(dataset), file)
    show(found, json, lambda made: say(f"{made.name} is in {file}, verified"))


def _render_all(datasets: list[Dataset]) -> None:
    table(
        "Datasets",
        ("name", "rows", "columns", "from", "to"),
        [
            (
                d.name,
                f"{d.rows:,}",
                len(d.columns),
                d.first_at and f"{d.first_at:%Y-%m-%d %H:%M}",
                d.last_at and f"{d.last_at:%Y-%m-%d %H:%M}",
            )
            for d in datasets
        ],
        empty="No datasets yet. `clearance datasets register FILE --name NAME` registers one.",
    )
    for dataset in datasets:
        typer.echo(f"{dataset.digest}  {dataset.name}")


def _render(dataset: Dataset) -> None:
    facts(
        dataset.name,
        [
            ("digest", dataset.digest),
            ("rows", f"{dataset.rows:,}"),
            ("bytes", f"{dataset.size:,}"),
            ("time column", dataset.time_column),
            ("from", dataset.first_at and f"{dataset.first_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("to", dataset.last_at and f"{dataset.last_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("registered", f"{dataset.created_at:%Y-%m-%d %H:%M} UTC by {dataset.created_by}"),
        ],
    )
    table("\nColumns", ("name", "type"), [(c.name, c.type) for c in dataset.columns], empty="")
