"""The public app with a Rasa that answers as told: good and bad input, languages, failures."""

import asyncio
import dataclasses
import json
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from bot.protocol import Choice, Gap, Reply, Turn
from channels.app import Service, create_app
from channels.rasa import RasaUnavailable
from channels.settings import Settings

ANSWER = Reply(
    "de",
    "clarifying",
    "Meinen Sie?",
    choices=(Choice("offer:kita-navigator", "Kita", "offer"),),
    intent="ask_offer",
    confidence=0.5,
)


class RecordingRasa:
    """A Rasa that records what it was asked and answers with `answer`, or fails with it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Turn, str]] = []
        self.chosen: list[tuple[Turn, str, dict[str, str]]] = []
        self.answer: Reply | RasaUnavailable = ANSWER
        self.seconds = 0.0

    async def _reply(self, turn: Turn) -> Reply:
        await asyncio.sleep(self.seconds)
        if isinstance(self.answer, RasaUnavailable):
            raise self.answer
        return dataclasses.replace(self.answer, language=turn.language)

    async def ask(self, turn: Turn, text: str) -> Reply:
        self.asked.append((turn, text))
        return await self._reply(turn)

    async def choose(self, turn: Turn, intent: str, **entities: str) -> Reply:
        self.chosen.append((turn, intent, entities))
        return await self._reply(turn)

    async def alive(self) -> bool:
        return not isinstance(self.answer, RasaUnavailable)

    async def close(self) -> None:
        pass


@dataclasses.dataclass
class Lotse:
    client: TestClient
    rasa: RecordingRasa
    var: Path

    def send(self, **body: Any) -> httpx.Response:
        response: httpx.Response = self.client.post("/api/chat", json=body)
        return response


# Learning takes seconds, and every test has the same folder.
_learned: list[Path] = []


@pytest.fixture
def lotse(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Lotse]:
    settings = Settings(var=tmp_path, knowledge=folder, encoder="hash")
    if _learned:
        shutil.copytree(_learned[0], tmp_path / "index" / "classifier")
    service = Service(settings)
    if not _learned:
        _learned.append(tmp_path_factory.mktemp("learned") / "classifier")
        shutil.copytree(tmp_path / "index" / "classifier", _learned[0])
    rasa = RecordingRasa()
    service.rasa = service.gateway._rasa = rasa  # type: ignore[assignment]
    yield Lotse(TestClient(create_app(settings, service)), rasa, tmp_path)
    asyncio.run(service.close())


def test_a_message_gets_the_reply_as_every_client_sees_it(lotse: Lotse) -> None:
    reply = lotse.send(message="Wo bekomme ich einen Kita-Platz?").json()
    assert set(reply) == {
        *("conversation", "turn", "language", "direction", "language_guess", "outcome", "intent", "confidence"),
        *("text", "notices", "cards", "choices", "handover"),
    }
    assert reply["turn"] == 1
    assert reply["language_guess"]["code"] == "de"
    assert reply["choices"] == [{"id": "offer:kita-navigator", "label": "Kita", "kind": "offer"}]


def test_a_conversation_goes_on_with_its_id(lotse: Lotse) -> None:
    first = lotse.send(message="Hallo, ich brauche Hilfe").json()
    second = lotse.send(message="Und was kostet das?", conversation=first["conversation"]).json()
    assert (second["conversation"], second["turn"]) == (first["conversation"], 2)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "empty"),
        ({"message": ""}, 422, "empty"),
        ({"message": "   \n\t "}, 422, "empty"),
        ({"message": "\u0000\u0007\u202e"}, 422, "empty"),
        ({"message": "/"}, 422, "empty"),
        ({"message": "x" * 3000}, 413, "too_long"),
        ({"message": "x" * 100_000}, 413, "too_long"),
        ({"message": 5}, 422, "invalid"),
        ({"message": ["a"]}, 422, "invalid"),
        ({"message": "hallo", "conversation": 7}, 422, "invalid"),
        ({"message": "hallo", "language": "xx"}, 422, "unknown_language"),
        ({"message": "hallo", "language": "klingon-und-mehr"}, 422, "unknown_language"),
        ({"choice": "offer:kita-navigator"}, 422, "unknown_choice"),
        ({"choice": "level:simple"}, 422, "unknown_choice"),
    ],
)
def test_bad_input_gets_a_code_and_a_sentence(lotse: Lotse, body: dict[str, Any], status: int, code: str) -> None:
    response = lotse.send(**body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.json()["error"]["message"]
    assert lotse.rasa.asked == []


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"message": "\\ud800"}', b'{"message": NaN}']
)
def test_a_broken_body_is_answered_not_dropped(lotse: Lotse, raw: bytes) -> None:
    response = lotse.client.post("/api/chat", content=raw, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422)
    assert set(response.json()["error"]) == {"code", "message"}


def test_another_media_type_is_refused(lotse: Lotse) -> None:
    assert lotse.client.post("/api/chat", content="hallo", headers={"content-type": "text/plain"}).status_code == 415


def test_a_refusal_speaks_the_residents_language(lotse: Lotse) -> None:
    assert "uzun" in lotse.send(message="x" * 3000, locale="tr-TR").json()["error"]["message"]


def test_emoji_alone_get_a_kind_word_and_no_search(lotse: Lotse) -> None:
    reply = lotse.send(message="😀😀", locale="tr").json()
    assert reply["outcome"] == "clarifying"
    assert lotse.rasa.asked == []
    assert any(choice["kind"] == "human" for choice in reply["choices"])


def test_typed_slash_is_not_an_intent(lotse: Lotse) -> None:
    lotse.send(message="/restart")
    lotse.send(message=" //ask_human{}")
    assert [text for _, text in lotse.rasa.asked] == ["restart", "ask_human{}"]


def test_control_characters_never_reach_rasa(lotse: Lotse) -> None:
    lotse.send(message="Ki\u0000ta\u202e Platz\r\n\tbitte")
    assert lotse.rasa.asked[0][1] == "Kita Platz bitte"


def test_the_joiner_that_farsi_needs_stays(lotse: Lotse) -> None:
    lotse.send(message="می\u200cخواهم")
    assert lotse.rasa.asked[0][1] == "می\u200cخواهم"


def test_an_invented_conversation_begins_a_new_one(lotse: Lotse) -> None:
    reply = lotse.send(message="hallo zusammen", conversation="../../etc/passwd").json()
    assert reply["conversation"] != "../../etc/passwd"
    assert reply["turn"] == 1


def test_only_what_was_offered_can_be_chosen(lotse: Lotse) -> None:
    conversation = lotse.send(message="Kita").json()["conversation"]
    assert lotse.send(choice="offer:kita-navigator", conversation=conversation).status_code == 200
    assert lotse.rasa.chosen[0][1:] == ("ask_offer", {"offer": "kita-navigator"})
    assert lotse.send(choice="offer:i-punkt-familie", conversation=conversation).status_code == 422


def test_a_person_and_a_language_can_be_chosen_at_any_time(lotse: Lotse) -> None:
    assert lotse.send(choice="human").status_code == 200
    reply = lotse.send(choice="language:tr").json()
    assert reply["language_guess"] == {"code": "tr", "confidence": 1.0, "origin": "chosen"}
    assert [(intent, entities) for _, intent, entities in lotse.rasa.chosen] == [
        ("ask_human", {}),
        ("change_language", {"chosen_language": "tr"}),
    ]


def test_a_chosen_language_stays(lotse: Lotse) -> None:
    conversation = lotse.send(choice="language:tr").json()["conversation"]
    assert lotse.send(message="Kita", conversation=conversation).json()["language_guess"]["origin"] == "chosen"


def test_a_change_of_language_is_said_in_the_new_language(lotse: Lotse) -> None:
    conversation = lotse.send(message="Wo bekomme ich einen Platz in der Kita für meinen Sohn?").json()["conversation"]
    reply = lotse.send(message="çocuğum için nerede bir yer bulabilirim acaba?", conversation=conversation).json()
    assert reply["language_guess"]["code"] == "tr"
    assert reply["notices"]
    assert reply["text"].startswith(reply["notices"][0])
    assert any(choice["id"] == "language" for choice in reply["choices"])


def test_an_unsure_start_shows_the_languages(lotse: Lotse) -> None:
    reply = lotse.send(message="ok 123").json()
    assert [choice["label"] for choice in reply["choices"] if choice["kind"] == "language"][:3] == [
        "Deutsch",
        "English",
        "Türkçe",
    ]


@pytest.mark.parametrize(("timed_out", "outcome"), [(False, "error_unavailable"), (True, "error_timeout")])
@pytest.mark.parametrize(
    ("message", "language"), [("Wo bekomme ich einen Platz?", "de"), ("çocuğum için nerede bir yer var?", "tr")]
)
def test_rasas_failure_is_an_honest_reply_with_a_way_to_a_person(
    lotse: Lotse, timed_out: bool, outcome: str, message: str, language: str
) -> None:
    lotse.rasa.answer = RasaUnavailable("gone", timed_out)
    reply = lotse.send(message=message).json()
    assert (reply["outcome"], reply["language"]) == (outcome, language)
    assert "0211 89-91" in reply["text"]
    assert reply["choices"][0]["kind"] == "human"


def test_the_next_question_after_a_failure_works(lotse: Lotse) -> None:
    lotse.rasa.answer = RasaUnavailable("gone")
    conversation = lotse.send(message="Wo ist das Pflegebüro?").json()["conversation"]
    lotse.rasa.answer = ANSWER
    reply = lotse.send(message="Wo ist das Pflegebüro?", conversation=conversation).json()
    assert (reply["outcome"], reply["turn"]) == ("clarifying", 2)


def test_a_gap_keeps_no_name_and_no_number(lotse: Lotse) -> None:
    lotse.rasa.answer = Reply("de", "no_content", "Das weiß ich nicht.", gap=Gap(("kita-navigator",), ("kind",)))
    reply = lotse.send(message="Kann Frau Mustermann mein Kind 0171234567 abholen?").json()
    assert "gap" not in reply
    rows = sqlite3.connect(lotse.var / "lotse.db").execute("SELECT language, nearest, words FROM gaps").fetchall()
    assert rows == [("de", '["kita-navigator"]', '["kind"]')]


def test_messages_of_one_conversation_are_answered_in_their_order(lotse: Lotse) -> None:
    conversation = lotse.send(message="eins zwei drei").json()["conversation"]
    lotse.rasa.seconds = 0.05
    service: Service = lotse.client.app.state.service  # type: ignore[attr-defined]
    from channels.message import IncomingMessage

    async def both() -> list[dict[str, Any]]:
        return list(
            await asyncio.gather(
                *(
                    service.gateway.receive(IncomingMessage("web", f"Frage {number}", conversation=conversation))
                    for number in range(5)
                )
            )
        )

    replies = asyncio.run(both())
    assert [reply["turn"] for reply in replies] == [2, 3, 4, 5, 6]
    assert [text for _, text in lotse.rasa.asked[1:]] == [f"Frage {number}" for number in range(5)]


def test_a_locked_database_is_said_in_words(lotse: Lotse) -> None:
    other = sqlite3.connect(lotse.var / "lotse.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    response = lotse.send(message="Wo ist das Pflegebüro?")
    other.execute("ROLLBACK")
    assert response.status_code == 503
    assert "0211 89-91" in response.json()["error"]["message"]
    assert lotse.send(message="Wo ist das Pflegebüro?").status_code == 200


def test_nothing_that_was_written_is_logged(
    lotse: Lotse, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    lotse.send(message="Geheimnis-4711 im Kindergarten")
    lotse.rasa.answer = RasaUnavailable("gone")
    lotse.send(message="Geheimnis-4711 im Kindergarten")
    lotse.client.post("/", data={"message": "Geheimnis-4711"})
    captured = capfd.readouterr()
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("sqlalchemy", "aiosqlite"))]
    assert "Geheimnis-4711" not in "".join(ours) + captured.out + captured.err


def test_health_and_readiness(lotse: Lotse) -> None:
    assert lotse.client.get("/health").json() == {"status": "alive"}
    ready = lotse.client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    lotse.rasa.answer = RasaUnavailable("gone")
    gone = lotse.client.get("/ready")
    assert (gone.status_code, gone.json()["status"]) == (503, "unavailable")
    assert gone.json()["reasons"] == ["Rasa does not answer."]


def test_broken_content_is_degraded_and_says_why(lotse: Lotse, folder: Path) -> None:
    (folder / "offers/kita-navigator/tr.md").write_text("kaputt")
    settings = Settings(var=lotse.var / "other", knowledge=folder, encoder="hash")
    service = Service(settings)
    service.rasa = lotse.rasa  # type: ignore[assignment]
    ready = TestClient(create_app(settings, service)).get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert "tr.md:1" in ready.json()["reasons"][0]


def test_pages_protect_the_resident(lotse: Lotse) -> None:
    headers = lotse.client.get("/").headers
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "set-cookie" not in headers


def test_the_api_describes_its_errors(lotse: Lotse) -> None:
    described = json.loads(lotse.client.get("/openapi.json").text)["paths"]["/api/chat"]["post"]
    assert {"200", "400", "413", "415", "422", "503"} <= set(described["responses"])
