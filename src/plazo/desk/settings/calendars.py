"""The screens of hours: a week as rulers, special days, the coming weeks, and what would be due."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from plazo.agreements import national
from plazo.agreements.arranging import RunOn
from plazo.agreements.changes import Spans, open_hours, open_on, spans_words, week_of
from plazo.agreements.document import CalendarEntry
from plazo.agreements.edits import AddDays, Edit, RemoveDay, SetCalendar, SetWeek, SpecialDay
from plazo.agreements.labels import uses_of
from plazo.agreements.page import weekday_names
from plazo.agreements.trying import trials
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.core.drawing import Span, percent
from plazo.desk.frame import posted
from plazo.desk.setting_up import coordinators, setting
from plazo.desk.settings.forms import (
    AcceptForm,
    CalendarForm,
    DayForm,
    ProposeForm,
    RemoveDayForm,
    RunOnForm,
    TryForm,
    WeekForm,
    zones,
)
from plazo.desk.settings.runs import movable
from plazo.desk.settings.screens import show
from plazo.desk.settings.working import Working, frame_of, kept, pressed, working
from plazo.sla import Calendar

DAY: Final = timedelta(days=1)
WEEKS_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Ruled:
    """One weekday on the ruler: its spans in percent, with their words."""

    open: tuple[tuple[Span, str], ...]
    label: str


@dataclass(frozen=True, slots=True)
class PreviewDay:
    """One day of the coming weeks: its hours, and what is special about it."""

    day: date
    hours: str
    kind: str
    name: str


def _calendar(key: str) -> tuple[Working, str, CalendarEntry]:
    """Return a calendar as it is being worked on; without a key the support calendar."""
    found = working()
    wanted = key or found.document.support_calendar
    entry = found.document.calendars.get(wanted)
    if entry is None:
        raise Http404
    return found, wanted, entry


@setting(coordinators)
@require_safe
def calendar(request: HttpRequest, key: str = "") -> HttpResponse:
    """Show a calendar's week, its special days, the coming weeks, and a case to try it with."""
    found, key, entry = _calendar(key)
    return _show(request, found, key, entry)


def _show(
    request: HttpRequest,
    found: Working,
    key: str,
    entry: CalendarEntry,
    *refused: WeekForm | CalendarForm | DayForm | RunOnForm,
) -> HttpResponse:
    now, language = read_clock(), getattr(request, "LANGUAGE_CODE", "es")
    forms: dict[type[Any], Any] = {type(form): form for form in refused}
    revision = {"revision": found.revision}
    week = week_of(entry)
    calendar = found.sla.calendars[key]
    week_form = forms.get(WeekForm) or WeekForm()
    calendar_form = forms.get(CalendarForm) or CalendarForm(auto_id="calendar_%s")
    for each in (week_form, calendar_form):
        each.initial = _values(each, found, entry)
    uses = uses_of(found.document, key)
    others = movable(found.document, key, language)
    trying = TryForm(request.GET or None, zone=entry.zone, initial={"at": now}, auto_id="try_%s")
    at = (trying.cleaned_data["at"] if trying.is_bound and trying.is_valid() else None) or now
    in_force = found.base.document, found.base.sla
    return show(
        request,
        "calendar.html",
        "calendars",
        *refused,
        key=key,
        calendar=entry,
        calendar_name=entry.name.in_language(language),
        calendars=[(k, c.name.in_language(language)) for k, c in found.document.calendars.items()],
        rows=list(zip(week_form.days(), _ruled(week), strict=True)),
        week_form=week_form,
        calendar_form=calendar_form,
        day_form=forms.get(DayForm) or DayForm(initial=revision, auto_id="day_%s"),
        hours_a_week=localtime.exact_duration(open_hours(week)),
        special=_special(entry, calendar.civil_date(now), language),
        weeks=_weeks(entry, calendar, now, language),
        weekdays=weekday_names(),
        trying=trying,
        tried_at=at,
        trials=trials(found.document, found.sla, in_force, at),
        zones=zones(),
        uses=[words for _key, words in uses],
        running_form=forms.get(RunOnForm)
        or RunOnForm(choices=others, initial=revision, auto_id="running_%s"),
        calendar_zone=entry.zone,
        **frame_of(request, found),
    )


def _ruled(week: Sequence[Spans]) -> list[Ruled]:
    """Draw each weekday; the morning of a night shift stands on the day after, without words."""
    rows = []
    for number, spans in enumerate(week):
        drawn = [(Span("0%", percent(b - DAY, DAY)), "") for _a, b in week[number - 1] if b > DAY]
        drawn += [
            (Span(percent(a, DAY), percent(min(b, DAY) - a, DAY)), spans_words(((a, b),)))
            for a, b in spans
        ]
        rows.append(Ruled(tuple(drawn), spans_words(spans)))
    return rows


