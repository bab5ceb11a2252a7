"""Companies' own sign-ins (OpenID Connect): set up by the operator, and who comes in by them."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_domain_name
from django.db import transaction
from django.utils.translation import gettext as _

from plazo.accounts.commands import account_for, find_or_create_requester
from plazo.accounts.domains import SHARED_DOMAINS
from plazo.accounts.errors import (
    DomainTaken,
    LinkNoLongerGood,
    OfAnotherCompany,
    OneOfOurs,
    UnfitProvider,
)
from plazo.accounts.models import Agent, IdentityProvider, Organization, Requester, User
from plazo.core.actor import Actor

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@transaction.atomic
def add_provider(
    *,
    key: str,
    organization: str,
    issuer: str,
    client_id: str,
    client_secret: str = "",
    domains: Sequence[str],
    vouches: bool = False,
    actor: Actor,
    now: datetime,
) -> IdentityProvider:
    """Let a company's people come in by the company's own sign-in.

    Units: `organization` is its slug; `domains` are those of its addresses.
    Edges: without TLS only on this very machine. A domain that many companies share is nobody's.
    Raises: UnfitProvider with the reason; DomainTaken.
    """
    company = Organization.objects.filter(slug=organization).first()
    if company is None:
        raise UnfitProvider(why=_("There is no company “%(slug)s”.") % {"slug": organization})
    if IdentityProvider.objects.filter(key=key).exists():
        raise UnfitProvider(why=_("There is a sign-in “%(key)s” already.") % {"key": key})
    address = urlsplit(issuer)
    if not address.hostname or (address.scheme != "https" and address.hostname not in _HERE):
        raise UnfitProvider(why=_("The issuer must be an https:// address."))
    own = sorted({domain.strip().lower().lstrip("@") for domain in domains})
    _check_domains(own)
    provider = IdentityProvider(
        key=key,
        organization=company,
        issuer=issuer.rstrip("/"),
        client_id=client_id,
        domains=own,
        vouches=vouches,
        created_at=now,
    )
    provider.keep_secret(client_secret)
    provider.save()
    return provider


def _check_domains(domains: Sequence[str]) -> None:
    """Refuse domains that no single company can have. The caller's transaction locks the table."""
    if not domains:
        raise UnfitProvider(why=_("Name at least one domain of the company's addresses."))
    for domain in domains:
        try:
            validate_domain_name(domain)
        except ValidationError:
            raise UnfitProvider(why=_("“%(domain)s” is no domain.") % {"domain": domain}) from None
        if domain in SHARED_DOMAINS:
            raise UnfitProvider(
                why=_("People of many companies share %(domain)s.") % {"domain": domain}
            )
    taken = IdentityProvider.objects.select_for_update().filter(domains__overlap=list(domains))
    for other in taken:
        domain = next(d for d in domains if d in other.domains)
        raise DomainTaken(domain=domain, key=other.key)


@transaction.atomic
def remove_provider(*, key: str, actor: Actor, now: datetime) -> bool:
    """Take a company's sign-in away; its people keep their accounts. False where there is none."""
    deleted, _rows = IdentityProvider.objects.filter(key=key).delete()
    return bool(deleted)


@transaction.atomic
def person_from(*, provider: IdentityProvider, email: str, name: str, now: datetime) -> User:
    """Return the account of somebody whom their company's sign-in has named.

    Edges: they belong to the company from here on. It cannot speak for our own team, nor for
        somebody who belongs to another company.
    Raises: OneOfOurs; OfAnotherCompany; LinkNoLongerGood for an account that was closed.
    """
    if Agent.objects.filter(user__email__iexact=email).exists():
        raise OneOfOurs(email=email)
    person = find_or_create_requester(email=email, name=name, now=now)
    if person.organization_id not in (None, provider.organization_id):
        raise OfAnotherCompany(email=person.email)
    Requester.objects.filter(pk=person.pk, organization=None).update(
        organization=provider.organization
    )
    user = account_for(email=person.email, now=now)
    if user is None:
        raise LinkNoLongerGood
    return user
