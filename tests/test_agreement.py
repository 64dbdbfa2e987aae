"""Agreement of translations with the German text: each rule finds its mistake on its line, and leaves the near miss alone."""

from __future__ import annotations

import time
from datetime import date

import pytest

from channels.settings import ROOT
from retrieval.agreement import _MESSAGES, check_agreement, check_typed_facts
from retrieval.facts import Fact
from retrieval.knowledge import KnowledgeBase, Problem

GERMAN = """---
title: Kita-Navigator
summary: Hier finden Sie 1 Platz.
questions:
  - wo sind die 77 kitas
---
## Was ist der Kita-Navigator? {#what}

Der Kita-Navigator kennt 15.000 Plätze. <!-- erlaubt: zahlwort, weil 99 -->

Rufen Sie an: {phone}. Ihr Kind ist in der 2. Klasse.

## Wie geht es? {#how}

1. Wählen Sie 3 Kitas.
2. Warten Sie 2 Wochen. Die Adresse ist: {url}.

- Ausweis
- Foto
"""
ENGLISH = """---
title: Kita-Navigator
summary: Here you find 1 place.
translated_by: machine
questions:
  - where are the 88 kitas
---
## What is the Kita-Navigator? {#what}

The Kita-Navigator knows 15,000 places.

Call: {phone}. Your child is in 2nd grade.

## How does it work? {#how}

1. Choose 3 Kitas.
2. Wait for 2 weeks. The address is: {url}.

- identity card
- photo
"""
FACTS = (
    Fact("phone", "phone", "0211 89-98870", "s"),
    Fact("url", "url", "https://www.duesseldorf.de/kita/", "s"),
    Fact("email", "email", "kita@duesseldorf.de", "s"),
    Fact("hours", "hours", [{"days": "mo-fr", "from": "9:00", "to": "14:30"}], "s"),
    Fact("before", "before", "02-01", "s"),
    Fact("season", "season", {"from": date(2026, 5, 4), "to": date(2026, 10, 4)}, "s"),
    Fact("cost", "cost", {"amount": "2.29", "per": "lesson"}, "s"),
)


def check(
    knowledge: KnowledgeBase,
    translation: str,
    code: str = "en",
    german: str = GERMAN,
    names: frozenset[str] = frozenset(),
    message: str = "en",
) -> list[Problem]:
    return check_agreement("offers/x/en.md", german, translation, knowledge.wordings[code], FACTS, names, language=message)


def planted(knowledge: KnowledgeBase, old: str, new: str) -> list[tuple[int, str]]:
    assert ENGLISH.count(old) == 1
    return [(problem.line, problem.problem) for problem in check(knowledge, ENGLISH.replace(old, new))]


def test_a_faithful_translation_has_no_problems(knowledge: KnowledgeBase) -> None:
    assert check(knowledge, ENGLISH) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Choose 3", "Choose three", [(16, "“how”: the number 3 of the German text is missing.")]),
        (
            "15,000",
            "15",
            [
                (10, "“what”: the number 15000 of the German text is missing."),
                (10, "“what”: the number 15 does not stand in the German text."),
            ],
        ),
        ("find 1 place", "find a place", [(3, "“title”: the number 1 of the German text is missing.")]),
        ("2 weeks", "2 weeks or 4", [(17, "“how”: the number 4 does not stand in the German text.")]),
        ("2 weeks", "2 weeks, truly 2", [(17, "“how”: the number 2 does not stand in the German text.")]),
        ("Call: {phone}", "Call", [(12, "“what”: {phone} of the German text is missing.")]),
        ("{url}", "{url}, {url}", [(17, "“how”: {url} does not stand in the German text, or not so often.")]),
        (
            "{url}",
            "{email}",
            [
                (17, "“how”: {url} of the German text is missing."),
                (17, "“how”: {email} does not stand in the German text, or not so often."),
            ],
        ),
        ("- photo\n", "", [(19, "“how”: 1 list items, 2 in the German text.")]),
        ("2. Wait", "Wait", [(16, "“how”: 1 numbered steps, 2 in the German text.")]),
    ],
)
def test_a_planted_difference_is_found_on_its_line(
    knowledge: KnowledgeBase, old: str, new: str, expected: list[tuple[int, str]]
) -> None:
    assert planted(knowledge, old, new) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("15,000", "15\u202f000"),
        ("15,000", "15000"),
        ("15,000", "١٥٬٠٠٠"),
        ("Choose 3", "Choose ٣"),
        ("Choose 3", "Choose ۳"),
        ("Choose 3", "Choose ３"),
        ("2 weeks", "fortnight (2)"),
        ("2nd grade", "2nd grade (2. Klasse)"),
        ("88 kitas", "99 kitas"),
        ("- photo", "* photo"),
        ("Call: {phone}. Your child is in 2nd grade.", "Your child is in 2nd grade. Call: {phone}."),
    ],
)
def test_a_near_miss_is_no_difference(knowledge: KnowledgeBase, old: str, new: str) -> None:
    assert planted(knowledge, old, new) == []


