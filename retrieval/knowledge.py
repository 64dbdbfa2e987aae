"""Reads the knowledge folder. Its format, for editors: docs/knowledge-format.md.

A mistake never raises: it becomes a `Problem` with file, line and remedy, so that one run shows them all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from retrieval.facet import Cue
from retrieval.facts import FACETS, KINDS, NOTES, WELL_FORMED, Fact, Wording
from retrieval.messages import GERMAN_PARTS, LANGUAGES, MESSAGES

STATUSES = ("found", "verified", "stale")
# Who may sign a text. A role, never a name: the folder is public.
ROLES = ("editor", "translator", "mediator", "office")
TOPICS = ("family", "language", "integration", "work", "care", "sport", "health", "housing", "engagement", "emergency")
_HEADING = re.compile(r"## (?P<heading>.+?) \{#(?P<facet>[a-z]+)(?: valid_until=(?P<until>\d{4}-\d\d-\d\d))?\}\s*")
_COMMENT = re.compile(r"[ \t]*<!--.*?-->")
_PLACEHOLDER = re.compile(r"\{([a-z_]+(?:-[a-z0-9-]+)?)\}")
# What facts hold and words must not, by the key of the message: written once in offer.yml, it cannot differ between languages.
_TYPED_FACTS = {
    "typed-phone": re.compile(r"\b0\d{2,4}[ /-]\d{2,}|\b116 ?1\d\d\b|\b0800\b"),
    "typed-mail": re.compile(r"\S@\S+\.[a-z]"),
    "typed-page": re.compile(r"https?://|\bwww\."),
    "typed-time": re.compile(r"\b\d{1,2}[:.]\d\d\b(?!\d)"),
    "typed-price": re.compile(r"\d ?(?:€|EUR\b|Euro\b|euro\b|يورو|євро|евро|یورو)"),
}


@dataclass(frozen=True)
class Problem:
    """Something an editor must mend, or (`warning`) should look at."""

    path: str
    line: int
    problem: str
    remedy: str
    warning: bool = False

    def __str__(self) -> str:
        return self.said("en")

    def said(self, language: str) -> str:
        """The line that an editor reads; `language` is that of `problem` and `remedy`."""
        warning = {"de": "Warnung: "}.get(language, "warning: ") if self.warning else ""
        return f"{self.path}:{self.line}: {warning}{self.problem} {self.remedy}"


@dataclass(frozen=True)
class Source:
    """A page where facts stand. `as_of` is the page's own date; with `undated`, the day it was collected."""

    title: str
    url: str
    as_of: str
    undated: bool = False


@dataclass(frozen=True)
class Section:
    """The answer to one facet, as Markdown with `{key}` where a fact belongs."""

    facet: str
    heading: str
    text: str
    valid_until: date | None = None


@dataclass(frozen=True)
class Translation:
    """One offer in one language and level. `state`: source, current or outdated. `level`: standard, or simple (<lang>-simple.md).

    `reviewed_by` is the role of the person who checked it, `tested_by` that of the readers who tested it.
    """

    language: str
    title: str
    summary: str
    questions: tuple[str, ...]
    sections: tuple[Section, ...]
    translated_by: str | None = None
    state: str = "source"
    level: str = "standard"
    reviewed_by: str | None = None
    reviewed_on: date | None = None
    tested_by: str | None = None

    def section(self, facet: str) -> Section | None:
        return next((section for section in self.sections if section.facet == facet), None)


@dataclass(frozen=True)
class Offer:
    """Something the city or a partner provides. `unknown`: facets looked for and not found; `ask`: offers, or "switchboard"."""

    id: str
    topic: str
    status: str
    sources: Mapping[str, Source]
    facts: tuple[Fact, ...]
    unknown: tuple[str, ...]
    ask: tuple[str, ...]
    translations: Mapping[str, Translation]
    simple: Mapping[str, Translation] = field(default_factory=dict)


@dataclass(frozen=True)
class Passage:
    """A part that can be found.

    `kind`: section, question (an example question), name (of the glossary), facts (a facet that has facts or a known gap), or
    heading: that of a section alone, which tells facets apart but not offers.
    """

    offer: str
    language: str
    facet: str | None
    kind: str
    text: str


@dataclass(frozen=True)
class Term:
    """One thing and what it is called. By language: `terms` what our texts say, `names` everything people say (that too),
    `avoid` what our texts should not say. `offer` is what a question with one of these words is about.
    """

    id: str
    offer: str
    terms: Mapping[str, str]
    names: Mapping[str, tuple[str, ...]]
    avoid: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class District:
    """A Stadtteil, its Stadtbezirk (1 to 10) and how people write it. `context`: the name is an everyday word too."""

    name: str
    borough: int
    spellings: tuple[str, ...]
    context: bool = False


