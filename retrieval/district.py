"""Which Stadtteil a message names: in any script we know the spellings of, inflected ("в Гарате", "Bilk'te") or misspelt."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rapidfuzz.distance import OSA

from retrieval.knowledge import District
from retrieval.lexical import fold

# Short names are everyday words, or one letter away from one: no mistake is forgiven in them.
_FORGIVING_LETTERS = 6
# How many letters an ending may have, by the length of the name: "Bilkte", "Gerresheimu", "Гарате".
_ENDING = {4: 2, 5: 3}
_LONGEST_ENDING = 3
# Folded words that say that a place follows, or that a place is meant at all. Names that are everyday words need one of them.
_BEFORE = frozenset(
    "in im aus nach bei am near from en a au dans de del w we z ze na в у з із на из la din nu da di ad من في ب از در به".split()  # noqa: SIM905
)
_MEANT = tuple(
    "stadtteil stadtviertel viertel bezirk dusseldorf duesseldorf district quartier quartiere barrio mahalle semt dzielnic "  # noqa: SIM905
    "osiedl cartier район районі дюссельдорф дюсельдорф محله حي منطقه دوسلدورف دسلدورف".split()
)
_STREETS = ("allee", "alee", "str", "platz", "weg", "алле", "اليه", "الي")


class Districts:
    """The spellings of all Stadtteile, ready to be looked for."""

    def __init__(self, districts: Mapping[str, District]) -> None:
        # By the first letter, so that a message is compared with few of them; people rarely mistype that one.
        self._starting: dict[str, list[tuple[list[str], District]]] = {}
        for district in districts.values():
            for spelling in district.spellings:
                words = _words(spelling)
                self._starting.setdefault(words[0][0], []).append((words, district))

    def named_in(self, text: str) -> District | None:
        """The Stadtteil that `text` names; the longest name when there are several, None when there is none."""
        words = _words(text)
        meant = any(word.startswith(_MEANT) for word in words)
        # The longest spelling wins: "Unter Bilk" is not Bilk.
        longest, found = 0, None
        for start, word in enumerate(words):
            for spelling, district in self._starting.get(word[0], ()):
                letters = sum(map(len, spelling))
                if letters > longest and self._stands_at(words, start, spelling, district.context, meant):
                    longest, found = letters, district
        return found

    def _stands_at(self, words: list[str], start: int, spelling: list[str], context: bool, meant: bool) -> bool:
        part = words[start : start + len(spelling)]
        if len(part) < len(spelling):
            return False
        if context:
            return part == spelling and (meant or (start > 0 and words[start - 1] in _BEFORE))
        if not all(_is(word, name) for word, name in zip(part, spelling, strict=True)):
            return False
        # "Grafenberger Allee" is a street, elsewhere.
        after = words[start + len(spelling) : start + len(spelling) + 1]
        return not (after and after[0].startswith(_STREETS))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", fold(text))


def _is(word: str, name: str) -> bool:
    """Whether `word` is `name`, with an ending, or with one typing mistake."""
    if word == name:
        return True
    if abs(len(word) - len(name)) > _LONGEST_ENDING:
        return False
    ending = len(word) - len(name)
    if word.startswith(name) and ending <= _ENDING.get(len(name), _LONGEST_ENDING if len(name) > 4 else 0):
        return True
    if min(len(word), len(name)) < _FORGIVING_LETTERS:
        return False
    # A mistake inside an inflected name: "Gerreshaimu".
    return OSA.distance(word, name) <= 1 or (0 < ending <= 2 and OSA.distance(word[:-ending], name) <= 1)
