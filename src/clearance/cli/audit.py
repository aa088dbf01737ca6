"""Commands of the log."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from clearance.audit import publishing
from clearance.audit.checkpoint import WITNESS, parse_verifier
from clearance.audit.checkpoint import parse as parse_checkpoint
from clearance.audit.checkpoint import verify as verify_checkpoint
from clearance.audit.events import Event
from clearance.audit.model import Entry, LogKey, ProvenEntry, ProvenGrowth, Published, Sighting, Verification
from clearance.audit.proofs import Succession, check_consistency, check_inclusion, check_succession
from clearance.audit.sources import open_source, open_target
from clearance.cli.core import DENIED, Json, Limit, Port, connect, folder_of, note, read_file, say, show, table
from clearance.clock import SystemClock
from clearance.errors import InvalidInput, VerificationFailed
from clearance.values import value

if TYPE_CHECKING:
    from clearance.client.audit import Audit

app = typer.Typer(no_args_is_help=True, help="Read, prove and verify the audit log.")
Pin = Annotated[str | None, typer.Option(help="The log's key, as `clearance audit key` printed it once.")]


@app.command("log")
def entries(
    ctx: typer.Context,
    subject: Annotated[
        str | None, typer.Option(help="Only what happened to this, for example model/car-loan/1.")
    ] = None,
    event: Annotated[Event | None, typer.Option(help="Only this kind of event.")] = None,
    limit: Limit = 50,
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
    file: Annotated[
        Path | None, typer.Option(help="Verify the log of this copy of clearance.db instead, with --pin.")
    ] = None,
    pin: Pin = None,
    json: Json = False,
) -> None:
    """Recompute the whole log and compare it with every signed checkpoint; exit 1 if anything was changed.

    If it holds, the tables are compared with it: a token, role, decision or version that no leaf knows was put there past
    Clearance. With --pin the key is the one you kept, not the one the installation has now.
    """
    found = _verify_file(file, pin) if file is not None else connect(ctx).audit.verify()
    if (
        file is None
        and pin is not None
        and found.verifier != (newest := _trusted(connect(ctx).audit, pin).newest.text())
    ):
        raise VerificationFailed(
            f"this log is signed by {found.verifier}, and the key you pinned leads to {newest}",
            code="log_key_differs",
            hint="somebody replaced the log or its key: keep a copy, and compare it with backups",
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
    verifier, proof = _trusted(log, pin).newest, log.inclusion(index)
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
    older: Annotated[
        str, typer.Argument(help="The file of a checkpoint you kept, or a size at which the log keeps one.")
    ],
    newer: Annotated[int | None, typer.Argument(min=0, help="Size later; its present size by default.")] = None,
    pin: Pin = None,
    json: Json = False,
) -> None:
    """Prove that the log only grew since the OLDER checkpoint, and check the proof here; exit 1 if it does not hold.

    The log itself keeps a checkpoint for every 256 leaves.
    """
    log = connect(ctx).audit
    kept = None if older.isdigit() else read_file(Path(older)).decode(errors="replace")
    size = int(older) if kept is None else parse_checkpoint(kept).size
    keys, proof = _trusted(log, pin), log.consistency(size, newer)
    then, now = check_consistency(proof, keys, kept)
    found = ProvenGrowth(
        older=then.size,
        older_root=_base64(then.root),
        newer=now.size,
        newer_root=_base64(now.root),
        verifier=keys.newest.text(),
        proof=proof,
    )

    def render(found: ProvenGrowth) -> None:
        say(f"[green]proven[/] the log of {found.newer} leaves, root {found.newer_root}")
        say(f"begins with the log of {found.older} leaves, root {found.older_root}")
        _say_by_which_key(found.verifier, pin)

    show(found, json, render)


@app.command("publish")
def publish(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(help="Folder that a web server publishes, or s3://bucket/prefix.")],
    json: Json = False,
) -> None:
    """Write the log as static files that anybody can mirror and verify (C2SP tlog-tiles): what is new, missing or cut.

    The leaves name people: who did what, when.
    """
    log = connect(ctx).audit

    def render(found: Published) -> None:
        mended = f", {found.mended} that were missing or cut written anew" if found.mended else ""
        say(
            f"{found.origin}: {found.size} leaves published, {found.before} before; {found.tiles} tiles written{mended}"
        )
        if found.waiting and found.waiting_since:
            behind = ", ".join(log.status().behind)
            say(
                f"[yellow]{_leaves_are(found.waiting)} not vouched for yet[/], since "
                f"{found.waiting_since:%Y-%m-%d %H:%M:%S} UTC, and so not published: {escape(behind)} did not cosign. "
                "The server's log says why."
            )

    show(publishing.publish(log, open_target(_named(target))), json, render)


@app.command("monitor")
def monitor(
    source: Annotated[
        str, typer.Argument(help="Where the log is published: a folder, http(s)://…, s3://bucket/prefix.")
    ],
    pin: Annotated[str, typer.Option(help="The log's key, as `clearance audit key` printed it once.")],
    state: Annotated[Path, typer.Option(help="File that remembers the last good checkpoint; made the first time.")],
    evidence: Annotated[
        Path | None, typer.Option(help="Folder for what shows a wrong; STATE.evidence by default.")
    ] = None,
    witness: Annotated[list[str] | None, typer.Option(help="Verifier of a witness; repeat for several.")] = None,
    quorum: Annotated[int, typer.Option(min=0, help="How many of the witnesses must vouch for the checkpoint.")] = 0,
    seen: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint that somebody else holds: it must be of the same log.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Check every leaf again, also those found right before.")
    ] = False,
    token: Annotated[str, typer.Option(help="Bearer token, for a server that wants one.")] = "",
    json: Json = False,
) -> None:
    """Compare a published log with what was seen of it before; exit 1 if it was cut, forked, rewritten or edited.

    Needs nothing but the files and the pinned key: no server, no database. Run it where the log's operators can't reach it.
    """
    from clearance.audit.monitor import Watch
    from clearance.audit.monitor import monitor as watch

    witnesses = [parse_verifier(each, WITNESS) for each in witness or []]
    if quorum > len(witnesses):
        raise InvalidInput(
            f"{quorum} witnesses must vouch for it, and {len(witnesses)} are named",
            code="too_few_witnesses",
            hint="give the verifier of each: --witness 'name+hash+key'",
        )
    asked = Watch(
        pinned=parse_verifier(pin),
        witnesses=witnesses,
        quorum=quorum,
        everything=everything,
        seen=[read_file(path).decode(errors="replace") for path in seen or []],
    )
    kept = evidence or state.with_name(state.name + ".evidence")
    found = watch(open_source(source, token), asked, state, kept, SystemClock().now())
    show(found, json, lambda sighting: _render_sighting(sighting, kept))
    if not found.ok:
        raise typer.Exit(DENIED)


@app.command("witness")
def witness(
    name: Annotated[str, typer.Argument(help="Name of this witness, for example witness.example/w1.")],
    log: Annotated[
        list[str], typer.Option(help="Verifier of a log to vouch for; repeat for several, or for new keys.")
    ],
    folder: Annotated[
        Path,
        typer.Option(parser=folder_of, help="Holds the witness's key and what it vouched for; made the first time."),
    ],
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Port = 8129,
) -> None:
    """Run a witness: it vouches for checkpoints of logs that it has seen to only grow (C2SP tlog-witness).

    Prints its verifier. Run it for somebody else's log, on a machine that its operators can't reach.
    """
    import time

    from clearance.audit.witness import Witness, serve
    from clearance.storage import keyfile

    logs = tuple(parse_verifier(each) for each in log)
    key = keyfile.load_or_create_ed25519(folder / "witness.pem")
    made = Witness(name, key, logs, folder / "witness.json", time.time)
    typer.echo(made.verifier.text())
    with serve(made, host, port) as server:
        note(f"listening at http://{host}:{server.server_port}; the log asks there: CLEARANCE_LOG_WITNESSES")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            note("stopped")


@app.command("key")
def key(ctx: typer.Context, json: Json = False) -> None:
    """Print the verifier string that an outsider pins: of the key that signs now. Earlier keys are told beside it."""

    def render(found: list[LogKey]) -> None:
        typer.echo(found[-1].verifier)
        if len(found) > 1:
            for each in found:
                until = "now" if each.until is None else f"{each.until} leaves"
                note(f"{escape(each.verifier)}: from {each.since} leaves to {until}")

    show(list(connect(ctx).audit.keys()), json, render)


@app.command("rotate-key")
def rotate_key(
    ctx: typer.Context, reason: Annotated[str, typer.Option(help="Why; it goes into the log.")], json: Json = False
) -> None:
    """Have a new key sign the log from now on; the old one signs the change, so that who pinned it finds the new one."""

    def render(found: list[LogKey]) -> None:
        say(f"{escape(found[-1].verifier)} signs since the log has {found[-1].since} leaves.")
        say("Who pinned an earlier key needs nothing new. Publish the log again, and back up the folder of keys.")

    show(list(connect(ctx).audit.rotate_key(reason)), json, render)


@app.command("checkpoint")
def checkpoint(ctx: typer.Context, json: Json = False) -> None:
    """Print the newest signed checkpoint, nothing of an empty log; with --json also what it says, by name."""
    show(_read(connect(ctx).audit.checkpoint()), json, lambda found: typer.echo(found.note, nl=False))


def _named(target: str) -> str:
    return target if "://" in target else str(folder_of(target))


@value
class Newest:
    """A signed checkpoint: the note as it is signed, and what it says; of an empty log nothing is signed."""

    origin: str
    size: int
    root: str
    note: str


def _read(note: str) -> Newest:
    if not note:
        return Newest(origin="", size=0, root="", note="")
    found = parse_checkpoint(note)
    return Newest(origin=found.origin, size=found.size, root=_base64(found.root), note=note)


def _trusted(log: Audit, pin: str | None) -> Succession:
    """Return the log's keys, trusted because of the pinned one; without a pin, by the log's own word for its newest."""
    keys = log.keys()
    return check_succession(keys, parse_verifier(keys[-1].verifier if pin is None else pin))


def _leaves_are(number: int) -> str:
    return "1 leaf is" if number == 1 else f"{number:,} leaves are"


def _render_sighting(found: Sighting, evidence: Path) -> None:
    if found.ok:
        say(
            f"[green]good[/] {escape(found.origin)}: {found.size} leaves, {found.before} before; {found.checked} checked"
        )
        say(f"root {found.root}, signed by {escape(found.verifier)}")
        for name, at in sorted(found.cosigned.items()):
            say(f"{escape(name)} vouched for it at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC")
        if found.waiting:
            say(f"[yellow]{_leaves_are(found.waiting)} not vouched for yet[/], signed by the log since then")
        return
    say(f"[red bold]something is wrong[/] with {escape(found.origin)}:")
    for finding in found.findings:
        say(f"  [red]{finding.kind}[/] {escape(finding.path)}: {escape(finding.message)}")
    say(f"The files that show it are in {escape(str(evidence))}. Keep them, and tell whoever relies on the log.")


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
        if held := ", ".join(f"{kind} {count}" for kind, count in (found.compared or {}).items() if count):
            say(f"The tables hold what it says: {held}")
        return
    if found.compared is None:
        say(f"[red bold]the log does not verify[/]: {found.leaves} leaves, {found.checkpoints} checkpoints")
    else:
        say(f"[red bold]the tables do not hold what the log says[/]; its {found.leaves} leaves themselves verify")
    for problem in found.problems:
        typer.echo(f"  - {problem}")
