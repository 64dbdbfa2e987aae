"""Plain German: each rule finds its mistake on its line, and leaves the near miss alone."""

from __future__ import annotations

import time

import pytest

from channels.settings import ROOT
from retrieval.knowledge import Problem, without_comments
from retrieval.lexical import sentences
from retrieval.plain_german import RULES, check_plain_file, check_plain_german, vienna_formula

LONG = "Sie können dort an jedem Tag mit Ihrem Kind spielen und singen und basteln und lesen."  # 16 words
LONGER = "Sie können dort an jedem Tag mit Ihrem Kind spielen und singen und basteln und lesen und auch noch malen oder tanzen."

# Rule, sentence with the mistake, sentence that only looks like it.
AVOIDED = {"Kindertagesstätte": "Kita"}
CASES = [
    ("begriff", "Die Kindertagesstätte ist offen.", "Die Kita ist offen."),
    ("langer-satz", LONG, LONG.replace(" und lesen", "")),
    ("langer-satz", LONGER, "Er gilt ab 18. Sie sind 17. Dann warten Sie bitte noch ein Jahr. Danach stellen Sie einen Antrag."),
    ("nebensätze", "Wenn Sie krank sind, rufen Sie an, damit wir helfen.", "Wenn Sie krank sind, rufen Sie bitte an."),
    ("nebensätze", "Die Kinder, die hier leben, lernen viel.", "Sie fahren mit Bus, Bahn, Rad oder Auto."),
    ("nebensätze", "Ja, das geht, wenn Sie kommen, damit wir sprechen.", "Ja, das geht, wenn Sie kommen."),
    ("passiv", "Ihr Antrag wird vom Amt geprüft.", "Ihr Kind wird bald 3 Jahre alt."),
    ("passiv", "Die Plätze werden im Mai vergeben. Sie können nicht getauscht werden.", "Sie werden dort Hilfe bekommen."),
    ("passiv", "Sie können dort beraten werden.", "Wir werden Sie gern beraten."),
    ("passiv", "Der Vertrag wurde unterschrieben.", "Wie geht es weiter? Das werden wir sehen."),
    ("passiv", "Der Kurs ist abgesagt worden.", "Der Kurs wird besser, das gefällt allen."),
    ("genitiv-kette", "Fragen Sie die Leiterin der Schule der Kinder.", "Fragen Sie die Leiterin der Schule."),
    ("genitiv-kette", "Das ist die Seite des Amtes für Soziales der Stadt.", "Ist der Leiter der Schule da?"),
    ("konjunktiv", "Das könnte helfen.", "Das kann helfen. Sie konnten es."),
    ("konjunktiv", "Sie müssten dann warten.", "Sie möchten helfen? Die Würde zählt. Seien Sie pünktlich."),
    ("abkürzung", "Das ist z.B. ein Kurs.", "Das ist zum Beispiel ein Kurs vom Verein Hilfe e.V. in Rath."),
    ("abkürzung", "Bringen Sie ggf. einen Pass mit.", "Max hat einen Pass. Er ist da."),
    ("abkürzung", "Das sind d. h. usw viele Dinge.", "Dr. Meier hilft. Sankt Martin auch."),
    ("abkürzung", "Offen ist Mo–Fr.", "Offen ist Montag bis Freitag. So geht es: So ist es."),
    ("langes-wort", "Das ist die Lebensmittelausgabestelle.", "Das ist die Lebensmittel-Ausgabe-Stelle."),
    (
        "langes-wort",
        "Das ist eine Bezirksverwaltungsstelle.",
        "Sie brauchen einen Wohnberechtigungsschein.",
    ),
    ("zahlwort", "Es gibt zwölf Plätze.", "Es gibt 12 Plätze und eine Liste."),
    ("zahlwort", "Zwei Ämter helfen.", "Geben Sie Acht! Bis 40 Tausend Euro zahlen Sie nichts. Sie zweifeln?"),
    ("zahlwort", "Dort sind einundzwanzig Kinder.", "Die zweite Klasse hat ein Kind."),
    ("datum", "Der Kurs beginnt am 1.3.2026.", "Der Kurs beginnt am 1. März 2026 in der 2. Klasse."),
    ("datum", "Der Kurs beginnt am 01. März.", "Der Kurs beginnt am 10. März."),
    ("datum", "Der Kurs beginnt am 1. Dez. wieder.", "Der Kurs beginnt im Dezember."),
    ("datum", "Der Kurs beginnt am 2026-03-01.", "Der Kurs hat die Nummer 2026-3."),
    ("uhrzeit", "Kommen Sie um 9 Uhr.", "Kommen Sie um 9:00 Uhr."),
    ("uhrzeit", "Offen ist von 9.00 Uhr an.", "Offen ist von 9:00 bis 14:00 Uhr."),
    ("uhrzeit", "Kommen Sie um 09:00 Uhr.", "Es sind 24 Stunden."),
    ("telefonnummer", "Rufen Sie an: 021189998870.", "Rufen Sie an: 0211 89-98870."),
    ("telefonnummer", "Rufen Sie an: 0211/89 98 870.", "Rufen Sie an: 116 117. Oder 112."),
    ("zeichen", "Bringen Sie den Pass mit (oder die Karte).", "Bringen Sie den Pass mit: {phone-112}."),
    ("zeichen", "Das regelt § 5.", "Das regelt Absatz 5."),
    ("zeichen", "Sie bekommen 10 % mehr.", "Sie bekommen 10 Prozent mehr."),
    ("internetadresse", "Sehen Sie auf www.duesseldorf.de nach.", "Sehen Sie auf der Seite nach: {url}."),
    ("internetadresse", "Sehen Sie auf jobcenter.digital.de nach.", "Schreiben Sie an amt@duesseldorf.de einen Brief."),
]
TERMS = frozenset({"Wohnberechtigungsschein", "Amt für Wohnungswesen"})


