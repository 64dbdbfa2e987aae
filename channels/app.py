"""Puts the parts together: content, store, Rasa and gateway into two applications.

`create_app` is what the public reaches; `create_internal_app` serves Rasa's calls, on a loopback port of its own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.actions.actions import Content, action_executor, phrase_reply
from bot.actions.answer import as_of, crisis_reply, human_choice, language_choices, reply
from bot.crisis import Crisis, DangerWords
from bot.language import load as load_languages
from bot.protocol import Choice, Meaning, Outcome, Reply, Source, from_wire, to_wire
from channels.gateway import Gateway
from channels.message import BadMessage, IncomingMessage
from channels.rasa import RasaClient
from channels.settings import Settings
from channels.store import Store, StoreUnavailable
from channels.widget.page import page_router
from retrieval.bench import learn_offers, lesson
from retrieval.classifier import OfferClassifier
from retrieval.coverage import coverage
from retrieval.encoder import Encoder, load_encoder, pack
from retrieval.facet import Cues
from retrieval.index import Index, IndexStale
from retrieval.knowledge import KnowledgeBase, Problem, content_digest, load_knowledge, with_last_good
from retrieval.lexical import fold
from retrieval.retriever import Retriever

logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 64 * 1024
Progress = Callable[[int, int], None]


class ContentMissing(Exception):
    """The knowledge folder holds nothing that can be served."""


def load_content(
    settings: Settings, encoder: Encoder, progress: Progress | None = None, before: Content | None = None
) -> tuple[Content, list[Problem]]:
    """Read the knowledge folder, open its index and its classifier, making them where the content has changed.

    With `before`, what is in service now: whatever has a mistake stays as it was there, unchanged passages are not read again,
    and a classifier that has not learned the change yet goes on serving (`Service.must_learn`).
    Returns what to serve and the mistakes found on the way. Raises ContentMissing when there is nothing to serve.
    """
    knowledge, problems = load_knowledge(settings.knowledge)
    if before is not None:
        knowledge = with_last_good(knowledge, before.knowledge, problems)
    if knowledge is None or not knowledge.passages:
        raise ContentMissing("\n".join(str(problem) for problem in problems) or f"{settings.knowledge} holds no offers.")
    folder = settings.var / "index"
    try:
        if before is not None:
            raise IndexStale("edited")
        index = Index.open(knowledge.passages, encoder, folder)
    except IndexStale:
        index = Index.build(knowledge.passages, encoder, folder, progress, before.retriever.index if before else None)
    classifier: OfferClassifier | None
    if before is None:
        classifier = learn_offers(knowledge, encoder, folder / "classifier", progress)
    else:
        classifier = before.retriever.classifier
    return Content(knowledge, Retriever(index, encoder, Cues(knowledge.facet_cues), classifier)), problems


@dataclass(frozen=True)
class FixedWords:
    """The gateway's own sentences, from the knowledge folder."""

    knowledge: KnowledgeBase

    def known(self, language: str) -> bool:
        return language in self.knowledge.languages

    def failure(self, language: str, outcome: Outcome) -> Reply:
        return reply(
            self.knowledge,
            language,
            outcome,
            outcome.replace("_", ".", 1),
            choices=(human_choice(self.knowledge, language),),
            intent="",
            phone=self.knowledge.switchboard.value,
        )

    @cached_property
    def _crisis(self) -> Crisis:
        words = {
            language: [DangerWords(kind.id, kind.triggers[language], kind.harmless[language]) for kind in self.knowledge.crisis]
            for language in self.knowledge.content_languages
        }
        return Crisis(words, fold)

    def danger(self, text: str, language: str) -> Reply | None:
        # A short cry for help is easily taken for another language; most people here know the German words.
        kind = self._crisis.kind_of(text, (language, self.knowledge.default_language, self.knowledge.fallback_language))
        return crisis_reply(self.knowledge, language, kind) if kind else None

    def unreadable(self, language: str) -> Reply:
        return reply(
            self.knowledge, language, "clarifying", "error.no_words", choices=(human_choice(self.knowledge, language),), intent=""
        )

    def switched(self, language: str) -> str:
        return self.knowledge.say(language, "language.switched" if language in self.knowledge.wordings else "language.no_words")

    def change_language(self, language: str) -> Choice:
        return Choice("language", self.knowledge.say(language, "language.change").replace("\n", " · "), "language")

    def language_choices(self) -> tuple[Choice, ...]:
        return language_choices(self.knowledge)


