"""The help center: the day, the agreement, and the request form."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from plazo.agreements.document import AgreementDocument, Clause
from plazo.agreements.models import AgreementVersion
from plazo.agreements.page import SlaPage, promised_first_reply, sla_page
from plazo.agreements.queries import version_in_force
from plazo.channels.forms.requests import QUESTIONS, RequestForm, is_started
from plazo.channels.forms.uploads import WithFiles, describe
from plazo.core import drawing, localtime
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.core.language import LANGUAGES, language_of_request
from plazo.core.limits import Limit, take
from plazo.helpcenter import queries, reading, searching
from plazo.helpcenter.access import Reader, editions_in
from plazo.helpcenter.models import Edition, in_language
from plazo.helpcenter.queries import ON_A_SHELF
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.models import Mailbox, Source
from plazo.portal.knowledge import language_of, reader_of_request, suggested
from plazo.portal.site import frame, public, reader_of
from plazo.portal.status import states_of_services
from plazo.sla import Calendar
from plazo.tickets import access, staging

FILES: Final = Limit("forms.files", burst=40, per_hour=120)


@login_not_required
@require_safe
def root(request: HttpRequest) -> HttpResponse:
    """Send people to the help center in their language."""
    answer = redirect("portal:home", language=language_of_request(request))
    patch_vary_headers(answer, ["Accept-Language", "Cookie"])
    return answer


@public
@require_safe
def home(request: HttpRequest, language: str) -> HttpResponse:
    """Show the help center: the search, the day, the knowledge base, how the services are."""
    now = read_clock()
    version = version_in_force(now)
    document = version.document
    support = version.sla.calendars[document.support_calendar]
    context = frame(request, language, now, version, "home")
    path = reverse("portal:home", args=[language])
    context |= {
        "day": drawing.day_ruler(support, now, now=now, label=_day_sentence(support, now)),
        "promised": promised_first_reply(version, now),
        "categories": _categories(reader_of_request(request), language),
        "services": states_of_services(document, context["announcements"], language),
        "featured": reading.featured(language),
        "mailbox": _mailbox(),
        "elsewhere": [
            {
                "topic": clause.topic.in_language(language),
                "area": document.areas[clause.area].name.in_language(language),
            }
            for clause in _clauses_of_the_form(document)
        ],
        "page_lead": document.page.about.in_language(language),
        "feed_url": reverse("portal:feed", args=[language]),
        "canonical": path,
        "alternates": [(code, reverse("portal:home", args=[code])) for code in LANGUAGES],
    }
    return render(request, "plazo/portal/home.html", context)


def _clauses_of_the_form(document: AgreementDocument) -> list[Clause]:
    """Return the clauses that an answer of the form leads to: what other areas really handle."""
    answers = [*document.environments.values(), *document.request_types.values()]
    named = {answer.clause for answer in answers}
    return [clause for clause in document.clauses if clause.key in named]


def _categories(reader: Reader, language: str) -> list[Any]:
    """Return the knowledge base with its words in a language."""

    def most(shelves: list[queries.Shelf]) -> int:
        return ON_A_SHELF if len(shelves) > 1 else 2 * ON_A_SHELF

    return [
        (
            {"key": category.key, "title": in_language(category.name, language)},
            [
                {
                    "section": shelf.section,
                    "title": shelf.section.title(language),
                    "about": shelf.section.about(language),
                    "editions": shelf.editions[
                        : ON_A_SHELF if len(shelves) > 1 else 2 * ON_A_SHELF
                    ],
                    "total": shelf.total,
                }
                for shelf in shelves
            ],
        )
        for category, shelves in queries.shelves(reader, language)
    ]


def _mailbox() -> Mailbox | None:
    """Return our address, where what is sent to it opens cases."""
    box = mailboxes.default()
    return box if box is not None and box.source != Source.NONE else None


def _day_sentence(calendar: Calendar, now: datetime) -> str:
    """Return the drawing of the day in words, for those who do not see it."""
    start = localtime.utc(
        localtime.local(now, calendar.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    hours = _(" and ").join(
        _("from %(opens)s to %(closes)s")
        % {
            "opens": localtime.clock_time(window.start, calendar.zone),
            "closes": localtime.clock_time(window.end, calendar.zone),
        }
        for window in calendar.windows(start, localtime.next_midnight(now, calendar.zone))
    )
    time = localtime.clock_time(now, calendar.zone)
    if not hours:
        return _("Today we do not attend. It is %(time)s.") % {"time": time}
    return _("Today we attend %(hours)s. It is %(time)s.") % {"hours": hours, "time": time}


@public
@require_safe
def sla(request: HttpRequest, language: str) -> HttpResponse:
    """Show the agreement in force, rendered from what the engine runs."""
    now = read_clock()
    version = version_in_force(now)
    page = sla_page(version, language, now)
    context = frame(request, language, now, version, "sla")
    context |= {"page": page, "rulers": _week_rulers(version, page, now)}
    return render(request, "plazo/portal/sla.html", context)


def _week_rulers(version: AgreementVersion, page: SlaPage, now: datetime) -> list[Any]:
    """Return each row of hours with its drawing, on a week that knows no holidays."""
    support = version.sla.calendars[version.document.support_calendar]
    plain = Calendar(support.name, support.zone, support.weekly)
    there = localtime.local(now, support.zone)
    noon = there.replace(tzinfo=None, hour=12, minute=0, second=0, microsecond=0)
    monday = noon - timedelta(days=there.weekday())
    return [
        (
            row,
            drawing.day_ruler(
                plain,
                localtime.utc(monday + timedelta(days=row.weekday), support.zone),
                now=None,
                label=f"{row.days}, {row.words}",
            ),
        )
        for row in page.hours
    ]


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_request(request: HttpRequest, language: str) -> HttpResponse:
    """Show the request form, and open a case from it."""
    now = read_clock()
    version = version_in_force(now)
    if request.method != "POST":
        form = _fresh_form(request, language, now, version)
        return _show_form(request, language, now, version, form)
    form = _sent_form(request, language, now, version)
    if form.is_valid():
        try:
            ticket = form.open()
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("We got your case"), extra_tags="new")
            return redirect("portal:sent", language=language, token=access.link_token(ticket))
    return _show_form(request, language, now, version, form, status=422)


def _sent_form(
    request: HttpRequest, language: str, now: datetime, version: AgreementVersion
) -> RequestForm:
    return RequestForm(
        request.POST,
        request.FILES,
        document=version.document,
        language=language,
        now=now,
        requester=reader_of(request).requester,
        network=request.META.get("REMOTE_ADDR", ""),
    )


def _fresh_form(
    request: HttpRequest, language: str, now: datetime, version: AgreementVersion
) -> RequestForm:
    document = version.document
    # What most requests are about is chosen already; a link may choose more.
    initial = {
        "environment": next(iter(document.environments)),
        "subject": request.GET.get("subject", "")[:200],
        "service": request.GET.get("service", ""),
        "article": request.GET.get("article", "")[:80],
        "announcement": request.GET.get("announcement", "")[:36],
    }
    return RequestForm(
        initial=initial,
        document=document,
        language=language,
        now=now,
        requester=reader_of(request).requester,
    )


def _show_form(
    request: HttpRequest,
    language: str,
    now: datetime,
    version: AgreementVersion,
    form: RequestForm,
    *,
    status: int = 200,
) -> HttpResponse:
    reader = reader_of(request)
    context = frame(request, language, now, version, "new") | {
        "form": form,
        "staged": form.carry() if form.is_bound else [],
        "promised": promised_first_reply(version, now),
        "promise_words": _promise_words(version, now),
        "questions": {name: (form[name], form.cards(name)) for name in QUESTIONS},
        "further": form.further(),
        "entitlement": _entitlement(form, reader, version),
        "from_article": _article_named(reader, language, str(form["article"].value() or "")),
        "suggestions": _suggestions(reader, language, form),
        "representative": reader.requester.organization
        if reader.requester and reader.requester.organization
        else None,
    }
    return render(request, "plazo/portal/new.html", context, status=status)


def _entitlement(form: RequestForm, reader: Reader, version: AgreementVersion) -> str:
    """Return why somebody who signed in is not entitled; nobody else's standing is told."""
    organization = reader.requester.organization if reader.requester else None
    if organization is None:
        return ""
    service = str(form["service"].value() or "")
    return version.document.entitlement(organization.stage, organization.services, service)


