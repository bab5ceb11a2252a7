"""Asking for tickets: what was typed becomes one statement, the newest first.

The order is that of the tickets' keys and no rank: of a common word the first page is then read
off an index, whatever the table holds, and of a rare one the few hits are sorted.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from django.db import connection, transaction
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, Value
from django.db.models.functions import Left
from django.utils.safestring import SafeString

from plazo.accounts.models import Agent
from plazo.core.search import Query, Term, fold, marked, parse_query, snippet, stem, words_of
from plazo.core.search.analyser import Language, is_stop, parts_of, quoted
from plazo.tickets import filters
from plazo.tickets.access import tickets_for_agent
from plazo.tickets.models import (
    Attachment,
    InternalNote,
    PublicMessage,
    Ticket,
    TicketQuerySet,
    TicketWords,
)
from plazo.tickets.search.language import Wanted

PAGE_SIZE: Final = 25
LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")
# Of a long text only so much is looked at for showing where something was found.
SHOWN_LETTERS: Final = 20_000
FEW: Final = 1000
MATCHING: Final = "SELECT ticket_id FROM tickets_ticketwords WHERE words @@ %s::tsquery LIMIT %s"
PLACES: Final = {"subject": "A", "file": "C"}
# What an index of words does not know: where in a text they stand, and in which order.
_ORDER: Final = re.compile(r"<\d+>")
_WEIGHT: Final = re.compile(r"(?<='):[AC](?![^\s)])")
_NUMBER: Final = re.compile(r"(?:[A-Za-z]{1,8}-)?\d{1,15}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A ticket that was found, its subject with the words marked, and where else they stand.

    Units: `where` is `message`, `note` or `file`; nothing where the words stand in the subject, or
        nobody asked for words.
    """

    ticket: Ticket
    subject: SafeString
    where: str = ""
    snippet: SafeString = field(default_factory=SafeString)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found, and where the next one begins."""

    hits: list[Hit]
    next_after: str


class _Matches(Func):
    """`vector @@ query`."""

    template = "(%(expressions)s)"
    arg_joiner = " @@ "
    output_field = BooleanField()


class _TsQuery(Func):
    """A tsquery in PostgreSQL's own spelling."""

    template = "%(expressions)s::tsquery"


def find(
    wanted: Wanted,
    *,
    agent: Agent,
    now: datetime,
    prefix: str,
    after: str = "",
    size: int = PAGE_SIZE,
    showing: bool = True,
) -> Found:
    """Return one page of the tickets an agent may see that are what is wanted.

    Units: `prefix` is what a number begins with where only its digits were typed. With `showing`
        each says where it was found.
    Edges: a number that was typed alone stands first, and may stand again further down. Costs two
        queries, one more for a number, and three for showing.
    """
    query = query_of(wanted.words)
    tickets = matching(tickets_for_agent(agent), wanted, query, agent=agent, now=now)
    tickets = tickets.for_queue_page().defer(None).order_by("-pk")
    if after.isdecimal():
        tickets = tickets.filter(pk__lt=int(after[:18]))
    rows = list(tickets[: size + 1]) if wanted else []
    following = str(rows[size - 1].pk) if len(rows) > size else ""
    rows = rows[:size]
    if not after:
        first = _by_number(agent, wanted, prefix)
        rows = [*first, *(row for row in rows if row not in first)]
    phrases = query_of(
        " ".join((wanted.words, *wanted.phrases, *(text for _p, text in wanted.within)))
    )
    hits = (
        _shown(rows, phrases)
        if showing
        else [Hit(row, marked(row.subject, phrases)) for row in rows]
    )
    return Found(hits, following)


def matching(
    tickets: TicketQuerySet, wanted: Wanted, query: Query, *, agent: Agent, now: datetime
) -> TicketQuerySet:
    """Keep the tickets that are what is wanted; all of them where nothing is.

    Edges: what few tickets say is looked up by its index first, and what many say is met soon when
        they are walked from the newest on. PostgreSQL cannot tell the two apart beforehand, and
        walking to a rare word would unpack the whole table. Costs one query where there are words.
    """
    tickets = tickets.filter(
        filters.all_q(wanted.conditions, filters.Context(now=now, agent=agent))
    )
    positive = [query.all_of()] if query else []
    positive += [found for phrase in wanted.phrases if (found := _phrase(phrase))]
    positive += [
        found for place, text in wanted.within if (found := _phrase(text, weight=PLACES[place]))
    ]
    if positive:
        tsquery = " & ".join(f"({part})" for part in positive)
        anywhere = _ORDER.sub("&", _WEIGHT.sub("", tsquery))
        few = _few(anywhere)
        if few is not None:
            tickets = tickets.filter(pk__in=few)
        if few is None or anywhere != tsquery:
            tickets = tickets.filter(_has(tsquery))
    for text in wanted.without:
        unwanted = _phrase(text)
        if unwanted:
            tickets = tickets.exclude(_has(unwanted))
    return tickets


def _few(tsquery: str) -> list[int] | None:
    """Return the tickets whose words match, if they are few."""
    with transaction.atomic(), connection.cursor() as cursor:
        # The planner does not know what unpacking a tsvector costs, and would read the table.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(MATCHING, [tsquery, FEW + 1])
        found = {pk for (pk,) in cursor.fetchall()}
        cursor.execute("SET LOCAL enable_seqscan = on")
    return sorted(found) if len(found) <= FEW else None


