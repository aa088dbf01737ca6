"""The inventory: questionnaires, templates, search."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("registry_models") as table:
        table.add_column(sa.Column("template", sa.String(length=100), nullable=False, server_default=""))
        table.add_column(sa.Column("assessed_risk", sa.String(length=32), nullable=True))
        table.add_column(sa.Column("privacy", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("lowered_reason", sa.Text(), nullable=True))
        table.add_column(sa.Column("lowered_by", sa.String(length=255), nullable=True))
        table.add_column(sa.Column("lowered_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("lowered_until", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("registry_models") as table:
        table.alter_column("template", server_default=None)
        table.alter_column("privacy", server_default=None)
    op.create_table(
        "registry_assessments",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", _JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_models.name"], name=op.f("fk_registry_assessments_model_registry_models")
        ),
        sa.PrimaryKeyConstraint("model", "position", name=op.f("pk_registry_assessments")),
    )
    summaries = op.create_table(
        "registry_summaries",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("newest", sa.Integer(), nullable=True),
        sa.Column("missing", _JSON, nullable=False),
        sa.Column("incomplete", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_models.name"], name=op.f("fk_registry_summaries_model_registry_models")
        ),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_registry_summaries")),
    )
    op.create_index(op.f("ix_registry_summaries_incomplete"), "registry_summaries", ["incomplete"], unique=False)
    _fill(summaries)


def _fill(summaries: sa.Table) -> None:
    """Summarise the models that are there; from now on `clearance.registry.summaries` does, as it was when this was written."""
    connection = op.get_bind()
    words = {
        row.name: " ".join(part for part in row if part)
        for row in connection.execute(
            sa.text("select name, title, purpose, description, owner, team from registry_models")
        )
    }
    tags = sa.text('select model, "key", value from registry_tags where number = 0 order by model, "key"')
    for row in connection.execute(tags):
        words[row.model] += f" {row.key} {row.value}"
    datasets = {row.digest for row in connection.execute(sa.text("select digest from registry_datasets"))}
    newest = {
        row.model: row
        for row in connection.execute(
            sa.text(
                "select v.model, v.number, v.provenance from registry_versions v join (select model, max(number) as number"
                " from registry_versions where status in ('registered', 'quarantined') group by model) n"
                " on n.model = v.model and n.number = v.number"
            )
        )
    }
    rows = []
    for name, text in words.items():
        last = newest.get(name)
        missing = [] if last is None else _missing(json.loads(last.provenance), datasets)
        number = None if last is None else last.number
        rows.append(
            {
                "model": name,
                "words": text.casefold(),
                "newest": number,
                "missing": missing,
                "incomplete": bool(missing),
            }
        )
    if rows:
        connection.execute(sa.insert(summaries), rows)


def _missing(provenance: dict[str, Any], datasets: set[str]) -> list[str]:
    uses = provenance["datasets"]
    roles = {use["role"] for use in uses}
    unknown = [use["name"] or use["digest"] for use in uses if use["digest"] not in datasets]
    facts = {
        "training dataset": "training" in roles,
        "test or validation dataset": bool(roles & {"test", "validation"}),
        "registration of " + (", ".join(unknown) or "datasets"): bool(roles) and not unknown,
        "code commit": bool(provenance["code"] and provenance["code"]["commit"]),
        "parameters": bool(provenance["parameters"]),
        "environment lock": bool(provenance["environment"]),
        "trainer": bool(provenance["trainer"]),
        "metrics": bool(provenance["metrics"]),
    }
    return [name for name, there in facts.items() if not there]
