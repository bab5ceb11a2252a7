"""Erasing a person from tickets: their words, files and names go; that something was said stays."""

from datetime import datetime

from plazo.accounts import erasure
from plazo.accounts.models import Requester
from plazo.core.actor import Actor
from plazo.tickets import commands, drafts
from plazo.tickets.errors import CasesStillOpen
from plazo.tickets.models import Participant, PublicMessage, Ticket

MOST_NAMED = 10


def register() -> None:
    """Let the tickets hear when a person is erased."""
    erasure.register(erase_words, name="tickets")


def erase_words(person: Requester, actor: Actor, now: datetime) -> None:
    """Erase what somebody wrote, ticket by ticket, and end their taking part.

    Raises: CasesStillOpen with their numbers.
    """
    unsolved = Ticket.objects.filter(requester=person).unsolved()
    numbers = list(unsolved.order_by("pk").values_list("number", flat=True)[:MOST_NAMED])
    if numbers:
        raise CasesStillOpen(numbers=numbers)
    taking_part = Participant.objects.filter(requester=person).order_by("ticket_id")
    for ticket_id in list(taking_part.values_list("ticket_id", flat=True)):
        commands.remove_participant(ticket_id=ticket_id, person_id=person.pk, actor=actor, now=now)
    written = PublicMessage.objects.filter(author_requester=person).values_list("ticket_id")
    own = Ticket.objects.filter(requester=person).values_list("pk")
    touched = sorted({pk for (pk,) in (*written, *own)})
    went_on = Ticket.objects.filter(pk__in=touched, merged_into__isnull=False)
    into = went_on.values_list("merged_into_id", flat=True)
    drafts.forget_about([*touched, *into], person_id=person.pk)
    for ticket_id in touched:
        commands.redact_person(ticket_id=ticket_id, person_id=person.pk, actor=actor, now=now)
