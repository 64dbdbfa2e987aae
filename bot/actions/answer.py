"""Search result → what the resident reads. Pure: every word comes from the knowledge folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.protocol import Card, Choice, Fact, Gap, HandoverRequest, InterpreterRequest, Original, Outcome, Reply, Source
from retrieval.facts import FACETS, Wording, link
from retrieval.knowledge import KnowledgeBase, Offer, Translation
from retrieval.retriever import SearchResult

MAX_FACET_CHOICES = 4


def compose_several(
    knowledge: KnowledgeBase, language: str, results: Sequence[SearchResult], district: str | None = None
) -> Reply:
    """One reply with a card for each of several wishes; each result has an answer."""
    found = [(result.hits[0], result.confidence) for result in results]
    replies = [
        compose_card(knowledge, language, knowledge.offers[hit.offer], hit.facet, confidence=sure, district=district)
        for hit, sure in found
    ]
    first = replies[0]
    notices = (knowledge.say(language, "answer.several"), *dict.fromkeys(line for one in replies for line in one.notices))
    offers = tuple(_offer_choice(knowledge, language, hit.offer) for hit, _ in found)
    return replace(
        first,
        confidence=min(sure for _, sure in found),
        notices=notices,
        cards=tuple(card for one in replies for card in one.cards),
        text="\n\n".join([*notices, *(_plain(knowledge, card) for one in replies for card in one.cards)]),
        choices=(*offers, human_choice(knowledge, language)),
        gap=next((one.gap for one in replies if one.gap), None),
    )


def compose_answer(knowledge: KnowledgeBase, language: str, result: SearchResult, district: str | None = None) -> Reply:
    """The reply to a question that was searched for. `district`: see `compose_card`."""
    if result.verdict == "answer":
        first = result.hits[0]
        return compose_card(
            knowledge,
            language,
            knowledge.offers[first.offer],
            first.facet,
            confidence=result.confidence,
            words=result.known_words,
            district=district,
        )
    gap = Gap(nearest=tuple(hit.offer for hit in (result.hits or result.rejected)[:3]), words=result.known_words)
    if result.verdict == "clarify":
        offers = tuple(_offer_choice(knowledge, language, hit.offer) for hit in result.hits)
        return reply(
            knowledge,
            language,
            "clarifying",
            "answer.clarify",
            choices=(*offers, human_choice(knowledge, language)),
            confidence=result.confidence,
        )
    return reply(
        knowledge,
        language,
        "no_content",
        "answer.no_content",
        choices=(human_choice(knowledge, language),),
        confidence=result.confidence,
        gap=gap,
    )


def compose_card(
    knowledge: KnowledgeBase,
    language: str,
    offer: Offer,
    facet: str,
    *,
    outcome: Outcome | None = None,
    intent: str = "ask_offer",
    confidence: float | None = None,
    lead: str | None = None,
    words: tuple[str, ...] = (),
    interpreter: InterpreterRequest | None = None,
    level: str = "standard",
    district: str | None = None,
) -> Reply:
    """The card of one offer, answering one facet. Where the language is missing: English, with the German beside it.

    `level`: "simple" for the simpler text, where the shown language has one. `district`: the Stadtteil whose places come first.
    """
    shown = _shown_language(knowledge, language, offer)
    card, gap = _card(knowledge, shown, offer, facet, level, district)
    other = shown != language
    notices = [lead] if lead else []
    notices += _about_places(knowledge, language, offer, card.facet, district)
    choices = list(_facet_choices(knowledge, language, offer, card.facet))
    if shown in offer.simple:
        switch = "standard" if card.level == "simple" else "simple"
        choices.append(Choice(f"level:{switch}", _label(knowledge, language, f"choice.{switch}"), "level"))
    if other:
        notices.append(
            knowledge.say(language, "answer.other_language" if language in knowledge.wordings else "language.no_words")
        )
        choices.append(Choice("interpreter", _label(knowledge, language, "choice.interpreter"), "interpreter"))
    choices.append(human_choice(knowledge, language))
    return Reply(
        language=language if language in knowledge.wordings else knowledge.default_language,
        direction=knowledge.direction(language if language in knowledge.wordings else knowledge.default_language),
        outcome=outcome or ("answered_in_other_language" if other else "answered"),
        intent=intent,
        confidence=confidence,
        text="\n\n".join([*notices, _plain(knowledge, card)]),
        notices=tuple(notices),
        cards=(card,),
        choices=tuple(choices),
        gap=Gap(nearest=(offer.id,), words=words, facet=facet) if gap else None,
        interpreter=interpreter,
    )


def reply(
    knowledge: KnowledgeBase,
    language: str,
    outcome: Outcome,
    key: str,
    *,
    choices: Iterable[Choice] = (),
    intent: str = "ask_offer",
    confidence: float | None = None,
    gap: Gap | None = None,
    handover: HandoverRequest | None = None,
    **values: object,
) -> Reply:
    """A reply that is one fixed sentence, `key` of the phrases."""
    speaks = knowledge.spoken(language)[0]
    return Reply(
        language=speaks,
        direction=knowledge.direction(speaks),
        outcome=outcome,
        intent=intent,
        confidence=confidence,
        text=knowledge.say(language, key, **values),
        choices=tuple(choices),
        gap=gap,
        handover=handover,
    )


def crisis_reply(knowledge: KnowledgeBase, language: str, kind: str) -> Reply:
    """The fixed card for somebody in danger: what to do now, and whom to call."""
    danger = next(entry for entry in knowledge.crisis if entry.id == kind)
    contacts = [knowledge.crisis_contacts[name] for name in danger.contacts]
    numbers = {name: knowledge.crisis_contacts[name].phone for name in danger.contacts}
    facts = tuple(
        Fact(f"phone-{name}", contact.title, contact.phone, f"tel:{re.sub(r'[^0-9+]', '', contact.phone)}")
        for name, contact in zip(danger.contacts, contacts, strict=True)
    )
    sources = {
        contact.url: Source(contact.title, contact.url, contact.as_of, contact.undated)
        for contact in contacts
        if contact.url and contact.as_of
    }
    cards = tuple(
        Card(
            offer=f"crisis-{kind}",
            title=danger.titles[code],
            language=code,
            answer=danger.texts[code].format(**numbers),
            facet="contact",
            facts=facts,
            sources=tuple(sources.values()),
        )
        for code in knowledge.spoken(language)
    )
    lines = [f"{fact.label}: {fact.value}" for fact in facts]
    speaks = knowledge.spoken(language)[0]
    return Reply(
        language=speaks,
        direction=knowledge.direction(speaks),
        outcome="crisis",
        intent="",
        text="\n\n".join([*(part for card in cards for part in (card.title, card.answer)), "\n".join(lines)]),
        cards=cards,
        choices=(human_choice(knowledge, language),),
    )


def human_reply(knowledge: KnowledgeBase, language: str, reason: str = "asked") -> Reply:
    """How to reach a person today."""
    phone = knowledge.switchboard.value
    request = HandoverRequest(phone, reason)
    choices = (Choice("interpreter", _label(knowledge, language, "choice.interpreter"), "interpreter"),)
    return reply(
        knowledge, language, "handover_form", "human", choices=choices, intent="ask_human", handover=request, phone=phone
    )


def interpreter_reply(knowledge: KnowledgeBase, language: str) -> Reply:
    """How an interpreter is found: the pool's card, which says who may book."""
    offer = knowledge.offers.get("sprachmittler")
    if offer is None:
        return human_reply(knowledge, language)
    facets = [section.facet for section in offer.translations[knowledge.default_language].sections]
    return compose_card(
        knowledge,
        language,
        offer,
        next((facet for facet in ("register", "how", "who") if facet in facets), "what"),
        outcome="handover_form",
        intent="ask_interpreter",
        lead=knowledge.say(language, "interpreter"),
        interpreter=InterpreterRequest(language),
    )


