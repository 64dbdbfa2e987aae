"""`lotse run`: trains if the bot's data changed, starts app and Rasa, keeps both running, ends both.

The app lives in this process; Rasa is its child, in its own environment, and dies with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import logging
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import uvicorn
import watchfiles

from bot.protocol import Turn
from channels.app import ContentMissing, Service, create_app, create_internal_app
from channels.rasa import RasaUnavailable
from channels.settings import ROOT, Settings
from channels.store import StoreUnavailable, purge_tracker

logger = logging.getLogger(__name__)
RASA_PYTHON = ROOT / ".venv-rasa" / "bin" / "python"
# What a trained model depends on.
_TRAINED_FROM = (
    "bot/config.yml",
    "bot/domain",
    "bot/data",
    "bot/pipeline.py",
    "bot/protocol.py",
    "retrieval/encoder.py",
    "bot/requirements.lock",
)
BACKOFF_SECONDS = (0.5, 1, 2, 5, 10, 30)
WATCH_SECONDS = 5.0
PURGE_SECONDS = 3600.0


class CannotStart(Exception):
    """Something that the operator must put right first; the text says what and how."""


def model_digest() -> str:
    digest = hashlib.sha256()
    for name in _TRAINED_FROM:
        path = ROOT / name
        for file in sorted(path.rglob("*.yml")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def rasa_environment(settings: Settings) -> dict[str, str]:
    """The environment of Rasa's process: no telemetry, no message text in logs, one thread for the encoder."""
    passed = {name: value for name, value in os.environ.items() if not name.startswith(("LOTSE_", "PYTHON"))}
    return passed | {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "RASA_TELEMETRY_ENABLED": "false",
        "LOG_LEVEL": "WARNING",
        "LOG_LEVEL_LIBRARIES": "ERROR",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "LOTSE_INTERNAL_PORT": str(settings.internal_port),
        "LOTSE_TRACKER_URL": settings.tracker_url,
    }


async def train(settings: Settings) -> Path:
    """The trained model for the bot's present data: made now, if it does not exist. About a minute.

    Raises CannotStart when training fails; an older model is never taken in its place.
    """
    digest = model_digest()
    model = settings.var / "models" / digest / "lotse.tar.gz"
    if model.exists():
        return model
    if not RASA_PYTHON.exists():
        raise CannotStart("Rasa's environment is missing. Run `make run`, which installs it.")
    made = settings.var / "models" / f"{digest}.new"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    log = settings.var / "log" / "train.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *(str(RASA_PYTHON), "-m", "rasa", "train", "--config", "bot/config.yml", "--domain", "bot/domain", "--data", "bot/data"),
        *("--out", str(made.resolve()), "--fixed-model-name", "lotse"),
    ]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=rasa_environment(settings), stdout=output, stderr=output, preexec_fn=_die_with_parent
        )
        async with _progress("Training Rasa on the bot's data (about a minute)"):
            code = await process.wait()
    if code or not (made / "lotse.tar.gz").exists():
        raise CannotStart(f"Training Rasa failed (exit code {code}). What it said: {log}")
    for old in made.parent.iterdir():
        if old != made:
            shutil.rmtree(old, ignore_errors=True)
    made.rename(model.parent)
    return model


