"""What MLflow's clients keep here: proxied artifacts, webhooks, imports."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
