"""Checks German texts for Einfache Sprache, as far as a machine can.

The rules and their numbers are those of docs/knowledge-format.md, in the spirit of DIN 8581-1 (Einfache Sprache) and
DIN SPEC 33429 (Leichte Sprache). No model tags the words: passive, genitive and Konjunktiv are found by lists and patterns.
They miss some and are sometimes wrong, so they only warn.

Where a rule does not fit, an editor says so, at the end of the line or on a line of its own before it:

    Die Freiwilligen-Zentrale wurde 1998 gegründet. <!-- erlaubt: passiv, weil niemand weiß, wer sie gegründet hat -->

In the title block the same is a YAML comment on the line before: `# erlaubt: langes-wort, weil das Papier so heißt`.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyphen

from retrieval.knowledge import Problem
from retrieval.lexical import sentences

# Level → words in a sentence above which to warn, and above which it is an error.
SENTENCE_WORDS = {"plain": (15, 20), "simple": (8, 10)}
MAX_WORD_LETTERS = 18

# Rule → problem and remedy per language. The rule's name is what an editor writes after `erlaubt:`.
RULES: dict[str, dict[str, tuple[str, str]]] = {
    "langer-satz": {
        "en": ("This sentence has {count} words: “{found}”", "Make two of it; 12 words are good, {limit} the most."),
        "de": (
            "Dieser Satz hat {count} Wörter: „{found}“",
            "Machen Sie 2 Sätze daraus; 12 Wörter sind gut, {limit} das Höchste.",
        ),
    },
    "nebensätze": {
        "en": ("This sentence has {count} commas between clauses: “{found}”", "One is enough; make two sentences of it."),
        "de": ("Dieser Satz hat {count} Kommas zwischen Teilsätzen: „{found}“", "Eines genügt; machen Sie 2 Sätze daraus."),
    },
    "passiv": {
        "en": ("This looks like a passive: “{found}”.", "Say who does it: “Das Amt prüft …”."),
        "de": ("Das sieht nach Passiv aus: „{found}“.", "Sagen Sie, wer es tut: „Das Amt prüft …“."),
    },
    "genitiv-kette": {
        "en": ("Two genitives follow each other: “{found}”.", "Use “von”, or make two sentences of it."),
        "de": ("Hier folgen 2 Genitive aufeinander: „{found}“.", "Schreiben Sie „von“, oder machen Sie 2 Sätze daraus."),
    },
    "konjunktiv": {
        "en": ("“{found}” is Konjunktiv.", "Say it in the indicative: “kann”, “soll”, “ist”."),
        "de": ("„{found}“ ist Konjunktiv.", "Sagen Sie es im Indikativ: „kann“, „soll“, „ist“."),
    },
    "abkürzung": {
        "en": ("“{found}” is an abbreviation.", "Write the words in full: “zum Beispiel”."),
        "de": ("„{found}“ ist eine Abkürzung.", "Schreiben Sie die Wörter aus: „zum Beispiel“."),
    },
    "langes-wort": {
        "en": (
            "“{found}” has {count} letters without a hyphen.",
            "Use a hyphen or other words, or add the word to the glossary and explain it.",
        ),
        "de": (
            "„{found}“ hat {count} Buchstaben ohne Bindestrich.",
            "Setzen Sie einen Bindestrich, wählen Sie andere Wörter, oder erklären Sie das Wort im Glossar.",
        ),
    },
    "zahlwort": {
        "en": ("The number “{found}” is written as a word.", "Write it in digits."),
        "de": ("Die Zahl „{found}“ ist als Wort geschrieben.", "Schreiben Sie sie in Ziffern."),
    },
    "datum": {
        "en": ("The date “{found}” is not in its form.", "Write it as 1. März 2026, or the fact's key in braces."),
        "de": (
            "Das Datum „{found}“ hat nicht die richtige Form.",
            "Schreiben Sie es so: 1. März 2026. Oder den Schlüssel der Angabe in Klammern { }.",
        ),
    },
    "uhrzeit": {
        "en": ("The time “{found}” is not in its form.", "Write it as 9:00 Uhr, from–to as 9:00 bis 14:00 Uhr."),
        "de": ("Die Uhrzeit „{found}“ hat nicht die richtige Form.", "Schreiben Sie: 9:00 Uhr oder 9:00 bis 14:00 Uhr."),
    },
    "telefonnummer": {
        "en": ("The phone number “{found}” is not in groups.", "Write it as 0211 89-98870: groups of at most 5 digits."),
        "de": (
            "Die Telefonnummer „{found}“ ist nicht in Gruppen geteilt.",
            "Schreiben Sie sie so: 0211 89-98870, höchstens 5 Ziffern in einer Gruppe.",
        ),
    },
    "zeichen": {
        "en": ("The sign {found} stands in the text.", "Write a word, or make a sentence of what is in brackets."),
        "de": ("Im Text steht das Zeichen {found}", "Schreiben Sie ein Wort, oder machen Sie aus der Klammer einen Satz."),
    },
    "begriff": {
        "en": ("“{found}” is not our word for this.", "We say “{ours}” everywhere."),
        "de": ("„{found}“ ist nicht unser Wort dafür.", "Wir sagen überall „{ours}“."),
    },
    "internetadresse": {
        "en": (
            "The address “{found}” stands in the text.",
            "Put it into offer.yml and write its key in braces, or name the page.",
        ),
        "de": (
            "Im Text steht die Adresse „{found}“.",
            "Setzen Sie sie in offer.yml und schreiben Sie den Schlüssel in Klammern { }, oder nennen Sie den Namen der Seite.",
        ),
    },
}
# What can be wrong with an editor's `erlaubt:` itself.
_ALLOWANCE_FAULTS: dict[str, dict[str, tuple[str, str]]] = {
    "unknown": {
        "en": ("`{found}` is not a rule that can be allowed.", "Use one of: {rules}."),
        "de": ("`{found}` ist keine Regel, die man erlauben kann.", "Nehmen Sie eine von: {rules}."),
    },
    "no-reason": {
        "en": ("`erlaubt: {found}` gives no reason.", "Add it: <!-- erlaubt: {found}, weil … -->"),
        "de": ("Bei `erlaubt: {found}` fehlt der Grund.", "Ergänzen Sie ihn: <!-- erlaubt: {found}, weil … -->"),
    },
    "unused": {
        "en": (
            "`erlaubt: {found}` allows nothing here.",
            "Remove it; or write it on the line it is meant for, or on the one before.",
        ),
        "de": (
            "`erlaubt: {found}` erlaubt hier nichts.",
            "Löschen Sie es, oder schreiben Sie es in die gemeinte Zeile oder in die Zeile davor.",
        ),
    },
    "open": {
        "en": ("This comment does not end on its line; residents would read it.", "Close it with --> on the same line."),
        "de": (
            "Dieser Kommentar endet nicht in seiner Zeile; man würde ihn lesen.",
            "Schließen Sie ihn mit --> in derselben Zeile.",
        ),
    },
}

_QUOTES = " „“‚‘\"'"
_COMMENT = re.compile(r"[ \t]*<!--(.*?)-->")
_ALLOWANCE = re.compile(r"\s*erlaubt:\s*(?P<rules>.*?)(?:,?\s*\bweil\b\s*(?P<reason>.*?))?\s*")
_MARK = re.compile(r"\s*(?:#{1,6}\s+|(?:[-*+]|\d+\.)\s+)")
_ANCHOR = re.compile(r"\s*\{#[^}]*\}\s*$")
_PLACEHOLDER = re.compile(r"\{[a-z_]+(?:-[a-z0-9-]+)?\}")
_MAIL = re.compile(r"\S+@\S+")
_PAGE = re.compile(
    r"(?:https?://|\bwww\.)\S*[^\s.,;:!?)]|(?<![\w@.-])(?:[a-zäöü0-9-]+\.)+(?:de|org|com|net|eu|info|nrw)\b(?:/\S*[^\s.,;:!?)])?"
)

# The tokenizer takes every number with a full stop for an ordinal. Before these words it was the end of a sentence.
_ENDS_WITH_NUMBER = re.compile(
    r"(?<=\d\.)\s+(?=(?:Sie|Dann|Das|Dies|Diese[rs]?|Es|Er|Die|Der|Den|Dem|Ein|Eine|Auch|Dort|Hier|Danach|Dafür|Aber|Und|Oder|"
    r"Wenn|Wer|Was|Wie|Wo|Wann|Ihr|Ihre|Wir|Man|In|Im|Am|Bei|Mit|Für|Alle|Jede[rs]?|Fragen|Rufen|So|Nur)\b)|(?<=\d\d\d\.)\s+(?=[A-ZÄÖÜ])"
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SUBORDINATE = _words(
    "dass daß wenn weil ob damit bevor nachdem obwohl während sobald solange bis als wie wo wohin woher was wer wem "
    "wen wann warum weshalb wieso welche welcher welches welchen welchem aber sondern denn um ohne anstatt statt indem "
    "falls seit seitdem sodass worum wobei wofür womit woran worauf worüber wovon wozu deren dessen denen"
)
_PRONOUNS = _words("sie ich er es wir man ihr ihnen sich")

_WERDEN = _words("wird werden wirst werde werdet wurde wurden wurdest worden")
_SEPARABLE = (
    "ab|an|auf|aus|bei|bereit|dar|durch|ein|fertig|fest|fort|frei|her|herunter|hin|hoch|kennen|los|mit|nach|nieder|"
    "statt|teil|um|vor|vorbei|weg|weiter|wieder|zu|zurück|zusammen"
)
_PARTICIPLE = re.compile(
    rf"(?:{_SEPARABLE})?ge(?P<stem>\w{{2,}}(?:t|en))|(?:{_SEPARABLE})?(?:be|er|ver|ent|zer|emp|miss)\w{{2,}}t|"
    r"(?:über|unter|hinter|wider)\w{3,}t|\w{2,}iert"
)
# Infinitives, finite verbs, adjectives and adverbs that look like participles.
_NO_PARTICIPLE = _words(
    "gehen geben gewinnen genießen gefallen gehören gelten geschehen gebären gelingen genügen gestalten gewähren "
    "gewöhnen gelangen genehmigen geraten gegen gefährden gebrauchen geht gehört gefällt gewinnt genießt gelingt "
    "genügt geschieht gebt gerecht gesamt geeignet gewohnt geboren bekannt berühmt beliebt bereit bestimmt berechtigt "
    "erst ernst verwandt vielleicht überhaupt unterhalt bekommt beginnt besteht erhält versteht verliert vergisst "
    "entsteht entscheidet verspricht beschreibt erscheint"
)
_STRONG_PARTICIPLES = _words(
    "begonnen beschrieben beschlossen besprochen bewiesen bezogen einbezogen empfohlen entschieden entnommen entworfen "
    "entzogen erhoben erzogen erworben überwiesen übernommen unterbrochen unternommen unterschrieben verboten "
    "verbunden verglichen verliehen verloren verschoben verschrieben versprochen verstanden verwiesen widersprochen "
    "erfunden anerkannt"
)
# These are infinitives too ("Wir werden Sie beraten"): passive only before werden, or after wurde.
_ALSO_INFINITIVES = _words(
    "beraten behalten bekommen betreten enthalten entlassen erfahren erhalten erlassen hinterlassen überlassen "
    "übergeben verlassen vergeben vergessen vertreten empfangen widerrufen berufen unterhalten gefangen"
)

_KONJUNKTIV = re.compile(
    r"(?<!\w)(?:(?:würd|könnt|sollt|müsst|dürft|hätt|wär|bräucht|gäb|käm|fänd|wüsst|tät|stünd|läg|nähm)en?|ginge|ließe|bliebe|"
    r"(?-i:sei|seien|könne|müsse|solle|dürfe|wolle)(?! Sie\b))(?!\w)",
    re.IGNORECASE,
)

_DETERMINER = r"(?:des|der|(?:ein|dies|jed|kein|mein|sein|unser|[Ii]hr|jen)(?:es|er)|aller)"
_NOUN = r"(?:[a-zäöüß]+(?:en|er) )?[A-ZÄÖÜ][\w-]+"
_GENITIVES = re.compile(
    rf"(?<=\s)(?!Sie\b|Ihnen\b)[A-ZÄÖÜ][\w-]+ {_DETERMINER} {_NOUN}(?: (?:für|von|in|aus) {_NOUN})? {_DETERMINER} {_NOUN}"
)

# Single letters with full stops (z.B., i. d. R.), but not "e.V.", which is part of a name, and not a person's initials (J. W.).
_ABBREVIATION = re.compile(
    r"(?<![\w.])(?!e\. ?V\.)(?:[a-z]\. ?[A-Za-zÄÖÜäöü]\.(?: ?[A-Za-z]\.)?|"
    r"(?:bzw|usw|etc|ggf|evtl|inkl|exkl|zzgl|ca|sog|vgl|bspw|insb|insbes|max|tgl|mtl|gem|bzgl|zB|dh)\b\.?|"
    r"(?:Nr|Tel|Str|Std|Min|Mio|Mrd|Jh|Hbf|Mo|Di|Mi|Do|Fr|Sa|So)\.(?=\s*[\d{a-zäöü–-])|(?:Abs|Art)\.(?= ?\d)|"
    r"(?:Mo|Di|Mi|Do|Fr|Sa|So) ?[–-] ?(?:Mo|Di|Mi|Do|Fr|Sa|So)\b)"
)

_ONES = "zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun"
_NUMBER = (
    f"(?:ein|{_ONES})?(?:hundert|tausend)|(?:(?:ein|{_ONES})und)?(?:zwanzig|drei(?:ß|ss)ig|vierzig|fünfzig|sechzig|siebzig|achtzig|neunzig)|"
    f"(?:drei|vier|fünf|sech|sieb|acht|neun)zehn|zehn|elf|zwölf|{_ONES}"
)
_NUMBER_WORD = re.compile(rf"(?<![\w-])(?<!\d )(?:(?:{_NUMBER})(?:(?:und)?(?:{_NUMBER}))*|eins|null)(?![\w-])", re.IGNORECASE)

_MONTHS = "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
_WRONG_DATE = re.compile(
    r"(?<![\d.])\d{1,2}\.\d{1,2}\.(?:\d{4}|\d\d)?(?!\d)|(?<![\d.])\d{1,2}\. \d{1,2}\. ?\d{4}\b|"
    r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b|"
    rf"\b0\d\. ?(?:{_MONTHS})\b|\b\d{{1,2}}(?:\.| )(?:{_MONTHS})\b|\b\d{{1,2}}\. (?:{_MONTHS}) ['’]?\d\d\b(?!\d)|"
    r"\b\d{1,2}\. ?(?:Jan|Feb|Mrz|Mär|Apr|Jun|Jul|Aug|Sept?|Okt|Nov|Dez)\b\.?"
)
_CLOCK = r"(?:1?\d|2[0-4]):[0-5]\d"
_WRONG_TIME = re.compile(
    rf"(?<![\d:.])(?!(?:{_CLOCK} (?:bis|und|oder) )*{_CLOCK} Uhr\b)\d{{1,2}}:\d\d\b"
    r"(?: ?[–-] ?\d{1,2}(?:[:.]\d\d)?)?(?: ?Uhr\b)?(?!\d)|"
    r"(?<![\d:.])\d{1,2}\.\d\d ?Uhr\b|(?<![\d:.])\d{1,2} ?(?:[–-] ?\d{1,2} ?)?Uhr\b|(?<![\d:.,])\d{1,2} ?h\b"
)
_PHONE = re.compile(r"(?<![\w.,-])(?:\+\d\d|\(0\d+\)|0\d|116)[\d \-/()]*\d(?![\w:.]*\d)")
_PHONE_IN_GROUPS = re.compile(r"\+?\d{2,5}(?:[ -]\d{1,5})+")
_SIGN = re.compile(r"[§%&/()]")


def check_plain_german(
    path: str,
    first_line: int,
    text: str,
    terms: frozenset[str] = frozenset(),
    *,
    level: str = "plain",
    language: str = "en",
    avoided: Mapping[str, str] | None = None,
) -> list[Problem]:
    """What is not Einfache Sprache in a Markdown body, in the order of its lines.

    `first_line`: the line of the file on which `text` begins. `terms`: words of the glossary, which may be long;
    `avoided`: words that the glossary asks us to avoid, with the word we use instead.
    `level`: "plain", or "simple" for shorter sentences. `language` of the messages: "en" or "de".
    A long word is reported where it stands first.
    """
    check = _Check(path, terms, SENTENCE_WORDS[level], language, avoided or {})
    allowances: list[_Allowance] = []
    waiting: list[_Allowance] = []
    for number, line in enumerate(text.splitlines(), first_line):
        own = [found for match in _COMMENT.finditer(line) for found in check.allowance(number, match[1])]
        if "<!--" in _COMMENT.sub("", line):
            check.fault(number, "open")
        if not _COMMENT.sub("", line).strip():
            waiting += own
            if not line.strip():
                continue
        else:
            for allowance in own + waiting:
                allowance.line = number
            waiting = []
        allowances += own
    for unit in _units(text, first_line):
        check.unit(unit)
    return check.problems(allowances)


def check_plain_file(
    path: str,
    content: str,
    terms: frozenset[str] = frozenset(),
    *,
    level: str = "plain",
    language: str = "en",
    avoided: Mapping[str, str] | None = None,
) -> list[Problem]:
    """The same for a whole de.md: title, summary and body. Example questions are the residents' words: nobody checks them."""
    front, _, body = content.removeprefix("---\n").partition("\n---\n")
    check = _Check(path, terms, SENTENCE_WORDS[level], language, avoided or {})
    allowances: list[_Allowance] = []
    waiting: list[_Allowance] = []
    key = ""
    unit: _Unit | None = None
    for number, line in enumerate(front.splitlines(), 2):
        comment = re.search(r"(?:^|\s)#(\s*erlaubt:.*)$", line)
        own = check.allowance(number, comment[1]) if comment else []
        allowances += own
        line = line[: comment.start()] if comment else line
        if not line.strip():
            waiting += own
            continue
        for allowance in own + waiting:
            allowance.line = number
        waiting = []
        start = re.match(r"(\w+):\s*", line)
        if start:
            if unit is not None:
                check.unit(unit)
            key, line = start[1], line[start.end() :]
            unit = _Unit((number,), line.strip().strip("\"'>|-")) if key in ("title", "summary") else None
        elif unit is not None:
            unit = _Unit((*unit.lines, number), unit.text + "\n" + line.strip().strip("\"'"))
    if unit is not None:
        check.unit(unit)
    return check.problems(allowances) + check_plain_german(
        path, front.count("\n") + 4, body, terms, level=level, language=language, avoided=avoided
    )