class Service:
    """One running Lotse: its content, store, connection to Rasa and gateway."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.settings = settings
        self.encoder = load_encoder(settings.encoder)
        self.content, self.problems = load_content(settings, self.encoder, progress)
        self._followed = self.content.knowledge.digest
        load_languages()
        self.store = Store(settings.database)
        self.rasa = RasaClient(settings.rasa_port, settings.rasa_timeout_seconds)
        self._words = FixedWords(self.content.knowledge)
        self.gateway = Gateway(self.store, self.rasa, self.words, self._meaning)

    def words(self) -> FixedWords:
        """The gateway's sentences, from the content now in service."""
        if self._words.knowledge is not self.content.knowledge:
            self._words = FixedWords(self.content.knowledge)
        return self._words

    def reload(self) -> bool:
        """Take the knowledge folder into service as it is now; False when nothing has changed. Blocks for a second or two.

        Turns go on with the old content until the new one is complete. Mistakes are in `problems` afterwards.
        """
        digest = content_digest(self.settings.knowledge)
        if digest == self._followed:
            return False
        self._followed = digest
        try:
            self.content, self.problems = load_content(self.settings, self.encoder, before=self.content)
        except ContentMissing as error:
            self.problems = [Problem(str(self.settings.knowledge), 1, str(error), "The content so far stays in service.")]
        return True

    def must_learn(self) -> bool:
        """Whether the classifier in service has not seen the questions of the folder as they are now."""
        _, digest = lesson(self.content.knowledge, self.encoder)
        classifier = self.content.retriever.classifier
        return classifier is None or classifier.digest != digest

    def take_learned(self) -> None:
        """Take the classifier that has been learned meanwhile into service."""
        knowledge, retriever = self.content.knowledge, self.content.retriever
        _, digest = lesson(knowledge, self.encoder)
        classifier = OfferClassifier.open(self.settings.var / "index" / "classifier", digest)
        if classifier is not None:
            self.content = Content(knowledge, Retriever(retriever.index, self.encoder, retriever.cues, classifier))

    def _meaning(self, text: str) -> Meaning:
        return Meaning(self.encoder.name, pack(self.encoder.encode([text])[0]))

    async def readiness(self) -> tuple[bool, list[str]]:
        """Whether a question can be answered, and everything that is not in order."""
        reasons = []
        if not await self.rasa.alive():
            reasons.append("Rasa does not answer.")
        try:
            await self.gateway.check_store()
        except StoreUnavailable as error:
            reasons.append(f"The database cannot be written: {error}")
        usable = not reasons
        reasons.extend(str(problem) for problem in self.problems if not problem.warning)
        return usable, reasons

    async def close(self) -> None:
        await self.rasa.close()
        self.gateway.close()
        self.store.close()


class ChatRequest(BaseModel):
    """What a client sends; every field is optional, but `message` or `choice` must be there."""

    model_config = ConfigDict(strict=True, extra="ignore")

    conversation: str | None = None
    message: str | None = None
    choice: str | None = None
    language: str | None = None
    locale: str | None = None
    district: str | None = None


class ErrorBody(BaseModel):
    code: str
    message: str


class ErrorResponse(BaseModel):
    error: ErrorBody


_ERRORS: dict[int | str, dict[str, Any]] = {status: {"model": ErrorResponse} for status in (400, 404, 405, 413, 415, 422, 503)}


