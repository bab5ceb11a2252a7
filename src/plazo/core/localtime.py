"""Instants and durations in people's words, in Spanish and English.

The rules are those of the design language: 24 hours, no leading zero ("6:00"), the day only
when it is not today, the zone named beside the time, no-break spaces between figure and unit.
Nothing here reads the clock: `now` is an argument wherever a wording depends on it.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

NBSP = "\N{NO-BREAK SPACE}"


def local(instant: datetime, zone: str) -> datetime:
    """Return `instant` on the clock of `zone`."""
    return instant.astimezone(ZoneInfo(zone))


def utc(civil: datetime, zone: str | None = None) -> datetime:
    """Return the UTC instant of a civil time: aware, or naive with its `zone`."""
    if zone is not None:
        civil = civil.replace(tzinfo=ZoneInfo(zone))
    return civil.astimezone(UTC)


def next_midnight(instant: datetime, zone: str) -> datetime:
    """Return the instant at which the next civil day begins."""
    day = local(instant, zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    return utc(day + timedelta(days=1), zone)


def floor_to(instant: datetime, zone: str, *, minutes: int) -> datetime:
    """Return the last civil time at or before `instant` that is a multiple of `minutes`."""
    there = local(instant, zone)
    past = (there.hour * 60 + there.minute) % minutes
    exact = there.replace(second=0, microsecond=0)
    return utc(exact) - timedelta(minutes=past)


def zone_label(instant: datetime, zone: str) -> str:
    """Return the zone's own abbreviation at `instant`, or its offset where it has none.

    Edges: America/Panama is "EST" all year; America/Bogota has no letters and reads "UTC-5".
    """
    there = local(instant, zone)
    name = there.tzname() or ""
    if name and name[0] not in "+-":
        return name
    minutes = int((there.utcoffset() or timedelta()).total_seconds() // 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def clock_time(instant: datetime, zone: str) -> str:
    """Return the civil time to the minute, cut and never rounded: "6:00", "15:45"."""
    there = local(instant, zone)
    return f"{there.hour}:{there.minute:02}"


def weekday_name(instant: datetime, zone: str) -> str:
    """Return the weekday's name: "martes", "Tuesday"."""
    names = (
        _("Monday"),
        _("Tuesday"),
        _("Wednesday"),
        _("Thursday"),
        _("Friday"),
        _("Saturday"),
        _("Sunday"),
    )
    return names[local(instant, zone).weekday()]


def weekday_short(instant: datetime, zone: str) -> str:
    """Return the weekday in three letters: "mar", "Tue"."""
    names = (
        pgettext("short weekday", "Mon"),
        pgettext("short weekday", "Tue"),
        pgettext("short weekday", "Wed"),
        pgettext("short weekday", "Thu"),
        pgettext("short weekday", "Fri"),
        pgettext("short weekday", "Sat"),
        pgettext("short weekday", "Sun"),
    )
    return names[local(instant, zone).weekday()]


