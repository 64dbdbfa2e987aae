"""Everything that crosses a process: what the gateway hands to Rasa, and what comes back.

Pure values. `to_wire` gives plain JSON types; `from_wire` is its inverse and ignores fields it does not know,
so that the two processes may be one version apart. Standard library only: Rasa's Python 3.10 imports this file.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass
from typing import Any, Dict, Literal, Optional, Tuple, TypeVar

Outcome = Literal[
    "answered",
    "answered_in_other_language",
    "clarifying",
    "no_content",
    "out_of_scope",
    "crisis",
    "smalltalk",
    "handover_form",
    "handed_over",
    "interpreter_requested",
    "with_staff",
    "error_timeout",
    "error_unavailable",
]
ChoiceKind = Literal["offer", "facet", "language", "human", "interpreter", "level"]


@dataclass(frozen=True)
class Meaning:
    """A message's sentence vector on its way: computed once, used for the intent and for search.

    `encoder` names the model that made it; `vector` is what `retrieval.encoder.pack` wrote.
    """

    encoder: str
    vector: str


@dataclass(frozen=True)
class Turn:
    """One message of a resident on its way to Rasa, as message metadata.

    `language` is the BCP 47 code to answer in, `confidence` and `origin` say how the gateway came to it.
    `switched`: the language differs from that of the conversation so far; `wished`: the message itself asks for it.
    """

    conversation: str
    number: int
    language: str
    confidence: float = 0.0
    origin: str = "default"
    switched: bool = False
    wished: bool = False
    district: Optional[str] = None
    meaning: Optional[Meaning] = None


@dataclass(frozen=True)
class Source:
    """Where a fact stands. `as_of`: the page's own date (year, month or day); with `undated`, the day it was collected."""

    title: str
    url: str
    as_of: str
    undated: bool = False


@dataclass(frozen=True)
class Fact:
    """One fact of a card, ready to be shown: `label` and `value` in the card's language, `href` tel:, mailto: or https:."""

    key: str
    label: str
    value: str
    href: Optional[str] = None
    note: Optional[str] = None


@dataclass(frozen=True)
class Original:
    """The German text beside a translation, to be shown at a counter."""

    language: str
    title: str
    answer: str


@dataclass(frozen=True)
class Card:
    """An offer's answer to one facet. `answer` is Markdown; `translation` is source, current, outdated or missing."""

    offer: str
    title: str
    language: str
    answer: str
    facet: str
    facts: Tuple[Fact, ...] = ()
    sources: Tuple[Source, ...] = ()
    level: str = "standard"
    translation: str = "current"
    translated_by: Optional[str] = None
    status: str = "found"
    valid_until: Optional[str] = None
    notices: Tuple[str, ...] = ()
    original: Optional[Original] = None


@dataclass(frozen=True)
class Choice:
    """Something to press. `id` is `<kind>:<value>`, or the kind alone where there is no value."""

    id: str
    label: str
    kind: ChoiceKind


@dataclass(frozen=True)
class HandoverRequest:
    """A wish for a person. `phone` is where a person answers today."""

    phone: str
    reason: str = "asked"


@dataclass(frozen=True)
class InterpreterRequest:
    """A wish for an interpreter, in the resident's language."""

    language: str


@dataclass(frozen=True)
class Gap:
    """A question that the folder could not answer. `words` are those that stand in the folder itself: no name, no number."""

    nearest: Tuple[str, ...] = ()
    words: Tuple[str, ...] = ()
    facet: Optional[str] = None


@dataclass(frozen=True)
class Reply:
    """What the resident gets.

    `text` is the whole reply in plain text, `notices` are the lines of it that stand before the cards;
    `language` is the language of its words.
    """

    language: str
    outcome: Outcome
    text: str
    direction: str = "ltr"
    intent: Optional[str] = None
    confidence: Optional[float] = None
    notices: Tuple[str, ...] = ()
    cards: Tuple[Card, ...] = ()
    choices: Tuple[Choice, ...] = ()
    handover: Optional[HandoverRequest] = None
    interpreter: Optional[InterpreterRequest] = None
    gap: Optional[Gap] = None


T = TypeVar("T")


def to_wire(value: Any) -> Dict[str, Any]:
    """The value as JSON types."""
    wire: Dict[str, Any] = dataclasses.asdict(value)
    return wire


def from_wire(cls: type[T], data: Dict[str, Any]) -> T:
    """The value that `to_wire` wrote. Raises TypeError or ValueError when `data` is not one."""
    if not isinstance(data, dict):
        raise ValueError(f"{cls.__name__}: expected an object, got {type(data).__name__}")
    fields = {name: _read(hint, data[name]) for name, hint in _hints(typing.cast(Any, cls)).items() if name in data}
    return cls(**fields)


@functools.cache
def _hints(cls: Any) -> Dict[str, Any]:
    return typing.get_type_hints(cls)


def _read(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _read(arguments[0], value)
    if origin is tuple:
        return tuple(_read(arguments[0], item) for item in value)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{value!r} is not one of {arguments}")
        return value
    if dataclasses.is_dataclass(hint):
        return from_wire(typing.cast(type, hint), value)
    return value
