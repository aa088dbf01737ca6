"""Commands of the installation's database; they work on it directly, where the server's settings are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearance import __version__
from clearance.cli.core import Json, note, say, settings_of, show, table
from clearance.errors import Conflict, InvalidInput, VerificationFailed

if TYPE_CHECKING:
    from clearance.app import Clearance
    from clearance.storage.archive import Manifest
    from clearance.storage.database import Transaction
    from clearance.storage.migrate import SchemaStatus

app = typer.Typer(no_args_is_help=True, help="Look after the database: schema, backup, restore.")


@app.command("status")
def status(ctx: typer.Context, json: Json = False) -> None:
    """Show which schema the database has and what an upgrade would do, changing nothing."""
    from clearance.storage import migrate

    with _opened(ctx) as parts:
        show(migrate.status(parts.database_as_found), json, _render_status)


@app.command("upgrade")
def upgrade(ctx: typer.Context, json: Json = False) -> None:
    """Bring the database to this program's schema; killed half-way, it is as before."""
    from clearance.storage import migrate

    with _opened(ctx) as parts:
        before = migrate.status(parts.database_as_found)
        migrate.upgrade(parts.database_as_found)
        for step in before.pending:
            note(f"{step.revision} {step.about}")
        show(migrate.status(parts.database_as_found), json, _render_status)


