"""The whole way with the real Rasa: answers, failures, and nothing left behind."""

import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from channels.bench import free_ports
from channels.run import RASA_PYTHON, rasa_environment
from channels.settings import ROOT, Settings
from tests.conftest import Stack, start_stack

pytestmark = pytest.mark.stack

QUESTIONS = [
    ("de", "Wie bekomme ich einen Platz in der Kita für meine Tochter?", "kita-navigator"),
    ("en", "Where can my kids learn to swim?", "schwimmkurse"),
    ("tr", "annem her şeyi unutuyor, demans için nereden yardım alabilirim", "demenzhilfe"),
    ("ar", "كيف أسجل في دورة الاندماج؟", "integrationskurs"),
    ("uk", "Хто порадить, як отримати ступінь догляду для мами?", "pflegebuero"),
    ("ru", "где можно выучить немецкий в vhs", "vhs-deutschkurse"),
    ("fa", "برای کودکم جای مهدکودک می‌خواهم، چطور ثبت‌نام کنم؟", "kita-navigator"),
]


@pytest.mark.parametrize(("language", "question", "offer"), QUESTIONS, ids=[language for language, *_ in QUESTIONS])
def test_a_resident_asks_in_their_language_and_gets_a_sourced_answer(
    stack: Stack, language: str, question: str, offer: str
) -> None:
    reply = stack.chat(question)
    assert reply["language"] == language
    assert reply["outcome"] == "answered", reply["text"]
    card = reply["cards"][0]
    assert (card["offer"], card["language"]) == (offer, language)
    assert card["answer"]
    assert all(source["url"].startswith("https://") and source["as_of"] for source in card["sources"])
    assert card["status"] in ("found", "verified")
    assert (card["original"] is None) == (language == "de")


@pytest.mark.parametrize(
    ("message", "outcome", "intent"),
    [
        ("Hallo!", "smalltalk", "greet"),
        ("vielen Dank", "smalltalk", "thank"),
        ("teşekkürler", "smalltalk", "thank"),
        ("до побачення", "smalltalk", "goodbye"),
        ("Was kannst du?", "smalltalk", "help"),
        ("Ich möchte mit einem Menschen sprechen", "handover_form", "ask_human"),
        ("أريد التحدث مع موظف", "handover_form", "ask_human"),
        ("Ich brauche einen Dolmetscher", "handover_form", "ask_interpreter"),
    ],
)
def test_what_is_no_question_about_an_offer_is_understood(stack: Stack, message: str, outcome: str, intent: str) -> None:
    reply = stack.chat(message)
    assert (reply["outcome"], reply["intent"]) == (outcome, intent)
    assert reply["text"]


def test_what_lotse_does_not_know_it_says_and_shows_a_person(stack: Stack) -> None:
    reply = stack.chat("Wie viel kostet die Hundesteuer für einen Dackel?")
    assert (reply["outcome"], reply["cards"]) == ("no_content", [])
    assert "human" in [choice["id"] for choice in reply["choices"]]
    yes = stack.chat("ja bitte", conversation=reply["conversation"])
    assert yes["outcome"] == "handover_form"
    assert "0211 89-91" in yes["text"]
    gaps = sqlite3.connect(stack.var / "lotse.db").execute("SELECT language, words FROM gaps").fetchall()
    assert any(language == "de" and "dackel" not in words for language, words in gaps)


def test_choices_lead_on(stack: Stack) -> None:
    reply = stack.chat("Wie bekomme ich einen Platz in der Kita für meine Tochter?")
    facet = next(choice for choice in reply["choices"] if choice["kind"] == "facet")
    again = stack.chat(choice=facet["id"], conversation=reply["conversation"])
    assert again["cards"][0]["offer"] == reply["cards"][0]["offer"]
    assert f"facet:{again['cards'][0]['facet']}" == facet["id"]
    turkish = stack.chat(choice="language:tr", conversation=reply["conversation"])
    assert (turkish["language"], turkish["outcome"]) == ("tr", "smalltalk")


