"""Companies: who they are, how far their integration is, and which services they contract.

Stage and services decide what a company is entitled to; the agreement says how.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.text import slugify

from plazo.accounts.errors import CompanyNamed, OfAnotherCompany
from plazo.accounts.models import Organization, Requester, RequesterRole, Stage
from plazo.core import audit
from plazo.core.actor import Actor
from plazo.core.naming import free_name

_FIELDS: Final = ("name", "stage", "services")
# Addresses of the settings that are no company's.
_TAKEN: Final = frozenset({"new"})


@transaction.atomic
def add_company(
    *, name: str, stage: str, services: Sequence[str], actor: Actor, now: datetime
) -> Organization:
    """Add a company. Raises: CompanyNamed where one has that name."""
    name = _named(name)
    company = Organization(name=name, slug=_slug_of(name), stage=Stage(stage))
    company.services = list(services)
    company.save(force_insert=True)
    _record("organization.added", company, {}, actor, now)
    return company


@transaction.atomic
def change_company(
    *,
    organization_id: int,
    name: str,
    stage: str,
    services: Sequence[str],
    actor: Actor,
    now: datetime,
) -> Organization:
    """Say what a company is called, how far it is, and what it contracts.

    Edges: its address on the desk stays. Entitlement is asked live: what it was when a case was
        opened is sealed there. A stage or services that stay as they are are no change.
    Raises: CompanyNamed where another has that name.
    """
    company = Organization.objects.select_for_update(no_key=True).get(pk=organization_id)
    before = _facts(company)
    company.name = _named(name, but=company.pk)
    company.stage, company.services = Stage(stage), list(services)
    if _facts(company) != before:
        company.save(update_fields=_FIELDS)
        _record("organization.changed", company, before, actor, now)
    return company


@transaction.atomic
def place_person(
    *, requester_id: int, organization_id: int, actor: Actor, now: datetime
) -> Requester:
    """Say of which company somebody is whose company was not known.

    Edges: from now on; the cases that they opened stay as they are. They see their own cases only,
        until somebody of their company gives them more.
    Raises: OfAnotherCompany for somebody who is of another already.
    """
    person = Requester.objects.select_for_update(no_key=True).get(pk=requester_id)
    if person.organization_id == organization_id:
        return person
    if person.organization_id is not None:
        raise OfAnotherCompany(email=person.email)
    company = Organization.objects.get(pk=organization_id)
    person.organization, person.role = company, RequesterRole.MEMBER
    person.save(update_fields=["organization", "role"])
    audit.record(
        "organization.person_placed",
        f"organization:{company.pk}",
        title=company.name,
        after={"person": person.email},
        actor=actor,
        now=now,
    )
    return person


def _facts(company: Organization) -> dict[str, Any]:
    return {field: getattr(company, field) for field in _FIELDS}


def _record(
    what: str, company: Organization, before: dict[str, Any], actor: Actor, now: datetime
) -> None:
    audit.record(
        what,
        f"organization:{company.pk}",
        title=company.name,
        before=before,
        after=_facts(company),
        actor=actor,
        now=now,
    )


def _named(name: str, *, but: int = 0) -> str:
    name = " ".join(name.split())[:160]
    if Organization.objects.filter(name__iexact=name).exclude(pk=but).exists():
        raise CompanyNamed(name=name)
    return name


def _slug_of(name: str) -> str:
    """Return a short name that no other company has."""
    plain = slugify(name)[:40] or "empresa"
    alike = Organization.objects.filter(slug__startswith=plain).values_list("slug", flat=True)
    return free_name(plain, _TAKEN.union(alike))
