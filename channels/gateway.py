"""The way of a message: accept and commit, guess the language, ask Rasa, record, reply. The only writer of service state.

IncomingMessage ─► store (commit) ─► guess_language ─► Rasa ─► Reply ─► store (commit) ─► the reply as every client sees it
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from bot.language import LanguageGuess, guess_language, wished_language
from bot.protocol import Choice, Meaning, Outcome, Reply, Turn, to_wire
from channels.message import BadMessage, IncomingMessage, clean, has_words
from channels.rasa import RasaClient, RasaUnavailable
from channels.store import Conversation, Store, StoreUnavailable

logger = logging.getLogger(__name__)
T = TypeVar("T")
# What a pressed choice means to Rasa: kind of choice → intent and the entity its value becomes.
_CHOICES = {
    "offer": ("ask_offer", "offer"),
    "facet": ("ask_offer", "facet"),
    "language": ("change_language", "chosen_language"),
    "human": ("ask_human", None),
    "interpreter": ("ask_interpreter", None),
    "level": ("simpler", "level"),
}


class Words(Protocol):
    """The fixed sentences that the gateway itself needs."""

    def known(self, language: str) -> bool:
        """Whether `language` (BCP 47) is one of ours."""

    def failure(self, language: str, outcome: Outcome) -> Reply:
        """The reply when Rasa gave none: `outcome` is error_timeout or error_unavailable."""

    def danger(self, text: str, language: str) -> Reply | None:
        """The card for somebody in danger, if the message tells of it."""

    def unreadable(self, language: str) -> Reply:
        """The reply to a message without any word."""

    def switched(self, language: str) -> str:
        """ "I am answering in …", in that language."""

    def change_language(self, language: str) -> Choice:
        """The choice that shows the languages."""

    def language_choices(self) -> tuple[Choice, ...]:
        """The languages, each by its own name."""


class Gateway:
    """Takes the messages of all channels. One conversation's messages are worked on in their order, others beside them."""

    def __init__(
        self, store: Store, rasa: RasaClient, words: Callable[[], Words], meaning: Callable[[str], Meaning] | None = None
    ) -> None:
        self._store = store
        self._rasa = rasa
        self._words = words
        self._meaning = meaning
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # SQLite has one writer at a time; queueing here is quicker than waiting for its lock.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def receive(self, message: IncomingMessage) -> dict[str, Any]:
        """Work on one message and return the reply as every client sees it.

        Raises BadMessage for what is no message, StoreUnavailable when it could not be kept. Rasa's failure is a reply.
        """
        message = self._checked(message)
        lock = self._locks.setdefault(message.conversation, asyncio.Lock()) if message.conversation else asyncio.Lock()
        async with lock:
            if message.choice is not None:
                conversation = await self._in_store(self._store.find, message.conversation)
                if not self._offered(message.choice, conversation):
                    raise BadMessage("unknown_choice", "error.choice")
            accepted = await self._in_store(self._store.accept, message)
            if accepted is None:
                raise BadMessage("duplicate", "error.choice")
            conversation, number = accepted
            return await self._work(conversation, number, message)

    async def history(self, conversation: str) -> list[Any]:
        """The exchanges of a conversation, oldest first."""
        return await self._in_store(self._store.history, conversation)

    async def check_store(self) -> None:
        await self._in_store(self._store.check)

    def close(self) -> None:
        self._writer.shutdown()

    def _checked(self, message: IncomingMessage) -> IncomingMessage:
        if message.choice is None:
            message = dataclasses.replace(message, text=clean(message.text or ""))
        if message.chosen is not None and not self._words().known(message.chosen):
            raise BadMessage("unknown_language", "language.ask")
        return message

    def _offered(self, choice: str, conversation: Conversation | None) -> bool:
        """Whether this conversation was offered `choice`. Languages and the ways to a person stand open at any time."""
        kind, _, value = choice.partition(":")
        if choice in ("human", "interpreter", "language") or (kind == "language" and self._words().known(value)):
            return True
        return conversation is not None and choice in conversation.choices

    async def _work(self, conversation: Conversation, number: int, message: IncomingMessage) -> dict[str, Any]:
        kind, _, value = (message.choice or "").partition(":")
        chosen = value if kind == "language" and value else message.chosen or conversation.chosen_language
        guess = guess_language(message.text or "", current=conversation.language, hint=message.hint, chosen=chosen)
        switched = conversation.language is not None and guess.code != conversation.language and guess.origin == "detected"
        wished = wished_language(message.text or "") == guess.code
        turn = Turn(conversation.id, number, guess.code, guess.confidence, guess.origin, switched, wished, message.district)
        # Danger comes before everything, and needs no Rasa.
        danger = self._words().danger(message.text, guess.code) if message.text and message.choice is None else None
        if danger is not None:
            reply = danger
        elif message.choice is None and not has_words(message.text or ""):
            reply = self._about_language(self._words().unreadable(guess.code), guess, switched, first=number == 1)
        else:
            reply = self._about_language(await self._ask(turn, message), guess, switched, first=number == 1)
        sure = guess.origin in ("chosen", "detected", "remembered")
        wire = public(conversation.id, number, guess, reply)
        await self._in_store(
            self._store.finish,
            conversation.id,
            number,
            wire,
            language=guess.code if sure else conversation.language,
            # A wish typed in another language ends an earlier choice.
            chosen_language=chosen if guess.origin == "chosen" else None,
            forget=danger is not None,
            gap=reply.gap
            and {**to_wire(reply.gap), "language": guess.code, "confidence": reply.confidence, "district": message.district},
        )
        return wire

    async def _ask(self, turn: Turn, message: IncomingMessage) -> Reply:
        try:
            if message.choice is None:
                text = message.text or ""
                return await self._rasa.ask(dataclasses.replace(turn, meaning=self._meaning and self._meaning(text)), text)
            kind, _, value = message.choice.partition(":")
            intent, entity = _CHOICES[kind]
            return await self._rasa.choose(turn, intent, **({entity: value} if entity and value else {}))
        except RasaUnavailable as error:
            # The reason holds no word of the resident.
            logger.warning("turn without reply: %s", error)
            return self._words().failure(turn.language, "error_timeout" if error.timed_out else "error_unavailable")

    def _about_language(self, reply: Reply, guess: LanguageGuess, switched: bool, first: bool) -> Reply:
        """Say it when the language has changed; show the languages when the first message leaves it open."""
        if switched:
            notice = self._words().switched(guess.code)
            return dataclasses.replace(
                reply,
                text=f"{notice}\n\n{reply.text}",
                notices=(notice, *reply.notices),
                choices=(*reply.choices, self._words().change_language(guess.code)),
            )
        if first and guess.origin in ("hint", "default"):
            offered = {choice.id for choice in reply.choices}
            return dataclasses.replace(
                reply,
                choices=(*reply.choices, *(choice for choice in self._words().language_choices() if choice.id not in offered)),
            )
        return reply

    async def _in_store(self, method: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, lambda: method(*arguments, **named))


def public(conversation: str, turn: int, guess: LanguageGuess, reply: Reply) -> dict[str, Any]:
    """The reply as every client sees it; what is recorded beside it (the gap) stays inside."""
    wire = to_wire(reply)
    del wire["gap"], wire["interpreter"]
    return {"conversation": conversation, "turn": turn, "language_guess": dataclasses.asdict(guess), **wire}


__all__ = ["Gateway", "StoreUnavailable", "Words", "public"]
