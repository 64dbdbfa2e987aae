"""The knowledge folder: every mistake is found with file, line and remedy; the real one holds what must hold."""

import ast
from datetime import date
from pathlib import Path
from string import Formatter

import pytest

from bot.actions.answer import compose_card
from retrieval import knowledge as loader
from retrieval.check import check_knowledge
from retrieval.facts import WELL_FORMED
from retrieval.knowledge import KnowledgeBase, Problem, content_digest, load_knowledge, source_digest, stamp_translations
from retrieval.messages import GERMAN_PARTS, LANGUAGES, MESSAGES
from tests.conftest import TODAY

Real = tuple[KnowledgeBase, list[Problem]]
OFFER = "offers/kita-navigator/offer.yml"
GERMAN = "offers/kita-navigator/de.md"
TURKISH = "offers/kita-navigator/tr.md"


def test_the_real_folder_has_no_mistake(real: Real) -> None:
    assert [str(problem) for problem in real[1] if not problem.warning] == []


def test_phrases_of_every_content_language_are_complete(knowledge: KnowledgeBase) -> None:
    assert set(knowledge.wordings) == {"de", "en", "tr", "ar", "uk", "ru", "fr", "es", "pl", "ro", "fa", "it"}


MISTAKES = [
    # file, text to replace, replacement, what the problem says
    (OFFER, "id: kita-navigator", "id: kita", "differs from the folder's name"),
    (OFFER, "topic: family", "topic: familie", "`topic: familie` is not known"),
    (OFFER, "status: found", "status: sure", "`status: sure` is not known"),
    (OFFER, "status: found", "status: verified", "says who checked it and when"),
    (OFFER, "source: faq", "source: faqs", "`faqs` is not listed"),
    (OFFER, 'value: "02-01"', 'value: "1. Februar"', "not in its form"),
    (OFFER, 'value: "https://duesseldorf.kita-navigator.org"', "value: kita-navigator", "not in its form"),
    (OFFER, "unknown: [cost, languages]", "unknown: [costs]", "`costs` is not a facet"),
    (OFFER, "unknown: [cost, languages]", "unknown: [when]", "a fact of it stands above"),
    (OFFER, "unknown: [cost, languages]", "unknown: [who]", "has a section for it"),
    (OFFER, "as_of: 2026-11-22", "as_of: neulich", "is not a date"),
    (OFFER, "as_of: 2026-11-22", 'as_of: "2026-13-45"', "is not a date"),
    (OFFER, "as_of: 2026-11-22", "as_of: 2026-13-45", "not valid YAML"),
    (OFFER, "as_of: 2026-11-22", "[a]: 1", "not valid YAML"),
    (GERMAN, "{#who}", "{#who valid_until=2026-02-30}", "is not a date"),
    (OFFER, "  before:", "  deadline:", "`deadline` is no kind of fact"),
    (OFFER, "topic: family\n", "", "`topic` is missing"),
    (OFFER, "topic: family", "topic: family\ncolour: red", "`colour` is not known here"),
    (OFFER, "facts:", "facts: [", "not valid YAML"),
    (GERMAN, "{#who}", "{#whom}", "`whom` is not a facet"),
    (GERMAN, " {#who}", "", "This heading has no facet"),
    (GERMAN, "{#who}", "{#what}", "`what` stands twice"),
    (GERMAN, "{before}", "{bevor}", "names no fact"),
    (GERMAN, "{before}", "Telefon 0211 8998870", "a phone number in the words"),
    (GERMAN, "{before}", "kita@example.org", "a mail address in the words"),
    (GERMAN, "{before}", "https://example.org", "an address of a page in the words"),
    (GERMAN, "{before}", "9:30 Uhr", "a clock time in the words"),
    (GERMAN, "{before}", "12 Euro", "a price in the words"),
    (GERMAN, "---\ntitle", "title", "does not begin with its title block"),
    (GERMAN, "summary:", "sumary:", "`sumary` is not known here"),
    (TURKISH, "{#who}", "{#where}", "The sections differ from de.md"),
    (TURKISH, "translated_by: machine", "translated_by: robot", "`translated_by` is not known"),
    ("phrases/tr.yml", "greet:", "greets:", "The phrase `greet` is missing"),
    ("phrases/tr.yml", "{phone}", "{telefon}", "other words in braces"),
    ("contacts.yml", "phone:", "telephone:", "`phone` is missing"),
]


