"""What the loader says to editors, in English and German. Placeholders in braces are filled by `_Reader.report`."""

from __future__ import annotations

LANGUAGES = ("en", "de")

# Key → language → problem and remedy.
MESSAGES: dict[str, dict[str, tuple[str, str]]] = {
    "file-missing": {
        "en": ("The file is missing.", "Create it; docs/knowledge-format.md shows how."),
        "de": ("Diese Datei fehlt.", "Legen Sie sie an. In docs/knowledge-format.md steht, wie das geht."),
    },
    "file-encoding": {
        "en": ("The file is not UTF-8 text.", "Save it as UTF-8."),
        "de": ("Die Zeichen dieser Datei sind nicht lesbar.", "Wählen Sie beim Speichern „UTF-8“."),
    },
    "file-form": {
        "en": ("This is not valid YAML: {reason}.", "Put texts with : or # into quotes and check the indentation."),
        "de": (
            "Diese Stelle ist nicht lesbar: {reason}.",
            "Setzen Sie Texte mit : oder # in Anführungszeichen. Prüfen Sie die Leerzeichen am Anfang der Zeilen.",
        ),
    },
    "entry-twice": {
        "en": (
            "This is not valid YAML: `{name}` stands twice.",
            "Put texts with : or # into quotes and check the indentation.",
        ),
        "de": (
            "`{name}` steht zweimal da.",
            "Löschen Sie einen der beiden Einträge. Oder prüfen Sie die Leerzeichen am Anfang der Zeilen.",
        ),
    },
    "file-empty": {
        "en": ("The file holds no entries.", "Write `key: value` lines; docs/knowledge-format.md shows how."),
        "de": (
            "In dieser Datei stehen keine Einträge.",
            "Schreiben Sie Zeilen wie `name: wert`. In docs/knowledge-format.md steht, wie das geht.",
        ),
    },
    "entry-missing": {
        "en": ("`{name}` is missing.", "Add a line `{name}: …`."),
        "de": ("`{name}` fehlt.", "Schreiben Sie eine Zeile `{name}: …` dazu."),
    },
    "entry-unknown": {
        "en": ("`{name}` is not known here.", "Use one of: {allowed}."),
        "de": ("`{name}` ist hier nicht bekannt.", "Möglich sind: {allowed}."),
    },
    "language-without-content": {
        "en": ("`{name}: {value}` has no content.", "Name a language with content: true."),
        "de": ("`{name}: {value}`: In dieser Sprache gibt es keine Texte.", "Nennen Sie eine Sprache mit content: true."),
    },
    "phrase-missing": {
        "en": ("The phrase `{name}` is missing.", "Add it; in {default}.yml it says: {text!r}."),
        "de": ("Der Text `{name}` fehlt.", "Schreiben Sie ihn dazu. In {default}.yml heißt er: {text!r}."),
    },
    "phrase-braces": {
        "en": (
            "`{name}` has other words in braces than {default}.yml: {found} instead of {expected}.",
            "Use the same words in braces.",
        ),
        "de": (
            "In `{name}` stehen andere Wörter in Klammern als in {default}.yml: {found} statt {expected}.",
            "Schreiben Sie dieselben Wörter in die Klammern.",
        ),
    },
    "phrase-unknown": {
        "en": ("The phrase `{name}` is not known.", "Remove it, or add it to {default}.yml."),
        "de": ("Den Text `{name}` gibt es in {default}.yml nicht.", "Löschen Sie ihn hier, oder schreiben Sie ihn auch dort."),
    },
    "term-offer": {
        "en": ("`{name}` is no offer.", "Name the folder of an offer."),
        "de": ("Ein Angebot `{name}` gibt es nicht.", "Nennen Sie den Ordner eines Angebots."),
    },
    "term-word-twice": {
        "en": ("“{word}” also stands at the term {other}.", "Keep it at one of them."),
        "de": ("„{word}“ steht auch beim Begriff {other}.", "Lassen Sie das Wort nur bei einem der beiden stehen."),
    },
    "borough": {
        "en": ("`borough: {value}` is no Stadtbezirk.", "Write a number from 1 to 10."),
        "de": ("`borough: {value}` ist kein Stadtbezirk.", "Schreiben Sie eine Zahl von 1 bis 10."),
    },
    "crisis-contact": {
        "en": ("`{name}` is no contact.", "Name one of `contacts:` above."),
        "de": ("Einen Kontakt `{name}` gibt es nicht.", "Nennen Sie einen, der oben bei `contacts:` steht."),
    },
    "crisis-braces": {
        "en": ("`{{{name}}}` is not among this card's contacts.", "Add it to `contacts:` or take it out."),
        "de": (
            "`{{{name}}}` gehört nicht zu den Kontakten dieser Karte.",
            "Schreiben Sie den Kontakt bei `contacts:` dazu, oder löschen Sie ihn im Text.",
        ),
    },
    "crisis-number": {
        "en": ("Here stands a number in the words.", "Write the contact's name in braces."),
        "de": ("Hier steht eine Zahl im Text.", "Schreiben Sie stattdessen den Namen des Kontakts in Klammern {{ }}."),
    },
    "source-date": {
        "en": (
            "`as_of: {value}` is not a date.",
            "Write the page's date (2025-04-30, 2025-04 or 2025), or the day you collected it and `undated: true`.",
        ),
        "de": (
            "`as_of: {value}` ist kein Datum.",
            "Schreiben Sie das Datum der Seite: 2025-04-30, 2025-04 oder 2025. Hat die Seite kein Datum? "
            "Dann schreiben Sie, wann Sie die Seite gelesen haben, und dazu `undated: true`.",
        ),
    },
    "source-address": {
        "en": ("`{value}` is not an address.", "Begin it with https://."),
        "de": ("`{value}` ist keine Internet-Adresse.", "Die Adresse muss mit https:// anfangen."),
    },
    "offer-id": {
        "en": ("`id: {value}` differs from the folder's name.", "Write `id: {folder}`."),
        "de": ("`id: {value}`: Der Ordner heißt anders.", "Schreiben Sie `id: {folder}`."),
    },
    "offer-value": {
        "en": ("`{name}: {value}` is not known.", "Use one of: {allowed}."),
        "de": ("`{name}: {value}` ist nicht bekannt.", "Möglich sind: {allowed}."),
    },
    "offer-unchecked": {
        "en": ("A verified offer says who checked it and when.", "Add `checked_by` (a role) and `checked_on`."),
        "de": (
            "`status: verified` heißt: Jemand hat das Angebot geprüft. Hier steht nicht, wer und wann.",
            "Schreiben Sie `checked_by` (die Aufgabe der Person, nicht den Namen) und `checked_on` (den Tag) dazu.",
        ),
    },
    "offer-without-source": {
        "en": ("The offer has no source.", "Name at least one page with title, url and as_of."),
        "de": ("Das Angebot hat keine Quelle.", "Nennen Sie wenigstens eine Seite mit title, url und as_of."),
    },
    "facet-unknown": {
        "en": ("`{name}` is not a facet.", "Use one of: {allowed}."),
        "de": ("Das Stichwort `{name}` gibt es nicht.", "Möglich sind: {allowed}."),
    },
    "unknown-has-fact": {
        "en": ("`{name}` is unknown, yet a fact of it stands above.", "Remove it from `unknown`."),
        "de": ("`{name}` steht bei `unknown`. Oben steht aber eine Angabe dazu.", "Löschen Sie `{name}` bei `unknown`."),
    },
    "unknown-has-section": {
        "en": ("`{name}` is unknown, yet {default}.md has a section for it.", "Remove one of them."),
        "de": (
            "`{name}` steht bei `unknown`. In {default}.md gibt es aber einen Abschnitt dazu.",
            "Löschen Sie eines von beiden.",
        ),
    },
    "offer-without-text": {
        "en": ("The offer has no readable {default}.md.", "Write {default}.md: every other language comes from it."),
        "de": (
            "Zu diesem Angebot gibt es keine {default}.md, die man lesen kann.",
            "Schreiben Sie {default}.md. Alle anderen Sprachen werden daraus übersetzt.",
        ),
    },
    "fact-kind": {
        "en": ("`{name}` is no kind of fact.", "Use one of: {allowed}; a second one gets a suffix (phone-2)."),
        "de": (
            "Eine Angabe `{name}` gibt es nicht.",
            "Möglich sind: {allowed}. Die zweite Angabe derselben Art bekommt eine Endung: phone-2.",
        ),
    },
    "fact-value": {
        "en": ("The value of `{name}` is not in its form.", "Write {example}."),
        "de": ("Der Wert von `{name}` hat nicht die richtige Form.", "Schreiben Sie {example}."),
    },
    "fact-language": {
        "en": ("`{name}` is not a language of languages.yml.", "Use its codes."),
        "de": ("Die Sprache `{name}` steht nicht in languages.yml.", "Nehmen Sie ein Kürzel, das dort steht."),
    },
    "fact-source": {
        "en": ("The source `{name}` is not listed.", "Name one from `sources:` above."),
        "de": ("Die Quelle `{name}` gibt es hier nicht.", "Nennen Sie eine, die oben bei `sources:` steht."),
    },
    "fact-note": {
        "en": ("The note `{name}` is not known.", "Use one of: {allowed}."),
        "de": ("Den Hinweis `{name}` gibt es nicht.", "Möglich sind: {allowed}."),
    },
    "fact-status": {
        "en": ("A fact's status can only be `stale`.", "Write `status: stale`, or remove the line."),
        "de": (
            "Bei einer Angabe darf als `status` nur `stale` (veraltet) stehen.",
            "Schreiben Sie `status: stale`, oder löschen Sie die Zeile.",
        ),
    },
    "fact-date": {
        "en": ("`{value}` is not a date.", "Write it as 2026-12-31."),
        "de": ("`{value}` ist kein Datum.", "Schreiben Sie es so: 2026-12-31."),
    },
    "text-language": {
        "en": ("`{name}` is not a language with content.", "Name the file after a code of languages.yml."),
        "de": (
            "Für `{name}` sind keine Texte vorgesehen.",
            "Geben Sie der Datei das Kürzel einer Sprache aus languages.yml, die content: true hat.",
        ),
    },
    "text-sections": {
        "en": ("The sections differ from {default}.md.", "Write these, in this order: {expected}."),
        "de": (
            "Die Abschnitte sind andere als in {default}.md.",
            "Schreiben Sie diese Abschnitte in dieser Reihenfolge: {expected}.",
        ),
    },
    "text-without-title": {
        "en": (
            "The file does not begin with its title block.",
            "Begin with a line ---, then title, summary, questions, then ---.",
        ),
        "de": (
            "Am Anfang der Datei fehlen die Zeilen mit dem Titel.",
            "Beginnen Sie mit einer Zeile ---. Dann kommen title, summary und questions, dann wieder eine Zeile ---.",
        ),
    },
    "text-translated-by": {
        "en": ("`translated_by` is not known.", "Write machine or person."),
        "de": ("Dieses `translated_by` gibt es nicht.", "Schreiben Sie machine (Maschine) oder person (Mensch)."),
    },
    "text-role-and-date": {
        "en": ("`{name}` and `{companion}` belong together.", "Write a role and a date: {companion}: 2026-11-28."),
        "de": (
            "`{name}` und `{companion}` gehören zusammen.",
            "Schreiben Sie bei `{name}` die Aufgabe der Person und darunter den Tag: {companion}: 2026-11-28.",
        ),
    },
    "text-signature": {
        "en": (
            "The words have changed since they were signed ({role}): the signature no longer counts.",
            "Have them read again, then run `lotse knowledge sign`.",
        ),
        "de": (
            "Die Wörter sind seit der Unterschrift ({role}) geändert: Die Unterschrift gilt nicht mehr.",
            "Lassen Sie den Text noch einmal lesen. Danach: `lotse knowledge sign`.",
        ),
    },
    "fact-district": {
        "en": ("`{name}` is no Stadtteil of districts.yml.", "Write one of its 50 names."),
        "de": ("`{name}` ist kein Stadtteil aus districts.yml.", "Schreiben Sie einen der 50 Namen."),
    },
    "text-role": {
        "en": ("`reviewed_by` is not a role.", "Write one of: {allowed}. Names do not belong into the public folder."),
        "de": (
            "`reviewed_by` nennt keine Aufgabe.",
            "Schreiben Sie eine von: {allowed}. Namen gehören nicht in den öffentlichen Ordner.",
        ),
    },
    "text-empty": {
        "en": ("`{name}` is empty.", "Write the words that residents read."),
        "de": ("`{name}` ist leer.", "Schreiben Sie die Wörter, die man lesen soll."),
    },
    "section-empty": {
        "en": ("The section `{name}` is empty.", "Write its answer, or take the heading out."),
        "de": ("Der Abschnitt `{name}` ist leer.", "Schreiben Sie die Antwort, oder löschen Sie die Überschrift."),
    },
    "text-untested": {
        "en": (
            "Only a tested text may be called Leichte Sprache.",
            "Add `tested_by` and `tested_on`, or take the words out.",
        ),
        "de": (
            "Nur ein geprüfter Text darf Leichte Sprache heißen.",
            "Schreiben Sie `tested_by` und `tested_on` dazu, oder löschen Sie die Wörter „Leichte Sprache“.",
        ),
    },
    "text-without-questions": {
        "en": ("There are no example questions.", "Write 8 to 15, as residents type them."),
        "de": ("Es gibt keine Beispiel-Fragen.", "Schreiben Sie 8 bis 15 Fragen, so wie die Menschen sie eintippen."),
    },
    "text-outdated": {
        "en": (
            "{default}.md has changed since this was translated.",
            "Bring it up to date, then run `lotse knowledge stamp`.",
        ),
        "de": (
            "Diese Übersetzung ist älter als die letzte Änderung in {default}.md.",
            "Passen Sie die Übersetzung an. Rufen Sie danach `lotse knowledge stamp` auf.",
        ),
    },
    "heading-without-facet": {
        "en": ("This heading has no facet.", "Write it as: ## Was kostet das? {{#cost}}"),
        "de": ("Bei dieser Überschrift fehlt das Stichwort.", "Schreiben Sie sie so: ## Was kostet das? {{#cost}}"),
    },
    "section-twice": {
        "en": ("`{name}` stands twice.", "Join the two sections."),
        "de": ("`{name}` steht zweimal da.", "Machen Sie aus den beiden Abschnitten einen."),
    },
    "section-without-heading": {
        "en": ("This line stands before the first heading.", "Put it under a heading with a facet."),
        "de": ("Diese Zeile steht vor der ersten Überschrift.", "Setzen Sie sie unter eine Überschrift mit Stichwort."),
    },
    "section-braces": {
        "en": ("`{{{name}}}` names no fact.", "Use the key of a fact of offer.yml."),
        "de": ("Zu `{{{name}}}` gibt es keine Angabe.", "Nehmen Sie den Schlüssel einer Angabe aus offer.yml."),
    },
    "typed-phone": {
        "en": ("Here stands a phone number in the words.", "Put it into offer.yml and write its key in braces."),
        "de": (
            "Hier steht eine Telefonnummer im Text.",
            "Schreiben Sie sie in offer.yml und hier den Schlüssel in Klammern {{ }}.",
        ),
    },
    "typed-mail": {
        "en": ("Here stands a mail address in the words.", "Put it into offer.yml and write its key in braces."),
        "de": (
            "Hier steht eine Mail-Adresse im Text.",
            "Schreiben Sie sie in offer.yml und hier den Schlüssel in Klammern {{ }}.",
        ),
    },
    "typed-page": {
        "en": ("Here stands an address of a page in the words.", "Put it into offer.yml and write its key in braces."),
        "de": (
            "Hier steht eine Internet-Adresse im Text.",
            "Schreiben Sie sie in offer.yml und hier den Schlüssel in Klammern {{ }}.",
        ),
    },
    "typed-time": {
        "en": ("Here stands a clock time in the words.", "Put it into offer.yml and write its key in braces."),
        "de": (
            "Hier steht eine Uhrzeit im Text.",
            "Schreiben Sie sie in offer.yml und hier den Schlüssel in Klammern {{ }}.",
        ),
    },
    "typed-price": {
        "en": ("Here stands a price in the words.", "Put it into offer.yml and write its key in braces."),
        "de": (
            "Hier steht ein Preis im Text.",
            "Schreiben Sie ihn in offer.yml und hier den Schlüssel in Klammern {{ }}.",
        ),
    },
    "text-without-sections": {
        "en": ("There are no sections.", "Write at least ## … {{#what}}."),
        "de": ("Es gibt keine Abschnitte.", "Schreiben Sie wenigstens einen: ## … {{#what}}."),
    },
    "ask-unknown": {
        "en": ("`ask` names `{name}`, which is no offer.", "Name an offer's folder, or switchboard."),
        "de": (
            "Bei `ask` steht `{name}`. Dieses Angebot gibt es nicht.",
            "Nennen Sie den Ordner eines Angebots oder switchboard.",
        ),
    },
    "question-twice": {
        "en": ("The question “{question}” also stands at {other}.", "Keep it where it fits best."),
        "de": ("Die Frage „{question}“ steht auch bei {other}.", "Lassen Sie sie nur dort stehen, wo sie am besten passt."),
    },
}

