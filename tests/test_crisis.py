"""People in danger: found by fixed words, in every language, with or without Rasa; and nothing of it is kept."""

import pytest

from bot.crisis import Crisis, DangerWords
from channels.app import FixedWords
from channels.rasa import RasaUnavailable
from retrieval.knowledge import KnowledgeBase
from retrieval.lexical import fold
from tests.test_api import Lotse, lotse  # noqa: F401  # the fixture

DANGER = [
    ("de", "ich will nicht mehr leben", "suicide"),
    ("de", "mein mann schlägt mich jeden tag", "violence"),
    ("de", "er atmet nicht mehr!!", "medical"),
    ("de", "das kind vom nachbarn wird geschlagen", "child"),
    ("en", "my husband hits me every night", "violence"),
    ("en", "my dad is unconscious", "medical"),
    ("tr", "kocam beni dövüyor", "violence"),
    ("ar", "أريد أن أموت", "suicide"),
    ("uk", "чоловік мене б'є", "violence"),
    ("ru", "мой муж меня бьет", "violence"),
    ("fr", "je veux mourir", "suicide"),
    ("es", "no quiero vivir más", "suicide"),
    ("pl", "mąż mnie bije", "violence"),
    ("ro", "vreau sa mor", "suicide"),
    ("fa", "می‌خواهم بمیرم", "suicide"),
    ("it", "non voglio più vivere", "suicide"),
]
HARMLESS = [
    ("de", "mein Handy ist tot"),
    ("de", "ich bin todmüde, wo ist die kita"),
    ("en", "I could kill for a coffee"),
    ("en", "this bureaucracy is killing me"),
    ("tr", "telefonum öldü"),
    ("fr", "je meurs de faim"),
    ("es", "me muero de risa"),
    ("ru", "умираю от скуки"),
    ("pl", "umieram z nudów"),
    ("it", "muoio di fame"),
]


@pytest.mark.parametrize(("language", "message", "kind"), DANGER, ids=[f"{language}-{kind}" for language, _, kind in DANGER])
def test_danger_is_recognised_and_gets_its_card(knowledge: KnowledgeBase, language: str, message: str, kind: str) -> None:
    reply = FixedWords(knowledge).danger(message, language)
    assert reply is not None
    card = reply.cards[0]
    assert (reply.outcome, reply.language, card.offer) == ("crisis", language, f"crisis-{kind}")
    assert "{" not in reply.text
    assert {fact.value for fact in card.facts} & {"110", "112"}
    assert all(fact.href and fact.href.startswith("tel:") for fact in card.facts)


@pytest.mark.parametrize(("language", "message"), HARMLESS)
def test_what_only_sounds_like_danger_is_left_alone(knowledge: KnowledgeBase, language: str, message: str) -> None:
    assert FixedWords(knowledge).danger(message, language) is None


def test_patterns_forgive_a_mistake_skip_two_words_and_yield_to_the_harmless() -> None:
    words = [DangerWords("medical", ["atmet nicht", "bewusstlos", "herz*"], ["herz* aus schokolade"])]
    crisis = Crisis({"de": words}, fold)
    for said in ("Er ATMET gar nicht!", "sie ist bewustlos", "Herzinfarkt"):
        assert crisis.kind_of(said, ["de"]) == "medical", said
    for said in ("atmet er denn noch wirklich nicht", "nicht atmet", "Herzen aus Schokolade", "bewusst"):
        assert crisis.kind_of(said, ["de"]) is None, said
    assert crisis.kind_of("Herzinfarkt", ["tr"]) is None


def test_a_language_without_texts_gets_german_and_english(knowledge: KnowledgeBase) -> None:
    reply = FixedWords(knowledge).danger("ich will nicht mehr leben", "sq")
    assert reply is not None
    assert [card.language for card in reply.cards] == ["de", "en"]


def test_the_card_comes_with_rasa_dead_and_nothing_written_is_kept(lotse: Lotse) -> None:  # noqa: F811
    lotse.rasa.answer = RasaUnavailable("gone")
    reply = lotse.send(message="Xaverstein, ich will nicht mehr leben").json()
    assert (reply["outcome"], reply["cards"][0]["offer"]) == ("crisis", "crisis-suicide")
    assert [choice["id"] for choice in reply["choices"]] == ["human"]
    for file in lotse.var.rglob("*"):
        if file.is_file():
            assert b"Xaverstein" not in file.read_bytes(), file
    page = lotse.client.post("/", data={"message": "ich will nicht mehr leben", "lang": "de"}).text
    assert 'class="said"' not in page
    assert "TelefonSeelsorge" in page
