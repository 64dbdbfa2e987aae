"""Which texts exist, in which language and level, in which state and how old their sources are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from retrieval.knowledge import KnowledgeBase, Offer, Translation

# How a text is marked where there is room for one sign only: the terminal and the matrix of the public page.
SIGNS = {"reviewed": "✓", "current": "●", "outdated": "◐", "missing": "·"}


@dataclass(frozen=True)
class TextState:
    """One offer in one language and level. `state`: reviewed (by a person), current, outdated or missing."""

    offer: str
    language: str
    level: str
    state: str
    translated_by: str | None = None
    reviewed_by: str | None = None
    reviewed_on: date | None = None


@dataclass(frozen=True)
class OfferState:
    """One offer. `oldest_source` is a year, month or day as in offer.yml; `expired` counts facts that are shown no longer."""

    id: str
    title: str
    topic: str
    status: str
    oldest_source: str
    unknown: tuple[str, ...]
    expired: int
    texts: tuple[TextState, ...]

    def text(self, language: str, level: str = "standard") -> TextState:
        return next(text for text in self.texts if (text.language, text.level) == (language, level))


def coverage(knowledge: KnowledgeBase, language: str | None = None) -> list[OfferState]:
    """Every offer with all its texts; titles in `language` where they exist, else in German."""
    states = []
    for offer in knowledge.offers.values():
        titled = offer.translations.get(language or "", offer.translations[knowledge.default_language])
        states.append(
            OfferState(
                offer.id,
                titled.title,
                offer.topic,
                offer.status,
                min((source.as_of for source in offer.sources.values()), default=""),
                offer.unknown,
                len(offer.facts) - len(knowledge.facts(offer)),
                tuple(_texts(knowledge, offer)),
            )
        )
    return states


def _texts(knowledge: KnowledgeBase, offer: Offer) -> Iterator[TextState]:
    for language in knowledge.content_languages:
        yield _state(offer.id, language, "standard", offer.translations.get(language))
        yield _state(offer.id, language, "simple", offer.simple.get(language))


def _state(offer: str, language: str, level: str, words: Translation | None) -> TextState:
    if words is None:
        return TextState(offer, language, level, "missing")
    state = "outdated" if words.state == "outdated" else "reviewed" if words.reviewed_by else "current"
    return TextState(offer, language, level, state, words.translated_by, words.reviewed_by, words.reviewed_on)


def matrix(knowledge: KnowledgeBase) -> str:
    """The states as a table for the terminal: a line for each offer, a column for each language."""
    states = coverage(knowledge)
    languages = knowledge.content_languages
    width = max((len(state.id) for state in states), default=0)
    lines = [f"{'':{width}}  {' '.join(f'{language:>2}' for language in languages)}  simple      sources from  not known"]
    for state in states:
        signs = " ".join(f"{SIGNS[state.text(language).state]:>2}" for language in languages)
        simple = " ".join(language for language in languages if state.text(language, "simple").state != "missing")
        expired = f"  {state.expired} expired" if state.expired else ""
        lines.append(f"{state.id:{width}}  {signs}  {simple:<10}  {state.oldest_source:<12}  {', '.join(state.unknown)}{expired}")
    texts = [state.text(language) for state in states for language in languages]
    counted = ", ".join(
        f"{number} {name}" for name in SIGNS if (number := sum(text.state == name for text in texts)) or name == "missing"
    )
    meaning = ", ".join(f"{sign} {name}" for name, sign in SIGNS.items())
    return "\n".join([*lines, "", f"{len(states)} offers × {len(languages)} languages: {counted}. ({meaning})"])
