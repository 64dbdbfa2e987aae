"""The explicit wish for a language: "türkçe konuşabilir misin", "English please", "بالعربي"."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bot.language.reading import clean, fold

_CLAUSE_END = re.compile(r"[.,;:!?؟،؛。！？，\n()\[\]/]+|\s[-–]\s")
# Vowel signs of Devanagari are no letters to `re`.
_TOKEN = re.compile(r"(?:[^\W_]|[\u0900-\u0963])+(?:['’ʼ\u200c-](?:[^\W_]|[\u0900-\u0963])+)*")
_CJK_NAME = re.compile("中文|汉语|漢語|普通话|國語|华语|日本語")
_CJK_CUES = ("请", "請", "说", "說", "讲", "講", "用", "お願い", "話", "で", "please", "bitte")
_MAX_CLAUSES = 12


@dataclass(frozen=True)
class _Vocabulary:
    names: dict[str, str]  # what a language is called, by anyone → code
    own: frozenset[str]
    cue: frozenset[str]
    frame: frozenset[str]
    negation: frozenset[str]


def _key(word: str) -> str:
    return fold(word.lower().replace("’", "'").replace("ʼ", "'"))


@cache
def load_wishes() -> _Vocabulary:
    data = tomllib.loads((Path(__file__).parent / "wishes.toml").read_text(encoding="utf-8"))
    names: dict[str, str] = {}
    for part in ("own", "names"):
        for code, words in data[part].items():
            for word in words.split():
                names.setdefault(_key(word), code)
    words = {part: frozenset(map(_key, data["words"][part].split())) for part in data["words"]}
    frame = words["frame"] | words["cue"] | words["negation"] | words["inability"]
    own = frozenset(_key(word) for text in data["own"].values() for word in text.split())
    return _Vocabulary(names, own, words["cue"], frame, words["negation"])


def wished_language(text: str) -> str | None:
    """The language that `text` explicitly asks us to speak, or None.

    "English please" → "en"; "kannst du russisch?" → "ru"; "Deutschkurs auf Arabisch?" → None, because it asks for
    something else than our language; "I don't speak German" → None, because it names what is not wanted.
    """
    vocabulary = load_wishes()
    for clause in _CLAUSE_END.split(clean(text))[:_MAX_CLAUSES]:
        wish = _wish(clause, vocabulary)
        if wish:
            return wish
    return None


def _wish(clause: str, vocabulary: _Vocabulary) -> str | None:
    cjk = _CJK_NAME.search(clause)
    if cjk:
        rest = _CJK_NAME.sub("", clause)
        asks = not rest.strip() or any(cue in rest for cue in _CJK_CUES)
        return vocabulary.names[cjk.group()] if asks and len(rest.strip()) <= 12 else None
    known = vocabulary.names.keys() | vocabulary.frame
    tokens = [part for word in map(_key, _TOKEN.findall(clause)) for part in ([word] if word in known else word.split("-"))]
    wanted: list[str] = []
    cues = negated = False
    for token in tokens:
        if token in vocabulary.names:
            wanted.append(vocabulary.names[token])
        elif token in vocabulary.frame:
            cues |= token in vocabulary.cue
            negated |= token in vocabulary.negation
        else:
            return None
    if negated:
        wanted = [code for code in wanted if code != "de"] if len(set(wanted)) > 1 else []
    if not wanted:
        return None
    alone = len(tokens) == len(wanted) and any(token in vocabulary.own for token in tokens)
    return wanted[-1] if cues or alone else None
