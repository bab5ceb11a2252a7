"""Everything that we hold of a person's cases, as plain values and files, to take away."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from plazo.accounts.models import Requester
from plazo.core.localtime import iso
from plazo.tickets.access import tickets_for_requester
from plazo.tickets.models import Attachment, Rating, Ticket

BATCH = 100


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of a case: where it goes in the archive, and under which digest its bytes are."""

    path: str
    sha256: str


def profile_of(person: Requester) -> dict[str, Any]:
    """Return what we know of a person themselves."""
    return {
        "email": person.email,
        "name": person.name,
        "company": person.organization.name if person.organization else None,
        "role": person.role,
        "language": person.language,
        "time_zone": person.time_zone or None,
        "copies_of_colleagues_cases": person.wants_copies,
        "email_confirmed_at": iso(person.email_confirmed_at) if person.email_confirmed_at else None,
        "known_since": iso(person.created_at),
    }


def cases_of(person: Requester) -> Iterator[tuple[dict[str, Any], list[ExportedFile]]]:
    """Yield each case of a person's own or in which they take part, with its files, oldest first.

    Edges: what agents tell each other is theirs and not in it; nor are colleagues' cases that a
        manager only sees. Read in batches, so memory does not grow with their number.
    """
    tickets = tickets_for_requester(person, "mine").select_related("requester").order_by("pk")
    after = 0
    while batch := list(
        tickets.filter(pk__gt=after).prefetch_related(
            "messages__attachments", "participants__requester", "ratings", "answers"
        )[:BATCH]
    ):
        for ticket in batch:
            yield _case(ticket, person)
        after = batch[-1].pk


def _case(ticket: Ticket, person: Requester) -> tuple[dict[str, Any], list[ExportedFile]]:
    files: list[ExportedFile] = []
    messages = []
    for message in sorted(ticket.messages.all(), key=lambda m: m.pk):
        attached = [_file(ticket, file) for file in message.attachments.all()]
        files += attached
        messages.append(
            {
                "at": iso(message.at),
                "from": message.author,
                "from_support": message.from_agent,
                "text": message.body_text,
                "quoted": message.quoted_text,
                "files": [file.path for file in attached],
            }
        )
    case = {
        "number": ticket.number,
        "subject": ticket.subject,
        "yours": ticket.requester_id == person.pk,
        "opened_at": iso(ticket.opened_at),
        "solved_at": iso(ticket.solved_at) if ticket.solved_at else None,
        "status": ticket.status,
        "severity": ticket.severity or None,
        "service": ticket.service,
        "environment": ticket.environment,
        "type": ticket.request_type,
        "channel": ticket.channel,
        "answers": {answer.key: answer.value for answer in ticket.answers.all()},
        "participants": [entry.requester.email for entry in ticket.participants.all()],
        "messages": messages,
        "ratings": [_rating(rating) for rating in ticket.ratings.all()],
    }
    return case, files


def _file(ticket: Ticket, file: Attachment) -> ExportedFile:
    return ExportedFile(f"files/{ticket.number}/{file.pk}-{file.name}", file.sha256)


def _rating(rating: Rating) -> dict[str, Any]:
    return {"at": iso(rating.at), "score": rating.score, "words": rating.words}
