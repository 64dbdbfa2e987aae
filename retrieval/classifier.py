"""Which offer a question asks for, learned from questions: the example questions of the folder and the development questions.

Two ridge regressions with one column for each offer and one for "none of ours", as in Rifkin & Lippert, Notes on regularized
least squares, 2007. The shared one sees what a question means, in all languages together. A language's own one sees its meaning
and its letters. What a question means enters as random Fourier features of the sentence vector (Rahimi & Recht, Random features
for large-scale kernel machines, 2007): near questions count, distant ones do not.

Both are solved exactly, so that what they say of a question without having seen it costs nothing more (leave-one-out).
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval.encoder import Encoder, Vectors
from retrieval.knowledge import KnowledgeBase
from retrieval.lexical import Asked

Floats = npt.NDArray[np.float32]
# Changed whenever the arithmetic changes: a model on disk of another edition is learned again.
EDITION = "2"
RANDOM_FEATURES = 3000
KERNEL_WIDTH = 1.0
SHARED_RIDGE = 1.0
OWN_RIDGE = 0.5
BATCH = 64
BLOCK = 2048
# An n-gram of one question alone tells nothing of others, and half of all n-grams are such.
LEAST_QUESTIONS = 2


@dataclass(frozen=True)
class Question:
    """A question somebody may ask. `offer` is None when no offer answers it."""

    text: str
    language: str
    offer: str | None


@dataclass(frozen=True)
class Learned:
    """What both regressions say of each offer: float32, (offers,), about 1 for the right one and 0 for others.

    `shared_none` and `own_none` are those of "none of ours".
    """

    shared: Floats
    own: Floats
    shared_none: float
    own_none: float


@dataclass(frozen=True)
class _Own:
    """One language's regression: `columns` of the n-grams, their weights, and those of the meaning."""

    columns: Mapping[str, int]
    idf: Floats
    letters: npt.NDArray[np.float16]  # (n-grams, offers + 1)
    meaning: npt.NDArray[np.float16]  # (features, offers + 1)
    prior: Floats  # (offers + 1,)


