"""The page as people use it: in Chromium, with the keyboard, in both directions, checked by axe."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

LANGUAGES = ["de", "en", "tr", "ar", "uk", "ru", "fr", "es", "pl", "ro", "fa", "it"]
QUESTIONS = {
    "de": "Wie bekomme ich einen Platz in der Kita für meine Tochter?",
    "ar": "كيف أسجل في دورة الاندماج؟",
    "uk": "Хто порадить, як отримати ступінь догляду для мами?",
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-sync"]
        launched = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield launched
        launched.close()


def open_page(
    browser: Browser, stack: Stack, language: str, width: int = 1000, scheme: str = "light", script: bool = True
) -> Page:
    context = browser.new_context(
        locale=language,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=script,
        bypass_csp=True,  # axe is injected as a script; without it the page runs none
    )
    page = context.new_page()
    page.goto(stack.url)
    return page


def violations(page: Page) -> list[str]:
    result = Axe().run(page, options=RULES)
    return [f"{found['id']}: {found['nodes'][0]['html'][:120]}" for found in result.response["violations"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing_on_the_empty_page(browser: Browser, stack: Stack, language: str) -> None:
    for width, scheme in ((1000, "light"), (320, "dark")):
        page = open_page(browser, stack, language, width, scheme)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
            f"{width} px scrolls sideways"
        )
        page.context.close()


@pytest.mark.parametrize("language", QUESTIONS)
def test_axe_finds_nothing_on_the_page_of_states(browser: Browser, stack: Stack, language: str) -> None:
    for width, scheme in ((1000, "light"), (320, "dark")):
        page = open_page(browser, stack, language, width, scheme)
        page.goto(f"{stack.url}/transparenz?lang={language}")
        assert page.locator("tbody tr").count() >= 45
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.context.close()


@pytest.mark.parametrize("language", QUESTIONS)
def test_axe_finds_nothing_in_a_conversation(browser: Browser, stack: Stack, language: str) -> None:
    for width, scheme in ((1000, "dark"), (320, "light")):
        page = open_page(browser, stack, language, width, scheme)
        page.fill("#message", QUESTIONS[language])
        page.click("button.send")
        page.wait_for_selector(".card")
        page.click("summary") if page.locator("summary").count() else None
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.context.close()


def test_axe_would_find_something(browser: Browser, stack: Stack) -> None:
    page = open_page(browser, stack, "de")
    page.evaluate("document.querySelector('label').remove()")
    assert any(found.startswith("label") for found in violations(page))
    page.context.close()


def test_the_way_to_an_answer_by_keyboard_alone_without_script(browser: Browser, stack: Stack) -> None:
    page = open_page(browser, stack, "de", script=False)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the skip link
    page.keyboard.press("Tab") if page.locator("#message:focus").count() == 0 else None
    page.keyboard.type(QUESTIONS["de"])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    assert "Kita-Navigator" in page.inner_text(".card h3")
    assert page.locator(".card .sources a").count() >= 1
    page.context.close()


@pytest.mark.parametrize("language", ["ar", "de"])
def test_the_direction_follows_the_language(browser: Browser, stack: Stack, language: str) -> None:
    page = open_page(browser, stack, "en")
    page.fill("#message", QUESTIONS[language])
    page.click("button.send")
    page.wait_for_selector(".card")
    expected = "rtl" if language == "ar" else "ltr"
    assert page.get_attribute("html", "dir") == expected
    assert page.get_attribute(".card", "lang") == language
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).direction") == expected
    page.context.close()


def test_every_target_can_be_hit(browser: Browser, stack: Stack) -> None:
    page = open_page(browser, stack, "de", 320)
    page.fill("#message", QUESTIONS["de"])
    page.click("button.send")
    page.wait_for_selector(".card")
    sizes = page.evaluate(
        "[...document.querySelectorAll('button, nav a, .human a, summary')].map(e => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 44
    page.context.close()


def test_the_page_asks_nobody_else_for_anything_and_keeps_nothing(browser: Browser, stack: Stack) -> None:
    page = open_page(browser, stack, "de")
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.reload()
    page.fill("#message", QUESTIONS["de"])
    page.click("button.send")
    page.wait_for_selector(".card")
    assert requested
    assert [url for url in requested if not url.startswith((stack.url, "data:"))] == []
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    page.context.close()