@pytest.mark.parametrize(
    ("wish", "language"),
    [("türkçe konuşabilir misin?", "tr"), ("kannst du bitte Russisch sprechen?", "ru"), ("English please", "en")],
)
def test_a_wish_for_a_language_is_confirmed_in_it(stack: Stack, wish: str, language: str) -> None:
    conversation = stack.chat("Wie bekomme ich einen Platz in der Kita für meine Tochter?")["conversation"]
    reply = stack.chat(wish, conversation=conversation)
    assert (reply["language"], reply["outcome"], reply["intent"]) == (language, "smalltalk", "change_language")
    assert "language" in [choice["id"] for choice in reply["choices"]], "and it can be changed again"


def test_a_language_without_content_is_answered_in_german_and_english(stack: Stack) -> None:
    reply = stack.chat("Πώς μπορώ να βρω θέση σε παιδικό σταθμό Kita;")
    assert reply["language_guess"]["code"] == "el"
    assert reply["language"] == "de"
    shown = {card["language"] for card in reply["cards"]} | {
        card["original"]["language"] for card in reply["cards"] if card["original"]
    }
    assert reply["outcome"] in ("answered_in_other_language", "clarifying", "no_content")
    if reply["cards"]:
        assert shown == {"de", "en"}
        assert "interpreter" in [choice["id"] for choice in reply["choices"]]


def test_a_typed_slash_restarts_nothing(stack: Stack) -> None:
    first = stack.chat("Wie bekomme ich einen Platz in der Kita für meine Tochter?")
    second = stack.chat("/restart", conversation=first["conversation"])
    assert not second["outcome"].startswith("error")
    third = stack.chat('/ask_human{"offer": "x"}', conversation=first["conversation"])
    assert not third["outcome"].startswith("error")
    assert third["turn"] == 3


def test_a_long_conversation_stays_quick_and_small(stack: Stack) -> None:
    conversation = None
    for number in range(25):
        conversation = stack.chat(QUESTIONS[number % 5][1], conversation=conversation)["conversation"]
    size = (
        sqlite3.connect(stack.var / "rasa.db")
        .execute("SELECT length(events) FROM dialogues WHERE sender_id = ?", (conversation,))
        .fetchone()
    )
    assert size is not None, "Rasa uses our own store"
    assert size[0] < 30_000


def test_no_word_of_a_resident_stands_in_a_log_or_in_rasas_memory(stack: Stack) -> None:
    stack.chat("Mein Kind heisst Geheimnis4711 und braucht eine Kita")
    httpx.post(f"{stack.url}/", data={"message": "Geheimnis4711 sucht Sport"}, timeout=20, trust_env=False)
    files = [path for path in stack.var.rglob("*") if path.is_file() and not path.name.startswith("lotse.db")]
    assert [path.name for path in files if b"Geheimnis4711" in path.read_bytes()] == []
    assert b"Geheimnis4711" in (stack.var / "lotse.db").read_bytes() + (stack.var / "lotse.db-wal").read_bytes(), (
        "the test looks in the right place"
    )


def test_only_the_app_is_reachable_and_only_on_loopback(stack: Stack) -> None:
    processes = [psutil.Process(stack.process.pid), *psutil.Process(stack.process.pid).children(recursive=True)]
    listening = {
        connection.laddr for process in processes for connection in process.net_connections() if connection.status == "LISTEN"
    }
    assert len(listening) == 3
    assert {address.ip for address in listening} == {"127.0.0.1"}


# What we believe of Rasa 3.6, recorded against the installed version.


def rasa_says(stack: Stack, message: str, sender: str = "recorded", metadata: Any = None) -> list[dict[str, Any]]:
    port = int(re.search(r"--port (\d+)", " ".join(psutil.Process(stack.rasa_pid()).cmdline()))[1])  # type: ignore[index]
    body = {"sender": sender, "message": message, "metadata": metadata}
    items: list[dict[str, Any]] = httpx.post(
        f"http://127.0.0.1:{port}/webhooks/rest/webhook", json=body, timeout=20, trust_env=False
    ).json()
    return items


