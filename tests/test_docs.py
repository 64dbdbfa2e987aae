"""What the documentation promises exists."""

import re

import pytest
from typer.main import get_command

from channels.cli import app
from channels.settings import ROOT, Settings

README = (ROOT / "README.md").read_text()


def commands() -> set[str]:
    found = set()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {sub}" for sub in command.commands} if hasattr(command, "commands") else {name}
    return found


def test_every_command_stands_in_the_readme_and_every_command_there_exists() -> None:
    table = README.split("## Commands")[1].split("`POST")[0]
    cells = " ".join(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE))
    named = re.findall(r"`([a-z]+(?: [a-z-]+)?)[^`]*`", cells)
    known = commands()
    documented = {name if name in known else name.split()[0] for name in named}
    assert documented == known


@pytest.mark.parametrize("target", ["run", "test", "check"])
def test_the_makefile_has_the_targets(target: str) -> None:
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def test_every_setting_stands_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    for name, field in Settings.model_fields.items():
        line = re.search(rf"^#LOTSE_{name.upper()}=(.*)$", example, re.MULTILINE)
        assert line, name
        if isinstance(field.default, int | float | str):
            assert line[1] == str(field.default), name


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "bot/requirements.lock"])
def test_lock_files_hold_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    packages = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in package for package in packages)


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"`(docs/[\w./-]+\.md)`", path.read_text()):
            assert (ROOT / target).exists(), f"{path.name}: {target}"