def clocks_change_on(instant: datetime, zone: str) -> bool:
    """Say whether the civil day of an instant is one on which the clocks change."""
    midnight = local(instant, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return midnight.utcoffset() != local(next_midnight(instant, zone), zone).utcoffset()


def month_name(instant: datetime, zone: str) -> str:
    """Return the month's name: "noviembre", "November"."""
    names = (
        _("January"),
        _("February"),
        _("March"),
        _("April"),
        pgettext("month", "May"),
        _("June"),
        _("July"),
        _("August"),
        _("September"),
        _("October"),
        _("November"),
        _("December"),
    )
    return names[local(instant, zone).month - 1]


def month_short(instant: datetime, zone: str) -> str:
    """Return the month in three letters: "nov", "Nov"."""
    return month_name(instant, zone)[:3]


def _spanish() -> bool:
    return (translation.get_language() or "es").startswith("es")


def long_date(instant: datetime, zone: str, *, with_year: bool = False) -> str:
    """Return the day in full: "martes 24 de noviembre", "Tuesday 24 November"."""
    there = local(instant, zone)
    of = " de " if _spanish() else " "
    day = f"{weekday_name(instant, zone)} {there.day}{of}{month_name(instant, zone)}"
    return f"{day}{of}{there.year}" if with_year else day


def full_date(instant: datetime, zone: str) -> str:
    """Return the date in full: "1 de octubre de 2026", "1 October 2026"."""
    there = local(instant, zone)
    of = " de " if _spanish() else " "
    return f"{there.day}{of}{month_name(instant, zone)}{of}{there.year}"


def day_label(instant: datetime, zone: str) -> str:
    """Return a day for an axis: "martes 24 nov"."""
    there = local(instant, zone)
    return f"{weekday_name(instant, zone)} {there.day} {month_short(instant, zone)}"


def short_date(instant: datetime, zone: str) -> str:
    """Return the day with its year: "24 nov 2026"."""
    there = local(instant, zone)
    return f"{there.day} {month_short(instant, zone)} {there.year}"


def full_day(day: date) -> str:
    """Return a civil date with its weekday: "vie 25 dic 2026", "Fri 25 Dec 2026"."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return f"{weekday_short(noon, 'UTC')} {short_date(noon, 'UTC')}"


def day_word(instant: datetime, zone: str, now: datetime) -> str:
    """Return the day as one says it from `now`: today, yesterday, tomorrow, a weekday, a date."""
    days = (local(instant, zone).date() - local(now, zone).date()).days
    if days == 0:
        return _("today")
    if days == 1:
        return _("tomorrow")
    if days == -1:
        return _("yesterday")
    if abs(days) < 7:
        return f"{weekday_name(instant, zone)} {local(instant, zone).day}"
    return short_date(instant, zone)


def day_time(instant: datetime, zone: str, now: datetime) -> str:
    """Return an instant as one says it from `now`: "15:45", "mañana, 9:00", "24 nov 2026, 9:00"."""
    at = clock_time(instant, zone)
    if local(instant, zone).date() == local(now, zone).date():
        return at
    return f"{day_word(instant, zone, now)}, {at}"


def _hour_words(instant: datetime, zone: str) -> str:
    """Return the hour with its Spanish article: "la 1:05", "las 15:52"; English has none."""
    at = clock_time(instant, zone)
    if not _spanish():
        return at
    return ("la " if local(instant, zone).hour == 1 else "las ") + at


def _with_day(moment: str, instant: datetime, zone: str, now: datetime) -> str:
    days = (local(instant, zone).date() - local(now, zone).date()).days
    if days == 0:
        return moment
    day = day_word(instant, zone, now)
    if abs(days) > 1:
        day = pgettext("a day, before its hour", "on %(day)s") % {"day": day}
    return f"{day} {moment}"


def at_words(instant: datetime, zone: str, now: datetime) -> str:
    """Return an instant within a sentence: "a las 15:45", "mañana a las 6:00"."""
    moment = _("at %(hour)s") % {"hour": _hour_words(instant, zone)}
    return _with_day(moment, instant, zone, now)


def by_words(instant: datetime, zone: str, now: datetime) -> str:
    """Return a deadline within a sentence: "antes de las 15:52", "mañana antes de las 7:00"."""
    moment = _("by %(hour)s") % {"hour": _hour_words(instant, zone)}
    return _with_day(moment, instant, zone, now)


def on_words(instant: datetime, zone: str) -> str:
    """Return an instant in full, within a sentence: "el miércoles 25 de noviembre a las 7:02"."""
    day = pgettext("a day, before its hour", "on %(day)s") % {"day": long_date(instant, zone)}
    return f"{day} {_('at %(hour)s') % {'hour': _hour_words(instant, zone)}}"


def by_date(instant: datetime, zone: str) -> str:
    """Return a deadline in full: "el miércoles 25 de noviembre antes de las 7:00".

    Edges: for mails, which are read on any day: in them "mañana" would be another day tomorrow.
    """
    day = pgettext("a day, before its hour", "on %(day)s") % {"day": long_date(instant, zone)}
    return f"{day} {_('by %(hour)s') % {'hour': _hour_words(instant, zone)}}"


def promised_for_date(instant: datetime, zone: str) -> str:
    """Return what a promise was for, in full: "para el miércoles 25 de noviembre a las 7:00"."""
    day = pgettext("a promise's day", "%(day)s") % {"day": long_date(instant, zone)}
    moment = f"{day} {_('at %(hour)s') % {'hour': _hour_words(instant, zone)}}"
    return pgettext("a promise", "for %(moment)s") % {"moment": moment}


def promised_for(instant: datetime, zone: str, now: datetime) -> str:
    """Return what a promise was for: "para las 15:52", "para ayer a las 21:37"."""
    moment = _hour_words(instant, zone)
    days = (local(instant, zone).date() - local(now, zone).date()).days
    if days:
        day = day_word(instant, zone, now)
        if abs(days) > 1:
            day = pgettext("a promise's day", "%(day)s") % {"day": day}
        moment = f"{day} {_('at %(hour)s') % {'hour': moment}}"
    return pgettext("a promise", "for %(moment)s") % {"moment": moment}


def until_words(instant: datetime, zone: str, now: datetime) -> str:
    """Return until when something waits: "hasta las 16:00", "hasta mañana a las 8:00"."""
    return pgettext("a wait", "until %(moment)s") % {"moment": _bound(instant, zone, now)}


def since_words(instant: datetime, zone: str, now: datetime) -> str:
    """Return since when something is so: "desde las 16:00", "desde ayer a las 17:20"."""
    return pgettext("a state", "since %(moment)s") % {"moment": _bound(instant, zone, now)}


def _bound(instant: datetime, zone: str, now: datetime) -> str:
    moment = _hour_words(instant, zone)
    days = (local(instant, zone).date() - local(now, zone).date()).days
    if not days:
        return moment
    day = day_word(instant, zone, now)
    if abs(days) > 1:
        day = pgettext("a promise's day", "%(day)s") % {"day": day}
    return f"{day} {_('at %(hour)s') % {'hour': moment}}"


def duration(span: timedelta) -> str:
    """Return a duration to the minute: "38 min", "1 h 18", "2 d 3 h"; under a minute in seconds.

    Edges: cut towards zero, never rounded up, so that no figure claims time that has not passed;
        a negative span is worded without its sign (say "late" beside it). Days are 24 hours.
    """
    seconds = int(abs(span) / timedelta(seconds=1))
    if 0 < seconds < 60:
        return f"{seconds}{NBSP}s"
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
    if days:
        return f"{days}{NBSP}d" + (f" {hours}{NBSP}h" if hours else "")
    if hours:
        return f"{hours}{NBSP}h" + (f"{NBSP}{minutes:02}" if minutes else "")
    return f"{minutes}{NBSP}min"


def exact_duration(span: timedelta) -> str:
    """Return a duration to the second, as explanations add them up: "1 h 05 min 30 s".

    Edges: parts that are nought are left out, except that nought itself is "0 min".
        Microseconds are shown as a fraction of the second when there are any.
    """
    sign = "-" if span < timedelta() else ""
    whole, micros = divmod(abs(span) // timedelta(microseconds=1), 1_000_000)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    parts = [f"{hours}{NBSP}h"] if hours else []
    if minutes:
        parts.append(f"{minutes}{NBSP}min")
    if seconds or micros:
        point = "," if _spanish() else "."
        fraction = f"{point}{micros:06}".rstrip("0") if micros else ""
        parts.append(f"{seconds}{fraction}{NBSP}s")
    return sign + (" ".join(parts) or f"0{NBSP}min")


def span_words(span: timedelta) -> str:
    """Return a promise's length in words: "1 hora", "2 hours", "30 minutos".

    Edges: one that is no whole number of minutes, or of over an hour and not of hours, is said
        exactly: "45 s", "1 h 30 min".
    """
    minutes, rest = divmod(span, timedelta(minutes=1))
    if rest or not minutes:
        return exact_duration(span)
    if minutes % 60 == 0:
        hours = minutes // 60
        return f"{hours} " + (_("hour") if hours == 1 else _("hours"))
    if minutes < 60:
        return f"{minutes} " + (_("minute") if minutes == 1 else _("minutes"))
    return exact_duration(span)


def iso(instant: datetime) -> str:
    """Return an instant for machines: UTC, ISO 8601, whole seconds unless it has microseconds."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
