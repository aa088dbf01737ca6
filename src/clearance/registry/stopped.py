"""Which versions were stopped, why nobody may use them, and what to do instead: asked wherever one is to be used; pure."""

from __future__ import annotations

from collections.abc import Sequence

from clearance.audit.events import Event
from clearance.errors import Conflict
from clearance.registry.model import Lifecycle, Model, Version, VersionStatus

FOR_GOOD = frozenset({VersionStatus.RETIRED, VersionStatus.DELETED})
"""What can't be lifted any more."""
STATUS_EVENTS = {
    VersionStatus.QUARANTINED: Event.VERSION_QUARANTINED,
    VersionStatus.REGISTERED: Event.VERSION_RELEASED,
    VersionStatus.RETIRED: Event.VERSION_RETIRED,
    VersionStatus.DELETED: Event.VERSION_DELETED,
}
"""The event by which a version gets a status that it was not registered with."""


def why_stopped(model: Model, version: Version) -> str:
    """Return why nobody may use a version, for now or for good; empty when it may be used."""
    if version.status is not VersionStatus.REGISTERED:
        return f"{version.name} is {version.status}: {version.status_reason}"
    if model.lifecycle is Lifecycle.RETIRED:
        return f"the model {model.name} is retired{model.lifecycle_reason and f': {model.lifecycle_reason}'}"
    return ""


def check_usable(model: Model, version: Version) -> None:
    """Refuse a version that was stopped where it is to be promoted, approved, pinned or named (`bad_status`)."""
    if why := why_stopped(model, version):
        raise Conflict(why, code="bad_status", hint=_instead(version))


def check_new(others: Sequence[Version]) -> None:
    """Refuse bytes that are a version of the model already (`version_exists`); what was deleted stands in nobody's way.

    Args:
        others: the versions of the model that are these bytes.
    """
    there = [each for each in others if each.status is not VersionStatus.DELETED]
    if not there:
        return
    same = min(there, key=lambda each: each.status is not VersionStatus.REGISTERED)
    said, hint = "", f"use {same.name}; a version never changes, and the same bytes are the same version"
    if same.status is not VersionStatus.REGISTERED:
        said = f", and it is {same.status}: {same.status_reason}"
        hint = f"the same bytes are the same version; {_instead(same)}"
    raise Conflict(
        f"{same.name} is these bytes already{said}",
        code="version_exists",
        hint=hint,
        details={"model": same.model, "number": same.number, "digest": same.digest, "status": same.status.value},
    )


def _instead(version: Version) -> str:
    if version.status is VersionStatus.QUARANTINED:
        return f"`clearance versions release {version.model} {version.number} --reason WHY` lets it be used again"
    return f"that is final: register {'other bytes as a new version' if version.status in FOR_GOOD else 'a new model'}"
