"""The command `lotse`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import typer

from channels.settings import ROOT, Settings

if TYPE_CHECKING:
    from retrieval.knowledge import KnowledgeBase

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Lotse: a multilingual guide to the offers of Düsseldorf.")
knowledge_app = typer.Typer(no_args_is_help=True, help="The knowledge folder.")
bench_app = typer.Typer(no_args_is_help=True, help="Measurements.")
app.add_typer(knowledge_app, name="knowledge")
app.add_typer(bench_app, name="bench")

Language = Annotated[str | None, typer.Option(help="Language of the answer (de, en, tr, …); recognised when left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    # Before numpy is loaded: two threads for one small product only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Its requests hold addresses only, but none of them belongs in a log.
    logging.getLogger("httpx").setLevel(logging.ERROR)
    app()


def _stop(message: str, code: int = 1) -> typer.Exit:
    print(message, file=sys.stderr)
    return typer.Exit(code)


@app.command()
def run() -> None:
    """Start Lotse: Rasa and the app, until Ctrl-C."""
    from channels.run import CannotStart, serve

    try:
        asyncio.run(serve(Settings()))
    except CannotStart as error:
        raise _stop(str(error)) from error


def _chat(settings: Settings, body: dict[str, Any]) -> dict[str, Any]:
    address = f"http://{'127.0.0.1' if settings.host in ('0.0.0.0', '::') else settings.host}:{settings.port}/api/chat"
    try:
        answer = httpx.post(address, json={key: value for key, value in body.items() if value}, timeout=20, trust_env=False)
    except httpx.HTTPError as error:
        raise _stop(f"Lotse does not answer at {address}. Start it in another window with `make run`.") from error
    reply: dict[str, Any] = answer.json()
    if "error" in reply:
        raise _stop(reply["error"]["message"])
    return reply


@app.command()
def ask(question: str, language: Language = None, as_json: AsJson = False) -> None:
    """Ask one question; Lotse must be running."""
    reply = _chat(Settings(), {"message": question, "language": language})
    print(json.dumps(reply, ensure_ascii=False, indent=2) if as_json else reply["text"])


@app.command()
def chat(language: Language = None) -> None:
    """Talk to Lotse in the terminal; Lotse must be running. An empty line ends it."""
    from channels.terminal import read, render

    settings = Settings()
    conversation: str | None = None
    choices: list[dict[str, Any]] = []
    while True:
        try:
            line = input("> ")
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if not line.strip():
            return
        reply = _chat(settings, {**read(line, choices), "conversation": conversation, "language": language})
        conversation, choices, language = reply["conversation"], reply["choices"], None
        print(render(reply))


@app.command()
def search(
    question: str,
    language: Language = None,
    as_json: AsJson = False,
    explain: Annotated[bool, typer.Option(help="Show each hit's arithmetic.")] = False,
    limit: int = 5,
) -> None:
    """Search the knowledge folder, without Rasa."""
    from bot.language import guess_language
    from channels.app import ContentMissing, load_content
    from retrieval.encoder import load_encoder
    from retrieval.explain import explain_table

    settings = Settings()
    try:
        content, _ = load_content(settings, load_encoder(settings.encoder))
    except ContentMissing as error:
        raise _stop(str(error)) from error
    result = content.retriever.search(question, language or guess_language(question).code, limit, explain)
    if as_json:
        fields = None if explain else {"offer", "language", "facet", "score", "text"}
        listed = [
            [{key: value for key, value in asdict(hit).items() if fields is None or key in fields} for hit in hits]
            for hits in (result.hits, result.rejected)
        ]
        wire = {"language": result.language, "confidence": result.confidence, "hits": listed[0], "rejected": listed[1]}
        print(json.dumps(wire, ensure_ascii=False, indent=2))
    else:
        print(explain_table(result, content.retriever.calibration, full=explain))


@app.command()
def purge() -> None:
    """Delete what residents wrote and is older than the retention time."""
    from datetime import timedelta

    from channels.store import Store, purge_tracker

    settings = Settings()
    age = timedelta(hours=settings.retention_hours)
    dialogues = purge_tracker(settings.tracker_url, age)
    print(f"Deleted: {len(Store(settings.database).purge(age))} conversations, {dialogues} dialogues of Rasa.")


@knowledge_app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="One file, or the folder of one offer; everything when left out.")] = None,
    language: Annotated[str, typer.Option(help="Language of the messages: en or de.")] = "en",
    today: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Check as if it were this day.")] = None,
) -> None:
    """List every mistake in the knowledge folder, with file, line and remedy."""
    from retrieval.check import check_knowledge

    if language not in ("en", "de"):
        raise _stop("The messages exist in English (en) and German (de).")
    folder = Settings().knowledge
    if file is not None and (not file.exists() or not file.resolve().is_relative_to(folder.resolve())):
        raise _stop(f"{file} is no file of the knowledge folder {folder}.")
    problems = check_knowledge(Settings().knowledge, today.date() if today else None, language, file)
    for problem in problems:
        print(problem.said(language))
    errors = sum(not problem.warning for problem in problems)
    found = f"{errors} Fehler, {len(problems) - errors} Warnungen." if language == "de" else None
    print(found or f"{errors} mistakes, {len(problems) - errors} warnings.")
    raise typer.Exit(1 if errors else 0)


@knowledge_app.command()
def status(as_json: AsJson = False) -> None:
    """Which texts exist, by offer, language and level, and in which state."""
    from retrieval.coverage import coverage, matrix

    knowledge = _knowledge()
    if as_json:
        print(json.dumps([asdict(state) for state in coverage(knowledge)], ensure_ascii=False, indent=2, default=str))
    else:
        print(matrix(knowledge))


@knowledge_app.command()
def new(
    offer: Annotated[str, typer.Argument(help="The folder's name: small letters and hyphens, in German.")],
    topic: Annotated[str, typer.Option(help="family, language, integration, work, care, sport, health, housing, …")],
) -> None:
    """Begin an offer: a folder with offer.yml and de.md to fill in."""
    from retrieval.editing import CannotEdit, new_offer

    try:
        for path in new_offer(Settings().knowledge, offer, topic):
            print(path)
    except CannotEdit as error:
        raise _stop(str(error)) from error
    print("Fill in both files; `lotse knowledge check` says what is still missing. docs/knowledge-format.md explains each line.")


@knowledge_app.command()
def preview(
    offer: str,
    language: Annotated[str, typer.Option(help="de, en, tr, ar, uk, ru, fr, es, pl, ro, fa, it")] = "de",
    facet: Annotated[str, typer.Option(help="what who how register cost when where documents languages contact")] = "what",
    simple: Annotated[bool, typer.Option(help="The simpler text.")] = False,
) -> None:
    """Show a card as residents see it."""
    from bot.actions.answer import compose_card

    knowledge = _knowledge()
    if offer not in knowledge.offers:
        raise _stop(f"There is no offer “{offer}”, or it has a mistake: run `lotse knowledge check`.")
    reply = compose_card(
        knowledge, language, knowledge.offers[offer], facet, confidence=1.0, level="simple" if simple else "standard"
    )
    print(reply.text)
    print("\n" + "  ".join(f"[{choice.label}]" for choice in reply.choices))


@knowledge_app.command("translate-list")
def translate_list(
    offer: Annotated[str | None, typer.Argument(help="One offer; all when left out.")] = None,
    language: Annotated[str | None, typer.Option(help="One language; all when left out.")] = None,
) -> None:
    """List the texts that must be translated, or translated again."""
    from retrieval.editing import to_translate

    waiting = to_translate(_knowledge(), offer, language)
    for name, code, state in waiting:
        print(f"offers/{name}/{code}.md  {state}")
    print(f"{len(waiting)} texts to translate.")


@knowledge_app.command()
def sign(
    offer: str,
    language: Annotated[str, typer.Option(help="The language of the text that was checked.")],
    role: Annotated[str, typer.Option(help="Who checked it: editor, translator, mediator or office. Never a name.")],
    day: Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="When; today when left out.")] = None,
    simple: Annotated[bool, typer.Option(help="The simpler text.")] = False,
) -> None:
    """Note that a person has checked a text: the card then says so."""
    from retrieval.editing import CannotEdit
    from retrieval.editing import sign as sign_text

    checked_on = (day or datetime.now()).date()
    level = "simple" if simple else "standard"
    try:
        print(sign_text(Settings().knowledge, _knowledge(), offer, language, role, checked_on, level))
    except CannotEdit as error:
        raise _stop(str(error)) from error


def _knowledge() -> KnowledgeBase:
    from retrieval.knowledge import load_knowledge

    knowledge, problems = load_knowledge(Settings().knowledge)
    if knowledge is None:
        raise _stop("\n".join(str(problem) for problem in problems))
    return knowledge


@knowledge_app.command()
def build() -> None:
    """Build the index from the knowledge folder."""
    from channels.app import ContentMissing, load_content
    from channels.run import _index_progress
    from retrieval.encoder import load_encoder

    settings = Settings()
    try:
        content, problems = load_content(settings, load_encoder(settings.encoder), _index_progress)
    except ContentMissing as error:
        raise _stop(str(error)) from error
    print(f"The index holds {len(content.retriever.index.passages)} passages of {len(content.knowledge.offers)} offers.")
    raise typer.Exit(1 if any(not problem.warning for problem in problems) else 0)


@knowledge_app.command()
def stamp(
    offer: Annotated[str | None, typer.Argument(help="One offer; all when left out.")] = None,
    language: Annotated[str | None, typer.Option(help="One language; all when left out.")] = None,
) -> None:
    """Note in translations which German text they were made from."""
    from retrieval.knowledge import stamp_translations

    for path in stamp_translations(Settings().knowledge, offer, language):
        print(path)


@bench_app.command()
def turn(
    seconds: Annotated[float, typer.Option(help="How long each load is kept up.")] = 10,
    stock: Annotated[bool, typer.Option(help="Also measure a stock `rasa init` bot.")] = True,
) -> None:
    """Latency, turns per second, CPU and memory of the whole stack, beside a stock Rasa bot."""
    from channels.bench import bench_turn

    print(asyncio.run(bench_turn(Settings(), seconds, stock)))


@bench_app.command()
def language(
    data: Annotated[Path | None, typer.Option(help="Folder with more data: <kind>.jsonl, a line {text, lang} each.")] = None,
) -> None:
    """How well the language of short messages is recognised."""
    from bot.language_bench import run_language_bench

    print(run_language_bench(data))


@bench_app.command()
def retrieval(
    fit: Annotated[bool, typer.Option(help="Fit weights and confidence on the development questions first (3 minutes).")] = False,
    questions: Annotated[
        Path | None, typer.Option(help="Folder with <language>.yml: `answerable` by offer, `unanswerable`. Default: tests/bench.")
    ] = None,
    compare: Annotated[bool, typer.Option(help="Beside plain BM25, the encoder alone and, if installed, Haystack.")] = False,
    sizes: Annotated[bool, typer.Option(help="Speed and memory with 45, 1,000 and 20,000 offers.")] = False,
) -> None:
    """Quality of search on questions that it has not seen."""
    from retrieval.bench import fit_calibration, load_questions, run_bench
    from retrieval.compare_bench import run_comparison
    from retrieval.encoder import load_encoder
    from retrieval.size_bench import run_size_bench

    settings = Settings()
    folder, index, asked = settings.knowledge, settings.var / "index", load_questions(questions or ROOT / "tests" / "bench")
    if fit:
        fit_calibration(folder, index, load_encoder(settings.encoder))
    if sizes:
        print(run_size_bench(folder))
    elif compare:
        print(run_comparison(folder, index, load_encoder(settings.encoder), asked))
    else:
        print(run_bench(folder, index, load_encoder(settings.encoder), asked))


if __name__ == "__main__":
    main()
