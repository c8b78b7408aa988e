"""Limits in money, and what was spent of them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    for table in ("keys", "user_groups"):
        op.add_column(table, sa.Column("cost_per_month", sa.Float))
    for table in ("key_usage", "user_usage"):
        op.add_column(table, sa.Column("cost", sa.Float, nullable=False, server_default="0"))
