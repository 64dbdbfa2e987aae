"""The page without script: a form, in every language."""

import re

import pytest

from tests.test_api import Lotse, lotse  # noqa: F401  # the fixture

LANGUAGES = ["de", "en", "tr", "ar", "uk", "ru", "fr", "es", "pl", "ro", "fa", "it"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_speaks_the_browsers_language(lotse: Lotse, language: str) -> None:  # noqa: F811
    page = lotse.client.get("/", headers={"accept-language": f"{language}-XX,en;q=0.5"}).text
    direction = "rtl" if language in ("ar", "fa") else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in page
    assert "<script" not in page
    assert "{" not in re.sub(r"<[^>]+>", "", page)


def test_a_question_and_its_answer_stand_on_the_page(lotse: Lotse) -> None:  # noqa: F811
    page = lotse.client.post("/", data={"message": "Wo bekomme ich einen Platz?", "lang": "de"}).text
    assert "Wo bekomme ich einen Platz?" in page
    assert "Meinen Sie?" in page
    assert 'value="offer:kita-navigator"' in page
    conversation = re.search(r'name="conversation" value="([^"]+)"', page)
    assert conversation
    again = lotse.client.post("/", data={"choice": "offer:kita-navigator", "conversation": conversation[1], "lang": "de"}).text
    assert again.count('class="said"') == 2
    assert ">Kita<" in again, "the pressed choice is shown by its label"


def test_what_a_resident_writes_is_text_not_markup(lotse: Lotse) -> None:  # noqa: F811
    page = lotse.client.post("/", data={"message": '<img src=x onerror=alert(1)> "><b>'}).text
    assert "<img" not in page
    assert "<b>" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_an_empty_message_is_answered_beside_the_field(lotse: Lotse) -> None:  # noqa: F811
    response = lotse.client.post("/", data={"message": "  ", "lang": "tr"})
    assert response.status_code == 422
    assert 'role="alert"' in response.text
    assert '<html lang="tr"' in response.text


def test_a_person_can_be_reached_from_every_state_of_the_page(lotse: Lotse) -> None:  # noqa: F811
    for page in (lotse.client.get("/").text, lotse.client.post("/", data={"message": "Kita"}).text):
        assert '<button name="choice" value="human">' in page
