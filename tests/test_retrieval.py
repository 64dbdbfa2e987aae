"""Finding: index on disk, both channels, verdicts, and quality per language against a baseline."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from channels.settings import ROOT
from retrieval.bench import BenchReport, expected_calibration_error, load_questions, run_bench
from retrieval.encoder import BuiltinEncoder, HashEncoder, load_encoder
from retrieval.facet import Cue, facet_asked
from retrieval.index import Index, IndexStale
from retrieval.knowledge import KnowledgeBase, Passage
from retrieval.lexical import LexicalIndex, fold, sentences, words
from retrieval.retriever import Calibration, Retriever
from tests.conftest import build_index

BASELINE = Path(__file__).with_name("retrieval_baseline.json")
# A figure of forty-eight questions moves by two points with one question.
TOLERANCE = 0.03

PASSAGES = (
    Passage("kita", "de", None, "question", "wie bekomme ich einen kita platz"),
    Passage("kita", "de", "cost", "section", "Kita. Was kostet das? Die Kita ist ab 3 Jahren kostenlos."),
    Passage("kita", "de", "cost", "heading", "Was kostet das?"),
    Passage("kita", "tr", None, "question", "kreş yeri nasıl bulurum"),
    Passage("sport", "de", None, "question", "sport im park ohne anmeldung"),
    Passage("sport", "de", "where", "section", "Sport im Park. Wo ist das? In vielen Parks."),
    Passage("sport", "de", "where", "heading", "Wo ist das?"),
)


class CountingEncoder(HashEncoder):
    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts):  # type: ignore[no-untyped-def]
        self.encoded += texts
        return super().encode(texts)


def test_an_index_opens_as_it_was_built(tmp_path: Path, hash_encoder: HashEncoder) -> None:
    built = Index.build(PASSAGES, hash_encoder, tmp_path)
    opened = Index.open(PASSAGES, hash_encoder, tmp_path)
    assert opened.digest == built.digest
    assert np.array_equal(opened.vectors.reconstruct_n(0, len(PASSAGES)), built.vectors.reconstruct_n(0, len(PASSAGES)))


def test_an_index_of_other_content_or_another_encoder_is_stale(tmp_path: Path, hash_encoder: HashEncoder) -> None:
    with pytest.raises(IndexStale):
        Index.open(PASSAGES, hash_encoder, tmp_path)
    Index.build(PASSAGES, hash_encoder, tmp_path)
    with pytest.raises(IndexStale):
        Index.open(PASSAGES[:-1], hash_encoder, tmp_path)
    other = CountingEncoder()
    other.name = "other"
    with pytest.raises(IndexStale):
        Index.open(PASSAGES, other, tmp_path)


def test_a_damaged_index_is_stale_not_an_error(tmp_path: Path, hash_encoder: HashEncoder) -> None:
    digest = Index.build(PASSAGES, hash_encoder, tmp_path).digest
    (tmp_path / digest / "vectors.faiss").write_bytes(b"damaged")
    with pytest.raises(IndexStale):
        Index.open(PASSAGES, hash_encoder, tmp_path)
    Index.build(PASSAGES, hash_encoder, tmp_path)
    Index.open(PASSAGES, hash_encoder, tmp_path)


def test_only_changed_passages_are_encoded_again(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    Index.build(PASSAGES, encoder, tmp_path)
    encoder.encoded.clear()
    changed = (replace(PASSAGES[0], text="ein ganz neuer satz"), *PASSAGES[1:])
    Index.build(changed, encoder, tmp_path)
    assert encoder.encoded == ["ein ganz neuer satz"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [Index.open(changed, encoder, tmp_path).digest]


@pytest.fixture
def retriever(tmp_path: Path, hash_encoder: HashEncoder) -> Retriever:
    cues = {"de": (Cue.read("cost", "kostet"), Cue.read("where", "wo"))}
    calibration = replace(Calibration.load(), answer=0.0, clarify=0.0, passages_counted=2)
    return Retriever(Index.build(PASSAGES, hash_encoder, tmp_path), hash_encoder, cues, calibration)


def test_the_offer_and_the_facet_asked_for_are_found(retriever: Retriever) -> None:
    hit = retriever.search("was kostet die kita", "de").hits[0]
    assert (hit.offer, hit.facet) == ("kita", "cost")
    assert retriever.search("sport park", "de").hits[0].offer == "sport"


def test_a_question_in_another_language_says_so(retriever: Retriever) -> None:
    assert retriever.search("kreş yeri", "tr").hits[0].in_other_language is False
    assert retriever.search("kita platz", "uk").hits[0].in_other_language is True


def test_nothing_is_found_for_nothing(retriever: Retriever) -> None:
    silent = Retriever(retriever.index, BuiltinEncoder(), {}, replace(retriever.calibration, answer=0.5, clarify=0.5))
    for question in ("", "   ", "😀", "???"):
        assert silent.channels(question, "de") is None
        result = silent.search(question, "de")
        assert (result.verdict, result.hits, result.confidence) == ("none", (), 0.0)


def test_below_the_thresholds_nothing_is_shown(retriever: Retriever) -> None:
    strict = replace(retriever.calibration, answer=1.1, clarify=1.1)
    result = Retriever(retriever.index, HashEncoder(), {}, strict).search("was kostet die kita", "de")
    assert (result.verdict, result.hits) == ("none", ())
    assert result.rejected[0].offer == "kita"
    asking = replace(retriever.calibration, answer=1.1, clarify=0.0)
    assert Retriever(retriever.index, HashEncoder(), {}, asking).search("was kostet die kita", "de").verdict == "clarify"


def test_words_that_may_be_kept_are_those_of_the_folder(retriever: Retriever) -> None:
    assert retriever.known_words("kann Yilmaz 0171 2345 zur kita", "de") == ("kita",)


def test_explaining_names_the_words_found(retriever: Retriever) -> None:
    assert retriever.search("kita platz", "de", explain=True).hits[0].matched == ("kita", "platz")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ÖFFNUNG", "offnung"),
        ("Straße", "strasse"),
        ("kreş", "kres"),
        ("IĞDIR", "igdir"),
        ("أين", "اين"),
        ("می\u200cخواهم", "ميخواهم"),
        ("Ґанок", "ганок"),
    ],
)
def test_what_people_type_for_one_another_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_a_typing_mistake_and_a_compound_still_find_the_word() -> None:
    index = LexicalIndex(["Anmeldung für den Kitaplatz", "Sport im Park"], ["de", "de"], ["kita", "sport"])
    assert index.scores("kitaplaz anmelden", "de").argmax() == 0
    assert index.scores("Kitaplatzanmeldung", "de")[0] > index.scores("Kitaplatzanmeldung", "de")[1]
    assert not index.scores("", "de").any()


def test_words_and_sentences_come_from_the_languages_own_rules() -> None:
    assert words("L'école, s'il vous plaît!", "fr") == ["l'", "ecole", "s'", "il", "vous", "plait"]
    assert sentences("Das ist ein Satz. Das ist noch einer!", "de") == ["Das ist ein Satz.", "Das ist noch einer!"]


@pytest.mark.parametrize(
    ("question", "language", "facet"),
    [
        ("was kostet das", "de", "cost"),
        ("wie viel kostet ein schwimmkurs", "de", "cost"),
        ("nerede", "tr", "where"),
        ("متى يفتح", "ar", "when"),
        ("потрібно записуватись?", "uk", "register"),
        ("do they speak arabic?", "en", "languages"),
        ("Telefonnummer?", "de", "contact"),
        ("сколько это стоит", "ru", "cost"),
        ("quanto costa", "it", "cost"),
        ("ich suche einen sprachkurs", "de", None),
        ("meine mutter ist dement", "de", None),
    ],
)
def test_the_facet_is_recognised_by_the_editors_words(
    knowledge: KnowledgeBase, question: str, language: str, facet: str | None
) -> None:
    assert facet_asked(question, language, knowledge.facet_cues) == facet


def test_the_builtin_encoder_gives_unit_vectors_and_nothing_for_nothing() -> None:
    encoder = BuiltinEncoder()
    vectors = encoder.encode(["Wo ist die Kita?", "", "123 ?!", "Kita " * 5000])
    lengths = np.linalg.norm(vectors, axis=1)
    assert vectors.shape == (4, encoder.dimensions)
    assert vectors.dtype == np.float32
    assert lengths == pytest.approx([1, 0, 0, 1], abs=1e-4)


class FakeTransformer:
    def __init__(self, name: str, device: str, trust_remote_code: bool) -> None:
        assert (name, device, trust_remote_code) == ("some/model", "cpu", False)

    def get_sentence_embedding_dimension(self) -> int:
        return 3

    def encode(self, texts: list[str], normalize_embeddings: bool, show_progress_bar: bool) -> list[list[float]]:
        assert normalize_embeddings
        return [[1.0, 0.0, 0.0] for _ in texts]


def test_a_model_of_the_hub_is_loaded_without_running_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=FakeTransformer))
    encoder = load_encoder("some/model")
    assert (encoder.name, encoder.dimensions) == ("some/model", 3)
    assert encoder.encode(["a", "b"]).shape == (2, 3)
    assert encoder.encode([]).shape == (0, 3)


def test_an_unknown_encoder_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="LOTSE_ENCODER=elmo"):
        load_encoder("elmo")


def test_calibration_error_is_the_distance_of_confidence_and_truth() -> None:
    assert expected_calibration_error([0.95] * 10, [1.0] * 10) == pytest.approx(0.05)
    assert expected_calibration_error([0.95] * 10, [0.0] * 10) == pytest.approx(0.95)


# Quality of the real folder with the real encoder.


@pytest.fixture(scope="module")
def report() -> BenchReport:
    return run_bench(ROOT / "knowledge", build_index(), load_encoder())


def falls(report: BenchReport, baseline: dict[str, dict[str, float]]) -> list[str]:
    """The figures that are worse than the baseline by more than chance."""
    found = []
    for row in report.languages:
        for name, direction in (("top1", 1), ("top3", 1), ("wrong_answers", -1), ("false_answers", -1)):
            change = direction * (getattr(row, name) - baseline[row.language][name])
            if change < -TOLERANCE:
                found.append(f"{row.language} {name}: {getattr(row, name):.3f}, baseline {baseline[row.language][name]:.3f}")
    return found


def test_no_language_falls_below_its_baseline(report: BenchReport) -> None:
    assert falls(report, json.loads(BASELINE.read_text())) == []
    assert report.calibration_error <= 0.05


def test_the_baseline_bites(report: BenchReport) -> None:
    worse = BenchReport(tuple(replace(row, top1=row.top1 - 0.05) for row in report.languages), 0.0)
    assert len(falls(worse, json.loads(BASELINE.read_text()))) >= 1


def test_development_questions_do_not_stand_in_the_folder(knowledge: KnowledgeBase) -> None:
    kept = {
        (language, " ".join(words(question, language)))
        for offer in knowledge.offers.values()
        for language, translation in offer.translations.items()
        for question in translation.questions
    }
    copied = [
        question.text
        for question in load_questions()
        if (question.language, " ".join(words(question.text, question.language))) in kept
    ]
    assert copied == []
