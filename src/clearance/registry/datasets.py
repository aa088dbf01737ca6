"""Use cases of datasets: register one by what its bytes say, list them."""

from __future__ import annotations

import sqlalchemy as sa

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict
from clearance.registry import rules, store, summaries
from clearance.registry.dataset_file import Contents
from clearance.registry.model import Dataset
from clearance.storage.database import Transaction
from clearance.storage.digests import check_digest
from clearance.values import Page, bad_cursor, digest_of


def register_dataset(tx: Transaction, caller: Principal, contents: Contents, *, name: str) -> Dataset:
    """Register a dataset by what its bytes say (`dataset_file.inspect`); the same again changes nothing.

    Raises:
        InvalidInput: no name, or one that is too long.
        Conflict: these bytes are registered under another name or time column (`dataset_exists`).
    """
    rules.check_text("the dataset's name", name, least=1, most=255)
    made = Dataset(
        digest=contents.digest,
        name=name,
        rows=contents.rows,
        columns=contents.columns,
        time_column=contents.time_column,
        first_at=contents.first_at,
        last_at=contents.last_at,
        size=contents.size,
        created_at=tx.now,
        created_by=caller.name,
    )
    present = store.find_dataset(tx, made.digest)
    if present is not None:
        if (present.name, present.time_column) == (made.name, made.time_column):
            return present
        raise Conflict(
            f"these bytes are registered as {present.name!r}, {_timed(present)}",
            code="dataset_exists",
            hint=f"name the dataset by that name, by its file, or by its digest, {present.digest}",
            details={"digest": present.digest, "name": present.name},
        )
    try:
        store.insert_dataset(tx, made)
    except sa.exc.IntegrityError as error:  # someone else registered it since we looked
        raise Conflict(
            "these bytes are being registered by someone else at this moment",
            code="dataset_exists",
            hint=f"`clearance datasets show {made.digest}` tells under which name",
        ) from error
    summaries.refresh_users(tx, made.digest)
    log.record(
        tx,
        Event.DATASET_REGISTERED,
        actor=caller.name,
        subject=f"dataset/{made.digest}",
        data={"name": name, "rows": made.rows, "schema": digest_of(made.columns)},
    )
    return made


def _timed(dataset: Dataset) -> str:
    return f"with the time column {dataset.time_column!r}" if dataset.time_column else "without a time column"


def list_datasets(tx: Transaction, *, cursor: str | None = None, limit: int = 100) -> Page[Dataset]:
    """Return a page of datasets, newest first."""
    after = None if cursor is None else store.find_dataset(tx, check_digest(cursor))
    if cursor is not None and after is None:
        raise bad_cursor(cursor)
    found = store.list_datasets(tx, after=after, limit=limit + 1)
    return Page(items=tuple(found[:limit]), next=found[limit - 1].digest if len(found) > limit else None)
