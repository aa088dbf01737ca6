"""Commands of checks: run suites over versions, see what they found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from clearance.checks.model import Figure, StoredResult, SuiteRun, SuiteText
from clearance.cli.core import DENIED, Json, Model, Number, connect, read_file, say, show, table
from clearance.cli.facts import DATA, counted
from clearance.client.client import Client
from clearance.errors import InvalidInput
from clearance.statistics.verdicts import Verdict

app = typer.Typer(no_args_is_help=True, help="Run suites over versions; see what they found.")
Named = Annotated[str, typer.Argument(help="The suite's name, as `clearance checks suites` lists it.")]

_STYLE = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.NOT_APPLICABLE: "dim"}
_FINE = {Verdict.PASSED, Verdict.NOT_APPLICABLE}


@app.command("run")
def run(
    ctx: typer.Context,
    model: Model,
    number: Number,
    suite: Annotated[
        str,
        typer.Option(
            help="A suite by name (`clearance checks suites`), or a YAML file of your own; "
            "left out: that of the model's template."
        ),
    ] = "",
    data: Annotated[
        list[str] | None, typer.Option(help=f"ROLE=DATA, for example holdout=holdout.parquet; repeat. DATA is {DATA}.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Run only this check of the suite; repeat. The others' results stay.")
    ] = None,
    json: Json = False,
) -> None:
    """Run a suite over a version and keep each result as a signed statement; exit 1 unless every check passed."""
    client = connect(ctx)
    datasets = dict(_dataset(client, each) for each in data or ())
    if suite.endswith((".yaml", ".yml")):
        file = Path(suite)
        text = read_file(file).decode(errors="replace")
        made = client.checks.run(model, number, document=text, name=file.name, datasets=datasets, only=only or ())
    else:
        made = client.checks.run(model, number, suite=suite, datasets=datasets, only=only or ())
    show(made, json, _render_run)
    if any(each.result.verdict not in _FINE for each in made.results):
        raise typer.Exit(DENIED)


@app.command("suites")
def suites(ctx: typer.Context, json: Json = False) -> None:
    """List the suites that come with Clearance."""
    show(list(connect(ctx).checks.suites()), json, _render_suites)


@app.command("suite")
def suite_text(ctx: typer.Context, name: Named, json: Json = False) -> None:
    """Print a suite's YAML, to read or to begin one's own with."""
    show(connect(ctx).checks.suite(name), json, lambda found: typer.echo(found.source, nl=False))


@app.command("show")
def results(ctx: typer.Context, model: Model, number: Number, json: Json = False) -> None:
    """Show the newest result of each check of a version, with its figures."""
    empty = (
        f"Nothing was checked yet. `clearance checks run {model} {number} --suite lending --data holdout=FILE` does."
    )
    show(list(connect(ctx).checks.results(model, number)), json, lambda found: _render_results(found, empty))


def _dataset(client: Client, given: str) -> tuple[str, str]:
    """Return (role, digest).

    Raises:
        InvalidInput: not ROLE=DATA, or nothing is meant by it.
    """
    role, _, source = given.partition("=")
    if not role or not source:
        raise InvalidInput(
            f"--data {given!r} is not ROLE=DATA", code="bad_data", hint="for example --data holdout=holdout.parquet"
        )
    return role, client.datasets.resolve(source)


def _render_run(made: SuiteRun) -> None:
    _render_results(made.results, "")
    failed = sum(each.result.verdict not in _FINE for each in made.results)
    name = f"{made.model}/{made.number}"
    say(
        f"\n{name} passed the suite {made.suite}"
        if not failed
        else f"\n{failed} of {counted(len(made.results), 'check')} did not pass"
    )


def _render_results(found: Sequence[StoredResult], empty: str) -> None:
    from rich.markup import escape

    if not found:
        say(empty)
    for each in found:
        result = each.result
        style = _STYLE.get(result.verdict, "yellow")
        say(f"[bold]{escape(result.check)}[/]  [{style}]{result.verdict.value}[/]  {escape(result.reason)}")
    whole = [(each.result.check, figure) for each in found for figure in each.result.figures if _whole(figure)]
    if whole:
        table("\nFigures", ("check", "figure", "of", "value", "low", "high"), _rows(whole), empty="")


def _whole(figure: Figure) -> bool:
    """Whether a figure is worth a line: it is of the whole dataset, or has no group of its own."""
    return figure.slice is None or figure.name.endswith(("_difference", "_ratio"))


def _rows(figures: Iterable[tuple[str, Figure]]) -> list[tuple[str, ...]]:
    return [
        (
            check,
            figure.name,
            " ".join((figure.slice or {}).values()),
            _number(figure.value) + (f" {figure.unit}" if figure.unit and figure.value is not None else ""),
            _number(figure.low),
            _number(figure.high),
        )
        for check, figure in figures
    ]


def _number(found: float | None) -> str:
    from clearance.compliance import wording

    return "" if found is None else wording.figure(found)


def _render_suites(found: list[SuiteText]) -> None:
    table(
        "Suites",
        ("name", "version", "checks", "what for"),
        [(each.name, each.version, " ".join(each.checks), each.description) for each in found],
        empty="No suites.",
    )