@dataclass(frozen=True)
class CrisisContact:
    """Whom to call. `url` and `as_of` are None for the numbers that everybody knows, 110."""

    phone: str
    title: str
    url: str | None = None
    as_of: str | None = None
    undated: bool = False


@dataclass(frozen=True)
class CrisisKind:
    """A kind of danger: its card and its words, by language. Patterns: see the head of crisis.yml."""

    id: str
    contacts: tuple[str, ...]
    titles: Mapping[str, str]
    texts: Mapping[str, str]
    triggers: Mapping[str, tuple[str, ...]]
    harmless: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Language:
    code: str
    name: str
    direction: str
    content: bool
    joining: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnowledgeBase:
    """The folder as values. `digest` changes whenever anything that a resident can read changes."""

    languages: Mapping[str, Language]
    default_language: str
    fallback_language: str
    offers: Mapping[str, Offer]
    wordings: Mapping[str, Wording]
    switchboard: Fact
    switchboard_source: Source
    facet_cues: Mapping[str, tuple[Cue, ...]]
    glossary: Mapping[str, Term]
    districts: Mapping[str, District]
    crisis: tuple[CrisisKind, ...]
    crisis_contacts: Mapping[str, CrisisContact]
    digest: str
    _today: date | None = field(default=None, compare=False)

    @property
    def today(self) -> date:
        return self._today or date.today()

    @property
    def content_languages(self) -> tuple[str, ...]:
        return tuple(code for code, language in self.languages.items() if language.content)

    def spoken(self, language: str) -> tuple[str, ...]:
        """The languages in which a resident who writes `language` is spoken to: their own, or German and English."""
        return (language,) if language in self.wordings else (self.default_language, self.fallback_language)

    def say(self, language: str, key: str, **values: object) -> str:
        """The fixed sentence `key`; where `language` has no phrases, in German and English, a line each."""
        return "\n".join(self.wordings[code].say(key, **values) for code in self.spoken(language))

    def direction(self, language: str) -> str:
        return self.languages[language].direction if language in self.languages else "ltr"

    def facts(self, offer: Offer) -> list[Fact]:
        """The facts that may be shown today."""
        return [fact for fact in offer.facts if fact.shown_on(self.today)]

    def text(self, offer: Offer, section: Section, language: str) -> str | None:
        """The section with its facts filled in, or None when it, or a fact it needs, is out of date."""
        if section.valid_until is not None and self.today > section.valid_until:
            return None
        values = {fact.key: self.wordings[language].value(fact) for fact in self.facts(offer)}
        if not set(_PLACEHOLDER.findall(section.text)) <= set(values):
            return None
        return _PLACEHOLDER.sub(lambda match: values[match.group(1)], section.text)

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """All that can be found, each section with its offer's title and heading in front."""
        return tuple(passage for offer in self.offers.values() for passage in self._passages(offer))

    def names(self, offer: str, language: str) -> Iterator[str]:
        """What people call the offer in `language`, by the glossary."""
        for term in self.glossary.values():
            if term.offer == offer:
                yield from term.names.get(language, ())

    def _passages(self, offer: Offer) -> Iterator[Passage]:
        for language, words in offer.translations.items():
            for name in self.names(offer.id, language):
                yield Passage(offer.id, language, None, "name", name)
            for question in words.questions:
                yield Passage(offer.id, language, None, "question", question)
            yield Passage(offer.id, language, None, "section", f"{words.title}. {words.summary}")
            for section in words.sections:
                text = self.text(offer, section, language)
                if text is not None:
                    plain = re.sub(r"^(?:\d+\.|-) ", "", text, flags=re.MULTILINE).replace("\n", " ")
                    yield Passage(offer.id, language, section.facet, "section", f"{words.title}. {section.heading} {plain}")
                    yield Passage(offer.id, language, section.facet, "heading", section.heading)
            wording = self.wordings[language]
            for facet in FACETS:
                facts = [fact for fact in self.facts(offer) if fact.facet == facet]
                if (facts or facet in offer.unknown) and words.section(facet) is None:
                    values = ", ".join(f"{wording.label(fact)}: {wording.value(fact)}" for fact in facts)
                    yield Passage(
                        offer.id, language, facet, "facts", f"{words.title}. {wording.say(f'facet.{facet}')} {values}".strip()
                    )


