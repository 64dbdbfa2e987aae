"""`lotse bench retrieval --sizes`: how quick search is, and how large, with many more offers than the city has.

The offers are generated: German titles, sections and questions out of word lists, a random vector each. Speed and memory depend
on numbers, not on sense. Questions are real and go through the real encoder.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from retrieval.bench import load_questions, open_retriever
from retrieval.encoder import BuiltinEncoder, Role, Vectors, load_encoder
from retrieval.facet import Cues
from retrieval.index import Index
from retrieval.knowledge import Passage
from retrieval.retriever import Retriever

SIZES = (45, 1_000, 20_000)
_WORDS = (
    *("Hilfe", "Beratung", "Kurs", "Treffpunkt", "Pflege", "Sport", "Sprache", "Wohnung", "Arbeit", "Familie", "Kinder"),
    *("Senioren", "Frauen", "Jugend", "Gesundheit", "Kultur", "Antrag", "Termin", "Anmeldung", "Kosten", "Ausweis", "Nachbarn"),
    *("Verein", "Schule", "Ausbildung", "Ehrenamt", "Umzug", "Geld", "Recht", "Garten", "Musik", "Schwimmen"),
)


class _RandomVectors(BuiltinEncoder):
    """Random unit vectors for passages, so that 20,000 offers need not be encoded; the real encoder for questions."""

    name = "random"

    def encode(self, texts: Sequence[str], role: Role = "question") -> Vectors:
        if role == "question":
            return super().encode(texts)
        vectors = np.random.default_rng(len(texts[0])).standard_normal((len(texts), self.dimensions)).astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def run_size_bench(folder: Path, sizes: Sequence[int] = SIZES) -> str:
    """The table in Markdown; each size in a process of its own. 45 are the folder's own offers, with what was learned."""
    lines = [
        "| offers | passages | build s | edit one text s | search p50 ms | p95 ms | memory MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for size in sizes:
        command = [sys.executable, "-m", "retrieval.size_bench", str(folder), str(size)]
        ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}, check=True)
        row = json.loads(ran.stdout.splitlines()[-1])
        lines.append(
            f"| {size:,} | {row['passages']:,} | {row['build']:.1f} | {row['edit']:.2f} | {row['p50']:.1f} | {row['p95']:.1f}"
            f" | {row['memory']:.0f} |"
        )
    return "\n".join(lines)


def _generated(offers: int) -> list[Passage]:
    chosen = random.Random(0)
    passages = []
    for number in range(offers):
        title = f"{' '.join(chosen.sample(_WORDS, 2))} {number}"
        text = " ".join(chosen.choices(_WORDS, k=25))
        passages += [
            Passage(f"offer-{number}", "de", None, "section", f"{title}. {' '.join(chosen.sample(_WORDS, 6))}"),
            Passage(f"offer-{number}", "de", "how", "section", f"{title}. Wie geht das? {text}"),
            Passage(f"offer-{number}", "de", None, "question", f"wo gibt es {' '.join(chosen.sample(_WORDS, 3)).lower()}"),
        ]
    return passages


def _measure(folder: Path, offers: int) -> dict[str, float]:
    questions = [question for question in load_questions() if question.language == "de"][:300]
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        if offers == SIZES[0]:
            encoder = load_encoder()
            retriever = open_retriever(folder, Path(place), encoder)
            index = retriever.index
        else:
            encoder = _RandomVectors()
            index = Index.build(_generated(offers), encoder, Path(place))
            retriever = Retriever(index, encoder, Cues({}))
        build = time.perf_counter() - started
        place_of_edit = next(row for row, passage in enumerate(index.passages) if passage.language == "de")
        edited = list(index.passages)
        edited[place_of_edit] = replace(edited[place_of_edit], text=edited[place_of_edit].text + " Neu.")
        started = time.perf_counter()
        Index.build(edited, encoder, Path(place), before=index)
        edit = time.perf_counter() - started
        retriever.search(questions[0].text, "de")
        times = []
        for question in questions:
            started = time.perf_counter()
            retriever.search(question.text, "de")
            times.append(1000 * (time.perf_counter() - started))
    memory = psutil.Process().memory_full_info().uss / 2**20
    p50, p95 = np.percentile(times, [50, 95])
    return {"passages": len(index.passages), "build": build, "edit": edit, "p50": p50, "p95": p95, "memory": memory}


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), int(sys.argv[2]))))
