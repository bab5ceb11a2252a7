"""The one door to a case: by a signed link, or by its number for somebody who signed in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from plazo.accounts.access import actor_of_requester
from plazo.accounts.commands import confirm_address
from plazo.accounts.models import Requester
from plazo.core.actor import Actor
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible
from plazo.core.failures import typed
from plazo.portal.site import private, public, reader_of
from plazo.tickets import access
from plazo.tickets.models import Ticket

SAFE = ("GET", "HEAD")
# What leads on from a case that was merged: nothing that was written is lost, no file is missed.
CARRIED_ON = ("reply", "follow_up", "file")


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as somebody sees it: who they are, and what stands for the case in addresses.

    Units: `by_mail` says that a link from their own mail led here.
    """

    ticket: Ticket
    person: Requester
    token: str
    signed_in: bool
    by_mail: bool = False

    @property
    def part(self) -> access.Part:
        """Return which cases they see: a signed link shows nobody's but their own."""
        return "all" if self.signed_in else "mine"

    @property
    def actor(self) -> Actor:
        """Return under whom it is recorded what they do."""
        return actor_of_requester(self.person)

    def address(self, language: str, view: str = "portal:case", **parts: Any) -> str:
        """Return an address of this case."""
        return reverse(view, kwargs={"language": language, "token": self.token, **parts})

    def token_of(self, other: Ticket) -> str:
        """Return what stands for another case that the same person sees, in the same way."""
        return (
            other.number
            if self.signed_in
            else access.link_token(other, self.person, mailed=self.by_mail)
        )


def of_case(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Give a view the case that its address names: `view(request, language, seen, …)`."""

    @wraps(view)
    def opened(request: HttpRequest, language: str, token: str, **parts: Any) -> HttpResponseBase:
        seen = open_door(request, language, token)
        if isinstance(seen, HttpResponse):
            return seen
        goes_on = _where_it_goes_on(seen)
        if goes_on is not seen and view.__name__ not in CARRIED_ON:
            if request.method not in SAFE:
                words = _("%(number)s goes on here. Nothing was done: please look at it first.")
                messages.warning(request, words % {"number": seen.ticket.number})
            return redirect(goes_on.address(language))
        seen = goes_on
        if request.method in SAFE and seen.token != token:
            return redirect(request.get_full_path().replace(f"/{token}/", f"/{seen.token}/", 1))
        if request.method not in SAFE and seen.by_mail:
            _note_that_mail_is_read(seen)
        return view(request, language, seen, **parts)

    return public(private(opened))


def _where_it_goes_on(seen: Seen) -> Seen:
    """Return the case in which one goes on that was merged, if the same person may see that."""
    if seen.ticket.merged_into_id is None:
        return seen
    survivor = access.survivor_of(seen.ticket)
    if not access.sees(seen.person, [survivor.pk], part=seen.part):
        return seen
    token = seen.token_of(survivor)
    return Seen(survivor, seen.person, token, seen.signed_in, seen.by_mail)


def _note_that_mail_is_read(seen: Seen) -> None:
    """Confirm the address of who does something behind a link that was mailed to it.

    Edges: opening the link confirms nothing, since mail scanners open links too.
    """
    if seen.person.email_confirmed_at is None:
        now = read_clock()
        confirm_address(requester_id=seen.person.pk, now=now)
        seen.person.email_confirmed_at = now


def open_door(request: HttpRequest, language: str, token: str) -> Seen | HttpResponse:
    """Return the case that a token or a number shows to who asks, or where they must go first.

    Edges: whoever signed in and may see the case acts as themselves, even with somebody else's
        link in hand. Who did not sign in is asked to for every number, of a case or not; what they
        had typed is given back. Agents are led to their desk.
    Raises: NotVisible.
    """
    reader = reader_of(request)
    if access.is_link(token):
        shown = access.case_by_link(token)
        if reader.requester is not None:
            try:
                own = access.ticket_for_requester(reader.requester, shown.ticket.number)
            except NotVisible:
                pass
            else:
                return Seen(own, reader.requester, own.number, signed_in=True)
        return Seen(shown.ticket, shown.person, token, signed_in=False, by_mail=shown.by_mail)
    if not request.user.is_authenticated:
        return _sign_in_first(request, language, token)
    if reader.requester is not None:
        own = access.ticket_for_requester(reader.requester, token)
        return Seen(own, reader.requester, own.number, signed_in=True)
    if reader.agent is not None and request.method in SAFE:
        return redirect("desk:ticket", number=token)
    raise NotVisible


def _sign_in_first(request: HttpRequest, language: str, token: str) -> HttpResponse:
    if request.method in SAFE:
        return redirect_to_login(request.get_full_path())
    following = reverse("portal:case", args=[language, token])
    context = {"language": language, "texts": typed(request), "following": following}
    return render(request, "plazo/portal/signed_out.html", context, status=403)
