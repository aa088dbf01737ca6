"""The tables of flows: all of them observations but the links, which people make."""

from __future__ import annotations

import sqlalchemy as sa

from clearance.storage.database import UtcDateTime, metadata

_OBSERVED = {"audited": False}

datasets = sa.Table(
    "lineage_datasets",
    metadata,
    sa.Column("key", sa.String(71), primary_key=True),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("text_key", sa.String(71), nullable=False, index=True),
    sa.Column("facets", sa.Text, nullable=False),
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    info=_OBSERVED,
)
"""`text_key` is the digest of `namespace/name`, to find a dataset by what people write."""
jobs = sa.Table(
    "lineage_jobs",
    metadata,
    sa.Column("key", sa.String(71), primary_key=True),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("text_key", sa.String(71), nullable=False, index=True),
    sa.Column("facets", sa.Text, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    info=_OBSERVED,
)
runs = sa.Table(
    "lineage_runs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("job", sa.String(71), nullable=False, index=True),
    sa.Column("state", sa.String(16)),
    sa.Column("state_at", UtcDateTime),
    sa.Column("started_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("parent", sa.String(36), nullable=False, index=True),
    sa.Column("facets", sa.Text, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    info=_OBSERVED,
)
uses = sa.Table(
    "lineage_uses",
    metadata,
    sa.Column("job", sa.String(71), primary_key=True),
    sa.Column("run", sa.String(36), primary_key=True),
    sa.Column("dataset", sa.String(71), primary_key=True),
    sa.Column("output", sa.Boolean, primary_key=True),
    sa.Column("version", sa.String(255), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("sources", sa.Text, nullable=False),
    sa.Index("ix_lineage_uses_dataset", "dataset", "output"),
    sa.Index("ix_lineage_uses_run", "run"),
    info=_OBSERVED,
)
schemas = sa.Table(
    "lineage_schemas",
    metadata,
    sa.Column("dataset", sa.String(71), primary_key=True),
    sa.Column("at", UtcDateTime, primary_key=True),
    sa.Column("columns", sa.String(71), nullable=False),
    info=_OBSERVED,
)
"""Which schema an event said a dataset had at its time, by the digest of the columns."""
columns = sa.Table(
    "lineage_columns",
    metadata,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    info=_OBSERVED,
)
claims = sa.Table(
    "lineage_claims",
    metadata,
    sa.Column("thing", sa.String(71), primary_key=True),
    sa.Column("version", sa.String(255), primary_key=True),
    sa.Column("target", sa.String(120), primary_key=True, index=True),
    sa.Column("said_at", UtcDateTime, nullable=False),
    info=_OBSERVED,
)
"""What events say belongs together: like links, but nobody vouches for it."""
links = sa.Table(
    "lineage_links",
    metadata,
    sa.Column("thing", sa.String(71), primary_key=True),
    sa.Column("version", sa.String(255), primary_key=True),
    sa.Column("target", sa.String(120), primary_key=True, index=True),
    sa.Column("said_by", sa.String(255), nullable=False),
    sa.Column("said_at", UtcDateTime, nullable=False),
)
"""A dataset's key, at a version or at all, and a registered digest; or a run and the model version that it made."""
