"""Commands of passports: export one, and verify one with nothing but the file."""

from __future__ import annotations

import json as jsonlib
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from clearance.audit.checkpoint import parse_verifier
from clearance.cli.core import DENIED, Json, Model, Number, connect, console, read_file, say, show, write_file
from clearance.errors import InvalidInput
from clearance.evidence.passport_check import PassportReport, verify
from clearance.evidence.passport_claims import Pins
from clearance.statistics.verdicts import Verdict

app = typer.Typer(no_args_is_help=True, help="Export a version's passport, or verify one with nothing but the file.")

_KEY_ID = re.compile(r"[0-9a-f]{64}")
_MARKS = {Verdict.PASSED: "[green]verified[/]", Verdict.FAILED: "[red bold]FAILED[/]"}


@app.command("export")
def export(
    ctx: typer.Context,
    model: Model,
    number: Number,
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    environment: Annotated[str, typer.Option(help="Which decision to take along.")] = "production",
    json: Json = False,
) -> None:
    """Write everything known about a version into one file that proves itself."""
    report = verify(write(file, connect(ctx).evidence.passport(model, number, environment)))
    show(report, json, lambda found: say(f"{file}: {found.model}/{found.number}, {len(found.checks)} parts."))
    if not report.ok:
        raise typer.Exit(DENIED)


@app.command("verify")
def check(
    file: Annotated[Path, typer.Argument(help="The passport, as `clearance passport export` wrote it.")],
    pin_log: Annotated[
        str | None, typer.Option(help="Verifier string of the log, as `clearance audit key` prints it.")
    ] = None,
    pin_key: Annotated[
        list[str] | None, typer.Option(help="Id of a key that may have signed; repeat for several.")
    ] = None,
    json: Json = False,
) -> None:
    """Verify a passport: signatures, digests, log proofs. Needs no server, database, network or home; exit 1 if it fails."""
    if pin_log is not None:
        parse_verifier(pin_log)  # a mistyped one is no log's, and says nothing of the passport
    for each in pin_key or ():
        _check_key_id(each)
    report = verify(read_file(file), Pins(log=pin_log, keys=tuple(each.strip() for each in pin_key or ())))
    show(report, json, _render)
    if not report.ok:
        raise typer.Exit(DENIED)


def write(file: Path, passport: dict[str, Any]) -> bytes:
    """Write a passport as JSON that people can read too; return what was written."""
    text = (jsonlib.dumps(passport, indent=2, ensure_ascii=False) + "\n").encode()
    write_file(file, text)
    return text


def _check_key_id(text: str) -> None:
    if not _KEY_ID.fullmatch(text.strip()):
        raise InvalidInput(
            f"{text[:80]!r} is no key's id",
            code="bad_key_id",
            hint="64 hexadecimal digits, as `clearance keys list` shows them",
        )


def _render(report: PassportReport) -> None:
    from rich.markup import escape
    from rich.table import Table

    title = f"Passport of {report.model}/{report.number}" if report.model else "Passport"
    made = Table("part", "", "what", title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for part in report.checks:
        made.add_row(part.name, _MARKS.get(part.verdict, "[dim]none[/]"), escape(part.reason))
    console().print(made)
    if not report.ok:
        say("\n[red bold]This passport does not verify.[/] Trust nothing in it.")
        sys.stdout.flush()
        return
    outcome = f"{report.outcome} for {report.environment}" if report.outcome else "not decided on"
    say(f"\n[green]The passport verifies.[/] {report.model}/{report.number} is {outcome}.")
    if report.lapsed:
        say(f"[red bold]That held no more when the passport was exported:[/] {escape(report.lapsed)}")
    if report.status != "registered":
        say(f"[red bold]It was {report.status} when the passport was exported:[/] do not use it.")
    if not report.pinned:
        say(f"[dim]To know that it is from your log, pin it:[/] --pin-log '{escape(report.log)}'")
