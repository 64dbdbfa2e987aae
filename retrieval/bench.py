"""Quality of retrieval on the development questions, and the fitting of its confidence.

The development questions (retrieval/development/<lang>.yml) stand apart from the knowledge folder and from the tests.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from retrieval.classifier import OfferClassifier, Question, encode_all, learn, training_digest, training_questions
from retrieval.encoder import Encoder
from retrieval.facet import Cues
from retrieval.index import Index
from retrieval.knowledge import KnowledgeBase, load_knowledge
from retrieval.lexical import Asked
from retrieval.retriever import (
    ANY,
    CALIBRATION,
    CHANNELS,
    FEATURES,
    RANKED,
    Calibration,
    Evidence,
    Model,
    Retriever,
    SearchResult,
    features,
)

DEVELOPMENT = Path(__file__).with_name("development")
# What a wrong answer costs against an honest "I do not know": at or above this probability it is worth answering.
ANSWER = 0.75
CLARIFY = 0.45
# A part of a sentence must be surer than a whole question: "… und wir haben keinen Termin" is no second wish.
WISH = 0.97
LEXICAL_WEIGHTS = (0.2, 0.35, 0.5, 0.8, 1.2)
_NOTHING = Model({ANY: {"near": 1.0, "shared": 0.0, "own": 0.0}}, {}, {})
_UNFITTED = Calibration({ANY: 0.5}, 5, _NOTHING, _NOTHING, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class LanguageReport:
    """Shares in [0, 1]. `mrr`: mean reciprocal rank of the right offer among the first five.

    `wrong_answers`: answerable questions answered with another offer; `false_answers`: unanswerable ones answered;
    `calibration_error`: the expected distance of confidence and truth.
    """

    language: str
    questions: int
    top1: float
    top3: float
    mrr: float
    answered_right: float
    wrong_answers: float
    false_answers: float
    calibration_error: float


@dataclass(frozen=True)
class BenchReport:
    """One row for each language, the first for all together."""

    languages: tuple[LanguageReport, ...]

    def __str__(self) -> str:
        head = "language  questions  top-1  top-3    MRR  answered right  answered wrong  false answers  calibration error"
        rows = [
            f"{row.language:<8}  {row.questions:>9}  {row.top1:>5.1%}  {row.top3:>5.1%}  {row.mrr:>5.3f}"
            f"  {row.answered_right:>14.1%}  {row.wrong_answers:>14.1%}  {row.false_answers:>13.1%}"
            f"  {row.calibration_error:>17.3f}"
            for row in self.languages
        ]
        return "\n".join([head, *rows])


@functools.cache
def load_questions(folder: Path = DEVELOPMENT) -> tuple[Question, ...]:
    questions = []
    for path in sorted(folder.glob("*.yml")):
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for offer, texts in content["answerable"].items():
            questions += [Question(str(text), path.stem, offer) for text in texts]
        questions += [Question(str(text), path.stem, None) for text in content["unanswerable"]]
    return tuple(questions)


def lesson(knowledge: KnowledgeBase, encoder: Encoder) -> tuple[list[Question], str]:
    """What a classifier for the folder learns from, and the digest of it."""
    questions = training_questions(knowledge, load_questions())
    return questions, training_digest(questions, encoder)


def learn_offers(
    knowledge: KnowledgeBase, encoder: Encoder, folder: Path, progress: Callable[[int, int], None] | None = None
) -> OfferClassifier:
    """The classifier for the folder's offers: from disk, or else learned now (a minute or two) and kept there."""
    questions, digest = lesson(knowledge, encoder)
    model = OfferClassifier.open(folder, digest)
    if model is None:
        vectors = encode_all([question.text for question in questions], encoder, progress)
        model, _ = learn(questions, vectors, digest)
        model.save(folder)
    return model


