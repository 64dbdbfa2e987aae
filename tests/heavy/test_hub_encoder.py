"""Encoders of the extra `hub`, with the real libraries and a small random model: no network, no model of others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from channels.settings import ROOT
from retrieval.encoder import Encoder, HashEncoder, load_encoder
from retrieval.index import Index, IndexStale
from retrieval.knowledge import Passage

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries are loaded, which no test has done yet

PASSAGES = (
    Passage("kita", "de", None, "question", "wie bekomme ich einen kita platz"),
    Passage("sport", "de", "where", "section", "Sport im Park. Wo ist das? In vielen Parks."),
    Passage("kita", "tr", None, "question", "kreş yeri nasıl bulurum"),
)
PROMPTS = {"query": "frage: ", "document": "text: "}
DIMENSIONS = 32


def make_model(folder: Path, prompts: dict[str, str] | None = None, half: bool = False) -> Path:
    """A BERT of two layers with random weights and one token per character, as sentence-transformers saves it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    bare = folder.with_name(folder.name + "-bare")
    bare.mkdir(parents=True)
    letters = sorted({*"abcdefghijklmnopqrstuvwxyz0123456789.,:?! "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (bare / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(bare / "vocab.txt")).save_pretrained(bare)
    torch.manual_seed(7)
    shape = BertConfig(
        vocab_size=len(words), hidden_size=DIMENSIONS, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    model = BertModel(shape)
    (model.half() if half else model).save_pretrained(bare)
    layers = [Transformer(str(bare)), Pooling(DIMENSIONS)]
    SentenceTransformer(modules=layers, prompts=prompts, device="cpu").save(str(folder))
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("plain") / "model")


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("prompted") / "model", PROMPTS)


def cosine(encoder: Encoder, one: np.ndarray, text: str) -> float:
    """How near `one` is to `text`, given to the model as it is."""
    bare = encoder._model.encode([text], prompt="", normalize_embeddings=True)[0]  # type: ignore[attr-defined]
    return float(one @ bare)


def test_a_model_gives_unit_vectors_the_same_each_time(plain: Path) -> None:
    encoder = load_encoder(str(plain))
    texts = ["Wo ist die Kita?", "kreş", "أين", "Kita " * 5000]
    vectors = encoder.encode(texts)
    assert (encoder.name, encoder.dimensions) == (str(plain), DIMENSIONS)
    assert (vectors.shape, vectors.dtype) == ((4, DIMENSIONS), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1] * 4, abs=1e-5)
    assert np.array_equal(vectors, encoder.encode(texts))
    assert np.allclose(vectors, load_encoder(str(plain)).encode(texts), atol=1e-6)
    assert encoder.encode([]).shape == (0, DIMENSIONS)
    assert encoder._model.device.type == "cpu"  # type: ignore[attr-defined]


def test_what_holds_no_letter_resembles_nothing(prompted: Path) -> None:
    encoder = load_encoder(str(prompted))
    for role in ("question", "passage"):
        assert not encoder.encode(["", "  ", "😀", "123 ?!"], role=role).any()


def test_vectors_of_a_model_in_half_precision_have_unit_length(tmp_path: Path) -> None:
    encoder = load_encoder(str(make_model(tmp_path / "model", half=True)))
    vectors = encoder.encode(["Wo ist die Kita?", "Sport im Park"])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_without_prompts_a_question_and_a_passage_are_the_same(plain: Path) -> None:
    encoder = load_encoder(str(plain))
    assert np.allclose(encoder.encode(["kita"]), encoder.encode(["kita"], role="passage"), atol=1e-6)


@pytest.mark.parametrize("name", ["document", "passage"])
def test_a_models_own_prompts_are_applied(tmp_path: Path, name: str) -> None:
    encoder = load_encoder(str(make_model(tmp_path / "e5-like", {"query": "frage: ", name: "text: "})))
    question, passage = encoder.encode(["kita"])[0], encoder.encode(["kita"], role="passage")[0]
    assert float(question @ passage) < 0.999
    assert cosine(encoder, question, "frage: kita") == pytest.approx(1, abs=1e-5)
    assert cosine(encoder, passage, "text: kita") == pytest.approx(1, abs=1e-5)


