"""What the search knows of a ticket, and how it stays true.

A command leaves a `WordsDue` row in its own transaction. The loop takes such rows, reads the
ticket's texts as they are now, writes its words and deletes the rows it took, all in one
transaction: what was committed is found a moment later, whatever crashed meanwhile. Nothing
depends on a mark up to which all is done, so commits may land in any order.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from django.db import close_old_connections, connection, transaction
from django.db.models import Q

from plazo.accounts import erasure
from plazo.accounts.models import Requester
from plazo.core.actor import Actor
from plazo.core.search import vector
from plazo.core.search.analyser import Language, Weight
from plazo.sla import Evaluation
from plazo.tickets import events, readers
from plazo.tickets.models import (
    AreaMessage,
    Attachment,
    InternalNote,
    PublicMessage,
    Ticket,
    TicketEvent,
    TicketField,
    TicketWords,
    WordsDue,
)

# Where a word stands: subject and number, names, files, texts.
SUBJECT: Final[Weight] = "A"
NAMES: Final[Weight] = "B"
FILES: Final[Weight] = "C"
TEXTS: Final[Weight] = "D"
# A tsvector holds a megabyte and knows 16,383 places; so many letters stay well within both.
PART_LETTERS: Final = 60_000
BATCH: Final = 100
PERIOD_SECONDS: Final = 1.0
LOOKS_BETWEEN_HEALING: Final = 300
_ONE_AT_A_TIME: Final = 0x9A20_5EA2  # the key of an advisory lock

# What happens without a word being said. Everything else is read again.
SILENT: Final = frozenset(
    {
        events.TicketAcknowledged.kind,
        events.ReplyDeliveryFailed.kind,
        events.ReplySentAgain.kind,
        events.TicketAssigned.kind,
        events.SeveritySet.kind,
        events.LevelEntered.kind,
        events.StatusChanged.kind,
        events.TicketReopened.kind,
        events.VerdictGiven.kind,
        events.PromiseMade.kind,
        events.PromiseMoved.kind,
        events.PromiseKept.kind,
        events.PromiseBroken.kind,
        events.PromiseHanded.kind,
        events.RequesterReminded.kind,
        events.RequesterSilent.kind,
        events.HelpStillNeeded.kind,
        events.SolutionConfirmed.kind,
        events.OutcomeSet.kind,
        events.ClockAtRisk.kind,
        events.ClockBreached.kind,
        events.EscalationRequested.kind,
        events.LadderRang.kind,
        events.LadderAnswered.kind,
        events.LadderSettled.kind,
        events.TicketRated.kind,
        events.TagsChanged.kind,
        events.AreaReceived.kind,
        events.AreaAnswerSetAside.kind,
        events.AreaReminded.kind,
        events.AreaWithdrawn.kind,
        events.AreaUndelivered.kind,
    }
)


def register() -> None:
    """Hear of what is said and of what is erased."""
    readers.register(note_words, kinds=events.REGISTRY.keys() - SILENT, name="search")
    erasure.register(forget_person, name="search")


def note_words(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Have a ticket read again. Costs one row; what was erased is forgotten at once."""
    if event.kind == events.TicketRedacted.kind:
        TicketWords.objects.filter(ticket=ticket).delete()
    WordsDue.objects.create(ticket=ticket)


def forget_person(person: Requester, actor: Actor, now: datetime) -> None:
    """Forget at once what somebody's tickets say; the loop reads again what stays."""
    own = Ticket.objects.filter(requester=person)
    TicketWords.objects.filter(ticket__in=own).delete()
    WordsDue.objects.bulk_create(WordsDue(ticket_id=pk) for pk in own.values_list("pk", flat=True))


def run_forever(stop: threading.Event) -> None:
    """Index what is due every second, and look for what nobody announced now and then."""
    looks = 0
    while not stop.is_set():
        if looks % LOOKS_BETWEEN_HEALING == 0 and find_forgotten() == BATCH * 10:
            looks -= 1  # there is more: look again once these are done
        looks += 1
        while not stop.is_set() and index_due() == BATCH:
            pass
        close_old_connections()
        stop.wait(PERIOD_SECONDS)


def index_due(limit: int = BATCH) -> int:
    """Index the tickets whose words changed, the oldest change first; return how many rows."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        if not cursor.fetchone()[0]:
            return 0
        due = dict(WordsDue.objects.order_by("pk").values_list("pk", "ticket_id")[:limit])
        if due:
            index(set(due.values()))
            WordsDue.objects.filter(pk__in=due).delete()
        return len(due)


def index_all() -> int:
    """Write the words of every ticket anew, in batches; return how many tickets there were."""
    count, after = 0, 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
            pks = _next(after)
            if not pks:
                return count
            index(pks)
        count, after = count + len(pks), pks[-1]


def index(pks: Iterable[int]) -> None:
    """Write down the words of some tickets, in the caller's transaction."""
    wanted = list(pks)
    rows = [
        (pk, part, names, words)
        for pk, (names, parts) in words_of_tickets(wanted).items()
        for part, words in enumerate(parts)
    ]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tickets_ticketwords WHERE ticket_id = ANY(%s)", [wanted])
        cursor.executemany(
            "INSERT INTO tickets_ticketwords (ticket_id, part, names, words)"
            " VALUES (%s, %s, %s, %s::tsvector)",
            rows,
        )


