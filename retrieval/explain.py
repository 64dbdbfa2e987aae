"""A search result as a table that a content editor understands."""

from __future__ import annotations

from retrieval.retriever import Calibration, SearchResult

_VERDICTS = {
    "answer": "answered with the first offer",
    "clarify": "not sure: the resident is asked which of these is meant",
    "none": "not answered: “I do not know”, with a person as the way on",
}


def explain_table(result: SearchResult, calibration: Calibration, full: bool = True) -> str:
    """One line per offer; with `full` also how its score came about."""
    lines = [
        f"Question in {result.language}; confidence {result.confidence:.2f}, one of three {result.coverage:.2f}",
        f"→ {_VERDICTS[result.verdict]}",
        f"(answered from {calibration.answer:.2f}, asked back from {calibration.clarify:.2f})",
        "",
    ]
    for place, hit in enumerate([*result.hits, *result.rejected], 1):
        kept = "" if place <= len(result.hits) else "  (not shown)"
        lines.append(f"{place}. {hit.offer} · {hit.facet} · score {hit.score:.2f}{kept}")
        if full:
            weight = f"letters count {calibration.lexical_weight:g} times"
            lines.append(f"   meaning {hit.dense:.2f} · letters {hit.lexical:.2f} (cosines; {weight})")
            if hit.in_other_language:
                lines.append(f"   found in {hit.language}: no bonus for the asker's language ({calibration.language_bonus:g})")
            lines.append(f"   words found: {', '.join(hit.matched) or 'none'}")
        lines.append(f"   {hit.text[:140]}{'…' if len(hit.text) > 140 else ''}")
    return "\n".join(lines)
