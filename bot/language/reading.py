"""From the raw message to words, their script, and what can be left out."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent

# A message is understood from its beginning: hostile or pasted text must not cost time. Characters, words.
MAX_CHARACTERS = 1000
MAX_WORDS = 40

_NOISE = re.compile(r"https?://\S+|www\.\S+|[\w.+-]{1,64}@[\w-]+\.[\w.-]+|[@#]\w+")
_STREET = re.compile(
    r"\b(?:(?:Am|An der|Auf der|Auf dem|Im|Zum|Zur)\s+[A-ZÄÖÜ][\w-]+(?=\s+\d)"
    r"|[A-ZÄÖÜ][\w-]*(?:er|ische)\s+(?:Straße|Strasse|Str\.?|Allee|Platz|Weg|Ring|Ufer)"
    r"|[\w-]*\w(?:straße|strasse|str\.|platz|allee|weg|ufer|-Straße|-Platz|-Allee)(?=\s+\d))"
    r"(?:\s*\d+\s*[a-z]?\b(?:\s*[-–]\s*\d+)?)?"
)
_WORD = re.compile(r"[^\W_]+(?:['’ʼ‘`\u200c-][^\W_]+)*['ʼ]?")
# Numbers that stand for letters in Arabic, Greek and Bulgarian chat: "3ayez", "sba7", "8elw", "6te".
_CHAT_DIGITS = re.compile(r"(?:[2-9]?[a-z])+[2-9]?")
# "BilkのKita": scripts that put no space between words and names in Latin letters.
_SCRIPT_CHANGE = re.compile(r"(?<=[A-Za-zÀ-ɏ])(?=[^\W\d_A-Za-zÀ-ɏ])|(?<=[^\W\d_A-Za-zÀ-ɏ])(?=[A-Za-zÀ-ɏ])")
_REPEATED = re.compile(r"(.)\1{2,}")
_ARABIC_VOWELS = [*range(0x64B, 0x653), 0x670]  # written by few, and in no word list
_BIDI = [*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)]
_DROPPED = dict.fromkeys([*_BIDI, *_ARABIC_VOWELS, 0xFEFF, 0x00AD, 0x0640])  # and byte order mark, soft hyphen, tatweel
_MARKS = dict.fromkeys([*range(0x300, 0x370), *_ARABIC_VOWELS])
_SINGLE = {"ı": "i", "ł": "l", "đ": "d", "ß": "ss", "ø": "o", "æ": "ae", "’": "'", "ʼ": "'", "‘": "'", "`": "'"}
# One table look-up per letter: folding all word lists while loading would otherwise take a second.
_FOLDED = (
    _MARKS
    | {
        point: unicodedata.normalize("NFD", chr(point)).translate(_MARKS)
        for block in (range(0xC0, 0x250), range(0x370, 0x530), range(0x1E00, 0x2000))
        for point in block
        if unicodedata.decomposition(chr(point)) and chr(point) not in "йЙїЇ"
    }
    | {ord(letter): bare for letter, bare in _SINGLE.items()}
)


@dataclass(frozen=True)
class Word:
    """One word in lower case; `weight` in [0, 1] says how much it tells about the language."""

    text: str
    original: str
    script: str
    weight: float


@dataclass(frozen=True)
class Reading:
    """The words of a message that may tell its language; `script` is the one that decides ("" if none)."""

    words: tuple[Word, ...]
    script: str
    letters: int

    @property
    def content(self) -> tuple[Word, ...]:
        """Words of the deciding script that say something."""
        return tuple(word for word in self.words if self.script and word.script == self.script and word.weight > 0)


def fold(word: str) -> str:
    """The spelling without diacritics, as on a foreign keyboard."""
    return word.translate(_FOLDED)


@cache
def _gazetteer() -> tuple[frozenset[str], frozenset[str], re.Pattern[str]]:
    data = tomllib.loads((HERE / "gazetteer.toml").read_text(encoding="utf-8"))
    neutral = {word for part in ("places", "terms", "persons") for word in data[part].split()}
    borrowed = set(data["borrowed"].split())
    umlauts = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
    for words in (neutral, borrowed):
        words |= {fold(word) for word in words} | {word.translate(umlauts) for word in words}
    names = sorted(filter(None, data["names_of_places"].split("\n")), key=len, reverse=True)
    return frozenset(neutral), frozenset(borrowed), re.compile(r"\b(?:" + "|".join(map(re.escape, names)) + r")\b", re.I)


def script_of(character: str) -> str:
    """Name the script: "L" Latin, "C" Cyrillic, "A" Arabic, "H" Han, or the code of our only language in that script, or ""."""
    point = ord(character)
    if point < 0x250 or 0x1E00 <= point <= 0x1EFF or point == 0x2BC:
        return "L"
    if 0x400 <= point <= 0x52F:
        return "C"
    if 0x600 <= point <= 0x77F or 0x8A0 <= point <= 0x8FF or 0xFB50 <= point <= 0xFDFF or 0xFE70 <= point <= 0xFEFC:
        return "A"
    if 0x3400 <= point <= 0x9FFF or 0x20000 <= point <= 0x3FFFF or 0xF900 <= point <= 0xFAFF:
        return "H"
    if 0x370 <= point <= 0x3FF or 0x1F00 <= point <= 0x1FFF:
        return "el"
    if 0x3040 <= point <= 0x30FF or 0x31F0 <= point <= 0x31FF or 0xFF66 <= point <= 0xFF9F:
        return "ja"
    if 0x900 <= point <= 0x97F:
        return "hi"
    if 0x1200 <= point <= 0x139F or 0x2D80 <= point <= 0x2DDF:
        return "ti"
    return ""


def clean(text: str) -> str:
    """The beginning of `text` without surrogates, controls, bidi marks, links and addresses."""
    text = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8").translate(_DROPPED)
    # Presentation forms and full-width letters become ordinary ones; stacked marks are cut before they cost anything.
    text = re.sub(r"([\u0300-\u036f\u0483-\u0487\u064b-\u065f])[\u0300-\u036f\u0483-\u0487\u064b-\u065f]+", r"\1", text)
    text = unicodedata.normalize("NFKC", text)[:MAX_CHARACTERS]
    text = "".join(" " if unicodedata.category(c)[0] == "C" and c != "\u200c" else c for c in text)
    return _NOISE.sub(" ", text)


def read(text: str) -> Reading:
    """Split a message into words and find the script that decides."""
    neutral, borrowed, names = _gazetteer()
    text = clean(text)
    shouting = text.isupper()
    text = _SCRIPT_CHANGE.sub(" ", names.sub(" ", _STREET.sub(" ", text)))
    words: list[Word] = []
    for match in _WORD.finditer(text):
        original = match.group()
        lower = original.replace("İ", "i").lower().replace("̇", "").replace("’", "'").replace("‘", "'").replace("`", "'")
        parts = [lower] if lower in neutral or "-" not in lower else lower.split("-")
        for part in parts:
            part = _REPEATED.sub(r"\1", part)
            letters = [c for c in part if c.isalpha()]
            if not letters:
                continue
            if any(c.isdigit() for c in part) and not (len(letters) > 2 and _CHAT_DIGITS.fullmatch(part)):
                part = "".join(letters) if len(letters) > 2 else ""
            if not part:
                continue
            scripts = [script_of(c) for c in letters]
            script = max(scripts, key=scripts.count)
            if "ja" in scripts and script in ("H", "ja"):
                script = "ja"
            weight = 0.0 if part in neutral else 0.25 if part in borrowed else 1.0
            words.append(Word(part, part if shouting else original if len(parts) == 1 else part, script, weight))
            if len(words) == MAX_WORDS:
                break
        if len(words) == MAX_WORDS:
            break
    mass: dict[str, float] = {}
    for word in words:
        # A word in another alphabet is there on purpose, while Latin words slip in as names of offices. Chinese and
        # Japanese put no space between words, so every character counts.
        size = 2 * len(word.text) if word.script in ("H", "ja") else min(len(word.text), 8) * (1 if word.script == "L" else 1.5)
        mass[word.script] = mass.get(word.script, 0.0) + word.weight * size
    if "ja" in mass and "H" in mass:
        mass["ja"] += mass.pop("H")
    mass.pop("", None)
    script = max(sorted(mass), key=lambda s: mass[s]) if any(mass.values()) else ""
    letters_read = sum(len(word.text) for word in words if word.script == script and word.weight > 0)
    if letters_read < 2 and script in ("L", "C", "A"):
        script = ""  # "x", "B": an answer to something, not a word
    return Reading(tuple(words), script, letters_read)
