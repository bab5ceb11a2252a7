"""A company with its people, for tests of the portal; and the mails that they read."""

import re
from datetime import timedelta

from django.core import mail as mail_module
from django.core.mail import EmailMessage
from django.test import Client

from plazo.accounts.commands import account_for
from plazo.accounts.models import Organization, Requester, RequesterRole
from plazo.notifications.models import WAITING, OutboundMail
from plazo.notifications.sending import send
from tests.factory import PASSWORD, TUESDAY, a_requester


def a_company(slug: str = "andina") -> Organization:
    """Return a company in production, made on first sight."""
    company, _ = Organization.objects.get_or_create(
        slug=slug,
        defaults={
            "name": f"Distribuidora {slug.title()}",
            "stage": "production",
            "services": ["esd", "catalog"],
        },
    )
    return company


def a_person(
    email: str = "compras@andina.example",
    name: str = "Compras Andina",
    *,
    company: str | None = "andina",
    manages: bool = False,
    password: bool = True,
) -> Requester:
    """Return somebody with an account, bound to a company, whose address is confirmed."""
    person = a_requester(email, name)
    user = account_for(email=email, now=TUESDAY - timedelta(days=30))
    assert user is not None
    if password and not user.has_usable_password():
        user.set_password(PASSWORD)
        user.save()
    Requester.objects.filter(pk=person.pk).update(
        organization=a_company(company) if company else None,
        role=RequesterRole.MANAGER if manages else RequesterRole.MEMBER,
    )
    person.refresh_from_db()
    return person


def signed_in(person: Requester) -> Client:
    """Return a browser of somebody who signed in."""
    client = Client()
    assert person.user is not None
    client.force_login(person.user)
    return client


def read_mails(address: str) -> list[str]:
    """Send what waits for an address, and return the texts of all that it got, oldest first."""
    waiting = OutboundMail.objects.filter(recipient=address, state__in=WAITING).order_by("pk")
    for mail in waiting:
        send(mail.pk, now=mail.next_attempt_at or TUESDAY)
    return [str(message.body) for message in outbox() if address in str(message.recipients())]


def outbox() -> list[EmailMessage]:
    """Return every mail that has gone out in this test."""
    return list(getattr(mail_module, "outbox", []))


def path_in(text: str, start: str) -> str:
    """Return the path of the first link in a mail that begins so."""
    found = re.search(rf"https?://[^/\s]+({start}\S*)", text)
    assert found is not None, text
    return found[1]
