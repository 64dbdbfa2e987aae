"""Facts of an offer: their kinds, and how each is worded in a language.

A fact's value never holds words of a language; the words come from `phrases/<lang>.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

FACETS = ("what", "who", "how", "register", "cost", "when", "where", "documents", "languages", "contact")
DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
KINDS = {  # kind of fact → facet under which it is shown
    "phone": "contact",
    "email": "contact",
    "url": "contact",
    "form": "register",
    "address": "where",
    "hours": "when",
    "phone_hours": "when",
    "season": "when",
    "before": "when",
    "until": "when",
    "cost": "cost",
    "age": "who",
    "languages": "languages",
}
NOTES = ("by_appointment", "no_appointment", "house_number_unknown", "institutions_only", "step_free", "emergency_first_116117")
COST_UNITS = ("amount", "lesson", "course", "month", "year", "once")


@dataclass(frozen=True)
class Fact:
    """One fact. `key` is unique in its offer; `kind` decides how `value` is read (see docs/knowledge-format.md)."""

    key: str
    kind: str
    value: Any
    source: str
    name: str | None = None
    note: str | None = None
    stale: bool = False
    valid_until: date | None = None
    district: str | None = None

    @property
    def facet(self) -> str:
        return KINDS[self.kind]

    def shown_on(self, today: date) -> bool:
        return self.valid_until is None or today <= self.valid_until


def _days(value: Any) -> bool:
    return bool(re.fullmatch(rf"({'|'.join(DAYS)})([-,]({'|'.join(DAYS)}))*", str(value)))


def _time(value: Any) -> bool:
    return bool(re.fullmatch(r"([01]?\d|2[0-4]):[0-5]\d", str(value)))


def _date(value: Any) -> bool:
    return isinstance(value, date)


def _hours(value: Any) -> bool:
    keys = {"days", "from", "to"}
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(entry, Mapping)
            and set(entry) == keys
            and _days(entry["days"])
            and _time(entry["from"])
            and _time(entry["to"])
            for entry in value
        )
    )


def _day_of_year(value: Any) -> bool:
    return _date(value) or bool(re.fullmatch(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", str(value)))


def _cost(value: Any) -> bool:
    if value == "free":
        return True
    return (
        isinstance(value, Mapping)
        and set(value) <= {"amount", "per"}
        and bool(re.fullmatch(r"\d+(\.\d\d)?", str(value.get("amount", ""))))
        and value.get("per", "amount") in COST_UNITS
    )


def _range(value: Any, valid: Callable[[Any], bool], both: bool) -> bool:
    keys = set(value) if isinstance(value, Mapping) else set()
    return (keys == {"from", "to"} or (not both and keys in ({"from"}, {"to"}))) and all(valid(item) for item in value.values())


def _text(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))


WELL_FORMED: dict[str, tuple[Callable[[Any], bool], str]] = {  # kind → test, and what an editor should write instead
    "phone": (_text(r"\+?\d[\d -]+\d|\d{3,6}"), 'a number in groups, in quotes: "0211 89-98870"'),
    "email": (_text(r"[^@\s]+@[^@\s]+\.[a-z]+"), "a mail address"),
    "url": (_text(r"https?://\S+"), "an address that begins with https://"),
    "form": (_text(r"https?://\S+"), "an address that begins with https://"),
    "address": (_text(r".*\S.*"), 'one line: "Willi-Becker-Allee 8, 40227 Düsseldorf"'),
    "hours": (_hours, 'a list such as [{days: mo-fr, from: "9:00", to: "14:00"}]'),
    "phone_hours": (_hours, 'a list such as [{days: mo-fr, from: "9:00", to: "14:00"}]'),
    "season": (lambda value: _range(value, _date, both=True), "{from: 2025-05-05, to: 2025-10-05}"),
    "before": (_day_of_year, '"02-01" for each year, or 2027-01-31'),
    "until": (_day_of_year, '"02-01" for each year, or 2027-01-31'),
    "cost": (_cost, 'free, or {amount: "2.29", per: lesson}'),
    "age": (
        lambda value: _range(value, lambda item: isinstance(item, int), both=False),
        "{from: 55}, {to: 18} or {from: 12, to: 27}",
    ),
    "languages": (lambda value: isinstance(value, list) and bool(value), "a list of language codes: [tr, ar]"),
}


class Wording:
    """The fixed sentences of one language, and dates, hours and prices in its words."""

    def __init__(self, language: str, phrases: Mapping[str, str]) -> None:
        self.language = language
        self._phrases = phrases

    def say(self, key: str, **values: object) -> str:
        """The phrase `key` with its braces filled. Raises KeyError for a key that no phrase file has."""
        return self._phrases[key].format(**values) if values else self._phrases[key]

    def date(self, value: date | str) -> str:
        """A day, a month ("2026-02"), a year ("2019") or a day of each year ("02-01"), in words."""
        parts = [int(part) for part in str(value).split("-")]
        if isinstance(value, str) and re.fullmatch(r"\d\d-\d\d", value):
            return self.say("date.day", day=parts[1], month=self.say(f"month.{parts[0]}"))
        if len(parts) == 1:
            return str(parts[0])
        month = self.say(f"month.{parts[1]}")
        if len(parts) == 2:
            alone = self._phrases.get(f"month_alone.{parts[1]}", month)
            return self.say("date.month", month=alone, month_alone=alone, year=parts[0])
        return self.say("date.full", day=parts[2], month=month, year=parts[0])

    def _hours(self, entry: Mapping[str, str]) -> str:
        days = [
            self.say("time.days", first=self.say(f"day.{span[:2]}"), last=self.say(f"day.{span[-2:]}"))
            if "-" in span
            else self.say(f"day.{span}")
            for span in entry["days"].split(",")
        ]
        separator = "، " if self.language in ("ar", "fa") else ", "
        return self.say("time.range", days=separator.join(days), **{"from": entry["from"], "to": entry["to"]})

    def value(self, fact: Fact) -> str:
        """The fact's value in this language's words."""
        value = fact.value
        if fact.kind in ("hours", "phone_hours"):
            return "; ".join(self._hours(entry) for entry in value)
        if fact.kind == "season":
            return self.say("period.from_to", **{"from": self.date(value["from"]), "to": self.date(value["to"])})
        if fact.kind in ("before", "until"):
            return self.date(value)
        if fact.kind == "cost":
            if value == "free":
                return self.say("cost.free")
            return self.say(f"cost.{value.get('per', 'amount')}", amount=str(value["amount"]).replace(".", self.say("decimal")))
        if fact.kind == "age":
            return self.say("age." + "_".join(key for key in ("from", "to") if key in value), **value)
        if fact.kind == "languages":
            separator = "، " if self.language in ("ar", "fa") else ", "
            return separator.join(self.say(f"language.{code}") for code in value)
        return str(value)

    def label(self, fact: Fact) -> str:
        label = self.say(f"fact.{fact.kind}")
        return f"{label} · {fact.name}" if fact.name else label


def link(fact: Fact) -> str | None:
    """What a press on the fact opens: a call, a mail, a page; None for what cannot be pressed."""
    if fact.kind == "phone":
        digits = re.sub(r"[^\d+]", "", fact.value)
        return "tel:" + ("+49" + digits[1:] if digits.startswith("0") else digits)
    if fact.kind == "email":
        return f"mailto:{fact.value}"
    if fact.kind in ("url", "form"):
        return str(fact.value)
    if fact.kind == "address":
        return "https://www.openstreetmap.org/search?query=" + quote(fact.value)
    return None
