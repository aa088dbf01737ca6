"""The use cases of the registry, by the one name that other rooms and the surfaces use."""

from clearance.registry.datasets import list_datasets, register_dataset
from clearance.registry.lookup import get_dataset, get_model, get_version
from clearance.registry.models import create_model, list_models, update_model
from clearance.registry.versions import (
    completeness,
    contract_of,
    lineage,
    list_versions,
    quarantine_version,
    register_version,
    release_version,
    retire_version,
    versions_with_digest,
)

__all__ = [
    "completeness",
    "contract_of",
    "create_model",
    "get_dataset",
    "get_model",
    "get_version",
    "lineage",
    "list_datasets",
    "list_models",
    "list_versions",
    "quarantine_version",
    "register_dataset",
    "register_version",
    "release_version",
    "retire_version",
    "update_model",
    "versions_with_digest",
]
