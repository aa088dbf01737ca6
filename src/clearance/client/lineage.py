"""Client of lineage: questions about what came from where, and links that nobody else can make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clearance.client.http import Http
from clearance.client.routes import route
from clearance.compliance.findings import Findings, Stories
from clearance.compliance.graph import Direction, Graph
from clearance.integrations.openlineage.model import Emission, Receipt
from clearance.registry.flows.model import Link, NamedDataset, NewLink

_AT_ONCE = 1000


class Lineage:
    """From data, over jobs, runs, versions and decisions, to what serves."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def graph(
        self, of: str, direction: Direction = Direction.BOTH, *, depth: int | None = None, most: int | None = None
    ) -> Graph:
        """Return what went into a thing and what became of it.

        Args:
            of: `car-loan/1`, a decision's id, `sha256:…`, a run's id, `job/NAMESPACE/NAME`, or a dataset's `NAMESPACE/NAME` or
                `NAMESPACE/NAME@VERSION`.
            direction: which way to look.
            depth: most steps each way; 20 if not given.
            most: most things; 300 if not given.
        """
        return self._http.get("/lineage/graph", Graph, of=of, direction=direction, depth=depth, most=most)

    def changes(self, model: str | None = None) -> Findings:
        """Return which versions use an upstream column that was renamed, removed or got another type."""
        return self._http.get("/lineage/changes", Findings, model=model)

    def completeness(self, model: str | None = None, *, serving: bool = False) -> Stories:
        """Return how complete the stories of the versions in use (or only of those that serve) are, and what each lacks."""
        return self._http.get("/lineage/completeness", Stories, model=model, serving=serving)

    def datasets(self) -> Iterator[NamedDataset]:
        """Yield the datasets that pipelines told of."""
        return self._http.pages("/lineage/datasets", NamedDataset)

    def events(self, run: str) -> tuple[dict[str, Any], ...]:
        """Return what was said of a run, as it came."""
        return self._http.get(route("/lineage/runs/{}/events", run), tuple[dict[str, Any], ...])

    def send(self, event: Mapping[str, Any]) -> Receipt:
        """Send one OpenLineage event; programs mostly do so with OpenLineage's own client."""
        return self._http.post("/lineage", Receipt, event)

    def send_batch(self, events: Sequence[Mapping[str, Any]]) -> Receipt:
        """Send OpenLineage events, a thousand at a time; those that are none are named by their place."""
        total = Receipt(received=0, new=0)
        for start in range(0, len(events), _AT_ONCE):
            part = self._http.post("/lineage/batch", Receipt, list(events[start : start + _AT_ONCE]))
            refused = tuple(replace(each, index=start + each.index) for each in part.refused)
            total = Receipt(
                received=total.received + part.received, new=total.new + part.new, refused=total.refused + refused
            )
        return total

    def link_dataset(self, dataset: str, digest: str) -> Link:
        """Say that `NAMESPACE/NAME` or `NAMESPACE/NAME@VERSION` is a registered dataset."""
        return self._http.post("/lineage/links", Link, NewLink(dataset=dataset, digest=digest))

    def link_run(self, run: str, version: str) -> Link:
        """Say that a run made a version, `model/number`."""
        return self._http.post("/lineage/links", Link, NewLink(run=run, version=version))

    def emission(self) -> Emission | None:
        """Return how far our own events have come at the receiver, None when none is set."""
        return self._http.get("/lineage/emission", Emission | None)  # type: ignore[arg-type]  # a union is no type