def test_the_family_that_names_no_prompts_gets_them_by_its_name(tmp_path: Path) -> None:
    encoder = load_encoder(str(make_model(tmp_path / "multilingual-e5-tiny")))
    question, passage = encoder.encode(["kita"])[0], encoder.encode(["kita"], role="passage")[0]
    assert cosine(encoder, question, "query: kita") == pytest.approx(1, abs=1e-5)
    assert cosine(encoder, passage, "passage: kita") == pytest.approx(1, abs=1e-5)
    assert float(question @ passage) < 0.999


def test_an_index_opens_with_its_encoder_and_with_no_other(plain: Path, prompted: Path, tmp_path: Path) -> None:
    encoder = load_encoder(str(prompted))
    built = Index.build(PASSAGES, encoder, tmp_path)
    manifest = json.loads((tmp_path / built.digest / "manifest.json").read_text())
    assert (manifest["encoder"], manifest["dimensions"]) == (str(prompted), DIMENSIONS)
    opened = Index.open(PASSAGES, load_encoder(str(prompted)), tmp_path)
    assert opened.digest == built.digest
    rows = opened.vectors.reconstruct_n(0, len(PASSAGES))
    texts = [passage.text for passage in opened.passages]
    assert np.allclose(rows, encoder.encode(texts, role="passage"), atol=1e-5)
    assert not np.allclose(rows, encoder.encode(texts), atol=1e-3)
    for other in (load_encoder(str(plain)), HashEncoder()):
        with pytest.raises(IndexStale):
            Index.open(PASSAGES, other, tmp_path)
    # Nor does another encoder take over the vectors.
    again = Index.build(PASSAGES, load_encoder(str(plain)), tmp_path)
    assert not np.allclose(again.vectors.reconstruct_n(0, len(PASSAGES)), rows, atol=1e-3)


def plant(folder: Path, file: str) -> Path:
    """Code in a model's folder that leaves a trace when it runs. Returns the trace."""
    trace = folder / "it-ran"
    (folder / file).write_text(
        f"open({str(trace)!r}, 'w').close()\n"
        "from sentence_transformers.sentence_transformer.modules import Transformer\n"
        "from transformers import BertConfig, BertModel\n"
        "class Own(Transformer): pass\n"
        "class OwnConfig(BertConfig): model_type = 'own'\n"
        "class OwnModel(BertModel): config_class = OwnConfig\n"
    )
    return trace


def test_a_module_of_the_models_own_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    trace = plant(folder, "own_module.py")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "own_module.Own"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ValueError, match=r"LOTSE_ENCODER=.*cannot be loaded"):
        load_encoder(str(folder))
    assert not trace.exists()
    # The trap would snap: what refuses is the encoder, not a mistake in the planted code.
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(folder), device="cpu", trust_remote_code=True)
    assert trace.exists()


def test_an_architecture_of_the_models_own_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    trace = plant(folder, "modeling_own.py")
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "own"
    config["auto_map"] = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"LOTSE_ENCODER=.*cannot be loaded"):
        load_encoder(str(folder))
    assert not trace.exists()


@pytest.mark.parametrize("name", ["elmo", "nobody/no-such-model", "/no/such/folder"])
def test_an_unknown_name_is_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(ValueError, match=f"LOTSE_ENCODER={name} cannot be loaded.*Use builtin, or"):
        load_encoder(name)


def test_a_damaged_folder_is_refused_with_a_remedy(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"cannot be loaded.*Use builtin, or"):
        load_encoder(str(folder))


def test_torch_is_loaded_for_those_alone_who_want_it() -> None:
    code = (
        "import sys; from retrieval.encoder import load_encoder; load_encoder().encode(['Kita']); "
        "sys.exit(bool({'torch', 'transformers', 'sentence_transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
