"""Which facet a question asks for, by the cue words that editors keep in knowledge/facets.yml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.lexical import fold, words


@dataclass(frozen=True)
class Cue:
    """Words that signal a facet: folded, following each other; with `prefix` the last one may go on."""

    facet: str
    words: tuple[str, ...]
    prefix: bool

    @classmethod
    def read(cls, facet: str, text: str) -> Cue:
        return cls(facet, tuple(fold(text.removesuffix("*")).split()), text.endswith("*"))

    def stands_in(self, question: Sequence[str]) -> bool:
        size = len(self.words)
        for start in range(len(question) - size + 1):
            *before, last = question[start : start + size]
            if tuple(before) == self.words[:-1] and (last.startswith(self.words[-1]) if self.prefix else last == self.words[-1]):
                return True
        return False


Cues = Mapping[str, tuple[Cue, ...]]


def facet_asked(question: str, language: str, cues: Cues) -> str | None:
    """The facet whose cues cover most letters of the question; None when no cue stands in it."""
    asked = words(question, language)
    weights: dict[str, int] = {}
    for cue in cues.get(language, ()):
        if cue.words and cue.stands_in(asked):
            weights[cue.facet] = max(weights.get(cue.facet, 0), sum(map(len, cue.words)))
    return max(weights, key=lambda facet: weights[facet]) if weights else None
