"""Use cases of uploads in pieces: begin, go on after whatever broke them off, finish, give up.

A piece is written under a name of its own and then added to the upload's row, if it begins where the last one ended. So two
that send the same upload never mix their bytes, a piece that was cut off is never part of anything, and it does not matter
which of several servers takes the next one.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from clearance.access.model import Principal
from clearance.errors import Conflict, InvalidInput, NotFound, Unavailable, VerificationFailed
from clearance.registry.artifacts import claims, store
from clearance.registry.artifacts.model import Upload, upload_id
from clearance.settings import Settings
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Database, Transaction
from clearance.storage.digests import check_digest
from clearance.storage.writers import PieceWriter, check_size


def begin(tx: Transaction, caller: Principal, settings: Settings, digest: str, size: int) -> Upload:
    """Begin an upload, or go on with the one that this caller began of the same bytes.

    Raises:
        InvalidInput: that is no digest, or no size.
        TooLarge: the file is over the limit in the settings.
        Unavailable: too many uploads are unfinished (`too_many_uploads`).
    """
    check_digest(digest)
    if size < 0:
        raise InvalidInput(f"a file can't have {size} bytes", code="bad_size")
    check_size(size, settings.max_upload_mb << 20)
    tx.lock("artifact uploads")
    upload = upload_id(caller.name, digest, size)
    present = store.find_upload(tx, upload)
    if present is not None and present.finished:  # asked for again, so its bytes were collected since
        store.drop_upload(tx, upload)
        present = None
    if present is None and (unfinished := store.count_unfinished(tx)) >= settings.max_unfinished_uploads:
        raise Unavailable(
            f"{unfinished} uploads are unfinished, and the server takes no more",
            code="too_many_uploads",
            hint=f"try again later: one that nobody goes on with is given up after {settings.upload_hours:g} hours",
        )
    store.insert_upload(tx, upload, digest, size, caller.name)
    store.touch_upload(tx, upload)
    return find(tx, caller, settings, upload)


def find(tx: Transaction, caller: Principal, settings: Settings, upload: str) -> Upload:
    """Return how far an upload has come.

    Raises:
        NotFound: this caller has no such upload, or it was given up (`upload_not_found`).
    """
    row = store.find_upload(tx, upload)
    if row is None or row.caller != caller.name:
        raise NotFound(
            f"there is no upload {upload[:50]}",
            code="upload_not_found",
            hint="it was given up, or is somebody else's: begin again, with what `POST /api/v1/missing-blobs` names",
        )
    return _value(row, settings)


def check_offset(upload: Upload, start: int) -> None:
    """Refuse bytes that do not begin where the last ones ended.

    Raises:
        Conflict: code `upload_offset`; the details say how many bytes were received.
    """
    if start != upload.received or upload.finished:
        raise Conflict(
            f"the upload has {upload.received} bytes, and these begin at {start}",
            code="upload_offset",
            hint="go on where it stands",
            details={"received": upload.received},
        )


def add(
    database: Database,
    caller: Principal,
    settings: Settings,
    blobs: BlobStore,
    upload: str,
    start: int,
    piece: PieceWriter,
) -> Upload:
    """Keep a piece and add it to its upload; return how far that has come.

    Raises:
        Conflict: somebody else was quicker (`upload_offset`); the piece is not kept.
        NotFound: the upload was given up.
        Unavailable: the piece can't be written.
    """
    piece.commit()
    with database.write() as tx:
        added = store.add_piece(tx, upload, start, piece.size, piece.name)
    if not added:
        blobs.remove_piece(upload, piece.name)
    with database.read() as tx:
        found = find(tx, caller, settings, upload)
    if not added:
        check_offset(found, start)
    return found


def finish(database: Database, caller: Principal, settings: Settings, blobs: BlobStore, upload: str) -> Upload:
    """Make the blob of an upload of which all bytes are here; doing it twice, or at the same time, changes nothing.

    Raises:
        VerificationFailed: the bytes do not have the digest that was announced (`digest_mismatch`); the upload is given up.
        NotFound: the upload was given up.
    """
    with database.write() as tx:
        claims.claim(tx, [find(tx, caller, settings, upload).digest])
    with database.read() as tx:  # in one snapshot: who finishes it meanwhile takes the pieces away
        found = find(tx, caller, settings, upload)
        names = store.piece_names(tx, upload)
    if found.finished or found.received < found.size:
        return found
    try:
        blobs.join(upload, names, found.digest)
    except VerificationFailed:
        give_up(database, caller, settings, blobs, upload)
        raise
    except NotFound:  # somebody else finished it meanwhile, or it was given up
        with database.read() as tx:
            now = find(tx, caller, settings, upload)
        if not now.finished:
            raise
        return now
    with database.write() as tx:
        store.finish_upload(tx, upload)
        found = find(tx, caller, settings, upload)
    _remove_pieces(blobs, upload, names)
    return found


def give_up(database: Database, caller: Principal, settings: Settings, blobs: BlobStore, upload: str) -> None:
    """Forget an upload and the bytes that came of it.

    Raises:
        NotFound: this caller has no such upload.
    """
    with database.write() as tx:
        find(tx, caller, settings, upload)
        names = store.piece_names(tx, upload)
        store.drop_upload(tx, upload)
    _remove_pieces(blobs, upload, names)


def sweep(database: Database, settings: Settings, blobs: BlobStore) -> int:
    """Give up what nobody went on with in time, and remove pieces that belong to nothing; return how many uploads it were."""
    life = timedelta(hours=settings.upload_hours)
    with database.write() as tx:
        cutoff = tx.now - life
        stale = store.stale_uploads(tx, cutoff)
        for row in stale:
            store.drop_upload(tx, row.id)
    with database.read() as tx:
        known = set(store.all_pieces(tx))
    for piece in blobs.pieces():
        if (piece.upload, piece.name) not in known and piece.put_at < cutoff:
            blobs.remove_piece(piece.upload, piece.name)
    return sum(not row.finished for row in stale)


def _remove_pieces(blobs: BlobStore, upload: str, names: list[str]) -> None:
    with suppress(Unavailable):  # what is left is removed by the next sweep
        for name in names:
            blobs.remove_piece(upload, name)


def _value(row: sa.Row[Any], settings: Settings) -> Upload:
    return Upload(
        id=row.id,
        digest=row.digest,
        size=row.size,
        received=row.received,
        finished=row.finished,
        expires_at=row.touched_at + timedelta(hours=settings.upload_hours),
    )
