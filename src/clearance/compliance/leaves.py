"""Reads all leaves of the audit log that are about something, however many pages they fill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clearance.audit import log
from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.compliance import timeline
from clearance.storage.database import Transaction

_MOST = 1000


def every(tx: Transaction, *, subject: str | None = None, event: Event | None = None) -> Iterator[Entry]:
    """Yield the leaves about a subject and what lies under it, of an event, or both; newest first."""
    cursor: str | None = None
    while True:
        page = log.entries(tx, subject=subject, event=event, cursor=cursor, limit=_MOST)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def of_timeline(tx: Transaction, model: str, further: Iterable[Event] = ()) -> list[Entry]:
    """Return the leaves that tell what served of a model, and those of further events about it, oldest first."""
    own = f"model/{model}"
    found = [entry for event in (*timeline.EVENTS, *further) for entry in every(tx, subject=own, event=event)]
    for started in every(tx, event=Event.ROLLOUT_STARTED):
        if started.data["model"] == model:
            found += [each for each in every(tx, subject=started.subject) if each.event in timeline.ROLLOUT_EVENTS]
    return sorted(found, key=lambda entry: entry.index)