def open_retriever(folder: Path, index_folder: Path, encoder: Encoder, calibration: Calibration | None = None) -> Retriever:
    """A retriever over the folder, with index and classifier made where they are missing."""
    knowledge, problems = load_knowledge(folder)
    if knowledge is None:
        raise ValueError("\n".join(str(problem) for problem in problems))
    index = Index.build(knowledge.passages, encoder, index_folder)
    classifier = learn_offers(knowledge, encoder, index_folder / "classifier")
    return Retriever(index, encoder, Cues(knowledge.facet_cues), classifier, calibration)


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
                float(np.mean([1 / (1 + found.index(offer)) if offer in found else 0.0 for offer, found, _ in ranked])),
                _share([verdict == "answer" and found[0] == offer for offer, found, verdict in ranked]),
                _share([verdict == "answer" and found[0] != offer for offer, found, verdict in ranked]),
                _share([result.verdict == "answer" for result in unanswerable]),
                expected_calibration_error(
                    [result.confidence for _, result in own],
                    [float(question.offer is not None and _first(result) == question.offer) for question, result in own],
                ),
            )
        )
    return BenchReport(tuple(reports))


def fit_calibration(folder: Path, index_folder: Path, encoder: Encoder, path: Path = CALIBRATION) -> None:
    """Fit the weights of the channels and the confidence on the development questions and write calibration.toml.

    Each development question is judged by a classifier that has not seen it (leave-one-out). The channels' weights are
    multinomial logistic regressions, a language's own drawn towards the common ones; the confidence is a logistic regression,
    as in Platt, Probabilistic outputs for support vector machines, 1999.
    """
    retriever = open_retriever(folder, index_folder, encoder, _UNFITTED)
    knowledge, _ = load_knowledge(folder)
    assert knowledge is not None
    every = training_questions(knowledge, load_questions())
    every_vector = encode_all([question.text for question in every], encoder)
    _, alone = learn(every, every_vector, "")
    known = set(load_questions())
    places = [place for place, question in enumerate(every) if question in known]
    questions = [every[place] for place in places]
    asked = [Asked.read(question.text, question.language) for question in questions]

    def evidence(row: int, lexical_weight: float) -> Evidence | None:
        retriever.calibration = replace(_UNFITTED, lexical_weight={ANY: lexical_weight})
        return retriever.evidence(asked[row], questions[row].language, every_vector[places[row]], alone[places[row]])

    languages = sorted({question.language for question in questions})
    offers = {offer: place for place, offer in enumerate(retriever.index.offers)}
    right = np.array([offers[question.offer] if question.offer else -1 for question in questions])
    of_language = {language: np.array([q.language == language for q in questions]) for language in languages}

    def top1(weight: float, language: str) -> float:
        # Every fifth question is enough to choose between five weights.
        rows = np.flatnonzero(of_language[language] & (right >= 0))[::5]
        return float(np.mean([(one := evidence(row, weight)) is not None and one.near.argmax() == right[row] for row in rows]))

    lexical_weight = {language: max(LEXICAL_WEIGHTS, key=lambda weight: top1(weight, language)) for language in languages}
    lexical_weight[ANY] = float(np.median(list(lexical_weight.values())))
    found = [evidence(row, lexical_weight[question.language]) for row, question in enumerate(questions)]
    lines = [
        "# Written by `lotse bench retrieval --fit` from the development questions; not to be edited by hand.",
        f"passages_counted = {_UNFITTED.passages_counted}",
        "[lexical_weight]",
        *_table(lexical_weight),
        "[thresholds]",
        f"answer = {ANSWER}",
        f"clarify = {CLARIFY}",
        f"wish = {WISH}",
    ]
    for name, channels in (("learned", CHANNELS), ("plain", CHANNELS[:1])):
        weights = _fit_weights(found, right, of_language, channels)
        lines += [line for language, own in weights.items() for line in (f"[{name}.weights.{language}]", *_table(own))]
        model = Model(weights, {}, {})
        rows, hits_right, among, whose = [], [], [], []
        for question, words, one in zip(questions, asked, found, strict=True):
            if one is None:
                continue
            seen = one if name == "learned" else replace(one, shared=None, own=None, none=(0.0, 0.0))
            ranked = retriever.rank(seen, model, words, question.language, RANKED)
            values = features(ranked, seen, words)
            rows.append([values[feature] for feature in FEATURES])
            hits_right.append(float(ranked[0].offer == question.offer))
            among.append(float(question.offer in [hit.offer for hit in ranked[:3]]))
            whose.append(languages.index(question.language))
        for part, truth in (("confidence", hits_right), ("coverage", among)):
            fitted = _logistic(np.array(rows), np.array(truth), np.array(whose), len(languages))
            intercepts = {ANY: fitted[0]} | {
                language: fitted[0] + own for language, own in zip(languages, fitted[1:], strict=False)
            }
            slopes = dict(zip(FEATURES, fitted[1 + len(languages) :], strict=True))
            lines += [f"[{name}.{part}.intercept]", *_table(intercepts), f"[{name}.{part}.slope]", *_table(slopes)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(values: Mapping[str, float]) -> list[str]:
    return [f"{key} = {value:.4f}" for key, value in values.items()]


def _fit_weights(
    found: Sequence[Evidence | None],
    right: npt.NDArray[np.int64],
    of_language: Mapping[str, npt.NDArray[np.bool_]],
    channels: Sequence[str],
) -> dict[str, dict[str, float]]:
    """How much each channel counts, by language: Newton's method on the log likelihood of the right offer."""
    usable = np.array([one is not None for one in found]) & (right >= 0)
    stacked = {
        int(row): np.stack([getattr(one, name) for name in channels], axis=1)
        for row, one in enumerate(found)
        if usable[row] and one is not None
    }

    def fit(rows: npt.NDArray[np.bool_], start: npt.NDArray[np.float64], ridge: float) -> npt.NDArray[np.float64]:
        values = np.stack([stacked[int(row)] for row in np.flatnonzero(rows & usable)])
        flat = values.reshape(-1, values.shape[2])
        truth = right[rows & usable]
        weights = start.copy()
        for _ in range(40):
            score = values @ weights
            chance = np.exp(score - score.max(axis=1, keepdims=True))
            chance /= chance.sum(axis=1, keepdims=True)
            mean = (chance[:, :, None] * values).sum(axis=1)
            gradient = (values[np.arange(len(truth)), truth] - mean).sum(axis=0) - ridge * (weights - start)
            spread = flat.T @ (flat * chance.reshape(-1, 1)) - mean.T @ mean
            step = np.linalg.solve(spread + (ridge + 1e-6) * np.eye(len(weights)), gradient)
            weights += step
            if np.abs(step).max() < 1e-6:
                break
        return weights

    everyone = np.ones(len(found), np.bool_)
    common = fit(everyone, np.ones(len(channels)), 1e-3)
    weights = {ANY: common} | {language: fit(rows, common, 5.0) for language, rows in of_language.items()}
    return {
        language: dict.fromkeys(CHANNELS, 0.0) | dict(zip(channels, map(float, own), strict=True))
        for language, own in weights.items()
    }


def expected_calibration_error(confidences: Sequence[float], right: Sequence[float], bins: int = 10) -> float:
    """The mean distance between confidence and share of right answers, over equally wide bins, weighted by their size."""
    confidence, truth = np.array(confidences), np.array(right)
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = [places == place for place in range(bins) if (places == place).any()]
    return float(sum(abs(confidence[own].mean() - truth[own].mean()) * own.mean() for own in filled))


def _first(result: SearchResult) -> str | None:
    hits = [*result.hits, *result.rejected]
    return hits[0].offer if hits else None


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def _logistic(
    features: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    group: npt.NDArray[np.int64],
    groups: int,
    ridge: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Intercept, what each group adds to it, and slopes: float64, (1 + groups + features,)."""
    matrix = np.hstack([np.ones((len(features), 1)), np.eye(groups)[group], features])
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
