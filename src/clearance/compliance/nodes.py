"""How each thing of a lineage is shown: its id, its kind, what it is called and the facts beside it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clearance.delivery.model import Serving
from clearance.policy.model import Decision
from clearance.registry.flows.model import Job, Name, NamedDataset, Run
from clearance.registry.model import Dataset, Node, Version


def of_version(version: Version) -> Node:
    """Return the node of a version."""
    facts = {"digest": version.digest, "status": version.status.value, "created_at": version.created_at}
    return node(f"model/{version.name}", "version", version.name, facts, version.name)


def of_data(digest: str, found: Dataset | None, name: str = "") -> Node:
    """Return the node of data by its digest, which may not be registered; then `name` is what a version calls it."""
    facts: dict[str, Any] = {"registered": found is not None, "digest": digest}
    if found is not None:
        facts |= {
            "rows": found.rows,
            "columns": len(found.columns),
            "first_at": found.first_at,
            "last_at": found.last_at,
        }
    return node(f"dataset/{digest}", "data", (found.name if found else name) or digest[:19], facts, digest)


def of_named(dataset: NamedDataset, version: str) -> Node:
    """Return the node of a dataset that pipelines told of, at a version or at all."""
    facts = {"namespace": dataset.namespace, "name": dataset.name, "version": version, "last_at": dataset.last_at}
    at = f"@{version}" if version else ""
    id_ = f"named/{dataset.named.key}{at}"
    return node(id_, "dataset", f"{dataset.name}{at}", facts, f"{dataset.named.text}{at}")


def of_job(job: Job) -> Node:
    """Return the node of a job."""
    named = Name(namespace=job.namespace, name=job.name)
    facts = {"namespace": job.namespace, "last_at": job.last_at}
    return node(f"job/{named.key}", "job", job.name, facts, f"job/{named.text}")


def of_run(run: Run) -> Node:
    """Return the node of a run."""
    facts = {
        "job": run.job.text,
        "state": run.state and run.state.value,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "error": _message(run.facets),
    }
    return node(f"run/{run.id}", "run", f"{run.job.name} {run.id[:8]}", facts, run.id)


def of_decision(decision: Decision) -> Node:
    """Return the node of a decision."""
    facts = {
        "about": f"{decision.model}/{decision.number}",
        "outcome": decision.outcome.value,
        "environment": decision.environment,
        "reason": decision.reason,
        "made_at": decision.made_at,
        "facts_digest": decision.facts_digest,
    }
    label = f"{decision.outcome.value} for {decision.environment}"
    return node(f"decision/{decision.id}", "decision", label, facts, decision.id)


def of_serving(pointer: Serving) -> Node:
    """Return the node of what a model serves in an environment: `pointer` is its kind where all it asks for was stopped."""
    facts = {"environment": pointer.environment, "serves": pointer.serves}
    kind = "serving" if pointer.serves else "pointer"
    label = f"{pointer.model} in {pointer.environment}"
    return node(f"serving/{pointer.environment}/{pointer.model}", kind, label, facts)


def of_code(job: Job) -> Node | None:
    """Return where a job's code lies (SourceCodeLocationJobFacet), None where that is not said."""
    said = job.facets.get("sourceCodeLocation")
    url = said.get("url") or said.get("repoUrl") if isinstance(said, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(url, str):
        return None
    version = said.get("version")
    facts = {name: said.get(name) for name in ("type", "repoUrl", "path", "version", "branch")}
    at = f"@{version[:12]}" if isinstance(version, str) else ""
    return node(f"code/{url}{at}", "code", f"{url.rstrip('/').rpartition('/')[2]}{at}", facts)


def _message(facets: Mapping[str, Any]) -> str:
    said = facets.get("errorMessage")
    message = said.get("message") if isinstance(said, Mapping) else None
    return message[:500] if isinstance(message, str) else ""


def node(id_: str, kind: str, label: str, facts: Mapping[str, Any], of: str = "") -> Node:
    """Return a node; `of` is what to ask for to see the graph of that thing."""
    return Node(id=id_, kind=kind, label=label, facts={**facts, **({"of": of} if of else {})})
