"""Shared fixtures. Quick tests need the app's environment alone; `stack` tests run the real Rasa, `browser` tests Chromium."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from channels.bench import free_ports
from channels.run import RASA_PYTHON, model_digest
from channels.settings import ROOT
from retrieval.bench import open_retriever
from retrieval.encoder import HashEncoder, load_encoder
from retrieval.knowledge import KnowledgeBase, Problem, load_knowledge

TODAY = date(2026, 11, 23)
CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Stack and browser tests come last: what is quick to find fails first.
    items.sort(key=lambda item: bool(item.get_closest_marker("stack") or item.get_closest_marker("browser")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.skipped and os.environ.get("LOTSE_TEST_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped where no test may be: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def real() -> tuple[KnowledgeBase, list[Problem]]:
    """The project's own knowledge folder, on a fixed day."""
    knowledge, problems = load_knowledge(ROOT / "knowledge", TODAY)
    assert knowledge is not None, problems
    return knowledge, problems


@pytest.fixture(scope="session")
def knowledge(real: tuple[KnowledgeBase, list[Problem]]) -> KnowledgeBase:
    return real[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the knowledge folder with two offers, to be changed by the test."""
    target = tmp_path / "knowledge"
    shutil.copytree(ROOT / "knowledge", target, ignore=shutil.ignore_patterns("offers"))
    for offer in ("kita-navigator", "i-punkt-familie"):
        shutil.copytree(ROOT / "knowledge" / "offers" / offer, target / "offers" / offer)
    glossary = target / "glossary.yml"
    head, *terms = re.split(r"(?m)^(?=  \S+:$)", glossary.read_text(encoding="utf-8"))
    kept = [term for term in terms if re.search(r"offer: (kita-navigator|i-punkt-familie)$", term, re.MULTILINE)]
    glossary.write_text(head + "".join(kept), encoding="utf-8")
    return target


@pytest.fixture(scope="session")
def hash_encoder() -> HashEncoder:
    return HashEncoder()


@dataclass
class Stack:
    """A running Lotse: app, Rasa and everything between."""

    process: subprocess.Popen[bytes]
    port: int
    var: Path
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def chat(self, message: str | None = None, **fields: Any) -> dict[str, Any]:
        body = {key: value for key, value in {"message": message, **fields}.items() if value is not None}
        response = httpx.post(f"{self.url}/api/chat", json=body, timeout=20, trust_env=False)
        assert response.status_code == 200, response.text
        reply: dict[str, Any] = response.json()
        return reply

    def rasa_pid(self) -> int | None:
        import psutil

        for child in psutil.Process(self.process.pid).children(recursive=True):
            if "rasa" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                return child.pid
        return None

    def wait_until_ready(self, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.output.read_text()
            try:
                if httpx.get(f"{self.url}/ready", timeout=5, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.3)
        raise AssertionError(f"not ready after {seconds} s:\n{self.output.read_text()}")

    def wait_until_answering(self, seconds: float = 240) -> None:
        end = time.monotonic() + seconds
        while b"Lotse answers" not in self.output.read_bytes():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.5)

    def wait_for(self, holds: Callable[[dict[str, Any]], bool], seconds: float = 20) -> None:
        """Until `/ready` says what is waited for."""
        end = time.monotonic() + seconds
        while not holds(ready := httpx.get(f"{self.url}/ready", timeout=5, trust_env=False).json()):
            assert time.monotonic() < end, ready
            time.sleep(0.1)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@functools.cache
def build_index() -> Path:
    """The real folder's index and classifier, kept between runs: only what has changed is encoded and learned again."""
    kept = ROOT / "var" / "index-tests"
    open_retriever(ROOT / "knowledge", kept, load_encoder())
    return kept


def start_stack(var: Path, index: bool = True, **environment: str) -> Stack:
    """Start `lotse run` with a folder of its own, on free ports. `index`: lend it the real folder's index."""
    if not RASA_PYTHON.exists():
        pytest.skip("Rasa's environment .venv-rasa is missing: run deploy/install")
    public, internal, rasa = free_ports(3)
    trained = ROOT / "var" / "models" / model_digest()
    if trained.exists() and not (var / "models").exists():
        shutil.copytree(trained, var / "models" / trained.name)
    if index and not (var / "index").exists():
        shutil.copytree(build_index(), var / "index")
    output = var / "run.txt"
    variables = {"LOTSE_PORT": public, "LOTSE_INTERNAL_PORT": internal, "LOTSE_RASA_PORT": rasa, "LOTSE_VAR": var, **environment}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "channels.cli", "run"],
            cwd=ROOT,
            env=os.environ | {name: str(value) for name, value in variables.items()},
            stdout=file,
            stderr=file,
        )
    return Stack(process, public, var, output)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One real Lotse for the whole session."""
    running = start_stack(tmp_path_factory.mktemp("var"))
    try:
        running.wait_until_answering()
        trained = next((running.var / "models").iterdir())
        kept = ROOT / "var" / "models" / trained.name
        if not kept.exists():
            # The next run, and `make run`, need not train again.
            shutil.copytree(trained, kept)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    return CHROMIUM
