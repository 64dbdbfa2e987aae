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


# The statements of every turn, built once.
_TABLES = _Base.metadata.tables
_conversations, _inbox = _TABLES["conversations"], _TABLES["inbox"]
_KNOWN = [_conversations.c[name] for name in ("id", "channel", "state", "language", "chosen_language", "choices", "turns")]
_NEXT_TURN = (
    sa.update(_conversations)
    .where(_conversations.c.id == sa.bindparam("of"))
    .values(turns=_conversations.c.turns + 1, last_turn_at=sa.bindparam("now"))
    .returning(*_KNOWN)
)
_BEGIN = sa.insert(_conversations).returning(*_KNOWN)
_REMEMBER = (
    sa.update(_conversations)
    .where(_conversations.c.id == sa.bindparam("of"))
    .values(
        language=sa.bindparam("spoken"),
        chosen_language=sa.bindparam("chosen"),
        choices=sa.bindparam("offered"),
        last_turn_at=sa.bindparam("now"),
    )
)
_WORKED = (
    sa.update(_inbox)
    .where(_inbox.c.conversation == sa.bindparam("of"), _inbox.c.turn == sa.bindparam("number"))
    .values(worked_at=sa.bindparam("now"))
)


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

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        """A transaction without the object mapper: what every turn does must not cost milliseconds."""
        try:
            with self._engine.begin() as connection:
                yield connection
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
            with self._connection() as connection:
                now = _now()
                conversation = None
                if message.conversation:
                    conversation = connection.execute(_NEXT_TURN, {"of": message.conversation, "now": now}).one_or_none()
                if conversation is None:
                    begun = {"id": secrets.token_urlsafe(24), "channel": message.channel, "state": "with_bot", "choices": "[]"}
                    times = {"turns": 1, "created_at": now, "last_turn_at": now}
                    conversation = connection.execute(_BEGIN, {**begun, **times}).one()
                received = {
                    "conversation": conversation.id,
                    "turn": conversation.turns,
                    "channel": message.channel,
                    "provider_id": message.provider_id,
                    "text": message.text,
                    "choice": message.choice,
                    "received_at": now,
                }
                connection.execute(sa.insert(_inbox), received)
                return _conversation(conversation), conversation.turns
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
        forget: bool = False,
    ) -> None:
        """Commit the reply of a turn, what the conversation remembers from it, and its gap, all or nothing.

        `forget`: what the resident wrote is deleted in the same moment.
        """
        with self._connection() as connection:
            now = _now()
            of = {"of": conversation, "number": turn, "now": now}
            remembered = {
                "spoken": language,
                "chosen": chosen_language,
                "offered": json.dumps([choice["id"] for choice in reply["choices"]]),
            }
            connection.execute(_REMEMBER, {"of": conversation, "now": now, **remembered})
            connection.execute(_WORKED.values(text=None) if forget else _WORKED, of)
            connection.execute(
                sa.insert(_TABLES["outbox"]),
                {"conversation": conversation, "turn": turn, "reply": json.dumps(reply, ensure_ascii=False), "created_at": now},
            )
            if gap is not None:
                seen = {key: gap[key] for key in ("language", "facet", "confidence", "district")}
                told = {key: json.dumps(gap[key], ensure_ascii=False) for key in ("nearest", "words")}
                connection.execute(sa.insert(_TABLES["gaps"]), {**seen, **told, "created_at": now})
        if forget:
            self._wipe()

    def _wipe(self) -> None:
        """What was deleted also leaves the write-ahead log of SQLite, which would keep it until it is written over."""
        if self.url.startswith("sqlite"):
            with self._connection() as connection:
                connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))

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
        if old:
            self._wipe()
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


def _conversation(row: Any) -> Conversation:
    return Conversation(
        row.id, row.channel, row.state, row.language, row.chosen_language, tuple(json.loads(row.choices)), row.turns
    )
