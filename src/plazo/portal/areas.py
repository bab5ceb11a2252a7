"""The page on which another area says that it has what it was asked, without an account."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from plazo.core.actor import Actor
from plazo.core.clock import read_clock
from plazo.portal.site import frame, private, public
from plazo.tickets import commands
from plazo.triage import links

ACTOR: Final = Actor.system("areas")


@public
@private
@require_http_methods(["GET", "HEAD", "POST"])
def receipt(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Let an area say that it has a question; the page shows nothing else of the case.

    Edges: opening the link says nothing, since mail scanners open links too: a button does. What an
        old link was about is not shown, but what to do is; and of a settled case nothing is noted.
    """
    now = read_clock()
    found = links.receipt_by_token(token, now=now)
    if request.method == "POST" and not (found.is_expired or found.is_settled):
        if commands.record_area_receipt(ask_id=found.ask.pk, actor=ACTOR, now=now) is not None:
            messages.success(request, _("Thank you. The support team knows that you have it."))
        return redirect("portal:area_receipt", language=language, token=token)
    document = found.ticket.agreement_version.document
    context = frame(request, language, now, found.ticket.agreement_version, "") | {
        "number": found.ticket.number,
        "area": document.areas[found.ask.area].name.in_language(language),
        "standing": found.standing,
        "is_settled": found.is_settled,
        "is_expired": found.is_expired,
    }
    status = 410 if found.is_expired else 200
    return render(request, "plazo/portal/area_receipt.html", context, status=status)
