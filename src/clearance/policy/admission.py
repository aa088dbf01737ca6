"""Whether the decision that stands lets a version serve now; cheap, for it is asked at every load."""

from __future__ import annotations

from clearance.policy import consent_store, store
from clearance.policy.model import Admission, Decision, Outcome
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, Version, VersionStatus
from clearance.storage.database import Transaction


def admission(tx: Transaction, model: str, number: int, environment: str = "production") -> Admission:
    """Tell whether the decision that stands lets a version serve, and still holds: cheap, and it fails closed.

    The newest decision stands. One that only waits for people does not take back what an earlier one allowed: then the newest
    that allowed or denied stands. The reason names the decision.

    Raises:
        NotFound: no such model or version.
    """
    version = registry.get_version(tx, model, number)
    newest = store.newest_decision(tx, model, number, environment)
    if newest is None:
        return Admission(
            allowed=False, reason=f"nobody has decided on {version.name} for {environment}", decision_id=None
        )
    if newest.outcome is Outcome.PENDING:
        return _while_pending(tx, version, newest)
    against = _against(tx, version, newest)
    return Admission(
        allowed=against is None, reason=f"{against or newest.reason} (decision {newest.id})", decision_id=newest.id
    )


def _while_pending(tx: Transaction, version: Version, waiting: Decision) -> Admission:
    """Return what an earlier decision says while a newer one waits for people."""
    waits = f"{version.name} is {waiting.outcome} for {waiting.environment}: {waiting.reason} (decision {waiting.id})"
    earlier = store.newest_decision(tx, version.model, version.number, waiting.environment, settled=True)
    if earlier is None or earlier.outcome is not Outcome.ALLOWED:
        return Admission(allowed=False, reason=waits, decision_id=waiting.id)
    against = _against(tx, version, earlier)
    if against is not None:
        reason = f"{waits}; and the earlier decision {earlier.id} holds no more: {against}"
        return Admission(allowed=False, reason=reason, decision_id=waiting.id)
    reason = f"{earlier.reason} (decision {earlier.id}, which stands while the newer {waiting.id} waits for approval)"
    return Admission(allowed=True, reason=reason, decision_id=earlier.id)


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
