"""The tables of chats. What is JSON is kept as bytes: no query looks into it.

A message's `parent` has no foreign key: deleting a chat of thousands of messages would cascade down a chain of them,
and SQLite ends that after a thousand levels. Whoever deletes a message deletes what is below it (`tree.below`).
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from domov.database import METADATA

CHATS = Table(
    "chats",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("titled", Text, nullable=False),
    Column("model", Text),
    Column("folder", Text),
    Column("pinned", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("settings", LargeBinary, nullable=False),
    Column("draft", Text, nullable=False),
    Column("current", Text),
    Index("ix_chats_owner_updated_at", "owner", "updated_at"),
)
TAGS = Table(
    "chat_tags",
    METADATA,
    Column("chat", Text, ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True),
)
TURNS = Table(
    "chat_messages",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("chat", Text, ForeignKey("chats.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("parent", Text),
    Column("role", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("reasoning", Text, nullable=False),
    Column("model", Text),
    Column("status", Text, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("about", LargeBinary, nullable=False),
)
ATTACHMENTS = Table(
    "attachments",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
)
ATTACHED = Table(
    "message_attachments",
    METADATA,
    Column("message", Text, ForeignKey("chat_messages.id", ondelete="CASCADE"), primary_key=True),
    Column("attachment", Text, ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, nullable=False),
    Index("ix_message_attachments_attachment", "attachment"),
)
ASSISTANTS = Table(
    "assistants",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("name", Text, nullable=False),
    Column("about", LargeBinary, nullable=False),
)
FIGURES = Table(
    "message_figures",
    METADATA,
    Column("message", Text, ForeignKey("chat_messages.id", ondelete="CASCADE"), primary_key=True),
    Column("figures", LargeBinary, nullable=False),
)
