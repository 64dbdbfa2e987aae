"""`lotse knowledge check`: all that an editor should know about the knowledge folder.

What the loader finds (form, references, digests), what the German words look like, and whether every language says the same.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from retrieval.agreement import check_agreement, check_typed_facts
from retrieval.knowledge import Problem, load_knowledge
from retrieval.plain_german import check_plain_file


def check_knowledge(folder: Path, today: date | None = None, language: str = "en") -> list[Problem]:
    """Every mistake and warning, by file and line. `language`: that of the messages about words, en or de; others are English."""
    knowledge, problems = load_knowledge(folder, today)
    if knowledge is None:
        return problems
    for offer in knowledge.offers.values():
        place = folder / "offers" / offer.id
        path = f"{folder.name}/offers/{offer.id}"
        german = (place / f"{knowledge.default_language}.md").read_text(encoding="utf-8")
        wording = knowledge.wordings[knowledge.default_language]
        problems += check_plain_file(f"{path}/{knowledge.default_language}.md", german, language=language)
        problems += check_typed_facts(f"{path}/{knowledge.default_language}.md", german, wording, offer.facts, language=language)
        for code in offer.translations:
            if code != knowledge.default_language:
                translation = (place / f"{code}.md").read_text(encoding="utf-8")
                problems += check_agreement(
                    f"{path}/{code}.md",
                    german,
                    translation,
                    knowledge.wordings[code],
                    offer.facts,
                    frozenset(),
                    language=language,
                )
    return sorted(problems, key=lambda problem: (problem.path, problem.line))
