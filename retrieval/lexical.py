"""Search by what is written: TF-IDF over character n-grams of words, for languages and names the encoder does not know.

N-grams inside words forgive typing mistakes and inflection, and find a word inside a German compound.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NGRAM_SIZES = (3, 4, 5)
# Letters that people type for one another.
_SAME_LETTER = str.maketrans(
    {
        "ß": "ss",
        "ı": "i",
        "ё": "е",
        "ґ": "г",
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ى": "ي",
        "ی": "ي",
        "ک": "ك",
        "ة": "ه",
        "ـ": "",
        "’": "'",
        "ʼ": "'",
    }
)


@functools.cache
def _pipeline(language: str) -> Any:
    import spacy

    try:
        pipeline = spacy.blank(language)
    except ImportError:
        # No rules for this language, or they need a package of their own: the multilingual tokenizer splits at blanks and signs.
        pipeline = spacy.blank("xx")
    pipeline.add_pipe("sentencizer")
    return pipeline


def fold(text: str) -> str:
    """Lower case without diacritics and invisible signs: "Ö" → "o", "أ" → "ا"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if unicodedata.category(letter) not in ("Mn", "Cf")).translate(_SAME_LETTER)


def words(text: str, language: str) -> list[str]:
    """The folded words of a text, without signs."""
    return [
        folded
        for token in _pipeline(language).make_doc(text)
        if (folded := fold(token.text)) and any(c.isalnum() for c in folded)
    ]


def sentences(text: str, language: str) -> list[str]:
    return [sentence.text.strip() for sentence in _pipeline(language)(text).sents]


def ngrams(tokens: Sequence[str]) -> Iterator[str]:
    """The character n-grams of folded words, a blank at either end of each word."""
    for token in tokens:
        padded = f" {token} "
        for size in NGRAM_SIZES:
            if len(padded) <= size:
                yield padded
                break
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


@dataclass(frozen=True)
class Asked:
    """A question taken apart once: its folded words, and how often each n-gram stands in it."""

    words: tuple[str, ...]
    ngrams: Counter[str]

    @classmethod
    def read(cls, text: str, language: str) -> Asked:
        folded = words(text, language)
        return cls(tuple(folded), Counter(ngrams(folded)))


class LexicalIndex:
    """TF-IDF with sublinear term frequency and unit length over the n-grams of `texts`, all in one language.

    `groups`, int32 (texts,), says which texts belong together (one offer's). Held as three flat arrays, an n-gram's texts
    side by side: a tenth of the memory that an array for each n-gram takes.
    """

    def __init__(self, texts: Sequence[str], language: str, groups: npt.NDArray[np.int32]) -> None:
        self.size = len(texts)
        self._groups = groups
        self._columns: dict[str, int] = {}
        columns, rows, times = array("i"), array("i"), array("B")
        vocabulary: set[str] = set()
        for row, text in enumerate(texts):
            own = words(text, language)
            vocabulary.update(own)
            for gram, count in Counter(ngrams(own)).items():
                columns.append(self._columns.setdefault(gram, len(self._columns)))
                rows.append(row)
                times.append(min(count, 255))
        self.vocabulary = frozenset(vocabulary)
        column = np.frombuffer(columns, np.int32) if columns else np.zeros(0, np.int32)
        order = np.argsort(column, kind="stable")
        column = column[order]
        self._rows = np.frombuffer(rows, np.int32)[order] if rows else np.zeros(0, np.int32)
        self._starts = np.searchsorted(column, np.arange(len(self._columns) + 1)).astype(np.int32)
        self._unseen = 1 + math.log(1 + self.size)
        self._idf = (1 + np.log((1 + self.size) / (1 + np.diff(self._starts)))).astype(np.float32)
        weights = (
            (1 + np.log(np.frombuffer(times, np.uint8)[order].astype(np.float32))) * self._idf[column]
            if times
            else np.zeros(0, np.float32)
        )
        length = np.sqrt(np.bincount(self._rows, weights * weights, minlength=self.size))
        self._weights = (weights / length[self._rows]).astype(np.float32)
        self._number = int(groups.max()) + 1 if len(groups) else 0
        pairs = np.unique(column.astype(np.int64) * max(1, self._number) + groups[self._rows])
        self._having = np.bincount(pairs // max(1, self._number), minlength=len(self._columns)).astype(np.int32)

    def scores(self, question: Asked) -> npt.NDArray[np.float32]:
        """Cosine with each text: float32, (texts,), in [0, 1]."""
        result = np.zeros(self.size, np.float32)
        length = 0.0
        for gram, times in question.ngrams.items():
            column = self._columns.get(gram)
            # An n-gram that stands nowhere still makes the question longer: two strange words beside "Kita" are a doubt.
            weight = (1 + math.log(times)) * (self._unseen if column is None else float(self._idf[column]))
            length += weight * weight
            if column is not None:
                start, end = self._starts[column], self._starts[column + 1]
                result[self._rows[start:end]] += self._weights[start:end] * np.float32(weight)
        return result / np.float32(math.sqrt(length) or 1.0)

    def covered(self, question: Asked, group: int) -> float:
        """How much of what is special in the question stands in the texts of `group`: a share in [0, 1].

        Special is what few groups have: "wo beantrage ich einen" stands at nearly every offer, "Führerschein" at none.
        """
        found = total = 0.0
        for gram in question.ngrams:
            column = self._columns.get(gram)
            weight = math.log((1 + self._number) / (1 + (0 if column is None else int(self._having[column]))))
            total += weight
            if column is not None:
                own = self._groups[self._rows[self._starts[column] : self._starts[column + 1]]]
                found += weight * bool((own == group).any())
        return found / total if total else 0.0


def matched_words(question: Asked, text: str, text_language: str) -> list[str]:
    """The question's words of which at least half the n-grams stand in `text`."""
    present = set(ngrams(words(text, text_language)))
    matched = []
    for word in question.words:
        grams = list(ngrams([word]))
        if sum(gram in present for gram in grams) * 2 >= len(grams):
            matched.append(word)
    return matched