class RasaServer:
    """Rasa's process: started again with back-off when it dies, killed and started again when it hangs."""

    def __init__(self, settings: Settings, model: Path) -> None:
        self._settings = settings
        self._model = model
        self.process: asyncio.subprocess.Process | None = None
        self.restarts = 0

    async def run(self, service: Service) -> None:
        """Keep Rasa running until cancelled."""
        try:
            while True:
                started = time.monotonic()
                await self._start()
                assert self.process is not None
                await self._watch(service)
                if time.monotonic() - started > 60:
                    self.restarts = 0
                wait = BACKOFF_SECONDS[min(self.restarts, len(BACKOFF_SECONDS) - 1)]
                self.restarts += 1
                logger.error("Rasa ended (exit code %s); starting it again in %s s", self.process.returncode, wait)
                await asyncio.sleep(wait)
        finally:
            await self._stop()

    async def _start(self) -> None:
        settings = self._settings
        log = settings.var / "log" / "rasa.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            *(str(RASA_PYTHON), "-m", "rasa", "run", "--interface", "127.0.0.1", "--port", str(settings.rasa_port)),
            *("--model", str(self._model.resolve()), "--endpoints", "bot/endpoints.yml", "--credentials", "bot/credentials.yml"),
        ]
        with log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                env=rasa_environment(settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Its own session: Ctrl-C reaches us alone, and we end Rasa in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    async def _watch(self, service: Service) -> None:
        """Returns when the process has ended, by itself or because it stopped answering."""
        assert self.process is not None
        ended = asyncio.create_task(self.process.wait())
        seen_alive, silent = False, 0
        try:
            while True:
                done, _ = await asyncio.wait({ended}, timeout=WATCH_SECONDS)
                if done:
                    return
                alive = await service.rasa.alive()
                seen_alive, silent = seen_alive or alive, 0 if alive or not seen_alive else silent + 1
                if silent >= 3:
                    logger.error("Rasa has not answered for %s s: ending it", silent * WATCH_SECONDS)
                    self.process.kill()
        finally:
            ended.cancel()

    async def _stop(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), 5)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def serve(settings: Settings) -> None:
    """Run everything until SIGINT or SIGTERM. Raises CannotStart."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    ports = {"LOTSE_PORT": (settings.host, settings.port), "LOTSE_INTERNAL_PORT": ("127.0.0.1", settings.internal_port)}
    sockets = [_listen(variable, *address) for variable, address in ports.items()]
    _listen("LOTSE_RASA_PORT", "127.0.0.1", settings.rasa_port).close()
    settings.var.mkdir(parents=True, exist_ok=True)
    training = asyncio.create_task(train(settings))
    if not await _unless_stopped(stop, training):
        return
    try:
        service = await asyncio.to_thread(Service, settings, _index_progress)
    except ContentMissing as error:
        raise CannotStart(f"The knowledge folder cannot be served:\n{error}") from error
    except StoreUnavailable as error:
        raise CannotStart(f"The database cannot be opened: {error}") from error
    for problem in service.problems:
        print(problem, file=sys.stderr)
    servers = [_server(create_app(settings, service)), _server(create_internal_app(service))]
    tasks = [asyncio.create_task(server.serve([listening])) for server, listening in zip(servers, sockets, strict=True)]
    tasks.append(asyncio.create_task(RasaServer(settings, training.result()).run(service)))
    tasks.append(asyncio.create_task(_purge_regularly(service)))
    tasks.append(asyncio.create_task(_follow_folder(service)))
    ready = asyncio.create_task(_first_answer(service))
    try:
        if await _unless_stopped(stop, ready):
            shown = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host
            print(f"▸ Lotse answers: http://{shown}:{settings.port}/", flush=True)
            waiting = asyncio.create_task(stop.wait())
            done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {waiting}:
                task.result()
    finally:
        for server in servers:
            server.should_exit = True
        for task in tasks[2:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.close()


async def _unless_stopped(stop: asyncio.Event, task: asyncio.Task[object]) -> bool:
    """Wait for `task`; False, with the task cancelled, when the stop signal came first. Raises what the task raised."""
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        task.result()
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False


async def _first_answer(service: Service) -> None:
    """Return once a real question has come back answered, through Rasa, actions and retrieval."""
    knowledge = service.content.knowledge
    question = next(iter(knowledge.offers.values())).translations[knowledge.default_language].questions[0]
    turn = Turn("readiness", 1, knowledge.default_language)
    async with _progress("Starting Rasa (about 15 s)"):
        while True:
            try:
                if (await service.rasa.ask(turn, question)).outcome != "smalltalk":
                    return
            except RasaUnavailable:
                await asyncio.sleep(0.3)


async def _purge_regularly(service: Service) -> None:
    while True:
        try:
            purge(service)
        except StoreUnavailable as error:
            logger.error("deleting old messages failed, it is tried again: %s", error)
        await asyncio.sleep(PURGE_SECONDS)


async def _follow_folder(service: Service) -> None:
    """Serve each edit of the knowledge folder within two seconds; learn from it in a process of its own."""
    learning: asyncio.Task[None] | None = None
    async for _ in watchfiles.awatch(service.settings.knowledge, debounce=200, step=50):
        started = time.monotonic()
        try:
            if not await asyncio.to_thread(service.reload):
                continue
        except Exception:
            logger.exception("the knowledge folder could not be read again; the content so far stays in service")
            continue
        mistakes = [problem for problem in service.problems if not problem.warning]
        for problem in mistakes:
            print(problem, file=sys.stderr, flush=True)
        kept = f"; {len(mistakes)} mistakes, what has one stays as it was" if mistakes else ""
        _tell(f"Content taken over in {time.monotonic() - started:.1f} s{kept}", last=True)
        if learning is None or learning.done():
            learning = asyncio.create_task(_learn(service))


async def _learn(service: Service) -> None:
    """Learn the folder's questions beside the running service, as often as they have changed meanwhile."""
    settings = service.settings
    while await asyncio.to_thread(service.must_learn):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "channels.cli", "knowledge", "build"),
            cwd=ROOT,
            env=os.environ | {"LOTSE_KNOWLEDGE": str(settings.knowledge), "LOTSE_VAR": str(settings.var)},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=_quietly,
        )
        if await process.wait():
            return
        await asyncio.to_thread(service.take_learned)


def _quietly() -> None:
    """In the child: give way to residents' turns, and end with the parent."""
    os.nice(15)
    _die_with_parent()


def purge(service: Service) -> int:
    """Delete what is older than the retention time, here and in Rasa. Returns the number of conversations."""
    age = timedelta(hours=service.settings.retention_hours)
    purge_tracker(service.settings.tracker_url, age)
    return len(service.store.purge(age))


def _listen(variable: str, host: str, port: int) -> socket.socket:
    # With its protocol named: asyncio switches off Nagle's delay for sockets that say they are TCP, else replies wait 40 ms.
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise CannotStart(
            f"Port {port} is taken on {host} ({error.strerror}). Stop what uses it, or set {variable} to another port."
        ) from error
    return listening


def _server(app: object) -> uvicorn.Server:
    # No access log: it would hold addresses and query strings of residents.
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=5)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]  # `serve` handles signals, for both
    return server


def _die_with_parent() -> None:
    """In the child: end when the parent ends, even by kill -9 (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _index_progress(done: int, total: int) -> None:
    # A terminal shows each step on one line; a log gets every hundredth.
    if sys.stdout.isatty() or done == total or done % 3200 == 0:
        _tell(f"Reading texts and questions: {done} of {total} new", last=done == total)


@contextlib.asynccontextmanager
async def _progress(what: str) -> AsyncIterator[None]:
    """Says what takes long, and for how long it has."""
    started = time.monotonic()

    async def tick() -> None:
        while True:
            _tell(f"{what}: {time.monotonic() - started:.0f} s")
            await asyncio.sleep(1 if sys.stdout.isatty() else 10)

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
        _tell(f"{what}: done in {time.monotonic() - started:.0f} s", last=True)


def _tell(text: str, last: bool = False) -> None:
    end = "\r" if sys.stdout.isatty() and not last else "\n"
    print(f"▸ {text}", end=end, flush=True)
