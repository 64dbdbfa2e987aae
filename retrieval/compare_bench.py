"""`lotse bench retrieval --compare`: the same questions, asked of plain BM25, of the encoder alone and of a public framework.

All see the same passages, those of the question's language, and an offer counts with its best passage. The framework is Haystack
(BM25 and embeddings, joined by reciprocal rank fusion, as its documentation builds a hybrid search), with our encoder's vectors.
It is measured where it is installed: `pip install haystack-ai`.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.bench import open_retriever
from retrieval.classifier import Question
from retrieval.encoder import Encoder, Vectors
from retrieval.index import Index
from retrieval.lexical import words

# Question, its vector → offers, best first.
Search = Callable[[Question, Vectors], Sequence[str]]
K1, B = 1.5, 0.75


def run_comparison(folder: Path, index_folder: Path, encoder: Encoder, questions: Sequence[Question]) -> str:
    """The table in Markdown: top-1 and top-3 over all languages and in the worst, and milliseconds a question."""
    retriever = open_retriever(folder, index_folder, encoder)
    index = retriever.index

    def ours(question: Question, vector: Vectors) -> Sequence[str]:
        result = retriever.search(question.text, question.language, vector=vector)
        return [hit.offer for hit in (*result.hits, *result.rejected)]

    searches: dict[str, Search] = {"Lotse": ours, "encoder alone": _dense(index), "BM25": _bm25(index)}
    if importlib.util.find_spec("haystack"):
        searches["Haystack, hybrid"] = _haystack(index)
    answerable = [question for question in questions if question.offer]
    vectors = encoder.encode([question.text for question in answerable])
    lines = ["| search | top-1 | worst language | top-3 | worst language | ms a question |", "|---|---|---|---|---|---|"]
    for name, search in searches.items():
        search(answerable[0], vectors[0])
        started = time.perf_counter()
        found = [list(search(question, vector))[:3] for question, vector in zip(answerable, vectors, strict=True)]
        milliseconds = 1000 * (time.perf_counter() - started) / len(answerable)
        cells = []
        for depth in (1, 3):
            right = {
                language: np.mean(
                    [q.offer in top[:depth] for q, top in zip(answerable, found, strict=True) if q.language == language]
                )
                for language in {question.language for question in answerable}
            }
            worst = min(right, key=lambda language: right[language])
            overall = np.mean([q.offer in top[:depth] for q, top in zip(answerable, found, strict=True)])
            cells += [f"{overall:.1%}", f"{right[worst]:.1%} ({worst})"]
        lines.append(f"| {name} | {' | '.join(cells)} | {milliseconds:.1f} |")
    return "\n".join(lines)


def _offers(index: Index, language: str, order: Sequence[int]) -> list[str]:
    """The offers of a language's passages in `order`, each once."""
    start = index.blocks[language].start
    return list(dict.fromkeys(index.passages[start + int(row)].offer for row in order))


def _dense(index: Index) -> Search:
    def search(question: Question, vector: Vectors) -> Sequence[str]:
        block = index.blocks[question.language]
        matrix = index.vectors.reconstruct_n(block.start, block.end - block.start)
        return _offers(index, question.language, np.argsort(-(matrix @ vector))[:100].tolist())

    return search


def _bm25(index: Index) -> Search:
    """Robertson & Zaragoza, The probabilistic relevance framework: BM25 and beyond, 2009; over folded words."""
    prepared: dict[str, tuple[dict[str, list[tuple[int, int]]], np.ndarray[Any, Any]]] = {}
    for language, block in index.blocks.items():
        postings: dict[str, list[tuple[int, int]]] = {}
        lengths = []
        for row, passage in enumerate(index.passages[block.start : block.end]):
            own = words(passage.text, language)
            lengths.append(len(own))
            for word in set(own):
                postings.setdefault(word, []).append((row, own.count(word)))
        prepared[language] = postings, np.array(lengths) / max(1.0, float(np.mean(lengths)))

    def search(question: Question, vector: Vectors) -> Sequence[str]:
        postings, lengths = prepared[question.language]
        scores = np.zeros(len(lengths))
        for word in words(question.text, question.language):
            having = postings.get(word, [])
            idf = np.log(1 + (len(lengths) - len(having) + 0.5) / (len(having) + 0.5))
            for row, times in having:
                scores[row] += idf * times * (K1 + 1) / (times + K1 * (1 - B + B * lengths[row]))
        return _offers(index, question.language, np.argsort(-scores, kind="stable")[:100].tolist())

    return search


def _haystack(index: Index) -> Search:
    os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
    from haystack import Document
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    parts = {}
    for language, block in index.blocks.items():
        store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        vectors = index.vectors.reconstruct_n(block.start, block.end - block.start)
        passages = index.passages[block.start : block.end]
        store.write_documents(
            [
                Document(id=str(row), content=passage.text, meta={"offer": passage.offer}, embedding=vector.tolist())
                for row, (passage, vector) in enumerate(zip(passages, vectors, strict=True))
            ]
        )
        parts[language] = InMemoryBM25Retriever(store, top_k=50), InMemoryEmbeddingRetriever(store, top_k=50)
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion")

    def search(question: Question, vector: Vectors) -> Sequence[str]:
        lexical, dense = parts[question.language]
        lists = [
            lexical.run(query=question.text)["documents"],
            dense.run(query_embedding=vector.tolist())["documents"],
        ]
        return list(dict.fromkeys(document.meta["offer"] for document in joiner.run(documents=lists)["documents"]))

    return search
