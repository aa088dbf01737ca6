"""Whether the decision that stands lets a version serve now; cheap, for it is asked at every load."""

from __future__ import annotations

from clearance.policy import consent_store, store
from clearance.policy.model import Admission, Decision, Outcome
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, Version, VersionStatus
from clearance.storage.database import Transaction


def admission(tx: Transaction, model: str, number: int, environment: str = "production") -> Admission:
    """Tell whether the newest decision lets a version serve, and still holds: cheap, and it fails closed.

    Raises:
        NotFound: no such model or version.
    """
    version = registry.get_version(tx, model, number)
    decision = store.newest_decision(tx, model, number, environment)
    if decision is None:
        return Admission(
            allowed=False, reason=f"nobody has decided on {version.name} for {environment}", decision_id=None
        )
    reason = _against(tx, version, decision)
    return Admission(allowed=reason is None, reason=reason or decision.reason, decision_id=decision.id)


def _against(tx: Transaction, version: Version, decision: Decision) -> str | None:
    """Return why a decision does not let the version serve now, None when it does."""
    if decision.outcome is not Outcome.ALLOWED:
        return f"{version.name} is {decision.outcome} for {decision.environment}: {decision.reason}"
    if version.status is not VersionStatus.REGISTERED:
        return f"{version.name} is {version.status} since it was decided on: {version.status_reason}"
    if registry.get_model(tx, version.model).lifecycle is Lifecycle.RETIRED:
        return f"the model {version.model} is retired"
    for waiver_id in decision.waivers:
        waiver = consent_store.find_waiver(tx, waiver_id)
        if waiver is None or not waiver.in_force(tx.now):
            return f"the waiver {waiver_id} that the decision stood on is in force no more: decide again"
    return None
