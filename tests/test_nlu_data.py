"""The training examples as data."""

from collections import Counter

import pytest
import yaml

from channels.settings import ROOT

LANGUAGES = ["de", "en", "tr", "ar", "uk", "ru", "fr", "es", "pl", "ro", "fa", "it"]
INTENTS = [
    "greet",
    "thank",
    "goodbye",
    "help",
    "affirm",
    "deny",
    "ask_human",
    "ask_interpreter",
    "change_language",
    "simpler",
    "more",
    "ask_offer",
]


def examples(language: str) -> dict[str, list[str]]:
    content = yaml.safe_load((ROOT / f"bot/data/nlu/{language}.yml").read_text())
    return {
        entry["intent"]: [line.removeprefix("- ") for line in entry["examples"].strip().splitlines()] for entry in content["nlu"]
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_has_at_least_twelve_different_examples(language: str) -> None:
    found = examples(language)
    assert set(found) == set(INTENTS)
    for intent, texts in found.items():
        assert len({text.casefold().strip(" !?.") for text in texts}) >= 12, intent


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_example_has_two_intents(language: str) -> None:
    seen = Counter(text for texts in (set(own) for own in examples(language).values()) for text in texts)
    assert [text for text, times in seen.items() if times > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_example_reads_as_a_command(language: str) -> None:
    assert not [text for texts in examples(language).values() for text in texts if text.startswith("/")]
