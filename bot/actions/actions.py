"""What Rasa's rules call: unpack the tracker, call a function, hand back a `Reply`. Nothing here writes anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher

from bot.actions.answer import (
    compose_answer,
    compose_card,
    compose_several,
    human_choice,
    human_reply,
    interpreter_reply,
    language_reply,
    reply,
)
from bot.protocol import Meaning, Reply, Turn, from_wire, to_wire
from retrieval.district import Districts
from retrieval.encoder import unpack
from retrieval.facts import FACETS
from retrieval.knowledge import KnowledgeBase
from retrieval.retriever import Retriever

Events = list[dict[str, Any]]


@dataclass(frozen=True)
class Content:
    """What is in service: replaced as a whole when the folder changes."""

    knowledge: KnowledgeBase
    retriever: Retriever

    @cached_property
    def districts(self) -> Districts:
        return Districts(self.knowledge.districts)


@dataclass(frozen=True)
class Message:
    """The resident's message as Rasa understood it. `offer`: the offer spoken about, `pending`: what a "yes" would mean."""

    text: str
    language: str
    intent: str
    entities: Mapping[str, str]
    offer: str | None
    pending: str | None
    facet: str | None = None
    wished: bool = False
    meaning: Meaning | None = None
    district: str | None = None

    @classmethod
    def read(cls, tracker: Tracker | Mapping[str, Any]) -> Message:
        """From the tracker object of an action call, or from the tracker state of an NLG call."""
        latest, slots = (
            (tracker.latest_message, tracker.slots)
            if isinstance(tracker, Tracker)
            else (tracker.get("latest_message") or {}, tracker.get("slots") or {})
        )
        metadata = latest.get("metadata") or {}
        entities = {entity["entity"]: str(entity["value"]) for entity in latest.get("entities") or []}
        turn = from_wire(Turn, metadata["turn"]) if "turn" in metadata else None
        return cls(
            latest.get("text") or "",
            # `rasa shell` sends no turn: LanguageDetector has guessed.
            turn.language if turn else slots.get("language") or "de",
            (latest.get("intent") or {}).get("name") or "",
            entities,
            slots.get("offer"),
            slots.get("pending"),
            slots.get("facet"),
            turn is not None and turn.wished,
            turn.meaning if turn else None,
            turn.district if turn else None,
        )


def answer(content: Content, message: Message) -> Reply:
    """A question about an offer: a chosen offer or facet, else a search."""
    knowledge, retriever = content.knowledge, content.retriever
    offer = message.entities.get("offer") or (message.offer if "facet" in message.entities else None)
    if offer and offer in knowledge.offers:
        facet = message.entities.get("facet", "what")
        return compose_card(
            knowledge,
            message.language,
            knowledge.offers[offer],
            facet if facet in FACETS else "what",
            confidence=1.0,
            district=message.district,
        )
    named = content.districts.named_in(message.text)
    district = named.name if named else message.district
    known = message.meaning is not None and message.meaning.encoder == retriever.encoder.name
    vector = unpack(message.meaning.vector) if message.meaning and known else None
    language = knowledge.languages.get(message.language)
    result = retriever.search(message.text, message.language, vector=vector)
    several = retriever.wishes(result, language.joining if language else ())
    if several:
        return compose_several(knowledge, message.language, several, district)
    return compose_answer(knowledge, message.language, result, district)


def affirm(content: Content, message: Message) -> Reply:
    """ "Yes" after an offer to show a person is that wish; after nothing it invites a question."""
    if message.pending == "human":
        return human_reply(content.knowledge, message.language, "no_content")
    return reply(content.knowledge, message.language, "smalltalk", "affirm", intent="affirm")


def change_language(content: Content, message: Message) -> Reply:
    """A language picked or wished for is confirmed; otherwise the languages are shown."""
    return language_reply(content.knowledge, message.language, message.wished or "chosen_language" in message.entities)


def more(content: Content, message: Message) -> Reply:
    """The next facet of the offer spoken about."""
    offer = content.knowledge.offers.get(message.offer or "")
    if offer is None:
        return reply(content.knowledge, message.language, "clarifying", "more.which", intent="more")
    return compose_card(content.knowledge, message.language, offer, "how", intent="more")


def simpler(content: Content, message: Message) -> Reply:
    """The offer spoken about in its simpler text, or back in the longer one."""
    offer = content.knowledge.offers.get(message.offer or "")
    level = message.entities.get("level", "simple")
    if offer is not None and (level == "standard" or message.language in offer.simple):
        facet = message.facet if message.facet in FACETS else "what"
        return compose_card(content.knowledge, message.language, offer, facet, intent="simpler", level=level)
    choices = (human_choice(content.knowledge, message.language),)
    return reply(content.knowledge, message.language, "smalltalk", "simpler.none", choices=choices, intent="simpler")


def human(content: Content, message: Message) -> Reply:
    return human_reply(content.knowledge, message.language)


def interpreter(content: Content, message: Message) -> Reply:
    return interpreter_reply(content.knowledge, message.language)


ACTIONS: dict[str, Callable[[Content, Message], Reply]] = {
    "action_answer": answer,
    "action_affirm": affirm,
    "action_change_language": change_language,
    "action_more": more,
    "action_simpler": simpler,
    "action_human": human,
    "action_interpreter": interpreter,
}


def action_executor(content: Callable[[], Content]) -> ActionExecutor:
    """All actions, over whatever content is in service when they are called."""
    executor = ActionExecutor()
    for name, compose in ACTIONS.items():
        executor.register_action(_action(name, compose, content))
    return executor


def _action(name: str, compose: Callable[[Content, Message], Reply], content: Callable[[], Content]) -> Action:
    def action_name(self: Action) -> str:
        return name

    def run(self: Action, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        composed = compose(content(), Message.read(tracker))
        dispatcher.utter_message(json_message=to_wire(composed))
        events: Events = [SlotSet("pending", "human" if composed.outcome == "no_content" else None)]
        if composed.cards:
            events += [SlotSet("offer", composed.cards[0].offer), SlotSet("facet", composed.cards[0].facet)]
        return events

    created: Action = type(name, (Action,), {"name": action_name, "run": run})()
    return created


def phrase_reply(content: Content, response: str, tracker: Mapping[str, Any]) -> Reply:
    """The reply to an NLG call: `utter_<key>` is the phrase `key`. Raises KeyError for a phrase that does not exist."""
    message = Message.read(tracker)
    return reply(content.knowledge, message.language, "smalltalk", response.removeprefix("utter_"), intent=message.intent)
