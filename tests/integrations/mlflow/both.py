"""Clearance and a real MLflow server that are asked the same, and what of their answers has to be the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.integrations.mlflow.calls import Answer, Registry

M, V = "registered-models/", "model-versions/"
_OWN = {"creation_timestamp", "last_updated_timestamp", "user_id", "model_id", "clearance", "sqlstate", "error_class"}
"""What each server says in its own way, or only one of them says."""


@dataclass
class Both:
    """Clearance and MLflow, asked the same."""

    ours: Registry
    theirs: Registry

    def call(self, method: str, path: str, **asked: Any) -> tuple[Answer, Answer]:
        return self.ours.call(method, path, **asked), self.theirs.call(method, path, **asked)


def said(found: Any) -> Any:
    """Return an answer without what differs by nature; tags and aliases have no order."""
    if isinstance(found, dict):
        listed = found.get("latest_versions", [])
        for newest in listed:
            newest.pop("aliases", None)  # which MLflow leaves out there
        return {key: said(child) for key, child in found.items() if key not in _OWN}
    if isinstance(found, list):
        return sorted((said(child) for child in found), key=lambda each: json.dumps(each, sort_keys=True))
    return found