@app.command("backup")
def backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Archive to make; it must not be there yet.")],
    with_artifacts: Annotated[bool, typer.Option("--with-artifacts", help="Also files of versions, datasets.")] = False,
    with_lake: Annotated[bool, typer.Option("--with-lake", help="Also events and labels.")] = False,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Also private keys: keep it as you keep those.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the database, as of one moment, into a portable archive; servers go on meanwhile."""
    from clearance.storage import backup as archives

    with _opened(ctx) as parts:
        if with_artifacts and parts.settings.artifacts_url:
            raise InvalidInput(
                "the artifacts are in an object store, not in this installation's folder",
                code="artifacts_elsewhere",
                hint="leave --with-artifacts out; keep versions of the bucket, or copy it, after this backup",
            )
        folders = _folders(parts)
        wanted = {"artifacts": with_artifacts, "lake": with_lake, "keys": with_keys}
        made = archives.write(
            parts.database_as_found,
            file.absolute(),
            program=__version__,
            folders={name: folder for name, folder in folders.items() if wanted[name]},
        )
    if with_keys:
        note("It holds private keys: whoever can read it can sign as this installation.")
    show(made, json, lambda found: _render_manifest(f"backed up into {file}", found))


@app.command("restore")
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Archive that `clearance db backup` made.")],
    seen: Annotated[
        Path | None, typer.Option(help="A checkpoint kept outside; refuse a backup whose log ends before it.")
    ] = None,
    json: Json = False,
) -> None:
    """Fill an empty database, SQLite or PostgreSQL, from an archive; upgrade it; verify its log. All of it, or nothing."""
    from clearance.storage import backup as archives

    kept = _read_checkpoint(seen)
    with _opened(ctx) as parts:
        held = parts.log_keys.held()  # before the archive brings others

        def check(tx: Transaction, _manifest: Manifest) -> None:
            _check_log(parts, tx, held, kept)

        made = archives.restore(parts.database_as_found, file.absolute(), folders=_folders(parts), check=check)
        signer = parts.log_verifier.text() if made.checkpoint else None
        lost = signer if signer not in {None, *parts.log_keys.held()} else None
    show(made, json, lambda found: _render_manifest(f"restored from {file}; the log verifies", found))
    if lost:
        note(
            f"Nothing can be written until the key {lost} is in {parts.settings.keys} too: the log verifies by one before it."
        )
    if not held and made.checkpoint:
        note("It verifies by a key that came with it: compare `clearance audit key` with the one you pinned.")
    note(
        "What was done after this backup is not in its log. Whoever kept a newer checkpoint will see the log as cut off: "
        "compare yours with `clearance audit checkpoint`, and tell them."
    )


def _opened(ctx: typer.Context) -> _Opened:
    settings = settings_of(ctx)
    if settings.url:
        raise InvalidInput(
            "this works on the database itself, not through a server",
            code="local_only",
            hint="run it where the server runs, with its CLEARANCE_HOME and CLEARANCE_DATABASE_URL, and without --url",
        )
    from clearance.app import Clearance

    return _Opened(Clearance(settings))


class _Opened:
    """The parts of the installation, given back at the end."""

    def __init__(self, parts: Clearance) -> None:
        self._parts = parts

    def __enter__(self) -> Clearance:
        return self._parts

    def __exit__(self, *_error: object) -> None:
        self._parts.close()


def _folders(parts: Clearance) -> dict[str, Path]:
    settings = parts.settings
    return {"artifacts": settings.artifacts, "lake": settings.lake, "keys": settings.keys}


def _read_checkpoint(path: Path | None) -> str | None:
    from clearance.cli.core import read_file

    return None if path is None else read_file(path).decode("utf-8", "replace")


def _check_log(parts: Clearance, tx: Transaction, held: frozenset[str], kept: str | None) -> None:
    """Refuse a restored log that does not verify by the key at hand, or is not the one that an outsider has seen.

    A key that came with the archive counts only where there was none: else whoever forged the log would bring it.
    """
    from clearance.audit import checkpoint, log, proofs

    keys = parts.settings.keys
    trusted = held or parts.log_keys.held()
    if not trusted and log.is_empty(tx):
        return
    if not trusted:
        raise Conflict(
            f"the key that signs this log is not in {keys}",
            code="log_key_missing",
            hint="put the keys folder of the old installation there first, or take a backup made with --with-keys",
        )
    verifier = log.trusted_verifier(tx, parts.log_keys, trusted)
    found = log.verify(tx, verifier)
    if not found.ok:
        raise VerificationFailed(
            f"the log in the backup does not verify: {found.problems[0]}",
            code="log_damaged",
            hint=f"is the key in {keys} this log's? else take an older backup; nothing was changed",
            details={"problems": list(found.problems)},
        )
    if kept is None:
        return
    known = proofs.check_succession(log.succession(tx, parts.log_keys), verifier)
    seen = checkpoint.parse(kept)
    if seen.origin != verifier.name:
        raise Conflict(
            f"the checkpoint is of the log {seen.origin!r}, and this backup's log is {verifier.name!r}",
            code="seen_other_log",
            hint="give a checkpoint of this log, or restore a backup of the other",
        )
    if seen.size > found.leaves:
        signed = _signed_here(parts, kept)
        by = "" if signed else ", by a checkpoint that no key at hand signed, as one is after a rotation"
        raise Conflict(
            f"this backup's log has {found.leaves} leaves, but {seen.size} were seen{by}: "
            "restoring it would cut the log off",
            code="log_would_shrink",
            hint="restore a newer backup; if there is none, leave --seen out, and tell whoever keeps checkpoints"
            + ("" if signed else f"; with the log's newest key in {keys} the checkpoint can be verified"),
        )
    known.verify_kept(kept)
    proofs.check_consistency(log.prove_consistency(tx, seen.size), known, kept)


def _signed_here(parts: Clearance, note: str) -> bool:
    """Tell whether a key in the folder of keys signed a checkpoint, one that the restored log does not know among them."""
    from clearance.audit import checkpoint

    for verifier in parts.log_keys.held():
        try:
            checkpoint.verify(note, checkpoint.parse_verifier(verifier))
        except VerificationFailed:
            continue
        return True
    return False


def _render_status(found: SchemaStatus) -> None:
    say(f"{found.database} is at schema {found.present or 'none: it is empty'}; this program knows {found.known}")
    if found.pending:
        table("", ("pending", "what it does"), [(step.revision, step.about) for step in found.pending], empty="")
        say("`clearance db backup FILE`, then `clearance db upgrade`")


def _render_manifest(what: str, made: Manifest) -> None:
    size = sum(stored.size for stored in made.files)
    files = f", {len(made.files)} files with {size} bytes" if made.files else ""
    say(
        f"{what}: schema {made.schema}, {len(made.tables)} tables with {made.rows} rows{files}, as of {made.made_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    if made.checkpoint:
        say(f"\n{made.checkpoint}")
