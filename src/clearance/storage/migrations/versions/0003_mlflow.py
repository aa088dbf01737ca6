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
