"""Client of the log: entries, proofs, checkpoint, verification."""

from __future__ import annotations

from collections.abc import Iterator

from clearance.audit.events import Event
from clearance.audit.model import ConsistencyProof, Entry, InclusionProof, KeyRotation, LogKey, LogStatus, Verification
from clearance.client.http import Http
from clearance.client.routes import route


class Audit:
    """The audit log."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def entries(self, *, subject: str | None = None, event: Event | None = None, limit: int = 100) -> Iterator[Entry]:
        """Yield entries newest first; `subject` also takes what lies under it, `limit` is the page size."""
        return self._http.pages("/audit/entries", Entry, subject=subject, event=event, limit=limit)

    def checkpoint(self) -> str:
        """Return the newest signed checkpoint, a C2SP signed note; empty for an empty log."""
        return self._http.text("/audit/checkpoint")

    def key(self) -> str:
        """Return the verifier string to pin."""
        return self._http.text("/audit/key")

    def keys(self) -> tuple[LogKey, ...]:
        """Return the log's keys, oldest first, each with the proof by which the one before it names it."""
        return self._http.get("/audit/keys", tuple[LogKey, ...])

    def rotate_key(self, reason: str) -> tuple[LogKey, ...]:
        """Have a new key sign the log from now on; return all keys, the newest last."""
        return self._http.post("/audit/keys", tuple[LogKey, ...], KeyRotation(reason=reason))

    def status(self) -> LogStatus:
        """Return the log's keys, its newest and its published checkpoint, and what witnesses cosigned."""
        return self._http.get("/audit/status", LogStatus)

    def read(self, path: str) -> bytes:
        """Return a file of the log as it is published: `checkpoint`, `keys.json`, `tile/0/000`; so this is a `Source`."""
        found = bytearray()
        self._http.download(f"/audit/tlog/{path}", found.extend)
        return bytes(found)

    def inclusion(self, index: int) -> InclusionProof:
        """Return the proof that a leaf is in the log."""
        return self._http.get(route("/audit/inclusion/{}", index), InclusionProof)

    def consistency(self, older: int, newer: int | None = None) -> ConsistencyProof:
        """Return the proof that the log only grew since it had `older` leaves."""
        return self._http.get(route("/audit/consistency/{}", older), ConsistencyProof, newer=newer)

    def verify(self) -> Verification:
        """Have the server recompute the whole log."""
        return self._http.get("/audit/verification", Verification)
