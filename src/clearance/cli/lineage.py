"""Commands of lineage."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from clearance.cli.core import Json, OfModel, connect, note, read_file, say, show, table
from clearance.cli.facts import counted, facts
from clearance.compliance.findings import Findings, Stories
from clearance.compliance.graph import LETS, REFUSED, SERVES, Direction, Graph
from clearance.errors import InvalidInput
from clearance.integrations.openlineage.model import Emission, Receipt
from clearance.registry.flows.model import Link, NamedDataset
from clearance.registry.model import Node

app = typer.Typer(no_args_is_help=True, help="Ask what came from where: data, jobs, runs, versions, decisions.")
Of = Annotated[
    str,
    typer.Argument(
        help="car-loan/1, a decision's id, sha256:…, a run's id, job/NAMESPACE/NAME, or a dataset's NAMESPACE/NAME[@VERSION]."
    ),
]
Depth = Annotated[int, typer.Option(help="Most steps.")]
Most = Annotated[int, typer.Option(help="Most things to show.")]


@app.command("upstream")
def upstream(ctx: typer.Context, of: Of, depth: Depth = 20, most: Most = 300, json: Json = False) -> None:
    """Show what went into a version, a decision, a dataset or a run."""
    show(connect(ctx).lineage.graph(of, Direction.UPSTREAM, depth=depth, most=most), json, _render)


@app.command("downstream")
def downstream(ctx: typer.Context, of: Of, depth: Depth = 20, most: Most = 300, json: Json = False) -> None:
    """Show what became of a dataset (at a version), a run or a version: all the way to what serves now."""
    show(connect(ctx).lineage.graph(of, Direction.DOWNSTREAM, depth=depth, most=most), json, _render)


@app.command("changes")
def changes(ctx: typer.Context, model: OfModel = None, json: Json = False) -> None:
    """List versions that use an upstream column which was renamed, removed or got another type."""
    show(connect(ctx).lineage.changes(model), json, _render_changes)


@app.command("completeness")
def completeness(
    ctx: typer.Context,
    model: OfModel = None,
    serving: Annotated[bool, typer.Option("--serving", help="Only versions that serve somewhere.")] = False,
    json: Json = False,
) -> None:
    """Show how complete the stories of the versions in use are, and what is missing of which."""
    show(connect(ctx).lineage.completeness(model, serving=serving), json, _render_stories)


@app.command("datasets")
def datasets(ctx: typer.Context, json: Json = False) -> None:
    """List the datasets that pipelines told of."""

    def render(found: list[NamedDataset]) -> None:
        table(
            "Datasets that pipelines told of",
            ("namespace/name", "columns", "newest version", "last seen"),
            [
                (each.named.text, len(each.columns), next(iter(each.versions), ""), f"{each.last_at:%Y-%m-%d %H:%M}")
                for each in found
            ],
            empty="None yet. Airflow, Spark and dbt tell of theirs with OPENLINEAGE_URL and OPENLINEAGE_API_KEY set.",
        )

    show(list(connect(ctx).lineage.datasets()), json, render)


@app.command("link")
def link(
    ctx: typer.Context,
    thing: Annotated[str, typer.Argument(help="A dataset's NAMESPACE/NAME[@VERSION], or a run's id.")],
    target: Annotated[
        str, typer.Argument(help="The registered dataset (name or digest), or the version that the run made.")
    ],
    json: Json = False,
) -> None:
    """Say what belongs together where no event says so."""
    client = connect(ctx)
    is_run = len(thing) == 36 and thing.count("-") == 4 and "/" not in thing
    made = (
        client.lineage.link_run(thing, target)
        if is_run
        else client.lineage.link_dataset(thing, client.datasets.find(target))
    )

    def render(found: Link) -> None:
        say(f"{thing} belongs to {found.target}, says {found.said_by}.")

    show(made, json, render)


@app.command("send")
def send(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON: one OpenLineage event, a list of them, or one on each line.")],
    json: Json = False,
) -> None:
    """Send OpenLineage events from a file, as OpenLineage's file transport writes them where there is no network."""

    def render(receipt: Receipt) -> None:
        say(f"{counted(receipt.received, 'event')}, {receipt.new} new")
        for each in receipt.refused:
            say(f"event {each.index}: {escape(each.reason)}")

    show(connect(ctx).lineage.send_batch(_events(file)), json, render)


