"""Lineage: runs, jobs and datasets from OpenLineage."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring the tables to this revision."""
    _datasets_and_jobs()
    _runs_and_uses()
    _schemas()
    _links()
    _openlineage()


def _datasets_and_jobs() -> None:
    op.create_table(
        "lineage_datasets",
        sa.Column("key", sa.String(length=71), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text_key", sa.String(length=71), nullable=False),
        sa.Column("facets", sa.Text(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_lineage_datasets")),
    )
    op.create_index(op.f("ix_lineage_datasets_text_key"), "lineage_datasets", ["text_key"], unique=False)
    op.create_table(
        "lineage_jobs",
        sa.Column("key", sa.String(length=71), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text_key", sa.String(length=71), nullable=False),
        sa.Column("facets", sa.Text(), nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_lineage_jobs")),
    )
    op.create_index(op.f("ix_lineage_jobs_text_key"), "lineage_jobs", ["text_key"], unique=False)


def _runs_and_uses() -> None:
    op.create_table(
        "lineage_runs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job", sa.String(length=71), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=True),
        sa.Column("state_at", TIME, nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("parent", sa.String(length=36), nullable=False),
        sa.Column("facets", sa.Text(), nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_runs")),
    )
    op.create_index(op.f("ix_lineage_runs_job"), "lineage_runs", ["job"], unique=False)
    op.create_index(op.f("ix_lineage_runs_parent"), "lineage_runs", ["parent"], unique=False)
    op.create_table(
        "lineage_uses",
        sa.Column("job", sa.String(length=71), nullable=False),
        sa.Column("run", sa.String(length=36), nullable=False),
        sa.Column("dataset", sa.String(length=71), nullable=False),
        sa.Column("output", sa.Boolean(), nullable=False),
        sa.Column("version", sa.String(length=255), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job", "run", "dataset", "output", "version", name=op.f("pk_lineage_uses")),
    )
    op.create_index("ix_lineage_uses_dataset", "lineage_uses", ["dataset", "output"], unique=False)
    op.create_index("ix_lineage_uses_run", "lineage_uses", ["run"], unique=False)


def _schemas() -> None:
    op.create_table(
        "lineage_schemas",
        sa.Column("dataset", sa.String(length=71), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("columns", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "at", name=op.f("pk_lineage_schemas")),
    )
    op.create_table(
        "lineage_columns",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_lineage_columns")),
    )


def _links() -> None:
    op.create_table(
        "lineage_claims",
        sa.Column("thing", sa.String(length=71), nullable=False),
        sa.Column("version", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=120), nullable=False),
        sa.Column("said_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("thing", "version", "target", name=op.f("pk_lineage_claims")),
    )
    op.create_index(op.f("ix_lineage_claims_target"), "lineage_claims", ["target"], unique=False)
    op.create_table(
        "lineage_links",
        sa.Column("thing", sa.String(length=71), nullable=False),
        sa.Column("version", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=120), nullable=False),
        sa.Column("said_by", sa.String(length=255), nullable=False),
        sa.Column("said_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("thing", "version", "target", name=op.f("pk_lineage_links")),
    )
    op.create_index(op.f("ix_lineage_links_target"), "lineage_links", ["target"], unique=False)


def _openlineage() -> None:
    op.create_table(
        "openlineage_events",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("run", sa.String(length=36), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("received_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_openlineage_events")),
    )
    op.create_index(op.f("ix_openlineage_events_run"), "openlineage_events", ["run"], unique=False)
    op.create_table(
        "openlineage_emissions",
        sa.Column("receiver", sa.String(length=71), nullable=False),
        sa.Column("next_leaf", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_openlineage_emissions")),
    )
