"""Which facet a question asks for, by the cue words that editors keep in knowledge/facets.yml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.lexical import fold


@dataclass(frozen=True)
class Cue:
    """Words that signal a facet: folded, following each other; with `prefix` the last one may go on."""

    facet: str
    words: tuple[str, ...]
    prefix: bool

    @classmethod
    def read(cls, facet: str, text: str) -> Cue:
        return cls(facet, tuple(fold(text.removesuffix("*")).split()), text.endswith("*"))

    def stands_at(self, question: Sequence[str], start: int) -> bool:
        *before, last = question[start : start + len(self.words)]
        if len(before) + 1 < len(self.words) or tuple(before) != self.words[:-1]:
            return False
        return last.startswith(self.words[-1]) if self.prefix else last == self.words[-1]


class Cues:
    """The cues of all languages, by the first letters of their first word: a question looks at few of them."""

    def __init__(self, cues: Mapping[str, Sequence[Cue]]) -> None:
        self._order = {cue: place for own in cues.values() for place, cue in enumerate(own)}
        self._starting: dict[tuple[str, str], list[Cue]] = {}
        for language, own in cues.items():
            for cue in own:
                if cue.words:
                    self._starting.setdefault((language, cue.words[0][:2]), []).append(cue)

    def facet_asked(self, question: Sequence[str], language: str) -> str | None:
        """The facet whose cues cover most letters of the question's folded words; None when no cue stands in it.

        Of equally long cues, the one listed first decides.
        """
        found = [
            cue
            for start, word in enumerate(question)
            for length in range(1, 3)
            for cue in (self._starting.get((language, word[:length]), ()) if len(word) >= length else ())
            if cue.stands_at(question, start)
        ]
        return max(found, key=lambda cue: (sum(map(len, cue.words)), -self._order[cue])).facet if found else None
