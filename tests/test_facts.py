"""Facts in the words of each language."""

from datetime import date

import pytest

from retrieval.facts import KINDS, Fact, link
from retrieval.knowledge import KnowledgeBase


def fact(kind: str, value: object) -> Fact:
    return Fact(kind, kind, value, "source")


@pytest.mark.parametrize(
    ("language", "kind", "value", "expected"),
    [
        ("de", "hours", [{"days": "mo-fr", "from": "9:00", "to": "14:00"}], "Montag bis Freitag: 9:00 bis 14:00 Uhr"),
        ("de", "hours", [{"days": "mo,we", "from": "8:00", "to": "12:30"}], "Montag, Mittwoch: 8:00 bis 12:30 Uhr"),
        ("de", "before", "02-01", "1. Februar"),
        ("en", "before", "02-01", "1 February"),
        ("de", "until", date(2027, 1, 31), "31. Januar 2027"),
        ("pl", "until", date(2027, 1, 1), "1 stycznia 2027 roku"),
        ("de", "cost", {"amount": "2.29", "per": "lesson"}, "2,29 Euro für eine Stunde Unterricht"),
        ("de", "cost", "free", "kostenlos"),
        ("de", "age", {"from": 55}, "ab 55 Jahren"),
        ("de", "languages", ["tr", "ar"], "Türkisch, Arabisch"),
        ("ar", "languages", ["tr", "ar"], "التركية، العربية"),
        ("de", "phone", "0211 89-91", "0211 89-91"),
    ],
)
def test_a_value_is_worded(knowledge: KnowledgeBase, language: str, kind: str, value: object, expected: str) -> None:
    assert knowledge.wordings[language].value(fact(kind, value)) == expected


@pytest.mark.parametrize("language", ["de", "en", "tr", "ar", "uk", "ru", "fr", "es", "pl", "ro", "fa", "it"])
def test_every_kind_can_be_said_in_every_language(knowledge: KnowledgeBase, language: str) -> None:
    wording = knowledge.wordings[language]
    samples = {
        "hours": [{"days": "mo-fr,sa", "from": "9:00", "to": "14:00"}],
        "phone_hours": [{"days": "su", "from": "9:00", "to": "14:00"}],
        "season": {"from": date(2026, 5, 4), "to": date(2026, 10, 4)},
        "before": "12-31",
        "until": date(2027, 1, 31),
        "cost": {"amount": "2.29"},
        "age": {"from": 12, "to": 27},
        "languages": ["uk", "prs"],
    }
    for kind in KINDS:
        own = fact(kind, samples.get(kind, "x"))
        assert wording.label(own)
        assert "{" not in wording.value(own)
    assert wording.date("2019") == "2019"
    assert "2019" in wording.date("2019-05")


def test_a_phone_number_can_be_called_and_a_place_be_found() -> None:
    assert link(fact("phone", "0211 89-98870")) == "tel:+492118998870"
    assert link(fact("phone", "116117")) == "tel:116117"
    assert link(fact("email", "a@b.de")) == "mailto:a@b.de"
    assert str(link(fact("address", "Brinckmannstraße 5"))).startswith("https://www.openstreetmap.org/")
    assert link(fact("cost", "free")) is None