def vienna_formula(text: str) -> float:
    """How many years of school a Markdown text takes: the first Wiener Sachtextformel, 4 (very easy) to 15 (very hard).

    Bamberger and Vanecek, Lesen – Verstehen – Lernen – Schreiben, 1984: 0.1935 MS + 0.1672 SL + 0.1297 IW − 0.0327 ES − 0.875,
    with MS, IW, ES the percentages of words with three or more syllables, more than six letters, one syllable, and SL the
    words per sentence. Syllables are where pyphen would hyphenate. Easier texts may score below 4;
    a text without words scores 0. A hint, no proof: short sentences full of unknown words score well.
    """
    words: list[str] = []
    count = 0
    for unit in _units(text, 1):
        for _, sentence in unit.sentences():
            own = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", _PLACEHOLDER.sub("", sentence))
            words += own
            count += bool(own)
    if not words:
        return 0.0
    syllables = [_syllables(word) for word in words]
    percent = 100 / len(words)
    return (
        0.1935 * percent * sum(number >= 3 for number in syllables)
        + 0.1672 * len(words) / count
        + 0.1297 * percent * sum(len(word.replace("-", "")) > 6 for word in words)
        - 0.0327 * percent * sum(number == 1 for number in syllables)
        - 0.875
    )


@functools.cache
def _hyphenation() -> Any:
    return pyphen.Pyphen(lang="de_DE", left=1, right=2)


