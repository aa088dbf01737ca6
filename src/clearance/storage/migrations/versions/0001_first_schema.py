"""First schema, that of version 0.1.0: frozen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("issued_by", sa.String(length=255), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_tokens")),
    )
    op.create_index(op.f("ix_access_tokens_name"), "access_tokens", ["name"], unique=False)
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoints")),
    )
    op.create_table(
        "audit_leaves",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_leaves")),
    )
    op.create_index(op.f("ix_audit_leaves_event"), "audit_leaves", ["event"], unique=False)
    op.create_index(op.f("ix_audit_leaves_subject"), "audit_leaves", ["subject"], unique=False)
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_audit_nodes")),
    )
    op.create_table(
        "delivery_moves",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_moves")),
        sa.UniqueConstraint("model", "environment", "position", name=op.f("uq_delivery_moves_model")),
    )
    op.create_table(
        "delivery_pointers",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("stable", sa.Integer(), nullable=False),
        sa.Column("candidate", sa.Integer(), nullable=True),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("previous", sa.Integer(), nullable=True),
        sa.Column("moved_at", TIME, nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("rollout_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("model", "environment", name=op.f("pk_delivery_pointers")),
    )
    op.create_table(
        "delivery_rollouts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_rollouts")),
    )
    op.create_index(op.f("ix_delivery_rollouts_model"), "delivery_rollouts", ["model"], unique=False)
    op.create_index(op.f("ix_delivery_rollouts_state"), "delivery_rollouts", ["state"], unique=False)
    op.create_table(
        "evidence_keys",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("purposes", JSON, nullable=False),
        sa.Column("trusted_at", TIME, nullable=False),
        sa.Column("trusted_by", sa.String(length=255), nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_evidence_keys")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content_type", sa.String(length=100), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_at"), "idempotency_keys", ["at"], unique=False)
    op.create_table(
        "monitoring_figures",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("start", TIME, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("metric", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", "environment", "start", "position", name=op.f("pk_monitoring_figures")),
    )
    op.create_index(op.f("ix_monitoring_figures_metric"), "monitoring_figures", ["metric"], unique=False)
    op.create_table(
        "monitoring_windows",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("start", TIME, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("profiles", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", "environment", "start", name=op.f("pk_monitoring_windows")),
    )
    op.create_table(
        "policy_approval_requests",
        sa.Column("position", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("exclude_author", sa.Boolean(), nullable=False),
        sa.Column("valid_days", sa.Float(), nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_policy_approval_requests")),
        sa.UniqueConstraint("id", name=op.f("uq_policy_approval_requests_id")),
    )
    op.create_index(op.f("ix_policy_approval_requests_state"), "policy_approval_requests", ["state"], unique=False)
    op.create_index(
        "ix_policy_approval_requests_version",
        "policy_approval_requests",
        ["model", "number", "environment"],
        unique=False,
    )
    op.create_table(
        "policy_packs",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_policy_packs")),
    )
    op.create_table(
        "policy_waivers",
        sa.Column("position", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_at", TIME, nullable=False),
        sa.Column("granted_by", sa.String(length=255), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("revoked_by", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_policy_waivers")),
        sa.UniqueConstraint("id", name=op.f("uq_policy_waivers_id")),
    )
    op.create_index(op.f("ix_policy_waivers_model"), "policy_waivers", ["model"], unique=False)
    op.create_table(
        "registry_datasets",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("time_column", sa.Text(), nullable=True),
        sa.Column("first_at", TIME, nullable=True),
        sa.Column("last_at", TIME, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_registry_datasets")),
    )
    op.create_index(op.f("ix_registry_datasets_name"), "registry_datasets", ["name"], unique=False)
    op.create_table(
        "registry_models",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("on_call", sa.String(length=255), nullable=False),
        sa.Column("team", sa.String(length=255), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("use_case", sa.String(length=255), nullable=False),
        sa.Column("risk", sa.String(length=32), nullable=False),
        sa.Column("lifecycle", sa.String(length=32), nullable=False),
        sa.Column("lifecycle_reason", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_registry_models")),
    )
    op.create_table(
        "response_alerts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("raised_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("changed_by", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("incident", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_alerts")),
    )
    op.create_index(op.f("ix_response_alerts_fingerprint"), "response_alerts", ["fingerprint"], unique=False)
    op.create_index(op.f("ix_response_alerts_incident"), "response_alerts", ["incident"], unique=False)
    op.create_index(op.f("ix_response_alerts_model"), "response_alerts", ["model"], unique=False)
    op.create_index(
        "uq_response_alerts_alive",
        "response_alerts",
        ["fingerprint"],
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_table(
        "response_incidents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_incidents")),
    )
    op.create_index(op.f("ix_response_incidents_model"), "response_incidents", ["model"], unique=False)
    op.create_table(
        "response_notifications",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_notifications")),
    )
    op.create_table(
        "response_sightings",
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("alert", name=op.f("pk_response_sightings")),
    )
    op.create_table(
        "delivery_analyses",
        sa.Column("rollout_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["delivery_rollouts.id"], name=op.f("fk_delivery_analyses_rollout_id_delivery_rollouts")
        ),
        sa.PrimaryKeyConstraint("rollout_id", "position", name=op.f("pk_delivery_analyses")),
    )
    op.create_table(
        "evidence_signatures",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("signer", sa.String(length=64), nullable=False),
        sa.Column("bundle", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("added_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["signer"], ["evidence_keys.key_id"], name=op.f("fk_evidence_signatures_signer_evidence_keys")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_signatures")),
        sa.UniqueConstraint("model", "number", "signer", name=op.f("uq_evidence_signatures_model")),
    )
    op.create_table(
        "evidence_statements",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("predicate_type", sa.String(length=512), nullable=False),
        sa.Column("signer", sa.String(length=64), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("added_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["signer"], ["evidence_keys.key_id"], name=op.f("fk_evidence_statements_signer_evidence_keys")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_statements")),
        sa.UniqueConstraint("model", "number", "digest", name=op.f("uq_evidence_statements_model")),
    )
    op.create_table(
        "monitoring_monitors",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_models.name"], name=op.f("fk_monitoring_monitors_model_registry_models")
        ),
        sa.PrimaryKeyConstraint("model", "environment", name=op.f("pk_monitoring_monitors")),
    )
    op.create_table(
        "policy_decisions",
        sa.Column("position", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("pack_version", sa.String(length=100), nullable=False),
        sa.Column("pack_digest", sa.String(length=71), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("facts_digest", sa.String(length=71), nullable=False),
        sa.Column("conclusion", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.String(length=64), nullable=True),
        sa.Column("vsa", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("made_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["pack_digest"], ["policy_packs.digest"], name=op.f("fk_policy_decisions_pack_digest_policy_packs")
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_policy_decisions")),
        sa.UniqueConstraint("id", name=op.f("uq_policy_decisions_id")),
    )
    op.create_index(
        "ix_policy_decisions_version", "policy_decisions", ["model", "number", "environment", "position"], unique=False
    )
    op.create_table(
        "policy_installations",
        sa.Column("position", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("installed_at", TIME, nullable=False),
        sa.Column("installed_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest"], ["policy_packs.digest"], name=op.f("fk_policy_installations_digest_policy_packs")
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_policy_installations")),
    )
    op.create_table(
        "policy_votes",
        sa.Column("position", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("voter", sa.String(length=255), nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["policy_approval_requests.id"],
            name=op.f("fk_policy_votes_request_id_policy_approval_requests"),
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_policy_votes")),
    )
    op.create_index(op.f("ix_policy_votes_request_id"), "policy_votes", ["request_id"], unique=False)
    op.create_table(
        "registry_versions",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_models.name"], name=op.f("fk_registry_versions_model_registry_models")
        ),
        sa.PrimaryKeyConstraint("model", "number", name=op.f("pk_registry_versions")),
        sa.UniqueConstraint("model", "digest", name=op.f("uq_registry_versions_model")),
    )
    op.create_index(op.f("ix_registry_versions_digest"), "registry_versions", ["digest"], unique=False)
    op.create_table(
        "registry_parents",
        sa.Column("parent", sa.String(length=120), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["registry_versions.model", "registry_versions.number"],
            name=op.f("fk_registry_parents_model_registry_versions"),
        ),
        sa.PrimaryKeyConstraint("parent", "model", "number", name=op.f("pk_registry_parents")),
    )
