"""The terminal as a channel: choices are numbered, a number picks one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def read(line: str, choices: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The typed line as a message, or as the choice whose number it is."""
    if line.strip().isdecimal() and 0 < int(line) <= len(choices):
        return {"choice": choices[int(line) - 1]["id"]}
    return {"message": line}


def render(reply: dict[str, Any]) -> str:
    """The reply as text, with its choices numbered."""
    numbered = [f"  {number}  {choice['label']}" for number, choice in enumerate(reply["choices"], 1)]
    return "\n".join([reply["text"], "", *numbered])
