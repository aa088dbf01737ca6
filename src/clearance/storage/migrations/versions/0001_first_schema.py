"""First schema.

While version 0.1.0 is unreleased this revision follows the tables; from its release on it is frozen.
"""

from alembic import op

from clearance.storage.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    metadata.create_all(op.get_bind())
