"""The use cases of the registry, by the one name that other rooms and the surfaces use."""

from clearance.registry.assessments import assess_model, assessments, lower_risk
from clearance.registry.datasets import list_datasets, register_dataset
from clearance.registry.lookup import check_named, get_dataset, get_model, get_pinned, get_version, identity, look_up
from clearance.registry.models import create_model, delete_model, find_by_title, list_models, namesake, update_model
from clearance.registry.needed import needed_blobs
from clearance.registry.search import newest_versions, search_models
from clearance.registry.stories import accept_capture, fill_provenance, set_contract
from clearance.registry.tags import delete_tag, set_tag, tags
from clearance.registry.trees import get_tree
from clearance.registry.versions import (
    black_box_since,
    completeness,
    contract_of,
    delete_version,
    lineage,
    list_versions,
    pin_version,
    quarantine_version,
    register_version,
    release_version,
    retire_version,
    versions_with_digest,
)

__all__ = [
    "accept_capture",
    "assess_model",
    "assessments",
    "black_box_since",
    "check_named",
    "completeness",
    "contract_of",
    "create_model",
    "delete_model",
    "delete_tag",
    "delete_version",
    "fill_provenance",
    "find_by_title",
    "get_dataset",
    "get_model",
    "get_pinned",
    "get_tree",
    "get_version",
    "identity",
    "lineage",
    "list_datasets",
    "list_models",
    "list_versions",
    "look_up",
    "lower_risk",
    "namesake",
    "needed_blobs",
    "newest_versions",
    "pin_version",
    "quarantine_version",
    "register_dataset",
    "register_version",
    "release_version",
    "retire_version",
    "search_models",
    "set_contract",
    "set_tag",
    "tags",
    "update_model",
    "versions_with_digest",
]
