"""What crosses a process comes back as it went."""

import json

import pytest

from bot.protocol import Card, Choice, Fact, Gap, HandoverRequest, Original, Reply, Source, Turn, from_wire, to_wire

REPLY = Reply(
    language="ar",
    direction="rtl",
    outcome="answered",
    text="نص",
    notices=("n",),
    cards=(
        Card(
            "kita-navigator",
            "T",
            "ar",
            "A",
            "cost",
            facts=(Fact("phone", "Telefon", "0211", "tel:0211", None),),
            sources=(Source("S", "https://example.org", "2019", True),),
            original=Original("de", "T", "A"),
        ),
    ),
    choices=(Choice("human", "Mensch", "human"),),
    handover=HandoverRequest("0211 89-91"),
    gap=Gap(("a",), ("b",), "cost"),
)


def test_a_reply_survives_the_wire() -> None:
    assert from_wire(Reply, json.loads(json.dumps(to_wire(REPLY)))) == REPLY


def test_a_turn_survives_the_wire() -> None:
    turn = Turn("c", 3, "tr", 0.9, "detected", True, False, "Bilk")
    assert from_wire(Turn, json.loads(json.dumps(to_wire(turn)))) == turn


def test_unknown_fields_are_ignored_so_that_processes_may_differ_by_one_version() -> None:
    assert from_wire(Reply, {**to_wire(REPLY), "later": 1}) == REPLY


@pytest.mark.parametrize("broken", [{}, {"language": "de"}, [], "text", {"language": "de", "outcome": "invented", "text": ""}])
def test_what_is_no_reply_is_refused(broken: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        from_wire(Reply, broken)  # type: ignore[arg-type]
