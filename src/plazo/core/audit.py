"""Writing and reading the audit trail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q
from django.utils.functional import Promise

from plazo.core.actor import Actor
from plazo.core.models import AuditEntry

PAGE_SIZE: Final = 50


def record(
    what: str,
    subject: str,
    *,
    title: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    actor: Actor,
    now: datetime,
) -> AuditEntry | None:
    """Write down a change; call it in the transaction that makes it.

    Units: `what` is a dotted key in the past tense, `subject` the row's key, such as
        `group:level1`. `before` is empty for something new, `after` for something removed.
    Edges: only fields that differ are kept; None, and no row, where nothing does. Secrets do not
        belong in it: say that one was set, and not which.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an audit entry belongs in the transaction of the change")
    old, new = plain(before or {}), plain(after or {})
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if not changed and before and after:
        return None
    return AuditEntry.objects.create(
        at=now,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_name=actor.name[:120],
        what=what,
        subject=subject[:120],
        title=title[:200],
        before={key: old[key] for key in changed if key in old},
        after={key: new[key] for key in changed if key in new},
    )


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON keeps them, so that the same ones compare as the same."""
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return plain(value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case set() | frozenset():
            return sorted(_plain(each) for each in value)
        case Promise():
            return str(value)
        case _:
            return DjangoJSONEncoder().default(value)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, the newest first, and where the older ones begin; "" where there are none."""

    entries: list[AuditEntry]
    older: str


def page_of(
    *,
    about: str = "",
    subject: str = "",
    who: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: str = "",
    size: int = PAGE_SIZE,
) -> AuditPage:
    """Return a page of the trail. Costs one query, by index.

    Units: `about` is the first part of `what`, such as `group`; `before` is `older` of the page
        that came before this one.
    Edges: `until` is excluded; a `before` that is none begins at the newest.
    """
    found = AuditEntry.objects.order_by("-at", "-id")
    if about:
        found = found.filter(what__startswith=f"{about}.")
    if subject:
        found = found.filter(subject=subject)
    if who:
        found = found.filter(actor_name__icontains=who)
    if since is not None:
        found = found.filter(at__gte=since)
    if until is not None:
        found = found.filter(at__lt=until)
    at, _sign, pk = before.partition("~")
    try:
        place = (datetime.fromisoformat(at), int(pk)) if before else None
    except ValueError:
        place = None
    if place is not None and place[0].tzinfo is not None:
        found = found.filter(Q(at__lt=place[0]) | Q(at=place[0], pk__lt=place[1]))
    entries = list(found[: size + 1])
    older = ""
    if len(entries) > size:
        last = entries[size - 1]
        older = f"{last.at.isoformat()}~{last.pk}"
    return AuditPage(entries[:size], older)
