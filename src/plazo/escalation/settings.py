"""Who answers for the ladder: rotas, contacts, webhooks. Every change is on record."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from plazo.accounts.models import Agent, Language, normal_email
from plazo.core import audit
from plazo.core.actor import Actor
from plazo.escalation import hooks, outgoing, payloads
from plazo.escalation.errors import LadderRefused
from plazo.escalation.models import Contact, Endpoint, HookCall, HookForm, Rota, RotaMember

MOST_TURNS: Final = 52
MOST_ENDPOINTS: Final = 20


@transaction.atomic
def set_rota(
    *,
    step: int,
    zone: str,
    begins_on: date,
    hands_over_at: time,
    agent_ids: Sequence[int],
    actor: Actor,
    now: datetime,
) -> Rota | None:
    """Say who is on call for a step, one week after the other; without members there is no rota.

    Units: `begins_on` is the day on which the first member's turn begins, at `hands_over_at` on the
        clock of `zone`.
    Raises: LadderRefused.
    """
    rota = Rota.objects.select_for_update().filter(step=step).first()
    before = _rota_facts(rota) if rota else None
    if not agent_ids:
        if rota is not None:
            _record("ladder.rota_removed", f"rota:{step}", str(step), before, None, actor, now)
            rota.delete()
        return None
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise LadderRefused(why=_("Write a zone such as America/Bogota.")) from error
    known = set(Agent.objects.filter(pk__in=agent_ids, is_active=True).values_list("pk", flat=True))
    if len(agent_ids) > MOST_TURNS or not known.issuperset(agent_ids):
        raise LadderRefused(why=_("Choose people of the team, 52 turns at most."))
    rota = rota or Rota(step=step)
    rota.zone, rota.begins_on, rota.hands_over_at = zone, begins_on, hands_over_at
    rota.save()
    rota.members.all().delete()
    RotaMember.objects.bulk_create(
        RotaMember(rota=rota, position=n, agent_id=pk) for n, pk in enumerate(agent_ids)
    )
    what = "ladder.rota_changed" if before else "ladder.rota_set"
    _record(what, f"rota:{step}", str(step), before, _rota_facts(rota), actor, now)
    return rota


def _rota_facts(rota: Rota) -> dict[str, Any]:
    turns = rota.members.select_related("agent__user").order_by("position")
    return {
        "zone": rota.zone,
        "begins_on": rota.begins_on.isoformat(),
        "hands_over_at": rota.hands_over_at.strftime("%H:%M"),
        "turns": [str(turn.agent) for turn in turns],
    }


@transaction.atomic
def set_contact(
    *,
    name: str,
    agent_id: int | None = None,
    email: str = "",
    language: str = Language.SPANISH,
    actor: Actor,
    now: datetime,
) -> Contact | None:
    """Say who somebody is that the agreement names on its ladder: an agent, or an address.

    Edges: with neither, nothing is known of them any more. An agent has an address of their own.
    Raises: LadderRefused.
    """
    contact = Contact.objects.select_for_update().filter(name=name).first()
    before = _contact_facts(contact) if contact else None
    subject = f"contact:{name}"[:120]
    if agent_id is None and not email:
        if contact is not None:
            _record("ladder.contact_forgotten", subject, name, before, None, actor, now)
            contact.delete()
        return None
    if agent_id is not None and not Agent.objects.filter(pk=agent_id, is_active=True).exists():
        raise LadderRefused(why=_("Choose somebody of the team."))
    contact = contact or Contact(name=name)
    contact.agent_id = agent_id
    contact.email = "" if agent_id is not None else normal_email(email)
    contact.language = language
    contact.save()
    _record("ladder.contact_named", subject, name, before, _contact_facts(contact), actor, now)
    return contact


def _contact_facts(contact: Contact) -> dict[str, Any]:
    return {
        "agent": str(contact.agent) if contact.agent_id else None,
        "email": contact.email,
        "language": contact.language,
    }


@transaction.atomic
def save_endpoint(
    *,
    endpoint_id: int | None = None,
    name: str,
    form: str,
    url: str = "",
    language: str = Language.SPANISH,
    from_step: int = 1,
    is_active: bool = True,
    actor: Actor,
    now: datetime,
) -> Endpoint:
    """Add a webhook, or change one.

    Units: `url` may stay empty where there is one already: it is kept sealed and never shown again.
    Edges: whether its host may be reached is asked when it is called, for names change; what the
        address itself gives away is refused here.
    Raises: AddressRefused; LadderRefused.
    """
    endpoint = None
    if endpoint_id is not None:
        endpoint = Endpoint.objects.select_for_update().get(pk=endpoint_id)
    elif Endpoint.objects.count() >= MOST_ENDPOINTS:
        raise LadderRefused(why=_("There are as many webhooks as there may be. Remove one first."))
    if endpoint is None and not url:
        raise LadderRefused(why=_("Write the address that is to be called."))
    before = _endpoint_facts(endpoint) if endpoint else None
    if endpoint is None:
        endpoint = Endpoint()
        endpoint.keep(url="", secret=hooks.new_secret())
    if url:
        endpoint.host = outgoing.check(url)
        endpoint.keep(url=url, secret=endpoint.secrets["secret"])
        endpoint.failing_since, endpoint.last_error = None, ""
    endpoint.name, endpoint.form = " ".join(name.split())[:80], HookForm(form)
    endpoint.language, endpoint.from_step = language, from_step
    endpoint.is_active = is_active
    endpoint.save()
    after = _endpoint_facts(endpoint) | ({"address_set": True} if url and before else {})
    what = "ladder.webhook_changed" if before else "ladder.webhook_added"
    subject = f"webhook:{endpoint.pk}"
    _record(what, subject, endpoint.name, before, after, actor, now)
    return endpoint


@transaction.atomic
def remove_endpoint(*, endpoint_id: int, actor: Actor, now: datetime) -> None:
    """Take a webhook out, with all calls that wait for it."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint_id)
    before, subject = _endpoint_facts(endpoint), f"webhook:{endpoint.pk}"
    _record("ladder.webhook_removed", subject, endpoint.name, before, None, actor, now)
    endpoint.delete()


def test_endpoint(*, endpoint_id: int, actor: Actor, now: datetime) -> HookCall:
    """Call a webhook now, with words that say that it is a test; what became of it is on the row.

    Edges: a failure is tried again by itself, as any call is.
    """
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().get(pk=endpoint_id)
        with translation.override(endpoint.language):
            body = payloads.of_test(endpoint.form, now=now)
        call = hooks.plan(endpoint, body, now=now)
    hooks.attempt(call.pk, now=now)
    call.refresh_from_db()
    return call


def _endpoint_facts(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "form": endpoint.form,
        "host": endpoint.host,
        "language": endpoint.language,
        "from_step": endpoint.from_step,
        "active": endpoint.is_active,
    }


def _record(
    what: str,
    subject: str,
    title: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: Actor,
    now: datetime,
) -> None:
    audit.record(what, subject, title=title, before=before, after=after, actor=actor, now=now)