@pytest.mark.parametrize(("name", "text", "replacement", "says"), MISTAKES, ids=[says for *_, says in MISTAKES])
def test_a_mistake_is_found_with_file_line_and_remedy(folder: Path, name: str, text: str, replacement: str, says: str) -> None:
    path = folder / name
    before = path.read_text()
    assert text in before
    path.write_text(before.replace(text, replacement, 1))
    _, problems = load_knowledge(folder, TODAY)
    found = [problem for problem in problems if says in problem.problem]
    assert found, [str(problem) for problem in problems]
    assert found[0].path == f"knowledge/{name}" or name == OFFER
    assert found[0].line >= 1
    assert len(found[0].remedy) > 5
    line = before[: before.index(text)].count("\n") + 1
    exact = {"The sections differ from de.md", "The phrase `greet` is missing", "`topic` is missing", "has a section for it"}
    if says not in exact and name != OFFER:
        assert abs(found[0].line - line) <= 1, str(found[0])


def placeholders(key: str, language: str) -> set[str]:
    return {name for text in MESSAGES[key][language] for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", MESSAGES)
def test_every_message_exists_in_both_languages_with_the_same_placeholders(key: str) -> None:
    assert set(MESSAGES[key]) == set(LANGUAGES) == {"en", "de"}
    assert all(text.strip() for texts in MESSAGES[key].values() for text in texts)
    assert placeholders(key, "de") == placeholders(key, "en")


def test_the_loader_uses_every_message_and_fills_its_placeholders() -> None:
    assert loader.__file__ is not None
    calls = [
        node
        for node in ast.walk(ast.parse(Path(loader.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "report"
    ]
    used = set(loader._TYPED_FACTS)  # the one call whose key is no literal
    for call in calls:
        given = {keyword.arg for keyword in call.keywords} - {"warning"}
        if isinstance(call.args[2], ast.Constant):
            key = call.args[2].value
            used.add(key)
            assert given == placeholders(key, "en"), f"line {call.lineno}"
        else:
            assert {name for key in loader._TYPED_FACTS for name in placeholders(key, "en")} == given == set()
    assert used == set(MESSAGES)


def test_every_example_of_a_value_exists_in_german() -> None:
    assert {example for _, example in WELL_FORMED.values()} <= set(GERMAN_PARTS)


@pytest.mark.parametrize(
    ("name", "text", "replacement", "says"),
    [
        (OFFER, "topic: family", "topic: familie", "`topic: familie` ist nicht bekannt. Möglich sind: family, "),
        (
            OFFER,
            'value: "https://duesseldorf.kita-navigator.org"',
            "value: x",
            "Schreiben Sie eine Adresse, die mit https:// anfängt.",
        ),
        (OFFER, "topic: family", "topic: family\ntopic: work", "`topic` steht zweimal da. Löschen Sie"),
        (OFFER, "facts:", "facts: [", "nicht lesbar: Es fehlt ein , oder ein ]. Setzen Sie"),
        (GERMAN, "{before}", "{bevor}", "Zu `{bevor}` gibt es keine Angabe."),
        (
            GERMAN,
            "{before}",
            "12 Euro",
            "Hier steht ein Preis im Text. Schreiben Sie ihn in offer.yml und hier den Schlüssel in Klammern { }.",
        ),
    ],
)
def test_an_editor_reads_german(folder: Path, name: str, text: str, replacement: str, says: str) -> None:
    path = folder / name
    before = path.read_text()
    assert text in before
    path.write_text(before.replace(text, replacement, 1))
    problems = check_knowledge(folder, TODAY, language="de")
    assert any(says in str(problem) for problem in problems), [str(problem) for problem in problems]


def test_an_offer_with_a_mistake_is_left_out_and_the_others_stay(folder: Path) -> None:
    path = folder / OFFER
    path.write_text(path.read_text().replace("topic: family", "topic: x"))
    knowledge, _ = load_knowledge(folder, TODAY)
    assert knowledge is not None
    assert set(knowledge.offers) == {"i-punkt-familie"}


def test_a_broken_translation_takes_only_itself_away(folder: Path) -> None:
    (folder / TURKISH).write_text("kaputt")
    knowledge, _ = load_knowledge(folder, TODAY)
    assert knowledge is not None
    assert "tr" not in knowledge.offers["kita-navigator"].translations
    assert "ar" in knowledge.offers["kita-navigator"].translations


def test_an_expired_fact_and_section_are_never_shown(folder: Path) -> None:
    offer = folder / OFFER
    offer.write_text(
        offer.read_text().replace('value: "02-01", source: city', 'value: "02-01", source: city, valid_until: 2026-12-31')
    )
    for path in (folder / "offers/kita-navigator").glob("*.md"):
        path.write_text(path.read_text().replace("{#who}", "{#who valid_until=2026-12-31}"))
    shown = {}
    for day in (date(2026, 12, 31), date(2027, 1, 1)):
        knowledge, problems = load_knowledge(folder, day)
        assert knowledge is not None, problems
        found = knowledge.offers["kita-navigator"]
        shown[day] = [compose_card(knowledge, "de", found, facet).text for facet in ("who", "when")]
    assert "Alle Eltern" in shown[date(2026, 12, 31)][0]
    assert "1. Februar" in shown[date(2026, 12, 31)][1]
    assert "Alle Eltern" not in shown[date(2027, 1, 1)][0]
    assert all("1. Februar" not in text and "nicht mehr gültig" in text for text in shown[date(2027, 1, 1)])


def test_a_changed_german_text_makes_its_translations_outdated_until_they_are_stamped(folder: Path) -> None:
    stamp_translations(folder)
    german = folder / GERMAN
    german.write_text(german.read_text().replace("Der Kita-Navigator ist eine Seite", "Der Kita-Navigator ist jetzt eine Seite"))
    knowledge, problems = load_knowledge(folder, TODAY)
    assert knowledge is not None
    assert knowledge.offers["kita-navigator"].translations["tr"].state == "outdated"
    assert [problem for problem in problems if problem.warning and "has changed" in problem.problem]
    assert stamp_translations(folder, "kita-navigator", "tr") == [folder / TURKISH]
    again, _ = load_knowledge(folder, TODAY)
    assert again is not None
    assert again.offers["kita-navigator"].translations["tr"].state == "current"


def test_example_questions_do_not_count_for_the_digest_of_a_text(folder: Path) -> None:
    text = (folder / GERMAN).read_text()
    assert source_digest(text) == source_digest(text.replace("  - kita platz suchen\n", ""))
    assert source_digest(text) != source_digest(text.replace("15 Kitas", "16 Kitas"))


def test_every_change_changes_the_digest_of_the_folder(folder: Path) -> None:
    before = content_digest(folder)
    (folder / OFFER).write_text((folder / OFFER).read_text() + "\n# note\n")
    assert content_digest(folder) != before


# What must hold of the real facts, whatever is edited around them.


def card_text(knowledge: KnowledgeBase, offer: str, facet: str, language: str = "de") -> str:
    return compose_card(knowledge, language, knowledge.offers[offer], facet).text


def test_the_admission_stop_of_integration_courses_is_said(knowledge: KnowledgeBase) -> None:
    text = card_text(knowledge, "integrationskurs", "who")
    assert "Ukraine" in text
    assert "2026" in text
    later, _ = load_knowledge(Path(__file__).parents[1] / "knowledge", date(2027, 1, 1))
    assert later is not None
    assert "nicht mehr gültig" in card_text(later, "integrationskurs", "who")


def test_last_years_summer_sport_is_not_announced(knowledge: KnowledgeBase) -> None:
    for language in knowledge.offers["sport-im-park"].translations:
        assert "2025" not in " ".join(
            fact.value for fact in compose_card(knowledge, language, knowledge.offers["sport-im-park"], "when").cards[0].facts
        )


def test_the_dementia_office_is_named_by_its_new_name_and_known_by_its_old(knowledge: KnowledgeBase) -> None:
    words = knowledge.offers["demenzhilfe"].translations["de"]
    assert "Regionalbüro Alter, Pflege und Demenz" in words.title
    assert any(
        "Demenz-Servicezentrum" in section.text or "servicezentrum" in " ".join(words.questions).lower()
        for section in words.sections
    )


def test_nobody_is_sent_to_a_wrong_place(knowledge: KnowledgeBase) -> None:
    shown = " ".join(
        compose_card(knowledge, language, offer, facet).text
        for offer in knowledge.offers.values()
        for language in offer.translations
        for facet in ("what", "contact", "where")
    )
    assert "89-95334" not in shown, "a hotline that was switched off"
    assert "pflegeatlas.org" not in shown, "a nationwide site of the same name"
    assert "Willi-Becker-Allee 7" not in shown, "the foreigners' office has moved"
    assert "Gumbertstraße" not in shown, "the Welcome Point has moved twice"
    assert "08000 116 016" not in shown


def test_the_interpreter_pool_says_that_institutions_book_it(knowledge: KnowledgeBase) -> None:
    card = compose_card(knowledge, "de", knowledge.offers["sprachmittler"], "how").cards[0]
    assert {fact.note for fact in card.facts if fact.key.startswith("phone")} == {"nur für Ämter, Schulen, Kitas und Vereine"}


def test_the_house_number_that_nobody_is_sure_of_is_not_shown(knowledge: KnowledgeBase) -> None:
    text = card_text(knowledge, "i-punkt-familie", "where")
    assert "Heinz-Schmöle-Straße" in text
    assert "11-13" not in text
    assert "8-10" not in text
    assert "Die Hausnummer ist nicht sicher" in text


def test_every_fact_has_a_source_with_a_date(knowledge: KnowledgeBase) -> None:
    for offer in knowledge.offers.values():
        assert offer.sources
        for fact in offer.facts:
            assert offer.sources[fact.source].as_of, f"{offer.id}: {fact.key}"
