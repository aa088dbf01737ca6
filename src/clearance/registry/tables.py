"""Tables of assessments, and of what the inventory is searched by."""

from __future__ import annotations

import sqlalchemy as sa

from clearance.storage.database import Json, metadata

assessments = sa.Table(
    "registry_assessments",
    metadata,
    sa.Column("model", sa.ForeignKey("registry_models.name"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", Json, nullable=False),
)
"""Answers to the questionnaire, all that were ever given."""
summaries = sa.Table(
    "registry_summaries",
    metadata,
    sa.Column("model", sa.ForeignKey("registry_models.name"), primary_key=True),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("newest", sa.Integer),
    sa.Column("missing", Json, nullable=False),
    sa.Column("incomplete", sa.Boolean, nullable=False, index=True),
    info={"audited": False},
)
"""What follows from a model, its tags and its newest version, so that a search of all models reads no versions."""