class OfferClassifier:
    """Learned weights. `offers` are the columns; offers that are not among them were not known when it learned."""

    def __init__(self, offers: Sequence[str], digest: str, shared: tuple[Floats, Floats], own: Mapping[str, _Own]) -> None:
        self.offers = tuple(offers)
        self.digest = digest
        self._shared, self._prior = shared
        self._own = own

    def scores(self, vector: Vectors, asked: Asked, language: str) -> Learned:
        """What was learned about a question. A language without questions of its own gets the shared scores twice."""
        meaning = _meaning(vector[np.newaxis, :])[0]
        shared = meaning @ self._shared + self._prior
        own = shared
        if language in self._own:
            model = self._own[language]
            own = meaning @ model.meaning.astype(np.float32) + model.prior
            columns, weights = _letters(asked.ngrams, model.columns, model.idf)
            if columns:
                own = own + np.array(weights, np.float32) @ model.letters[columns].astype(np.float32)
        return Learned(shared[:-1], own[:-1], float(shared[-1]), float(own[-1]))

    @classmethod
    def open(cls, folder: Path, digest: str) -> OfferClassifier | None:
        """The model on disk, or None when there is none for `digest`, or it cannot be read."""
        try:
            with np.load(folder / f"{digest}.npz", allow_pickle=False) as stored:
                own = {
                    language: _Own(
                        {str(gram): column for column, gram in enumerate(str(stored[f"{language}-ngrams"]).split("\n"))},
                        stored[f"{language}-idf"],
                        stored[f"{language}-letters"],
                        stored[f"{language}-meaning"].astype(np.float16),
                        stored[f"{language}-prior"],
                    )
                    for language in str(stored["languages"]).split()
                }
                offers = str(stored["offers"]).split()
                return cls(offers, digest, (stored["shared"], stored["shared_prior"]), own)
        except (OSError, ValueError, KeyError):
            return None

    @classmethod
    def newest(cls, folder: Path) -> OfferClassifier | None:
        """The model learned last, of whatever content: better than none until the next one has learned."""
        for path in sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True):
            model = cls.open(folder, path.stem)
            if model is not None:
                return model
        return None

    def save(self, folder: Path) -> None:
        """Put the model into the folder in one step; older ones go."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "offers": np.array(" ".join(self.offers)),
            "languages": np.array(" ".join(self._own)),
            "shared": self._shared,
            "shared_prior": self._prior,
        }
        for language, own in self._own.items():
            arrays[f"{language}-ngrams"] = np.array("\n".join(own.columns))
            for part in ("idf", "letters", "meaning", "prior"):
                arrays[f"{language}-{part}"] = getattr(own, part)
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / f"{self.digest}.new"
        with made.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub knows no dict of arrays
        os.replace(made, folder / f"{self.digest}.npz")
        for old in folder.glob("*.npz"):
            if old.stem != self.digest:
                old.unlink(missing_ok=True)


def training_questions(knowledge: KnowledgeBase, development: Iterable[Question]) -> list[Question]:
    """What there is to learn from: example questions, titles with summaries, development questions of offers that exist."""
    questions = []
    for offer in knowledge.offers.values():
        for language, words in offer.translations.items():
            texts = dict.fromkeys([*words.questions, f"{words.title}. {words.summary}", *knowledge.names(offer.id, language)])
            questions += [Question(text, language, offer.id) for text in texts]
    return [*questions, *(question for question in development if question.offer is None or question.offer in knowledge.offers)]


def training_digest(questions: Sequence[Question], encoder: Encoder) -> str:
    """Changes with everything that the learned weights depend on."""
    digest = hashlib.sha256(f"{EDITION} {encoder.name}".encode())
    for question in sorted(questions, key=lambda question: (question.language, question.offer or "", question.text)):
        digest.update(f"{question.language}\0{question.offer or ''}\0{question.text}\n".encode())
    return digest.hexdigest()[:16]


def learn(questions: Sequence[Question], vectors: Vectors, digest: str) -> tuple[OfferClassifier, list[Learned]]:
    """Learn from `questions`; returns the model, and for each question what a model without it says (leave-one-out).

    `vectors` are the questions': float32, (questions, dimensions). About a minute for 30,000 questions on one core.
    """
    offers = sorted({question.offer for question in questions if question.offer is not None})
    column = {offer: number for number, offer in enumerate(offers)}
    truth = np.zeros((len(questions), len(offers) + 1), np.float32)
    truth[np.arange(len(questions)), [len(offers) if q.offer is None else column[q.offer] for q in questions]] = 1

    # Block by block: all features of all questions together would take half a gigabyte.
    blocks = [slice(start, start + BLOCK) for start in range(0, len(questions), BLOCK)]
    prior = truth.mean(axis=0)
    features = RANDOM_FEATURES + vectors.shape[1]
    gram, right = SHARED_RIDGE * np.eye(features), np.zeros((features, truth.shape[1]))
    for block in blocks:
        meaning = _meaning(vectors[block])
        gram += meaning.T @ meaning
        right += meaning.T @ (truth[block] - prior)
    inverse = np.linalg.inv(gram).astype(np.float32)
    shared = inverse @ right.astype(np.float32)
    unseen = np.empty_like(truth)
    for block in blocks:
        meaning = _meaning(vectors[block])
        leverage = ((meaning @ inverse) * meaning).sum(axis=1)
        unseen[block] = _without_itself(meaning @ shared, truth[block] - prior, leverage) + prior

    own: dict[str, _Own] = {}
    unseen_own = unseen.copy()
    for language in dict.fromkeys(question.language for question in questions):
        rows = np.array([row for row, question in enumerate(questions) if question.language == language])
        asked = [Asked.read(questions[row].text, language) for row in rows]
        own[language], unseen_own[rows] = _learn_own(_meaning(vectors[rows]), asked, truth[rows])
    model = OfferClassifier(offers, digest, (shared, prior), own)
    alone = [
        Learned(one[:-1], other[:-1], float(one[-1]), float(other[-1])) for one, other in zip(unseen, unseen_own, strict=True)
    ]
    return model, alone


def _learn_own(meaning: Floats, asked: Sequence[Asked], truth: Floats) -> tuple[_Own, Floats]:
    """One language's regression in its dual form, for it has more n-grams than questions; and the leave-one-out scores."""
    having_gram = Counter(gram for question in asked for gram in question.ngrams)
    often = [gram for gram, number in having_gram.items() if number >= LEAST_QUESTIONS]
    columns = {gram: column for column, gram in enumerate(often)}
    standing = np.array([having_gram[gram] for gram in often], np.float64)
    idf = (1 + np.log((1 + len(asked)) / (1 + standing))).astype(np.float32)
    letters = [_letters(question.ngrams, columns, idf) for question in asked]
    kernel = (meaning @ meaning.T).astype(np.float64)
    having: list[list[int]] = [[] for _ in columns]
    values: list[list[float]] = [[] for _ in columns]
    for row, (own_columns, weights) in enumerate(letters):
        for place, weight in zip(own_columns, weights, strict=True):
            having[place].append(row)
            values[place].append(weight)
    postings = [(np.array(rows), np.array(weights)) for rows, weights in zip(having, values, strict=True)]
    for row, (own_columns, weights) in enumerate(letters):
        for place, weight in zip(own_columns, weights, strict=True):
            rows, others = postings[place]
            kernel[row, rows] += weight * others
    prior = truth.mean(axis=0)
    inverse = np.linalg.inv(kernel + OWN_RIDGE * np.eye(len(asked)))
    dual = (inverse @ (truth - prior)).astype(np.float32)
    unseen = truth - dual / np.diag(inverse).astype(np.float32)[:, np.newaxis]
    of_letters = np.zeros((len(columns), truth.shape[1]), np.float32)
    for (own_columns, weights), row_weights in zip(letters, dual, strict=True):
        of_letters[own_columns] += np.outer(weights, row_weights)
    return _Own(columns, idf, of_letters.astype(np.float16), (meaning.T @ dual).astype(np.float16), prior), unseen


