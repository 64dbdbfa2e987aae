"""What the words of a message say about its language: five kinds of evidence, weighed by fitted numbers.

Written so that it can be fitted (bot/language_fit.py) and used with the same arithmetic: `features` gives one row of
numbers per candidate, `probabilities` multiplies them with the weights and turns them into a distribution.
"""

from __future__ import annotations

import json
import lzma
import math
import sys
import tomllib
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from bot.language.reading import Reading, fold

HERE = Path(__file__).parent

_CODES = "de en tr ar uk ru fr es pl ro fa it el bg sh sq ku ckb ps ti so pt nl hu hi ur zh ja vi"
_LATIN = "de en tr fr es pl ro it sh sq ku so pt nl hu vi ar-Latn fa-Latn ru-Latn uk-Latn bg-Latn el-Latn"
CODES = tuple(_CODES.split())

# The candidates in each script. "ru-Latn" is Russian in Latin letters.
GROUPS: dict[str, tuple[str, ...]] = {
    "L": tuple(_LATIN.split()),
    "C": ("ru", "uk", "bg", "sh"),
    "A": ("ar", "fa", "ur", "ckb", "ps"),
    "H": ("zh", "ja"),
}

# Labels of other libraries for what we call by one name.
_LANGDETECT = {"sh": ("hr",), "zh": ("zh-cn", "zh-tw")}
_PY3LANGID = {"sh": ("sr", "hr", "bs"), "ckb": ("sdh",), "ar": ("ar", "arz", "ary")}
_NO_PROFILE = {("C", "sh")}

FEATURES = ("ngrams", "profiles", "py3langid", "frequency", "known", "lexicon", "greeting")
_FREQUENT_ZIPF = 4.0  # once in 100,000 words
_BORROWED_ONLY = 0.55  # "kita platz?" is German, but a newcomer's only German words may be just these
_FLOOR = 5e-5  # keeps an n-gram that a profile lacks from deciding alone


class Frequencies:
    """Zipf frequencies (log10 per 10^9 words) by word, in 5 bytes an entry: sorted CRC-32s and 20 x zipf.

    A Python dictionary of the same words takes twenty times as much. A word that is not in a list of 150,000 meets
    the checksum of one that is once in 30,000 look-ups. `unseen` stands for words that are not listed.
    """

    def __init__(self, checksums: array[int], zipfs: bytes, unseen: float) -> None:
        self._checksums, self._zipfs, self.unseen = checksums, zipfs, unseen

    def zipf(self, checksum: int) -> float:
        """0.0 for a word that is not in the list."""
        at = bisect_left(self._checksums, checksum)
        if at < len(self._checksums) and self._checksums[at] == checksum:
            return self._zipfs[at] / 20
        return 0.0


def pack_frequencies(lists: Mapping[str, Mapping[str, float]]) -> bytes:
    """Word lists by "script/candidate" as the content of words.xz; the other end of `unpack_frequencies`.

    Sorted checksums are stored as differences, their four bytes apart, which halves the file.
    """
    header, blobs = [], []
    for key, words in lists.items():
        entries = dict(sorted((zlib.crc32(word.encode()), int(20 * zipf)) for word, zipf in words.items() if zipf > 0))
        checksums = array("I", entries)
        differences = array("I", [b - a for a, b in zip([0, *checksums], checksums, strict=False)])
        if sys.byteorder == "big":
            differences.byteswap()
        raw = differences.tobytes()
        header.append([key, len(entries), round(min(words.values()) - 0.3, 2)])
        blobs += [raw[plane::4] for plane in range(4)] + [bytes(entries.values())]
    head = json.dumps(header).encode()
    return lzma.compress(len(head).to_bytes(4, "big") + head + b"".join(blobs), preset=6)


def unpack_frequencies(packed: bytes) -> dict[str, Frequencies]:
    """Word lists by "script/candidate"."""
    data = memoryview(lzma.decompress(packed))
    start = 4 + int.from_bytes(data[:4], "big")
    lists: dict[str, Frequencies] = {}
    for key, count, unseen in json.loads(bytes(data[4:start])):
        raw = bytearray(4 * count)
        for plane in range(4):
            raw[plane::4] = data[start : start + count]
            start += count
        differences = array("I", bytes(raw))
        if sys.byteorder == "big":
            differences.byteswap()
        lists[key] = Frequencies(array("I", accumulate(differences)), bytes(data[start : start + count]), unseen)
        start += count
    return lists


class _Ngrams:
    """Weights of 1–5-grams of one word (with a space at either end) for the candidates of one script."""

    def __init__(self, grams: Sequence[str], matrix: bytes, scale: float) -> None:
        self._row = {gram: index for index, gram in enumerate(grams)}
        self._matrix = memoryview(matrix).cast("b")
        self._width = len(matrix) // len(grams)
        self._scale = scale

    def score(self, word: str) -> list[float]:
        """Sum of the weights, divided by the root of the number of n-grams, so that long words do not shout."""
        padded, width, rows = f" {word[:40]} ", self._width, []
        count = 0
        for size in range(1, 6):
            for start in range(len(padded) - size + 1):
                count += 1
                row = self._row.get(padded[start : start + size])
                if row is not None:
                    rows.append(self._matrix[row * width : row * width + width])
        if not rows:
            return [0.0] * width
        factor = self._scale / math.sqrt(count)
        return [sum(column) * factor for column in zip(*rows, strict=True)]


