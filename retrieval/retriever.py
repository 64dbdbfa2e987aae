"""Finds the offers that may answer a question, and says how sure it is.

    question ─► encoder ─► FAISS  ─┐ z-scores, summed       best passage
             ─► character n-grams ─┴ + preference for  ─►   of each offer ─► confidence ─► verdict
                                     the asker's language
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from retrieval.encoder import Encoder
from retrieval.index import Index
from retrieval.knowledge import Passage
from retrieval.lexical import words

Floats = npt.NDArray[np.float64]
Verdict = Literal["answer", "clarify", "none"]
CALIBRATION = Path(__file__).with_name("calibration.toml")
FEATURES = ("dense", "lexical", "lead", "dense_lead", "short")


@dataclass(frozen=True)
class Calibration:
    """The figures of calibration.toml: written by `lotse bench retrieval --fit`, never by hand.

    `lexical_weight` and `language_bonus` count in standard deviations of the dense scores.
    At or above `answer` a question is answered, at or above `clarify` the resident is asked back.
    """

    lexical_weight: float
    language_bonus: float
    intercept: float
    weights: Mapping[str, float]
    answer: float
    clarify: float

    @classmethod
    def load(cls, path: Path = CALIBRATION) -> Calibration:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(**content["fusion"], **content["confidence"], **content["thresholds"])


@dataclass(frozen=True)
class Hit:
    """An offer and the passage by which it was found.

    `score`: z-scored sum of both channels plus language preference. `dense`: cosine in [-1, 1]. `lexical`: cosine in [0, 1].
    `facet`: the offer's facet that fits the question best.
    """

    offer: str
    language: str
    facet: str
    score: float
    text: str
    dense: float
    lexical: float
    matched: tuple[str, ...]
    in_other_language: bool


@dataclass(frozen=True)
class SearchResult:
    """What was found. `confidence` in [0, 1] is the probability that the first offer answers the question.

    No hit is a normal result: with the verdict "none" `hits` is empty and `rejected` holds what was nearest.
    """

    question: str
    language: str
    confidence: float
    verdict: Verdict
    hits: tuple[Hit, ...]
    rejected: tuple[Hit, ...]


class Retriever:
    """Search over one index. Holds no state between calls; may be shared by threads."""

    def __init__(self, index: Index, encoder: Encoder, calibration: Calibration | None = None) -> None:
        self.index = index
        self._encoder = encoder
        self.calibration = calibration or Calibration.load()
        self._offers = np.array([passage.offer for passage in index.passages])
        self._languages = np.array([passage.language for passage in index.passages])
        self._vocabulary = {word for passage in index.passages for word in words(passage.text, passage.language)}

    def search(self, question: str, language: str, limit: int = 5) -> SearchResult:
        """Find the offers that may answer `question`, best first, at most `limit`.

        `language` is the asker's; passages in it are preferred, others are found too (`in_other_language`).
        """
        ranked = self._rank(question, language)
        if not ranked:
            return SearchResult(question, language, 0.0, "none", (), ())
        confidence = self._confidence(ranked, question, language)
        hits = tuple(ranked[:limit])
        if confidence >= self.calibration.answer:
            # What is far behind the first is no answer to the same question.
            return SearchResult(question, language, confidence, "answer", hits[:1], hits[1:])
        if confidence >= self.calibration.clarify:
            return SearchResult(question, language, confidence, "clarify", hits[:3], hits[3:])
        return SearchResult(question, language, confidence, "none", (), hits)

    def known_words(self, question: str, language: str) -> tuple[str, ...]:
        """The question's words that stand in the knowledge folder: safe to keep, for a name or number of a person does not."""
        return tuple(dict.fromkeys(word for word in words(question, language) if word in self._vocabulary and not word.isdigit()))

    def features(self, question: str, language: str) -> tuple[str, dict[str, float]] | None:
        """The first offer and what its confidence is computed from; None when nothing can be found. For fitting."""
        ranked = self._rank(question, language)
        return (ranked[0].offer, _features(ranked, question, language)) if ranked else None

    def _confidence(self, ranked: list[Hit], question: str, language: str) -> float:
        features = _features(ranked, question, language)
        logit = self.calibration.intercept + sum(self.calibration.weights[name] * features[name] for name in FEATURES)
        return 1 / (1 + math.exp(-logit))

    def _rank(self, question: str, language: str) -> list[Hit]:
        vector = self._encoder.encode([question])
        lexical = self.index.lexical.scores(question, language).astype(np.float64)
        if not self.index.passages or (not vector.any() and not lexical.any()):
            return []
        similar, rows = self.index.vectors.search(vector, len(self.index.passages))
        dense = np.empty(len(self.index.passages))
        dense[rows[0]] = similar[0]
        same_language = self._languages == language
        score = (
            _z(dense)
            + self.calibration.lexical_weight * _z(lexical)
            + self.calibration.language_bonus * same_language.astype(np.float64)
        )
        hits = []
        for offer in dict.fromkeys(self._offers[np.argsort(-score)]):
            own = np.flatnonzero(self._offers == offer)
            best = int(own[np.argmax(score[own])])
            passage = self.index.passages[best]
            hits.append(
                Hit(
                    passage.offer,
                    passage.language,
                    self._facet(own, score, passage),
                    round(float(score[best]), 4),
                    passage.text,
                    round(float(dense[own].max()), 4),
                    round(float(lexical[own].max()), 4),
                    tuple(self.index.lexical.matched(question, language, passage.text, passage.language)) if len(hits) < 5 else (),
                    passage.language != language,
                )
            )
        return hits

    def _facet(self, own: npt.NDArray[np.intp], score: Floats, best: Passage) -> str:
        """The facet asked for: that of the best passage, or, for an example question, that of the offer's best section."""
        if best.facet is not None:
            return best.facet
        rows = [int(row) for row in own if self.index.passages[int(row)].facet is not None]
        return self.index.passages[max(rows, key=lambda row: score[row])].facet or "what" if rows else "what"


def _z(values: Floats) -> Floats:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)


def _features(ranked: list[Hit], question: str, language: str) -> dict[str, float]:
    first, second = ranked[0], ranked[1] if len(ranked) > 1 else None
    return {
        "dense": first.dense,
        "lexical": first.lexical,
        "lead": first.score - second.score if second else 3.0,
        "dense_lead": first.dense - max((hit.dense for hit in ranked[1:]), default=0.0),
        "short": 1.0 / max(1, len(words(question, language))),
    }
