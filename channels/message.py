"""What a channel hands to the gateway. Typed text and pressed choices are different things from the first line on."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_CHARACTERS = 2000
# Direction marks and isolates carry no words but can turn a text around; zero-width joiners stay: Farsi and emoji need them.
_DIRECTION = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff"))


@dataclass(frozen=True)
class IncomingMessage:
    """A message as its channel read it.

    `conversation` is the id that this resident's client was given, `provider_id` the channel's own id of the message.
    `chosen` is a language the resident picked by hand, `hint` what browser or messenger says (BCP 47, not to be trusted).
    """

    channel: str
    text: str | None = None
    choice: str | None = None
    conversation: str | None = None
    provider_id: str | None = None
    chosen: str | None = None
    hint: str | None = None
    district: str | None = None


class BadMessage(Exception):
    """A message that cannot be worked on. `code` is for programs, `phrase` the key of the sentence for the resident."""

    def __init__(self, code: str, phrase: str) -> None:
        super().__init__(code)
        self.code = code
        self.phrase = phrase


def clean(text: str) -> str:
    """The text without control characters, lone surrogates and direction marks, blank space joined.

    A leading slash goes too: Rasa would read what follows as the name of an intent.
    Raises BadMessage when nothing is left or when it is longer than 2,000 characters.
    """
    if len(text) > 16 * MAX_CHARACTERS:
        raise BadMessage("too_long", "error.too_long")
    kept = "".join(
        " " if character in "\n\r\t" else character
        for character in text.translate(_DIRECTION)
        if character in "\n\r\t" or unicodedata.category(character) not in ("Cc", "Cs", "Co")
    )
    cleaned = re.sub(r"\s+", " ", kept).strip().lstrip("/ ")
    if not cleaned:
        raise BadMessage("empty", "error.empty")
    if len(cleaned) > MAX_CHARACTERS:
        raise BadMessage("too_long", "error.too_long")
    return cleaned


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit: emoji and signs alone ask nothing."""
    return any(character.isalnum() for character in text)
