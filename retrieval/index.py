"""The index on disk: vectors in a FAISS file, passages beside it, swapped in one step.

var/index/<digest>/{vectors.faiss, passages.json, manifest.json}
var/index/current          the digest in service
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from retrieval.encoder import Encoder, Vectors
from retrieval.knowledge import Passage
from retrieval.lexical import LexicalIndex

BATCH = 32


class IndexStale(Exception):
    """The index on disk was built from other passages, by another encoder, or cannot be read: build it again."""


@dataclass(frozen=True)
class Block:
    """The passages of one language, which stand side by side: rows `start` to `end`, and their n-grams."""

    start: int
    end: int
    lexical: LexicalIndex


@dataclass(frozen=True)
class Index:
    """Passages, ordered by language, with both ways to find them. Row i of `vectors` belongs to `passages[i]`.

    `owners[i]` is the place of that passage's offer in `offers`: int32, (passages,).
    """

    passages: tuple[Passage, ...]
    vectors: Any  # faiss.IndexFlatIP; FAISS has no types
    offers: tuple[str, ...]
    owners: npt.NDArray[np.int32]
    blocks: Mapping[str, Block]
    digest: str

    @classmethod
    def build(
        cls,
        passages: Sequence[Passage],
        encoder: Encoder,
        folder: Path,
        progress: Callable[[int, int], None] | None = None,
        before: Index | None = None,
    ) -> Index:
        """Encode what is new, keep the vectors of what is not, and put the index into service at `folder`.

        `progress(done, all)` is told after each batch of newly encoded passages. `before`, the index so far, lends what has
        not changed: then one edited file takes well under a second.
        """
        passages = _ordered(passages)
        known = _vectors_of(before) if before else _known_vectors(folder, encoder)
        new = sorted({passage.text for passage in passages} - set(known), key=len)
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            known.update(zip(batch, encoder.encode(batch, role="passage"), strict=True))
            if progress:
                progress(min(start + BATCH, len(new)), len(new))
        matrix = np.array([known[passage.text] for passage in passages], np.float32).reshape(len(passages), encoder.dimensions)
        digest = passages_digest(passages, encoder)
        made = folder / f"{digest}.new"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        vectors = faiss.IndexFlatIP(encoder.dimensions)
        vectors.add(matrix)
        faiss.write_index(vectors, str(made / "vectors.faiss"))
        (made / "passages.json").write_text(
            json.dumps([dataclasses.asdict(p) for p in passages], ensure_ascii=False), encoding="utf-8"
        )
        manifest = {"digest": digest, "encoder": encoder.name, "dimensions": encoder.dimensions, "passages": len(passages)}
        (made / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        shutil.rmtree(folder / digest, ignore_errors=True)
        made.rename(folder / digest)
        pointer = folder / "current.new"
        pointer.write_text(digest)
        os.replace(pointer, folder / "current")
        for old in folder.iterdir():
            if (old / "manifest.json").exists() and old.name != digest:
                shutil.rmtree(old, ignore_errors=True)
        return cls._of(passages, vectors, digest, before)

    @classmethod
    def open(cls, passages: Sequence[Passage], encoder: Encoder, folder: Path) -> Index:
        """The index in service, if it holds exactly `passages`. Raises IndexStale otherwise."""
        passages = _ordered(passages)
        digest = passages_digest(passages, encoder)
        try:
            current = (folder / "current").read_text().strip()
            if current != digest:
                raise IndexStale(f"{folder}: built from other content or by another encoder")
            vectors = faiss.read_index(str(folder / current / "vectors.faiss"))
        except (OSError, RuntimeError) as error:  # FAISS raises RuntimeError for a damaged file
            raise IndexStale(f"{folder}: {error}") from error
        if vectors.ntotal != len(passages) or vectors.d != encoder.dimensions:
            raise IndexStale(f"{folder}: holds {vectors.ntotal} passages instead of {len(passages)}")
        return cls._of(passages, vectors, digest, None)

    @classmethod
    def _of(cls, passages: tuple[Passage, ...], vectors: Any, digest: str, before: Index | None) -> Index:
        offers = tuple(dict.fromkeys(passage.offer for passage in passages))
        places = {offer: place for place, offer in enumerate(offers)}
        owners = np.array([places[passage.offer] for passage in passages], np.int32)
        blocks: dict[str, Block] = {}
        start = 0
        for language, own in itertools.groupby(passages, key=lambda passage: passage.language):
            mine = tuple(own)
            end = start + len(mine)
            old = before and before.blocks.get(language)
            if before and old and before.offers == offers and before.passages[old.start : old.end] == mine:
                lexical = old.lexical
            else:
                lexical = LexicalIndex([passage.text for passage in mine], language, owners[start:end])
            blocks[language] = Block(start, end, lexical)
            start = end
        return cls(passages, vectors, offers, owners, blocks, digest)


def _ordered(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    return tuple(sorted(passages, key=lambda passage: (passage.language, passage.offer)))


def passages_digest(passages: Sequence[Passage], encoder: Encoder) -> str:
    digest = hashlib.sha256(encoder.name.encode())
    for passage in passages:
        digest.update(repr(dataclasses.astuple(passage)).encode())
    return digest.hexdigest()[:16]


def _vectors_of(index: Index) -> dict[str, Vectors]:
    texts = (passage.text for passage in index.passages)
    return dict(zip(texts, index.vectors.reconstruct_n(0, index.vectors.ntotal), strict=True))


def _known_vectors(folder: Path, encoder: Encoder) -> dict[str, Vectors]:
    """The vectors of the index in service by text; empty when there is none, or when another encoder made it."""
    try:
        current = folder / (folder / "current").read_text().strip()
        manifest = json.loads((current / "manifest.json").read_text(encoding="utf-8"))
        if manifest["encoder"] != encoder.name:
            return {}
        texts = [passage["text"] for passage in json.loads((current / "passages.json").read_text(encoding="utf-8"))]
        vectors = faiss.read_index(str(current / "vectors.faiss"))
        return dict(zip(texts, vectors.reconstruct_n(0, vectors.ntotal), strict=True))
    except (OSError, RuntimeError, ValueError, KeyError):
        return {}
