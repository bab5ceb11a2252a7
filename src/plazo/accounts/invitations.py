"""Invitations: an agent, or a company's own manager, lets somebody into the portal."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from plazo.accounts.commands import account_for, find_or_create_requester
from plazo.accounts.domains import domains_of
from plazo.accounts.errors import (
    ForeignDomain,
    InvitationOver,
    MemberAlready,
    NoCompany,
    OfAnotherCompany,
    OneOfOurs,
)
from plazo.accounts.models import (
    Agent,
    Invitation,
    Organization,
    Requester,
    RequesterRole,
    User,
    domain_of,
    normal_email,
)
from plazo.accounts.tokens import digest_of, new_token
from plazo.core.actor import Actor, ActorKind

GOOD_FOR: Final = timedelta(days=14)


@transaction.atomic
def invite(
    *,
    email: str,
    name: str = "",
    organization_id: int | None,
    role: str = RequesterRole.MEMBER,
    language: str = "es",
    actor: Actor,
    now: datetime,
) -> tuple[Invitation, str]:
    """Invite an address into a company; return the invitation with its token, kept nowhere.

    Edges: inviting somebody again takes the earlier invitation back. Nothing changes for them
        until they accept. A company's manager invites addresses of the company's own domains;
        an agent invites any.
    Raises: NoCompany; OneOfOurs; OfAnotherCompany; MemberAlready; ForeignDomain.
    """
    if organization_id is None:
        raise NoCompany
    company = Organization.objects.get(pk=organization_id)
    address = normal_email(email)
    if Agent.objects.filter(user__email=address).exists():
        raise OneOfOurs(email=address)
    if actor.kind is ActorKind.REQUESTER:
        domains = domains_of(company)
        if domain_of(address) not in domains:
            raise ForeignDomain(domains=", ".join(domains) or "–")
    person = find_or_create_requester(email=address, name=name, language=language, now=now)
    if person.organization_id not in (None, company.pk):
        raise OfAnotherCompany(email=address)
    if person.organization_id == company.pk and person.user_id is not None and person.role == role:
        raise MemberAlready(email=address)
    open_ones = Invitation.objects.filter(requester=person, accepted_at=None, withdrawn_at=None)
    open_ones.update(withdrawn_at=now)
    token = new_token()
    invitation = Invitation.objects.create(
        digest=digest_of(token),
        requester=person,
        organization=company,
        role=RequesterRole(role),
        agent_id=actor.id if actor.kind is ActorKind.AGENT else None,
        colleague_id=actor.id if actor.kind is ActorKind.REQUESTER else None,
        created_at=now,
        expires_at=now + GOOD_FOR,
    )
    return invitation, token


def invitation_behind(token: str, *, now: datetime) -> Invitation:
    """Return an invitation that may still be accepted. Raises: InvitationOver."""
    found = (
        Invitation.objects.select_related(
            "requester__user", "organization", "agent__user", "colleague"
        )
        .filter(digest=digest_of(token))
        .first()
    )
    if found is None or found.accepted_at or found.withdrawn_at or found.expires_at <= now:
        raise InvitationOver
    return found


@transaction.atomic
def accept_invitation(*, token: str, name: str = "", password: str = "", now: datetime) -> User:
    """Accept an invitation: the person belongs to the company, in the role, with an account.

    Edges: whoever holds the token has read the mail, so the address is confirmed. A password is
        set where there was none; an account that has one keeps it.
    Raises: InvitationOver; OfAnotherCompany where they were bound elsewhere meanwhile; OneOfOurs.
    """
    invitation = invitation_behind(token, now=now)
    open_ones = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, withdrawn_at=None)
    if not open_ones.update(accepted_at=now):
        raise InvitationOver
    person = Requester.objects.select_for_update(no_key=True).get(pk=invitation.requester_id)
    if person.organization_id not in (None, invitation.organization_id):
        raise OfAnotherCompany(email=person.email)
    if Agent.objects.filter(user__email=person.email).exists():
        raise OneOfOurs(email=person.email)
    person.organization, person.role = invitation.organization, invitation.role
    person.name = " ".join(name.split())[:120] or person.name
    person.save(update_fields=["organization", "role", "name"])
    user = account_for(email=person.email, now=now)
    if user is None:
        raise InvitationOver
    user.name = person.name
    if password and not user.has_usable_password():
        user.set_password(password)
    user.save(update_fields=["name", "password"])
    return user


@transaction.atomic
def withdraw_invitation(*, invitation_id: int, actor: Actor, now: datetime) -> None:
    """Take an invitation back that nobody accepted yet."""
    Invitation.objects.filter(pk=invitation_id, accepted_at=None, withdrawn_at=None).update(
        withdrawn_at=now
    )
