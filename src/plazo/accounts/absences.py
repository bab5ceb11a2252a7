"""Absences and who stands in: planned by each agent for themselves, by coordinators for anyone."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from plazo.accounts.models import Absence, Agent
from plazo.core import audit, localtime
from plazo.core.actor import Actor
from plazo.core.errors import PlazoError


class AbsenceRefused(PlazoError):
    """An absence that cannot be; `data["why"]` says why, and what to do."""

    code = "absence_refused"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return str(self.data["why"])


@transaction.atomic
def plan_absence(
    *,
    agent_id: int,
    begins_at: datetime,
    ends_at: datetime,
    substitute_id: int | None = None,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> Absence:
    """Say that an agent will be away in `[begins_at, ends_at)`, and who stands in.

    Edges: the substitute may be away too: then their own stands in, see `queries.standing_in`.
    Raises: AbsenceRefused.
    """
    agent = Agent.objects.select_for_update(no_key=True).select_related(None).get(pk=agent_id)
    absence = Absence(agent=agent)
    _fill(absence, begins_at, ends_at, substitute_id, note, now)
    absence.save()
    _record("absence.planned", absence, None, facts(absence), actor, now)
    return absence


@transaction.atomic
def change_absence(
    *,
    absence_id: int,
    begins_at: datetime,
    ends_at: datetime,
    substitute_id: int | None = None,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> Absence:
    """Move an absence, or let somebody else stand in. Raises: AbsenceRefused."""
    absence = Absence.objects.select_for_update(no_key=True).get(pk=absence_id)
    Agent.objects.select_for_update(no_key=True).get(pk=absence.agent_id)
    before = facts(absence)
    _fill(absence, begins_at, ends_at, substitute_id, note, now)
    absence.save()
    _record("absence.changed", absence, before, facts(absence), actor, now)
    return absence


@transaction.atomic
def end_absence(*, absence_id: int, actor: Actor, now: datetime) -> None:
    """Say that somebody is back, or will not be away after all.

    Edges: one that runs ends at `now`; one yet to come is removed; one that is over stays.
    """
    absence = Absence.objects.select_for_update(no_key=True).get(pk=absence_id)
    before = facts(absence)
    if absence.begins_at >= now:
        _record("absence.removed", absence, before, None, actor, now)
        absence.delete()
    elif absence.ends_at > now:
        absence.ends_at = now
        absence.save(update_fields=["ends_at"])
        _record("absence.changed", absence, before, facts(absence), actor, now)


def facts(absence: Absence) -> dict[str, Any]:
    """Return an absence as the audit trail keeps it."""
    return {
        "begins_at": localtime.iso(absence.begins_at),
        "ends_at": localtime.iso(absence.ends_at),
        "substitute": str(absence.substitute) if absence.substitute else None,
        "note": absence.note,
    }


def _fill(
    absence: Absence,
    begins_at: datetime,
    ends_at: datetime,
    substitute_id: int | None,
    note: str,
    now: datetime,
) -> None:
    """Put the values in, after asking whether they can be. Raises: AbsenceRefused."""
    if ends_at <= begins_at:
        raise AbsenceRefused(why=_("The absence ends before it begins. Choose a later end."))
    if ends_at <= now:
        raise AbsenceRefused(why=_("This absence is over already. Choose an end to come."))
    others = Absence.objects.filter(
        agent_id=absence.agent_id, begins_at__lt=ends_at, ends_at__gt=begins_at
    ).exclude(pk=absence.pk)
    if (other := others.first()) is not None:
        zone = absence.agent.user.time_zone
        raise AbsenceRefused(
            why=_("There is an absence already from %(begins)s to %(ends)s. Change that one.")
            % {
                "begins": localtime.short_date(other.begins_at, zone),
                "ends": localtime.short_date(other.ends_at, zone),
            }
        )
    substitute = None
    if substitute_id is not None:
        substitute = Agent.objects.filter(pk=substitute_id, is_active=True).first()
        if substitute is None or substitute.pk == absence.agent_id:
            raise AbsenceRefused(why=_("Choose somebody else of the team to stand in."))
    absence.begins_at, absence.ends_at = begins_at, ends_at
    absence.substitute, absence.note = substitute, " ".join(note.split())[:200]


def _record(
    what: str,
    absence: Absence,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: Actor,
    now: datetime,
) -> None:
    audit.record(
        what,
        f"absence:{absence.pk}",
        title=str(absence.agent),
        before=before,
        after=after,
        actor=actor,
        now=now,
    )
