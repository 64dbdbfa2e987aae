"""Messages as residents type them, and a baseline that no change may fall below.

After an improvement: `python -m tests.language.test_chat` writes the new baseline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bot.language import CODES, guess_language
from bot.language_bench import LanguageBenchReport, Message, Score, read_chat, score_messages

from .conftest import HERE, load_yaml

BASELINE = HERE / "baseline.json"
CONTENT = ["de", "en", "tr", "ar", "uk", "ru", "fr", "es", "pl", "ro", "fa", "it"]


def measured(report: LanguageBenchReport) -> dict[str, dict[str, float]]:
    """Per kind and per language: accuracy and the rate of wrong flips, in percent."""
    return {
        f"{part} {name}": {"right": round(100 * s.accuracy, 2), "flips": round(100 * s.flip_rate, 2)}
        for part, sums in (("kind", report.by_kind()), ("language", report.by_language()))
        for name, s in sorted(sums.items())
    }


def falls(now: Mapping[str, Mapping[str, float]], baseline: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What got worse: fewer right, more flips, or no longer measured."""
    return [
        name
        for name, before in baseline.items()
        if name not in now or now[name]["right"] < before["right"] or now[name]["flips"] > before["flips"]
    ]


def test_every_language_has_enough_messages() -> None:
    for code in CODES:
        count = sum(message.language == code for message in read_chat())
        assert count >= (45 if code in CONTENT else 15), code


def test_no_message_stands_twice() -> None:
    messages = [(m.language, m.text) for m in read_chat()]
    assert len(messages) == len(set(messages))


def test_chat_is_understood(report: LanguageBenchReport) -> None:
    total = sum(report.scores.values(), Score())
    assert total.accuracy >= 0.97, report
    assert total.sure_and_wrong_rate <= 0.005, [w for w in report.wrong if w[2] >= 0.8]


def test_no_language_is_left_behind(report: LanguageBenchReport) -> None:
    assert [name for name, s in report.by_language().items() if s.accuracy < 0.88] == []


def test_nothing_falls_below_the_baseline(report: LanguageBenchReport) -> None:
    assert falls(measured(report), json.loads(BASELINE.read_text())) == []


def test_the_baseline_fails_when_a_language_is_lost() -> None:
    messages = [m for m in read_chat() if m.language in ("it", "pl")]
    mislabelled = [Message(m.text, "pl" if m.language == "it" else m.language, m.kind) for m in messages]
    lost = falls(measured(score_messages(mislabelled)), json.loads(BASELINE.read_text()))
    assert "language it" in lost
    assert "language pl" in lost


def test_the_baseline_fails_on_a_single_message() -> None:
    baseline = json.loads(BASELINE.read_text())
    worse = {name: dict(numbers) for name, numbers in baseline.items()}
    worse["language de"]["right"] -= 0.01
    assert falls(worse, baseline) == ["language de"]


def test_foreign_names_do_not_end_a_german_conversation() -> None:
    messages = load_yaml("names.yml")
    left = [m for m in messages if guess_language(m, current="de").code != "de"]
    assert len(messages) >= 40
    assert len(left) <= 1, left


def test_messages_without_language_keep_the_conversation() -> None:
    messages = load_yaml("nothing.yml")
    left = [m for m in messages if guess_language(m, current="tr").code != "tr"]
    assert len(messages) >= 50
    assert len(left) <= 1, left


def test_messages_without_language_show_the_buttons() -> None:
    sure = [m for m in load_yaml("nothing.yml") if guess_language(m).origin != "default"]
    assert len(sure) <= 1, sure


if __name__ == "__main__":
    Path(BASELINE).write_text(json.dumps(measured(score_messages(read_chat())), indent=1, ensure_ascii=False) + "\n")
