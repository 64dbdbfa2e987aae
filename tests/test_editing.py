"""What editors do by command: begin an offer, see what is missing, sign a text; and what the commands print."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from channels.cli import app
from channels.settings import ROOT
from retrieval.check import check_knowledge
from retrieval.coverage import SIGNS, TextState, coverage, matrix
from retrieval.editing import ROLES, CannotEdit, new_offer, sign, to_translate
from retrieval.knowledge import KnowledgeBase, Problem, load_knowledge, stamp_translations
from tests.conftest import TODAY
from tests.test_check import GERMAN, OFFER, SIMPLE, TURKISH, plant, prune_glossary, saying, written

DAY = date(2026, 11, 20)
ENDED = "The words have changed since they were signed"


@pytest.fixture
def folder(folder: Path) -> Path:
    prune_glossary(folder)
    return folder


@pytest.fixture
def lotse(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Lotse:
    monkeypatch.setenv("LOTSE_KNOWLEDGE", str(folder))
    return Lotse()


class Lotse:
    """The command, on the small copy."""

    def __call__(self, *words: str) -> Result:
        result = CliRunner().invoke(app, ["knowledge", *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


def load(folder: Path) -> KnowledgeBase:
    knowledge, problems = load_knowledge(folder, TODAY)
    assert knowledge is not None, problems
    return knowledge


def signed(folder: Path, language: str = "tr", level: str = "standard", role: str = "mediator", day: date = DAY) -> Path:
    return sign(folder, load(folder), "kita-navigator", language, role, day, level)


# A new offer.


def test_a_new_offer_is_a_folder_with_its_two_files(folder: Path) -> None:
    place = folder / "offers" / "schwimm-kurse"
    assert new_offer(folder, "schwimm-kurse", "sport", TODAY) == [place / "offer.yml", place / "de.md"]
    facts = (place / "offer.yml").read_text(encoding="utf-8")
    assert "id: schwimm-kurse\ntopic: sport\n" in facts
    assert "as_of: 2026-11-23\n" in facts
    assert {path.name for path in place.iterdir()} == {"offer.yml", "de.md"}


@pytest.mark.parametrize(
    "name", ["Schwimmen", "schwimm kurse", "schwimm_kurse", "../kurse", "-kurse", "kurse-", "", "größe", "1a"]
)
def test_a_name_that_cannot_be_an_address_is_refused(folder: Path, name: str) -> None:
    before = {path.name for path in (folder / "offers").iterdir()}
    with pytest.raises(CannotEdit, match="small letters"):
        new_offer(folder, name, "sport", TODAY)
    assert {path.name for path in (folder / "offers").iterdir()} == before


def test_a_topic_that_does_not_exist_is_refused_with_the_list(folder: Path) -> None:
    with pytest.raises(CannotEdit, match=r"no topic.*family.*sport"):
        new_offer(folder, "schwimm-kurse", "swimming", TODAY)
    assert not (folder / "offers" / "schwimm-kurse").exists()


def test_an_offer_that_exists_is_never_overwritten(folder: Path) -> None:
    before = (folder / OFFER).read_text(encoding="utf-8")
    with pytest.raises(CannotEdit, match="exists already"):
        new_offer(folder, "kita-navigator", "family", TODAY)
    assert (folder / OFFER).read_text(encoding="utf-8") == before


def fill_facts(folder: Path) -> None:
    path = folder / "offers" / "schwimm-kurse" / "offer.yml"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"# TODO title: .*", "title: Bäder", text)
    path.write_text(re.sub(r"# TODO url: .*", "url: https://www.baeder-duesseldorf.de", text), encoding="utf-8")


def fill_words(folder: Path, *left_out: str) -> None:
    path = folder / "offers" / "schwimm-kurse" / "de.md"
    text = path.read_text(encoding="utf-8")
    for part, empty, full in (
        ("title", r"# TODO title: .*", "title: Schwimm-Kurse"),
        ("summary", r"# TODO summary: .*", "summary: Hier lernt Ihr Kind schwimmen."),
        ("questions", r"questions: .*", "questions:\n  - wo lernt mein kind schwimmen"),
        ("sections", r"\{todo\}", "Ihr Kind lernt schwimmen."),
    ):
        assert re.search(empty, text), part
        text = text if part in left_out else re.sub(empty, full, text)
    path.write_text(text, encoding="utf-8")


def mistakes_in(folder: Path, file: str) -> list[Problem]:
    place = f"knowledge/offers/schwimm-kurse/{file}"
    return [problem for problem in check_knowledge(folder, TODAY) if problem.path == place and not problem.warning]


def test_a_scaffold_is_reported_and_residents_do_not_see_it(folder: Path) -> None:
    new_offer(folder, "schwimm-kurse", "sport", TODAY)
    assert saying(mistakes_in(folder, "offer.yml"), "`title` is missing")
    assert saying(mistakes_in(folder, "offer.yml"), "`url` is missing")
    assert set(load(folder).offers) == {"kita-navigator", "i-punkt-familie"}


@pytest.mark.parametrize("left_out", ["title", "summary", "questions", "sections"])
def test_an_offer_with_one_part_still_empty_is_reported_and_not_served(folder: Path, left_out: str) -> None:
    new_offer(folder, "schwimm-kurse", "sport", TODAY)
    fill_facts(folder)
    fill_words(folder, left_out)
    assert mistakes_in(folder, "de.md")
    assert "schwimm-kurse" not in load(folder).offers


def test_a_scaffold_that_is_filled_in_is_an_offer_without_mistakes(folder: Path) -> None:
    new_offer(folder, "schwimm-kurse", "sport", TODAY)
    fill_facts(folder)
    fill_words(folder)
    problems = check_knowledge(folder, TODAY)
    assert len(saying(problems, "There is no ")) == 11, "the other languages, as warnings"
    assert written([problem for problem in problems if "There is no " not in problem.problem]) == []
    offer = load(folder).offers["schwimm-kurse"]
    assert (offer.topic, offer.status, offer.translations["de"].title) == ("sport", "found", "Schwimm-Kurse")


# What must be translated.


def test_nothing_must_be_translated_where_all_texts_are_current(folder: Path) -> None:
    assert to_translate(load(folder)) == []


def test_missing_and_outdated_texts_are_listed_by_offer_and_language(folder: Path) -> None:
    (folder / TURKISH).unlink()
    plant(folder, "offers/kita-navigator/fa.md", 'translated_from: "', 'translated_from: "0')
    plant(folder, "offers/i-punkt-familie/tr.md", 'translated_from: "', 'translated_from: "0')
    knowledge = load(folder)
    turkish = [("i-punkt-familie", "tr", "outdated"), ("kita-navigator", "tr", "missing")]
    assert to_translate(knowledge) == [*turkish, ("kita-navigator", "fa", "outdated")]
    assert to_translate(knowledge, language="tr") == turkish
    assert to_translate(knowledge, "i-punkt-familie") == turkish[:1]
    assert to_translate(knowledge, "kita-navigator", "ar") == []


def test_a_changed_german_text_must_be_translated_into_every_other_language(folder: Path) -> None:
    plant(folder, GERMAN, "Jede Kita entscheidet selbst.", "Jede Kita entscheidet allein.")
    listed = to_translate(load(folder))
    assert {(offer, state) for offer, _, state in listed} == {("kita-navigator", "outdated")}
    assert sorted(language for _, language, _ in listed) == sorted(set(load(folder).content_languages) - {"de"})
    stamp_translations(folder, "kita-navigator")
    assert to_translate(load(folder)) == []


# A signature.


@pytest.mark.parametrize("role", ROLES)
def test_a_signature_names_role_and_day_and_the_folder_stays_sound(folder: Path, role: str) -> None:
    assert signed(folder, role=role) == folder / TURKISH
    front = (folder / TURKISH).read_text(encoding="utf-8").split("\n---\n")[0].splitlines()
    assert f"reviewed_by: {role}" in front
    assert "reviewed_on: 2026-11-20" in front
    words = load(folder).offers["kita-navigator"].translations["tr"]
    assert (words.reviewed_by, words.reviewed_on, words.state) == (role, DAY, "current")
    assert written(check_knowledge(folder, TODAY)) == []


def test_a_signature_changes_nothing_that_a_resident_reads(folder: Path) -> None:
    before = load(folder).offers["kita-navigator"].translations["tr"]
    signed(folder)
    after = load(folder).offers["kita-navigator"].translations["tr"]
    assert (after.title, after.summary, after.questions, after.sections) == (
        before.title,
        before.summary,
        before.questions,
        before.sections,
    )


def test_the_german_text_can_be_signed_and_its_translations_stay_current(folder: Path) -> None:
    assert signed(folder, "de", role="office") == folder / GERMAN
    assert load(folder).offers["kita-navigator"].translations["de"].reviewed_by == "office"
    assert to_translate(load(folder)) == []
    assert written(check_knowledge(folder, TODAY)) == []


def test_the_simpler_text_has_a_signature_of_its_own(folder: Path) -> None:
    assert signed(folder, "de", "simple", "editor") == folder / SIMPLE
    offer = load(folder).offers["kita-navigator"]
    assert offer.simple["de"].reviewed_by == "editor"
    assert offer.translations["de"].reviewed_by is None


def test_a_second_signature_replaces_the_first(folder: Path) -> None:
    signed(folder)
    signed(folder, role="office", day=TODAY)
    text = (folder / TURKISH).read_text(encoding="utf-8")
    assert [text.count(key) for key in ("reviewed_by:", "reviewed_on:", "reviewed_text:")] == [1, 1, 1]
    words = load(folder).offers["kita-navigator"].translations["tr"]
    assert (words.reviewed_by, words.reviewed_on) == ("office", TODAY)


@pytest.mark.parametrize("role", ["Frau Schmitz", "machine", "Editor", ""])
def test_only_a_role_can_sign_never_a_name(folder: Path, role: str) -> None:
    before = (folder / TURKISH).read_text(encoding="utf-8")
    with pytest.raises(CannotEdit, match=r"no role.*Names do not belong"):
        signed(folder, role=role)
    assert (folder / TURKISH).read_text(encoding="utf-8") == before


def test_an_outdated_text_cannot_be_signed(folder: Path) -> None:
    plant(folder, GERMAN, "Jede Kita entscheidet selbst.", "Jede Kita entscheidet allein.")
    before = (folder / TURKISH).read_text(encoding="utf-8")
    with pytest.raises(CannotEdit, match="older than the German text"):
        signed(folder)
    assert (folder / TURKISH).read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("offer", "language", "level"),
    [("kita", "tr", "standard"), ("kita-navigator", "nl", "standard"), ("kita-navigator", "tr", "simple")],
)
def test_a_text_that_does_not_exist_cannot_be_signed(folder: Path, offer: str, language: str, level: str) -> None:
    with pytest.raises(CannotEdit, match="There is no"):
        sign(folder, load(folder), offer, language, "editor", DAY, level)


@pytest.mark.parametrize(
    ("name", "language", "level", "text"),
    [
        (TURKISH, "tr", "standard", "Kita-Navigator yer dağıtmaz."),
        (TURKISH, "tr", "standard", "summary: "),
        (GERMAN, "de", "standard", "Jede Kita entscheidet selbst."),
        (SIMPLE, "de", "simple", "Jede Kita entscheidet selbst."),
    ],
)
def test_an_edit_of_the_words_ends_the_signature(folder: Path, name: str, language: str, level: str, text: str) -> None:
    signed(folder, language, level)
    assert coverage_of(folder, language, level).state == "reviewed"
    plant(folder, name, text, f"{text}Ja. ")
    state = coverage_of(folder, language, level)
    assert (state.state, state.reviewed_by, state.reviewed_on) == ("current", None, None)
    found = saying(check_knowledge(folder, TODAY), ENDED)
    assert [(problem.path, problem.warning) for problem in found] == [(f"knowledge/{name}", True)]
    reviewed = (folder / name).read_text(encoding="utf-8").splitlines()[found[0].line - 1]
    assert reviewed == "reviewed_by: mediator"
    signed(folder, language, level)
    assert coverage_of(folder, language, level).state == "reviewed"
    assert saying(check_knowledge(folder, TODAY), ENDED) == []


@pytest.mark.parametrize(
    ("text", "replacement"),
    [
        ("  - kita navigator nasıl kullanılıyor\n", ""),
        ("Kita-Navigator yer dağıtmaz.", "Kita-Navigator yer dağıtmaz. <!-- so klingt es besser -->"),
        ("\n\nKita-Navigator yer dağıtmaz.", "\n\n\nKita-Navigator yer dağıtmaz."),
    ],
    ids=["an example question", "a comment", "an empty line"],
)
def test_what_no_resident_reads_does_not_end_a_signature(folder: Path, text: str, replacement: str) -> None:
    signed(folder)
    plant(folder, TURKISH, text, replacement)
    assert coverage_of(folder, "tr").state == "reviewed"
    assert written(check_knowledge(folder, TODAY)) == []


# Which texts there are.


def coverage_of(folder: Path, language: str, level: str = "standard") -> TextState:
    return next(state for state in coverage(load(folder)) if state.id == "kita-navigator").text(language, level)


def test_every_offer_of_the_real_folder_stands_in_every_language(knowledge: KnowledgeBase) -> None:
    states = coverage(knowledge)
    assert len(states) == len(list((ROOT / "knowledge" / "offers").iterdir())) >= 45
    assert len(knowledge.content_languages) == 12
    texts = [text for state in states for text in state.texts if text.level == "standard"]
    counted = Counter(text.state for text in texts)
    assert len(texts) == len(states) * 12
    assert counted["current"] + counted["reviewed"] == len(texts), counted
    assert all(state.text(language).language == language for state in states for language in knowledge.content_languages)
    assert f"{len(states)} offers × 12 languages: " in matrix(knowledge)


def test_the_matrix_has_a_line_for_each_offer(knowledge: KnowledgeBase) -> None:
    lines = matrix(knowledge).splitlines()
    assert lines[0].split()[:12] == list(knowledge.content_languages)
    assert [line.split()[0] for line in lines[1 : len(knowledge.offers) + 1]] == list(knowledge.offers)


def test_the_matrix_shows_and_counts_each_state(folder: Path) -> None:
    (folder / TURKISH).unlink()
    plant(folder, "offers/kita-navigator/fa.md", 'translated_from: "', 'translated_from: "0')
    plant(
        folder, OFFER, 'before: {value: "02-01", source: city', 'before: {value: "02-01", source: city, valid_until: 2026-11-22'
    )
    plant(folder, OFFER, "as_of: 2026-11-22", "as_of: 2025-04")
    signed(folder, "ar")
    knowledge = load(folder)
    line = next(line for line in matrix(knowledge).splitlines() if line.startswith("kita-navigator"))
    signs = dict(zip(knowledge.content_languages, line.split()[1:13], strict=True))
    assert {language: sign for language, sign in signs.items() if sign != SIGNS["current"]} == {
        "tr": SIGNS["missing"],
        "fa": SIGNS["outdated"],
        "ar": SIGNS["reviewed"],
    }
    assert line.split()[13:] == ["de", "2025-04", "cost,", "languages", "1", "expired"]
    assert "2 offers × 12 languages: 1 reviewed, 21 current, 1 outdated, 1 missing." in matrix(knowledge)


def test_titles_come_in_the_language_asked_for_or_in_german(folder: Path) -> None:
    (folder / TURKISH).unlink()
    titles = {language: [state.title for state in coverage(load(folder), language)] for language in ("tr", "en", "nl", None)}
    assert titles["tr"][0].startswith("i-Punkt Familie: çocuk")
    assert titles["tr"][1] == titles["nl"][1] == titles[None][1] == "Kita-Navigator: einen Kita-Platz suchen"
    assert titles["en"][1] == "Kita-Navigator: find a daycare place"


def test_a_folder_whose_offers_all_have_mistakes_still_has_a_matrix(folder: Path) -> None:
    for path in folder.glob("offers/*/offer.yml"):
        path.write_text("kaputt", encoding="utf-8")
    assert "0 offers × 12 languages: 0 missing." in matrix(load(folder))


# The commands.


def test_status_prints_the_matrix(lotse: Lotse, folder: Path) -> None:
    result = lotse("status")
    assert result.exit_code == 0
    assert result.output.strip() == matrix(load(folder)).strip()
    assert "2 offers × 12 languages: 24 current, 0 missing." in result.output


def test_status_as_json_holds_every_text(lotse: Lotse, folder: Path) -> None:
    signed(folder)
    result = lotse("status", "--json")
    assert result.exit_code == 0
    offers = {offer["id"]: offer for offer in json.loads(result.output)}
    assert set(offers) == {"kita-navigator", "i-punkt-familie"}
    assert {(text["language"], text["level"]) for text in offers["kita-navigator"]["texts"]} == {
        (language, level) for language in load(folder).content_languages for level in ("standard", "simple")
    }
    turkish = next(text for text in offers["kita-navigator"]["texts"] if text["language"] == "tr" and text["level"] == "standard")
    assert (turkish["state"], turkish["reviewed_by"], turkish["reviewed_on"]) == ("reviewed", "mediator", "2026-11-20")


def test_new_begins_an_offer_and_prints_its_files(lotse: Lotse, folder: Path) -> None:
    result = lotse("new", "schwimm-kurse", "--topic", "sport")
    assert result.exit_code == 0
    for file in ("offer.yml", "de.md"):
        path = folder / "offers" / "schwimm-kurse" / file
        assert path.exists()
        assert str(path) in result.output.replace("\n", " ").split()
    assert lotse("check", "--today", "2026-11-23").exit_code == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("Schwimm Kurse", "--topic", "sport"), "small letters"),
        (("schwimm-kurse", "--topic", "swimming"), "is no topic"),
        (("kita-navigator", "--topic", "family"), "exists already"),
    ],
)
def test_new_says_why_it_cannot_begin(lotse: Lotse, folder: Path, words: tuple[str, ...], says: str) -> None:
    result = lotse("new", *words)
    assert result.exit_code == 1
    assert says in result.output
    assert len(list((folder / "offers").iterdir())) == 2


def test_preview_shows_the_card_in_the_language_and_level_asked_for(lotse: Lotse) -> None:
    german = lotse("preview", "kita-navigator")
    assert german.exit_code == 0
    assert "Der Kita-Navigator verteilt keine Plätze." in german.output
    turkish = lotse("preview", "kita-navigator", "--language", "tr", "--facet", "when")
    assert "Ardından Kita yılı ağustos ayında başlar." in turkish.output
    assert "{before}" not in turkish.output
    simple = lotse("preview", "kita-navigator", "--simple")
    assert "In einer Kita spielen und lernen Kinder." in simple.output
    assert "Leicht lesbar." in simple.output
    assert "In einer Kita spielen und lernen Kinder." not in german.output


def test_preview_of_an_offer_that_does_not_exist_points_to_the_check(lotse: Lotse) -> None:
    result = lotse("preview", "kita")
    assert result.exit_code == 1
    assert "lotse knowledge check" in result.output


def test_translate_list_names_each_file_and_counts(lotse: Lotse, folder: Path) -> None:
    assert lotse("translate-list").output == "0 texts to translate.\n"
    (folder / TURKISH).unlink()
    plant(folder, "offers/kita-navigator/fa.md", 'translated_from: "', 'translated_from: "0')
    result = lotse("translate-list")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "offers/kita-navigator/tr.md  missing",
        "offers/kita-navigator/fa.md  outdated",
        "2 texts to translate.",
    ]
    assert lotse("translate-list", "i-punkt-familie").output == "0 texts to translate.\n"
    assert "1 texts to translate." in lotse("translate-list", "--language", "fa").output


def test_a_text_signed_by_command_says_so_on_its_card(lotse: Lotse, folder: Path) -> None:
    wording = load(folder).wordings["tr"]
    machine = wording.say("card.machine")
    assert machine in lotse("preview", "kita-navigator", "--language", "tr").output
    result = lotse("sign", "kita-navigator", "--language", "tr", "--role", "mediator", "--on", "2026-11-20")
    assert result.exit_code == 0
    assert result.output.replace("\n", "") == str(folder / TURKISH)
    card = lotse("preview", "kita-navigator", "--language", "tr").output
    assert wording.say("card.reviewed", date=wording.date("2026-11-20"), role=wording.say("role.mediator")) in card
    assert machine not in card


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("kita-navigator", "--language", "tr", "--role", "Frau Schmitz"), "is no role"),
        (("kita-navigator", "--language", "nl", "--role", "editor"), "There is no standard text"),
        (("kita-navigator", "--language", "tr", "--role", "editor", "--simple"), "There is no simple text"),
    ],
)
def test_sign_says_why_it_cannot_sign(lotse: Lotse, folder: Path, words: tuple[str, ...], says: str) -> None:
    result = lotse("sign", *words)
    assert result.exit_code == 1
    assert says in result.output
    assert "reviewed" not in (folder / TURKISH).read_text(encoding="utf-8")


def test_check_is_content_with_a_sound_folder(lotse: Lotse) -> None:
    result = lotse("check", "--today", "2026-11-23")
    assert (result.exit_code, result.output) == (0, "0 mistakes, 0 warnings.\n")


def test_check_lists_mistakes_with_file_and_line_and_fails(lotse: Lotse, folder: Path) -> None:
    line = plant(folder, TURKISH, "15 Kita", "16 Kita")
    (folder / "offers" / "i-punkt-familie" / "ro.md").unlink()
    result = lotse("check", "--today", "2026-11-23")
    assert result.exit_code == 1
    assert f"knowledge/{TURKISH}:{line}: " in result.output
    assert "2 mistakes, 1 warnings." in result.output
    german = lotse("check", "--today", "2026-11-23", "--language", "de")
    assert "Die Zahl 15 aus dem deutschen Text fehlt." in german.output
    assert "2 Fehler, 1 Warnungen." in german.output


def test_warnings_alone_do_not_fail_the_check(lotse: Lotse, folder: Path) -> None:
    (folder / TURKISH).unlink()
    result = lotse("check", "--today", "2026-11-23")
    assert result.exit_code == 0
    assert "0 mistakes, 1 warnings." in result.output


def test_check_of_one_file_or_offer_leaves_the_others_out(lotse: Lotse, folder: Path) -> None:
    plant(folder, TURKISH, "15 Kita", "16 Kita")
    other = lotse("check", str(folder / "offers" / "i-punkt-familie"), "--today", "2026-11-23")
    assert (other.exit_code, other.output) == (0, "0 mistakes, 0 warnings.\n")
    assert lotse("check", str(folder / TURKISH), "--today", "2026-11-23").exit_code == 1


def test_check_refuses_a_file_or_language_that_does_not_exist(lotse: Lotse, folder: Path) -> None:
    assert "is no file of the knowledge folder" in lotse("check", str(folder / "nirgends.md")).output
    assert "English (en) and German (de)" in lotse("check", "--language", "tr").output
    assert lotse("check", "--language", "tr").exit_code == 1


def test_a_folder_that_cannot_be_read_is_reported_instead_of_shown(lotse: Lotse, folder: Path) -> None:
    (folder / "contacts.yml").unlink()
    for words in (("status",), ("translate-list",), ("preview", "kita-navigator")):
        result = lotse(*words)
        assert result.exit_code == 1
        assert "knowledge/contacts.yml:1: The file is missing." in result.output
