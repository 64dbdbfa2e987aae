"""A search result as a table that a content editor understands."""

from __future__ import annotations

from retrieval.retriever import ANY, Calibration, SearchResult

_VERDICTS = {
    "answer": "answered with the first offer",
    "clarify": "not sure: the resident is asked which of these is meant",
    "none": "not answered: “I do not know”, with a person as the way on",
}
_HEAD = f"{'offer':<32}{'facet':<11}{'chance':>7}{'near':>7}{'meaning':>9}{'letters':>9}{'all':>7}{'own':>7}"


def explain_table(result: SearchResult, calibration: Calibration, full: bool = True) -> str:
    """One line per offer; with `full` also the passage by which it was found, and what the columns mean."""
    lines = [
        f"Question in {result.language}; confidence {result.confidence:.2f}, one of three {result.coverage:.2f}",
        f"→ {_VERDICTS[result.verdict]}",
        f"(answered from {calibration.answer:.2f}, asked back from {calibration.clarify:.2f})",
        "",
        _HEAD,
    ]
    for place, hit in enumerate([*result.hits, *result.rejected], 1):
        learned = [f"{value:>7.2f}" if value is not None else f"{'–':>7}" for value in (hit.shared, hit.own)]
        numbers = f"{hit.score:>7.0%}{hit.near:>7.2f}{hit.dense:>9.2f}{hit.lexical:>9.2f}{''.join(learned)}"
        kept = "" if place <= len(result.hits) else "  (not shown)"
        lines.append(f"{f'{place}. {hit.offer}':<32}{hit.facet:<11}{numbers}{kept}")
        if full:
            found = f"words found: {', '.join(hit.matched) or 'none'}"
            if hit.in_other_language:
                found = f"exists only in {hit.language}; {found}"
            lines += [f"   “{hit.text[:140]}{'…' if len(hit.text) > 140 else ''}”", f"   {found}"]
    if full:
        weight = calibration.lexical_weight.get(result.language, calibration.lexical_weight[ANY])
        weights = calibration.learned.weights.get(result.language, calibration.learned.weights[ANY])
        counts = ", ".join(f"{name} {weights[key]:.1f}" for name, key in (("near", "near"), ("all", "shared"), ("own", "own")))
        lines += [
            "",
            f"meaning and letters: likeness of the offer's best passage, 1 is the same; letters count {weight:g} times",
            "near: both, compared with all passages, over the offer's best five; all, own: what was learned from questions in",
            f"all languages and in this one, 1 is sure; – without learning. chance: from these with the weights {counts}",
        ]
    return "\n".join(lines)
