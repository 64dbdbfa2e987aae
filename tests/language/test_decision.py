"""Who wins: the wish, the choice, the message, the conversation, the hint, the default."""

from __future__ import annotations

import pytest

from bot.language import CODES, LanguageGuess, guess_language, known_language, unsure_at_start, wished_language

from .conftest import load_yaml

WISHES = load_yaml("wishes.yml")


@pytest.mark.parametrize("code", WISHES["wishes"])
def test_wishes_are_granted_at_once(code: str) -> None:
    for text in WISHES["wishes"][code]:
        assert wished_language(text) == code, text
        other = "pl" if code != "pl" else "it"
        guess = guess_language(text, current=other, hint=other, chosen=other)
        assert (guess.code, guess.origin) == (code, "detected"), text
        assert guess.confidence >= 0.95, text


@pytest.mark.parametrize("text", WISHES["none"])
def test_naming_a_language_is_not_wishing_for_it(text: str) -> None:
    assert wished_language(text) is None


def test_every_language_can_be_wished_for() -> None:
    assert set(WISHES["wishes"]) == set(CODES)


def test_choice_beats_what_the_message_shows() -> None:
    assert guess_language("Wo ist das Rathaus?", chosen="tr") == LanguageGuess("tr", 1.0, "chosen")


def test_sure_message_beats_conversation_and_hint() -> None:
    guess = guess_language("Çocuğum için anaokulu arıyorum", current="de", hint="de-DE")
    assert (guess.code, guess.origin) == ("tr", "detected")


def test_unclear_message_keeps_the_conversation() -> None:
    guess = guess_language("no", current="tr", hint="es")
    assert (guess.code, guess.origin) == ("tr", "remembered")


def test_conversation_beats_hint() -> None:
    assert guess_language("👍", current="uk", hint="de").code == "uk"


def test_hint_helps_when_the_message_says_nothing() -> None:
    guess = guess_language("Bilk", hint="tr-TR")
    assert (guess.code, guess.origin) == ("tr", "hint")
    assert unsure_at_start(guess)


def test_without_anything_it_is_german_and_unsure() -> None:
    guess = guess_language("")
    assert (guess.code, guess.origin) == ("de", "default")
    assert unsure_at_start(guess)


def test_another_script_switches_quickly() -> None:
    assert guess_language("спасибо", current="de").code == "ru"
    assert guess_language("كيف", current="de").origin == "detected"


def test_one_ambiguous_word_does_not_switch() -> None:
    for word in ("Restaurant", "Hotel", "Name", "Test", "Doktor", "Problem"):
        assert guess_language(word, current="tr").code == "tr", word


def test_city_terms_alone_say_nothing_but_german_nouns_are_german() -> None:
    assert guess_language("Kita").origin == "default"
    assert guess_language("kita platz?") == LanguageGuess("de", guess_language("kita platz?").confidence, "detected")
    assert guess_language("kita platz?", current="tr").code == "tr"


def test_grammar_wins_over_borrowed_words() -> None:
    assert guess_language("ich habe randevu beim arzt, wie mache ich das", current="tr").code == "de"
    assert guess_language("Termin almak istiyorum Ausländerbehörde", current="de").code == "tr"


def test_german_locale_is_no_hint() -> None:
    assert guess_language("necesito una cita", hint="de-DE").code == "es"


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("tr-TR", "tr"), ("zh-Hant", "zh"), ("zh_CN", "zh"), ("sr-Latn", "sh"), ("hr", "sh"), ("bs-BA", "sh"), ("DE", "de"),
        ("kmr", "ku"), ("prs-AF", "fa"), ("ckb-IQ", "ckb"), (" pt-BR ", "pt"), ("gsw-CH", "de"), ("xx", None), ("", None),
        ("🤷", None), ("de" * 500, None), (None, None),
    ],
)  # fmt: skip
def test_tags_are_understood(tag: str | None, code: str | None) -> None:
    assert known_language(tag) == code


def test_garbage_tags_count_as_absent() -> None:
    assert guess_language("", current="\x00", hint="¯", chosen="klingon").origin == "default"


def test_languages_we_do_not_know_get_the_best_fallback() -> None:
    for text in ("안녕하세요 도와주세요", "שלום", "สวัสดี", "გამარჯობა", "hvordan får jeg hjelp"):
        assert guess_language(text).code in CODES
        assert guess_language(text, current="en").code in CODES
    assert guess_language("안녕하세요", current="en") == LanguageGuess("en", 0.5, "remembered")
