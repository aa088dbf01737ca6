"""Access: people from identity providers, teams, service tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("access_tokens", sa.Column("scope", JSON, nullable=True))
    op.add_column("access_tokens", sa.Column("successor", sa.String(length=64), nullable=True))
    op.create_table(
        "access_token_uses",
        sa.Column("token_id", sa.String(length=64), nullable=False),
        sa.Column("last_used_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_access_token_uses")),
    )
    op.create_table(
        "access_bindings",
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("team", sa.String(length=255), nullable=False),
        sa.Column("bound_at", TIME, nullable=False),
        sa.Column("bound_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("subject", "role", "team", name=op.f("pk_access_bindings")),
    )
    op.create_table(
        "access_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("groups", JSON, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.String(length=71), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_sessions")),
        sa.UniqueConstraint("proof", name=op.f("uq_access_sessions_proof")),
    )
    op.create_index(op.f("ix_access_sessions_name"), "access_sessions", ["name"], unique=False)
