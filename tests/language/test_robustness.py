"""Hostile input costs little time and raises nothing; every process answers alike."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time

import pytest

from bot.language import CODES, guess_language, load
from bot.language_bench import LanguageBenchReport, read_chat

# Five times what such a text takes on a small server, because test machines are shared.
SECONDS = 0.25

HOSTILE = {
    "ten million letters": "a" * 10_000_000,
    "ten megabytes of words": "hallo wo ist die kita " * 450_000,
    "one endless word": "Donaudampf" * 100_000,
    "lone surrogates": "\ud800\udfff hallo \udc00",
    "bidi controls": "\u202e\u2066hello\u2069\u202c" * 1000,
    "NUL": "\x00" * 5000 + "merhaba",
    "combining marks": "a" + "\u0301" * 1_000_000,
    "marks between letters": ("e" + "\u0301" * 50) * 5000,
    "expanding ligatures": "\ufdfa" * 100_000,
    "emoji": "👩‍👩‍👧‍👦" * 100_000,
    "digits": "7" * 1_000_000,
    "apostrophes": "'" * 100_000 + "a'a" * 100_000,
    "hyphens": "a-" * 500_000,
    "street names": "Erkrather Straße " * 50_000,
    "at signs": "a@" * 500_000,
    "every script": "aяαعह中あቋ" * 10_000,
    "newlines": "\n" * 1_000_000,
    "only commas": "," * 1_000_000,
    "private use": "\ue000\uf8ff" * 1000,
    "zero width": "\u200b\u200c\u200d\ufeff" * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_answered_in_time(name: str) -> None:
    load()
    text = HOSTILE[name]
    for arguments in ({}, {"current": "tr"}, {"hint": text[:100], "chosen": text[:100], "current": text[:100]}):
        started = time.process_time()
        guess = guess_language(text, **arguments)
        assert time.process_time() - started < SECONDS
        assert guess.code in CODES
        assert 0 <= guess.confidence <= 1


def test_random_characters_never_raise() -> None:
    chance = random.Random(3)
    for _ in range(300):
        text = "".join(chr(chance.randrange(chance.choice((0x250, 0x3000, 0x110000)))) for _ in range(60))
        assert guess_language(text, current=chance.choice(CODES)).code in CODES


def test_calls_are_quick(report: LanguageBenchReport) -> None:
    assert report.p95_ms <= 10


def test_every_process_answers_alike() -> None:
    script = (
        "import hashlib; from bot.language import guess_language; from bot.language_bench import read_chat;"
        "print(hashlib.sha256(repr([guess_language(m.text) for m in read_chat()[::7]]).encode()).hexdigest())"
    )
    here = hashlib.sha256(repr([guess_language(m.text) for m in read_chat()[::7]]).encode()).hexdigest()
    for seed in ("0", "1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == here


def test_a_process_with_only_this_stays_small() -> None:
    from bot.language_bench import run_language_bench

    bench = run_language_bench(None)
    assert bench.memory_mb <= 250
    assert bench.load_seconds <= 8  # 4 on a quiet machine
