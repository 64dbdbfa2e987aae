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
from retrieval.classifier import OfferClassifier, Question, encode_all, learn, training_digest
from retrieval.encoder import BuiltinEncoder, HashEncoder, load_encoder, pack, unpack
from retrieval.facet import Cue, Cues
from retrieval.index import Index, IndexStale
from retrieval.knowledge import KnowledgeBase, Passage
from retrieval.lexical import Asked, LexicalIndex, fold, sentences, words
from retrieval.retriever import Calibration, Retriever
from tests.conftest import build_index

HERE = Path(__file__).parent
BASELINE = HERE / "retrieval_baseline.json"
# A figure of twenty-five questions moves by four points with one question.
TOLERANCE = 0.041

PASSAGES = (
    Passage("kita", "de", None, "question", "wie bekomme ich einen kita platz"),
    Passage("kita", "de", "cost", "section", "Kita. Was kostet das? Die Kita ist ab 3 Jahren kostenlos."),
    Passage("kita", "de", "cost", "heading", "Was kostet das?"),
    Passage("kita", "tr", None, "question", "kreş yeri nasıl bulurum"),
    Passage("kita", "tr", None, "question", "çocuğum için yuva"),
    Passage("sport", "de", None, "question", "sport im park ohne anmeldung"),
    Passage("sport", "de", "where", "section", "Sport im Park. Wo ist das? In vielen Parks."),
    Passage("sport", "de", "where", "heading", "Wo ist das?"),
)


class CountingEncoder(HashEncoder):
    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts, role="question"):  # type: ignore[no-untyped-def]
        assert role == "passage"
        self.encoded += texts
        return super().encode(texts, role)


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


CUES = Cues({"de": (Cue.read("cost", "kostet"), Cue.read("where", "wo"))})


@pytest.fixture
def retriever(tmp_path: Path, hash_encoder: HashEncoder) -> Retriever:
    calibration = replace(Calibration.load(), answer=0.0, clarify=0.0, wish=0.0, passages_counted=1)
    return Retriever(Index.build(PASSAGES, hash_encoder, tmp_path), hash_encoder, CUES, calibration=calibration)


