"""Domains of addresses: what they say of somebody's company, and where they say nothing."""

from typing import Final

from django.db.models import CharField, Func, Value
from django.db.models.functions import Lower

from plazo.accounts.models import IdentityProvider, Organization, Requester, domain_of
from plazo.accounts.queries import SIGN_IN
from plazo.core.kept import kept

# Mail providers where a domain says nothing about who somebody is: the address does.
SHARED_DOMAINS: Final = frozenset(
    {
        "gmail.com", "googlemail.com", "outlook.com", "outlook.es", "hotmail.com", "hotmail.es",
        "live.com", "msn.com", "yahoo.com", "yahoo.es", "icloud.com", "me.com", "proton.me",
        "protonmail.com", "aol.com", "gmx.com", "gmx.net",
    }
)  # fmt: skip


def domains_of(organization: Organization) -> list[str]:
    """Return the domains that are a company's own, in order: its sign-in's and its people's.

    Edges: a domain that people of many companies share is nobody's. Costs two queries, and one for
        a page where no company's way to sign in has changed.
    """
    found = set(_signed_in_by(organization.pk))
    people = Requester.objects.filter(organization=organization, erased_at=None)
    domain = Func(
        Lower("email"), Value("@"), Value(-1), function="split_part", output_field=CharField()
    )
    found |= set(people.order_by().values_list(domain, flat=True).distinct())
    return sorted(found - SHARED_DOMAINS)


@kept(SIGN_IN)
def _signed_in_by(organization_id: int) -> list[str]:
    signed = IdentityProvider.objects.filter(organization=organization_id)
    return [domain for row in signed.values_list("domains", flat=True) for domain in row]


def provider_for(email: str) -> IdentityProvider | None:
    """Return the company's sign-in that speaks for an address, if there is one."""
    return (
        IdentityProvider.objects.select_related("organization")
        .filter(domains__contains=[domain_of(email)])
        .first()
    )
