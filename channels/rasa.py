"""Talks to Rasa over HTTP: the only file that knows its URL and JSON."""

from __future__ import annotations

import asyncio
import json

import httpx

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
        # No proxy: what residents write stays on this machine.
        self._http = httpx.AsyncClient(
            base_url=self._base, timeout=timeout_seconds, trust_env=False, limits=httpx.Limits(max_connections=64)
        )

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
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._http.post("/webhooks/rest/webhook", json=body)
            response.raise_for_status()
            items = response.json()
        except (TimeoutError, httpx.TimeoutException) as error:
            raise RasaUnavailable("too slow", timed_out=True) from error
        except (httpx.HTTPError, ValueError) as error:
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
            return (await self._http.get("/", timeout=2)).status_code == 200
        except httpx.HTTPError:
            return False

    async def close(self) -> None:
        await self._http.aclose()
