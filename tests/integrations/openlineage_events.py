"""OpenLineage events as pipelines send them, small enough to read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.conftest import START

PRODUCER = "https://example.org/pipelines"
RUN_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


def run_id(number: int) -> str:
    return str(UUID(int=number))


def at(hours: float = 0) -> datetime:
    return START + timedelta(hours=hours)


def dataset(
    name: str,
    *,
    version: str = "",
    columns: dict[str, str] | None = None,
    sources: dict[str, list[tuple[str, str]]] | None = None,
    namespace: str = "warehouse",
    **facets: Any,
) -> dict[str, Any]:
    """Return a dataset; `sources` says from which (dataset, column) each column of an output came."""
    found: dict[str, Any] = {key: _facet(**each) for key, each in facets.items()}
    if version:
        found["version"] = _facet(datasetVersion=version)
    if columns is not None:
        found["schema"] = _facet(fields=[{"name": key, "type": kind} for key, kind in columns.items()])
    if sources is not None:
        fields = {
            column: {"inputFields": [{"namespace": namespace, "name": table, "field": field} for table, field in came]}
            for column, came in sources.items()
        }
        found["columnLineage"] = _facet(fields=fields)
    return {"namespace": namespace, "name": name, "facets": found}


def run_event(
    job: str,
    number: int,
    *,
    kind: str | None = "COMPLETE",
    hours: float = 0,
    inputs: list[dict[str, Any]] | None = None,
    outputs: list[dict[str, Any]] | None = None,
    run_facets: dict[str, Any] | None = None,
    job_facets: dict[str, Any] | None = None,
) -> dict[str, Any]:
    found = {
        "eventTime": at(hours).isoformat(),
        "producer": PRODUCER,
        "schemaURL": RUN_SCHEMA,
        "run": {"runId": run_id(number), "facets": run_facets or {}},
        "job": {"namespace": "airflow", "name": job, "facets": job_facets or {}},
        "inputs": inputs or [],
        "outputs": outputs or [],
    }
    return found if kind is None else found | {"eventType": kind}


def dataset_event(found: dict[str, Any], hours: float = 0) -> dict[str, Any]:
    return {
        "eventTime": at(hours).isoformat(),
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
        "dataset": found,
    }


def _facet(**fields: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{PRODUCER}/facet", **fields}