def _without_itself(fitted: Floats, truth: Floats, leverage: Floats) -> Floats:
    """The leave-one-out prediction of a ridge regression from its fit."""
    return ((fitted - leverage[:, np.newaxis] * truth) / (1 - leverage)[:, np.newaxis]).astype(np.float32)


def _letters(ngrams: Counter[str], columns: Mapping[str, int], idf: Floats) -> tuple[list[int], list[float]]:
    """The n-grams' columns and their TF-IDF weights, unit length; n-grams never seen still make the question longer."""
    unseen = float(idf.max()) if len(idf) else 1.0
    found, weights, length = [], [], 0.0
    for gram, times in ngrams.items():
        place = columns.get(gram)
        weight = (1 + math.log(times)) * (unseen if place is None else float(idf[place]))
        length += weight * weight
        if place is not None:
            found.append(place)
            weights.append(weight)
    scale = length**-0.5 if length else 0.0
    return found, [weight * scale for weight in weights]


def _meaning(vectors: Vectors) -> Floats:
    """Random Fourier features and the vector itself: float32, (texts, RANDOM_FEATURES + dimensions)."""
    frequencies, phases = _random_features(vectors.shape[1])
    return np.hstack([np.sqrt(2 / RANDOM_FEATURES, dtype=np.float32) * np.cos(vectors @ frequencies + phases), vectors])


_drawn: dict[int, tuple[Floats, Floats]] = {}


def _random_features(dimensions: int) -> tuple[Floats, Floats]:
    """The same in every process: drawn from a fixed seed."""
    if dimensions not in _drawn:
        random = np.random.default_rng(0)
        frequencies = random.standard_normal((dimensions, RANDOM_FEATURES)).astype(np.float32) * np.float32(
            np.sqrt(2 * KERNEL_WIDTH)
        )
        _drawn[dimensions] = frequencies, random.uniform(0, 2 * np.pi, RANDOM_FEATURES).astype(np.float32)
    return _drawn[dimensions]


def encode_all(texts: Sequence[str], encoder: Encoder, progress: Callable[[int, int], None] | None = None) -> Vectors:
    """The texts' vectors: float32, (texts, dimensions). `progress(done, all)` is told after each batch."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    vectors = np.zeros((len(texts), encoder.dimensions), np.float32)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        vectors[rows] = encoder.encode([texts[row] for row in rows])
        if progress:
            progress(min(start + BATCH, len(order)), len(order))
    return vectors
