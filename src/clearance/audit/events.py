"""The closed vocabulary of what can happen; one enum, used by every room, printed in every proof."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What a leaf of the audit log says happened. Members are never renamed or removed once released.

    A member is its word and the facts that its leaf must carry in `data`: `TAG_SET = "tag.set", "key value"`. `log.record`
    refuses a leaf without them; further facts are welcome.
    """

    facts: frozenset[str]
    """Names of the facts that every leaf of this event carries."""

    def __new__(cls, word: str, facts: str = "") -> Event:
        member = str.__new__(cls, word)
        member._value_ = word
        member.facts = frozenset(facts.split())
        return member

    MODEL_CREATED = "model.created", "owner risk kind lifecycle"
    MODEL_UPDATED = "model.updated", "changed"
    MODEL_RETIRED = "model.retired", "changed"
    MODEL_DELETED = "model.deleted", "reason"
    MODEL_ASSESSED = "model.assessed", "answers level privacy reasons questionnaire risk"
    RISK_LOWERED = "risk.lowered", "from to reason until"
    CONTRACT_SET = "contract.set", "contract"
    PROVENANCE_FILLED = "provenance.filled", "filled provenance"
    MODEL_IMPORTED = "model.imported", "from name created_at updated_at"
    VERSION_IMPORTED = "version.imported", "from name created_at updated_at by run_id stage aliases left"
    DATASET_REGISTERED = "dataset.registered", "name rows schema"
    LINEAGE_LINKED = "lineage.linked", "dataset run target"
    VERSION_REGISTERED = "version.registered", "digest"
    VERSION_UPDATED = "version.updated", "changed"
    VERSION_RETIRED = "version.retired", "reason"
    VERSION_QUARANTINED = "version.quarantined", "reason"
    VERSION_RELEASED = "version.released", "reason"
    VERSION_PINNED = "version.pinned", "digest size files source"
    VERSION_DELETED = "version.deleted", "reason"
    TAG_SET = "tag.set", "key"
    TAG_REMOVED = "tag.removed", "key"
    ALIAS_SET = "alias.set", "to"
    ALIAS_REMOVED = "alias.removed", "from"
    KEY_TRUSTED = "key.trusted", "name purposes"
    KEY_REVOKED = "key.revoked", "name reason"
    ARTIFACT_SIGNED = "artifact.signed", "signature digest artifact signer"
    STATEMENT_ADDED = "statement.added", "statement predicate_type digest signer"
    PASSPORT_EXPORTED = "passport.exported", "digest"
    PACK_INSTALLED = "pack.installed", "digest version"
    DECISION_MADE = "decision.made", "decision environment outcome rules pack facts conclusion waivers"
    APPROVAL_REQUESTED = "approval.requested", "approval environment needed roles"
    APPROVAL_GIVEN = "approval.given", "approval environment roles"
    APPROVAL_REJECTED = "approval.rejected", "approval environment roles comment"
    WAIVER_GRANTED = "waiver.granted", "waiver rule environment reason expires_at"
    WAIVER_REVOKED = "waiver.revoked", "waiver rule environment reason"
    POINTER_MOVED = "pointer.moved", "environment kind from to decision"
    ROLLOUT_STARTED = "rollout.started", "model environment stable candidate strategy strategy_digest weight decision"
    ROLLOUT_ADVANCED = "rollout.advanced", "model environment candidate weight reason"
    ROLLOUT_PAUSED = "rollout.paused", "model environment candidate weight reason"
    ROLLOUT_RESUMED = "rollout.resumed", "model environment candidate weight reason"
    ROLLOUT_COMPLETED = "rollout.completed", "model environment candidate weight reason"
    ROLLOUT_ROLLED_BACK = "rollout.rolled_back", "model environment candidate weight reason"
    ROLLOUT_ABORTED = "rollout.aborted", "model environment candidate weight reason"
    LOAD_REFUSED = "load.refused", "environment code reason"
    LOAD_ACCEPTED = "load.accepted", "environment refused"
    MONITOR_CONFIGURED = "monitor.configured", "environment monitor baseline"
    ALERT_RAISED = "alert.raised", "model severity title fingerprint"
    ALERT_ACKNOWLEDGED = "alert.acknowledged", "model reason"
    ALERT_RESOLVED = "alert.resolved", "model reason"
    INCIDENT_OPENED = "incident.opened", "model title alert"
    INCIDENT_NOTED = "incident.noted", "text"
    INCIDENT_RESOLVED = "incident.resolved", "model cause"
    WEBHOOK_CREATED = "webhook.created", "name events status"
    WEBHOOK_UPDATED = "webhook.updated", "name events status"
    WEBHOOK_DELETED = "webhook.deleted", "name events status"
    WEBHOOK_GAVE_UP = "webhook.gave_up", "name event attempts message"
    TOKEN_ISSUED = "token.issued", "name roles expires_at"
    TOKEN_REVOKED = "token.revoked", "name"
    TOKEN_ROTATED = "token.rotated", "name roles expires_at replaces"
    ROLE_BOUND = "role.bound", "role team"
    ROLE_UNBOUND = "role.unbound", "role team"
    SESSION_OPENED = "session.opened", "issuer expires_at"
    SESSION_ENDED = "session.ended", "name"
    LOCKOUT_STARTED = "lockout.started", "seconds"
    ARTIFACT_PUT = "artifact.put", "path digest size before"
    ARTIFACT_REMOVED = "artifact.removed", "path files"
    ARTIFACTS_COLLECTED = "artifacts.collected", "count bytes digests older_than_hours"
    REPORT_WRITTEN = "report.written", "digest environment as_of"
    LOG_KEY_ROTATED = "log.key_rotated", "from to reason"