def load_knowledge(folder: Path, today: date | None = None, language: str = "en") -> tuple[KnowledgeBase | None, list[Problem]]:
    """Read the folder.

    Returns the knowledge base and everything that is wrong. An offer or translation with a mistake is left out;
    the knowledge base is None only when languages, phrases or the switchboard cannot be read.
    `today` freezes the date for tests. `language` of the messages: "en" or "de". Takes about 2 ms per file.
    """
    reader = _Reader(folder, language)
    return reader.knowledge(today), sorted(reader.problems, key=lambda problem: (problem.path, problem.line))


def with_last_good(knowledge: KnowledgeBase | None, before: KnowledgeBase, problems: Iterable[Problem]) -> KnowledgeBase:
    """What can be served after an edit: whatever has a mistake now stays as it was in `before`.

    A mistake in an offer.yml or de.md keeps the whole offer, one in a translation that translation, one elsewhere everything.
    """
    offers = dict(knowledge.offers) if knowledge else {}
    for problem in problems:
        parts = Path(problem.path).parts
        if problem.warning:
            continue
        if knowledge is None or len(parts) < 3 or parts[-3] != "offers":
            return before
        offer, file = parts[-2], Path(parts[-1]).stem
        old = before.offers.get(offer)
        if old is None:
            continue
        if offer not in offers or file in ("offer", knowledge.default_language):
            offers[offer] = old
        elif file in old.translations:
            offers[offer] = replace(offers[offer], translations={**offers[offer].translations, file: old.translations[file]})
        elif (language := file.removesuffix("-simple")) in old.simple:
            offers[offer] = replace(offers[offer], simple={**offers[offer].simple, language: old.simple[language]})
    assert knowledge is not None
    return replace(knowledge, offers=dict(sorted(offers.items())))


def content_digest(folder: Path) -> str:
    """A digest over every file of the folder: cheap, to see whether anything changed."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".yml", ".md"):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def source_digest(text: str) -> str:
    """The digest by which a translation names the German text it was made from: title, summary and sections.

    Example questions and blank space do not count: changing them makes no translation outdated.
    """
    front, _, body = without_comments(text).partition("\n---\n")
    words = [line for line in front.splitlines() if line.startswith(("title:", "summary:"))]
    return hashlib.sha256(" ".join(" ".join([*words, body]).split()).encode()).hexdigest()[:12]


def without_comments(text: str) -> str:
    """The text without editors' comments `<!-- … -->`: no resident reads them, no translation follows them."""
    return "\n".join(kept for line in text.split("\n") if (kept := _COMMENT.sub("", line)).strip() or not line.strip())


def stamp_translations(folder: Path, offer: str | None = None, language: str | None = None) -> list[Path]:
    """Write into translations the digest of the German text they now agree with. Returns the files that changed."""
    changed = []
    for source in sorted(folder.glob(f"offers/{offer or '*'}/de.md")):
        digest = source_digest(source.read_text(encoding="utf-8"))
        for path in sorted(source.parent.glob(f"{language or '*'}.md")):
            text = path.read_text(encoding="utf-8")
            front, marker, body = text.partition("\n---\n")
            lines = [line for line in front.splitlines() if not line.startswith("translated_from:")]
            simple = path.stem.endswith("-simple")
            place = next((number for number, line in enumerate(lines) if line.startswith("translated_by:")), None)
            if path == source or (place is None and not simple):
                continue
            place = len(lines) if place is None else place
            lines.insert(place, f'translated_from: "{digest}"')
            stamped = "\n".join(lines) + marker + body
            if stamped != text:
                path.write_text(stamped, encoding="utf-8")
                changed.append(path)
    return changed


