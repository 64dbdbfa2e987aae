"""Checks that a translation says the same facts as the German text: numbers, placeholders, lists, names.

After the checks that translators use, such as those of the Translate Toolkit's pofilter (numbers, variables, urls, simple caps):
what must not change is compared, the words are left to people. Digits count in every script, numbers written as words do not:
a language that must use a word (the Arabic dual) gives the digit beside it, أسبوعين (2).
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from retrieval.facts import Fact, Wording
from retrieval.knowledge import Problem, without_comments

_MESSAGES: dict[str, dict[str, tuple[str, str]]] = {
    "missing-number": {
        "en": ("“{facet}”: the number {found} of the German text is missing.", "Write it in digits.{hint}"),
        "de": ("„{facet}“: Die Zahl {found} aus dem deutschen Text fehlt.", "Schreiben Sie sie in Ziffern.{hint}"),
    },
    "extra-number": {
        "en": ("“{facet}”: the number {found} does not stand in the German text.", "Correct or remove it."),
        "de": ("„{facet}“: Die Zahl {found} steht nicht im deutschen Text.", "Verbessern oder löschen Sie sie."),
    },
    "missing-placeholder": {
        "en": ("“{facet}”: {found} of the German text is missing.", "Write it where the fact belongs."),
        "de": ("„{facet}“: {found} aus dem deutschen Text fehlt.", "Schreiben Sie es an die Stelle der Angabe."),
    },
    "extra-placeholder": {
        "en": ("“{facet}”: {found} does not stand in the German text, or not so often.", "Remove it."),
        "de": ("„{facet}“: {found} steht nicht im deutschen Text, oder nicht so oft.", "Löschen Sie es."),
    },
    "bullets": {
        "en": ("“{facet}”: {count} list items, {expected} in the German text.", "Write the same list, item by item."),
        "de": (
            "„{facet}“: {count} Punkte der Liste, im deutschen Text {expected}.",
            "Schreiben Sie dieselbe Liste, Punkt für Punkt.",
        ),
    },
    "steps": {
        "en": ("“{facet}”: {count} numbered steps, {expected} in the German text.", "Write the same steps, one by one."),
        "de": (
            "„{facet}“: {count} nummerierte Schritte, im deutschen Text {expected}.",
            "Schreiben Sie dieselben Schritte, einen nach dem anderen.",
        ),
    },
    "name": {
        "en": (
            "The name “{found}” of the German text is missing.",
            "Keep it as it is on signs and papers; explain it beside it.",
        ),
        "de": (
            "Der Name „{found}“ aus dem deutschen Text fehlt.",
            "Lassen Sie ihn stehen, wie er auf Schildern und Papieren steht; erklären Sie ihn daneben.",
        ),
    },
    "date": {
        "en": ("The date “{found}” is not one of offer.yml.", "Remove it, or write it in offer.yml and its key in braces here."),
        "de": (
            "Das Datum „{found}“ steht nicht in offer.yml.",
            "Löschen Sie es, oder schreiben Sie es in offer.yml und hier den Schlüssel in Klammern.",
        ),
    },
    "time": {
        "en": ("The time “{found}” is not one of offer.yml.", "Remove it, or write it in offer.yml and its key in braces here."),
        "de": (
            "Die Uhrzeit „{found}“ steht nicht in offer.yml.",
            "Löschen Sie sie, oder schreiben Sie sie in offer.yml und hier den Schlüssel in Klammern.",
        ),
    },
    "price": {
        "en": ("The price “{found}” is not one of offer.yml.", "Remove it, or write it in offer.yml and its key in braces here."),
        "de": (
            "Der Preis „{found}“ steht nicht in offer.yml.",
            "Löschen Sie ihn, oder schreiben Sie ihn in offer.yml und hier den Schlüssel in Klammern.",
        ),
    },
    "phone": {
        "en": (
            "The number “{found}” is not one of offer.yml.",
            "Remove it, or write it in offer.yml and its key in braces here.",
        ),
        "de": (
            "Die Nummer „{found}“ steht nicht in offer.yml.",
            "Löschen Sie sie, oder schreiben Sie sie in offer.yml und hier den Schlüssel in Klammern.",
        ),
    },
    "link": {
        "en": (
            "The address “{found}” is not one of offer.yml.",
            "Remove it, or write it in offer.yml and its key in braces here.",
        ),
        "de": (
            "Die Adresse „{found}“ steht nicht in offer.yml.",
            "Löschen Sie sie, oder schreiben Sie sie in offer.yml und hier den Schlüssel in Klammern.",
        ),
    },
}
# For languages whose grammar has a word where German has a digit.
_HINTS = {
    "ar": {
        "en": " A dual or a number word may stay if the digit stands beside it: أسبوعين (2).",
        "de": " Ein Dual oder Zahlwort darf bleiben, wenn die Ziffer daneben steht: أسبوعين (2).",
    }
}

_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_PLACEHOLDER = re.compile(r"\{[a-z_]+(?:-[a-z0-9-]+)?\}")
_HEADING = re.compile(r"## (?P<words>.*?) \{#(?P<facet>[a-z]+)[^}]*\}\s*")
_BULLET = re.compile(r"\s*[-*+]\s+")
_STEP = re.compile(r"\s*\d+[.)]\s+")
# Thousands in groups (15.000, 15,000, 15 000, 15٬000), else a number with or without decimals.
_NUMBER = re.compile(r"\d{1,3}(?:[.,٬’'\u00a0\u202f\u2009 ]\d{3})+(?!\d)|\d+(?:[.,٫]\d+)?")

_BRACKETS = re.compile(r"[(（][^()（）]*[)）]")

_FACT_MAY_STAND = re.compile(r"\d|@|://|www|\.\w")
_NUMERIC_DATE = re.compile(
    r"(?<![\d.])(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?:\d{4}|\d\d)?(?!\d)|\b\d{4}-(?P<month2>\d\d)-(?P<day2>\d\d)\b|"
    r"(?<![\d/])(?P<day3>\d{1,2})/(?P<month3>\d{1,2})/\d{2,4}\b"
)
_TIME = re.compile(
    r"(?<![\d:.,])(?P<hour>\d{1,2})(?::(?P<minute>\d\d)|\.(?P<minute2>\d\d) ?(?:Uhr|h)\b| ?Uhr\b"
    r"| ?[ap]\.?m\b\.?| ?h(?P<minute3>\d\d)\b)(?!\d)|"
    r"(?<!\w)(?:saat|الساعة|ساعت|godz\.|godzinie|ora|alle ore) (?P<hour2>\d{1,2})(?![\d:])"
)
_PRICE = re.compile(
    r"(?:€|EUR) ?(?P<amount>\d+(?:[.,]\d+)?)|"
    r"(?P<amount2>\d+(?:[.,٫]\d+)?)[ \u00a0\u202f]?(?:€|EUR\b|[Ee]uros?\b|[Aa]vro|يورو|євро|евро|یورو)"
)
_PHONE = re.compile(r"(?<![\w.,+-])(?:\+49|\(?0\d|116[ -]?1)[\d \-/()]*\d")
_LINK = re.compile(
    r"https?://\S*[^\s.,;:!?)،؛؟]|\bwww\.\S*[^\s.,;:!?)،؛؟]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|"
    r"(?<![\w@.-])(?:[a-zäöü0-9-]+\.)+(?:de|org|com|net|eu|info|nrw)(?![\w-])(?:/[^\s.,;:!?)]*)?"
)


def check_agreement(
    path: str,
    german: str,
    translation: str,
    wording: Wording,
    facts: Iterable[Fact] = (),
    names: frozenset[str] = frozenset(),
    *,
    language: str = "en",
) -> list[Problem]:
    """Where a translation says other facts than the German text, with the lines of the translation.

    `path`: of the translation. `german`, `translation`: the whole files, with their title blocks. `wording`: that of the
    translation's language. `names`: written in Latin script, with a capital somewhere; one that stands in the German text must
    stand in the translation (warning), in whatever form of the word and with or without hyphens. Example questions do not count.
    A section that one side lacks is not compared: the loader reports it. `language` of the messages: "en" or "de".
    """
    report = _Report(path, language)
    own = _parts(translation)
    for facet, source in _parts(german).items():
        part = own.get(facet)
        if part is not None:
            _compare(report, facet, source, part, wording.language)
    _names(report, german, translation, names)
    report.problems += check_typed_facts(path, translation, wording, facts, language=language)
    return sorted(report.problems, key=lambda problem: problem.line)


def check_typed_facts(
    path: str, content: str, wording: Wording, facts: Iterable[Fact] = (), *, language: str = "en"
) -> list[Problem]:
    """Dates, clock times, prices, phone numbers and addresses of pages in the words of a file that offer.yml does not hold.

    Those of offer.yml may stand: they are found as soon as offer.yml changes and the words do not.
    """
    report = _Report(path, language)
    known = _known(facts)
    lines = [line for part in _parts(content).values() for line in part.lines if _FACT_MAY_STAND.search(line.text)]
    text = "\n".join(_PLACEHOLDER.sub(lambda match: " " * len(match[0]), line.text) for line in lines)

    def found(kind: str, match: re.Match[str], value: object) -> None:
        if (kind, value) not in known:
            report(kind, lines[text.count("\n", 0, match.start())].number, found=match[0].strip())

    def taken(pattern: re.Pattern[str]) -> str:
        return pattern.sub(lambda match: " " * len(match[0]), text)

    for match in _LINK.finditer(text):
        address = _address(match[0])
        if not any(kind == "link" and str(value).split("/")[0] == address for kind, value in known):
            found("link", match, address)
    text = taken(_LINK)
    months = _months(wording)
    for pattern in (_NUMERIC_DATE, _date_pattern(tuple(months), wording.language)):
        for match in pattern.finditer(text):
            groups = {name.rstrip("23"): value for name, value in match.groupdict().items() if value is not None}
            month = groups["month"]
            found("date", match, (int(groups["day"]), int(month) if month.isdigit() else months[month]))
        text = taken(pattern)
    for match in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", match[0].replace("+49", "0"))
        if len(digits) >= 6:
            found("phone", match, digits)
    for match in _TIME.finditer(text):
        groups = {name.rstrip("23"): value for name, value in match.groupdict().items() if value is not None}
        found("time", match, f"{int(groups['hour'])}:{groups.get('minute', '00')}")
    for match in _PRICE.finditer(text):
        found("price", match, _plain_number(match["amount"] or match["amount2"]))
    return report.problems


@dataclass(frozen=True)
class _Line:
    number: int
    text: str  # digits in ASCII, list marks and comments gone
    mark: str = ""  # "bullet" or "step"


@dataclass(frozen=True)
class _Part:
    """A section, its heading first; or title and summary."""

    lines: tuple[_Line, ...]

    def marks(self, mark: str) -> int:
        return sum(line.mark == mark for line in self.lines)


class _Report:
    def __init__(self, path: str, language: str) -> None:
        self.path = path
        self.language = language if language in ("en", "de") else "en"
        self.problems: list[Problem] = []

    def __call__(self, kind: str, line: int, *, warning: bool = False, **values: object) -> None:
        problem, remedy = _MESSAGES[kind][self.language]
        self.problems.append(Problem(self.path, line, problem.format(**values), remedy.format(**values), warning))


@functools.lru_cache(maxsize=8)  # the German text is read once for its eleven translations
def _parts(content: str) -> Mapping[str, _Part]:
    """The sections by facet, and title and summary as "title"."""
    if not content.isascii():
        content = _FOREIGN_DIGIT.sub(lambda match: str(unicodedata.decimal(match[0])), content)
    front, _, body = content.removeprefix("---\n").partition("\n---\n")
    found: dict[str, list[_Line]] = {"title": []}
    key = ""
    for number, line in enumerate(front.splitlines(), 2):
        start = re.match(r"(\w+):\s*", line)
        key, line = (start[1], line[start.end() :]) if start else (key, line)
        if key in ("title", "summary"):
            found["title"].append(_Line(number, line))
    facet = ""
    for number, line in enumerate(body.splitlines(), front.count("\n") + 4):
        if "<!--" in line:
            line = without_comments(line)
        heading = _HEADING.fullmatch(line) if line.startswith("#") else None
        if heading:
            facet = heading["facet"]
            found[facet] = [_Line(number, heading["words"])]
        elif facet and line.strip():
            mark = next((name for name, pattern in (("bullet", _BULLET), ("step", _STEP)) if pattern.match(line)), "")
            text = {"bullet": _BULLET, "step": _STEP}[mark].sub("", line, count=1) if mark else line
            found[facet].append(_Line(number, text, mark))
    return {name: _Part(tuple(lines)) for name, lines in found.items()}


def _compare(report: _Report, facet: str, source: _Part, part: _Part, code: str) -> None:
    hint = _HINTS.get(code, {}).get(report.language, "")
    for kind, read in (("number", _numbers), ("placeholder", _PLACEHOLDER.findall)):
        expected = [read(line.text) for line in source.lines]
        present = [read(line.text) for line in part.lines]
        wanted, given = Counter(itertools.chain(*expected)), Counter(itertools.chain(*present))
        if wanted == given:
            continue
        # The German words in brackets may repeat a number: "2e année (2. Klasse)".
        outside = Counter(number for line in part.lines for number in _numbers(_BRACKETS.sub(" ", line.text)))
        aligned = len(expected) == len(present)
        for value in wanted - given:
            line = part.lines[0].number
            if aligned:
                line = next(
                    own.number
                    for own, german, here in zip(part.lines, expected, present, strict=True)
                    if german.count(value) > here.count(value)
                )
            report(f"missing-{kind}", line, facet=facet, found=value, hint=hint)
        for value in given - wanted:
            if kind == "number" and 0 < wanted[value] >= outside[value]:
                continue
            places = [
                own.number
                for place, (own, here) in enumerate(zip(part.lines, present, strict=True))
                if here.count(value) > (expected[place].count(value) if aligned else 0)
            ]
            report(f"extra-{kind}", places[-1], facet=facet, found=value)
    for kind, mark in (("bullets", "bullet"), ("steps", "step")):
        if source.marks(mark) != part.marks(mark):
            line = next((own.number for own in part.lines if own.mark == mark), part.lines[0].number)
            report(kind, line, facet=facet, count=part.marks(mark), expected=source.marks(mark))


def _names(report: _Report, german: str, translation: str, names: frozenset[str]) -> None:
    source = _parts(german)
    text = " ".join(line.text for part in source.values() for line in part.lines)
    parts = _parts(translation)
    own = _fold(" ".join(line.text for part in parts.values() for line in part.lines))
    for name in sorted(names):
        if name == name.lower() or name not in text or _fold(name) in own:
            continue
        written = _name_pattern(name)
        place = next((facet for facet, part in source.items() if any(written.search(line.text) for line in part.lines)), None)
        if place is not None and place in parts:
            report("name", parts[place].lines[0].number, warning=True, found=name)


@functools.cache
def _name_pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?:e?s|e?n)?(?!\w)")


def _fold(text: str) -> str:
    return re.sub(r"[\s\u200c\u2010-\u2013-]+", " ", text.casefold())


def _numbers(text: str) -> list[str]:
    return [_plain_number(found) for found in _NUMBER.findall(_PLACEHOLDER.sub(" ", text))]


def _plain_number(written: str) -> str:
    """The number as 15000 or 2.29."""
    if re.fullmatch(r"\d{1,3}(?:\D\d{3})+", written):
        return str(int(re.sub(r"\D", "", written)))
    whole, *decimals = re.split(r"\D", written)
    decimal = decimals[0].rstrip("0") if decimals else ""
    return f"{int(whole)}.{decimal}" if decimal else str(int(whole))


def _address(written: str) -> str:
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", written.lower()).rstrip("/")


def _known(facts: Iterable[Fact]) -> set[tuple[str, object]]:
    """The facts as kind and plain value."""
    known: set[tuple[str, object]] = set()
    for fact in facts:
        value = fact.value
        if fact.kind == "phone":
            known.add(("phone", re.sub(r"\D", "", str(value).replace("+49", "0"))))
        elif fact.kind in ("email", "url", "form"):
            known.add(("link", _address(str(value))))
        elif fact.kind in ("hours", "phone_hours"):
            known |= {("time", str(entry[end]).removeprefix("0")) for entry in value for end in ("from", "to")}
        elif fact.kind == "cost" and value != "free":
            known.add(("price", _plain_number(str(value["amount"]))))
        elif fact.kind in ("season", "before", "until"):
            for day in value.values() if isinstance(value, Mapping) else [value]:
                if isinstance(day, date):
                    known.add(("date", (day.day, day.month)))
                else:
                    month, number = str(day).split("-")
                    known.add(("date", (int(number), int(month))))
    return known


def _months(wording: Wording) -> dict[str, int]:
    """The names of the months in the form that follows a day; none where the phrases have none."""
    try:
        return {wording.say(f"month.{number}"): number for number in range(1, 13)}
    except KeyError:
        return {}


@functools.cache
def _date_pattern(months: tuple[str, ...], code: str) -> re.Pattern[str]:
    if not months:
        return re.compile(r"(?!)")
    names = "|".join(map(re.escape, months))
    # "mai" is also the Romanian word for "more": "2 mai mari".
    after = r"(?!\w)(?!(?<=\bmai)\s+[^\W\d])" if code == "ro" else r"(?!\w)"
    pattern = rf"(?<!\d)(?P<day>\d{{1,2}})(?:\.|º|er|st|nd|rd|th)?[ \u00a0](?:de |of )?(?P<month>{names}){after}"
    if code == "en":
        pattern += rf"|(?<!\w)(?P<month2>{names}) (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)"
    return re.compile(pattern)
