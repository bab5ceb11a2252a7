"""allauth's hooks: who may have an account, where a sign-in leads, and which way mails go."""

from datetime import datetime, timedelta
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language

from plazo.accounts.access import agent_of, requester_of
from plazo.accounts.queries import account_named
from plazo.core.clock import read_clock
from plazo.core.language import speak
from plazo.notifications import people

_SIGNED_IN_AT: Final = "plazo.signed_in_at"
# What cannot be undone asks for a sign-in as fresh as this.
FRESH_FOR: Final = timedelta(minutes=10)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Closes the public sign-up: agents are added, clients come by a link or an invitation."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """Do nothing: the address is the name of the account."""

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead agents to the desk and clients to their cases, in their language."""
        return landing_of(request)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        if agent_of(request.user) is not None:
            return reverse("desk:me")
        return reverse("portal:profile", args=[language_of(request)])

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """Note when it was; pages speak the person's own language from here on."""
        note_sign_in(request, read_clock())
        response: HttpResponse = super().post_login(request, user, **kwargs)
        speak(response, user.language)
        return response

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send allauth's mails the way of all others; those that we have no words for are none.

        Edges: links in mails stand on the address that the operator set, whatever host was asked.
        """
        user = context.get("user") or account_named(email)
        people.tell_about_account(
            what=template_prefix.rpartition("/")[2],
            email=email,
            name=user.name if user is not None else "",
            language=user.language if user is not None else get_language() or "es",
            url=context.get("password_reset_url", ""),
            now=read_clock(),
        )

    def send_notification_mail(
        self,
        template_prefix: str,
        user: Any,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        self.send_mail(template_prefix, email or user.email, {**(context or {}), "user": user})

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "U", "key": "K"})
        return f"{settings.PLAZO.base_url}{path.replace('U-K', key)}"


def language_of(request: HttpRequest) -> str:
    """Return the language of a signed-in person, whatever the page's is."""
    return getattr(request.user, "language", "") or "es"


def landing_of(request: HttpRequest) -> str:
    """Return where somebody begins who has just signed in."""
    if agent_of(request.user) is not None:
        return reverse("desk:queue")
    if requester_of(request.user) is not None:
        return reverse("portal:requests", args=[language_of(request)])
    return reverse("portal:home", args=[language_of(request)])


def note_sign_in(request: HttpRequest, now: datetime) -> None:
    """Remember in the session when somebody showed who they are."""
    request.session[_SIGNED_IN_AT] = now.isoformat()


def is_fresh(request: HttpRequest, now: datetime) -> bool:
    """Say whether somebody showed who they are just now, and not days ago."""
    try:
        then = datetime.fromisoformat(request.session.get(_SIGNED_IN_AT, ""))
    except ValueError:
        return False
    return then <= now <= then + FRESH_FOR
