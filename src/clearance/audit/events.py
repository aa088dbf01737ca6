"""The closed vocabulary of what can happen; one enum, used by every room, printed in every proof."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What a leaf of the audit log says happened. Members are never renamed or removed once released."""

    MODEL_CREATED = "model.created"
    MODEL_UPDATED = "model.updated"
    MODEL_RETIRED = "model.retired"
    DATASET_REGISTERED = "dataset.registered"
    VERSION_REGISTERED = "version.registered"
    VERSION_RETIRED = "version.retired"
    VERSION_QUARANTINED = "version.quarantined"
    VERSION_RELEASED = "version.released"
    KEY_TRUSTED = "key.trusted"
    KEY_REVOKED = "key.revoked"
    ARTIFACT_SIGNED = "artifact.signed"
    STATEMENT_ADDED = "statement.added"
    PASSPORT_EXPORTED = "passport.exported"
    PACK_INSTALLED = "pack.installed"
    DECISION_MADE = "decision.made"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_GIVEN = "approval.given"
    APPROVAL_REJECTED = "approval.rejected"
    WAIVER_GRANTED = "waiver.granted"
    WAIVER_REVOKED = "waiver.revoked"
    POINTER_MOVED = "pointer.moved"
    ROLLOUT_STARTED = "rollout.started"
    ROLLOUT_ADVANCED = "rollout.advanced"
    ROLLOUT_PAUSED = "rollout.paused"
    ROLLOUT_RESUMED = "rollout.resumed"
    ROLLOUT_COMPLETED = "rollout.completed"
    ROLLOUT_ROLLED_BACK = "rollout.rolled_back"
    ROLLOUT_ABORTED = "rollout.aborted"
    LOAD_REFUSED = "load.refused"
    MONITOR_CONFIGURED = "monitor.configured"
    ALERT_RAISED = "alert.raised"
    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    ALERT_RESOLVED = "alert.resolved"
    INCIDENT_OPENED = "incident.opened"
    INCIDENT_NOTED = "incident.noted"
    INCIDENT_RESOLVED = "incident.resolved"
    TOKEN_ISSUED = "token.issued"  # noqa: S105  # a word of the vocabulary, not a secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  # likewise
    REPORT_WRITTEN = "report.written"
