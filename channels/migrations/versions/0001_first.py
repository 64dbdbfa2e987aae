"""Conversations, inbox, outbox and gaps"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(43), primary_key=True),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("language", sa.String(8)),
        sa.Column("chosen_language", sa.String(8)),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("last_turn_at", sa.DateTime, nullable=False, index=True),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "conversation", sa.String(43), sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("provider_id", sa.String(200)),
        sa.Column("text", sa.Text),
        sa.Column("choice", sa.String(100)),
        sa.Column("received_at", sa.DateTime, nullable=False, index=True),
        sa.Column("worked_at", sa.DateTime),
        sa.UniqueConstraint("channel", "provider_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "conversation", sa.String(43), sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False, index=True),
    )
    op.create_table(
        "gaps",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("nearest", sa.Text, nullable=False),
        sa.Column("facet", sa.String(20)),
        sa.Column("confidence", sa.Float),
        sa.Column("district", sa.String(60)),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False, index=True),
    )


def downgrade() -> None:
    for table in ("gaps", "outbox", "inbox", "conversations"):
        op.drop_table(table)
