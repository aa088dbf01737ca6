"""Whether the decision that stands lets a version serve now; cheap, for it is asked at every load."""

from __future__ import annotations

from collections.abc import Sequence

from clearance.policy import consent_store, store
from clearance.policy.model import Admission, Decision, Outcome, Ruling, Standing
from clearance.registry import service as registry
from clearance.registry.model import Version
from clearance.registry.stopped import why_stopped
from clearance.storage.database import Transaction


def admission(tx: Transaction, model: str, number: int, environment: str = "production") -> Admission:
    """Tell whether the decision that stands lets a version serve, and still holds: cheap, and it fails closed.

    A version that was stopped may serve nowhere, whatever was decided. Else the newest decision stands. One that only waits for
    people does not take back what an earlier one allowed: then the newest that allowed or denied stands. The reason names the
    decision.

    Raises:
        NotFound: no such model or version.
    """
    version = registry.get_version(tx, model, number)
    newest = store.newest_ruling(tx, model, number, environment)
    if stopped := why_stopped(registry.get_model(tx, model), version):
        return _answer(Standing.STOPPED, stopped, newest)
    if newest is None:
        return _answer(Standing.LAPSED, f"nobody has decided on {version.name} for {environment}", None)
    if newest.outcome is Outcome.PENDING:
        return _while_pending(tx, version, newest)
    against = _against(tx, version, newest)
    standing = Standing.ADMITTED if against is None else Standing.LAPSED
    return _answer(standing, f"{against or newest.reason} (decision {newest.id})", newest)


def why_lapsed(tx: Transaction, newest: Decision) -> str:
    """Return why the newest decision on a version, which allowed, holds no more; empty while it does, or if it did not allow."""
    found = admission(tx, newest.model, newest.number, newest.environment)
    return found.reason if newest.outcome is Outcome.ALLOWED and found.standing is Standing.LAPSED else ""


def look_up(tx: Transaction, versions: Sequence[tuple[str, int]], environment: str) -> None:
    """Read at once what `admission` will be asked about: for many versions it takes three statements, not three for each."""
    registry.look_up(tx, versions)
    store.look_up_rulings(tx, versions, environment)


def _answer(standing: Standing, reason: str, decision: Ruling | None) -> Admission:
    return Admission(
        standing=standing,
        allowed=standing is Standing.ADMITTED,
        reason=reason,
        decision_id=decision.id if decision is not None else None,
    )


def _while_pending(tx: Transaction, version: Version, waiting: Ruling) -> Admission:
    """Return what an earlier decision says while a newer one waits for people."""
    waits = f"{version.name} is {waiting.outcome} for {waiting.environment}: {waiting.reason} (decision {waiting.id})"
    earlier = store.newest_ruling(tx, version.model, version.number, waiting.environment, settled=True)
    if earlier is None or earlier.outcome is not Outcome.ALLOWED:
        return _answer(Standing.LAPSED, waits, waiting)
    against = _against(tx, version, earlier)
    if against is not None:
        reason = f"{waits}; and the earlier decision {earlier.id} holds no more: {against}"
        return _answer(Standing.LAPSED, reason, waiting)
    reason = f"{earlier.reason} (decision {earlier.id}, which stands while the newer {waiting.id} waits for approval)"
    return _answer(Standing.ADMITTED, reason, earlier)


def _against(tx: Transaction, version: Version, decision: Ruling) -> str | None:
    """Return why a decision does not let the version serve now, None when it does."""
    if decision.outcome is not Outcome.ALLOWED:
        return f"{version.name} is {decision.outcome} for {decision.environment}: {decision.reason}"
    for waiver_id in decision.waivers:
        waiver = consent_store.find_waiver(tx, waiver_id)
        if waiver is None or not waiver.in_force(tx.now):
            return f"the waiver {waiver_id} that the decision stood on is in force no more: decide again"
    return None
