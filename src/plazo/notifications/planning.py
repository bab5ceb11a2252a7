"""Mail that is about no ticket: other packages plan it and say how it is written.

A package that sends mail of its own registers its kinds, once, when the apps are ready; a row
planned by `plan` goes the way of all outgoing mail: written with what caused it, sent by a job,
tried again, and never forgotten.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.models import Mailbox
from plazo.notifications.models import MailKind, OutboundMail
from plazo.notifications.readers import message_id
from plazo.notifications.tasks import nudge
from plazo.tickets.models import Attachment

Rendered = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Letter:
    """How one kind of mail is written: subject, text and HTML, and headers of its own.

    Units: `files` go inside; `failed` hears of a mail that will never arrive, and why.
    Edges: a renderer that returns None means that there is nothing to say any more. What `forgets`
        holds a key to somebody's account: once it has gone out, its words are kept nowhere. Nor is
        what it is about, unless its link is of use only with it (`keeps_about`).
    """

    render: Callable[[OutboundMail], Rendered | None]
    headers: Callable[[OutboundMail], Mapping[str, str]] = lambda _mail: {}
    forgets: bool = False
    keeps_about: bool = False
    files: Callable[[OutboundMail], Sequence[Attachment]] = lambda _mail: ()
    failed: Callable[[OutboundMail, str, datetime], None] = lambda _mail, _reason, _now: None


_letters: dict[str, Letter] = {}


def register(kind: MailKind, letter: Letter) -> None:
    """Say how mails of a kind are written. Registering it again replaces it."""
    _letters[kind.value] = letter


def letter_of(mail: OutboundMail) -> Letter | None:
    """Return how a mail is written, if it is one of those that others plan."""
    return _letters.get(mail.kind)


def plan(
    *,
    kind: MailKind,
    recipient: str,
    name: str = "",
    language: str,
    about: Mapping[str, Any],
    once: str | None = None,
    mailbox: Mailbox | None = None,
    now: datetime,
) -> OutboundMail | None:
    """Write a mail down and wake a worker at commit.

    Units: `about` holds what the renderer needs, as keys and numbers. `once` names the mail: a
        second one of the same name is not planned.
    Edges: None where it was planned before.
    """
    box = mailbox or mailboxes.default()
    try:
        with transaction.atomic():
            mail = OutboundMail.objects.create(
                kind=kind,
                about=dict(about),
                once=once,
                recipient=recipient,
                recipient_name=name[:120],
                language=language,
                mailbox=box,
                message_id=message_id(kind.value, box),
                created_at=now,
                next_attempt_at=now,
            )
    except IntegrityError:
        if once is None or not OutboundMail.objects.filter(once=once).exists():
            raise
        return None
    nudge(mail.pk)
    return mail
