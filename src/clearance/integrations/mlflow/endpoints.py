"""The endpoints of MLflow's registry: where each is, what it takes, what the caller must be allowed, and what it does.

They are those of `mlflow/protos/model_registry.proto` in 3.17. The permissions are those of the routes of Clearance that do
the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clearance.access.model import Permission
from clearance.integrations.mlflow import models, pointers, search, versions
from clearance.integrations.mlflow.context import UseCase
from clearance.integrations.mlflow.requests import COUNT, FLAG, NEEDED, TAGS, TEXT, TEXTS, Field

PREFIX = "/api/2.0/mlflow/"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the protocol."""

    method: str
    path: str
    permission: Permission
    run: UseCase
    fields: Mapping[str, Field]
    writes: bool = True
    quick: bool = False
    """Whether it reads a few rows by their keys, and nothing else."""


_NAME = {"name": NEEDED}
_VERSION = {**_NAME, "version": NEEDED}
_DOWNLOAD = {"name": TEXT, "version": TEXT}
_TAG = {"key": NEEDED, "value": TEXT}
_ALIAS = {**_NAME, "alias": NEEDED}
_SEARCH = {"filter": TEXT, "max_results": COUNT, "order_by": TEXTS, "page_token": TEXT}
_NEW_VERSION = {
    **_NAME,
    "source": NEEDED,
    "run_id": TEXT,
    "tags": TAGS,
    "run_link": TEXT,
    "description": TEXT,
    "model_id": TEXT,
}
_MOVE = {**_VERSION, "stage": NEEDED, "archive_existing_versions": FLAG}
_P = Permission
_M, _V = "registered-models/", "model-versions/"
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", _M + "create", _P.MODEL_WRITE, models.create_model, {**_NAME, "tags": TAGS, "description": TEXT}),
    Endpoint("POST", _M + "rename", _P.MODEL_WRITE, models.rename_model, {**_NAME, "new_name": NEEDED}),
    Endpoint("PATCH", _M + "update", _P.MODEL_WRITE, models.update_model, {**_NAME, "description": TEXT}),
    Endpoint("DELETE", _M + "delete", _P.VERSION_STOP, models.delete_model, _NAME),
    Endpoint("GET", _M + "get", _P.READ, models.get_model, _NAME, writes=False, quick=True),
    Endpoint("GET", _M + "search", _P.READ, search.search_models, _SEARCH, writes=False),
    *(
        Endpoint(method, _M + "get-latest-versions", _P.READ, models.get_latest_versions, latest, writes=False)
        for latest in [{**_NAME, "stages": TEXTS}]
        for method in ("POST", "GET")
    ),
    Endpoint("POST", _M + "set-tag", _P.MODEL_WRITE, models.set_model_tag, {**_NAME, **_TAG}),
    Endpoint("DELETE", _M + "delete-tag", _P.MODEL_WRITE, models.delete_model_tag, {**_NAME, "key": NEEDED}),
    Endpoint("POST", _M + "alias", _P.DELIVER, pointers.set_alias, {**_ALIAS, "version": NEEDED}),
    Endpoint("DELETE", _M + "alias", _P.DELIVER, pointers.delete_alias, _ALIAS),
    Endpoint("GET", _M + "alias", _P.READ, pointers.get_by_alias, _ALIAS, writes=False, quick=True),
    Endpoint("POST", _V + "create", _P.VERSION_REGISTER, versions.create_version, _NEW_VERSION),
    Endpoint("PATCH", _V + "update", _P.VERSION_REGISTER, versions.update_version, {**_VERSION, "description": TEXT}),
    Endpoint("DELETE", _V + "delete", _P.VERSION_STOP, versions.delete_version, _VERSION),
    Endpoint("GET", _V + "get", _P.READ, versions.get_version, _VERSION, writes=False, quick=True),
    Endpoint("GET", _V + "search", _P.READ, search.search_versions, _SEARCH, writes=False),
    Endpoint("GET", _V + "get-download-uri", _P.READ, versions.get_download_uri, _DOWNLOAD, writes=False, quick=True),
    Endpoint("POST", _V + "transition-stage", _P.DELIVER, pointers.transition_stage, _MOVE),
    Endpoint("POST", _V + "set-tag", _P.VERSION_REGISTER, versions.set_version_tag, {**_VERSION, **_TAG}),
    Endpoint(
        "DELETE", _V + "delete-tag", _P.VERSION_REGISTER, versions.delete_version_tag, {**_VERSION, "key": NEEDED}
    ),
)