def _syllables(word: str) -> int:
    return sum(len(_hyphenation().positions(part)) + 1 for part in word.lower().split("-"))


@dataclass
class _Allowance:
    """`written` on its line, it holds for the rule on `line`."""

    rule: str
    written: int
    line: int
    used: bool = False


@dataclass(frozen=True)
class _Unit:
    """A paragraph, list item or heading, its lines joined by line breaks; `lines` are their numbers in the file."""

    lines: tuple[int, ...]
    text: str

    def line(self, offset: int) -> int:
        return self.lines[self.text.count("\n", 0, offset)]

    def sentences(self) -> Iterator[tuple[int, str]]:
        """Each sentence and where in `text` it begins."""
        cursor = 0
        for found in sentences(self.text, "de"):
            for sentence in _ENDS_WITH_NUMBER.split(found):
                cursor = self.text.index(sentence, cursor)
                yield cursor, sentence
                cursor += len(sentence)


@dataclass(frozen=True)
class _Finding:
    rule: str
    first: int
    last: int
    values: dict[str, object]
    warning: bool


def _units(text: str, first_line: int) -> Iterator[_Unit]:
    numbers: list[int] = []
    lines: list[str] = []
    for number, raw in enumerate(text.splitlines(), first_line):
        line = _COMMENT.sub("", raw)
        mark = _MARK.match(line)
        if lines and (mark or not raw.strip()):
            yield _Unit(tuple(numbers), "\n".join(lines))
            numbers, lines = [], []
        if not line.strip():
            continue
        numbers.append(number)
        lines.append(_ANCHOR.sub("", line[mark.end() :] if mark else line).strip())
        if line.startswith("#"):
            yield _Unit(tuple(numbers), "\n".join(lines))
            numbers, lines = [], []
    if lines:
        yield _Unit(tuple(numbers), "\n".join(lines))


