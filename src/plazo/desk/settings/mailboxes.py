"""The screens of the mailboxes: their list, one of them, and what the doctor finds in it."""

from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from plazo.channels.email import doctor
from plazo.channels.email.forms import MailboxForm
from plazo.desk.frame import posted
from plazo.desk.setting_up import administrators, history_of, setting
from plazo.desk.settings.screens import by, show
from plazo.mailboxes import commands
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.models import Mailbox
from plazo.notifications.leaving import leaving

DOCTOR_SECONDS: Final = 20.0


@setting(administrators)
@require_safe
def every(request: HttpRequest) -> HttpResponse:
    """List the mailboxes, with how each fares."""
    return show(request, "mailboxes.html", "mailboxes", boxes=mailboxes.every(), leaving=leaving())


@setting(administrators)
@require_http_methods(["GET", "HEAD", "POST"])
def mailbox(request: HttpRequest, key: str = "") -> HttpResponse:
    """Make or change a mailbox."""
    found = _mailbox(key) if key else Mailbox()
    form = MailboxForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        saved = commands.save_mailbox(mailbox=form.instance, secrets=form.given(), **by(request))
        messages.success(request, _("The mailbox is saved. Let the doctor test it."))
        return redirect("desk:mailbox", key=saved.key)
    return _show(request, found, form)


@setting(administrators)
@posted("desk:mailbox")
def examine(request: HttpRequest, key: str) -> HttpResponse:
    """Let the doctor test a mailbox, step by step, and show the findings."""
    found = _mailbox(key)
    steps = list(doctor.examine(found, wait=DOCTOR_SECONDS))
    return _show(request, found, MailboxForm(instance=found), steps=steps)


def _mailbox(key: str) -> Mailbox:
    found = mailboxes.by_key(key)
    if found is None:
        raise Http404
    return found


def _show(request: HttpRequest, found: Mailbox, form: MailboxForm, **context: Any) -> HttpResponse:
    return show(
        request,
        "mailbox.html",
        "mailboxes",
        form,
        form=form,
        mailbox=found,
        history=history_of(f"mailbox:{found.key}"),
        **{"steps": None} | context,
    )
