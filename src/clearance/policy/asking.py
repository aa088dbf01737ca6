"""Ask people for approval when a decision waits for nothing else."""

from __future__ import annotations

from datetime import timedelta

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.policy import consent_store
from clearance.policy.consent import ApprovalRequest, RequestState
from clearance.policy.pack import Pack
from clearance.registry.model import Version
from clearance.storage.database import Transaction


def request_approval(
    tx: Transaction, caller: Principal, pack: Pack, version: Version, environment: str, decision_id: str
) -> ApprovalRequest:
    """Return the open request for a version in an environment; a new one when there is none."""
    known = consent_store.open_request(tx, version.model, version.number, environment)
    if known is not None:
        return known
    policy = pack.approvals
    made = ApprovalRequest(
        id=tx.new_id("apr"),
        model=version.model,
        number=version.number,
        digest=version.digest,
        environment=environment,
        author=version.created_by,
        decision_id=decision_id,
        pack=pack.name,
        needed=policy.count,
        roles=policy.roles,
        exclude_author=policy.exclude_author,
        requested_at=tx.now,
        requested_by=caller.name,
        expires_at=tx.now + timedelta(days=policy.request_days),
        state=RequestState.OPEN,
        votes=(),
    )
    consent_store.insert_request(tx, made, policy.valid_days)
    log.record(
        tx,
        Event.APPROVAL_REQUESTED,
        actor=caller.name,
        subject=f"model/{version.name}",
        data={
            "approval": made.id,
            "environment": environment,
            "needed": made.needed,
            "roles": made.roles,
            "expires_at": made.expires_at,
        },
    )
    return made