def test_an_edit_takes_over_what_has_not_changed(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    before = Index.build(PASSAGES, encoder, tmp_path)
    encoder.encoded.clear()
    edited = tuple(replace(p, text="tr: yeni cümle") if p.language == "tr" else p for p in PASSAGES)
    after = Index.build(edited, encoder, tmp_path, before=before)
    assert encoder.encoded == ["tr: yeni cümle"]
    assert after.blocks["de"].lexical is before.blocks["de"].lexical
    assert after.blocks["tr"].lexical is not before.blocks["tr"].lexical


def test_the_offer_and_the_facet_asked_for_are_found(retriever: Retriever) -> None:
    hit = retriever.search("was kostet die kita", "de").hits[0]
    assert (hit.offer, hit.facet) == ("kita", "cost")
    assert retriever.search("sport park", "de").hits[0].offer == "sport"


def test_a_question_in_another_language_says_so(retriever: Retriever) -> None:
    assert retriever.search("kreş yeri", "tr").hits[0].in_other_language is False
    # No passage is Ukrainian: the asker's own language is nowhere, and the offer is found all the same.
    assert retriever.search("kita platz", "uk").hits[0].in_other_language is True
    # Sport exists in German alone.
    result = retriever.search("sport im park", "tr")
    assert {hit.offer: hit.in_other_language for hit in (*result.hits, *result.rejected)}["sport"] is True


def test_nothing_is_found_for_nothing(retriever: Retriever) -> None:
    for question in ("", "   ", "😀", "???"):
        assert retriever.evidence(Asked.read(question, "de"), "de", np.zeros(64, np.float32)) is None
        result = retriever.search(question, "de", vector=np.zeros(64, np.float32))
        assert (result.verdict, result.hits, result.confidence) == ("none", (), 0.0)


def test_below_the_thresholds_nothing_is_shown(retriever: Retriever) -> None:
    strict = replace(retriever.calibration, answer=1.1, clarify=1.1)
    result = Retriever(retriever.index, HashEncoder(), CUES, calibration=strict).search("was kostet die kita", "de")
    assert (result.verdict, result.hits) == ("none", ())
    assert result.rejected[0].offer == "kita"
    asking = replace(retriever.calibration, answer=1.1, clarify=0.0)
    asker = Retriever(retriever.index, HashEncoder(), CUES, calibration=asking)
    assert asker.search("was kostet die kita", "de").verdict == "clarify"


def test_words_that_may_be_kept_are_those_of_the_folder(retriever: Retriever) -> None:
    assert retriever.search("kann Yilmaz 0171 2345 zur kita", "de").known_words == ("kita",)


def test_a_question_for_two_things_is_answered_twice(retriever: Retriever) -> None:
    def wishes(question: str, finding: Retriever = retriever) -> list[str]:
        results = finding.wishes(finding.search(question, "de"), ["und"])
        return [result.hits[0].offer for result in results]

    assert wishes("kita platz und sport im park") == ["kita", "sport"]
    assert wishes("kita platz und kita") == [], "one thing, said twice"
    assert wishes("kita platz") == []
    assert wishes("kita platz, sport im park") == [], "a comma alone joins sentences, not wishes"
    assert wishes("kita, sport, kita, sport und kita") == [], "a list is no wish"
    unsure = replace(retriever.calibration, wish=1.1)
    assert wishes("kita und sport", Retriever(retriever.index, HashEncoder(), CUES, calibration=unsure)) == []


LESSONS = [
    *(Question(text, "de", "kita") for text in ("kita platz", "platz in der kita", "kindergarten platz", "kita anmelden")),
    *(Question(text, "de", "sport") for text in ("sport im park", "turnen im park", "sport draußen", "park sport")),
    *(Question(text, "de", None) for text in ("hund steuer", "steuer für den hund", "pass verloren")),
    *(Question(text, "tr", "kita") for text in ("kreş yeri", "kreşe kayıt")),
]


@pytest.fixture(scope="module")
def lesson() -> tuple[OfferClassifier, list[float]]:
    encoder = HashEncoder()
    model, alone = learn(LESSONS, encode_all([q.text for q in LESSONS], encoder), training_digest(LESSONS, encoder))
    return model, [
        float(one.own.argmax() == model.offers.index(q.offer)) for q, one in zip(LESSONS, alone, strict=True) if q.offer
    ]


def test_what_was_learned_is_said_again(lesson: tuple[OfferClassifier, list[float]], tmp_path: Path) -> None:
    model, _ = lesson
    model.save(tmp_path)
    stored = OfferClassifier.open(tmp_path, model.digest)
    assert stored is not None
    assert OfferClassifier.open(tmp_path, "another") is None
    for text, language, offer in (
        ("kita platz", "de", "kita"),
        ("im park sport machen", "de", "sport"),
        ("kreş yeri", "tr", "kita"),
    ):
        for known in (model, stored):
            said = known.scores(HashEncoder().encode([text])[0], Asked.read(text, language), language)
            assert known.offers[int(said.own.argmax())] == offer
            assert said.own.max() > said.own_none
    dog = model.scores(HashEncoder().encode(["hund steuer"])[0], Asked.read("hund steuer", "de"), "de")
    assert dog.own_none > dog.own.max()


def test_leaving_a_question_out_is_the_same_as_not_learning_it() -> None:
    encoder = HashEncoder()
    vectors = encode_all([q.text for q in LESSONS], encoder)
    _, alone = learn(LESSONS, vectors, "")
    without, _ = learn(LESSONS[1:], vectors[1:], "")
    said = without.scores(vectors[0], Asked.read(LESSONS[0].text, "de"), "de")
    # The columns' means shift by one question; the n-grams' weights too.
    assert said.shared == pytest.approx(alone[0].shared, abs=0.1)
    assert int(said.own.argmax()) == int(alone[0].own.argmax())


def test_a_damaged_model_counts_as_none(lesson: tuple[OfferClassifier, list[float]], tmp_path: Path) -> None:
    model, _ = lesson
    model.save(tmp_path)
    (tmp_path / f"{model.digest}.npz").write_bytes(b"damaged")
    assert OfferClassifier.open(tmp_path, model.digest) is None
    assert OfferClassifier.newest(tmp_path) is None


def test_an_offer_that_nobody_has_learned_yet_is_found_by_its_texts(
    retriever: Retriever, lesson: tuple[OfferClassifier, list[float]], tmp_path: Path
) -> None:
    new = (*PASSAGES, Passage("flohmarkt", "de", None, "question", "wo ist der flohmarkt"))
    index = Index.build(new, HashEncoder(), tmp_path)
    wiser = Retriever(index, HashEncoder(), CUES, lesson[0], retriever.calibration)
    assert wiser.search("wo ist der flohmarkt", "de").hits[0].offer == "flohmarkt"
    found = wiser.search("kita platz", "de").hits[0]
    assert (found.offer, found.shared is not None) == ("kita", True)


def test_a_vector_crosses_processes_almost_unchanged() -> None:
    vector = BuiltinEncoder().encode(["Wo ist die Kita?"])[0]
    assert float(unpack(pack(vector)) @ vector) == pytest.approx(1.0, abs=1e-3)


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
    index = LexicalIndex(["Anmeldung für den Kitaplatz", "Sport im Park"], "de", np.array([0, 1], np.int32))
    assert index.scores(Asked.read("kitaplaz anmelden", "de")).argmax() == 0
    kita, sport = index.scores(Asked.read("Kitaplatzanmeldung", "de"))
    assert kita > sport
    assert not index.scores(Asked.read("", "de")).any()
    assert index.covered(Asked.read("Kitaplatz", "de"), 0) > 0.9 > 0.1 > index.covered(Asked.read("Kitaplatz", "de"), 1)


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
    assert Cues(knowledge.facet_cues).facet_asked(words(question, language), language) == facet


def test_the_builtin_encoder_gives_unit_vectors_and_nothing_for_nothing() -> None:
    encoder = BuiltinEncoder()
    vectors = encoder.encode(["Wo ist die Kita?", "", "123 ?!", "Kita " * 5000])
    lengths = np.linalg.norm(vectors, axis=1)
    assert vectors.shape == (4, encoder.dimensions)
    assert vectors.dtype == np.float32
    assert lengths == pytest.approx([1, 0, 0, 1], abs=1e-4)


class FakeTransformer:
    """A model of the hub, in its place. Its vectors' second number is the length of the prompt."""

    prompts: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, name: str, device: str, trust_remote_code: bool) -> None:
        assert (device, trust_remote_code) == ("cpu", False)
        if name.endswith("own"):
            self.prompts = {"query": "Frage: ", "document": "", "passage": "Text: "}

    def get_sentence_embedding_dimension(self) -> int:
        return 3

    def encode_query(self, texts: list[str], prompt: str, show_progress_bar: bool) -> list[list[float]]:
        return [[1.0, len(prompt), 0.0] for _ in texts]

    encode_document = encode_query


