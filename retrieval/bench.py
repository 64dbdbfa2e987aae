"""Quality of retrieval on the development questions, and the fitting of its confidence.

The development questions (retrieval/development/<lang>.yml) stand apart from the knowledge folder and from the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from retrieval.encoder import Encoder
from retrieval.index import Index
from retrieval.knowledge import load_knowledge
from retrieval.retriever import CALIBRATION, FEATURES, RANKED, Calibration, Hit, Retriever, SearchResult, features

DEVELOPMENT = Path(__file__).with_name("development")
# What a wrong answer costs against an honest "I do not know": at or above this probability it is worth answering.
ANSWER = 0.75
CLARIFY = 0.45


@dataclass(frozen=True)
class Question:
    """`offer` is None for a question that no offer answers."""

    text: str
    language: str
    offer: str | None


@dataclass(frozen=True)
class LanguageReport:
    """Shares in [0, 1].

    `wrong_answers`: answerable questions answered with another offer; `false_answers`: unanswerable ones answered.
    """

    language: str
    questions: int
    top1: float
    top3: float
    answered_right: float
    wrong_answers: float
    false_answers: float


@dataclass(frozen=True)
class BenchReport:
    languages: tuple[LanguageReport, ...]
    calibration_error: float

    def __str__(self) -> str:
        head = "language  questions  top-1  top-3  answered right  answered wrong  false answers"
        rows = [
            f"{row.language:<8}  {row.questions:>9}  {row.top1:>5.1%}  {row.top3:>5.1%}  {row.answered_right:>14.1%}"
            f"  {row.wrong_answers:>14.1%}  {row.false_answers:>13.1%}"
            for row in self.languages
        ]
        return "\n".join([head, *rows, f"expected calibration error {self.calibration_error:.3f}"])


def load_questions(folder: Path = DEVELOPMENT) -> list[Question]:
    questions = []
    for path in sorted(folder.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for offer, texts in content["answerable"].items():
            questions += [Question(str(text), path.stem, offer) for text in texts]
        questions += [Question(str(text), path.stem, None) for text in content["unanswerable"]]
    return questions


def open_retriever(folder: Path, index_folder: Path, encoder: Encoder, calibration: Calibration | None = None) -> Retriever:
    knowledge, problems = load_knowledge(folder)
    if knowledge is None:
        raise ValueError("\n".join(str(problem) for problem in problems))
    return Retriever(Index.build(knowledge.passages, encoder, index_folder), encoder, knowledge.facet_cues, calibration)


def run_bench(folder: Path, index_folder: Path, encoder: Encoder, questions: Sequence[Question] | None = None) -> BenchReport:
    """Ask every question, in its language."""
    retriever = open_retriever(folder, index_folder, encoder)
    asked = list(questions or load_questions())
    results = [(question, retriever.search(question.text, question.language)) for question in asked]
    reports = []
    for language in ["all", *sorted({question.language for question in asked})]:
        own = [(question, result) for question, result in results if language in ("all", question.language)]
        answerable = [(question.offer, result) for question, result in own if question.offer]
        unanswerable = [result for question, result in own if not question.offer]
        ranked = [
            (offer, [hit.offer for hit in (*result.hits, *result.rejected)], result.verdict) for offer, result in answerable
        ]
        reports.append(
            LanguageReport(
                language,
                len(own),
                _share([found[:1] == [offer] for offer, found, _ in ranked]),
                _share([offer in found[:3] for offer, found, _ in ranked]),
                _share([verdict == "answer" and found[0] == offer for offer, found, verdict in ranked]),
                _share([verdict == "answer" and found[0] != offer for offer, found, verdict in ranked]),
                _share([result.verdict == "answer" for result in unanswerable]),
            )
        )
    right = [
        float(bool(question.offer) and bool(_first(result)) and _first(result) == question.offer) for question, result in results
    ]
    return BenchReport(tuple(reports), expected_calibration_error([result.confidence for _, result in results], right))


def fit_calibration(folder: Path, index_folder: Path, encoder: Encoder, path: Path = CALIBRATION) -> None:
    """Fit the fusion and the confidence on the development questions and write calibration.toml.

    The fusion is chosen on a grid by top-1 averaged over languages; the confidence is a logistic regression
    (Newton's method, small ridge), as in Platt, Probabilistic outputs for support vector machines, 1999.
    """
    questions = load_questions()
    base = open_retriever(folder, index_folder, encoder, Calibration(0.0, 0.0, 1, {}, {}, 0.0, 0.0))
    channels = [base.channels(question.text, question.language) for question in questions]

    def ranked(calibration: Calibration) -> list[list[Hit]]:
        retriever = Retriever(base.index, encoder, {}, calibration)
        return [
            retriever.rank(found, question.text, question.language, RANKED)
            for question, found in zip(questions, channels, strict=True)
        ]

    grid = [
        replace(base.calibration, lexical_weight=weight, language_bonus=bonus, passages_counted=counted)
        for weight in (0.2, 0.3, 0.5, 0.7)
        for bonus in (0.0, 0.5, 1.0)
        for counted in (3, 5, 8)
    ]
    fusion = max(grid, key=lambda calibration: _top1(questions, ranked(calibration)))
    rows, first, among = [], [], []
    for question, hits in zip(questions, ranked(fusion), strict=True):
        if hits:
            values = features(hits, question.text)
            rows.append([values[name] for name in FEATURES])
            first.append(float(hits[0].offer == question.offer))
            among.append(float(question.offer in [hit.offer for hit in hits[:3]]))
    lines = [
        "# Written by `lotse bench retrieval --fit` from retrieval/development; not to be edited by hand.",
        "[fusion]",
        f"lexical_weight = {fusion.lexical_weight}",
        f"language_bonus = {fusion.language_bonus}",
        f"passages_counted = {fusion.passages_counted}",
    ]
    for name, truth in (("confidence", first), ("coverage", among)):
        weights = _logistic(np.array(rows), np.array(truth))
        lines += [f"[{name}]", *(f"{key} = {weight:.4f}" for key, weight in zip(("intercept", *FEATURES), weights, strict=True))]
    lines += ["[thresholds]", f"answer = {ANSWER}", f"clarify = {CLARIFY}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def expected_calibration_error(confidences: Sequence[float], right: Sequence[float], bins: int = 10) -> float:
    """The mean distance between confidence and share of right answers, over equally wide bins, weighted by their size."""
    confidence, truth = np.array(confidences), np.array(right)
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = [places == place for place in range(bins) if (places == place).any()]
    return float(sum(abs(confidence[own].mean() - truth[own].mean()) * own.mean() for own in filled))


def _first(result: SearchResult) -> str | None:
    hits = [*result.hits, *result.rejected]
    return hits[0].offer if hits else None


def _top1(questions: Sequence[Question], ranked: Sequence[Sequence[Hit]]) -> float:
    """The share of answerable questions whose first hit is right, averaged over languages: each counts the same."""
    by_language: dict[str, list[bool]] = {}
    for question, hits in zip(questions, ranked, strict=True):
        if question.offer:
            by_language.setdefault(question.language, []).append(bool(hits) and hits[0].offer == question.offer)
    return float(np.mean([np.mean(right) for right in by_language.values()]))


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def _logistic(features: npt.NDArray[np.float64], right: npt.NDArray[np.float64], ridge: float = 0.1) -> npt.NDArray[np.float64]:
    """Intercept and weights, float64, (1 + features,)."""
    matrix = np.hstack([np.ones((len(features), 1)), features])
    weights = np.zeros(matrix.shape[1])
    penalty = ridge * np.eye(len(weights))
    penalty[0, 0] = 0
    for _ in range(50):
        chance = 1 / (1 + np.exp(-matrix @ weights))
        gradient = matrix.T @ (right - chance) - penalty @ weights
        step = np.linalg.solve((matrix * (chance * (1 - chance))[:, None]).T @ matrix + penalty, gradient)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    return weights