def check(body: str, **options: str) -> list[Problem]:
    return check_plain_german("offers/x/de.md", 10, body, TERMS, avoided=AVOIDED, **options)


def rules(problems: list[Problem]) -> set[str]:
    return {problem.problem.split(":")[0] for problem in problems}


def test_every_rule_has_a_case_and_both_languages() -> None:
    assert {rule for rule, _, _ in CASES} == set(RULES)
    assert all(set(messages) == {"en", "de"} for messages in RULES.values())


@pytest.mark.parametrize(("rule", "mistake", "near_miss"), CASES)
def test_a_mistake_is_found_on_its_line_and_a_near_miss_is_not(rule: str, mistake: str, near_miss: str) -> None:
    for place in ("{}", "- {}", "1. {}", "## {} {{#what}}", "Das ist gut. {}"):
        body = "## Was ist das? {#what}\n\nDas ist ein Satz.\n" + place.format(mistake) + "\n\nDas ist gut.\n"
        found = [problem for problem in check(body) if problem.problem.startswith(f"{rule}:")]
        assert found, place
        assert {problem.line for problem in found} == {13}
        assert {problem.path for problem in found} == {"offers/x/de.md"}
        assert rule not in rules(check(body.replace(mistake, near_miss))), place


def test_length_warns_first_and_is_an_error_later() -> None:
    assert [problem.warning for problem in check(LONG)] == [True]
    assert [problem.warning for problem in check(LONGER)] == [False]
    nine = "Sie können dort an jedem Tag mit Freunden spielen."
    assert check(nine) == []
    assert [problem.warning for problem in check(nine, level="simple")] == [True]
    assert [problem.warning for problem in check(nine[:-1] + " und viel lesen.", level="simple")] == [False]


@pytest.mark.parametrize(
    ("rule", "warning"),
    [("abkürzung", False), ("zahlwort", False), ("datum", False), ("uhrzeit", False), ("telefonnummer", False), ("passiv", True)]
    + [(rule, True) for rule in ("konjunktiv", "genitiv-kette", "nebensätze", "langes-wort", "zeichen", "internetadresse")],
)
def test_only_what_is_sure_is_an_error(rule: str, warning: bool) -> None:
    mistake = next(mistake for name, mistake, _ in CASES if name == rule)
    assert {problem.warning for problem in check(mistake) if problem.problem.startswith(f"{rule}:")} == {warning}


def test_a_sentence_over_two_lines_is_one_sentence_and_words_keep_their_line() -> None:
    first, second = LONG.split(" mit ")
    found = check(f"{first}\nmit {second}\nEs gibt zwölf Plätze.")
    assert [(problem.problem.split(":")[0], problem.line) for problem in found] == [("langer-satz", 10), ("zahlwort", 12)]


def test_list_items_and_headings_are_sentences_of_their_own() -> None:
    assert check("## Was machen wir dort jeden Tag {#what}\n\n- Wir lesen und singen und spielen\n- Wir malen und tanzen\n") == []


def test_a_long_word_is_reported_once_and_terms_are_known_in_every_case() -> None:
    found = check("Die Lebensmittelausgabestelle.\n\nDie Lebensmittelausgabestelle ist neu.")
    assert [problem.line for problem in found] == [10]
    assert check("Die Kosten des Wohnberechtigungsscheins. Die Wohnberechtigungsscheine.") == []


