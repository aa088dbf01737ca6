"""The registry: titles, tags, aliases, and versions without files."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("registry_models", sa.Column("title", sa.String(length=255), nullable=True))
    op.execute("update registry_models set title = name")
    op.create_index(op.f("ix_registry_models_title"), "registry_models", ["title"], unique=True)
    files = sa.text("""'{"kind": "files", "uri": "", "revision": ""}'""")
    with op.batch_alter_table("registry_versions") as table:
        table.add_column(sa.Column("source", sa.Text(), nullable=False, server_default=files))
        table.drop_constraint("uq_registry_versions_model", type_="unique")
    with op.batch_alter_table("registry_versions") as table:
        table.alter_column("source", server_default=None)
    op.create_table(
        "registry_tags",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_models.name"], name=op.f("fk_registry_tags_model_registry_models")
        ),
        sa.PrimaryKeyConstraint("model", "number", "key", name=op.f("pk_registry_tags")),
    )
    op.create_table(
        "delivery_aliases",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("alias", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("model", "alias", name=op.f("pk_delivery_aliases")),
    )
