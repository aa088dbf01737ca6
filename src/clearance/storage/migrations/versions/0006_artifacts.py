"""Artifacts: uploads in pieces, and promises that a blob stays."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "artifact_uploads",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("caller", sa.String(length=255), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_uploads")),
    )
    op.create_index(op.f("ix_artifact_uploads_touched_at"), "artifact_uploads", ["touched_at"], unique=False)
    op.create_table(
        "artifact_pieces",
        sa.Column("upload", sa.String(length=40), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload"],
            ["artifact_uploads.id"],
            name=op.f("fk_artifact_pieces_upload_artifact_uploads"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("upload", "start", name=op.f("pk_artifact_pieces")),
    )
    op.create_table(
        "artifact_claims",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_artifact_claims")),
    )
    op.create_index(op.f("ix_artifact_claims_at"), "artifact_claims", ["at"], unique=False)
