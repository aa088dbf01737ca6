"""Commands that have to do with MLflow."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from clearance.cli.core import Json, connect, note, say, show
from clearance.cli.facts import counted
from clearance.client.mlflow import ImportReport
from clearance.client.mlflow_server import MlflowServer

app = typer.Typer(no_args_is_help=True, help="Take a registry over from MLflow; pin what lies at an MLflow server.")
Token = Annotated[str, typer.Option("--server-token", help="Bearer token for the MLflow server, if it wants one.")]


@app.command("import")
def import_registry(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of the MLflow server, such as http://mlflow:5000.")],
    server_token: Token = "",
    with_artifacts: Annotated[
        bool, typer.Option("--with-artifacts", help="Also fetch the bytes that the server hands out, and pin them.")
    ] = False,
    owner: Annotated[str, typer.Option(help="Who is to own the models here; you, when not given.")] = "",
    json: Json = False,
) -> None:
    """Take over all models and versions, with their numbers; broken off, the same command goes on.

    What served there serves here only once it was promoted: the report lists it.
    """

    def tell(name: str) -> None:
        if sys.stderr.isatty():
            note(name)

    with MlflowServer(url, server_token) as server:
        found = connect(ctx).mlflow.import_registry(server, owner=owner, artifacts=with_artifacts, tell=tell)
    show(found, json, _render)


@app.command("pin")
def pin(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="The model, for example car-loan.")],
    number: Annotated[int, typer.Argument(help="The version's number.")],
    tracking: Annotated[str, typer.Option(help="Address of the MLflow server where its source lies.")],
    server_token: Token = "",
    json: Json = False,
) -> None:
    """Fetch the bytes of a version from the MLflow server where they lie, and pin them: it gets its digest."""
    with MlflowServer(tracking, server_token) as server:
        found = connect(ctx).mlflow.pin(server, model, number)
    show(found, json, lambda made: say(f"{made.name} is pinned: {counted(len(made.files), 'file')}\n{made.digest}"))


def _render(report: ImportReport) -> None:
    say(
        f"from {report.origin}: {counted(report.models, 'model')} and {counted(report.versions, 'version')}, "
        f"{counted(report.pinned, 'version')} pinned; {report.present} had come before"
    )
    for title, remarks in (("Not as it was there:", report.left), ("Skipped:", report.skipped)):
        if remarks:
            say(title)
            for remark in remarks:
                say(f"  {remark.name}: {remark.why}")