def language_reply(knowledge: KnowledgeBase, language: str, chosen: bool) -> Reply:
    """The confirmation of a chosen language, or the languages to choose from, each by its own name."""
    if chosen:
        key = "language.changed" if language in knowledge.wordings else "language.no_words"
        return reply(knowledge, language, "smalltalk", key, intent="change_language")
    return reply(knowledge, language, "clarifying", "language.ask", choices=language_choices(knowledge), intent="change_language")


def language_choices(knowledge: KnowledgeBase) -> tuple[Choice, ...]:
    return tuple(
        Choice(f"language:{code}", language.name, "language")
        for code, language in knowledge.languages.items()
        if language.content
    )


def human_choice(knowledge: KnowledgeBase, language: str) -> Choice:
    return Choice("human", _label(knowledge, language, "choice.human"), "human")


def _label(knowledge: KnowledgeBase, language: str, key: str) -> str:
    return knowledge.say(language, key).replace("\n", " · ")


def _offer_choice(knowledge: KnowledgeBase, language: str, offer: str) -> Choice:
    translations = knowledge.offers[offer].translations
    return Choice(f"offer:{offer}", translations[_shown_language(knowledge, language, knowledge.offers[offer])].title, "offer")


def _facet_choices(knowledge: KnowledgeBase, language: str, offer: Offer, shown: str) -> Iterable[Choice]:
    """The offer's other facets, those with an answer only."""
    words = offer.translations[_shown_language(knowledge, language, offer)]
    known = {section.facet for section in words.sections} | {fact.facet for fact in knowledge.facts(offer)}
    for facet in [facet for facet in FACETS if facet in known and facet not in (shown, "contact")][:MAX_FACET_CHOICES]:
        yield Choice(f"facet:{facet}", _label(knowledge, language, f"facet.{facet}"), "facet")


