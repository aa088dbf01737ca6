"""Commands of what is stored."""

from __future__ import annotations

from typing import Annotated

import typer

from clearance.cli.core import DENIED, Json, connect, say, show, table
from clearance.cli.facts import counted, facts
from clearance.registry.artifacts.model import Collected, Fault, Inspection, Usage
from clearance.values import value

app = typer.Typer(no_args_is_help=True, help="See what is stored; verify it; remove what nothing needs.")


@value
class Verified:
    """What reading everything through came to."""

    checked: int
    bytes: int
    faults: tuple[Fault, ...]


@app.command("stats")
def stats(ctx: typer.Context, json: Json = False) -> None:
    """Show how much is stored, and how much of it nothing needs."""
    show(connect(ctx).artifacts.usage(), json, _render)


@app.command("verify")
def verify(ctx: typer.Context, json: Json = False) -> None:
    """Read through everything that versions and datasets need; exit 1 if something is gone or changed."""
    parts = list(connect(ctx).artifacts.inspect())
    found = _together(parts)
    show(found, json, _render_verified)
    if found.faults:
        raise typer.Exit(DENIED)


@app.command("gc")
def gc(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    older_than: Annotated[float, typer.Option(help="Hours for which everything is kept, 1 at least.")] = 24,
    json: Json = False,
) -> None:
    """Remove the bytes that no version, dataset or unfinished upload needs; what came lately stays."""
    show(connect(ctx).artifacts.collect(older_than_hours=older_than, dry_run=dry_run), json, _render_collected)


def _together(parts: list[Inspection]) -> Verified:
    return Verified(
        checked=sum(part.checked for part in parts),
        bytes=sum(part.bytes for part in parts),
        faults=tuple(fault for part in parts for fault in part.faults),
    )


def _render(usage: Usage) -> None:
    facts(
        usage.place,
        [
            ("stored", f"{counted(usage.blobs, 'blob')}, {usage.bytes:,} bytes"),
            ("needed by nothing", f"{counted(usage.unneeded, 'blob')}, {usage.unneeded_bytes:,} bytes"),
            ("unfinished", counted(usage.unfinished_uploads, "upload")),
        ],
    )


def _render_verified(found: Verified) -> None:
    table("", ("digest", "problem"), [(fault.digest, fault.problem) for fault in found.faults], empty="")
    say(f"{counted(found.checked, 'blob')} with {found.bytes:,} bytes read, {counted(len(found.faults), 'fault')}")


def _render_collected(done: Collected) -> None:
    verb = "would be removed" if done.dry_run else "removed"
    say(f"{counted(done.removed, 'blob')} with {done.removed_bytes:,} bytes {verb}")
    if done.uploads:
        say(f"{counted(done.uploads, 'unfinished upload')} given up")
    say(f"{counted(done.kept, 'blob')} needed, {done.young:,} more too young to remove")
