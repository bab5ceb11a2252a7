"""Coming in: by password, by a link in a mail, by one's company's sign-in, by an invitation."""

from typing import Any

from allauth.account.utils import perform_login
from allauth.account.views import LoginView
from django import forms
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from plazo.accounts import invitations, links
from plazo.accounts.domains import provider_for
from plazo.accounts.models import IdentityProvider, User
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.core.language import language_of_request
from plazo.notifications import people


def _following(request: HttpRequest) -> str:
    """Return where a sign-in is to lead: a path of ours, or nothing."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else ""


class _SignIn(LoginView):  # type: ignore[misc]  # allauth has no types
    """allauth's sign-in by password, which also knows of the other ways."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        email = self.request.POST.get("login", "")
        return context | _ways(self.request, email)


def _ways(request: HttpRequest, email: str) -> dict[str, Any]:
    return {
        "company": _provider(email),
        "email": email.strip(),
        "following": _following(request),
    }


def _provider(email: str) -> IdentityProvider | None:
    return provider_for(email) if "@" in email else None


_by_password = _SignIn.as_view()


@login_not_required
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the ways in; take an address with its password, or say which ways an address has."""
    if request.method == "POST" and not request.POST.get("password"):
        email = request.POST.get("login", "")
        context = _ways(request, email) | {"asked": True, "fault": _fault_of(email)}
        status = 422 if context["fault"] else 200
        return render(request, "account/login.html", context, status=status)
    answer: HttpResponse = _by_password(request)
    return answer


def _fault_of(email: str) -> str:
    try:
        validate_email(email.strip())
    except ValidationError:
        return _("This is not a complete e-mail address.")
    return ""


@login_not_required
@never_cache
@require_POST
def company(request: HttpRequest) -> HttpResponse:
    """Return the way in by the company of an address, for the page to show while one types."""
    context = {
        "company": _provider(request.POST.get("login", "")),
        "following": _following(request),
    }
    return render(request, "account/_company.html", context)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask_for_link(request: HttpRequest) -> HttpResponse:
    """Send a link to an address, and say the same whether or not anybody has it."""
    if request.method != "POST":
        return render(request, "account/link.html", _ways(request, ""))
    email = request.POST.get("login", "")
    fault = _fault_of(email)
    status = 422
    if not fault:
        try:
            people.send_link(
                email=email,
                following=_following(request),
                language=language_of_request(request),
                ip=request.META.get("REMOTE_ADDR", ""),
                now=read_clock(),
            )
        except PlazoError as error:
            fault, status = error.user_message(), int(error.http_status)
        else:
            return redirect("signin_link_sent")
    context = _ways(request, email) | {"fault": fault}
    return render(request, "account/link.html", context, status=status)


@login_not_required
@never_cache
@require_safe
def link_sent(request: HttpRequest) -> HttpResponse:
    """Say where to look."""
    minutes = int(links.GOOD_FOR.total_seconds() // 60)
    return render(request, "account/link_sent.html", {"minutes": minutes})


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link does; only the button uses it up, since programs follow links of mails."""
    now = read_clock()
    try:
        if request.method != "POST":
            link = links.link_behind(token, now=now)
            return _unlisted(render(request, "account/link_open.html", {"link": link}))
        user, following = links.use_link(token=token, now=now)
    except PlazoError as error:
        context = _ways(request, "") | {"fault": error.user_message()}
        return render(request, "account/link.html", context, status=int(error.http_status))
    return _enter(request, user, following)


def _enter(request: HttpRequest, user: User, following: str = "") -> HttpResponse:
    """Sign somebody in who has shown that an address is theirs."""
    answer: HttpResponse = perform_login(
        request, user, email_verification="none", redirect_url=following or None
    )
    return answer


def _unlisted(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


class AcceptForm(forms.Form):
    """What somebody says of themselves who accepts an invitation."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=120,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "name"}),
        error_messages={"required": gettext_lazy("Write your name.")},
    )
    password = forms.CharField(
        label=gettext_lazy("A password, if you want one"),
        help_text=gettext_lazy("Without one you sign in by a link that we send to your mail."),
        required=False,
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "input", "autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if user.pk and user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password, self.user)
        return password


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show who invites somebody into what, and let them in."""
    now = read_clock()
    try:
        found = invitations.invitation_behind(token, now=now)
    except PlazoError as error:
        context = {"words": error.user_message()}
        return render(request, "account/refused.html", context, status=int(error.http_status))
    person = found.requester
    user = person.user or User(email=person.email, name=person.name)
    form = AcceptForm(request.POST or None, initial={"name": person.name}, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            entered = invitations.accept_invitation(token=token, now=now, **form.cleaned_data)
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            return _enter(request, entered)
    shown = {"invitation": found, "form": form}
    status = 422 if form.is_bound else 200
    return _unlisted(render(request, "account/invitation.html", shown, status=status))
