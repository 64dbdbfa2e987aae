"""Whether a message tells of danger, by the words of knowledge/crisis.yml. No model: the same words, the same answer, always.

A pattern's words must stand in the message in their order, with at most two others between each; `*` stands for any ending or
beginning; one typing mistake is forgiven in a word of six letters or more. What a harmless pattern covers is taken back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_BETWEEN = 2
_FORGIVING_LETTERS = 6
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class DangerWords:
    """One kind of danger in one language: the patterns that tell of it, and those that only sound like it."""

    kind: str
    triggers: Sequence[str]
    harmless: Sequence[str]


class Crisis:
    """The words of all kinds and languages, ready to be looked for. `fold` levels capitals, accents and look-alike letters."""

    def __init__(self, words: Mapping[str, Sequence[DangerWords]], fold: Callable[[str], str]) -> None:
        self._fold = fold
        self._words = {
            language: [(own.kind, self._patterns(own.triggers), self._patterns(own.harmless)) for own in kinds]
            for language, kinds in words.items()
        }

    def kind_of(self, text: str, languages: Sequence[str]) -> str | None:
        """The kind of danger that `text` tells of, in one of `languages`; of several the one that is listed first."""
        message = _WORD.findall(self._fold(text))
        for language in dict.fromkeys(languages):
            for kind, triggers, harmless in self._words.get(language, ()):
                found = [span for pattern in triggers if (span := _stands_in(message, pattern))]
                if not found:
                    continue
                taken_back = [span for pattern in harmless if (span := _stands_in(message, pattern))]
                if not all(any(start <= first and last <= end for start, end in taken_back) for first, last in found):
                    return kind
        return None

    def _patterns(self, lines: Sequence[str]) -> list[tuple[_Word, ...]]:
        return [tuple(part for word in line.split() for part in self._read(word)) for line in lines]

    def _read(self, word: str) -> list[_Word]:
        parts = _WORD.findall(self._fold(word.strip("*")))
        return [
            _Word(part, word.startswith("*") and not place, word.endswith("*") and place == len(parts) - 1)
            for place, part in enumerate(parts)
        ]


@dataclass(frozen=True)
class _Word:
    text: str
    any_beginning: bool
    any_ending: bool

    def is_(self, word: str) -> bool:
        if self.any_beginning:
            return word.endswith(self.text)
        if self.any_ending:
            return word.startswith(self.text)
        return word == self.text or (len(self.text) >= _FORGIVING_LETTERS and _one_mistake(self.text, word))


def _stands_in(message: Sequence[str], pattern: Sequence[_Word]) -> tuple[int, int] | None:
    """The first and last word of the message between which the pattern stands, or None."""
    for start, word in enumerate(message):
        if not pattern or not pattern[0].is_(word):
            continue
        place = start
        for wanted in pattern[1:]:
            place = next((at for at in range(place + 1, min(place + 2 + _BETWEEN, len(message))) if wanted.is_(message[at])), -1)
            if place < 0:
                break
        else:
            return start, place
    return None


def _one_mistake(word: str, typed: str) -> bool:
    """One letter too many, too few, another, or two swapped."""
    if abs(len(word) - len(typed)) > 1 or word[0] != typed[0]:
        return False
    same = next((at for at, (a, b) in enumerate(zip(word, typed, strict=False)) if a != b), min(len(word), len(typed)))
    rest, other = word[same:], typed[same:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:] or (rest[:2] == other[1::-1] and rest[2:] == other[2:])