class _Profiles:
    """Log probabilities of the 1–3-grams of langdetect's profiles; None for a candidate without a profile."""

    def __init__(self, group: str, names: Sequence[str]) -> None:
        from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
        from langdetect.utils.lang_profile import LangProfile
        from langdetect.utils.ngram import NGram

        wanted = [
            (index, Path(PROFILES_DIRECTORY) / label)
            for index, name in enumerate(names)
            for label in _LANGDETECT.get(name, (name,))
            if (group, name) not in _NO_PROFILE and (Path(PROFILES_DIRECTORY) / label).is_file()
        ]
        factory = DetectorFactory()
        for position, (_, path) in enumerate(wanted):
            factory.add_profile(LangProfile(**json.loads(path.read_text(encoding="utf-8"))), position, len(wanted))
        self._logs = {
            gram: array("f", [math.log(_FLOOR + p) for p in row])
            for gram, row in factory.word_lang_prob_map.items()
            if 1 <= len(gram) <= 3
        }
        self._columns = [[p for p, (index, _) in enumerate(wanted) if index == i] for i in range(len(names))]
        self._normalize = cache(NGram.normalize)

    def score(self, text: str) -> list[float | None]:
        """Sum over the n-grams that any profile knows, divided by the root of their number."""
        padded = " " + "".join(self._normalize(c) for c in text) + " "
        rows = []
        for size in (1, 2, 3):
            for start in range(len(padded) - size + 1):
                gram = padded[start : start + size]
                if " " in gram[1:-1] or not gram.strip():
                    continue
                row = self._logs.get(gram)
                if row is not None:
                    rows.append(row)
        if not rows:
            return [None] * len(self._columns)
        sums = [sum(column) / math.sqrt(len(rows)) for column in zip(*rows, strict=True)]
        return [max((sums[p] for p in positions), default=None) for positions in self._columns]


class _Model:
    def __init__(self) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        packed = lzma.decompress((HERE / "ngrams.xz").read_bytes())
        size = int.from_bytes(packed[:4], "big")
        header = json.loads(packed[4 : 4 + size])
        start = 4 + size
        self.ngrams: dict[str, _Ngrams] = {}
        for group in (g for g in GROUPS if g in header["groups"]):
            table = header["groups"][group]
            if tuple(table["names"]) != GROUPS[group]:
                raise ValueError("ngrams.xz was learned for other candidates; run bot.language_fit ngrams")
            end = start + len(table["grams"]) * len(GROUPS[group])
            self.ngrams[group] = _Ngrams(table["grams"], packed[start:end], table["scale"])
            start = end
        self.profiles = {group: _Profiles(group, names) for group, names in GROUPS.items()}
        self.identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        names = {name for group in GROUPS.values() for name in group if "-" not in name}
        labels = {label for name in names for label in _PY3LANGID.get(name, (name,))}
        self.identifier.set_languages(sorted(labels & set(self.identifier.labels)))
        self.frequencies = unpack_frequencies((HERE / "words.xz").read_bytes())
        self.lexicon = _lexicon(self.frequencies)


