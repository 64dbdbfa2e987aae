"""Editing while Lotse runs: what is good is served at once, what is broken stays as it was."""

import os
import threading
import time
from pathlib import Path

import httpx
import pytest

from channels.app import Service
from tests.conftest import Stack, start_stack
from tests.test_api import Lotse, lotse  # noqa: F401  # the fixture

GERMAN = "offers/kita-navigator/de.md"
# The full hundred are run before a release: LOTSE_TEST_EDITS=100.
EDITS = int(os.environ.get("LOTSE_TEST_EDITS", "20"))


def service_of(running: Lotse) -> Service:
    service: Service = running.client.app.state.service  # type: ignore[attr-defined]
    return service


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_saved_word_is_served(lotse: Lotse, folder: Path) -> None:  # noqa: F811
    service = service_of(lotse)
    assert service.reload() is False, "nothing has changed"
    edit(folder, GERMAN, "Der Kita-Navigator ist eine Seite im Internet.", "Das ist eine Seite im Internet.")
    assert service.reload() is True
    section = service.content.knowledge.offers["kita-navigator"].translations["de"].section("what")
    assert section is not None
    assert section.text.startswith("Das ist eine Seite")
    assert any("Das ist eine Seite" in passage.text for passage in service.content.retriever.index.passages)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (GERMAN, "{#who}", "{#whom}"),
        ("offers/kita-navigator/tr.md", "---\ntitle", "title"),
        ("offers/kita-navigator/offer.yml", "facts:", "facts: ["),
        ("offers/kita-navigator/de-simple.md", "{#who}", "{#whom}"),
        ("phrases/tr.yml", "greet:", "gret:"),
        ("glossary.yml", "terms:", "terms: ["),
    ],
)
def test_a_broken_file_keeps_the_last_good_content(lotse: Lotse, folder: Path, file: str, old: str, new: str) -> None:  # noqa: F811
    service = service_of(lotse)
    before = service.content.knowledge
    edit(folder, file, old, new)
    assert service.reload() is True
    assert service.content.knowledge.offers == before.offers
    assert service.content.knowledge.say("tr", "greet") == before.say("tr", "greet")
    ready = lotse.client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert any(file in reason for reason in ready.json()["reasons"])
    edit(folder, file, new, old)
    assert service.reload() is True
    assert lotse.client.get("/ready").json()["status"] == "ready"


def test_a_mistake_in_one_file_does_not_hold_up_the_others(lotse: Lotse, folder: Path) -> None:  # noqa: F811
    service = service_of(lotse)
    edit(folder, "offers/kita-navigator/tr.md", "---\ntitle", "title")
    edit(folder, "offers/i-punkt-familie/de.md", "summary: ", "summary: Neu. ")
    service.reload()
    offers = service.content.knowledge.offers
    assert "tr" in offers["kita-navigator"].translations
    assert offers["i-punkt-familie"].translations["de"].summary.startswith("Neu.")


def test_new_questions_are_learned_beside_the_service(lotse: Lotse, folder: Path) -> None:  # noqa: F811
    service = service_of(lotse)
    assert not service.must_learn()
    edit(folder, GERMAN, "questions:\n", "questions:\n  - wo ist das blaue haus für kinder\n")
    service.reload()
    assert service.must_learn(), "the question is served by its text, and waits to be learned"
    found = service.content.retriever.search("das blaue haus für kinder", "de")
    assert (*found.hits, *found.rejected)[0].offer == "kita-navigator"


@pytest.mark.stack
def test_edits_under_load_fail_no_turn(tmp_path: Path, folder: Path) -> None:
    var = tmp_path / "var"
    var.mkdir()
    running: Stack = start_stack(var, index=False, LOTSE_KNOWLEDGE=str(folder))
    try:
        running.wait_until_answering()
        failures: list[str] = []
        turns = 0
        stop = threading.Event()

        def ask() -> None:
            nonlocal turns
            while not stop.is_set():
                try:
                    reply = running.chat("Wie bekomme ich einen Platz in der Kita?")
                    if reply["outcome"] not in ("answered", "clarifying"):
                        failures.append(reply["outcome"])
                except (AssertionError, httpx.HTTPError) as error:
                    failures.append(repr(error))
                turns += 1

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for thread in asking:
            thread.start()
        good = (folder / GERMAN).read_text(encoding="utf-8")
        for number in range(EDITS):
            if number % 10 == 5:
                (folder / GERMAN).write_text("kaputt", encoding="utf-8")
                running.wait_for(lambda ready: ready["status"] == "degraded")
                (folder / GERMAN).write_text(good, encoding="utf-8")
                running.wait_for(lambda ready: ready["status"] == "ready")
            else:
                said = f"Hier melden Sie Ihr Kind an, Fassung {number}."
                (folder / GERMAN).write_text(
                    good.replace("Der Kita-Navigator ist eine Seite im Internet.", said), encoding="utf-8"
                )
                end = time.monotonic() + 20
                while said not in running.chat("Was ist der Kita-Navigator?")["text"]:
                    assert time.monotonic() < end, "the edit was not served"
        stop.set()
        for thread in asking:
            thread.join()
        assert failures == []
        assert turns > EDITS
    finally:
        running.stop()
