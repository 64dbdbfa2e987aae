"""Which language a message is written in, and which language to answer in.

`guess_language` decides in this order: what the resident chose, an explicit wish in the text apart; what the message
shows with enough certainty; the language of the conversation so far; the hint of the messenger or browser; German.
How it tells languages apart, and what each part costs and buys, is written in docs/adr/0007-language-identification.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.language.evidence import CODES, candidates, length_class, probabilities
from bot.language.evidence import load as _load_evidence
from bot.language.reading import read
from bot.language.wishes import load_wishes, wished_language

__all__ = ["CODES", "DEFAULT", "LanguageGuess", "guess_language", "known_language", "load", "unsure_at_start", "wished_language"]

DEFAULT = "de"

# Other names of the languages we know: members of a group that we treat as one, older codes, three-letter codes.
_ALIASES = {
    **dict.fromkeys(("sr", "hr", "bs", "hbs", "srp", "hrv", "bos", "cnr", "sr-me"), "sh"),
    **dict.fromkeys(("kmr", "kur"), "ku"),
    **dict.fromkeys(("prs", "fas", "per", "pes"), "fa"),
    **dict.fromkeys(("cmn", "yue", "zho", "chi", "wuu"), "zh"),
    **dict.fromkeys(("arb", "ara", "arz", "ary", "apc", "ajp", "acm"), "ar"),
    **dict.fromkeys(("als", "sqi", "alb"), "sq"),
    **dict.fromkeys(("gsw", "bar", "ksh", "swg", "deu", "ger"), "de"),
    **dict.fromkeys(("mo", "ron", "rum"), "ro"),
    **dict.fromkeys(("pus", "pbu", "pbt"), "ps"),
    "sdh": "ckb", "eng": "en", "tur": "tr", "ukr": "uk", "rus": "ru", "fra": "fr", "fre": "fr", "spa": "es", "pol": "pl",
    "ita": "it", "ell": "el", "gre": "el", "bul": "bg", "tir": "ti", "som": "so", "por": "pt", "nld": "nl", "dut": "nl",
    "hun": "hu", "hin": "hi", "urd": "ur", "jpn": "ja", "vie": "vi",
}  # fmt: skip

# Log odds added for the language of the conversation and for the hint. German phones are everywhere in the
# city, so a German hint says nothing.
_PRIOR_CURRENT, _PRIOR_HINT = 2.0, 1.0
# Who names an office or a Stadtteil lives here: "Wo is dat Rathaus?" is Rhenish rather than Dutch.
_PRIOR_LOCAL = 1.0
# How sure we must be before a conversation changes its language, for one, two, three and more content words.
_SWITCH_AT = (0.95, 0.85, 0.75)
_SWITCH_SCRIPT_AT, _SWITCH_SCRIPT_LETTERS = 0.5, 3
_DETECT_AGAINST_HINT_AT = 0.6
_FLAT = 0.12


@dataclass(frozen=True)
class LanguageGuess:
    """The language to answer in.

    `code` is one of `CODES`. `confidence` in [0, 1] is the probability that the resident wants `code`; from 0.8 on,
    a "detected" language is almost never wrong. `origin` is "chosen", "detected", "remembered", "hint" or "default".
    """

    code: str
    confidence: float
    origin: str


def unsure_at_start(guess: LanguageGuess) -> bool:
    """Whether to show the language buttons: nothing but a hint, or not even that, speaks for the language."""
    return guess.origin in ("hint", "default")


def load() -> None:
    """Read all tables now (a few seconds) instead of with the first message."""
    _load_evidence()
    load_wishes()


def known_language(tag: str | None) -> str | None:
    """The code in `CODES` for a BCP 47 tag such as "tr-TR", "zh-Hant" or "sr_Latn"; None for anything else."""
    if not isinstance(tag, str):
        return None
    language = tag[:35].strip().replace("_", "-").partition("-")[0].lower()
    language = _ALIASES.get(language, language)
    return language if language in CODES else None


def guess_language(text: str, current: str | None = None, hint: str | None = None, chosen: str | None = None) -> LanguageGuess:
    """Decide the language to answer in.

    `current` is the language of the conversation so far, `hint` what messenger or browser say, `chosen` what the
    resident picked; each a BCP 47 tag, unknown ones count as absent. An explicit wish in `text` beats everything.
    Without `current`, `hint` and `chosen` the best guess is "detected", however unsure, unless the text says nothing.
    Reads at most the first 1000 characters; same arguments, same answer, in every process.
    """
    current, hint, chosen = known_language(current), known_language(hint), known_language(chosen)
    wish = wished_language(text)
    if wish:
        return LanguageGuess(wish, 0.99, "detected")
    if chosen:
        return LanguageGuess(chosen, 1.0, "chosen")

    prior: dict[str, float] = {}
    if hint and hint != "de":
        prior[hint] = _PRIOR_HINT
    if current:
        prior[current] = prior.get(current, 0.0) + _PRIOR_CURRENT
    reading = read(text)
    if any(word.weight < 1 for word in reading.words):
        prior["de"] = prior.get("de", 0.0) + _PRIOR_LOCAL
    chances = probabilities(reading, prior)
    if chances:
        code = max(chances, key=lambda c: chances[c])
        p = chances[code]
        if code == current:
            return LanguageGuess(code, p, "detected" if p >= _SWITCH_AT[length_class(reading)] else "remembered")
        if current:
            other_script = reading.script not in ("L", "") and current not in candidates(reading.script)
            if p >= _SWITCH_AT[length_class(reading)] or (
                other_script and p >= _SWITCH_SCRIPT_AT and reading.letters >= _SWITCH_SCRIPT_LETTERS
            ):
                return LanguageGuess(code, p, "detected")
        elif p >= (_DETECT_AGAINST_HINT_AT if hint and code != hint else _FLAT):
            return LanguageGuess(code, p, "detected")
    if current:
        return LanguageGuess(current, max(chances.get(current, 0.0), 0.5), "remembered")
    if hint:
        return LanguageGuess(hint, 0.5, "hint")
    return LanguageGuess(DEFAULT, 0.3, "default")