GERMAN_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def _lexicon(frequencies: Mapping[str, Frequencies]) -> dict[str, dict[str, tuple[float, float]]]:
    """For each word the candidates that list it, with (share, share as a greeting); shares of one word add up to 1.

    A word that is frequent in a language takes a share for it even if the lexicon does not list it there: our lists
    are short, and a word must not count as proof only because somebody forgot it.
    """
    data = tomllib.loads((HERE / "lexicon.toml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, parts in data.items():
        for part in ("common", "greeting"):
            for word in parts[part].lower().split():
                spellings = {word: 1.0, fold(word): 0.6, word.translate(GERMAN_LETTERS) if name == "de" else word: 1.0}
                for spelling, value in (spellings | {word: 1.0}).items():
                    known = found.setdefault(spelling, {})
                    if value >= known.get(name, (0.0, 0.0))[0]:
                        known[name] = (value, value if part == "greeting" else 0.0)
    shares: dict[str, dict[str, tuple[float, float]]] = {}
    for word, names in found.items():
        checksum = zlib.crc32(word.encode())
        for key, known_words in frequencies.items():
            name = key.partition("/")[2]
            if "-" not in name and name not in names and known_words.zipf(checksum) >= _FREQUENT_ZIPF:
                names[name] = (0.5, 0.5 if any(greeting for _, greeting in names.values()) else 0.0)
        total = max(1.0, sum(value for value, _ in names.values()))
        shares[word] = {name: (value / total, greeting / total) for name, (value, greeting) in names.items()}
    return shares


@cache
def _weights() -> dict[str, dict[str, list[list[float]]]]:
    """Per script `slopes` and `biases`, a row for each `length_class`; written by bot/language_fit.py."""
    weights: dict[str, dict[str, list[list[float]]]] = json.loads((HERE / "weights.json").read_text(encoding="utf-8"))
    return weights


@cache
def load() -> _Model:
    """Read all tables (seconds); the first guess does it, a service does it when it starts."""
    return _Model()


def features(reading: Reading) -> list[list[float]]:
    """One row of `FEATURES` for each candidate of the deciding script, each centred on its mean."""
    model, names = load(), GROUPS[reading.script]
    words = reading.content
    root = math.sqrt(sum(word.weight for word in words)) or 1.0
    full = [word for word in words if word.weight == 1] or words
    text = " ".join(word.original.lower() if word.original.isupper() else word.original for word in full)

    ngrams, frequency, known = ([0.0] * len(names) for _ in range(3))
    lexicon, greeting = [0.0] * len(names), [0.0] * len(names)
    for word in words:
        part = word.weight / root
        if reading.script in model.ngrams:
            for i, value in enumerate(model.ngrams[reading.script].score(word.text)):
                ngrams[i] += part * value
        pieces = han_pairs(word.text) if reading.script == "H" else [word.text]
        for piece in pieces:
            for i, (zipf, unseen) in enumerate(_zipfs(model, reading.script, piece)):
                frequency[i] += part / len(pieces) * (zipf or unseen)
                known[i] += part / len(pieces) * (zipf > 0)
        for name, (share, salute) in model.lexicon.get(word.text, {}).items():
            if name in names:
                lexicon[names.index(name)] += part * share
                greeting[names.index(name)] += part * salute

    profiles = model.profiles[reading.script].score(text)
    ranking = dict(model.identifier.rank(text))
    ranks = [_log_rank(ranking, name) for name in names]
    columns = [ngrams, _filled(profiles), _filled(ranks), frequency, known, lexicon, greeting]
    centred = [[value - sum(column) / len(column) for value in column] for column in columns]
    return [list(row) for row in zip(*centred, strict=True)]


def han_pairs(text: str) -> list[str]:
    """Each two neighbouring characters: the "words" of a script that puts no space between them."""
    return [text[start : start + 2] for start in range(max(1, len(text) - 1))]


def _zipfs(model: _Model, script: str, word: str) -> list[tuple[float, float]]:
    """For each candidate the word's zipf frequency (0.0: not listed) and that of an unlisted word.

    A word with an apostrophe that no list has ("l'école") counts as its longest part.
    """
    lists = [model.frequencies[f"{script}/{name}"] for name in GROUPS[script]]
    found: list[tuple[float, float]] = []
    for spelling in (word, max(word.split("'"), key=len)):
        checksum = zlib.crc32(spelling.encode())
        found = [(known.zipf(checksum), known.unseen) for known in lists]
        if spelling == word and (any(zipf for zipf, _ in found) or "'" not in word):
            break
    return found


def _log_rank(ranking: Mapping[str, float], name: str) -> float | None:
    values = [ranking[label] for label in _PY3LANGID.get(name, (name,)) if label in ranking]
    return math.log(sum(values) + 1e-12) if values else None


def _filled(column: Sequence[float | None]) -> list[float]:
    """Candidates that a library does not know are neither helped nor hurt: they get its best score."""
    best = max((value for value in column if value is not None), default=0.0)
    return [best if value is None else value for value in column]


def candidates(script: str) -> set[str]:
    """The languages that may be written in `script`."""
    return {name for name in GROUPS.get(script, (script,)) if "-" not in name}


def length_class(reading: Reading) -> int:
    """0, 1 or 2 for one, two or more words."""
    return min(2, max(0, round(sum(word.weight for word in reading.content)) - 1))


def probabilities(reading: Reading, prior: Mapping[str, float]) -> dict[str, float]:
    """How likely each language is, adding to at most 1; empty when the message says nothing.

    `prior` holds log odds to add, by language code.
    """
    if not reading.content:
        return {}
    if all(word.weight < 1 for word in reading.content):
        return {"de": _BORROWED_ONLY}
    if reading.script not in GROUPS:
        return {reading.script: 0.99 if reading.letters > 2 else 0.9}
    names = GROUPS[reading.script]
    fitted = _weights()[reading.script]
    slopes, biases = fitted["slopes"][length_class(reading)], fitted["biases"][length_class(reading)]
    scores = [
        bias + prior.get(name.partition("-")[0], 0.0) + sum(slope * value for slope, value in zip(slopes, row, strict=True))
        for name, bias, row in zip(names, biases, features(reading), strict=True)
    ]
    top = max(scores)
    odds = [math.exp(score - top) for score in scores]
    result: dict[str, float] = {}
    for name, value in zip(names, odds, strict=True):
        code = name.partition("-")[0]
        result[code] = result.get(code, 0.0) + value / sum(odds)
    return result
