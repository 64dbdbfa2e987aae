"""Service state: committed before it is worked on, forgotten when its time is over."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from channels.message import IncomingMessage
from channels.store import Store, StoreUnavailable, purge_tracker

REPLY: dict[str, Any] = {"text": "Antwort", "choices": [{"id": "offer:kita-navigator"}]}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'lotse.db'}")


def say(store: Store, text: str, conversation: str | None = None, provider_id: str | None = None) -> tuple[str, int]:
    accepted = store.accept(IncomingMessage("web", text, conversation=conversation, provider_id=provider_id))
    assert accepted is not None
    return accepted[0].id, accepted[1]


def test_an_accepted_message_is_on_disk_before_it_is_worked_on(store: Store, tmp_path: Path) -> None:
    conversation, turn = say(store, "Kita?")
    rows = sqlite3.connect(tmp_path / "lotse.db").execute("SELECT conversation, turn, text, worked_at FROM inbox").fetchall()
    assert rows == [(conversation, turn, "Kita?", None)]


def test_turns_count_up_within_a_conversation(store: Store) -> None:
    conversation, first = say(store, "eins")
    assert (first, say(store, "zwei", conversation)) == (1, (conversation, 2))


def test_an_invented_conversation_id_is_not_taken_over(store: Store) -> None:
    conversation, turn = say(store, "hallo", "invented-by-somebody")
    assert conversation != "invented-by-somebody"
    assert turn == 1
    assert store.find("invented-by-somebody") is None


def test_the_same_provider_message_is_accepted_once(store: Store) -> None:
    conversation, _ = say(store, "hallo", provider_id="42")
    assert store.accept(IncomingMessage("web", "hallo", conversation=conversation, provider_id="42")) is None
    assert store.accept(IncomingMessage("other", "hallo", provider_id="42")) is not None, "another channel's ids are its own"
    found = store.find(conversation)
    assert found is not None
    assert found.turns == 1, "a repeated message is no turn"


def test_a_finished_turn_is_remembered_with_its_choices_and_its_gap(store: Store) -> None:
    conversation, turn = say(store, "hund")
    gap = {"language": "de", "nearest": ["kita-navigator"], "facet": None, "confidence": 0.1, "district": None, "words": ["hund"]}
    store.finish(conversation, turn, REPLY, language="de", chosen_language=None, gap=gap)
    found = store.find(conversation)
    assert found is not None
    assert (found.language, found.choices) == ("de", ("offer:kita-navigator",))
    assert [(exchange.text, exchange.reply) for exchange in store.history(conversation)] == [("hund", REPLY)]


def test_purging_leaves_no_word_behind(store: Store, tmp_path: Path) -> None:
    planted = "Geheimnis-4711"
    conversation, turn = say(store, planted)
    store.finish(conversation, turn, {**REPLY, "text": planted}, language="de", chosen_language=None)
    young, _ = say(store, "bleibt")
    engine = sa.create_engine(store.url)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE conversations SET last_turn_at = '2020-01-01 00:00:00' WHERE id = :id"), {"id": conversation}
        )
    assert store.purge(timedelta(hours=24)) == [conversation]
    assert store.find(young) is not None
    with engine.connect() as connection:
        for table in sa.inspect(engine).get_table_names():
            rows = connection.execute(sa.text(f"SELECT * FROM {table}")).fetchall()
            assert planted not in repr(rows), table
        connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    assert planted.encode() not in (tmp_path / "lotse.db").read_bytes()


def test_rasas_memory_is_purged_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'rasa.db'}"
    assert purge_tracker(url, timedelta(hours=24)) == 0, "nothing there yet"
    connection = sqlite3.connect(tmp_path / "rasa.db")
    connection.execute("CREATE TABLE dialogues (sender_id TEXT PRIMARY KEY, updated_at FLOAT, events TEXT)")
    connection.execute("INSERT INTO dialogues VALUES ('old', 1, '[]'), ('new', 99999999999, '[]')")
    connection.commit()
    assert purge_tracker(url, timedelta(hours=24)) == 1
    assert connection.execute("SELECT sender_id FROM dialogues").fetchall() == [("new",)]


def test_a_locked_database_is_told_apart(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lotse.db'}")
    other = sqlite3.connect(tmp_path / "lotse.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.check()
    other.execute("ROLLBACK")
    store.check()


def test_the_schema_of_the_migrations_is_that_of_the_code(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from channels.store import _Base

    with sa.create_engine(store.url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), _Base.metadata) == []