def _special(entry: CalendarEntry, today: date, language: str) -> list[dict[str, Any]]:
    """Return the special days to come, by date; those that are past are left out."""
    found = [
        {
            "day": day.date,
            "name": day.name.in_language(language),
            "words": spans_words(day.open),
            "closed": not day.open,
            "kind": kind,
        }
        for kind in ("holidays", "openings")
        for day in getattr(entry, kind)
        if day.date >= today
    ]
    return sorted(found, key=lambda row: (row["day"], row["kind"]))


def _weeks(
    entry: CalendarEntry, calendar: Calendar, now: datetime, language: str
) -> list[list[PreviewDay]]:
    """Return this week and the three after it, day by day, as the calendar has them."""
    today = calendar.civil_date(now)
    first = today - timedelta(days=today.weekday())
    special = {day.date: (day, "holiday") for day in entry.holidays}
    extra = {day.date: day for day in entry.openings}
    weeks = []
    for week in range(WEEKS_SHOWN):
        row = []
        for number in range(7):
            day = first + timedelta(days=7 * week + number)
            held = special.get(day)
            name = held[0].name if held else extra[day].name if day in extra else None
            is_open = bool(open_on(calendar, day))
            kind = "today" if day == today else ""
            if held or day in extra:
                kind = f"{kind} {'short' if is_open else 'hol'}".strip()
            row.append(
                PreviewDay(
                    day,
                    _("24 hours") if calendar.always_open else _day_words(calendar, day),
                    kind,
                    name.in_language(language) if name else "",
                )
            )
        weeks.append(row)
    return weeks


def _day_words(calendar: Calendar, day: date) -> str:
    """Return the hours of a civil date: "6:00–22:00"; the end of the day is 24:00."""
    zone = calendar.zone
    start = localtime.utc(datetime.combine(day, time.min), zone)
    end = localtime.utc(datetime.combine(day + DAY, time.min), zone)
    words = [
        f"{localtime.clock_time(window.start, zone)}–"
        f"{'24:00' if window.end == end else localtime.clock_time(window.end, zone)}"
        for window in calendar.windows(start, end)
    ]
    return ", ".join(words) or _("closed")


@setting(coordinators)
@posted("desk:calendar")
def save_week(request: HttpRequest, key: str) -> HttpResponse:
    """Keep the weekly hours in the draft."""
    form = WeekForm(request.POST)
    return _keep(request, key, form, lambda key: SetWeek(key, form.week()))


@setting(coordinators)
@posted("desk:calendar")
def save_calendar(request: HttpRequest, key: str) -> HttpResponse:
    """Keep a calendar's names and zone in the draft."""
    form = CalendarForm(request.POST, auto_id="calendar_%s")

    def edit(key: str) -> SetCalendar:
        data = form.cleaned_data
        return SetCalendar(key, data["zone"], data["es"], data["en"])

    return _keep(request, key, form, edit)


@setting(coordinators)
@posted("desk:calendar")
def add_day(request: HttpRequest, key: str) -> HttpResponse:
    """Keep a special day in the draft."""
    form = DayForm(request.POST, auto_id="day_%s")

    def edit(key: str) -> AddDays:
        data = form.cleaned_data
        day = SpecialDay(data["day"], data["es"], data["en"], data["open"])
        return AddDays(key, (day,), data["kind"])

    return _keep(request, key, form, edit)


@setting(coordinators)
@posted("desk:calendar")
def run_on(request: HttpRequest, key: str) -> HttpResponse:
    """Let promises, channels or the published hours run on a calendar from now on, in the draft."""
    found, key, _entry = _calendar(key)
    language = getattr(request, "LANGUAGE_CODE", "es")
    choices = movable(found.document, key, language)
    form = RunOnForm(request.POST, choices=choices, auto_id="running_%s")

    def edit(key: str) -> RunOn:
        wanted = form.cleaned_data["what"]
        parts = [each.split(":") for each in wanted]
        return RunOn(
            key,
            promises=tuple((p[1], p[2], p[3]) for p in parts if p[0] == "promise"),
            channels=tuple(p[1] for p in parts if p[0] == "channel"),
            areas=tuple(p[1] for p in parts if p[0] == "area"),
            published="published" in wanted,
        )

    return _keep(request, key, form, edit)


def _keep(
    request: HttpRequest,
    key: str,
    form: WeekForm | CalendarForm | DayForm | RunOnForm,
    edit: Callable[[str], Edit],
) -> HttpResponse:
    """Put what a form says into the draft of a calendar; show the form again if it is refused."""
    found, key, entry = _calendar(key)
    form.initial = _values(form, found, entry)
    if form.is_valid() and kept(request, form, edit(key), found):
        return redirect("desk:calendar", key=key)
    return _show(request, found, key, entry, form)


