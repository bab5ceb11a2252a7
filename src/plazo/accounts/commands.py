"""Writes on people."""

from datetime import datetime

from django.db import transaction

from plazo.accounts.errors import LastManager
from plazo.accounts.models import (
    Organization,
    Requester,
    RequesterRole,
    User,
    normal_email,
)
from plazo.accounts.queries import requesters_by_email
from plazo.core.actor import Actor


@transaction.atomic(savepoint=False)  # it raises nothing that a caller goes on after
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


@transaction.atomic
def account_for(*, email: str, now: datetime) -> User | None:
    """Return the account of an address that its owner has just proven to be theirs.

    Edges: a known requester without an account gets one, without a password; their address is
        confirmed from now on. None for an address that nobody knows, and for an account that was
        closed.
    """
    address = normal_email(email)
    requester = Requester.objects.select_for_update(no_key=True).filter(email=address).first()
    user = User.objects.filter(email=address).first()
    if requester is None:
        return user if user is not None and user.is_active else None
    if user is None:
        user = User.objects.create_user(
            address,
            name=requester.name,
            language=requester.language,
            **({"time_zone": requester.time_zone} if requester.time_zone else {}),
        )
    if not user.is_active:
        return None
    if requester.user_id is None and not hasattr(user, "requester"):
        requester.user = user
    requester.email_confirmed_at = requester.email_confirmed_at or now
    requester.save(update_fields=["user", "email_confirmed_at"])
    return user


@transaction.atomic
def save_profile(
    *,
    requester_id: int,
    name: str,
    language: str,
    time_zone: str,
    wants_copies: bool,
    actor: Actor,
    now: datetime,
) -> Requester:
    """Keep what somebody says of themselves; their account's name and language follow."""
    requester = (
        Requester.objects.select_for_update(no_key=True, of=("self",))
        .select_related("user")
        .get(pk=requester_id)
    )
    requester.name = " ".join(name.split())[:120]
    requester.language, requester.time_zone = language, time_zone
    requester.wants_copies = wants_copies
    requester.save(update_fields=["name", "language", "time_zone", "wants_copies"])
    if requester.user is not None:
        user = requester.user
        user.name, user.language = requester.name, language
        user.time_zone = time_zone or user.time_zone
        user.save(update_fields=["name", "language", "time_zone"])
    return requester


@transaction.atomic
def change_role(*, requester_id: int, role: str, actor: Actor, now: datetime) -> Requester:
    """Give somebody another role in their company.

    Edges: the company's row is locked, so that two managers who step down at once do not leave
        nobody.
    Raises: LastManager where nobody would be left who may invite.
    """
    requester = Requester.objects.get(pk=requester_id)
    if requester.organization_id is not None:
        Organization.objects.select_for_update(no_key=True).get(pk=requester.organization_id)
    wanted = RequesterRole(role)
    others = Requester.objects.filter(
        organization=requester.organization_id, role=RequesterRole.MANAGER, user__isnull=False
    ).exclude(pk=requester.pk)
    if requester.manages and wanted != RequesterRole.MANAGER and not others.exists():
        raise LastManager
    requester.role = wanted
    requester.save(update_fields=["role"])
    return requester


def confirm_address(*, requester_id: int, now: datetime) -> None:
    """Note that whoever reads a requester's address has shown it. The first time counts."""
    Requester.objects.filter(pk=requester_id, email_confirmed_at=None).update(
        email_confirmed_at=now
    )