def test_messages_speak_german_too() -> None:
    found = check("Es gibt zwölf Plätze.", language="de")
    assert (
        str(found[0]) == "offers/x/de.md:10: zahlwort: Die Zahl „zwölf“ ist als Wort geschrieben. Schreiben Sie sie in Ziffern."
    )
    assert "written as a word" in str(check("Es gibt zwölf Plätze.")[0])


@pytest.mark.parametrize(
    "body",
    [
        "Es gibt zwölf Plätze. <!-- erlaubt: zahlwort, weil das Haus so heißt -->",
        "<!-- erlaubt: zahlwort, weil das Haus so heißt -->\nEs gibt zwölf Plätze.",
        "<!-- erlaubt: zahlwort, weil das Haus so heißt -->\n\n- Es gibt zwölf Plätze.",
        "Das ist gut.\n<!-- erlaubt: zahlwort weil es so heißt -->\nEs gibt zwölf Plätze.",
        "Es gibt ggf. zwölf Plätze. <!-- erlaubt: zahlwort, abkuerzung, weil das Haus so heißt -->",
    ],
)
def test_an_editor_can_allow_a_rule_with_a_reason(body: str) -> None:
    assert check(body) == []


def test_an_allowance_holds_for_its_rule_and_line_alone() -> None:
    body = "Es gibt zwölf Plätze. <!-- erlaubt: zahlwort, weil es so heißt -->\nEs gibt elf Plätze.\n\nDas wäre zwölf."
    assert [(problem.problem.split(":")[0], problem.line) for problem in check(body)] == [
        ("zahlwort", 11),
        ("konjunktiv", 13),
        ("zahlwort", 13),
    ]


@pytest.mark.parametrize(
    ("body", "problem", "warning"),
    [
        ("Gut. <!-- erlaubt: kurzer-satz, weil es so ist -->", "`kurzer-satz` is not a rule that can be allowed.", False),
        ("Es wäre gut. <!-- erlaubt: konjunktiv -->", "`erlaubt: konjunktiv` gives no reason.", False),
        ("Es wäre gut. <!-- erlaubt: konjunktiv, weil … -->", "`erlaubt: konjunktiv` gives no reason.", False),
        ("Es ist gut. <!-- erlaubt: konjunktiv, weil es so ist -->", "`erlaubt: konjunktiv` allows nothing here.", True),
        ("Es ist gut. <!-- erlaubt: konjunktiv,", "This comment does not end on its line; residents would read it.", False),
    ],
)
def test_a_faulty_allowance_is_reported(body: str, problem: str, warning: bool) -> None:
    assert (10, problem, warning) in [(found.line, found.problem, found.warning) for found in check(body)]


def test_comments_never_reach_residents() -> None:
    text = "Erstens. <!-- erlaubt: passiv, weil … -->\n<!-- erlaubt: passiv, weil … -->\nZweitens.\n\nDrittens."
    assert without_comments(text) == "Erstens.\nZweitens.\n\nDrittens."


def test_title_and_summary_are_checked_but_not_the_questions() -> None:
    content = (
        '---\ntitle: "Das Haus der zwölf Tiere"\n# erlaubt: konjunktiv, weil das Haus so heißt\nsummary: Es wäre ggf. heute.\n'
        "questions:\n  - zwölf plätze bzw. kurse\n---\n## Was ist das? {#what}\n\nEs gibt elf Plätze.\n"
    )
    found = check_plain_file("x/de.md", content)
    assert [(problem.problem.split(":")[0], problem.line) for problem in found] == [
        ("zahlwort", 2),
        ("abkürzung", 4),
        ("zahlwort", 10),
    ]


def test_the_formula_tells_easy_from_hard() -> None:
    easy = "Das Kind hat Durst. Es trinkt Milch. Dann geht es in das Haus."
    hard = (
        "Die Inanspruchnahme der Unterstützungsleistungen setzt eine vorherige Antragstellung bei der zuständigen "
        "Verwaltungsbehörde voraus, die anschließend über die Bewilligungsfähigkeit entscheidet."
    )
    assert vienna_formula(easy) < 4 < 12 < vienna_formula(hard)
    # 3 words, 1 sentence: MS 33.3, SL 3, IW 33.3, ES 66.7
    by_hand = 0.1935 * 100 / 3 + 0.1672 * 3 + 0.1297 * 100 / 3 - 0.0327 * 200 / 3 - 0.875
    assert vienna_formula("Das Kind telefoniert.") == pytest.approx(by_hand)
    assert vienna_formula("{phone}") == 0


def test_all_german_texts_are_checked_in_half_a_second() -> None:
    contents = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("knowledge/offers/*/de.md"))]
    assert contents
    sentences("Loads the tokenizer.", "de")
    start = time.process_time()
    for content in contents:
        check_plain_file("de.md", content)
    assert time.process_time() - start < 0.012 * len(contents)