def _has(tsquery: str) -> Exists:
    matches = _Matches(F("words"), _TsQuery(Value(tsquery)))
    return Exists(TicketWords.objects.filter(matches, ticket=OuterRef("pk")))


def _by_number(agent: Agent, wanted: Wanted, prefix: str) -> list[Ticket]:
    """Return the ticket whose number is all that was typed, if there is one."""
    typed = wanted.parsed.text.lstrip("#").upper()
    if not _NUMBER.fullmatch(typed):
        return []
    number = typed if "-" in typed else f"{prefix}-{typed}"
    return list(tickets_for_agent(agent).for_queue_page().defer(None).filter(number=number))


# ── Words in both languages: a ticket is kept in its own, and nobody says which they type in ──


def query_of(text: str) -> Query:
    """Return the words that must all be there, in either language; the last one may go on."""
    query = parse_query(text, "es", typing=True)
    # A word that says nothing in one language is in no index of that language.
    spoken = [
        term for term in query.terms if not any(is_stop(term.word, code) for code in LANGUAGES)
    ]
    return replace(query, terms=tuple(_in_both(term) for term in spoken or query.terms))


def _in_both(term: Term) -> Term:
    others = tuple((base,) for code in LANGUAGES if (base := stem(term.word, code)) != term.stem)
    prefix = term.prefix if len(term.prefix) > 1 else ""
    return replace(term, alternatives=(*term.alternatives, *others), prefix=prefix)


def _phrase(text: str, *, weight: str = "") -> str:
    """Return the tsquery of words that follow each other; "" where they all say nothing."""
    ways = []
    for code in LANGUAGES:
        steps: list[tuple[int, str]] = []
        for place, word in enumerate(list(words_of(text))[:12]):
            if not is_stop(word.text, code):
                ends = f":{weight}" if weight else ""
                steps.append((place, quoted(stem(word.text, code)) + ends))
        if steps:
            joined = steps[0][1]
            for (before, _s), (place, lexeme) in pairwise(steps):
                joined += f" <{place - before}> {lexeme}"
            ways.append(joined)
    return " | ".join(f"({way})" for way in dict.fromkeys(ways))


# ── Where it was found ────────────────────────────────────────────────────────────────────────


def _shown(tickets: Sequence[Ticket], query: Query) -> list[Hit]:
    """Say of each ticket where the words stand: the newest text that has most of them."""
    if not query:
        return [Hit(ticket, marked(ticket.subject, query)) for ticket in tickets]
    texts = _texts(ticket.pk for ticket in tickets)
    return [_hit(ticket, texts[ticket.pk], query) for ticket in tickets]


def _hit(ticket: Ticket, texts: Sequence[tuple[str, str]], query: Query) -> Hit:
    language: Language = "en" if ticket.language == "en" else "es"
    query = replace(query, language=language)
    subject = marked(ticket.subject, query)
    best, where, text = _weight(ticket.subject, query), "", ""
    for kind, candidate in texts:
        if best == len(query.terms):
            break
        weight = _weight(candidate, query)
        if weight > best:
            best, where, text = weight, kind, candidate
    return Hit(ticket, subject, where, snippet(text, query) if where else SafeString())


def _weight(text: str, query: Query) -> int:
    """Return how many of the terms stand in a text.

    Edges: only words that begin as a stem does are stemmed, since that is what is dear.
    """
    beginnings = tuple({base[:2] for base in query.stems()})
    said: set[str] = set()
    folded: set[str] = set()
    for word in {word.text for word in words_of(text)}:
        for part in (word, *parts_of(word)):
            plain = fold(part)
            folded.add(plain)
            if plain.startswith(beginnings):
                said.add(stem(part, query.language))
    return sum(
        term.stem in said
        or any(all(s in said for s in way) for way in term.alternatives)
        or bool(term.prefix and any(word.startswith(term.prefix) for word in folded))
        for term in query.terms
    )


def _texts(pks: Iterable[int]) -> defaultdict[int, list[tuple[str, str]]]:
    """Return what stands in some tickets, the newest first, files last. Costs three queries."""
    wanted = list(pks)
    dated: defaultdict[int, list[tuple[datetime, str, str]]] = defaultdict(list)
    for kind, model in (("message", PublicMessage), ("note", InternalNote)):
        rows = model.objects.filter(ticket__in=wanted).annotate(
            beginning=Left("body_text", SHOWN_LETTERS)
        )
        for pk, at, text in rows.values_list("ticket_id", "at", "beginning"):
            dated[pk].append((at, kind, text))
    found: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    for pk, rows_of in dated.items():
        found[pk] = [(kind, text) for _at, kind, text in sorted(rows_of, reverse=True)]
    files = Attachment.objects.filter(
        Q(public_message__ticket__in=wanted) | Q(internal_note__ticket__in=wanted)
    )
    for of_message, of_note, name in files.values_list(
        "public_message__ticket_id", "internal_note__ticket_id", "name"
    ):
        found[of_message or of_note].append(("file", name))
    return found
