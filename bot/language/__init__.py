"""Which language a message is written in, and which language to answer in."""

from __future__ import annotations

from dataclasses import dataclass

from bot.language.evidence import CODES, load, weigh

__all__ = ["CODES", "LanguageGuess", "guess_language", "load", "wished_language"]

DEFAULT = "de"


@dataclass(frozen=True)
class LanguageGuess:
    """The language to answer in.

    `confidence` in [0, 1] says how sure we are that the resident wants `code`.
    `origin` is "chosen", "detected", "remembered", "hint" or "default"; the last two mean:
    unsure at the start, show the language buttons.
    """

    code: str
    confidence: float
    origin: str


def wished_language(text: str) -> str | None:
    """The language that `text` explicitly asks us to speak, if it does."""
    return None


def _known(tag: str | None) -> str | None:
    if not isinstance(tag, str):
        return None
    code = tag.strip().replace("_", "-").split("-")[0].lower()
    code = {"sr": "sh", "hr": "sh", "bs": "sh", "kmr": "ku", "prs": "fa"}.get(code, code)
    return code if code in CODES else None


def guess_language(
    text: str, current: str | None = None, hint: str | None = None, chosen: str | None = None
) -> LanguageGuess:
    """Decide by chosen > sure detection > remembered > hint > default. Pure; never raises."""
    wish = wished_language(text)
    if wish:
        return LanguageGuess(wish, 0.99, "detected")
    chosen, current, hint = _known(chosen), _known(current), _known(hint)
    if chosen:
        return LanguageGuess(chosen, 1.0, "chosen")
    best, p, words = weigh(text)
    if best and (current is None or best == current or p >= (0.95, 0.95, 0.85, 0.75)[min(words, 3)]):
        if not (current is None and hint and p < 0.5):
            return LanguageGuess(best, p, "detected")
    if current:
        return LanguageGuess(current, 0.9, "remembered")
    if hint:
        return LanguageGuess(hint, 0.6, "hint")
    return LanguageGuess(DEFAULT, 0.3, "default")
