"""What MLflow's clients keep here: proxied artifacts, webhooks, imports."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    _create_artifacts()
    _create_webhooks()
    _create_imports()


def _create_artifacts() -> None:
    path = sa.String(length=1024).with_variant(sa.String(length=1024, collation="C"), "postgresql")
    op.create_table(
        "mlflow_artifacts",
        sa.Column("path", path, nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("logged_model", sa.String(length=34), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_mlflow_artifacts")),
    )
    op.create_index(op.f("ix_mlflow_artifacts_digest"), "mlflow_artifacts", ["digest"])
    op.create_index(op.f("ix_mlflow_artifacts_logged_model"), "mlflow_artifacts", ["logged_model"])
    op.create_table(
        "mlflow_models",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_models.name"], name=op.f("fk_mlflow_models_model_registry_models")
        ),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_mlflow_models")),
    )
    op.create_table(
        "mlflow_versions",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("run_link", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["registry_versions.model", "registry_versions.number"],
            name=op.f("fk_mlflow_versions_model_registry_versions"),
        ),
        sa.PrimaryKeyConstraint("model", "number", name=op.f("pk_mlflow_versions")),
    )


def _create_webhooks() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "mlflow_webhooks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mlflow_webhooks")),
    )
    op.create_table(
        "mlflow_webhook_progress",
        sa.Column("webhook", sa.String(length=40), nullable=False),
        sa.Column("next_leaf", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook"], ["mlflow_webhooks.id"], name=op.f("fk_mlflow_webhook_progress_webhook_mlflow_webhooks")
        ),
        sa.PrimaryKeyConstraint("webhook", name=op.f("pk_mlflow_webhook_progress")),
    )
    op.create_table(
        "mlflow_webhook_messages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("webhook", sa.String(length=40), nullable=False),
        sa.Column("word", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("collected_at", time, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", time, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook"], ["mlflow_webhooks.id"], name=op.f("fk_mlflow_webhook_messages_webhook_mlflow_webhooks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mlflow_webhook_messages")),
    )
    op.create_index(op.f("ix_mlflow_webhook_messages_webhook"), "mlflow_webhook_messages", ["webhook"])
    op.create_index(op.f("ix_mlflow_webhook_messages_next_at"), "mlflow_webhook_messages", ["next_at"])


def _create_imports() -> None:
    op.create_table(
        "mlflow_imports",
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_models.name"], name=op.f("fk_mlflow_imports_model_registry_models")
        ),
        sa.PrimaryKeyConstraint("origin", "name", "number", name=op.f("pk_mlflow_imports")),
    )
