"""Commands of telemetry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from clearance.cli.core import Json, connect, read_file, say, show, table
from clearance.cli.facts import counted
from clearance.sdk.events import STATUSES
from clearance.telemetry.model import Compaction, Count, Receipt, Summary

app = typer.Typer(no_args_is_help=True, help="Send events and labels; see and tidy the lake.")


@app.command("summary")
def summary(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    json: Json = False,
) -> None:
    """Show what the lake holds."""

    def render(found: Summary) -> None:
        table(
            "Events",
            ("version", "where", "ok", "rejected", "error", "labelled", "last (UTC)"),
            _rows(found.counts),
            empty="No events yet. The gateway records them; `clearance telemetry send FILE` takes a JSON list.",
        )
        for name, version in found.table_versions.items():
            say(
                f"[dim]{name}: version {version}, {counted(found.files[name], 'file')}, {found.bytes[name] / 1e6:.1f} MB[/dim]"
            )

    show(connect(ctx).telemetry.summary(model), json, render)


@app.command("send")
def send(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A JSON list of events.")],
    json: Json = False,
) -> None:
    """Store events from a file; the same file again doubles nothing."""
    from clearance.telemetry.rows import from_json

    show(connect(ctx).telemetry.send(from_json(read_file(file), str(file))), json, _render_receipt)


@app.command("labels")
def labels(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A JSON list of {model, request_id, row, label, at}.")],
    json: Json = False,
) -> None:
    """Store labels from a file; one known later supersedes."""
    from clearance.telemetry.rows import from_json

    show(connect(ctx).telemetry.labels(from_json(read_file(file), str(file))), json, _render_receipt)


@app.command("compact")
def compact(
    ctx: typer.Context,
    retention_hours: Annotated[
        float | None,
        typer.Option(help="Also delete files replaced longer ago; older table versions become unreadable.", min=1),
    ] = None,
    json: Json = False,
) -> None:
    """Merge the lake's small files; figures stay the same."""

    def render(found: tuple[Compaction, ...]) -> None:
        for each in found:
            say(f"{each.table}: {counted(each.files_before, 'file')} became {each.files_after}, {each.deleted} deleted")

    show(connect(ctx).telemetry.compact(retention_hours=retention_hours), json, render)


def _rows(counts: Sequence[Count]) -> list[tuple[str, ...]]:
    """Return a row for each version, environment and variant, its statuses side by side."""
    by_place: dict[tuple[str, str], list[Count]] = {}
    for each in counts:
        where = each.environment if each.variant == "stable" else f"{each.environment} {each.variant}"
        by_place.setdefault((f"{each.model}/{each.version}", where), []).append(each)
    return [
        (
            version,
            where,
            *(f"{sum(each.events for each in found if each.status == status):,}" for status in STATUSES),
            f"{sum(each.labelled for each in found):,}",
            f"{max(each.last_at for each in found):%Y-%m-%d %H:%M}",
        )
        for (version, where), found in by_place.items()
    ]


def _render_receipt(receipt: Receipt) -> None:
    say(f"{receipt.accepted:,} {receipt.table} are stored, as of table version {receipt.table_version}")