def test_an_arabic_dual_needs_its_digit(knowledge: KnowledgeBase) -> None:
    assert check(knowledge, ENGLISH.replace("2 weeks", "أسبوعين (٢)"), "ar") == []
    found = check(knowledge, ENGLISH.replace("2 weeks", "أسبوعين"), "ar")
    assert [(problem.line, "أسبوعين (2)" in problem.remedy) for problem in found] == [(17, True)]


@pytest.mark.parametrize(
    ("kind", "code", "typed", "known"),
    [
        ("date", "en", "by 3 March", "by 1 February"),
        ("date", "en", "by March 3rd", "by February 1st"),
        ("date", "ar", "في ٣ مارس", "في ١ فبراير"),
        ("date", "fa", "۳ مارس", "3 مهدکودک"),
        ("date", "uk", "до 3 березня", "до 1 лютого"),
        ("date", "es", "el 3 de marzo", "el 4 de mayo"),
        ("date", "ro", "din 3 mai 2026", "sunt 3 mai mari"),
        ("date", "tr", "03.03.2026", "04.10.2026"),
        ("time", "en", "at 9:30", "from 9:00 to 14:30"),
        ("time", "en", "at 8 a.m.", "for 8 hours"),
        ("time", "fr", "à 8h30", "à 14h30"),
        ("time", "ar", "الساعة ٨", "8 ساعات"),
        ("price", "en", "it costs 3 euros", "it costs 2.29 euros"),
        ("price", "de", "3 €", "2,29 €"),
        ("price", "ru", "3 евро", "2,29 евро"),
        ("phone", "en", "0211 89-99999", "0211 8998870"),
        ("phone", "en", "+49 211 8999999", "+49 211 8998870"),
        ("link", "en", "see www.example.org", "see www.duesseldorf.de/kita"),
        ("link", "en", "https://example.org/x", "https://www.duesseldorf.de"),
        ("link", "en", "post@example.org", "kita@duesseldorf.de"),
    ],
)
def test_typed_facts_must_be_those_of_the_offer(knowledge: KnowledgeBase, kind: str, code: str, typed: str, known: str) -> None:
    for written, expected in ((typed, [9]), (known, [])):
        content = f"---\ntitle: X\nsummary: Y\nquestions:\n  - 3 €\n---\n## Z? {{#what}}\n\n- Wait {written}.\n"
        found = check_typed_facts("x.md", content, knowledge.wordings[code], FACTS)
        assert [problem.line for problem in found] == expected, found
        assert all(problem.problem.startswith(_MESSAGES[kind]["en"][0].split("“")[0]) for problem in found)


def test_typed_facts_are_part_of_agreement(knowledge: KnowledgeBase) -> None:
    assert (17, "The date “2 March” is not one of offer.yml.") in planted(knowledge, "2 weeks", "until 2 March")


@pytest.mark.parametrize(
    ("german", "translation", "missing"),
    [
        ("Sie brauchen den Düsselpass.", "You need the city pass.", True),
        ("Sie brauchen den Düsselpass.", "Potrzebujesz Düsselpassu.", False),
        ("Die Farbe des Düsselpasses ist rot.", "The colour of the pass is red.", True),
        ("Sie brauchen den Familienpass.", "You need the family pass.", False),
        ("Das ist der Eltern-Login.", "This is the Eltern Login.", False),
        ("Das ist der Eltern-Login.", "This is the parents' login.", True),
        ("Das zentrum plus ist gut.", "The centre is good.", False),
    ],
)
def test_a_german_name_is_kept(knowledge: KnowledgeBase, german: str, translation: str, missing: bool) -> None:
    names = frozenset({"Düsselpass", "Eltern-Login", "zentrum plus"})
    found = check(knowledge, ENGLISH.replace("identity card", translation), german=GERMAN.replace("Ausweis", german), names=names)
    assert [(problem.line, problem.warning) for problem in found] == ([(14, True)] if missing else [])


def test_a_section_that_is_missing_is_left_to_the_loader(knowledge: KnowledgeBase) -> None:
    assert check(knowledge, ENGLISH.partition("## How")[0]) == []


def test_every_message_speaks_german_too(knowledge: KnowledgeBase) -> None:
    assert all(set(messages) == {"en", "de"} for messages in _MESSAGES.values())
    found = check(knowledge, ENGLISH.replace("Choose 3", "Choose"), message="de")
    assert str(found[0]) == "offers/x/en.md:16: „how“: Die Zahl 3 aus dem deutschen Text fehlt. Schreiben Sie sie in Ziffern."


def test_all_translations_are_compared_in_a_second(knowledge: KnowledgeBase) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("knowledge/offers/*/*.md"))}
    names = frozenset({"Düsselpass", "Kita-Navigator", "Familienkarte", "Jobcenter", "Caritas", "Diakonie", "AWO"})
    start = time.process_time()
    for path, text in texts.items():
        if path.stem in knowledge.wordings and path.stem != "de":
            german = texts[path.parent / "de.md"]
            check_agreement(str(path), german, text, knowledge.wordings[path.stem], FACTS, names)
    assert time.process_time() - start < 0.002 * len(texts)
