"""My requests: every case that somebody may see, with its next promised moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_safe

from plazo.accounts.models import Requester
from plazo.agreements.document import AgreementDocument
from plazo.agreements.labels import clock_label
from plazo.agreements.queries import version_in_force
from plazo.core import clockview
from plazo.core.clock import read_clock
from plazo.core.clockview import ClockView
from plazo.portal.site import client_required, frame
from plazo.portal.words import STATUS_CHOICES, status_words
from plazo.tickets import queries
from plazo.tickets.listing import COUNT_CAP
from plazo.tickets.models import Ticket
from plazo.tickets.requests import (
    SORTS,
    TABS,
    Sort,
    Tab,
    Wanted,
    counts,
    requests_page,
)

TAB_NAMES = {
    "open": pgettext_lazy("requests", "Open"),
    "solved": pgettext_lazy("requests", "Solved"),
    "company": gettext_lazy("My company's"),
}
SORT_NAMES = {
    "due": gettext_lazy("Next moment"),
    "updated": gettext_lazy("Last update"),
    "opened": gettext_lazy("Newest"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One case of the list."""

    ticket: Ticket
    status: str
    service: str
    clock: ClockView | None
    promise: str
    waits: bool
    colleague: str

    @property
    def late(self) -> bool:
        return self.clock is not None and self.clock.sla == "late"


@client_required
@require_safe
def requests(request: HttpRequest, language: str) -> HttpResponse:
    """Show a page of somebody's cases: what waits for them first, then what is due first.

    Costs the same however many there are: the person, the agreement, the counts, the cases.
    """
    now = read_clock()
    requester: Requester = request.requester  # type: ignore[attr-defined]
    version = version_in_force(now)
    document = version.document
    wanted = _wanted(request, requester, document)
    page = requests_page(wanted, requester=requester, after=request.GET.get("after", ""))
    held = counts(requester)
    context = frame(request, language, now, version, "requests")
    waiting = [_row(t, requester, document, language, now) for t in page.waiting]
    others = [_row(t, requester, document, language, now) for t in page.tickets]
    context |= {
        "requester": requester,
        "zone": requester.time_zone or context["zone"],
        "wanted": wanted,
        "tabs": [
            (tab, TAB_NAMES[tab], f"{COUNT_CAP}+" if held[tab] > COUNT_CAP else held[tab])
            for tab in TABS
            if tab in held
        ],
        "groups": [
            (key, title, rows)
            for key, title, rows in (
                ("waiting", _("We need something from you"), waiting),
                (
                    "others",
                    pgettext("requests", "Solved") if _ended(wanted) else _("In progress"),
                    others,
                ),
            )
            if rows
        ],
        "late": [row for row in (*waiting, *others) if row.late],
        "services": [(k, s.name.in_language(language)) for k, s in document.services.items()],
        "statuses": STATUS_CHOICES,
        "sorts": [(key, SORT_NAMES[key]) for key in SORTS if key != "due" or not _ended(wanted)],
        "filtered": bool(wanted.search or wanted.service or wanted.status),
        "more": _more(wanted, page.next_after),
    }
    return render(request, "plazo/portal/requests.html", context)


def _wanted(request: HttpRequest, requester: Requester, document: AgreementDocument) -> Wanted:
    """Read what is asked for. What nobody could have chosen counts as not said."""
    asked = request.GET
    tab: Tab = next((tab for tab in TABS if tab == asked.get("tab")), "open")
    if tab == "company" and not requester.manages:
        tab = "open"
    status = asked.get("status", "")
    service = asked.get("service", "")
    fallback: Sort = "updated" if tab == "solved" else "due"
    return Wanted(
        tab=tab,
        search=" ".join(asked.get("q", "").replace("\x00", "").split())[:80],
        service=service if service in document.services else "",
        status=status if status in dict(STATUS_CHOICES) else "",
        sort=next((sort for sort in SORTS if sort == asked.get("sort")), fallback),
    )


def _ended(wanted: Wanted) -> bool:
    return wanted.status in ("solved", "closed") or (not wanted.status and wanted.tab == "solved")


def _row(
    ticket: Ticket, requester: Requester, document: AgreementDocument, language: str, now: datetime
) -> Row:
    live = queries.live_clock(ticket, queries.PROMISED)
    clock = clockview.of_projection(live, now) if live else None
    return Row(
        ticket=ticket,
        status=status_words(ticket),
        service=document.service_name(ticket.service, language),
        clock=clock,
        promise=clock_label(clock.key) if clock else "",
        waits=ticket.status == "pending" and ticket.waiting_for == "requester",
        colleague=str(ticket.requester) if ticket.requester_id != requester.pk else "",
    )


def _more(wanted: Wanted, after: str) -> str:
    """Return the query of the next page; nothing on the last."""
    if not after:
        return ""
    said: dict[str, Any] = {
        "tab": wanted.tab,
        "q": wanted.search,
        "service": wanted.service,
        "status": wanted.status,
        "sort": wanted.sort,
        "after": after,
    }
    return urlencode({name: value for name, value in said.items() if value})
