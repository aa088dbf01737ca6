"""Tables of packs, decisions, approvals, votes and waivers; packs, facts and conclusions are kept as canonical text."""

from __future__ import annotations

import sqlalchemy as sa

from clearance.storage.database import Json, UtcDateTime, metadata

packs = sa.Table(
    "policy_packs",
    metadata,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
installations = sa.Table(
    "policy_installations",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("digest", sa.String(71), sa.ForeignKey(packs.c.digest), nullable=False),
    sa.Column("installed_at", UtcDateTime, nullable=False),
    sa.Column("installed_by", sa.String(255), nullable=False),
)
decisions = sa.Table(
    "policy_decisions",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("environment", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("pack", sa.String(100), nullable=False),
    sa.Column("pack_version", sa.String(100), nullable=False),
    sa.Column("pack_digest", sa.String(71), sa.ForeignKey(packs.c.digest), nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("facts_digest", sa.String(71), nullable=False),
    sa.Column("conclusion", sa.Text, nullable=False),
    sa.Column("approval_id", sa.String(64)),
    sa.Column("vsa", sa.Text, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("made_by", sa.String(255), nullable=False),
    sa.Index("ix_policy_decisions_version", "model", "number", "environment", "position"),
)
requests = sa.Table(
    "policy_approval_requests",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("environment", sa.String(64), nullable=False),
    sa.Column("author", sa.String(255), nullable=False),
    sa.Column("decision_id", sa.String(64), nullable=False),
    sa.Column("pack", sa.String(100), nullable=False),
    sa.Column("needed", sa.Integer, nullable=False),
    sa.Column("roles", Json, nullable=False),
    sa.Column("exclude_author", sa.Boolean, nullable=False),
    sa.Column("valid_days", sa.Float, nullable=False),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("requested_by", sa.String(255), nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Index("ix_policy_approval_requests_version", "model", "number", "environment"),
)
votes = sa.Table(
    "policy_votes",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.String(64), sa.ForeignKey(requests.c.id), nullable=False, index=True),
    sa.Column("voter", sa.String(255), nullable=False),
    sa.Column("roles", Json, nullable=False),
    sa.Column("approve", sa.Boolean, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)
waivers = sa.Table(
    "policy_waivers",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("model", sa.String(100), nullable=False, index=True),
    sa.Column("number", sa.Integer),
    sa.Column("environment", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("granted_at", UtcDateTime, nullable=False),
    sa.Column("granted_by", sa.String(255), nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("revoked_by", sa.String(255)),
)