class PrivacyHeaders:
    """Adds to each response what keeps residents private, unless the route has set it itself."""

    headers: ClassVar[dict[str, str]] = {
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
        ),
    }

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def create_app(settings: Settings, service: Service | None = None) -> FastAPI:
    """The public application."""
    lotse = service or Service(settings)
    app = FastAPI(title="Lotse", version="0.1.0", docs_url=None, redoc_url=None, responses=_ERRORS)
    app.state.service = lotse

    def say(key: str, language: str | None = None) -> str:
        knowledge = lotse.content.knowledge
        code = (language or "").split("-")[0].split(",")[0].lower()
        return knowledge.say(code if code in knowledge.wordings else knowledge.default_language, key)

    def failed(status: int, code: str, message: str) -> JSONResponse:
        return JSONResponse({"error": {"code": code, "message": message}}, status)

    @app.exception_handler(StarletteHTTPException)
    async def http_error(request: Request, error: StarletteHTTPException) -> JSONResponse:
        return failed(
            error.status_code,
            {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request"),
            str(error.detail),
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return failed(422, "invalid", "The request does not have the expected form.")

    @app.exception_handler(BadMessage)
    async def bad_message(request: Request, error: BadMessage) -> JSONResponse:
        language = getattr(request.state, "language", None) or request.headers.get("accept-language")
        return failed(413 if error.code == "too_long" else 422, error.code, say(error.phrase, language))

    @app.exception_handler(StoreUnavailable)
    async def store_unavailable(request: Request, error: StoreUnavailable) -> JSONResponse:
        logger.error("the database is not available: %s", error)
        knowledge = lotse.content.knowledge
        language = getattr(request.state, "language", None) or knowledge.default_language
        words = FixedWords(knowledge).failure(
            language if language in knowledge.languages else knowledge.default_language, "error_unavailable"
        )
        return failed(503, "unavailable", words.text)

    app.add_middleware(PrivacyHeaders)

    @app.post(
        "/api/chat",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": ChatRequest.model_json_schema()}}}
        },
    )
    async def chat(request: Request) -> dict[str, Any]:
        """One message of a resident, one reply."""
        media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise StarletteHTTPException(415, "Send application/json.")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise BadMessage("too_long", "error.too_long")
        try:
            wanted = ChatRequest.model_validate_json(bytes(body))
        except ValidationError as error:
            broken = any(problem["type"] == "json_invalid" for problem in error.errors())
            return failed(  # type: ignore[return-value]  # an error is answered in a form of its own
                400 if broken else 422,
                "invalid_json" if broken else "invalid",
                "The body is not valid JSON."
                if broken
                else "; ".join(": ".join([*map(str, problem["loc"]), problem["msg"]]) for problem in error.errors()),
            )
        hint = wanted.locale or request.headers.get("accept-language", "").partition(",")[0] or None
        request.state.language = wanted.language or hint
        return await lotse.gateway.receive(
            IncomingMessage(
                channel="web",
                text=wanted.message,
                choice=wanted.choice or None,
                conversation=wanted.conversation,
                chosen=wanted.language or None,
                hint=hint,
                district=wanted.district,
            )
        )

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Alive: the process answers."""
        return {"status": "alive"}

    @app.get("/ready")
    async def ready() -> JSONResponse:
        """Whether a question can be answered: 200 ready or degraded, 503 unavailable; with reasons."""
        usable, reasons = await lotse.readiness()
        status = "unavailable" if not usable else "degraded" if reasons else "ready"
        return JSONResponse({"status": status, "reasons": reasons}, 200 if usable else 503)

    app.include_router(
        page_router(
            lotse.gateway,
            lambda: lotse.content.knowledge,
            _source_line,
            lambda language: coverage(lotse.content.knowledge, language),
        )
    )
    return app


def _source_line(knowledge: KnowledgeBase, language: str, source: dict[str, Any]) -> str:
    return as_of(knowledge.wordings[language], from_wire(Source, source))


def create_internal_app(service: Service) -> FastAPI:
    """What Rasa calls: the actions, and the fixed sentences (NLG)."""
    app = FastAPI(openapi_url=None)
    executor = action_executor(lambda: service.content)
    logging.getLogger("rasa_sdk").setLevel(logging.ERROR)  # at every start it warns that 3.21 serves 3.6; a test guards the pair

    @app.post("/actions")
    async def actions(request: Request) -> Response:
        try:
            result = await executor.run(json.loads(await request.body()))
        except Exception as error:
            # Only the kind of error: its text may repeat what the resident wrote.
            logger.error("an action failed: %s", type(error).__name__)
            return JSONResponse({"error": type(error).__name__}, 500)
        return Response(result.model_dump_json() if result else "{}", media_type="application/json")

    @app.post("/nlg")
    async def nlg(request: Request) -> JSONResponse:
        call = json.loads(await request.body())
        try:
            composed = phrase_reply(service.content, call["response"], call["tracker"])
        except KeyError as error:
            logger.error("no such phrase: %s", error)
            return JSONResponse({"error": "no such phrase"}, 500)
        return JSONResponse({"text": "", "custom": to_wire(composed)})

    return app
