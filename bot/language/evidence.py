"""What the letters of a message say about its language."""

from __future__ import annotations

import re
from functools import cache

CODES = tuple("de en tr ar uk ru fr es pl ro fa it el bg sh sq ku ckb ps ti so pt nl hu hi ur zh ja vi".split())


@cache
def load() -> object:
    """Load the models; called by the first guess, or earlier by who wants the first guess to be quick."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([c for c in CODES if c not in {"sh", "ckb", "ti"}] + ["sr", "hr", "bs", "am", "sdh"])
    return identifier


def weigh(text: str) -> tuple[str | None, float, int]:
    words = re.findall(r"[^\W\d_]+", text[:1000].encode("utf-8", "replace").decode())
    if not words:
        return None, 0.0, 0
    best, p = load().rank(" ".join(words))[0]  # type: ignore[attr-defined]
    return {"sr": "sh", "hr": "sh", "bs": "sh", "am": "ti", "sdh": "ckb"}.get(best, best), p, len(words)