def _shown_language(knowledge: KnowledgeBase, language: str, offer: Offer) -> str:
    for candidate in (language, knowledge.fallback_language):
        if candidate in offer.translations:
            return candidate
    return knowledge.default_language


def _about_places(knowledge: KnowledgeBase, language: str, offer: Offer, facet: str, district: str | None) -> Iterable[str]:
    """Whether the offer has a place in the Stadtteil spoken of; nothing for offers that have no places by Stadtteil."""
    places = {fact.district for fact in knowledge.facts(offer) if fact.district}
    if district is not None and places:
        near = any(_near(knowledge, place, district) for place in places)
        if near or facet == "where":
            yield knowledge.say(language, "answer.district" if near else "answer.no_place", district=district)


def _near(knowledge: KnowledgeBase, place: str | None, district: str) -> bool:
    """Whether a place lies in the Stadtteil, or in another one of the same Stadtbezirk."""
    return place is not None and knowledge.districts[place].borough == knowledge.districts[district].borough


def _card(
    knowledge: KnowledgeBase, language: str, offer: Offer, facet: str, level: str, district: str | None
) -> tuple[Card, bool]:
    """The card, and whether its facet had to stay without an answer."""
    words = offer.translations[language]
    if level == "simple":
        words = offer.simple.get(language, words)
    wording = knowledge.wordings[language]
    answer, gap = _facet_answer(knowledge, wording, offer, words, facet)
    facts = sorted(knowledge.facts(offer), key=lambda fact: fact.facet != facet)
    if district is not None:
        # The Stadtteil itself, then its Stadtbezirk, then the others; the place asked for before other facts.
        facts.sort(
            key=lambda fact: (
                fact.facet != facet and fact.district != district,
                bool(fact.district) and fact.district != district,
                not _near(knowledge, fact.district, district),
            )
        )
    notices = [wording.say(f"card.{offer.status}")] if offer.status in ("found", "verified") else [wording.say("card.stale")]
    if words.level == "simple" and not words.tested_by:
        notices.append(wording.say("card.simple"))
    if words.reviewed_by and words.reviewed_on:
        day, role = wording.date(words.reviewed_on.isoformat()), wording.say(f"role.{words.reviewed_by}")
        notices.append(wording.say("card.reviewed", date=day, role=role))
    elif words.translated_by == "machine":
        notices.append(wording.say("card.machine"))
    if words.state == "outdated":
        notices.append(wording.say("card.outdated"))
    if len(facts) < len(offer.facts):
        notices.append(wording.say("answer.expired"))
    section = words.section(facet)
    until = (
        section.valid_until
        if section and section.valid_until
        else min((f.valid_until for f in facts if f.valid_until), default=None)
    )
    original = None
    if language != knowledge.default_language:
        german = offer.translations[knowledge.default_language]
        german_answer, _ = _facet_answer(knowledge, knowledge.wordings[knowledge.default_language], offer, german, facet)
        original = Original(knowledge.default_language, german.title, german_answer)
    return Card(
        offer=offer.id,
        title=words.title,
        language=language,
        answer=answer,
        facet=facet,
        facts=tuple(
            Fact(
                fact.key,
                wording.label(fact),
                wording.value(fact),
                link(fact),
                "; ".join(
                    filter(
                        None, [fact.note and wording.say(f"note.{fact.note}"), wording.say("card.stale") if fact.stale else None]
                    )
                )
                or None,
            )
            for fact in facts
        ),
        sources=tuple(Source(source.title, source.url, source.as_of, source.undated) for source in offer.sources.values()),
        level=words.level,
        translation=words.state if words.state == "outdated" else "current",
        translated_by=words.translated_by,
        status=offer.status,
        valid_until=until.isoformat() if until else None,
        notices=tuple(notices),
        original=original,
    ), gap


