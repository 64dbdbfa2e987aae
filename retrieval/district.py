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
        spellings = [(_words(spelling), district) for district in districts.values() for spelling in district.spellings]
        # The longest spelling first: "Unter Bilk" is not Bilk.
        self._spellings = sorted(spellings, key=lambda entry: -sum(map(len, entry[0])))

    def named_in(self, text: str) -> District | None:
        """The Stadtteil that `text` names; the longest name when there are several, None when there is none."""
        words = _words(text)
        meant = any(word.startswith(_MEANT) for word in words)
        for spelling, district in self._spellings:
            for start in range(len(words) - len(spelling) + 1):
                part = words[start : start + len(spelling)]
                if district.context:
                    before = words[start - 1] if start else ""
                    if part == spelling and (meant or before in _BEFORE):
                        return district
                elif all(_is(word, name) for word, name in zip(part, spelling, strict=True)):
                    after = words[start + len(spelling) : start + len(spelling) + 1]
                    # "Grafenberger Allee" is a street, elsewhere.
                    if not (after and after[0].startswith(_STREETS)):
                        return district
        return None


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", fold(text))


def _is(word: str, name: str) -> bool:
    """Whether `word` is `name`, with an ending, or with one typing mistake."""
    if word == name:
        return True
    ending = len(word) - len(name)
    if word.startswith(name) and ending <= _ENDING.get(len(name), 3 if len(name) > 4 else 0):
        return True
    if min(len(word), len(name)) < _FORGIVING_LETTERS:
        return False
    # A mistake inside an inflected name: "Gerreshaimu".
    return OSA.distance(word, name) <= 1 or (0 < ending <= 2 and OSA.distance(word[:-ending], name) <= 1)