def _clause_commas(sentence: str) -> int:
    """Commas that part clauses. Those of an enumeration ("Bus, Bahn oder Rad"), of numbers, and after Ja or Nein do not count."""
    parts = re.split(r",\s+", sentence)
    count = 0
    for before, part in itertools.pairwise(parts):
        words = re.findall(r"[\w{}-]+", re.split(r"\b(?:und|oder|sowie)\b|[:;]", part)[0])
        item = bool(words) and (
            words[0].lower() not in _SUBORDINATE
            and len(words) <= 4
            and not _PRONOUNS.intersection(word.lower() for word in words)
            and (len(words) == 1 or not words[-1][0].islower())
        )
        if not item and before.lower() not in ("ja", "nein", "bitte", "und", "oder"):
            count += 1
    return count


def _passive(clause: str) -> str | None:
    """The participle and its form of werden, or None."""
    words = re.findall(r"[\w-]+", clause)
    if not words:
        return None
    words[0] = words[0].lower()
    forms = [word for word in words if word in _WERDEN]
    if not forms:
        return None
    for word in words:
        match = _PARTICIPLE.fullmatch(word)
        if word in _STRONG_PARTICIPLES or (
            match and word not in _NO_PARTICIPLE and f"ge{match['stem']}" not in _NO_PARTICIPLE and word not in _ALSO_INFINITIVES
        ):
            return f"{forms[0]} … {word}"
    before_werden = words[-2] if len(words) > 1 and words[-1] in _WERDEN - {"werde"} else ""
    after_wurde = words[-1] if {"wurde", "wurden"}.intersection(forms) else ""
    for word in (before_werden, after_wurde):
        if word in _ALSO_INFINITIVES:
            return f"{forms[0]} … {word}"
    return None