def _events(file: Path) -> list[Any]:
    """Return the events in a file, whichever way they are written."""
    from json import loads

    content = read_file(file)
    try:
        found = loads(content)
    except ValueError:
        return [_event(file, number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    return found if isinstance(found, list) else [found]


def _event(file: Path, number: int, line: bytes) -> Any:
    from json import loads

    try:
        return loads(line)
    except ValueError as error:
        raise InvalidInput(
            f"{file}:{number}: {error}", code="bad_json", hint="JSON, or one event on each line"
        ) from error


@app.command("emission")
def emission(ctx: typer.Context, json: Json = False) -> None:
    """Show how far our own OpenLineage events have come at the receiver."""

    def render(found: Emission | None) -> None:
        if found is None:
            say("No receiver is set: CLEARANCE_OPENLINEAGE_URL names one.")
            return
        facts(
            "Lineage told",
            [
                ("events", f"{found.sent} taken, {found.refused} refused"),
                ("leaves behind", found.behind),
                ("failed attempts", found.attempts),
                ("next attempt", f"{found.next_at:%Y-%m-%d %H:%M:%S} UTC"),
                ("last error", found.error),
            ],
        )

    show(connect(ctx).lineage.emission(), json, render)


def _render(graph: Graph) -> None:
    nodes = {node.id: node for node in graph.nodes}
    root = nodes[graph.root]
    word = "what went into it" if graph.direction is Direction.UPSTREAM else "what became of it"
    table(
        f"{root.kind} {root.label}: {word}",
        ("from", "", "", "into"),
        [
            (
                f"{nodes[edge.source].kind} {nodes[edge.source].label}",
                edge.relation,
                "→",
                f"{nodes[edge.target].kind} {nodes[edge.target].label}",
            )
            for edge in graph.edges
        ],
        empty=f"Nothing is known beyond {root.kind} {root.label}.",
    )
    if graph.direction is Direction.DOWNSTREAM:
        serving, refused = _labels(graph.reached(SERVES, LETS)), _labels(graph.reached(REFUSED))
        say(f"It reaches what serves now: {serving}" if serving else "Nothing of it serves.")
        if refused:
            say(f"It is asked for, and refused because it was stopped: {refused}")
    if graph.cut:
        note(f"there may be more: {graph.cut}")


def _labels(nodes: Iterable[Node]) -> str:
    return ", ".join(node.label for node in nodes)


def _render_changes(found: Findings) -> None:
    table(
        "Columns that changed upstream of a version",
        ("version", "serves in", "uses", "as", "dataset", "what happened", "when", ""),
        [
            (
                each.version,
                ", ".join(each.environments) or "nowhere",
                each.column,
                each.used_as,
                each.dataset,
                each.change.text,
                f"{each.change.at:%Y-%m-%d %H:%M}",
                "mended" if each.mended else "" if each.certain else "by name only",
            )
            for each in found.items
        ],
        empty="No column that a version uses was renamed, removed or got another type.",
    )
    if found.cut:
        note(found.cut)


def _render_stories(found: Stories) -> None:
    share = "none are registered" if found.share is None else f"{found.share:.0%}"
    facts(
        "Stories of the versions in use",
        [
            ("complete", f"{found.complete} of {found.total} ({share})"),
            ("of those that serve", f"{found.serving_complete} of {found.serving_total}"),
            *((f"lacking: {fact}", number) for fact, number in found.missing.items()),
        ],
    )
    table(
        "\nIncomplete",
        ("version", "complete", "serves in", "missing"),
        [
            (
                f"{each.model}/{each.number}",
                f"{each.fraction:.0%}",
                ", ".join(each.environments),
                "; ".join(each.missing),
            )
            for each in found.incomplete
        ],
        empty="",
    )
