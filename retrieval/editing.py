"""What editors do to the knowledge folder by command: begin an offer, list what must be translated, sign a text."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from retrieval.knowledge import ROLES, TOPICS, KnowledgeBase, source_digest

_OFFER = """\
id: {id}
topic: {topic}
status: found
sources:
  page:
    # TODO title: the page's name
    # TODO url: https://…
    as_of: {today}
    undated: true      # remove this line when the page shows a date, and write that date above
facts: {{}}            # phone: {{value: "0211 …", source: page}} — docs/knowledge-format.md lists the kinds
unknown: []            # facets looked for and not found: cost, when, where, languages …
ask: [switchboard]
"""
_GERMAN = """\
---
# TODO title: the offer's name
# TODO summary: one sentence
questions: []          # TODO 8 to 15, as residents type them, each on a line of its own that begins with "  - "
---
## Was ist das? {#what}

{todo}

## Für wen ist das? {#who}

{todo}

## Wie geht das? {#how}

{todo}
"""


class CannotEdit(Exception):
    """The command cannot be carried out; the text says why and what to do."""


def new_offer(folder: Path, offer: str, topic: str, today: date | None = None) -> list[Path]:
    """Begin an offer: its folder with offer.yml and de.md, both to be filled in. Returns the files.

    Until they are, residents do not see the offer; the check names what is missing, in de.md once offer.yml is complete.
    Raises CannotEdit.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", offer):
        raise CannotEdit(f"“{offer}” cannot be a folder's name. Use small letters a to z, digits and hyphens: schwimm-kurse.")
    if topic not in TOPICS:
        raise CannotEdit(f"“{topic}” is no topic. Use one of: {', '.join(TOPICS)}.")
    place = folder / "offers" / offer
    if place.exists():
        raise CannotEdit(f"{place} exists already.")
    place.mkdir(parents=True)
    files = {place / "offer.yml": _OFFER.format(id=offer, topic=topic, today=today or date.today()), place / "de.md": _GERMAN}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def to_translate(knowledge: KnowledgeBase, offer: str | None = None, language: str | None = None) -> list[tuple[str, str, str]]:
    """What must be translated (again): offer, language, and "missing" or "outdated"."""
    found = []
    for name, one in knowledge.offers.items():
        for code in knowledge.content_languages:
            words = one.translations.get(code)
            state = "missing" if words is None else words.state
            if offer in (None, name) and language in (None, code) and state in ("missing", "outdated"):
                found.append((name, code, state))
    return found


def sign(
    folder: Path, knowledge: KnowledgeBase, offer: str, language: str, role: str, day: date, level: str = "standard"
) -> Path:
    """Note in a text that a person in `role` has checked it on `day`. Returns the file. Raises CannotEdit.

    The signature holds for the words as they are: `reviewed_text` is their digest, and an edit ends it.
    """
    if role not in ROLES:
        raise CannotEdit(f"“{role}” is no role. Use one of: {', '.join(ROLES)}. Names do not belong into the public folder.")
    known = knowledge.offers.get(offer)
    words = (known.simple if level == "simple" else known.translations).get(language) if known else None
    if words is None:
        raise CannotEdit(
            f"There is no {level} text of “{offer}” in {language}, or it has a mistake: see `lotse knowledge check`."
        )
    if words.state == "outdated":
        raise CannotEdit(f"{offer}/{language}.md is older than the German text. Bring it up to date first.")
    path = folder / "offers" / offer / f"{language}{'-simple' if level == 'simple' else ''}.md"
    text = path.read_text(encoding="utf-8")
    front, marker, body = text.partition("\n---\n")
    lines = [line for line in front.splitlines() if not line.startswith("reviewed_")]
    lines += [f"reviewed_by: {role}", f"reviewed_on: {day.isoformat()}", f'reviewed_text: "{source_digest(text)}"']
    path.write_text("\n".join(lines) + marker + body, encoding="utf-8")
    return path
