"""`lotse bench turn`: what a turn costs over the real stack, beside a stock `rasa init` bot on the same machine."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from channels.run import RASA_PYTHON, rasa_environment, train
from channels.settings import ROOT, Settings
from retrieval.knowledge import load_knowledge

SENDERS = (1, 8, 32)
START_LIMIT_SECONDS = 180


@dataclass(frozen=True)
class Load:
    """One load: `senders` conversations, each sending its next message when the last is answered. Times in milliseconds."""

    senders: int
    turns: int
    failures: int
    turns_per_second: float
    p50_ms: float
    p95_ms: float
    cpu_ms_per_turn: float


@dataclass(frozen=True)
class Measured:
    """One bot. `memory_mb`: proportional set size by process name, after the loads."""

    name: str
    start_seconds: float
    memory_mb: dict[str, float]
    loads: tuple[Load, ...]


async def bench_turn(settings: Settings, seconds: float, stock: bool) -> str:
    """Start a Lotse of its own on free ports (and a stock bot after it), load each, and return the table in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        model = await train(settings)
        copied = var / "models" / model.parent.name / model.name
        copied.parent.mkdir(parents=True)
        shutil.copy(model, copied)
        measured = [await _measure_lotse(settings, var, seconds)]
        if stock:
            measured.append(await _measure_stock(var, seconds))
    return _table(measured, seconds)


async def _measure_lotse(settings: Settings, var: Path, seconds: float) -> Measured:
    ports = dict(zip(("LOTSE_PORT", "LOTSE_INTERNAL_PORT", "LOTSE_RASA_PORT"), free_ports(3), strict=True))
    environment = os.environ | {name: str(port) for name, port in ports.items()} | {"LOTSE_VAR": str(var)}
    environment["LOTSE_KNOWLEDGE"] = str(settings.knowledge.resolve())
    knowledge, _ = load_knowledge(settings.knowledge)
    assert knowledge is not None
    questions = [
        question for offer in knowledge.offers.values() for words in offer.translations.values() for question in words.questions
    ]
    asked = itertools.cycle(questions)
    address = f"http://127.0.0.1:{ports['LOTSE_PORT']}/api/chat"
    # The index is built before the clock starts: a restart does not build it again.
    subprocess.run(
        [sys.executable, "-m", "channels.cli", "knowledge", "build"], env=environment, stdout=subprocess.DEVNULL, check=False
    )

    async def turn(http: httpx.AsyncClient, conversation: str | None) -> tuple[bool, str | None]:
        body = {"message": next(asked)} | ({"conversation": conversation} if conversation else {})
        reply = (await http.post(address, json=body)).json()
        return not reply.get("outcome", "error").startswith("error"), reply.get("conversation")

    return await _measure("Lotse", [sys.executable, "-m", "channels.cli", "run"], environment, ROOT, turn, seconds)


async def _measure_stock(var: Path, seconds: float) -> Measured:
    port = free_ports(1)[0]
    folder = var / "stock"
    folder.mkdir()
    environment = rasa_environment(Settings())
    del environment["PYTHONPATH"]
    rasa = [str(RASA_PYTHON), "-m", "rasa"]
    for command in ([*rasa, "init", "--no-prompt"], [*rasa, "train"]):
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if not list((folder / "models").glob("*.tar.gz")):
        raise RuntimeError("the stock bot could not be trained in this environment")
    said = itertools.cycle(["hi", "i am sad", "yes", "are you a bot?", "great", "goodbye", "no", "hello there"])
    names = itertools.count()
    address = f"http://127.0.0.1:{port}/webhooks/rest/webhook"

    async def turn(http: httpx.AsyncClient, conversation: str | None) -> tuple[bool, str | None]:
        conversation = conversation or f"sender-{next(names)}"
        items = (await http.post(address, json={"sender": conversation, "message": next(said)})).json()
        return bool(items), conversation

    command = [*rasa, "run", "--interface", "127.0.0.1", "--port", str(port)]
    return await _measure("stock Rasa", command, environment, folder, turn, seconds)


Turn = Callable[[httpx.AsyncClient, str | None], Awaitable[tuple[bool, str | None]]]


async def _measure(
    name: str, command: list[str], environment: dict[str, str], folder: Path, turn: Turn, seconds: float
) -> Measured:
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(timeout=60, trust_env=False, limits=httpx.Limits(max_connections=None)) as http:
            while not await _answers(turn, http):
                if process.poll() is not None or time.monotonic() - started > START_LIMIT_SECONDS:
                    raise RuntimeError(f"{name} did not start")
                await asyncio.sleep(0.2)
            start_seconds = time.monotonic() - started
            await _load(process.pid, turn, http, 1, min(3.0, seconds))  # warm
            loads = tuple([await _load(process.pid, turn, http, senders, seconds) for senders in SENDERS])
        return Measured(name, start_seconds, _memory(process.pid), loads)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


async def _answers(turn: Turn, http: httpx.AsyncClient) -> bool:
    try:
        return (await turn(http, None))[0]
    except (httpx.HTTPError, ValueError, KeyError):
        return False


async def _load(pid: int, turn: Turn, http: httpx.AsyncClient, senders: int, seconds: float) -> Load:
    times: list[float] = []
    failures = 0
    end = time.monotonic() + seconds

    async def send() -> None:
        nonlocal failures
        conversation = None
        while time.monotonic() < end:
            before = time.monotonic()
            try:
                good, conversation = await turn(http, conversation)
            except (httpx.HTTPError, ValueError):
                good = False
            times.append(time.monotonic() - before)
            failures += not good

    processor, before = _cpu_seconds(pid), time.monotonic()
    await asyncio.gather(*(send() for _ in range(senders)))
    elapsed = time.monotonic() - before
    ordered = sorted(times)
    return Load(
        senders,
        len(times),
        failures,
        len(times) / elapsed,
        1000 * ordered[len(ordered) // 2],
        1000 * ordered[int(len(ordered) * 0.95)],
        1000 * (_cpu_seconds(pid) - processor) / len(times),
    )


def _processes(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _cpu_seconds(pid: int) -> float:
    return float(sum(process.cpu_times().user + process.cpu_times().system for process in _processes(pid)))


def _memory(pid: int) -> dict[str, float]:
    return {
        "Rasa" if re.search(r"\brasa run\b", " ".join(process.cmdline())) else "app": process.memory_full_info().pss / 2**20
        for process in _processes(pid)
    }


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def _table(measured: list[Measured], seconds: float) -> str:
    lines = [
        f"{os.cpu_count()} cores, {seconds:g} s a load; CPU of all processes of the bot, the load generator's not counted.",
        "",
        "| bot | senders | turns/s | p50 ms | p95 ms | CPU ms per turn | failures |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {bot.name} | {load.senders} | {load.turns_per_second:.1f} | {load.p50_ms:.0f} | {load.p95_ms:.0f}"
        f" | {load.cpu_ms_per_turn:.1f} | {load.failures} |"
        for bot in measured
        for load in bot.loads
    ]
    lines.append("")
    for bot in measured:
        memory = ", ".join(f"{name} {value:.0f} MB" for name, value in sorted(bot.memory_mb.items()))
        lines.append(f"- {bot.name}: first answer after {bot.start_seconds:.1f} s; memory (PSS) {memory}")
    if len(measured) == 2:
        ratios = [
            f"{ours.senders}: {ours.turns_per_second / theirs.turns_per_second:.1f}"
            for ours, theirs in zip(measured[0].loads, measured[1].loads, strict=True)
        ]
        lines.append(f"- Turns per second, Lotse to stock, by senders: {', '.join(ratios)}")
    return "\n".join(lines)