# What messages quote, English → German: the examples of retrieval/facts.py, and what the YAML parser says most often.
GERMAN_PARTS: dict[str, str] = {
    'a number in groups, in quotes: "0211 89-98870"': 'die Nummer in Gruppen und in Anführungszeichen: "0211 89-98870"',
    "a mail address": "eine Mail-Adresse",
    "an address that begins with https://": "eine Adresse, die mit https:// anfängt",
    'one line: "Willi-Becker-Allee 8, 40227 Düsseldorf"': 'eine Zeile: "Willi-Becker-Allee 8, 40227 Düsseldorf"',
    'a list such as [{days: mo-fr, from: "9:00", to: "14:00"}]': 'eine Liste wie [{days: mo-fr, from: "9:00", to: "14:00"}]',
    "{from: 2025-05-05, to: 2025-10-05}": "{from: 2025-05-05, to: 2025-10-05}",
    '"02-01" for each year, or 2027-01-31': '"02-01" für jedes Jahr, oder 2027-01-31',
    'free, or {amount: "2.29", per: lesson}': 'free (kostenlos), oder {amount: "2.29", per: lesson}',
    "{from: 55}, {to: 18} or {from: 12, to: 27}": "{from: 55}, {to: 18} oder {from: 12, to: 27}",
    "a list of language codes: [tr, ar]": "eine Liste von Kürzeln der Sprachen: [tr, ar]",
    "not readable": "Ein Zeichen ist nicht erlaubt",
    "mapping values are not allowed in this context": "Ein : steht an der falschen Stelle",
    "could not find expected ':'": "Es fehlt ein :",
    "did not find expected ',' or ']'": "Es fehlt ein , oder ein ]",
    "did not find expected ',' or '}'": "Es fehlt ein , oder ein }",
    "did not find expected key": "Ein Eintrag ist nicht richtig geschrieben oder eingerückt",
    "did not find expected '-' indicator": "In der Liste fehlt ein - am Anfang der Zeile",
    "did not find expected node content": "Ein Zeichen wie , oder ] steht an der falschen Stelle",
    "block sequence entries are not allowed in this context": "Ein - steht an der falschen Stelle",
    "found unexpected end of stream": "Ein Anführungszeichen am Ende fehlt",
    "found character that cannot start any token": "Ein Text beginnt mit einem Zeichen, das dort nicht stehen darf",
    "found a tab character that violates indentation": "Am Anfang der Zeile steht ein Tabulator statt Leerzeichen",
    "found unknown escape character": "Nach \\ steht ein falsches Zeichen",
}
