"""Service state: conversations, inbox, outbox, gaps. The gateway is the only writer.

SQLAlchemy over SQLite (write-ahead log, every commit on disk) or any other database by URL. Schema changes are Alembic
revisions in channels/migrations/versions.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from channels.message import IncomingMessage


class StoreUnavailable(Exception):
    """The database cannot be read or written: locked, full or away."""


class _Base(DeclarativeBase):
    pass


class _ConversationRow(_Base):
    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(sa.String(43), primary_key=True)
    channel: Mapped[str] = mapped_column(sa.String(20))
    state: Mapped[str] = mapped_column(sa.String(20), default="with_bot")
    language: Mapped[str | None] = mapped_column(sa.String(8))
    chosen_language: Mapped[str | None] = mapped_column(sa.String(8))
    choices: Mapped[str] = mapped_column(sa.Text, default="[]")
    turns: Mapped[int] = mapped_column(sa.Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)
    last_turn_at: Mapped[datetime] = mapped_column(sa.DateTime, index=True)


class _InboxRow(_Base):
    __tablename__ = "inbox"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    conversation: Mapped[str] = mapped_column(sa.ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    turn: Mapped[int] = mapped_column(sa.Integer)
    channel: Mapped[str] = mapped_column(sa.String(20))
    provider_id: Mapped[str | None] = mapped_column(sa.String(200))
    text: Mapped[str | None] = mapped_column(sa.Text)
    choice: Mapped[str | None] = mapped_column(sa.String(100))
    received_at: Mapped[datetime] = mapped_column(sa.DateTime, index=True)
    worked_at: Mapped[datetime | None] = mapped_column(sa.DateTime)
    __table_args__ = (sa.UniqueConstraint("channel", "provider_id"),)


class _OutboxRow(_Base):
    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    conversation: Mapped[str] = mapped_column(sa.ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    turn: Mapped[int] = mapped_column(sa.Integer)
    reply: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime, index=True)


class _GapRow(_Base):
    __tablename__ = "gaps"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    language: Mapped[str] = mapped_column(sa.String(8))
    nearest: Mapped[str] = mapped_column(sa.Text)
    facet: Mapped[str | None] = mapped_column(sa.String(20))
    confidence: Mapped[float | None] = mapped_column(sa.Float)
    district: Mapped[str | None] = mapped_column(sa.String(60))
    words: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime, index=True)


@dataclass(frozen=True)
class Conversation:
    """`language` is the one remembered, `chosen_language` the one picked by hand; `choices` are those offered last."""

    id: str
    channel: str
    state: str
    language: str | None
    chosen_language: str | None
    choices: tuple[str, ...]
    turns: int


@dataclass(frozen=True)
class Exchange:
    """One turn as it was: what the resident wrote or pressed, and the reply as JSON (None while it is worked on)."""

    turn: int
    text: str | None
    choice: str | None
    reply: dict[str, Any] | None


class Store:
    """Opens the database and brings its schema up to date. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        database = sa.engine.make_url(url).database
        if url.startswith("sqlite") and database:
            Path(database).parent.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(url, connect_args={"timeout": 3} if url.startswith("sqlite") else {})
        if url.startswith("sqlite"):
            sa.event.listen(self._engine, "connect", _durable_sqlite)
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self._engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (sa.exc.OperationalError, sa.exc.InternalError) as error:
            raise StoreUnavailable(str(error.orig)) from error

    def check(self) -> None:
        """Raises StoreUnavailable when the database cannot be written."""
        with self._session() as session:
            session.execute(sa.update(_ConversationRow).where(_ConversationRow.id == "").values(turns=0))

    def find(self, conversation: str | None) -> Conversation | None:
        with self._session() as session:
            row = session.get(_ConversationRow, conversation) if conversation else None
            return _conversation(row) if row else None

    def accept(self, message: IncomingMessage) -> tuple[Conversation, int] | None:
        """Commit a message before it is worked on.

        Returns its conversation and its turn (from 1), or None when this provider message was accepted before.
        A conversation id that we never gave out is not taken over, for somebody may have planted it: a new one begins.
        """
        try:
            with self._session() as session:
                now = _now()
                row = session.get(_ConversationRow, message.conversation, with_for_update=True) if message.conversation else None
                if row is None:
                    row = _ConversationRow(
                        id=secrets.token_urlsafe(24),
                        channel=message.channel,
                        state="with_bot",
                        choices="[]",
                        turns=0,
                        created_at=now,
                    )
                    session.add(row)
                row.turns += 1
                row.last_turn_at = now
                session.flush()
                session.add(
                    _InboxRow(
                        conversation=row.id,
                        turn=row.turns,
                        channel=message.channel,
                        provider_id=message.provider_id,
                        text=message.text,
                        choice=message.choice,
                        received_at=now,
                    )
                )
                session.flush()
                return _conversation(row), row.turns
        except sa.exc.IntegrityError:
            return None

    def finish(
        self,
        conversation: str,
        turn: int,
        reply: dict[str, Any],
        *,
        language: str | None,
        chosen_language: str | None,
        gap: dict[str, Any] | None = None,
    ) -> None:
        """Commit the reply of a turn, what the conversation remembers from it, and its gap, all or nothing."""
        with self._session() as session:
            now = _now()
            row = session.get_one(_ConversationRow, conversation)
            row.language, row.chosen_language = language, chosen_language
            row.choices = json.dumps([choice["id"] for choice in reply["choices"]])
            row.last_turn_at = now
            session.execute(
                sa.update(_InboxRow).where(_InboxRow.conversation == conversation, _InboxRow.turn == turn).values(worked_at=now)
            )
            session.add(
                _OutboxRow(conversation=conversation, turn=turn, reply=json.dumps(reply, ensure_ascii=False), created_at=now)
            )
            if gap is not None:
                session.add(
                    _GapRow(
                        language=gap["language"],
                        nearest=json.dumps(gap["nearest"]),
                        facet=gap["facet"],
                        confidence=gap["confidence"],
                        district=gap["district"],
                        words=json.dumps(gap["words"], ensure_ascii=False),
                        created_at=now,
                    )
                )

    def history(self, conversation: str) -> list[Exchange]:
        """The turns of a conversation, oldest first."""
        with self._session() as session:
            replies = {
                row.turn: json.loads(row.reply)
                for row in session.scalars(sa.select(_OutboxRow).where(_OutboxRow.conversation == conversation))
            }
            rows = session.scalars(sa.select(_InboxRow).where(_InboxRow.conversation == conversation).order_by(_InboxRow.turn))
            return [Exchange(row.turn, row.text, row.choice, replies.get(row.turn)) for row in rows]

    def purge(self, older_than: timedelta) -> list[str]:
        """Delete every conversation whose last turn is older, with all its messages. Returns their ids, for Rasa's tracker."""
        with self._session() as session:
            old = list(session.scalars(sa.select(_ConversationRow.id).where(_ConversationRow.last_turn_at < _now() - older_than)))
            for table in (_InboxRow, _OutboxRow):
                session.execute(sa.delete(table).where(table.conversation.in_(old)))
            session.execute(sa.delete(_ConversationRow).where(_ConversationRow.id.in_(old)))
            return old

    def close(self) -> None:
        self._engine.dispose()


def purge_tracker(url: str, older_than: timedelta) -> int:
    """Delete what Rasa remembers of conversations whose last turn is older. Returns how many."""
    engine = sa.create_engine(url, connect_args={"timeout": 3} if url.startswith("sqlite") else {})
    try:
        with engine.begin() as connection:
            if not sa.inspect(connection).has_table("dialogues"):
                return 0
            limit = (datetime.now(UTC) - older_than).timestamp()
            return connection.execute(sa.text("DELETE FROM dialogues WHERE updated_at < :limit"), {"limit": limit}).rowcount
    except sa.exc.OperationalError as error:
        raise StoreUnavailable(str(error.orig)) from error
    finally:
        engine.dispose()


def _durable_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _conversation(row: _ConversationRow) -> Conversation:
    return Conversation(
        row.id, row.channel, row.state, row.language, row.chosen_language, tuple(json.loads(row.choices)), row.turns
    )
