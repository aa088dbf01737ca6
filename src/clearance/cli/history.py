"""The command that tells what served when, and why it might."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from clearance.cli.core import DENIED, Json, connect, note, say, show, table
from clearance.cli.facts import facts, short
from clearance.compliance.served import Arm, Grounds, History
from clearance.policy.model import Standing

app = typer.Typer()


@app.command()
def history(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="The model, for example car-loan.")],
    at: Annotated[
        str | None,
        typer.Option(help="A day in UTC (2026-03-01) or a moment with its zone (2026-03-01T12:00Z); else all of it."),
    ] = None,
    environment: Annotated[str, typer.Option(help="Where it served.")] = "production",
    json: Json = False,
) -> None:
    """Say what served, since when, by whose approval and on what evidence; exit 1 if the log and the tables disagree."""
    found = connect(ctx).reports.history(model, environment=environment, at=at)
    show(found, json, _render)
    if found.problems:
        raise typer.Exit(DENIED)


def _render(found: History) -> None:
    for problem in found.problems:
        say(f"[red bold]disagreement[/] {problem}")
    say(found.summary)
    table(
        "",
        ("from", "until", "version", "as", "traffic", "standing", "brought by", "leaf", "decision"),
        [
            (
                _when(each.since),
                _when(each.until) or "now",
                f"{found.model}/{arm.number}",
                arm.share,
                f"{arm.weight:g}%",
                _standing(found.model, arm),
                arm.moved.by,
                arm.moved.leaf,
                arm.decision,
            )
            for each in found.intervals
            for arm in each.arms
        ],
        empty="",
    )
    for grounds in found.grounds:
        _render_grounds(found, grounds)
    if found.leaves:
        note(f"{len(found.leaves)} leaves, each shown to be under the checkpoint of {found.verifier.split('+')[0]}")


def _render_grounds(found: History, grounds: Grounds) -> None:
    facts(
        f"\n{grounds.decision} on {found.model}/{grounds.number}: {grounds.outcome}",
        [
            ("because", grounds.reason),
            ("decided", f"{_when(grounds.made_at)} for {grounds.made_by} (leaf {grounds.leaf})"),
            ("policy", f"{grounds.pack} {grounds.pack_version} {grounds.pack_digest}"),
            ("facts", grounds.facts_digest),
            ("digest", grounds.digest),
            ("signed by", grounds.artifact_signer),
            *(
                (
                    "approved by",
                    f"{each.voter} as {', '.join(each.roles)}, {_when(each.at)} (leaf {each.leaf})"
                    + (f": {each.comment}" if each.comment else ""),
                )
                for each in grounds.approvals
            ),
            *(
                (
                    "waived",
                    f"{each.rule} until {_when(each.expires_at)} by {each.granted_by} (leaf {each.leaf}): {each.reason}",
                )
                for each in grounds.waivers
            ),
            *(
                (
                    "evidence",
                    f"{each.check} {each.verdict}, signed by {each.signer}, {short(each.statement)} (leaf {each.leaf})",
                )
                for each in grounds.evidence
            ),
        ],
    )


def _standing(model: str, arm: Arm) -> str:
    if arm.refused is not None:
        return arm.refused.words(model)
    return arm.standing.value if arm.standing is Standing.ADMITTED else f"{arm.standing.value}: {arm.reason}"


def _when(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
