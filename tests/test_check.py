"""The check: every kind of mistake an editor can make is found in its file, and a sound folder gives no message."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from channels.settings import ROOT
from retrieval.check import check_knowledge
from retrieval.knowledge import Problem, stamp_translations
from retrieval.plain_german import RULES
from tests.conftest import TODAY

KITA = "offers/kita-navigator"
OFFER, GERMAN, SIMPLE = f"{KITA}/offer.yml", f"{KITA}/de.md", f"{KITA}/de-simple.md"
ENGLISH, TURKISH, ARABIC, PERSIAN = (f"{KITA}/{language}.md" for language in ("en", "tr", "ar", "fa"))
POINT = "offers/i-punkt-familie"
GLOSSARY, DISTRICTS, CRISIS = "glossary.yml", "districts.yml", "crisis.yml"

# A sentence of the German text, one of the Turkish, one of the English: mistakes are written in their place.
SENTENCE = "Jede Kita entscheidet selbst."
SATZ = "Ardından Kita yılı ağustos ayında başlar."
PHRASE = "There you can see how your registration is going"
BEFORE = 'before: {value: "02-01", source: city'

LONG = "Sie können dort an jedem Tag mit Ihrem Kind spielen und singen und basteln und lesen."
LONGER = "Sie können dort an jedem Tag mit Ihrem Kind spielen und singen und basteln und lesen und auch noch malen oder tanzen."

Mistake = tuple[str, str, str, str]

# What must be mended. File, text to replace, replacement, part of the message.
MISTAKES: list[Mistake] = [
    # the form of offer.yml
    (OFFER, "topic: family", "topic: familie", "`topic: familie` is not known"),
    (OFFER, "status: found\n", "", "`status` is missing"),
    (OFFER, "status: found", "status: found\ncolour: red", "`colour` is not known here"),
    (OFFER, "unknown: [cost", "unknown: [costs", "`costs` is not a facet"),
    (OFFER, "    as_of: 2026-11-22\n", "", "`as_of` is missing"),
    (OFFER, "    as_of: 2026-11-22\n", "    as_of: neulich\n", "`as_of: neulich` is not a date"),
    (OFFER, "    url: https://duesseldorf", "    url: duesseldorf", "is not an address"),
    (OFFER, "source: city", "source: town", "The source `town` is not listed"),
    # what is no longer valid
    (OFFER, BEFORE, f"{BEFORE}, valid_until: 2026-11-22", "`valid_until` is in the past (2026-11-22)"),
    (GERMAN, "{#who}", "{#who valid_until=2026-11-22}", "`valid_until` is in the past (2026-11-22)"),
    (TURKISH, "{#who}", "{#who valid_until=2026-11-22}", "`valid_until` is in the past (2026-11-22)"),
    # the form of the texts
    (GERMAN, "{#who}", "{#whom}", "`whom` is not a facet"),
    (GERMAN, "{before}", "{bevor}", "`{bevor}` names no fact"),
    (TURKISH, "{#who}", "{#where}", "The sections differ from de.md"),
    (TURKISH, "{#who}", "{#who valid_until=2026-02-30}", "`2026-02-30` is not a date"),
    (TURKISH, "translated_by: machine", "translated_by: machine\nreviewed_by: editor", "`reviewed_by` and `reviewed_on` belong"),
    (
        TURKISH,
        "translated_by: machine",
        "translated_by: machine\nreviewed_on: 2026-11-01",
        "`reviewed_by` and `reviewed_on` belong",
    ),
    (SIMPLE, "summary: Hier", "summary: In Leichte Sprache übersetzt. Hier", "Only a tested text may be called Leichte Sprache"),
    # facts typed into the words, in the forms every language shares
    (GERMAN, SENTENCE, "Das kostet 12 Euro.", "a price in the words"),
    (GERMAN, SENTENCE, "Kommen Sie um 9:30 Uhr.", "a clock time in the words"),
    (TURKISH, SATZ, "Arayın: 0211 8998870.", "a phone number in the words"),
    (TURKISH, SATZ, "Buraya bakın: www.duesseldorf.de", "an address of a page in the words"),
    (ARABIC, "{before}", "kita@example.org", "a mail address in the words"),
    # … and in those of one language
    (TURKISH, SATZ, "Ücret 12 avro.", "The price “12 avro” is not one of offer.yml"),
    (ENGLISH, PHRASE, "It costs 12 euros", "The price “12 euros” is not one of offer.yml"),
    (TURKISH, SATZ, "Orada saat 9 civarında olun.", "The time “saat 9” is not one of offer.yml"),
    (TURKISH, SATZ, "Arayın: 021189998870.", "The number “021189998870” is not one of offer.yml"),
    (TURKISH, SATZ, "Buraya bakın: kitas-duesseldorf.de.", "The address “kitas-duesseldorf.de” is not one of offer.yml"),
    (TURKISH, SATZ, "Son gün 1 Mart.", "The date “1 Mart” is not one of offer.yml"),
    # every language says the same
    (TURKISH, "15 Kita", "16 Kita", "“register”: the number 15 of the German text is missing"),
    (TURKISH, "15 Kita", "16 Kita", "“register”: the number 16 does not stand in the German text"),
    (ARABIC, "15 دارًا", "١٦ دارًا", "“register”: the number 16 does not stand in the German text"),
    (ARABIC, "الأسبوعين (2)", "الأسبوعين (٣)", "“when”: the number 3 does not stand in the German text"),
    (PERSIAN, "15 مرکز", "۱۶ مرکز", "“register”: the number 16 does not stand in the German text"),
    (PERSIAN, "ظرف 2 هفتهٔ", "ظرف ۳ هفتهٔ", "“when”: the number 3 does not stand in the German text"),
    (TURKISH, ": {before}.", ".", "“when”: {before} of the German text is missing"),
    (TURKISH, SATZ, "Son gün: {before}.", "“when”: {before} does not stand in the German text, or not so often"),
    (TURKISH, "1. Ailenizin bilgilerini bir kez girin.\n", "", "“register”: 2 numbered steps, 3 in the German text"),
    (f"{POINT}/tr.md", "- Kita mı arıyorsunuz?", "Kita mı arıyorsunuz?", "“how”: 1 list items, 2 in the German text"),
    (SIMPLE, "15 Kitas", "20 Kitas", "“register”: the number 20 does not stand in the German text"),
    # plain German, where the machine is sure
    (GERMAN, SENTENCE, LONGER, "langer-satz: This sentence has 22 words"),
    (GERMAN, SENTENCE, "Das ist z.B. ein Kurs.", "abkürzung: “z.B.” is an abbreviation"),
    (GERMAN, SENTENCE, "Es gibt zwölf Plätze.", "zahlwort: The number “zwölf” is written as a word"),
    (GERMAN, SENTENCE, "Das Jahr beginnt am 1.8.2027.", "datum: The date “1.8.2027” is not in its form"),
    (GERMAN, SENTENCE, "Kommen Sie um 9 Uhr.", "uhrzeit: The time “9 Uhr” is not in its form"),
    (GERMAN, SENTENCE, "Rufen Sie an: 021189998870.", "telefonnummer: The phone number “021189998870” is not in groups"),
    (GERMAN, SENTENCE, "Das wurde verboten. <!-- erlaubt: passiv -->", "`erlaubt: passiv` gives no reason"),
    (GERMAN, SENTENCE, "Das geht. <!-- erlaubt: passief, weil es geht -->", "`passief` is not a rule that can be allowed"),
    (
        SIMPLE,
        SENTENCE,
        "Jede Kita in der Stadt entscheidet ganz allein und ohne das Amt.",
        "langer-satz: This sentence has 12 words",
    ),
    # what stands once for all offers
    ("phrases/tr.yml", "\ngreet:", "\ngreets:", "The phrase `greet` is missing"),
    ("phrases/tr.yml", "{phone}", "{telefon}", "other words in braces than de.yml"),
    (GLOSSARY, "offer: kita-navigator", "offer: kita-navi", "`kita-navi` is no offer"),
    (GLOSSARY, '"Tagesmutter", "Tagesvater"', '"Tagesmutter", "kindergarten"', "“kindergarten” also stands at the term kita"),
    (GLOSSARY, "    it:\n", "    nl:\n", "`it` is missing"),
    (GLOSSARY, '      term: "Kita"\n', "", "`term` is missing"),
    (DISTRICTS, "borough: 1\n", "borough: 11\n", "`borough: 11` is no Stadtbezirk"),
    (CRISIS, "contacts: [rescue, doctor]", "contacts: [rescue, doctor, neighbour]", "`neighbour` is no contact"),
    (CRISIS, "contacts: [rescue, doctor]", "contacts: [rescue]", "`{doctor}` is not among this card's contacts"),
    (CRISIS, "den Notruf an: {rescue}", "den Notruf an: 112", "a number in the words"),
    (CRISIS, "    en:\n", "    nl:\n", "`en` is missing"),
]

# What an editor should look at.
WARNINGS: list[Mistake] = [
    (OFFER, BEFORE, f"{BEFORE}, valid_until: 2026-12-23", "This is valid until 2026-12-23 only"),
    (GERMAN, "{#who}", "{#who valid_until=2026-12-23}", "This is valid until 2026-12-23 only"),
    (OFFER, "ask: [i-punkt-familie", "ask: [i-punkt", "`ask` names `i-punkt`, which is no offer"),
    (TURKISH, 'translated_from: "', 'translated_from: "0', "de.md has changed since this was translated"),
    (SIMPLE, 'translated_from: "', 'translated_from: "0', "de.md has changed since this was translated"),
    (
        TURKISH,
        "- kita navigator nasıl",
        "- Tagesmutter nasıl bulurum\n  - kita navigator nasıl",
        "also stands at i-punkt-familie",
    ),
    (GERMAN, SENTENCE, LONG, "langer-satz: This sentence has 16 words"),
    (SIMPLE, SENTENCE, "Jede Kita in der Stadt entscheidet ganz allein selbst.", "langer-satz: This sentence has 9 words"),
    (GERMAN, SENTENCE, "Die Kinder, die hier leben, lernen viel.", "nebensätze: This sentence has 2 commas"),
    (GERMAN, SENTENCE, "Ihr Antrag wird vom Amt geprüft.", "passiv: This looks like a passive: “wird … geprüft”"),
    (GERMAN, SENTENCE, "Fragen Sie die Leiterin der Schule der Kinder.", "genitiv-kette: Two genitives follow each other"),
    (GERMAN, SENTENCE, "Das könnte helfen.", "konjunktiv: “könnte” is Konjunktiv"),
    (GERMAN, SENTENCE, "Das ist die Lebensmittelausgabestelle.", "langes-wort: “Lebensmittelausgabestelle” has 25 letters"),
    (GERMAN, SENTENCE, "Bringen Sie den Pass mit (oder die Karte).", "zeichen: The sign ( stands in the text"),
    (GERMAN, SENTENCE, "Jede Kindertagesstätte entscheidet.", "begriff: “Kindertagesstätte” is not our word for this"),
    (GERMAN, SENTENCE, "Das steht auf kitas-duesseldorf.de.", "internetadresse: The address “kitas-duesseldorf.de”"),
    (GERMAN, SENTENCE, "Das geht. <!-- erlaubt: passiv, weil es so ist -->", "`erlaubt: passiv` allows nothing here"),
]

# These are about a whole text or list: their line is where it begins.
OF_A_WHOLE = ("sections differ", "also stands at", "numbered steps", "list items")


def prune_glossary(folder: Path) -> None:
    """Take the terms of absent offers out of a small copy: each would be reported."""
    path = folder / GLOSSARY
    head, *terms = re.split(r"^(?=  [\w-]+:$)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    present = {place.name for place in (folder / "offers").iterdir()}
    kept = [term for term in terms if re.search(r"^    offer: (.+)$", term, re.MULTILINE)[1] in present]  # type: ignore[index]
    path.write_text(head + "".join(kept), encoding="utf-8")


@pytest.fixture
def folder(folder: Path) -> Path:
    prune_glossary(folder)
    return folder


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> list[Problem]:
    """What the check says of the small copy before anything was changed in it."""
    target = tmp_path_factory.mktemp("before") / "knowledge"
    shutil.copytree(ROOT / "knowledge", target, ignore=shutil.ignore_patterns("offers"))
    for offer in (KITA, POINT):
        shutil.copytree(ROOT / "knowledge" / offer, target / offer)
    prune_glossary(target)
    return check_knowledge(target, today=TODAY)


def plant(folder: Path, name: str, text: str, replacement: str) -> int:
    """Write the mistake in the place of `text`. Returns the line of the place."""
    path = folder / name
    before = path.read_text(encoding="utf-8")
    assert text in before, f"{text} no longer stands in {name}"
    path.write_text(before.replace(text, replacement, 1), encoding="utf-8")
    return before.count("\n", 0, before.index(text)) + 1 + text.startswith("\n")


def saying(problems: list[Problem], says: str) -> list[Problem]:
    return [problem for problem in problems if says in problem.problem]


def written(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def test_an_untouched_folder_gives_no_message(folder: Path) -> None:
    assert written(check_knowledge(folder, today=TODAY)) == []


def test_the_real_folder_has_no_mistake() -> None:
    problems = check_knowledge(ROOT / "knowledge", today=TODAY)
    assert written([problem for problem in problems if not problem.warning]) == []


@pytest.mark.parametrize(
    ("name", "text", "replacement", "says", "warning"),
    [(*mistake, False) for mistake in MISTAKES] + [(*mistake, True) for mistake in WARNINGS],
    ids=[f"{name}: {says}" for name, _, _, says in MISTAKES + WARNINGS],
)
def test_a_mistake_is_found_in_its_file_and_only_after_it_was_made(
    folder: Path, before: list[Problem], name: str, text: str, replacement: str, says: str, warning: bool
) -> None:
    assert saying(before, says) == []
    line = plant(folder, name, text, replacement)
    problems = check_knowledge(folder, today=TODAY)
    found = saying(problems, says)
    assert found, written(problems)
    assert {problem.path for problem in found} == {f"knowledge/{name}"}
    assert {problem.warning for problem in found} == {warning}
    assert all(problem.remedy.endswith((".", "-->", "}")) for problem in found), written(found)
    if name.endswith(".md") and not any(words in says for words in OF_A_WHOLE):
        assert line in range(found[0].line - replacement.count("\n"), found[0].line + 1), f"planted on line {line}: {found[0]}"


def test_every_rule_of_plain_german_is_applied_to_the_folder() -> None:
    assert {rule for rule in RULES if any(says.startswith(f"{rule}: ") for *_, says in MISTAKES + WARNINGS)} == set(RULES)


@pytest.mark.parametrize(
    ("name", "text", "replacement"),
    [
        (ARABIC, "15 دارًا", "١٥ دارًا"),
        (ARABIC, "الأسبوعين (2)", "الأسبوعين (٢)"),
        (PERSIAN, "15 مرکز", "۱۵ مرکز"),
        (TURKISH, "kita navigator nasıl kullanılıyor", "kita navigator 2027 nasıl kullanılıyor 12 euro"),
        (OFFER, BEFORE, f"{BEFORE}, valid_until: 2026-12-24"),
        (SIMPLE, SENTENCE, "Jede Kita in der Stadt entscheidet ganz allein."),
        (TURKISH, "translated_by: machine", "translated_by: machine\nreviewed_by: editor\nreviewed_on: 2026-11-01"),
        (SIMPLE, "summary: ", "tested_by: readers\ntested_on: 2026-11-01\nsummary: In Leichte Sprache übersetzt. "),
    ],
)
def test_what_only_looks_like_a_mistake_is_left_alone(folder: Path, name: str, text: str, replacement: str) -> None:
    plant(folder, name, text, replacement)
    assert written(check_knowledge(folder, today=TODAY)) == []


def test_a_missing_translation_is_a_warning_at_the_offer(folder: Path) -> None:
    (folder / TURKISH).unlink()
    (found,) = check_knowledge(folder, today=TODAY)
    assert found.path == f"knowledge/{OFFER}"
    assert "There is no tr.md" in found.problem
    assert found.warning


def test_a_translation_with_a_mistake_is_not_called_missing(folder: Path) -> None:
    plant(folder, TURKISH, SATZ, "Ücret 12 Euro.")
    problems = check_knowledge(folder, today=TODAY)
    assert {problem.path for problem in problems} == {f"knowledge/{TURKISH}"}, written(problems)


def test_a_changed_german_sentence_makes_every_other_text_outdated_until_it_is_stamped(folder: Path) -> None:
    plant(folder, GERMAN, SENTENCE, "Jede Kita entscheidet allein.")
    problems = check_knowledge(folder, today=TODAY)
    others = {path.name for path in (folder / KITA).glob("*.md")} - {"de.md"}
    assert {Path(problem.path).name for problem in saying(problems, "de.md has changed")} == others
    stamp_translations(folder, "kita-navigator")
    assert written(check_knowledge(folder, today=TODAY)) == []


@pytest.mark.parametrize(
    ("today", "says", "warning"),
    [
        (date(2026, 12, 31), None, None),
        (date(2027, 1, 1), "valid until 2027-01-31 only", True),
        (date(2027, 1, 31), "valid until 2027-01-31 only", True),
        (date(2027, 2, 1), "in the past (2027-01-31)", False),
    ],
)
def test_what_runs_out_is_announced_for_thirty_days_and_then_a_mistake(
    folder: Path, today: date, says: str | None, warning: bool | None
) -> None:
    line = plant(folder, OFFER, BEFORE, f"{BEFORE}, valid_until: 2027-01-31")
    found = check_knowledge(folder, today=today)
    assert [(problem.path, problem.line, problem.warning) for problem in found] == (
        [] if says is None else [(f"knowledge/{OFFER}", line, warning)]
    )
    assert all(says is not None and says in problem.problem for problem in found)


@pytest.mark.parametrize(
    "allowed",
    [
        "Das hat der Rat so gewollt. Es wurde 1998 beschlossen. <!-- erlaubt: passiv, weil niemand weiß, wer es beschloss -->",
        "Das gilt.\n<!-- erlaubt: passiv, weil niemand weiß, wer es beschloss -->\nEs wurde beschlossen.",
        f"{LONGER} <!-- erlaubt: langer-satz, weil das Gesetz so heißt -->",
    ],
)
def test_a_rule_that_does_not_fit_can_be_allowed_with_a_reason(folder: Path, allowed: str) -> None:
    comment = re.search(r" ?<!--.*-->\n?", allowed)
    assert comment is not None
    plant(folder, GERMAN, SENTENCE, allowed)
    assert written(check_knowledge(folder, today=TODAY, only=folder / GERMAN)) == []
    plant(folder, GERMAN, comment[0], "")
    rule = "passiv: " if "passiv" in comment[0] else "langer-satz: "
    assert saying(check_knowledge(folder, today=TODAY, only=folder / GERMAN), rule)


def test_the_check_of_one_file_or_folder_names_only_what_stands_there(folder: Path) -> None:
    plant(folder, GERMAN, SENTENCE, "Das könnte helfen.")
    plant(folder, TURKISH, "15 Kita", "16 Kita")
    plant(folder, f"{POINT}/tr.md", "5 çocuk", "6 çocuk")
    plant(folder, DISTRICTS, "borough: 1\n", "borough: 11\n")
    everything = check_knowledge(folder, today=TODAY)

    def below(place: str) -> list[Problem]:
        return [problem for problem in everything if f"{problem.path}/".startswith(f"knowledge/{place}/")]

    for place in (GERMAN, TURKISH, f"{POINT}/tr.md", DISTRICTS, KITA, POINT, "offers"):
        assert below(place)
        assert check_knowledge(folder, today=TODAY, only=folder / place) == below(place), place
    assert check_knowledge(folder, today=TODAY, only=folder) == everything
    assert check_knowledge(folder, today=TODAY, only=folder / GLOSSARY) == []


def test_problems_come_in_the_order_of_files_and_lines(folder: Path) -> None:
    plant(folder, TURKISH, "15 Kita", "16 Kita")
    plant(folder, TURKISH, SATZ, "Ücret 12 avro.")
    plant(folder, f"{POINT}/tr.md", "5 çocuk", "6 çocuk")
    places = [(problem.path, problem.line) for problem in check_knowledge(folder, today=TODAY)]
    assert len(set(places)) >= 3
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "text", "replacement", "says"),
    [
        (OFFER, "topic: family", "topic: familie", "`topic: familie` ist nicht bekannt. Möglich sind: family, "),
        (
            OFFER,
            BEFORE,
            f"{BEFORE}, valid_until: 2026-11-22",
            "`valid_until` ist vorbei (2026-11-22): Niemand sieht diese Angabe mehr.",
        ),
        (
            OFFER,
            BEFORE,
            f"{BEFORE}, valid_until: 2026-12-01",
            "Das gilt nur noch bis 2026-12-01. Fragen Sie nach, was danach gilt.",
        ),
        (TURKISH, "15 Kita", "16 Kita", "„register“: Die Zahl 15 aus dem deutschen Text fehlt. Schreiben Sie sie in Ziffern."),
        (TURKISH, SATZ, "Ücret 12 avro.", "Der Preis „12 avro“ steht nicht in offer.yml. Löschen Sie ihn"),
        (GERMAN, SENTENCE, "Das könnte helfen.", "konjunktiv: „könnte“ ist Konjunktiv. Sagen Sie es im Indikativ"),
        (GERMAN, SENTENCE, "Jede Kindertagesstätte entscheidet.", "begriff: „Kindertagesstätte“ ist nicht unser Wort dafür. "),
        (DISTRICTS, "borough: 1\n", "borough: 11\n", "`borough: 11` ist kein Stadtbezirk. Schreiben Sie eine Zahl von 1 bis 10."),
    ],
)
def test_an_editor_reads_problem_and_remedy_in_german(folder: Path, name: str, text: str, replacement: str, says: str) -> None:
    plant(folder, name, text, replacement)
    problems = written(check_knowledge(folder, today=TODAY, language="de", only=folder / name))
    assert any(says in problem for problem in problems), problems


def test_a_missing_translation_is_told_in_german(folder: Path) -> None:
    (folder / TURKISH).unlink()
    (found,) = check_knowledge(folder, today=TODAY, language="de")
    assert "Es fehlt tr.md: Diese Menschen lesen Englisch und Deutsch. Lassen Sie de.md übersetzen." in str(found)
