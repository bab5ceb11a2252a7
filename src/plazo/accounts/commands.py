"""Writes on people."""

from datetime import datetime

from django.db import transaction

from plazo.accounts.models import Requester, normal_email
from plazo.accounts.queries import requesters_by_email


@transaction.atomic
def find_or_create_requester(
    *, email: str, name: str = "", language: str = "es", now: datetime
) -> Requester:
    """Return the requester of this address, made on the first sight of it.

    Edges: two requests at once make one requester (the unique address decides). A known
        requester keeps their name and language: a form anyone can send must not rename people;
        a name is taken only where there was none.
    """
    address = normal_email(email)
    requester = requesters_by_email(address).first()
    if requester is None:
        new = Requester(email=address, name=name.strip(), language=language, created_at=now)
        Requester.objects.bulk_create([new], ignore_conflicts=True)
        requester = requesters_by_email(address).get()
    if not requester.name and name.strip():
        Requester.objects.filter(pk=requester.pk, name="").update(name=name.strip())
        requester.refresh_from_db()
    return requester


def confirm_address(*, requester_id: int, now: datetime) -> None:
    """Note that whoever reads a requester's address has shown it. The first time counts."""
    Requester.objects.filter(pk=requester_id, email_confirmed_at=None).update(
        email_confirmed_at=now
    )
