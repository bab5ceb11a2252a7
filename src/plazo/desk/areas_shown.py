"""What a case's page shows of other areas: whom we asked, how it stands, by when they owe it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext_lazy

from plazo.core import clockview
from plazo.sla import Evaluation, Metric
from plazo.tickets import areas, queries
from plazo.tickets.models import Ticket, TicketEvent

STANDINGS: Final = {
    "asked": gettext_lazy("Asked"),
    "received": gettext_lazy("They have it"),
    "answered": gettext_lazy("Answered"),
    "withdrawn": gettext_lazy("Withdrawn"),
}


def areas_of(
    found: Ticket,
    chain: Sequence[TicketEvent],
    evaluation: Evaluation,
    merged: Sequence[int],
    language: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the section on areas. Costs a query where some was asked, here or in what was merged,
    and one more where some was asked there.

    Edges: what was asked in a case that this one took in is acted on there, and stands as it does.
    """
    document = found.agreement_version.document
    asks, clause = areas.asks_of(chain), document.clause(found.verdict)
    rows = queries.asks_on([found.pk, *merged]) if asks or merged else []
    elsewhere = queries.asks_elsewhere({row.ticket_id for row in rows} - {found.pk})
    shown = []
    for row in rows:
        area = document.areas.get(row.area)
        line = {"row": row, "area": area.name.in_language(language) if area else row.area}
        if row.ticket_id == found.pk:
            ask = asks[row.key]
            applied = evaluation.get(ask.clock_key)
            line |= {
                "ask": ask,
                "standing": STANDINGS[ask.standing],
                "clock": clockview.of_applied(applied, now) if applied else None,
            }
        elif there := elsewhere.get((row.ticket_id, row.key)):
            line |= {"there": there, "standing": STANDINGS[there.standing]}
        shown.append(line)
    latest = {ask.sides[-1] for ask in asks.values() if ask.sides}
    return {
        "asks": shown,
        "latest_sides": latest,
        "verdict_area": document.areas[clause.area].name.in_language(language) if clause else "",
        "can_ask": not found.is_ended,
        "may_write": found.status != "closed" and found.merged_into_id is None,
    }


def without_areas(clocks: Sequence[Any]) -> list[Any]:
    """Return the clocks that are ours: what an area owes stands with the area."""
    return [pair for pair in clocks if pair[1].metric != Metric.AREA_REPLY]
