"""One loaded model and one measurement of our own messages for all tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.language_bench import LanguageBenchReport, read_chat, score_messages

HERE = Path(__file__).parent


def load_yaml(name: str) -> Any:
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def report() -> LanguageBenchReport:
    return score_messages(read_chat())