def _values(
    form: WeekForm | CalendarForm | DayForm | RunOnForm, found: Working, entry: CalendarEntry
) -> dict[str, Any]:
    """Return what a form of a calendar shows before anything is typed."""
    values: dict[str, Any] = {"revision": found.revision}
    match form:
        case WeekForm():
            values |= {f"day{number}": spans for number, spans in enumerate(week_of(entry))}
        case CalendarForm():
            values |= {"es": entry.name.es, "en": entry.name.en, "zone": entry.zone}
    return values


@setting(coordinators)
@posted("desk:calendar")
def remove_day(request: HttpRequest, key: str) -> HttpResponse:
    """Take a special day out of the draft."""
    _found, key, _entry = _calendar(key)
    form = RemoveDayForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        pressed(request, RemoveDay(key, data["day"], data["kind"]))
    return redirect("desk:calendar", key=key)


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def holidays(request: HttpRequest, key: str) -> HttpResponse:
    """Propose the national holidays of a country; what is ticked goes into the draft."""
    found, key, entry = _calendar(key)
    if entry.always:
        raise Http404
    now, language = read_clock(), getattr(request, "LANGUAGE_CODE", "es")
    this_year = localtime.local(now, entry.zone).year
    chosen = _chosen(request, this_year)
    code, part, year, categories = chosen
    country = national.country(code)
    if country is None:
        raise Http404
    propose = ProposeForm(
        request.GET if "country" in request.GET else None,
        countries=sorted(
            ((c, str(name)) for c, name in national.COUNTRIES.items()), key=lambda pair: pair[1]
        ),
        parts=country.parts,
        categories=[(c, str(national.CATEGORIES[c])) for c in country.categories],
        this_year=this_year,
        initial={"country": code, "part": part, "year": year, "category": list(categories)},
    )
    today = localtime.local(now, entry.zone).date()
    proposed = national.proposals(
        entry,
        code=code,
        part=part if part in country.parts else "",
        years=[year],
        categories=[c for c in categories if c in country.categories] or ["public"],
        since=today,
    )
    form = AcceptForm(
        request.POST or None, days=[p.day for p in proposed], initial={"revision": found.revision}
    )
    if request.method == "POST" and form.is_valid():
        edit = _accepted(key, proposed, form, f"{code}{'-' + part if part else ''}")
        if edit is None:
            form.add_error(None, _("Tick the days to take in first."))
        elif kept(request, form, edit, found):
            return redirect("desk:calendar", key=key)
    names = {p.day for p in proposed}
    ticked = request.POST.getlist("day")
    return show(
        request,
        "holidays.html",
        "calendars",
        form,
        key=key,
        calendar_name=entry.name.in_language(language),
        propose=propose,
        fresh=[_proposal(p, language, ticked) for p in proposed if not p.there],
        present=[_proposal(p, language, ticked) for p in proposed if p.there],
        only_here=[
            (day.date, day.name.in_language(language))
            for day in entry.holidays
            if day.date.year == year and day.date >= today and day.date not in names
        ],
        year=year,
        country=national.COUNTRIES[code],
        package=national.package_version(),
        query=request.GET.urlencode(),
        **frame_of(request, found),
    )


def _chosen(request: HttpRequest, this_year: int) -> tuple[str, str, int, tuple[str, ...]]:
    """Return the country, its part, the year and the kinds of days that were asked for."""
    code = request.GET.get("country", "")
    year = request.GET.get("year", "")
    allowed = [str(each) for each in range(this_year, this_year + 3)]
    return (
        code if code in national.COUNTRIES else next(iter(national.COUNTRIES)),
        request.GET.get("part", ""),
        int(year) if year in allowed else this_year,
        tuple(request.GET.getlist("category")) or ("public",),
    )


def _proposal(proposal: national.Proposal, language: str, ticked: Sequence[str]) -> dict[str, Any]:
    return {
        "ticked": proposal.day.isoformat() in ticked,
        "day": proposal.day,
        "name": proposal.en if language.startswith("en") else proposal.es,
        "category": "" if proposal.category == "public" else national.CATEGORIES[proposal.category],
        "loses": localtime.exact_duration(proposal.loses) if proposal.loses else "",
        "called": proposal.called,
    }


def _accepted(
    key: str, proposed: list[national.Proposal], form: AcceptForm, where: str
) -> AddDays | None:
    """Return the days that were ticked, as the draft takes them in; None where none was."""
    taken = form.taken()
    days = tuple(SpecialDay(p.day, p.es, p.en) for p in proposed if p.day in taken and not p.there)
    if not days:
        return None
    return AddDays(key, days, origin=f"{national.package_version()}, {where}")
