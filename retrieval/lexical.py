"""Search by what is written: TF-IDF over character n-grams of words, for languages and names the encoder does not know.

N-grams inside words forgive typing mistakes and inflection, and find a word inside a German compound.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
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


def _ngrams(tokens: Sequence[str]) -> Iterator[str]:
    for token in tokens:
        padded = f" {token} "
        for size in NGRAM_SIZES:
            if len(padded) <= size:
                yield padded
                break
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


class LexicalIndex:
    """TF-IDF with sublinear term frequency and unit length over the n-grams of `texts` (one language code and one group each)."""

    def __init__(self, texts: Sequence[str], languages: Sequence[str], groups: Sequence[str]) -> None:
        self.size = len(texts)
        tokens = [words(text, language) for text, language in zip(texts, languages, strict=True)]
        self.vocabulary = frozenset(word for own in tokens for word in own)
        counts = [Counter(_ngrams(own)) for own in tokens]
        frequency: Counter[str] = Counter(gram for count in counts for gram in count)
        self._idf = {gram: 1 + math.log((1 + self.size) / (1 + seen)) for gram, seen in frequency.items()}
        names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
        self._groups = np.array([names[group] for group in groups], np.int32)
        postings: dict[str, tuple[list[int], list[float]]] = {gram: ([], []) for gram in frequency}
        for row, count in enumerate(counts):
            weights = {gram: (1 + math.log(times)) * self._idf[gram] for gram, times in count.items()}
            length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
            for gram, weight in weights.items():
                postings[gram][0].append(row)
                postings[gram][1].append(weight / length)
        self._postings = {
            gram: (np.array(rows, np.int32), np.array(weights, np.float32)) for gram, (rows, weights) in postings.items()
        }

    def scores(self, question: str, language: str) -> npt.NDArray[np.float32]:
        """Cosine with each text: float32, (texts,), in [0, 1]."""
        result = np.zeros(self.size, np.float32)
        counts = Counter(_ngrams(words(question, language)))
        unseen = 1 + math.log(1 + self.size)
        # An n-gram that stands nowhere still makes the question longer: two strange words beside "Kita" are a doubt.
        weights = {gram: (1 + math.log(times)) * self._idf.get(gram, unseen) for gram, times in counts.items()}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        for gram, weight in weights.items():
            if gram in self._postings:
                rows, values = self._postings[gram]
                result[rows] += values * np.float32(weight / length)
        return result

    def covered(self, question: str, language: str, row: int) -> float:
        """How much of what is special in the question stands in the group of text `row`: a share in [0, 1].

        Special is what few groups have: "wo beantrage ich einen" stands at nearly every offer, "Führerschein" at none.
        """
        number, found, total = int(self._groups.max()) + 1, 0.0, 0.0
        own = self._groups[row]
        for gram in set(_ngrams(words(question, language))):
            having = np.zeros(number, np.bool_)
            if gram in self._postings:
                having[self._groups[self._postings[gram][0]]] = True
            weight = math.log((1 + number) / (1 + int(having.sum())))
            total += weight
            found += weight * bool(having[own])
        return found / total if total else 0.0

    def matched(self, question: str, language: str, text: str, text_language: str) -> list[str]:
        """The question's words of which at least half the n-grams stand in `text`."""
        present = set(_ngrams(words(text, text_language)))
        matched = []
        for word in words(question, language):
            grams = list(_ngrams([word]))
            if sum(gram in present for gram in grams) * 2 >= len(grams):
                matched.append(word)
        return matched