def prompt_lengths(name: str) -> tuple[int, int]:
    encoder = load_encoder(name)
    question, passage = encoder.encode(["a"])[0], encoder.encode(["a"], role="passage")[0]
    return round(question[1] / question[0]), round(passage[1] / passage[0])


def test_a_model_of_the_hub_is_loaded_without_running_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=FakeTransformer))
    encoder = load_encoder("some/model")
    assert (encoder.name, encoder.dimensions) == ("some/model", 3)
    assert encoder.encode(["a", "b"]).shape == (2, 3)
    assert encoder.encode([]).shape == (0, 3)
    assert not encoder.encode(["", "123 ?!"]).any()


def test_a_model_of_the_hub_gets_the_prompts_it_was_trained_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=FakeTransformer))
    assert prompt_lengths("some/model") == (0, 0)
    assert prompt_lengths("some/model-own") == prompt_lengths("some/e5-own") == (len("Frage: "), len("Text: "))
    assert prompt_lengths("intfloat/multilingual-e5-small") == (len("query: "), len("passage: "))
    assert prompt_lengths("intfloat/multilingual-e5-large-instruct") == prompt_lengths("some/ce5f") == (0, 0)


def test_an_unknown_encoder_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="LOTSE_ENCODER=elmo"):
        load_encoder("elmo")


def test_calibration_error_is_the_distance_of_confidence_and_truth() -> None:
    assert expected_calibration_error([0.95] * 10, [1.0] * 10) == pytest.approx(0.05)
    assert expected_calibration_error([0.95] * 10, [0.0] * 10) == pytest.approx(0.95)


# Quality of the real folder with the real encoder.


@pytest.fixture(scope="module")
def report() -> BenchReport:
    return run_bench(ROOT / "knowledge", build_index(), load_encoder(), load_questions(HERE / "bench"))


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
    assert report.languages[0].calibration_error <= 0.05


def test_the_baseline_bites(report: BenchReport) -> None:
    worse = BenchReport(tuple(replace(row, top1=row.top1 - 0.05) for row in report.languages))
    assert len(falls(worse, json.loads(BASELINE.read_text()))) >= 1


def test_the_measuring_questions_are_many_and_unseen(knowledge: KnowledgeBase) -> None:
    """Neither the folder nor what search learns from holds a question by which it is measured."""

    def said(text: str, language: str) -> tuple[str, str]:
        return language, " ".join(words(text, language))

    kept = {
        said(question, language)
        for offer in knowledge.offers.values()
        for language, translation in offer.translations.items()
        for question in translation.questions
    }
    learned = {said(question.text, question.language) for question in load_questions()}
    measuring = load_questions(HERE / "bench")
    assert [question.text for question in measuring if said(question.text, question.language) in kept | learned] == []
    assert not kept & learned, "what is learned from twice counts twice"
    for language in knowledge.content_languages:
        own = [question for question in measuring if question.language == language]
        assert sum(question.offer is not None for question in own) >= 60
        assert sum(question.offer is None for question in own) >= 20
        assert {question.offer for question in own} - {None} == set(knowledge.offers)