class _Check:
    """One text: collects findings, then leaves out what an editor allowed."""

    def __init__(
        self, path: str, terms: frozenset[str], limits: tuple[int, int], language: str, avoided: Mapping[str, str]
    ) -> None:
        self.avoided = avoided
        self.path = path
        self.terms = frozenset(word for term in terms for word in [term.casefold(), *re.findall(r"\w+", term.casefold())])
        self.limits = limits
        self.language = language if language in ("en", "de") else "en"
        self.findings: list[_Finding] = []
        self.faults: list[Problem] = []
        self.long_words: set[str] = set()

    def fault(self, line: int, kind: str, found: str = "", warning: bool = False) -> None:
        problem, remedy = _ALLOWANCE_FAULTS[kind][self.language]
        remedy = remedy.format(found=found, rules=", ".join(RULES))
        self.faults.append(Problem(self.path, line, problem.format(found=found), remedy, warning))

    def allowance(self, line: int, comment: str) -> list[_Allowance]:
        match = _ALLOWANCE.fullmatch(comment)
        if match is None:
            return []
        names = [name.strip().lower() for name in match["rules"].split(",") if name.strip()]
        plain = {rule.replace("ä", "ae").replace("ü", "ue"): rule for rule in RULES}
        found = []
        for name in names or [""]:
            rule = plain.get(name, name)
            if rule not in RULES:
                self.fault(line, "unknown", name)
            elif not (match["reason"] or "").strip(" .…"):
                self.fault(line, "no-reason", name)
            else:
                found.append(_Allowance(rule, line, line))
        return found

    def problems(self, allowances: list[_Allowance]) -> list[Problem]:
        kept = []
        for finding in self.findings:
            allowing = [own for own in allowances if own.rule == finding.rule and finding.first <= own.line <= finding.last]
            for allowance in allowing:
                allowance.used = True
            if not allowing:
                problem, remedy = RULES[finding.rule][self.language]
                kept.append(
                    Problem(
                        self.path,
                        finding.first,
                        f"{finding.rule}: {_filled(problem, finding.values)}",
                        _filled(remedy, finding.values),
                        finding.warning,
                    )
                )
        for allowance in allowances:
            if not allowance.used:
                self.fault(allowance.written, "unused", allowance.rule, warning=True)
        return sorted(kept + self.faults, key=lambda problem: problem.line)

    def unit(self, unit: _Unit) -> None:
        for start, sentence in unit.sentences():
            self.sentence(unit, start, sentence)
        self.signs(unit)

    def report(self, rule: str, first: int, last: int, warning: bool = False, **values: object) -> None:
        self.findings.append(_Finding(rule, first, last, values, warning))

    def sentence(self, unit: _Unit, start: int, sentence: str) -> None:
        first, last = unit.line(start), unit.line(start + len(sentence))
        plain = " ".join(sentence.split())
        warn, most = self.limits
        count = sum(any(letter.isalnum() for letter in word) for word in plain.split())
        if count > warn:
            self.report("langer-satz", first, last, count <= most, count=count, limit=warn, found=_short(plain))
        commas = _clause_commas(plain)
        if commas > 1:
            self.report("nebensätze", first, last, True, count=commas, found=_short(plain))
        for clause in re.split(r"[,;:–.!?„“]", plain):
            passive = _passive(clause)
            if passive:
                self.report("passiv", first, last, True, found=passive)
        for match in _GENITIVES.finditer(plain):
            self.report("genitiv-kette", first, last, True, found=match[0])
        for match in _KONJUNKTIV.finditer(plain):
            # In the middle of a sentence a capital makes it a noun: "die Würde", "Acht geben", "40 Tausend".
            if match[0][0].islower() or not plain[: match.start()].strip(_QUOTES):
                self.report("konjunktiv", first, last, True, found=match[0])
        for match in _NUMBER_WORD.finditer(sentence):
            if match[0][0].islower() or not sentence[: match.start()].strip(_QUOTES):
                line = unit.line(start + match.start())
                self.report("zahlwort", line, line, found=match[0])

    def signs(self, unit: _Unit) -> None:
        """What does not depend on sentences."""
        text = _PLACEHOLDER.sub(_blank, unit.text)
        for match in _PAGE.finditer(_MAIL.sub(_blank, text)):
            self.at("internetadresse", unit, match, True)
        text = _PAGE.sub(_blank, _MAIL.sub(_blank, text))
        for rule, pattern in (("datum", _WRONG_DATE), ("uhrzeit", _WRONG_TIME)):
            for match in pattern.finditer(text):
                self.at(rule, unit, match)
            text = pattern.sub(_blank, text)
        for match in _PHONE.finditer(text):
            digits = sum(letter.isdigit() for letter in match[0])
            if digits >= 6 and not _PHONE_IN_GROUPS.fullmatch(match[0]):
                self.at("telefonnummer", unit, match)
                text = text[: match.start()] + " " * len(match[0]) + text[match.end() :]
        for match in _ABBREVIATION.finditer(text):
            if match[0].casefold().rstrip(".") not in self.terms:
                self.at("abkürzung", unit, match)
        seen: set[tuple[int, str]] = set()
        for match in _SIGN.finditer(text):
            place = (unit.line(match.start()), {")": "("}.get(match[0], match[0]))
            if place not in seen:
                seen.add(place)
                self.at("zeichen", unit, match, True)
        for match in re.finditer(rf"[^\W\d_]{{{MAX_WORD_LETTERS + 1},}}", text):
            word = match[0].casefold()
            if word not in self.long_words and not self.is_term(word):
                self.long_words.add(word)
                self.at("langes-wort", unit, match, True, count=len(match[0]))
        for avoided, ours in self.avoided.items():
            for match in re.finditer(rf"\b{re.escape(avoided)}\b", text):
                self.at("begriff", unit, match, True, ours=ours)

    def at(self, rule: str, unit: _Unit, match: re.Match[str], warning: bool = False, **values: object) -> None:
        line = unit.line(match.start())
        self.report(rule, line, line, warning, found=match[0], **values)

    def is_term(self, word: str) -> bool:
        """Whether the word stands in the glossary, be it in another case or number."""
        endings = ("", "s", "es", "e", "en", "n", "er", "ern", "in", "innen")
        return any(word.endswith(ending) and word[: len(word) - len(ending)] in self.terms for ending in endings)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _filled(template: str, values: dict[str, object]) -> str:
    """The template with its values; other braces, such as { }, stay."""
    return re.sub(r"\{(count|found|limit|ours)\}", lambda match: str(values[match[1]]), template)


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= 60 else sentence[:57].rsplit(" ", 1)[0] + " …"
