"""Who may import whom. Read from the syntax trees, so that nothing has to be loaded."""

import ast
from pathlib import Path

import pytest

from channels.settings import ROOT

# Folder or module → the modules of ours it may import. The longest name that fits counts.
ALLOWED = {
    "retrieval": {"retrieval"},
    "bot.protocol": set(),
    "bot.crisis": set(),
    "bot.language": {"bot.language"},
    "bot.language_bench": {"bot.language"},
    "bot.language_fit": {"bot.language", "bot.language_bench"},
    "bot.pipeline": {"bot.protocol", "retrieval.encoder"},
    "bot.actions": {"bot.actions", "bot.protocol", "retrieval"},
    "channels": {"channels", "bot.protocol", "bot.language"},
    "channels.app": {"channels", "bot", "retrieval"},
    "channels.cli": {"channels", "bot", "retrieval"},
    "channels.run": {"channels", "bot.protocol"},
    "channels.bench": {"channels", "retrieval"},
    "channels.migrations": set(),
}
OURS = ("bot", "retrieval", "channels")
RASA_ALLOWED = {"bot.pipeline"}
SDK_ALLOWED = {"bot.actions"}


def imported(source: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module if node.module not in OURS else f"{node.module}.{alias.name}" for alias in node.names]
    return names


def within(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def violations(module: str, source: str) -> list[str]:
    rule = max((name for name in ALLOWED if within(module, {name})), key=len)
    found = []
    for name in imported(source):
        root = name.split(".")[0]
        if root in OURS and not within(name, ALLOWED[rule]):
            found.append(f"{module} imports {name}")
        if root == "rasa" and not within(module, RASA_ALLOWED):
            found.append(f"{module} imports {name}: Rasa lives in its own environment")
        if root == "rasa_sdk" and not within(module, SDK_ALLOWED):
            found.append(f"{module} imports {name}")
    return found


def modules() -> list[tuple[str, Path]]:
    paths = [path for folder in OURS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path) for path in paths]


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_modules_import_only_what_they_may(module: str, path: Path) -> None:
    if module in OURS:
        assert path.read_text() == "", "the packages themselves hold nothing"
        return
    assert violations(module, path.read_text()) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("channels.gateway", "from retrieval.retriever import Retriever"),
        ("channels.gateway", "import rasa.core"),
        ("retrieval.index", "from channels.store import Store"),
        ("retrieval.index", "from bot import protocol"),
        ("bot.language", "from retrieval.knowledge import KnowledgeBase"),
        ("channels.rasa", "import rasa_sdk"),
    ],
)
def test_the_rule_bites(module: str, source: str) -> None:
    assert violations(module, source)