def find_forgotten(limit: int = BATCH * 10) -> int:
    """Note tickets that have no words, or whose people have another name now; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO tickets_wordsdue (ticket_id)
            SELECT t.id FROM tickets_ticket AS t
            JOIN accounts_requester AS r ON r.id = t.requester_id
            LEFT JOIN accounts_organization AS o ON o.id = t.organization_id
            LEFT JOIN tickets_ticketwords AS w ON w.ticket_id = t.id AND w.part = 0
            WHERE w.names IS DISTINCT FROM concat_ws(E'\\n', r.name, r.email, o.name)
                AND NOT EXISTS (SELECT FROM tickets_wordsdue AS d WHERE d.ticket_id = t.id)
            ORDER BY t.id DESC LIMIT %s
            """,
            [limit],
        )
        return int(cursor.rowcount)


def differences() -> Iterator[str]:
    """Yield the number of each ticket whose words are not those of its texts; reads everything.

    Edges: what is due is not yet wrong.
    """
    after = 0
    while pks := _next(after):
        due = set(WordsDue.objects.filter(ticket__in=pks).values_list("ticket_id", flat=True))
        stored: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT ticket_id, names, words::text FROM tickets_ticketwords"
                " WHERE ticket_id = ANY(%s) ORDER BY ticket_id, part",
                [pks],
            )
            for pk, names, words in cursor.fetchall():
                stored[pk].append((names, words))
            for pk, (names, parts) in words_of_tickets(pks).items():
                cursor.execute(
                    "SELECT array_agg(w::tsvector::text ORDER BY n)"
                    " FROM unnest(%s::text[]) WITH ORDINALITY AS u (w, n)",
                    [parts],
                )
                if pk not in due and stored[pk] != [
                    (names, words) for words in cursor.fetchone()[0]
                ]:
                    yield Ticket.objects.values_list("number", flat=True).get(pk=pk)
        after = pks[-1]


def _next(after: int) -> list[int]:
    found = Ticket.objects.filter(pk__gt=after).order_by("pk")
    return list(found.values_list("pk", flat=True)[:BATCH])


# ── What a ticket says ────────────────────────────────────────────────────────────────────────


def words_of_tickets(pks: Sequence[int]) -> dict[int, tuple[str, list[str]]]:
    """Return the names and the tsvectors of some tickets. Costs six queries."""
    files: defaultdict[int, list[str]] = defaultdict(list)
    texts: defaultdict[int, list[str]] = defaultdict(list)
    attached = Attachment.objects.filter(
        Q(public_message__ticket__in=pks)
        | Q(internal_note__ticket__in=pks)
        | Q(area_message__ticket__in=pks)
    ).order_by("pk")
    for *owners, name in attached.values_list(
        "public_message__ticket_id", "internal_note__ticket_id", "area_message__ticket_id", "name"
    ):
        files[next(filter(None, owners))].append(name)
    for kept, column in (
        (TicketField, "value"),
        (PublicMessage, "body_text"),
        (InternalNote, "body_text"),
        (AreaMessage, "body_text"),
    ):
        rows = kept.objects.filter(ticket__in=pks).order_by("pk")
        for pk, text in rows.values_list("ticket_id", column):
            texts[pk].append(text)
    return {
        ticket.pk: _words_of(ticket, files[ticket.pk], texts[ticket.pk])
        for ticket in Ticket.objects.filter(pk__in=pks).select_related("requester", "organization")
    }


def _words_of(ticket: Ticket, files: list[str], texts: list[str]) -> tuple[str, list[str]]:
    language: Language = "en" if ticket.language == "en" else "es"
    company = [ticket.organization.name] if ticket.organization else []
    names = "\n".join([ticket.requester.name, ticket.requester.email, *company])
    head: list[tuple[Weight, str]] = [
        (SUBJECT, ticket.subject),
        (SUBJECT, ticket.number),
        (NAMES, names),
    ]
    rest: list[tuple[Weight, str]] = [(FILES, name) for name in files]
    rest += [(TEXTS, piece) for text in texts for piece in _pieces(text)]
    parts: list[list[tuple[Weight, str]]] = [[]]
    letters = 0
    for field in rest:
        if parts[-1] and letters + len(field[1]) > PART_LETTERS:
            parts.append([])
            letters = 0
        parts[-1].append(field)
        letters += len(field[1])
    return names, [vector([*head, *part], language) for part in parts]


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces that fit into one part, cut between words where there are any."""
    while len(text) > PART_LETTERS:
        cut = text.rfind(" ", PART_LETTERS // 2, PART_LETTERS)
        cut = PART_LETTERS if cut < 0 else cut
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text