def _article_named(reader: Reader, language: str, key: str) -> Edition | None:
    """Return the article that somebody came from, if they may read it."""
    if not key:
        return None
    found = editions_in(reader, language).for_lists().filter(article__key=key)
    return found.first()


def _suggestions(reader: Reader, language: str, form: RequestForm) -> list[dict[str, Any]]:
    """Return articles for what is written already: where there is no script, after a first try."""
    subject = str(form["subject"].value() or "")
    if not subject:
        return []
    service = str(form["service"].value() or "")
    found = searching.suggest(reader, language_of(language), subject, service=service, limit=3)
    return suggested(found, language, for_form=True)


def lost_form(request: HttpRequest, language: str, reason: str) -> HttpResponse:
    """Give back a request that could not be taken, whole, with the reason why."""
    now = read_clock()
    version = version_in_force(now)
    form = _sent_form(request, language, now, version)
    form.is_valid()
    form.add_error(None, reason)
    return _show_form(request, language, now, version, form, status=403)


@public
@never_cache
@require_POST
def stage_file(request: HttpRequest, language: str) -> HttpResponse:
    """Keep one file of a form that is being filled in; return what the form must send for it.

    Edges: only while a form of ours is open, and within a limit for each network. What no form
        comes for goes after two days.
    """
    now = read_clock()
    if not is_started(request.POST.get("started", ""), now=now):
        return _refused(_("The page was open for too long. Please load it again."))
    form = WithFiles(request.POST, request.FILES)
    if not form.is_valid() or not request.FILES:
        problems = [str(problem) for problem in form.errors.get("files", [])]
        return _refused(" ".join(problems) or _("No file arrived."))
    address = request.META.get("REMOTE_ADDR", "")
    if not take(FILES, address, now=now):
        return _refused(_("Too many files from your network. Please try again in some minutes."))
    uploads = form.store()
    staging.stage(uploads, now=now)
    kept = [
        {"kept": describe(upload), "name": upload.name, "size": upload.size} for upload in uploads
    ]
    return JsonResponse({"files": kept})


def _refused(words: str) -> HttpResponse:
    return JsonResponse({"error": words}, status=422)


@public
@never_cache
@require_safe
def promise(request: HttpRequest, language: str) -> HttpResponse:
    """Return by when we answer a case that is opened now, as plain words."""
    now = read_clock()
    words = _promise_words(version_in_force(now), now)
    return HttpResponse(words, content_type="text/plain; charset=utf-8")


def _promise_words(version: AgreementVersion, now: datetime) -> str:
    due = promised_first_reply(version, now)
    zone = version.sla.calendars[version.document.support_calendar].zone
    return localtime.by_words(due, zone, now) if due else ""
