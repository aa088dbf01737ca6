"""TEMPORARY: loads every room's tables."""

import importlib
import importlib.util

from clearance.storage.database import metadata

for room in (
    "registry",
    "evidence",
    "access",
    "audit",
    "policy",
    "delivery",
    "gateway",
    "telemetry",
    "monitoring",
    "response",
    "checks",
):
    if importlib.util.find_spec(f"clearance.{room}.store"):
        importlib.import_module(f"clearance.{room}.store")
if importlib.util.find_spec("clearance.api.idempotency"):
    importlib.import_module("clearance.api.idempotency")

__all__ = ["metadata"]