class _Reader:
    """One reading of the folder; collects the problems."""

    def __init__(self, folder: Path, language: str) -> None:
        self.folder = folder
        self.language = language if language in LANGUAGES else "en"
        self.problems: list[Problem] = []
        self.known_districts: frozenset[str] = frozenset()

    def report(self, path: Path, line: int, key: str, warning: bool = False, **values: object) -> None:
        """Note the problem `key` of retrieval/messages.py, its braces filled with `values`."""
        try:
            shown = path.relative_to(self.folder.parent)
        except ValueError:
            shown = path
        problem, remedy = (text.format(**values) for text in MESSAGES[key][self.language])
        self.problems.append(Problem(str(shown), line, problem, remedy, warning))

    def quoted(self, text: str) -> str:
        """What a message quotes, in its language where we have it."""
        return GERMAN_PARTS.get(text, text) if self.language == "de" else text

    def yaml(self, path: Path, text: str | None = None, first_line: int = 1) -> Any:
        """The file's content, or None after a report. `first_line`: where `text` begins in the file."""
        try:
            content = yaml.load(path.read_text(encoding="utf-8") if text is None else text, _Loader)
        except FileNotFoundError:
            self.report(path, 1, "file-missing")
            return None
        except UnicodeDecodeError:
            self.report(path, 1, "file-encoding")
            return None
        except _StandsTwice as error:
            self.report(path, first_line + error.problem_mark.line, "entry-twice", name=error.problem)
            return None
        # The parser lets some errors of Python through: an impossible date, a list as a key.
        except (yaml.YAMLError, ValueError, TypeError) as error:
            mark = getattr(error, "problem_mark", None)
            line = first_line + (mark.line if mark else 0)
            reason = str(getattr(error, "problem", None) or "not readable").strip().splitlines()[0]
            self.report(path, line, "file-form", reason=self.quoted(reason))
            return None
        if not isinstance(content, Mapping):
            self.report(path, first_line, "file-empty")
            return None
        return content

    def keys(self, path: Path, content: Any, required: set[str], optional: set[str], line: int = 1) -> bool:
        good = True
        for key in sorted(required - set(content)):
            self.report(path, line, "entry-missing", name=key)
            good = False
        for key in content:
            if key not in required | optional:
                close = ", ".join(sorted(required | optional))
                self.report(path, _line(content, key, line), "entry-unknown", name=key, allowed=close)
                good = False
        return good

    def knowledge(self, today: date | None) -> KnowledgeBase | None:
        languages = self.languages()
        if languages is None:
            return None
        table, default, fallback = languages
        content = [code for code, language in table.items() if language.content]
        wordings = self.wordings(content, default)
        switchboard = self.switchboard()
        if set(wordings) != set(content) or switchboard is None:
            return None
        districts = self.districts()
        self.known_districts = frozenset(districts)
        offers = {}
        for path in sorted((self.folder / "offers").glob("*/offer.yml")):
            offer = self.offer(path, table, set(content), default)
            if offer is not None:
                offers[offer.id] = offer
        self.references(offers)
        return KnowledgeBase(
            table,
            default,
            fallback,
            offers,
            wordings,
            *switchboard,
            self.facet_cues(content),
            self.glossary(content, offers),
            districts,
            *self.crisis(content),
            content_digest(self.folder),
            today,
        )

    def languages(self) -> tuple[dict[str, Language], str, str] | None:
        path = self.folder / "languages.yml"
        content = self.yaml(path)
        if content is None or not self.keys(path, content, {"default", "fallback", "languages"}, set()):
            return None
        table = {}
        for code, entry in content["languages"].items():
            line = _line(content["languages"], code)
            if not isinstance(entry, Mapping) or not self.keys(path, entry, {"name"}, {"content", "direction", "joining"}, line):
                return None
            table[code] = Language(
                code, entry["name"], entry.get("direction", "ltr"), bool(entry.get("content")), tuple(entry.get("joining") or ())
            )
        for key in ("default", "fallback"):
            if content[key] not in table or not table[content[key]].content:
                self.report(path, _line(content, key), "language-without-content", name=key, value=content[key])
                return None
        return table, content["default"], content["fallback"]

    def wordings(self, languages: list[str], default: str) -> dict[str, Wording]:
        files = {code: self.yaml(self.folder / "phrases" / f"{code}.yml") for code in languages}
        source = files.get(default)
        if source is None:
            return {}
        good = {}
        for code, content in files.items():
            path = self.folder / "phrases" / f"{code}.yml"
            if content is None:
                continue
            before = len(self.problems)
            for key, text in source.items():
                if key not in content:
                    self.report(path, 1, "phrase-missing", name=key, default=default, text=text)
                    continue
                expected, found = set(_braces(str(text))), set(_braces(str(content[key])))
                if not key.startswith("date.month") and expected != found:
                    self.report(
                        path,
                        _line(content, key),
                        "phrase-braces",
                        name=key,
                        default=default,
                        found=sorted(found),
                        expected=sorted(expected),
                    )
            for key in content:
                if key not in source and not str(key).startswith("month_alone."):
                    self.report(path, _line(content, key), "phrase-unknown", name=key, default=default)
            if len(self.problems) == before:
                good[code] = Wording(code, {str(key): str(text) for key, text in content.items()})
        return good

    def facet_cues(self, languages: list[str]) -> dict[str, tuple[Cue, ...]]:
        path = self.folder / "facets.yml"
        content = self.yaml(path)
        if content is None or not self.keys(path, content, set(FACETS), set()):
            return {}
        cues: dict[str, list[Cue]] = {language: [] for language in languages}
        for facet, entries in content.items():
            if not self.keys(path, entries, set(languages), set(), _line(content, facet)):
                continue
            for language in languages:
                cues[language] += [Cue.read(facet, str(text)) for text in entries[language]]
        return {language: tuple(own) for language, own in cues.items()}

    def glossary(self, languages: list[str], offers: Mapping[str, Offer]) -> dict[str, Term]:
        path = self.folder / "glossary.yml"
        content = self.yaml(path)
        if content is None or not self.keys(path, content, {"terms"}, set()):
            return {}
        found: dict[str, Term] = {}
        taken: dict[tuple[str, str], str] = {}
        for name, entry in content["terms"].items():
            line = _line(content["terms"], name)
            if not isinstance(entry, Mapping) or not self.keys(path, entry, {"offer", *languages}, set(), line):
                continue
            if not (self.folder / "offers" / str(entry["offer"])).is_dir():
                self.report(path, line, "term-offer", name=entry["offer"])
            if entry["offer"] not in offers:
                continue
            names: dict[str, tuple[str, ...]] = {}
            for language in languages:
                words = entry[language]
                at = _line(entry, language)
                if not isinstance(words, Mapping) or not self.keys(path, words, {"term"}, {"also", "misspelt", "avoid"}, at):
                    continue
                own = tuple(map(str, [words["term"], *(words.get("also") or ()), *(words.get("misspelt") or ())]))
                for word in own[1:]:
                    other = taken.setdefault((language, word.lower()), name)
                    if other != name:
                        self.report(path, at, "term-word-twice", word=word, other=other)
                names[language] = own
            if len(names) == len(languages):
                terms = {language: str(entry[language]["term"]) for language in languages}
                avoid = {language: tuple(map(str, entry[language].get("avoid") or ())) for language in languages}
                found[name] = Term(name, entry["offer"], terms, names, avoid)
        return found

    def districts(self) -> dict[str, District]:
        path = self.folder / "districts.yml"
        content = self.yaml(path)
        if content is None or not self.keys(path, content, {"districts"}, set()):
            return {}
        found: dict[str, District] = {}
        for name, entry in content["districts"].items():
            line = _line(content["districts"], name)
            scripts = ("latin", "ar", "fa", "uk", "ru")
            if not isinstance(entry, Mapping) or not self.keys(path, entry, {"borough"}, {"context", *scripts}, line):
                continue
            if entry["borough"] not in range(1, 11):
                self.report(path, line, "borough", value=entry["borough"])
                continue
            spellings = [name, *(str(word) for script in scripts for word in entry.get(script) or ())]
            found[name] = District(name, entry["borough"], tuple(spellings), bool(entry.get("context")))
        return found

    def crisis(self, languages: list[str]) -> tuple[tuple[CrisisKind, ...], dict[str, CrisisContact]]:
        path = self.folder / "crisis.yml"
        content = self.yaml(path)
        if content is None or not self.keys(path, content, {"contacts", "kinds"}, set()):
            return (), {}
        contacts = {}
        for name, entry in content["contacts"].items():
            line = _line(content["contacts"], name)
            if isinstance(entry, Mapping) and self.keys(path, entry, {"phone", "title"}, {"url", "as_of", "undated"}, line):
                as_of = str(entry["as_of"]) if "as_of" in entry else None
                contacts[name] = CrisisContact(
                    str(entry["phone"]), str(entry["title"]), entry.get("url"), as_of, bool(entry.get("undated"))
                )
        kinds = []
        for name, entry in content["kinds"].items():
            line = _line(content["kinds"], name)
            if not isinstance(entry, Mapping) or not self.keys(path, entry, {"contacts", *languages}, set(), line):
                continue
            for contact in entry["contacts"]:
                if contact not in contacts:
                    self.report(path, line, "crisis-contact", name=contact)
            good = True
            for language in languages:
                words, at = entry[language], _line(entry, language)
                required = {"title", "text", "triggers"}
                if not isinstance(words, Mapping) or not self.keys(path, words, required, {"harmless"}, at):
                    good = False
                    continue
                for key in _braces(str(words["text"])):
                    if key not in entry["contacts"]:
                        self.report(path, at, "crisis-braces", name=key)
                        good = False
                if re.search(r"\d", re.sub(r"\{\w+\}", "", str(words["text"]))):
                    self.report(path, at, "crisis-number")
                    good = False
            if good:
                parts = ("title", "text", "triggers", "harmless")
                title, text, triggers, harmless = ({code: entry[code].get(part) for code in languages} for part in parts)
                patterns = [
                    {code: tuple(map(str, own or ())) for code, own in by_language.items()}
                    for by_language in (triggers, harmless)
                ]
                kinds.append(CrisisKind(name, tuple(entry["contacts"]), title, text, *patterns))
        return tuple(kinds), contacts

    def switchboard(self) -> tuple[Fact, Source] | None:
        path = self.folder / "contacts.yml"
        content = self.yaml(path)
        if content is None or not self.keys(path, content, {"switchboard"}, set()):
            return None
        entry = content["switchboard"]
        if not self.keys(path, entry, {"phone", "source"}, set(), _line(content, "switchboard")):
            return None
        source = self.source(path, entry["source"], _line(entry, "source"))
        return None if source is None else (Fact("phone", "phone", entry["phone"], "switchboard"), source)

    def source(self, path: Path, entry: Any, line: int) -> Source | None:
        if not isinstance(entry, Mapping) or not self.keys(path, entry, {"title", "url", "as_of"}, {"undated"}, line):
            return None
        as_of = str(entry["as_of"])
        if not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", as_of) or not _is_date(f"{as_of}-01-01"[:10]):
            self.report(path, _line(entry, "as_of", line), "source-date", value=as_of)
            return None
        if not WELL_FORMED["url"][0](entry["url"]):
            self.report(path, _line(entry, "url", line), "source-address", value=entry["url"])
            return None
        return Source(str(entry["title"]), str(entry["url"]), as_of, bool(entry.get("undated")))

    def offer(self, path: Path, languages: Mapping[str, Language], content: set[str], default: str) -> Offer | None:
        entries = self.yaml(path)
        required = {"id", "topic", "status", "sources", "facts", "unknown", "ask"}
        if entries is None or not self.keys(path, entries, required, {"checked_by", "checked_on", "home_visit"}):
            return None
        before = sum(not problem.warning for problem in self.problems)
        if entries["id"] != path.parent.name:
            self.report(path, _line(entries, "id"), "offer-id", value=entries["id"], folder=path.parent.name)
        for key, allowed in (("topic", TOPICS), ("status", STATUSES)):
            if entries[key] not in allowed:
                self.report(path, _line(entries, key), "offer-value", name=key, value=entries[key], allowed=", ".join(allowed))
        if entries["status"] == "verified" and not (entries.get("checked_by") and entries.get("checked_on")):
            self.report(path, _line(entries, "status"), "offer-unchecked")
        sources = {}
        for key, entry in (entries["sources"] or {}).items():
            source = self.source(path, entry, _line(entries["sources"], key))
            if source is not None:
                sources[key] = source
        if not entries["sources"]:
            self.report(path, _line(entries, "sources"), "offer-without-source")
        facts = [
            self.fact(path, key, entry, _line(entries["facts"], key), entries["sources"] or {}, languages)
            for key, entry in (entries["facts"] or {}).items()
        ]
        for facet in entries["unknown"] or []:
            line = _line(entries, "unknown")
            if facet not in FACETS:
                self.report(path, line, "facet-unknown", name=facet, allowed=", ".join(FACETS))
            elif any(fact and fact.facet == facet for fact in facts):
                self.report(path, line, "unknown-has-fact", name=facet)
        if sum(not problem.warning for problem in self.problems) > before:
            return None
        kept = tuple(fact for fact in facts if fact is not None)
        translations, simple = self.translations(path.parent, kept, content, default)
        source_text = translations.get(default)
        if source_text is None:
            self.report(path, 1, "offer-without-text", default=default)
            return None
        for facet in entries["unknown"] or []:
            if source_text.section(facet) is not None:
                self.report(path, _line(entries, "unknown"), "unknown-has-section", name=facet, default=default)
                return None
        return Offer(
            entries["id"],
            entries["topic"],
            entries["status"],
            sources,
            kept,
            tuple(entries["unknown"] or ()),
            tuple(entries["ask"] or ()),
            translations,
            simple,
        )

    def fact(
        self, path: Path, key: str, entry: Any, line: int, sources: Mapping[str, Any], languages: Mapping[str, Language]
    ) -> Fact | None:
        kind = next((kind for kind in sorted(KINDS, key=len, reverse=True) if key == kind or key.startswith(f"{kind}-")), None)
        if kind is None:
            self.report(path, line, "fact-kind", name=key, allowed=", ".join(KINDS))
            return None
        optional = {"name", "note", "status", "valid_until", "district"}
        if not isinstance(entry, Mapping) or not self.keys(path, entry, {"value", "source"}, optional, line):
            return None
        good = True
        test, example = WELL_FORMED[kind]
        if not test(entry["value"]):
            self.report(path, _line(entry, "value", line), "fact-value", name=key, example=self.quoted(example))
            good = False
        elif kind == "languages" and (strange := [code for code in entry["value"] if code not in languages and code != "prs"]):
            self.report(path, line, "fact-language", name=strange[0])
            good = False
        if entry["source"] not in sources:
            self.report(path, _line(entry, "source", line), "fact-source", name=entry["source"])
            good = False
        if entry.get("note") is not None and entry["note"] not in NOTES:
            self.report(path, _line(entry, "note", line), "fact-note", name=entry["note"], allowed=", ".join(NOTES))
            good = False
        if entry.get("status") not in (None, "stale"):
            self.report(path, _line(entry, "status", line), "fact-status")
            good = False
        if entry.get("district") is not None and entry["district"] not in self.known_districts:
            self.report(path, _line(entry, "district", line), "fact-district", name=entry["district"])
            good = False
        until = entry.get("valid_until")
        if until is not None and not isinstance(until, date):
            self.report(path, _line(entry, "valid_until", line), "fact-date", value=until)
            good = False
        if not good:
            return None
        return Fact(
            key,
            kind,
            entry["value"],
            entry["source"],
            entry.get("name"),
            entry.get("note"),
            entry.get("status") == "stale",
            until,
            entry.get("district"),
        )

    def translations(
        self, folder: Path, facts: tuple[Fact, ...], content: set[str], default: str
    ) -> tuple[dict[str, Translation], dict[str, Translation]]:
        """The texts by language: those of the standard level, and the simpler ones."""
        source_path = folder / f"{default}.md"
        digest = source_digest(source_path.read_text(encoding="utf-8")) if source_path.exists() else ""
        found: dict[str, Translation] = {}
        simple: dict[str, Translation] = {}
        for path in sorted(folder.glob("*.md"), key=lambda path: (path.stem != default, path.stem)):
            language, level = path.stem.removesuffix("-simple"), "simple" if path.stem.endswith("-simple") else "standard"
            if language not in content:
                self.report(path, 1, "text-language", name=path.stem)
                continue
            words = self.translation(path, language, facts, digest, default, level)
            if words is None:
                continue
            source = found.get(default)
            if source is not None and [section.facet for section in words.sections] != [
                section.facet for section in source.sections
            ]:
                expected = ", ".join(section.facet for section in source.sections)
                self.report(path, 1, "text-sections", default=default, expected=expected)
                continue
            (simple if level == "simple" else found)[language] = words
        return found, simple

    def translation(
        self, path: Path, language: str, facts: tuple[Fact, ...], digest: str, default: str, level: str
    ) -> Translation | None:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            self.report(path, 1, "file-encoding")
            return None
        front, marker, body = text.removeprefix("---\n").partition("\n---\n")
        if not text.startswith("---\n") or not marker:
            self.report(path, 1, "text-without-title")
            return None
        content = self.yaml(path, front + "\n", first_line=2)
        source, simple = language == default and level == "standard", level == "simple"
        optional = {"translated_from", "translated_by", "reviewed_by", "reviewed_on", "reviewed_text", "tested_by", "tested_on"}
        required = (
            {"title", "summary"} | (set() if simple else {"questions"}) | (set() if language == default else {"translated_by"})
        )
        if content is None or not self.keys(path, content, required, optional):
            return None
        before = len(self.problems)
        if content.get("translated_by") not in (None, "machine", "person"):
            self.report(path, _line(content, "translated_by") + 1, "text-translated-by")
        for key, companion in (("reviewed_by", "reviewed_on"), ("tested_by", "tested_on")):
            if bool(content.get(key)) != isinstance(content.get(companion), date):
                at = _line(content, key if key in content else companion) + 1
                self.report(path, at, "text-role-and-date", name=key, companion=companion)
        if content.get("reviewed_by") is not None and content["reviewed_by"] not in ROLES:
            self.report(path, _line(content, "reviewed_by") + 1, "text-role", allowed=", ".join(ROLES))
        for key in ("title", "summary"):
            if not str(content[key] or "").strip():
                self.report(path, _line(content, key) + 1, "text-empty", name=key)
        claim = re.search(r"[Ll]eichte[rn]? Sprache", text)
        if claim and not content.get("tested_by"):
            self.report(path, text[: claim.start()].count("\n") + 1, "text-untested")
        questions = [str(question) for question in content.get("questions") or []]
        if not questions and not simple:
            self.report(path, _line(content, "questions") + 1, "text-without-questions")
        sections = self.sections(path, body, front.count("\n") + 4, {fact.key for fact in facts})
        if len(self.problems) > before:
            return None
        made_from = content.get("translated_from")
        state = "source" if source else "current" if made_from in (None, digest) else "outdated"
        if state == "outdated":
            self.report(path, _line(content, "translated_from") + 1, "text-outdated", default=default, warning=True)
        # A signature holds for the words that were read.
        signed = content.get("reviewed_text") in (None, source_digest(text))
        if content.get("reviewed_by") and not signed:
            self.report(path, _line(content, "reviewed_by") + 1, "text-signature", warning=True, role=content["reviewed_by"])
        return Translation(
            language,
            str(content["title"]),
            str(content["summary"]),
            tuple(questions),
            sections,
            content.get("translated_by"),
            state,
            level,
            content.get("reviewed_by") if signed else None,
            content.get("reviewed_on") if signed else None,
            content.get("tested_by"),
        )

    def sections(self, path: Path, body: str, first_line: int, keys: set[str]) -> tuple[Section, ...]:
        found: dict[str, Section] = {}
        heading: re.Match[str] | None = None
        lines: list[str] = []
        started = first_line

        def close() -> None:
            if heading is not None:
                until = heading["until"]
                if not any(line.strip() for line in lines):
                    self.report(path, started, "section-empty", name=heading["facet"])
                found[heading["facet"]] = Section(
                    heading["facet"], heading["heading"], "\n".join(lines).strip(), date.fromisoformat(until) if until else None
                )

        for number, written in enumerate(body.splitlines(), first_line):
            line = without_comments(written)
            if written and not line:
                continue
            if line.startswith("#"):
                close()
                heading = _HEADING.fullmatch(line)
                lines, started = [], number
                if heading is None:
                    self.report(path, number, "heading-without-facet")
                elif heading["until"] and not _is_date(heading["until"]):
                    self.report(path, number, "fact-date", value=heading["until"])
                    heading = None
                elif heading["facet"] not in FACETS:
                    self.report(path, number, "facet-unknown", name=heading["facet"], allowed=", ".join(FACETS))
                elif heading["facet"] in found:
                    self.report(path, number, "section-twice", name=heading["facet"])
                continue
            if heading is None and line.strip() and not found:
                self.report(path, number, "section-without-heading")
            for key in _PLACEHOLDER.findall(line):
                if key not in keys:
                    self.report(path, number, "section-braces", name=key)
            for key, pattern in _TYPED_FACTS.items():
                if pattern.search(line):
                    self.report(path, number, key)
            lines.append(line)
        close()
        if not found:
            self.report(path, first_line, "text-without-sections")
        return tuple(found.values())

    def references(self, offers: Mapping[str, Offer]) -> None:
        for offer in offers.values():
            path = self.folder / "offers" / offer.id / "offer.yml"
            for name in offer.ask:
                if name != "switchboard" and name not in offers:
                    self.report(path, 1, "ask-unknown", name=name, warning=True)
        seen: dict[tuple[str, str], str] = {}
        for offer in offers.values():
            for language, words in offer.translations.items():
                for question in words.questions:
                    other = seen.setdefault((language, " ".join(question.lower().split())), offer.id)
                    if other != offer.id:
                        path = self.folder / "offers" / offer.id / f"{language}.md"
                        self.report(path, 1, "question-twice", question=question, other=other, warning=True)


def _is_date(text: str) -> bool:
    """Whether `text`, written 2026-12-31, is a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _braces(text: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", text)


class _Mapping(dict[str, Any]):
    """A YAML mapping that knows on which line (from 0) each key stands."""

    lines: dict[str, int]


class _StandsTwice(yaml.MarkedYAMLError):  # type: ignore[misc]  # PyYAML has no types
    """A key that stands twice in one mapping; `problem` is the key."""


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """YAML as editors mean it: `no` is a word, and a key that stands twice is a mistake."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> _Mapping:
    mapping = _Mapping()
    mapping.lines = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in mapping:
            raise _StandsTwice(problem=key, problem_mark=key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
        mapping.lines[key] = key_node.start_mark.line
    return mapping


_BOOLEAN = "tag:yaml.org,2002:bool"
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile("true|false"), list("tf"))


def _line(content: Any, key: str, default: int = 1) -> int:
    """The line (from 1) on which `key` stands."""
    return content.lines[key] + 1 if isinstance(content, _Mapping) and key in content.lines else default