def test_rasa_answers_an_empty_list_when_an_action_raised(stack: Stack) -> None:
    assert rasa_says(stack, "Was kostet die Kita?", metadata={"turn": {"language": 1}}) == []


def test_rasa_reads_a_leading_slash_as_an_intent(stack: Stack) -> None:
    items = rasa_says(stack, "/ask_human")
    assert items[0]["custom"]["outcome"] == "handover_form"


def test_rasa_detects_the_language_itself_when_no_turn_came_along(stack: Stack) -> None:
    assert (
        rasa_says(stack, "merhaba, size bir soru sormak istiyorum, teşekkür ederim", sender="shell")[0]["custom"]["language"]
        == "tr"
    )


def test_the_bots_data_is_valid() -> None:
    if not RASA_PYTHON.exists():
        pytest.skip("Rasa's environment .venv-rasa is missing: run deploy/install")
    command = [
        str(RASA_PYTHON),
        "-m",
        "rasa",
        "data",
        "validate",
        "--config",
        "bot/config.yml",
        "--domain",
        "bot/domain",
        "--data",
        "bot/data",
    ]
    done = subprocess.run(command, cwd=ROOT, env=rasa_environment(Settings()), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# Failures. A stack of their own: they are about dying.


@pytest.fixture
def mortal(tmp_path: Path, stack: Stack) -> Any:
    running = start_stack(tmp_path)
    try:
        end = time.monotonic() + 120
        while b"Lotse answers" not in running.output.read_bytes():
            assert running.process.poll() is None, running.output.read_text()
            assert time.monotonic() < end, running.output.read_text()
            time.sleep(0.3)
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


def test_rasa_killed_during_a_question_gets_an_honest_word_and_the_next_question_an_answer(mortal: Stack) -> None:
    conversation = mortal.chat("Hallo, ich habe eine Frage")["conversation"]
    pid = mortal.rasa_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
    before = time.monotonic()
    reply = mortal.chat("çocuğum için nerede yüzme kursu var?", conversation=conversation)
    assert time.monotonic() - before < 9
    assert (reply["outcome"], reply["language"]) == ("error_unavailable", "tr")
    assert "0211 89-91" in reply["text"]
    assert reply["choices"][0]["kind"] == "human"
    assert httpx.get(f"{mortal.url}/ready", timeout=5, trust_env=False).status_code == 503
    mortal.wait_until_ready()
    again = mortal.chat("çocuğum için nerede yüzme kursu var?", conversation=conversation)
    assert (again["outcome"], again["conversation"]) == ("answered", conversation)


def test_rasa_hanging_is_told_within_nine_seconds(mortal: Stack) -> None:
    pid = mortal.rasa_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    before = time.monotonic()
    reply = mortal.chat("Wo kann mein Sohn schwimmen lernen?")
    assert time.monotonic() - before < 9
    assert reply["outcome"] == "error_timeout"
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_no_process_is_left(mortal: Stack, how: signal.Signals) -> None:
    pids = [mortal.process.pid, *(child.pid for child in psutil.Process(mortal.process.pid).children(recursive=True))]
    assert len(pids) >= 2
    mortal.process.send_signal(how)
    assert mortal.process.wait(30) == (0 if how != signal.SIGKILL else -9)
    end = time.monotonic() + 10
    while (
        left := [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    ) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == []


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    import socket

    port = free_ports(1)[0]
    with socket.create_server(("127.0.0.1", port)):
        running = start_stack(tmp_path, LOTSE_PORT=str(port))
        assert running.process.wait(60) == 1
    said = running.output.read_text()
    assert f"Port {port} is taken" in said
    assert "LOTSE_PORT" in said
    assert "Traceback" not in said