def _facet_answer(knowledge: KnowledgeBase, wording: Wording, offer: Offer, words: Translation, facet: str) -> tuple[str, bool]:
    section = words.section(facet)
    if section is not None:
        text = knowledge.text(offer, section, words.language)
        if text is not None:
            return text, False
        return "\n\n".join([wording.say("answer.expired"), *_whom_to_ask(knowledge, wording, offer)]), True
    facts = [fact for fact in knowledge.facts(offer) if fact.facet == facet]
    if facts:
        return "\n".join(f"- {wording.label(fact)}: {wording.value(fact)}" for fact in facts), False
    if facet == "what":
        return words.summary, False
    unknown = f"{wording.say(f'facet.{facet}')}: {wording.say('answer.unknown')}"
    return "\n\n".join([words.summary, unknown, *_whom_to_ask(knowledge, wording, offer)]), True


def _whom_to_ask(knowledge: KnowledgeBase, wording: Wording, offer: Offer) -> Iterable[str]:
    lines = [wording.say("answer.ask")]
    own = next(
        (fact for fact in knowledge.facts(offer) if fact.kind == "phone" and not fact.stale and fact.note != "institutions_only"),
        None,
    )
    if own is not None:
        lines.append(f"- {wording.label(own)}: {own.value}")
    for name in offer.ask:
        if name == "switchboard":
            lines.append(f"- {wording.say('answer.switchboard')}: {knowledge.switchboard.value}")
        elif name in knowledge.offers:
            other = knowledge.offers[name]
            phone = next((fact.value for fact in knowledge.facts(other) if fact.kind == "phone" and not fact.stale), None)
            title = other.translations[_shown_language(knowledge, wording.language, other)].title
            lines.append(f"- {title}" + (f": {phone}" if phone else ""))
    yield (
        "\n".join(lines)
        if len(lines) > 1
        else f"{lines[0]}\n- {wording.say('answer.switchboard')}: {knowledge.switchboard.value}"
    )


def _plain(knowledge: KnowledgeBase, card: Card) -> str:
    """The card as plain text, for messengers and the terminal."""
    wording = knowledge.wordings[card.language]
    parts = [card.title, re.sub(r"^- ", "• ", card.answer, flags=re.MULTILINE)]
    facts = [f"{fact.label}: {fact.value}" + (f" ({fact.note})" if fact.note else "") for fact in card.facts]
    if facts:
        parts.append("\n".join(facts))
    sources = [f"• {source.title}, {source.url} · {as_of(wording, source)}" for source in card.sources]
    parts.append("\n".join([f"{wording.say('card.sources')}:", *sources]))
    parts.append("\n".join(card.notices))
    return "\n\n".join(parts)


def as_of(wording: Wording, source: Source) -> str:
    """ "Stand: 30. April 2025", or that the page shows no date."""
    return wording.say("card.undated" if source.undated else "card.as_of", date=wording.date(source.as_of))
