"""Finds the offers that may answer a question, and says how sure it is.

question ─► encoder ─► FAISS  ─┐ z-scores, summed: the best passages of each offer ─┐
         ─► character n-grams ─┘                                                    ├─► weights of the ─► confidence ─► verdict
         ─► classifier: what was learned from questions, shared and of the language ┘   language
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import faiss
import numpy as np
import numpy.typing as npt

from retrieval.classifier import Learned, OfferClassifier
from retrieval.encoder import Encoder, Vectors
from retrieval.facet import Cues
from retrieval.index import Index
from retrieval.lexical import Asked, fold, matched_words

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Verdict = Literal["answer", "clarify", "none"]
CALIBRATION = Path(__file__).with_name("calibration.toml")
CHANNELS = ("near", "shared", "own")
FEATURES = (
    "chance",
    "lead",
    "near",
    "near_lead",
    "dense",
    "lexical",
    "shared",
    "own",
    "shared_none",
    "own_none",
    "length",
    "covered",
)
# How many offers the confidence is computed from: it must not depend on how many somebody wants to see.
RANKED = 5
# What both regressions together must say of the second offer: 1 for each would be sure.
SECOND_WISH = 0.4
# More parts are a list or a story, not wishes.
MAX_WISHES = 3
# Shorter words ask for nothing by themselves.
MIN_LETTERS = 3
# Facets that a question need not name.
_UNASKED = ("register", "how", "what", "who")
# The weights of a language that has none of its own.
ANY = "any"


@dataclass(frozen=True)
class Model:
    """Fitted figures. `weights`: language → channel → how much it counts; `confidence` and `coverage`: logistic models over
    FEATURES for "the first offer answers" and "one of the first three does", each with an intercept by language.
    """

    weights: Mapping[str, Mapping[str, float]]
    confidence: Mapping[str, Mapping[str, float]]
    coverage: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Calibration:
    """The figures of calibration.toml: written by `lotse bench retrieval --fit`, never by hand.

    `lexical_weight`: how much the z-scored n-grams count beside the z-scored meaning, by language; an offer's
    `passages_counted` best passages are averaged. `learned` holds with a classifier, `plain` without one.
    From a confidence of `answer` on a question is answered; from a coverage of `clarify` on the resident is asked back; from a
    confidence of `wish` on a part of a question counts as a wish of its own.
    """

    lexical_weight: Mapping[str, float]
    passages_counted: int
    learned: Model
    plain: Model
    answer: float
    clarify: float
    wish: float

    @classmethod
    def load(cls, path: Path = CALIBRATION) -> Calibration:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(
            content["lexical_weight"],
            content["passages_counted"],
            Model(**content["learned"]),
            Model(**content["plain"]),
            **content["thresholds"],
        )


@dataclass(frozen=True)
class Hit:
    """An offer and the passage by which it was found.

    `score`: the chance among all offers, in [0, 1], if one of them is right. `near`: mean z-score of the offer's best passages.
    `dense`: best cosine in [-1, 1]. `lexical`: best cosine in [0, 1]. `shared`, `own`: what the classifier says, about 1 for
    the right offer; None without one. `facet`: the offer's facet that fits the question best. `covered`: how much of what is
    special in the question stands at the offer, a share in [0, 1]; computed for the first hit.
    """

    offer: str
    language: str
    facet: str
    score: float
    text: str
    near: float
    dense: float
    lexical: float
    in_other_language: bool
    shared: float | None = None
    own: float | None = None
    covered: float = 0.0
    matched: tuple[str, ...] = ()


@dataclass(frozen=True)
class SearchResult:
    """What was found. Probabilities: `confidence` that the first offer answers, `coverage` that one of the first three does.

    No hit is a normal result: with the verdict "none" `hits` is empty and `rejected` holds what was nearest.
    `known_words`: those of the question that stand in the folder. They are safe to keep: a person's name or number does not.
    """

    question: str
    language: str
    confidence: float
    coverage: float
    verdict: Verdict
    hits: tuple[Hit, ...]
    rejected: tuple[Hit, ...]
    known_words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What speaks for each offer of the index: float64, (offers,), in the order of `Index.offers`.

    `passage` is the row of the best passage, `heading` the facet of the heading nearest to the question. `shared` and `own` are
    None without a classifier; an offer that it does not know has 0 there and is in `unknown`.
    """

    near: Floats
    dense: Floats
    lexical: Floats
    passage: Rows
    heading: npt.NDArray[np.str_]
    shared: Floats | None = None
    own: Floats | None = None
    none: tuple[float, float] = (0.0, 0.0)
    unknown: npt.NDArray[np.bool_] | None = None


