"""How likely the tokens of a message were, and what else could have stood there."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "message_figures",
        sa.Column("message", sa.Text, sa.ForeignKey("chat_messages.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("figures", sa.LargeBinary, nullable=False),
    )
