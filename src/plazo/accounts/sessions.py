"""Where somebody is signed in, and signing out everywhere else."""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction


@dataclass(frozen=True, slots=True)
class Place:
    """One browser in which somebody is signed in."""

    user_agent: str
    ip: str
    since: datetime
    here: bool


def places_of(user_id: int | None, *, here: str | None) -> list[Place]:
    """Return where somebody is signed in, this place first, then the newest. Costs two queries.

    Units: `here` is the key of the session that asks.
    """
    known = list(UserSession.objects.filter(user=user_id).order_by("-created_at"))
    keys = [session.session_key for session in known]
    alive = set(Session.objects.filter(session_key__in=keys).values_list("session_key", flat=True))
    places = [
        Place(session.user_agent, session.ip, session.created_at, session.session_key == here)
        for session in known
        if session.session_key in alive
    ]
    return sorted(places, key=lambda place: not place.here)


@transaction.atomic
def end_others(user_id: int | None, *, here: str | None) -> None:
    """End every session of somebody but the one that asks."""
    others = UserSession.objects.filter(user=user_id).exclude(session_key=here)
    keys = list(others.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    others.delete()
