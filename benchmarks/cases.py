"""All cases, in the order of the report."""

from __future__ import annotations

from benchmarks import (
    artifacts,
    audit,
    compliance,
    crowd,
    drift,
    fairness,
    gateway,
    inventory,
    mlflow,
    policy,
    startup,
    telemetry,
)
from benchmarks.bench import Case

CASES = (
    Case("recorder", "One event at the caller", telemetry.recorder),
    Case("ingest", "Durable events a second", telemetry.ingest),
    Case("week", "Reading a week of events", telemetry.week),
    Case("drift", "Drift of a large window", drift.drift),
    Case("fairness", "Fairness of many rows", fairness.fairness),
    Case("decision", "One decision", policy.decision),
    Case("audit-append", "What the audit log adds to a change", audit.append),
    Case("audit-verify", "Verifying the whole audit log", audit.verification),
    Case("history", "What the whole log tells", compliance.told),
    Case("gateway", "A prediction over HTTP", gateway.gateway),
    Case("artifacts", "A large artifact", artifacts.artifacts),
    Case("mlflow", "MLflow's client on the registry", mlflow.registry_calls),
    Case("mlflow-at-once", "MLflow's registry and sixteen callers at once", crowd.at_once),
    Case("mlflow-artifacts", "MLflow's client and a large artifact", mlflow.artifacts),
    Case("mlflow-memory", "Memory of an idle server", mlflow.memory),
    Case("inventory", "Finding models among ten thousand", inventory.search),
    Case("cli", "Starting the command line", startup.commands),
    Case("server", "Starting the server", startup.server),
)
