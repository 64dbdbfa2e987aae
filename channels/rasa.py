"""Talks to Rasa over HTTP: the only file that knows its URL and JSON."""

from __future__ import annotations

import asyncio
import json

import aiohttp

from bot.protocol import Reply, Turn, from_wire, to_wire


class RasaUnavailable(Exception):
    """Rasa gave no reply. `timed_out`: it was too slow, and may still be working."""

    def __init__(self, reason: str, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class RasaClient:
    """One Rasa server. `timeout_seconds` bounds a whole turn."""

    def __init__(self, port: int, timeout_seconds: float = 8.0) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._timeout_seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None

    def _http(self) -> aiohttp.ClientSession:
        # Made at the first use: it belongs to the event loop that then runs. No proxy: what residents write stays here.
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False, connector=aiohttp.TCPConnector(limit=64))
        return self._session

    async def ask(self, turn: Turn, text: str) -> Reply:
        """The reply to typed text. Raises RasaUnavailable."""
        # Rasa reads a text that begins with a slash as the name of an intent.
        return await self._send(turn, text.lstrip("/ ") or "?")

    async def choose(self, turn: Turn, intent: str, **entities: str) -> Reply:
        """The reply to a pressed choice, as an intent with entities. Raises RasaUnavailable."""
        return await self._send(turn, f"/{intent}{json.dumps({'language': turn.language, **entities})}")

    async def _send(self, turn: Turn, message: str) -> Reply:
        body = {"sender": turn.conversation, "message": message, "metadata": {"turn": to_wire(turn)}}
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._http().post(f"{self._base}/webhooks/rest/webhook", json=body, raise_for_status=True) as response,
            ):
                items = await response.json()
        except TimeoutError as error:
            raise RasaUnavailable("too slow", timed_out=True) from error
        except (aiohttp.ClientError, ValueError) as error:
            raise RasaUnavailable(f"{type(error).__name__}: no answer") from error
        # Rasa's REST channel answers 200 with [] when an action raised: silence is a failure.
        replies = [item["custom"] for item in items if "custom" in item] if isinstance(items, list) else []
        if not replies:
            raise RasaUnavailable("empty reply")
        try:
            return from_wire(Reply, replies[-1])
        except (TypeError, ValueError, KeyError) as error:
            raise RasaUnavailable(f"not a reply: {error}") from error

    async def alive(self) -> bool:
        """Whether Rasa's server answers at all."""
        try:
            async with asyncio.timeout(2), self._http().get(self._base) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