class _Pool:
    """The passages that a question of one language is compared with: rows of the index, and which offer has which of them."""

    def __init__(self, index: Index, languages: Sequence[str]) -> None:
        self.blocks = [index.blocks[language] for language in languages]
        self.rows = np.concatenate([np.arange(block.start, block.end) for block in self.blocks])
        owners = index.owners[self.rows]
        kinds = np.array([index.passages[row].kind for row in self.rows])
        facets = np.array([index.passages[row].facet or "what" for row in self.rows])
        self.of_offer = self._lines(np.flatnonzero(kinds != "heading"), owners, len(index.offers))
        self.missing = (self.of_offer == len(self.rows)).all(axis=1)
        self.headings = self._lines(np.flatnonzero((kinds == "heading") & np.isin(facets, _UNASKED)), owners, len(index.offers))
        self.heading_facets = np.append(facets, "what")[self.headings]

    def _lines(self, places: Rows, owners: npt.NDArray[np.int32], offers: int) -> Rows:
        """Which of `places` each offer has, a line each, filled up with a place beyond the last."""
        places = places[np.argsort(owners[places], kind="stable")]
        counts = np.bincount(owners[places], minlength=offers)
        lines = np.full((offers, max(1, int(counts.max(initial=0)))), len(self.rows), np.intp)
        lines[owners[places], np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)] = places
        return lines


