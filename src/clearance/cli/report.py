"""The command that writes a version's report; `clearance models report` is registered in `models`."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearance.cli.core import Json, connect, say, show, write_file
from clearance.errors import NotFound
from clearance.values import sha256, value

if TYPE_CHECKING:
    from clearance.client.client import Client


@value
class WrittenReport:
    """A report that was written, and its digest, which the log holds."""

    model: str
    number: int
    file: str
    digest: str


def report(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="The model, for example car-loan.")],
    file: Annotated[Path, typer.Argument(help="Where to write the page.")],
    number: Annotated[int | None, typer.Option("--number", help="The version; by default the one that serves.")] = None,
    environment: Annotated[str, typer.Option(help="Where it serves, or is to serve.")] = "production",
    json: Json = False,
) -> None:
    """Write what is known about a version as one HTML page to print, each fact with its proof."""
    client = connect(ctx)
    chosen = _serving(client, model, environment) if number is None else number
    html = client.reports.html(model, chosen, environment)
    write_file(file, html.encode())
    made = WrittenReport(model=model, number=chosen, file=str(file), digest=sha256(html.encode()))
    show(made, json, lambda done: say(f"{done.file}: {done.model}/{done.number}, {done.digest}"))


def _serving(client: Client, model: str, environment: str) -> int:
    """Return the version that serves, or the newest one where none does."""
    serving = (each.stable for each in client.delivery.pointers(model) if each.environment == environment)
    newest = (version.number for version in client.versions.list(model))
    found = next(chain(serving, newest), None)
    if found is None:
        raise NotFound(
            f"{model} has no version to report on",
            code="version_not_found",
            hint=f"`clearance versions register {model} FOLDER` makes the first",
        )
    return found
