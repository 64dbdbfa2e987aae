"""`lotse knowledge check`: all that an editor should know about the knowledge folder.

What the loader finds (form, references, digests), what runs out, what is missing, what the German words look like, and whether
every language says the same.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

from retrieval.agreement import check_agreement, check_typed_facts
from retrieval.knowledge import KnowledgeBase, Offer, Problem, load_knowledge
from retrieval.plain_german import check_plain_file

SOON = timedelta(days=30)
_MESSAGES = {
    "expired": {
        "en": ("`valid_until` is in the past ({day}): residents no longer see this.", "Renew it, or take it out."),
        "de": ("`valid_until` ist vorbei ({day}): Niemand sieht diese Angabe mehr.", "Erneuern Sie sie, oder löschen Sie sie."),
    },
    "expires": {
        "en": ("This is valid until {day} only.", "Find out what holds from then on."),
        "de": ("Das gilt nur noch bis {day}.", "Fragen Sie nach, was danach gilt."),
    },
    "untranslated": {
        "en": ("There is no {language}.md: these residents get English and German.", "Have it translated from de.md."),
        "de": ("Es fehlt {language}.md: Diese Menschen lesen Englisch und Deutsch.", "Lassen Sie de.md übersetzen."),
    },
}


def check_knowledge(folder: Path, today: date | None = None, language: str = "en", only: Path | None = None) -> list[Problem]:
    """Every mistake and warning, by file and line, in `language`: en or de. `only`: a file or folder in it."""
    knowledge, problems = load_knowledge(folder, today, language)
    wanted = only.resolve().relative_to(folder.resolve()) if only is not None else Path()
    if knowledge is not None:
        for offer in knowledge.offers.values():
            place = Path("offers", offer.id)
            if place.is_relative_to(wanted) or wanted.is_relative_to(place):
                problems += _check_offer(folder, knowledge, offer, language)
    if only is not None:
        problems = [problem for problem in problems if Path(problem.path).is_relative_to(folder.name / wanted)]
    return sorted(problems, key=lambda problem: (problem.path, problem.line))


def _check_offer(folder: Path, knowledge: KnowledgeBase, offer: Offer, language: str) -> list[Problem]:
    default = knowledge.default_language
    place, path = folder / "offers" / offer.id, f"{folder.name}/offers/{offer.id}"
    german = (place / f"{default}.md").read_text(encoding="utf-8")
    names = {term.terms[default] for term in knowledge.glossary.values()}
    names |= {name for term in knowledge.glossary.values() for name in term.names[default]}
    long_words = frozenset(part for name in names for part in re.split(r"[\s,]+", name) if part)
    avoided = {word: term.terms[default] for term in knowledge.glossary.values() for word in term.avoid[default]}
    problems = _dates(place, path, knowledge, offer, language)
    for code in knowledge.content_languages:
        if not (place / f"{code}.md").exists():
            problems.append(_problem(f"{path}/offer.yml", 1, "untranslated", language, warning=True, **{"language": code}))
    for file, level in ((f"{default}.md", "plain"), (f"{default}-simple.md", "simple")):
        if (place / file).exists():
            content = (place / file).read_text(encoding="utf-8")
            problems += check_plain_file(f"{path}/{file}", content, long_words, level=level, language=language, avoided=avoided)
    problems += check_typed_facts(f"{path}/{default}.md", german, knowledge.wordings[default], offer.facts, language=language)
    for words in [*offer.translations.values(), *offer.simple.values()]:
        file = f"{words.language}{'-simple' if words.level == 'simple' else ''}.md"
        if file != f"{default}.md":
            problems += check_agreement(
                f"{path}/{file}",
                german,
                (place / file).read_text(encoding="utf-8"),
                knowledge.wordings[words.language],
                offer.facts,
                language=language,
            )
    return problems


def _dates(place: Path, path: str, knowledge: KnowledgeBase, offer: Offer, language: str) -> list[Problem]:
    """What is valid no longer, or for 30 days only: in offer.yml and in the headings of the texts."""
    problems = []
    for file in [place / "offer.yml", *sorted(place.glob("*.md"))]:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for match in re.finditer(r"valid_until[:=] ?(\d{4}-\d\d-\d\d)", line):
                try:
                    day = date.fromisoformat(match[1])
                except ValueError:
                    continue  # no day of the calendar: the loader reports it
                if day < knowledge.today:
                    problems.append(_problem(f"{path}/{file.name}", number, "expired", language, day=day))
                elif day - knowledge.today <= SOON:
                    problems.append(_problem(f"{path}/{file.name}", number, "expires", language, warning=True, day=day))
    return problems


def _problem(path: str, line: int, key: str, said_in: str, warning: bool = False, **values: object) -> Problem:
    problem, remedy = (part.format(**values) for part in _MESSAGES[key][said_in])
    return Problem(path, line, problem, remedy, warning)
