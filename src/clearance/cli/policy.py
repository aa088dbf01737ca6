"""Commands of policy: decide, explain, replay, packs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from clearance.cli.core import DENIED, Json, OfModel, connect, say, show, table
from clearance.cli.facts import short
from clearance.policy.model import Decision, Outcome, ReplayReport, RuleOutcome
from clearance.policy.pack import InstalledPack
from clearance.policy.remedies import remedies
from clearance.statistics.verdicts import Verdict

app = typer.Typer(no_args_is_help=True, help="Decide by rules, explain decisions, replay them.")
Model = Annotated[str, typer.Argument(help="The model, for example car-loan.")]
Number = Annotated[int, typer.Argument(help="The version's number.")]
Where = Annotated[str, typer.Option("--environment", "-e", help="Where it is to serve.")]
File = Annotated[Path, typer.Argument(help="A pack of rules, YAML.")]

_MARKS = {
    Verdict.PASSED: "[green]holds[/]",
    Verdict.FAILED: "[red]fails[/]",
    Verdict.NOT_MEASURED: "[red]not measured[/]",
    Verdict.INCONCLUSIVE: "[red]inconclusive[/]",
    Verdict.PENDING: "[yellow]pending[/]",
}
_COLOURS = {Outcome.ALLOWED: "green", Outcome.DENIED: "red", Outcome.PENDING: "yellow"}


@app.command("decide")
def decide(
    ctx: typer.Context,
    model: Model,
    number: Number,
    environment: Where = "production",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be decided: stores nothing, asks nobody.")
    ] = False,
    json: Json = False,
) -> None:
    """Decide whether a version may serve; exit 1 unless it is allowed. On one that serves, a denial counts: try --dry-run."""
    decision = connect(ctx).policy.decide(model, number, environment, dry_run=dry_run)
    show(decision, json, explain)
    if decision.outcome is not Outcome.ALLOWED:
        raise typer.Exit(DENIED)


@app.command("list")
def listing(
    ctx: typer.Context,
    model: OfModel = None,
    json: Json = False,
) -> None:
    """List decisions, newest first."""
    show(
        list(connect(ctx).policy.decisions(model)),
        json,
        lambda decisions: table(
            "Decisions",
            ("id", "version", "environment", "outcome", "why", "made"),
            [
                (d.id, f"{d.model}/{d.number}", d.environment, d.outcome, d.reason, f"{d.made_at:%Y-%m-%d %H:%M}")
                for d in decisions
            ],
            empty="No decisions yet. `clearance policy decide MODEL N` makes one.",
        ),
    )


@app.command("show")
def one(
    ctx: typer.Context,
    decision_id: Annotated[str, typer.Argument(help="Its id, dec_…")],
    json: Json = False,
) -> None:
    """Explain a decision rule by rule."""
    show(connect(ctx).policy.get(decision_id), json, explain)


@app.command("replay")
def replay(ctx: typer.Context, json: Json = False) -> None:
    """Recompute every past decision, bit for bit; exit 1 if one comes out differently."""
    report = connect(ctx).policy.replay()
    show(report, json, _render_report)
    if report.differing:
        raise typer.Exit(DENIED)


@app.command("packs")
def packs(ctx: typer.Context, json: Json = False) -> None:
    """List the packs in force, in the order in which they are tried."""
    show(
        list(connect(ctx).policy.packs()),
        json,
        lambda found: table(
            "Packs",
            ("name", "version", "digest", "risk", "environments", "rules", "approvals", "installed"),
            [
                (
                    p.pack.name,
                    p.pack.version,
                    short(p.digest),
                    " ".join(p.pack.risks),
                    " ".join(p.pack.environments),
                    len(p.pack.rules),
                    p.pack.approvals.count,
                    f"{p.installed_at:%Y-%m-%d}" if p.installed_at else "built in",
                )
                for p in found
            ],
            empty="No packs.",
        ),
    )


@app.command("rules")
def rules(
    ctx: typer.Context, name: Annotated[str, typer.Argument(help="The pack, for example full.")], json: Json = False
) -> None:
    """Show the rules of a pack."""
    show(connect(ctx).policy.pack(name), json, _render_pack)


@app.command("check")
def check(ctx: typer.Context, file: File, json: Json = False) -> None:
    """Read a pack and compile its rules, without installing it."""
    show(
        connect(ctx).policy.check(file),
        json,
        lambda found: say(f"[green]good[/] {found.pack.name}: {len(found.pack.rules)} rules, {found.digest}"),
    )


@app.command("install")
def install(ctx: typer.Context, file: File, json: Json = False) -> None:
    """Install a pack; it is tried before those that are there."""
    show(connect(ctx).policy.install(file), json, lambda found: say(f"{found.pack.name} is in force, {found.digest}"))


def explain(decision: Decision) -> None:
    """Print a decision for people: the outcome, then each rule."""
    colour = _COLOURS[decision.outcome]
    version = f"{decision.model}/{decision.number}"
    say(f"[{colour} bold]{decision.outcome}[/] {version} for {decision.environment}: {escape(decision.reason)}")
    which = "dry run: nothing was stored, nobody was asked" if decision.dry_run else decision.id
    say(f"[dim]{which}, pack {decision.pack} {short(decision.pack_digest)}, by {decision.made_by}[/]\n")
    idle = [rule.id for rule in decision.rules if rule.verdict is Verdict.NOT_APPLICABLE]
    for rule in decision.rules:
        if rule.verdict is not Verdict.NOT_APPLICABLE:
            _rule(rule)
    if idle:
        say(f"[dim]do{'es' if len(idle) == 1 else ''} not apply: {', '.join(idle)}[/]")
    for waiver in decision.facts.waivers:
        if waiver.id in decision.waivers:
            said = escape(waiver.reason)
            say(f"\n[yellow]waived[/] {waiver.rule} by {waiver.granted_by} until {waiver.expires_at:%Y-%m-%d}: {said}")
    _next(decision)


def _next(decision: Decision) -> None:
    """Print which command helps on, if one does."""
    steps = list(remedies(decision))
    if decision.outcome is Outcome.PENDING and decision.approval_id is None:
        steps.append("without --dry-run this asks for approval")
    elif decision.outcome is Outcome.PENDING:
        steps.append(f"somebody else runs `clearance approvals approve {decision.approval_id}`")
    if steps:
        say("")
    for step in steps:
        say(f"Next: {escape(step)}.")


def _rule(rule: RuleOutcome) -> None:
    mark = "[yellow]warns[/]" if not rule.holds and not rule.blocks else _MARKS[rule.verdict]
    say(f"{mark} [bold]{rule.id}[/] {escape(rule.title if rule.holds else rule.message)}")
    if not rule.holds:
        say(f"      [dim]{escape(', '.join(rule.sources))}[/]")


def _render_report(report: ReplayReport) -> None:
    if not report.differing:
        say(f"[green]reproduced[/] {report.reproduced} of {report.total} decisions, bit for bit")
        return
    say(f"[red bold]differing[/] {len(report.differing)} of {report.total} decisions")
    for difference in report.differing:
        say(f"{difference.decision_id}: {escape(difference.what)}")


def _render_pack(found: InstalledPack) -> None:
    say(f"[bold]{found.pack.name}[/] {found.pack.version}, {found.digest}\n{escape(found.pack.description)}\n")
    table(
        "Rules",
        ("id", "severity", "what must be true", "sources"),
        [(rule.id, rule.severity, rule.title, ", ".join(rule.sources)) for rule in found.pack.rules],
        empty="",
    )
