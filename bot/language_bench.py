"""How well the language of a message is told: per kind and language, with speed, memory and loading time.

`lotse bench language [--data FOLDER]` prints the report. The messages in tests/language are always measured; a folder
adds each <name>.jsonl in it, with {"text", "lang"} per line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.language import guess_language, load

CHAT_FOLDER = Path(__file__).parent.parent / "tests" / "language" / "chat"
SURE = 0.8  # from this confidence on, a detected language must not be wrong

_COLD_START = """
import time
started = time.perf_counter()
import bot.language
bot.language.load()
seconds = time.perf_counter() - started
lines = open("/proc/self/status").read().splitlines()
print(seconds, next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")))
"""


@dataclass(frozen=True)
class Message:
    """What somebody typed, and its true language; `kind` is the sort of message or the name of the data set."""

    text: str
    language: str
    kind: str


@dataclass(frozen=True)
class Score:
    """Counts over the messages of one kind (and language)."""

    messages: int = 0
    right: int = 0
    sure_and_wrong: int = 0
    flips: int = 0

    @property
    def accuracy(self) -> float:
        """Share of messages whose language was detected (not assumed) and right, in [0, 1]."""
        return self.right / self.messages if self.messages else 1.0

    @property
    def sure_and_wrong_rate(self) -> float:
        """Share of messages detected wrongly with a confidence of at least `SURE`."""
        return self.sure_and_wrong / self.messages if self.messages else 0.0

    @property
    def flip_rate(self) -> float:
        """Share of messages that make a conversation leave the language they are written in."""
        return self.flips / self.messages if self.messages else 0.0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.messages + other.messages,
            self.right + other.right,
            self.sure_and_wrong + other.sure_and_wrong,
            self.flips + other.flips,
        )


@dataclass(frozen=True)
class LanguageBenchReport:
    """Scores by (kind, language); times in milliseconds per call, memory in MB of the whole process."""

    scores: dict[tuple[str, str], Score]
    wrong: tuple[tuple[Message, str, float], ...]
    p50_ms: float
    p95_ms: float
    load_seconds: float
    memory_mb: float

    def by_kind(self) -> dict[str, Score]:
        """Scores per kind, over all languages."""
        return self._summed(0)

    def by_language(self) -> dict[str, Score]:
        """Scores per language, over all kinds."""
        return self._summed(1)

    def _summed(self, part: int) -> dict[str, Score]:
        sums: dict[str, Score] = defaultdict(Score)
        for key, score in self.scores.items():
            sums[key[part]] += score
        return dict(sums)

    def __str__(self) -> str:
        rows = [f"{'':22}{'messages':>9}{'right %':>9}{'sure, wrong %':>15}{'wrong flips %':>15}"]
        for title, sums in (("kind", self.by_kind()), ("language", self.by_language())):
            rows.append(title)
            rows += [
                f"  {name:20}{s.messages:9}{100 * s.accuracy:9.2f}{100 * s.sure_and_wrong_rate:15.2f}{100 * s.flip_rate:15.2f}"
                for name, s in sorted(sums.items())
            ]
        rows.append(f"per call: p50 {self.p50_ms:.2f} ms, p95 {self.p95_ms:.2f} ms")
        rows.append(f"loading: {self.load_seconds:.1f} s, {self.memory_mb:.0f} MB")
        return "\n".join(rows)


def read_chat(folder: Path = CHAT_FOLDER) -> list[Message]:
    """Our own messages: <language>.yml holds texts, one message a line, by kind of message."""
    import yaml

    return [
        Message(text.strip(), path.stem, f"chat {kind}")
        for path in sorted(folder.glob("*.yml"))
        for kind, texts in yaml.safe_load(path.read_text(encoding="utf-8")).items()
        for text in texts.strip().split("\n")
    ]


def read_data(folder: Path) -> list[Message]:
    """Each <name>.jsonl of a folder, as the kind <name>."""
    return [
        Message(record["text"], record["lang"], path.stem)
        for path in sorted(folder.glob("*.jsonl"))
        for record in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]


def score_messages(messages: Iterable[Message]) -> LanguageBenchReport:
    """Guess each message once without any context, and once in a conversation in its own language."""
    load()
    scores: dict[tuple[str, str], Score] = defaultdict(Score)
    wrong: list[tuple[Message, str, float]] = []
    times: list[float] = []
    for message in messages:
        started = time.perf_counter()
        guess = guess_language(message.text)
        times.append(1000 * (time.perf_counter() - started))
        right = guess.origin == "detected" and guess.code == message.language
        sure_and_wrong = guess.origin == "detected" and guess.code != message.language and guess.confidence >= SURE
        flipped = guess_language(message.text, current=message.language).code != message.language
        scores[message.kind, message.language] += Score(1, int(right), int(sure_and_wrong), int(flipped))
        if not right or flipped:
            wrong.append((message, guess.code, guess.confidence))
    times.sort()
    p50, p95 = (times[int(share * (len(times) - 1))] if times else 0.0 for share in (0.5, 0.95))
    return LanguageBenchReport(dict(scores), tuple(wrong), p50, p95, 0.0, 0.0)


def run_language_bench(folder: Path | None = None) -> LanguageBenchReport:
    """Measure our own messages and those in `folder`; loading time and memory are taken in a process of their own."""
    report = score_messages(read_chat() + (read_data(folder) if folder else []))
    cold = subprocess.run([sys.executable, "-c", _COLD_START], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, cold.stdout.split())
    return LanguageBenchReport(report.scores, report.wrong, report.p50_ms, report.p95_ms, seconds, megabytes)
