"""Finds the offers that may answer a question, and says how sure it is.

question ─► encoder ─► FAISS  ─┐ z-scores, summed       best passage
         ─► character n-grams ─┴ + preference for  ─►   of each offer ─► confidence ─► verdict
                                 the asker's language
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import faiss
import numpy as np
import numpy.typing as npt

from retrieval.encoder import Encoder
from retrieval.facet import Cues, facet_asked
from retrieval.index import Index
from retrieval.lexical import words

Floats = npt.NDArray[np.float64]
Verdict = Literal["answer", "clarify", "none"]
CALIBRATION = Path(__file__).with_name("calibration.toml")
FEATURES = ("score", "dense", "lexical", "lead", "lead_third", "dense_lead", "length", "covered")
# How many offers the confidence is computed from: it must not depend on how many somebody wants to see.
RANKED = 5
# Facets that a question need not name.
_UNASKED = ("register", "how", "what", "who")


@dataclass(frozen=True)
class Calibration:
    """The figures of calibration.toml: written by `lotse bench retrieval --fit`, never by hand.

    `lexical_weight` and `language_bonus` count in standard deviations of the dense scores;
    an offer's `passages_counted` best passages are averaged.
    `confidence` and `coverage` are logistic models over FEATURES: the first offer answers; one of the first three does.
    From a confidence of `answer` on a question is answered; from a coverage of `clarify` on the resident is asked back.
    """

    lexical_weight: float
    language_bonus: float
    passages_counted: int
    confidence: Mapping[str, float]
    coverage: Mapping[str, float]
    answer: float
    clarify: float

    @classmethod
    def load(cls, path: Path = CALIBRATION) -> Calibration:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(**content["fusion"], confidence=content["confidence"], coverage=content["coverage"], **content["thresholds"])


@dataclass(frozen=True)
class Hit:
    """An offer and the passage by which it was found.

    `score`: z-scored sum of both channels plus language preference, averaged over the offer's best passages.
    `dense`: best cosine in [-1, 1]. `lexical`: best cosine in [0, 1].
    `facet`: the offer's facet that fits the question best. `covered`: how much of what is special in the question stands at
    the offer, a share in [0, 1]; computed for the first hit.
    """

    offer: str
    language: str
    facet: str
    score: float
    text: str
    dense: float
    lexical: float
    in_other_language: bool
    covered: float
    matched: tuple[str, ...] = ()


@dataclass(frozen=True)
class Channels:
    """The similarity of each passage to one question: float64, (passages,). `dense` in [-1, 1], `lexical` in [0, 1]."""

    dense: Floats
    lexical: Floats


@dataclass(frozen=True)
class SearchResult:
    """What was found. Probabilities: `confidence` that the first offer answers, `coverage` that one of the first three does.

    No hit is a normal result: with the verdict "none" `hits` is empty and `rejected` holds what was nearest.
    """

    question: str
    language: str
    confidence: float
    coverage: float
    verdict: Verdict
    hits: tuple[Hit, ...]
    rejected: tuple[Hit, ...]


class Retriever:
    """Search over one index. Holds no state between calls; may be shared by threads."""

    def __init__(self, index: Index, encoder: Encoder, cues: Cues, calibration: Calibration | None = None) -> None:
        self.index = index
        self._cues = cues
        self._encoder = encoder
        self.calibration = calibration or Calibration.load()
        self._offers = tuple(dict.fromkeys(passage.offer for passage in index.passages))
        owner = np.array([self._offers.index(passage.offer) for passage in index.passages], np.intp)
        heading = np.array([passage.kind == "heading" for passage in index.passages])
        self._rows = [np.flatnonzero((owner == offer) & ~heading) for offer in range(len(self._offers))]
        self._headings = [np.flatnonzero((owner == offer) & heading) for offer in range(len(self._offers))]
        # FAISS's own search would sort all passages; z-scores want every similarity and no order. No copy: a view of the index.
        size = index.vectors.ntotal * index.vectors.d
        self._matrix = faiss.rev_swig_ptr(index.vectors.get_xb(), size).reshape(index.vectors.ntotal, index.vectors.d)
        self._languages = np.array([passage.language for passage in index.passages])

    def search(self, question: str, language: str, limit: int = 5, explain: bool = False) -> SearchResult:
        """Find the offers that may answer `question`, best first, at most `limit`.

        `language` is the asker's; passages in it are preferred, others are found too (`in_other_language`).
        `explain` also fills in `matched`.
        """
        ranked = self.rank(
            self.channels(question, language), question, language, max(limit, RANKED), facet_asked(question, language, self._cues)
        )
        if not ranked:
            return SearchResult(question, language, 0.0, 0.0, "none", (), ())
        values = features(ranked, question)
        confidence, coverage = _probability(self.calibration.confidence, values), _probability(self.calibration.coverage, values)
        if explain:
            ranked = [
                replace(hit, matched=tuple(self.index.lexical.matched(question, language, hit.text, hit.language)))
                for hit in ranked
            ]
        hits = tuple(ranked[:limit])
        if confidence >= self.calibration.answer:
            return SearchResult(question, language, confidence, coverage, "answer", hits[:1], hits[1:])
        if coverage >= self.calibration.clarify:
            return SearchResult(question, language, confidence, coverage, "clarify", hits[:3], hits[3:])
        return SearchResult(question, language, confidence, coverage, "none", (), hits)

    def known_words(self, question: str, language: str) -> tuple[str, ...]:
        """The question's words that stand in the knowledge folder: safe to keep, for a name or number of a person does not."""
        return tuple(
            dict.fromkeys(
                word for word in words(question, language) if word in self.index.lexical.vocabulary and not word.isdigit()
            )
        )

    def channels(self, question: str, language: str) -> Channels | None:
        """Each passage's similarity to the question in both channels; None for a question without any word."""
        vector = self._encoder.encode([question])
        lexical = self.index.lexical.scores(question, language).astype(np.float64)
        if not self.index.passages or (not vector.any() and not lexical.any()):
            return None
        return Channels((self._matrix @ vector[0]).astype(np.float64), lexical)

    def rank(self, channels: Channels | None, question: str, language: str, limit: int, facet: str | None = None) -> list[Hit]:
        """The best offers, one more than `limit`, each with `facet` if it has it.

        An offer counts with the mean of its best passages: a chance likeness to one of them is not enough.
        """
        if channels is None:
            return []
        fusion = self.calibration
        score = (
            _z(channels.dense)
            + fusion.lexical_weight * _z(channels.lexical)
            + fusion.language_bonus * (self._languages == language)
        )
        best = [rows[np.argsort(-score[rows])[: fusion.passages_counted]] for rows in self._rows]
        totals = np.array([score[rows].mean() for rows in best])
        hits: list[Hit] = []
        for offer in np.argsort(-totals)[: limit + 1]:
            rows = self._rows[offer]
            first = int(best[offer][0])
            passage = self.index.passages[first]
            hits.append(
                Hit(
                    passage.offer,
                    passage.language,
                    self._facet(int(offer), score, facet),
                    round(float(totals[offer]), 4),
                    passage.text,
                    round(float(channels.dense[rows].max()), 4),
                    round(float(channels.lexical[rows].max()), 4),
                    passage.language != language,
                    # Costs a millisecond, and only the first hit's is asked for.
                    0.0 if hits else round(self.index.lexical.covered(question, language, first), 4),
                )
            )
        return hits

    def _facet(self, offer: int, score: Floats, asked: str | None) -> str:
        """The facet asked for, if the offer knows of it; else that of the heading nearest to the question."""
        if asked is not None and asked in {self.index.passages[row].facet for row in self._rows[offer]}:
            return asked
        headings = [row for row in self._headings[offer] if self.index.passages[row].facet in _UNASKED]
        return self.index.passages[max(headings, key=lambda row: score[row])].facet or "what" if headings else "what"


def _probability(model: Mapping[str, float], values: Mapping[str, float]) -> float:
    return 1 / (1 + math.exp(-model["intercept"] - sum(model[name] * values[name] for name in FEATURES)))


def _z(values: Floats) -> Floats:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)


def features(ranked: Sequence[Hit], question: str) -> dict[str, float]:
    """What the confidence in the first hits is computed from; `length` is that of the question, log(1 + words)."""
    first, *others = ranked
    return {
        "score": first.score,
        "dense": first.dense,
        "lexical": first.lexical,
        "lead": first.score - others[0].score if others else 0.0,
        "lead_third": first.score - others[1].score if len(others) > 1 else 0.0,
        "dense_lead": first.dense - max((hit.dense for hit in others), default=0.0),
        "length": math.log1p(len(question.split())),
        "covered": first.covered,
    }