class Retriever:
    """Search over one index. Holds no state between calls; may be shared by threads."""

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        cues: Cues,
        classifier: OfferClassifier | None = None,
        calibration: Calibration | None = None,
        spare: Sequence[str] = ("de", "en"),
    ) -> None:
        """`spare`: the languages in which an offer is found that does not exist in the asker's."""
        self.index = index
        self.encoder = encoder
        self.cues = cues
        self.classifier = classifier
        self.calibration = calibration or Calibration.load()
        # FAISS's own search would sort all passages; z-scores want every similarity and no order. No copy: a view of the index.
        size = index.vectors.ntotal * index.vectors.d
        self._matrix = faiss.rev_swig_ptr(index.vectors.get_xb(), size).reshape(index.vectors.ntotal, index.vectors.d)
        self._spare = [language for language in spare if language in index.blocks]
        self._pools: dict[tuple[str, ...], _Pool] = {}
        learned = {offer: column for column, offer in enumerate(classifier.offers)} if classifier else {}
        self._columns = np.array([learned.get(offer, -1) for offer in index.offers], np.intp)
        self._known = {(passage.language, passage.offer, passage.facet) for passage in index.passages}

    def search(
        self, question: str, language: str, limit: int = 5, explain: bool = False, vector: Vectors | None = None
    ) -> SearchResult:
        """Find the offers that may answer `question`, best first, at most `limit`.

        `language` is the asker's; an offer that does not exist in it is found in others (`in_other_language`).
        `explain` also fills in `matched`. `vector` is the question's, if it is known already.
        """
        asked = Asked.read(question, language)
        evidence = self.evidence(asked, language, self.encoder.encode([question])[0] if vector is None else vector)
        if evidence is None:
            return SearchResult(question, language, 0.0, 0.0, "none", (), ())
        model = self.model(evidence, language)
        ranked = self.rank(evidence, model, asked, language, max(limit, RANKED))
        values = features(ranked, evidence, asked)
        confidence, coverage = (probability(part, values, language) for part in (model.confidence, model.coverage))
        if explain:
            ranked = [replace(hit, matched=tuple(matched_words(asked, hit.text, hit.language))) for hit in ranked]
        hits = tuple(ranked[:limit])
        shown: tuple[Verdict, int] = ("none", 0)
        if confidence >= self.calibration.answer:
            shown = ("answer", 1)
        elif coverage >= self.calibration.clarify:
            shown = ("clarify", 3)
        verdict, number = shown
        known = self._known_words(asked)
        return SearchResult(question, language, confidence, coverage, verdict, hits[:number], hits[number:], known)

    def wishes(self, found: SearchResult, joining: Sequence[str]) -> tuple[SearchResult, ...]:
        """The answers to the parts of a question that asks for several things: "Kita und Deutschkurs".

        `found`: the result for the whole question. `joining`: the language's words for "and"; one that ends with a hyphen is
        written together with the next word (و-). Empty unless each part is answered for sure, with offers that also stand first
        for the whole question: most sentences with an "and" ask for one thing.
        """
        ranked = (*found.hits, *found.rejected)
        # Where nothing was learned of a second offer for the whole question, its parts need no search of their own.
        if len(ranked) < 2 or (ranked[1].own is not None and (ranked[1].shared or 0) + ranked[1].own < SECOND_WISH):
            return ()
        parts = _parts(found.question, joining)
        if not 2 <= len(parts) <= MAX_WISHES:
            return ()
        results = [self.search(part, found.language) for part in parts]
        if any(result.verdict != "answer" or result.confidence < self.calibration.wish for result in results):
            return ()
        first = {result.hits[0].offer: result for result in reversed(results)}
        whole = {hit.offer for hit in ranked[: len(first)]}
        return tuple(reversed(first.values())) if len(first) > 1 and set(first) == whole else ()

    def _known_words(self, asked: Asked) -> tuple[str, ...]:
        vocabularies = [block.lexical.vocabulary for block in self.index.blocks.values()]
        return tuple(
            dict.fromkeys(
                word for word in asked.words if not word.isdigit() and any(word in vocabulary for vocabulary in vocabularies)
            )
        )

    def evidence(self, asked: Asked, language: str, vector: Vectors, learned: Learned | None = None) -> Evidence | None:
        """What speaks for each offer; None when the index is empty or the question holds no word.

        `learned` stands in for what the classifier would say (fitting: what it says without this question).
        """
        if not self.index.passages:
            return None
        languages = (language,) if language in self.index.blocks else tuple(self.index.blocks)
        evidence = self._near(asked, languages, vector, language)
        missing = self._pool(languages).missing
        if missing.any() and self._spare:
            other = self._near(asked, tuple(self._spare), vector, language)
            parts = ("near", "dense", "lexical", "passage", "heading")
            evidence = replace(
                evidence, **{name: np.where(missing, getattr(other, name), getattr(evidence, name)) for name in parts}
            )
        if not vector.any() and not evidence.lexical.any():
            return None
        if self.classifier is None:
            return evidence
        learned = learned or self.classifier.scores(vector, asked, language)
        unknown = self._columns < 0
        shared, own = (np.where(unknown, 0.0, part[self._columns]).astype(np.float64) for part in (learned.shared, learned.own))
        return replace(evidence, shared=shared, own=own, none=(learned.shared_none, learned.own_none), unknown=unknown)

    def _pool(self, languages: tuple[str, ...]) -> _Pool:
        if languages not in self._pools:
            self._pools[languages] = _Pool(self.index, languages)
        return self._pools[languages]

    def _near(self, asked: Asked, languages: tuple[str, ...], vector: Vectors, language: str) -> Evidence:
        """An offer counts with the mean of its best passages: a chance likeness to one of them is not enough."""
        pool = self._pool(languages)
        dense = np.concatenate([self._matrix[block.start : block.end] @ vector for block in pool.blocks]).astype(np.float64)
        lexical = np.concatenate([block.lexical.scores(asked) for block in pool.blocks]).astype(np.float64)
        weight = self.calibration.lexical_weight
        fused = np.append(_z(dense) + weight.get(language, weight[ANY]) * _z(lexical), -np.inf)
        scores = fused[pool.of_offer]
        counted = min(self.calibration.passages_counted, scores.shape[1])
        best = -np.partition(-scores, counted - 1, axis=1)[:, :counted]
        real = np.isfinite(best)
        number = np.maximum(real.sum(axis=1), 1)
        near = np.where(real, best, 0).sum(axis=1) / number - np.where(pool.missing, 99.0, 0.0)
        first = pool.of_offer[np.arange(len(scores)), scores.argmax(axis=1)]
        return Evidence(
            near,
            np.append(dense, -1.0)[pool.of_offer].max(axis=1),
            np.append(lexical, 0.0)[pool.of_offer].max(axis=1),
            pool.rows[np.minimum(first, len(pool.rows) - 1)],
            pool.heading_facets[np.arange(len(scores)), fused[pool.headings].argmax(axis=1)],
        )

    def model(self, evidence: Evidence, language: str) -> Model:
        """The figures that count: the plain ones without a classifier, or when the nearest offer is one it has not learned."""
        plain = self.calibration.plain
        if evidence.unknown is None or evidence.unknown[chances(evidence, plain, language).argmax()]:
            return plain
        return self.calibration.learned

    def rank(self, evidence: Evidence, model: Model, asked: Asked, language: str, limit: int) -> list[Hit]:
        """The best offers, one more than `limit`, each with the facet asked for if it has it."""
        chance = chances(evidence, model, language)
        facet = self.cues.facet_asked(asked.words, language)
        hits: list[Hit] = []
        for offer in np.argsort(-chance)[: limit + 1]:
            passage = self.index.passages[evidence.passage[offer]]
            learned = evidence.shared is not None and evidence.own is not None
            hits.append(
                Hit(
                    passage.offer,
                    passage.language,
                    facet if facet and (passage.language, passage.offer, facet) in self._known else str(evidence.heading[offer]),
                    round(float(chance[offer]), 4),
                    passage.text,
                    round(float(evidence.near[offer]), 4),
                    round(float(evidence.dense[offer]), 4),
                    round(float(evidence.lexical[offer]), 4),
                    passage.language != language,
                    round(float(evidence.shared[offer]), 4) if learned else None,  # type: ignore[index]
                    round(float(evidence.own[offer]), 4) if learned else None,  # type: ignore[index]
                    # Only the first hit's is asked for.
                    0.0 if hits else round(self.index.blocks[passage.language].lexical.covered(asked, int(offer)), 4),
                )
            )
        return hits


