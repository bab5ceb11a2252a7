"""The team's short lists of causes, solutions and reasons to wait, and who changes them.

A key stands in timelines for good, so an entry is retired and never removed.
"""

from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from plazo.core import audit
from plazo.core.actor import Actor
from plazo.core.kept import kept
from plazo.core.naming import free_name
from plazo.tickets.errors import OutcomeKept
from plazo.tickets.outcome_models import Asks, Outcome, OutcomeKind, SolvingRule

MOST: Final = 40
OUTCOMES: Final = "outcomes"  # the stamp of all that is read here


# ── Reads ─────────────────────────────────────────────────────────────────────────────────────


@kept(OUTCOMES)
def every() -> dict[str, list[Outcome]]:
    """Return all lists, retired entries too, each in its order. One query, unless it is kept."""
    found: dict[str, list[Outcome]] = {kind.value: [] for kind in OutcomeKind}
    for outcome in Outcome.objects.order_by("position", "pk"):
        found.setdefault(outcome.kind, []).append(outcome)
    return found


def choices(kind: str, language: str, *, retired: bool = False) -> list[tuple[str, str]]:
    """Return what can be chosen of a list, in its order. One query, unless it is kept."""
    return [
        (entry.key, entry.in_language(language))
        for entry in every()[kind]
        if retired or entry.retired_at is None
    ]


def every_name(kind: str) -> list[tuple[str, str]]:
    """Return each key of a list under its own name and in both languages. One query, unless it is
    kept."""
    found = []
    for entry in every()[kind]:
        found += [(entry.key, entry.key), (entry.key, entry.name_es), (entry.key, entry.name_en)]
    return found


@kept(OUTCOMES)
def asks() -> str:
    """Return what solving asks of an agent. One query, unless it is kept."""
    rule = SolvingRule.objects.filter(pk=1).first()
    return rule.asks if rule is not None else Asks.REQUIRED.value


# ── Commands ──────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def add_outcome(*, kind: str, name_es: str, name_en: str, actor: Actor, now: datetime) -> Outcome:
    """Put an entry at the end of a list. Raises: OutcomeKept."""
    entries = list(Outcome.objects.select_for_update().filter(kind=kind))
    if kind not in OutcomeKind.values or len(entries) >= MOST:
        raise OutcomeKept(reason=_("A list has %(most)s entries at most.") % {"most": MOST})
    names = _names(name_es, name_en)
    _require_unlike(entries, names)
    outcome = Outcome.objects.create(
        kind=kind,
        key=free_name(
            slugify(names["name_en"])[:32].replace("-", "_") or kind,
            {entry.key for entry in entries},
            mark="_",
        ),
        position=1 + max((entry.position for entry in entries), default=-1),
        **names,
    )
    _record("outcome.added", outcome, {}, _facts(outcome), actor, now)
    return outcome


@transaction.atomic
def change_outcome(
    *, outcome_id: int, name_es: str, name_en: str, actor: Actor, now: datetime
) -> Outcome:
    """Call an entry otherwise; its key stays. Raises: OutcomeKept."""
    outcome = Outcome.objects.select_for_update().get(pk=outcome_id)
    before, names = _facts(outcome), _names(name_es, name_en)
    _require_unlike(list(Outcome.objects.filter(kind=outcome.kind).exclude(pk=outcome.pk)), names)
    outcome.name_es, outcome.name_en = names["name_es"], names["name_en"]
    outcome.save(update_fields=["name_es", "name_en"])
    _record("outcome.changed", outcome, before, _facts(outcome), actor, now)
    return outcome


@transaction.atomic
def retire_outcome(*, outcome_id: int, retired: bool, actor: Actor, now: datetime) -> Outcome:
    """Offer an entry no more, or again. Cases that have it keep it."""
    outcome = Outcome.objects.select_for_update().get(pk=outcome_id)
    before = _facts(outcome)
    outcome.retired_at = (outcome.retired_at or now) if retired else None
    outcome.save(update_fields=["retired_at"])
    what = "outcome.retired" if retired else "outcome.restored"
    _record(what, outcome, before, _facts(outcome), actor, now)
    return outcome


@transaction.atomic
def raise_outcome(*, outcome_id: int, actor: Actor, now: datetime) -> None:
    """Let an entry change places with the one before it; the first one stays."""
    outcome = Outcome.objects.get(pk=outcome_id)
    entries = list(
        Outcome.objects.select_for_update().filter(kind=outcome.kind).order_by("position", "pk")
    )
    place = next(n for n, entry in enumerate(entries) if entry.pk == outcome_id)
    if place == 0:
        return
    entries[place - 1 : place + 1] = [entries[place], entries[place - 1]]
    for position, entry in enumerate(entries):
        entry.position = position
    Outcome.objects.bulk_update(entries, ["position"])
    before, after = {"position": place + 1}, {"position": place}
    _record("outcome.moved", outcome, before, after, actor, now)


@transaction.atomic
def set_asks(*, value: str, actor: Actor, now: datetime) -> None:
    """Say whether solving requires a cause and a solution. Raises: OutcomeKept."""
    if value not in Asks.values:
        raise OutcomeKept(reason=_("Choose one of the two."))
    before = asks()
    SolvingRule.objects.update_or_create(pk=1, defaults={"asks": value})
    audit.record(
        "outcome.asked",
        "outcome:asks",
        before={"required": before == Asks.REQUIRED},
        after={"required": value == Asks.REQUIRED},
        actor=actor,
        now=now,
    )


def _names(name_es: str, name_en: str) -> dict[str, str]:
    names = {"name_es": " ".join(name_es.split())[:80], "name_en": " ".join(name_en.split())[:80]}
    if not all(names.values()):
        raise OutcomeKept(reason=_("Write the name in both languages."))
    return names


def _require_unlike(others: list[Outcome], names: dict[str, str]) -> None:
    for each in others:
        if names["name_es"].casefold() == each.name_es.casefold():
            raise OutcomeKept(
                reason=_("“%(name)s” is in the list already.") % {"name": each.name_es}
            )


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "es": outcome.name_es,
        "en": outcome.name_en,
        "active": outcome.retired_at is None,
    }


def _record(
    what: str,
    outcome: Outcome,
    before: dict[str, Any],
    after: dict[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    audit.record(
        what,
        f"outcome:{outcome.kind}:{outcome.key}",
        title=outcome.name_es,
        before=before,
        after=after,
        actor=actor,
        now=now,
    )
