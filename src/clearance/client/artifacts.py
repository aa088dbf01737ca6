"""Client of what is stored."""

from __future__ import annotations

from collections.abc import Iterator

from clearance.client.http import Http
from clearance.registry.artifacts.model import Collected, Collection, Inspection, Usage


class Artifacts:
    """The bytes of versions and datasets, all together."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def usage(self) -> Usage:
        """Return how much is stored, and how much of it nothing needs."""
        return self._http.get("/artifacts", Usage)

    def inspect(self) -> Iterator[Inspection]:
        """Have the server read through all that is needed; yield what each part of it came to."""
        found = self._http.post("/artifacts/inspection", Inspection)
        while True:
            yield found
            if found.next is None:
                return
            found = self._http.post("/artifacts/inspection", Inspection, after=found.next)

    def collect(self, *, older_than_hours: float = 24, dry_run: bool = False) -> Collected:
        """Remove the bytes that nothing needs and that are old enough."""
        which = Collection(older_than_hours=older_than_hours, dry_run=dry_run)
        return self._http.post("/artifacts/collection", Collected, which)