def _parts(question: str, joining: Sequence[str]) -> list[str]:
    """The question cut at the words for "and", and then at commas too; one part when there is no such word."""
    alone = {fold(word) for word in joining if not word.endswith("-")}
    attached = tuple(fold(word[:-1]) for word in joining if word.endswith("-"))
    parts: list[list[str]] = [[]]
    joined = False
    for word in re.sub(r"([+&])|[,;،؛]", lambda sign: f" {sign[1] or ','} ", question).split():
        folded = fold(word)
        if word in ",+&" or folded in alone:
            joined = joined or word != ","
            parts.append([])
        elif attached and folded.startswith(attached) and len(folded) > MIN_LETTERS:
            joined = True
            parts.append([word[1:]])
        else:
            parts[-1].append(word)
    if not joined:
        return [question]
    return [" ".join(part) for part in parts if any(len(word) >= MIN_LETTERS for word in part)]


def chances(evidence: Evidence, model: Model, language: str) -> Floats:
    """The chance of each offer, adding to 1, if one of them is right: a softmax over the weighted channels."""
    weights = model.weights.get(language, model.weights[ANY])
    score = sum(weights[name] * channel for name in CHANNELS if (channel := getattr(evidence, name)) is not None)
    odds = np.exp(np.asarray(score) - np.max(score))
    return np.asarray(odds / odds.sum(), np.float64)


def features(ranked: Sequence[Hit], evidence: Evidence, asked: Asked) -> dict[str, float]:
    """What the confidence in the first hits is computed from; `length` is that of the question, log(1 + words)."""
    first, *others = ranked
    second = others[0] if others else replace(first, score=0.0, near=0.0)
    best, next_best = (math.log(max(hit.score, 1e-4)) for hit in (first, second))
    return {
        "chance": best,
        "lead": best - next_best,
        "near": first.near,
        "near_lead": first.near - max((hit.near for hit in others), default=0.0),
        "dense": first.dense,
        "lexical": first.lexical,
        "shared": first.shared or 0.0,
        "own": first.own or 0.0,
        "shared_none": evidence.none[0],
        "own_none": evidence.none[1],
        "length": math.log1p(len(asked.words)),
        "covered": first.covered,
    }


def probability(model: Mapping[str, Mapping[str, float]], values: Mapping[str, float], language: str) -> float:
    """A logistic model: `model` has `intercept` by language and `slope` by feature."""
    intercept = model["intercept"].get(language, model["intercept"][ANY])
    return 1 / (1 + math.exp(-intercept - sum(model["slope"][name] * values[name] for name in FEATURES)))


def _z(values: Floats) -> Floats:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)
