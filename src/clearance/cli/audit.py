"""Commands of the log."""

from __future__ import annotations

from base64 import b64encode
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from clearance.audit.checkpoint import parse_verifier
from clearance.audit.checkpoint import verify as verify_checkpoint
from clearance.audit.events import Event
from clearance.audit.model import Entry, ProvenEntry, ProvenGrowth, Verification
from clearance.audit.proofs import check_consistency, check_inclusion
from clearance.cli.core import DENIED, Json, connect, say, show, table
from clearance.errors import InvalidInput, VerificationFailed

app = typer.Typer(no_args_is_help=True, help="Read, prove and verify the audit log.")
Pin = Annotated[str | None, typer.Option(help="The log's key, as `clearance audit key` printed it once.")]


@app.command("log")
def entries(
    ctx: typer.Context,
    subject: Annotated[
        str | None, typer.Option(help="Only what happened to this, for example model/car-loan/1.")
    ] = None,
    event: Annotated[Event | None, typer.Option(help="Only this kind of event.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50,
    json: Json = False,
) -> None:
    """Show what happened, newest first."""

    def render(found: list[Entry]) -> None:
        table(
            "Audit log",
            ("leaf", "at (UTC)", "event", "subject", "by"),
            [(e.index, f"{e.at:%Y-%m-%d %H:%M:%S}", e.event, e.subject, e.actor) for e in found],
            empty="Nothing has happened yet.",
        )

    client = connect(ctx)
    show(list(islice(client.audit.entries(subject=subject, event=event, limit=min(limit, 1000)), limit)), json, render)


@app.command("verify")
def verify(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Option(help="Verify this copy of clearance.db instead, with --pin.")] = None,
    pin: Pin = None,
    json: Json = False,
) -> None:
    """Recompute the whole log and compare it with every signed checkpoint; exit 1 if anything was changed.

    With --pin the key is the one you kept, not the one the installation has now.
    """
    found = _verify_file(file, pin) if file is not None else connect(ctx).audit.verify()
    if file is None and pin is not None and found.verifier != parse_verifier(pin).text():
        raise VerificationFailed(
            f"this log is signed by {found.verifier}, not by the key you pinned",
            code="log_key_differs",
            hint="somebody replaced the log or its key: ask for the statement of rotation, keep a copy, compare backups",
        )
    show(found, json, _render_verification)
    if not found.ok:
        raise typer.Exit(DENIED)


@app.command("prove")
def prove(
    ctx: typer.Context,
    index: Annotated[int, typer.Argument(min=0, help="Which leaf: `clearance audit log` numbers them.")],
    pin: Pin = None,
    json: Json = False,
) -> None:
    """Prove that a leaf is in the log, and check the proof here; exit 1 if it does not hold.

    With --pin the key is the one you kept; without, the log's own, and the proof shows only that the log agrees with itself.
    """
    log = connect(ctx).audit
    verifier, proof = parse_verifier(pin or log.key()), log.inclusion(index)
    entry, signed = check_inclusion(proof, verifier), verify_checkpoint(proof.checkpoint, verifier)
    found = ProvenEntry(entry=entry, size=signed.size, root=_base64(signed.root), verifier=verifier.text(), proof=proof)

    def render(found: ProvenEntry) -> None:
        told = found.entry
        say(f"[green]proven[/] leaf {told.index} is in the log of {found.size} leaves, root {found.root}")
        say(f"{told.at:%Y-%m-%d %H:%M:%S} UTC  {told.event}  {escape(told.subject)}  by {escape(told.actor)}")
        _say_by_which_key(found.verifier, pin)

    show(found, json, render)


@app.command("consistency")
def consistency(
    ctx: typer.Context,
    older: Annotated[int, typer.Argument(min=0, help="Size of the log then: second line of a checkpoint you kept.")],
    newer: Annotated[int | None, typer.Argument(min=0, help="Size later; its present size by default.")] = None,
    pin: Pin = None,
    json: Json = False,
) -> None:
    """Prove that the log only grew since it had OLDER leaves, and check the proof here; exit 1 if it does not hold.

    Compare the older root with that of the checkpoint you kept.
    """
    log = connect(ctx).audit
    verifier, proof = parse_verifier(pin or log.key()), log.consistency(older, newer)
    then, now = check_consistency(proof, verifier)
    found = ProvenGrowth(
        older=then.size,
        older_root=_base64(then.root),
        newer=now.size,
        newer_root=_base64(now.root),
        verifier=verifier.text(),
        proof=proof,
    )

    def render(found: ProvenGrowth) -> None:
        say(f"[green]proven[/] the log of {found.newer} leaves, root {found.newer_root}")
        say(f"begins with the log of {found.older} leaves, root {found.older_root}")
        _say_by_which_key(found.verifier, pin)

    show(found, json, render)


@app.command("key")
def key(ctx: typer.Context) -> None:
    """Print the verifier string that an outsider pins."""
    typer.echo(connect(ctx).audit.key())


@app.command("checkpoint")
def checkpoint(ctx: typer.Context) -> None:
    """Print the newest signed checkpoint."""
    typer.echo(connect(ctx).audit.checkpoint(), nl=False)


def _base64(root: bytes) -> str:
    return b64encode(root).decode()


def _say_by_which_key(verifier: str, pin: str | None) -> None:
    if pin is None:
        say(f"[dim]by the log's own key; give the one you kept: --pin '{escape(verifier)}'[/]")
    else:
        say("by the key you pinned")


def _verify_file(file: Path, pin: str | None) -> Verification:
    from clearance.audit.offline import verify_file

    if pin is None:
        raise InvalidInput(
            "a copy is verified against a key from outside it", code="pin_missing", hint="--pin 'name+hash+base64'"
        )
    return verify_file(file, parse_verifier(pin))


def _render_verification(found: Verification) -> None:
    if found.ok:
        say(
            f"[green]verified[/] {found.leaves} leaves against {found.checkpoints} signed checkpoints, root {found.root}"
        )
        return
    say(f"[red bold]the log does not verify[/]: {found.leaves} leaves, {found.checkpoints} checkpoints")
    for problem in found.problems:
        typer.echo(f"  - {problem}")
