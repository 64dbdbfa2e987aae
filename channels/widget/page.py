"""The full page `/`: a form that works without script, in any language and direction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Protocol

import nh3
from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

from channels.gateway import Gateway
from channels.message import BadMessage, IncomingMessage
from channels.store import Exchange

HERE = Path(__file__).parent
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(
    ["link", "image", "autolink", "html_inline", "html_block"]
)
# Beside each sign its meaning is written for screen readers.
_SIGNS = {"reviewed": "✓", "current": "●", "outdated": "◐", "missing": "–"}
_TAGS = {"p", "ul", "ol", "li", "em", "strong", "br"}


class Knowledge(Protocol):
    """What the page needs of the knowledge base."""

    @property
    def default_language(self) -> str: ...
    @property
    def languages(self) -> Any: ...
    @property
    def wordings(self) -> Any: ...
    def say(self, language: str, key: str, **values: object) -> str: ...
    def direction(self, language: str) -> str: ...


def page_router(
    gateway: Gateway,
    knowledge: Callable[[], Knowledge],
    source_line: Callable[[Any, str, dict[str, Any]], str],
    coverage: Callable[[str], list[Any]],
) -> APIRouter:
    """The routes of the pages.

    `source_line(knowledge, language, source)` words a source's date; `coverage(language)` is the state of all texts.
    """
    router = APIRouter(include_in_schema=False)
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    template = templates.get_template("page.html")

    def render(
        language: str, exchanges: list[Exchange], conversation: str | None, error: str | None = None, status: int = 200
    ) -> HTMLResponse:
        known = knowledge()
        labels = {
            choice["id"]: choice["label"] for exchange in exchanges if exchange.reply for choice in exchange.reply["choices"]
        }
        labels |= {f"language:{code}": entry.name for code, entry in known.languages.items()}
        return HTMLResponse(
            template.render(
                language=language,
                direction=known.direction(language),
                say=lambda key, code=language: known.say(code, key),
                languages=[entry for entry in known.languages.values() if entry.content],
                exchanges=exchanges,
                conversation=conversation,
                labels=labels,
                direction_of=known.direction,
                markdown=lambda text: Markup(nh3.clean(_MARKDOWN.render(text), tags=_TAGS, attributes={})),
                source_line=lambda code, source: source_line(known, code, source),
                error=error,
            ),
            status,
        )

    def surface(request: Request, wanted: str | None) -> str:
        """The language of labels and buttons: picked by hand, else the browser's, else German."""
        known = knowledge()
        accepted = [
            part.split(";")[0].split("-")[0].strip().lower() for part in request.headers.get("accept-language", "").split(",")
        ]
        return next((code for code in [wanted or "", *accepted] if code in known.wordings), known.default_language)

    @router.get("/")
    async def page(request: Request, lang: str | None = None) -> HTMLResponse:
        return render(surface(request, lang), [], None)

    @router.get("/transparenz")
    async def transparency(request: Request, lang: str | None = None) -> HTMLResponse:
        known, language = knowledge(), surface(request, lang)
        content = [code for code, entry in known.languages.items() if entry.content]
        states = coverage(language)
        texts = [state.text(code).state for state in states for code in content]
        return HTMLResponse(
            templates.get_template("transparency.html").render(
                language=language,
                direction=known.direction(language),
                say=lambda key, **values: known.say(language, key, **values),
                languages=known.languages,
                content=content,
                states=states,
                signs=_SIGNS,
                day=known.wordings[language].date,
                counts={"current": texts.count("current") + texts.count("reviewed"), "missing": texts.count("missing")},
            )
        )

    @router.post("/")
    async def send(
        request: Request,
        message: Annotated[str, Form()] = "",
        choice: Annotated[str, Form()] = "",
        conversation: Annotated[str, Form()] = "",
        lang: Annotated[str, Form()] = "",
    ) -> HTMLResponse:
        language = surface(request, lang)
        hint = request.headers.get("accept-language", "").partition(",")[0] or None
        try:
            reply = await gateway.receive(
                IncomingMessage("page", message, choice or None, conversation or None, hint=lang or hint)
            )
        except BadMessage as error:
            exchanges = await gateway.history(conversation) if conversation else []
            return render(
                language,
                exchanges,
                conversation or None,
                knowledge().say(language, error.phrase),
                413 if error.code == "too_long" else 422,
            )
        return render(reply["language"], await gateway.history(reply["conversation"]), reply["conversation"])

    @router.get("/static/page.css")
    async def style() -> FileResponse:
        return FileResponse(
            HERE / "static" / "page.css", media_type="text/css", headers={"Cache-Control": "public, max-age=3600"}
        )

    return router
