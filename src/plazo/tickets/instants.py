"""Instants in people's words, in Spanish and English: “mañana a las 10:00”, “in 3 working hours”.

    en 3 horas hábiles · in 2 working days · en hora y media · in 45 min
    a las 16:30 · mañana 9:00 · tomorrow at 4 pm · el viernes al mediodía · 27/11 10:00
    mañana a las 3 de la tarde · a las 10 y media · 15:00 hrs · tomorrow at 4 in the afternoon
    el lunes 30 a las 9 · viernes 27/11 10:00 · hoy al cierre · end of day · 2026-11-27 10:00

What is read is shown before anything is promised, so a wording that may mean two things is read in
one way and never guessed at: hours without “pm” are those of a day of 24, and a figure beside a
weekday is the day of a month. Pure: `now`, the zone and
the calendar are arguments.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Final

from django.utils.translation import gettext as _

from plazo.core import localtime
from plazo.core.errors import PlazoError
from plazo.core.search import fold
from plazo.sla import Calendar, NoOpenTime

LONGEST: Final = 80
MOST_DAYS: Final = 60
_MINUTE: Final = timedelta(minutes=1)

_UNITS: Final = {
    **dict.fromkeys(("min", "mins", "m", "minuto", "minutos", "minute", "minutes"), 1),
    **dict.fromkeys(("h", "hs", "hr", "hrs", "hora", "horas", "hour", "hours"), 60),
    **dict.fromkeys(("d", "dia", "dias", "day", "days"), 24 * 60),
    **dict.fromkeys(("semana", "semanas", "week", "weeks"), 7 * 24 * 60),
}
_WORKING: Final = r"habil(?:es)?|laborab?l(?:es)?|de soporte|working|business|support"
_NUMBERS: Final = {
    "un": 1.0, "una": 1.0, "a": 1.0, "an": 1.0, "one": 1.0, "media": 0.5,
    "dos": 2.0, "tres": 3.0, "cuatro": 4.0, "cinco": 5.0, "seis": 6.0, "ocho": 8.0, "diez": 10.0,
    "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "eight": 8.0, "ten": 10.0,
}  # fmt: skip
_SPAN: Final = re.compile(
    rf"(?P<number>\d{{1,4}}(?:[.,]\d{{1,2}})?|half an?|{'|'.join(sorted(_NUMBERS)[::-1])})\s*"
    rf"(?:(?:{_WORKING})\s+)?(?P<unit>[a-z]+)\b(?P<half>\s+y\s+media|\s+and\s+a\s+half)?"
    rf"(?:\s+(?:{_WORKING}))?"
)
_WITHIN: Final = re.compile(r"^(?:en|in|dentro de|within)\s+")
_BY: Final = re.compile(r"^(?:antes de|a mas tardar|by|before|para|for)\s+")
_CLOCK: Final = re.compile(
    r"\b(?:a las?|a la|las?|at|@)?\s*(\d{1,2})(?:[:.h](\d{2}))?"
    r"\s*(am|pm|a\.\s?m\.?|p\.\s?m\.?|h|hs|hrs|horas)?$"
)
_PARTS: Final = {
    "morning": re.compile(r"\s+(?:de|por) la manana$|\s+in the morning$"),
    "afternoon": re.compile(r"\s+(?:de|por) la tarde$|\s+in the afternoon$"),
    "night": re.compile(r"\s+(?:de|por) la noche$|\s+in the evening$|\s+at night$"),
}
_QUARTERS: Final = (
    (re.compile(r"(\d)\s+y\s+media\b(?!\s+hora)"), r"\1:30"),
    (re.compile(r"(\d)\s+y\s+cuarto\b"), r"\1:15"),
)
_NOON: Final = re.compile(r"\b(?:al |a |at )?(?:mediodia|noon|midday)$")
_CLOSE: Final = re.compile(
    r"\b(?:al |at |by )?(?:cierre|fin del dia|final del dia|the end of the day|end of (?:the )?day"
    r"|eod|close of business|cob|close)(?: de)?(?= |$)"
)
_DAYS: Final = {
    "hoy": 0, "today": 0, "manana": 1, "tomorrow": 1,
    "pasado manana": 2, "the day after tomorrow": 2, "day after tomorrow": 2,
}  # fmt: skip
_WEEKDAYS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("lunes", "lun", "monday", "mon"),
            ("martes", "mar", "tuesday", "tue"),
            ("miercoles", "mie", "wednesday", "wed"),
            ("jueves", "jue", "thursday", "thu"),
            ("viernes", "vie", "friday", "fri"),
            ("sabado", "sab", "saturday", "sat"),
            ("domingo", "dom", "sunday", "sun"),
        )
    )
    for name in names
}
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("enero", "ene", "january", "jan"), ("febrero", "feb", "february"),
            ("marzo", "mar", "march"), ("abril", "abr", "april", "apr"), ("mayo", "may"),
            ("junio", "jun", "june"), ("julio", "jul", "july"),
            ("agosto", "ago", "august", "aug"),
            ("septiembre", "setiembre", "sep", "set", "september", "sept"),
            ("octubre", "oct", "october"), ("noviembre", "nov", "november"),
            ("diciembre", "dic", "december", "dec"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
_DATE: Final = re.compile(
    r"(?:(\d{4})-(\d{2})-(\d{2})|(\d{1,2})/(\d{1,2})(?:/(\d{4}))?"
    r"|(\d{1,2})(?: de| of)? ([a-z]+)(?:(?: de)? (\d{4}))?|([a-z]+) (\d{1,2})(?:,? (\d{4}))?)"
)


class UnreadableInstant(PlazoError):
    """Words that name no instant, or one that has passed."""

    code = "unreadable_instant"
    http_status = HTTPStatus.UNPROCESSABLE_ENTITY

    def user_message(self) -> str:
        match self.data.get("why"):
            case "past":
                return _("That has passed already. Write a moment that is still to come.")
            case "hour":
                return _("Say the hour as well, such as “tomorrow at 10:00”.")
            case "closed":
                return _("Support does not open by then. Choose another moment.")
            case "shut":
                return _(
                    "Support is closed then. It opens again %(opens)s: choose from then on."
                ) % (self.data)
            case _:
                return _(
                    "“%(text)s” is no moment that can be read. Write “tomorrow at 10:00” or "
                    "“in 3 working hours”."
                ) % {"text": self.data.get("text", "")}


def read_instant(text: str, *, zone: str, calendar: Calendar, now: datetime) -> datetime:
    """Return the instant that some words mean.

    Units: civil times are those of `zone`; working time is that of `calendar`. Whole minutes.
    Edges: an hour alone is the next such hour; a weekday the next such day on which it is still to
        come. A working day is one on which the calendar opens; what falls outside its hours is the
        next opening.
    Raises: UnreadableInstant.
    """
    try:
        chosen = datetime.fromisoformat(text.strip())
    except ValueError:
        pass
    else:
        return _to_come(localtime.utc(chosen, None if chosen.tzinfo else zone), now)
    said = re.sub(r"\s+", " ", fold(text[:LONGEST])).strip(" .,;!")
    said = re.sub(r"(?<!\d )\b(?:una )?hora y media\b", "1 h 30", _BY.sub("", said))
    here = localtime.local(now, zone).tzname() or ""
    said = re.sub(rf" \(?{re.escape(here.lower())}\)?$", "", said)
    try:
        found = _read_span(said, zone, calendar, now) or _read_civil(said, zone, calendar, now)
    except (NoOpenTime, OverflowError) as error:
        raise UnreadableInstant(why="closed") from error
    if found is None:
        raise UnreadableInstant(text=text.strip()[:LONGEST])
    return _to_come(found, now)


def _to_come(at: datetime, now: datetime) -> datetime:
    if at <= now:
        raise UnreadableInstant(why="past")
    return at


def _read_span(said: str, zone: str, calendar: Calendar, now: datetime) -> datetime | None:
    """Read “en 3 horas hábiles” and its like; None where it is something else."""
    rest = _WITHIN.sub("", said)
    minutes, days, end = 0.0, 0.0, 0
    for match in _SPAN.finditer(rest):
        gap = rest[end : match.start()].strip(" ,")
        unit = _UNITS.get(match["unit"])
        if gap not in ("", "y", "and") or unit is None:
            return None
        number = _number(match["number"]) + (0.5 if match["half"] else 0.0)
        if unit >= 24 * 60:
            days += number * unit / (24 * 60)
        else:
            minutes += number * unit
        end = match.end()
    tail = rest[end:].strip()
    if tail.isdigit() and minutes and minutes % 60 == 0:  # "1 h 30"
        minutes, tail = minutes + int(tail), ""
    if tail or not (minutes or days):
        return None
    if not re.search(rf"\b(?:{_WORKING})\b", rest):
        return _whole(now + timedelta(days=days, minutes=minutes))
    at = now
    if days:
        at = _working_days(int(days), zone, calendar, now)
    return _whole(calendar.add(at, timedelta(minutes=minutes)) if minutes else at)


def _number(text: str) -> float:
    if text.startswith("half"):
        return 0.5
    return _NUMBERS[text] if text in _NUMBERS else float(text.replace(",", "."))


def _whole(at: datetime) -> datetime:
    """Return the first whole minute from an instant on."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + _MINUTE


def _working_days(count: int, zone: str, calendar: Calendar, now: datetime) -> datetime:
    there = localtime.local(now, zone)
    for days in range(1, MOST_DAYS * 3):
        day = there.date() + timedelta(days=days)
        begins = localtime.utc(datetime.combine(day, time()), zone)
        ends = localtime.utc(datetime.combine(day + timedelta(days=1), time()), zone)
        count -= bool(calendar.between(begins, ends))
        if count <= 0:
            civil = there.replace(tzinfo=None) + timedelta(days=days)
            return calendar.next_open(localtime.utc(civil, zone))
    raise UnreadableInstant(why="closed")


def _read_civil(said: str, zone: str, calendar: Calendar, now: datetime) -> datetime | None:
    close = _CLOSE.search(said)
    if close:
        days = list(_days(f"{said[: close.start()]} {said[close.end() :]}".strip(), zone, now))
        closings = (_closing(day, zone, calendar) for day in days)
        return next((at for at in closings if at is not None and at > now), None)
    hour, rest = _hour(said)
    if hour is None:
        if said and list(_days(rest, zone, now)):
            raise UnreadableInstant(why="hour")
        return None
    rest = re.sub(r"[ ,]+(?:a|at|by)?$", "", rest).strip(" ,")
    instants = [localtime.utc(datetime.combine(day, hour), zone) for day in _days(rest, zone, now)]
    return next((at for at in instants if at > now), instants[-1] if instants else None)


def _hour(said: str) -> tuple[time | None, str]:
    """Return the hour that stands at the end of some words, and what stands before it."""
    noon = _NOON.search(said)
    if noon:
        return time(12), said[: noon.start()].strip()
    said, part = _part_of_day(said)
    for pattern, minutes in _QUARTERS:
        said = pattern.sub(minutes, said)
    match = _CLOCK.search(said)
    # A figure that belongs to a date is no hour: “27/11”, “2026-11-27”, “27 nov 2026”, “lunes 9”.
    if match is None or re.search(r"[/\-]$", said[: match.start(1)]):
        return None, said
    if re.fullmatch(r"\s*\d+", match[0]) and not part and _ends_in_weekday(said[: match.start()]):
        return None, said
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").replace(".", "")
    read = _on_the_day(hour, half.replace(" ", ""), part)
    if read is None or minute > 59:
        return None, said
    return time(read, minute), said[: match.start()].strip()


def _part_of_day(said: str) -> tuple[str, str]:
    """Return some words without the part of the day that ends them, and that part."""
    for part, pattern in _PARTS.items():
        if match := pattern.search(said):
            return said[: match.start()], part
    return said, ""


def _on_the_day(hour: int, half: str, part: str) -> int | None:
    """Return the hour on a day of 24; None for one that its half of the day does not have.

    Edges: “12 de la mañana” and “12 de la noche” mean this to one and that to another: neither.
    """
    if part:
        least, most = {"morning": (1, 11), "afternoon": (1, 8), "night": (7, 11)}[part]
        if least <= hour <= most:
            return hour + (0 if part == "morning" else 12)
        return 12 if (hour, part) == (12, "afternoon") else None
    if half in ("am", "pm"):
        return hour % 12 + (12 if half == "pm" else 0) if 1 <= hour <= 12 else None
    return hour if hour <= 23 else None


def _ends_in_weekday(said: str) -> bool:
    return said.strip(" ,").rpartition(" ")[2] in _WEEKDAYS


def _days(said: str, zone: str, now: datetime) -> Iterator[date]:
    """Yield the days that some words may mean, the nearest first; nothing for other words."""
    today = localtime.local(now, zone).date()
    said = re.sub(r"^(?:el|on|de|este|this)\s+", "", said)
    if not said:
        yield from (today, today + timedelta(days=1))
    elif said in _DAYS:
        yield today + timedelta(days=_DAYS[said])
    elif (named := re.sub(r"^(?:proximo|next)\s+|\s+que viene$", "", said)) in _WEEKDAYS:
        ahead = (_WEEKDAYS[named] - today.weekday()) % 7
        if ahead == 0 and named != said:
            ahead = 7
        yield from (today + timedelta(days=ahead), today + timedelta(days=ahead + 7))
    else:
        first, _gap, rest = said.partition(" ")
        weekday = _WEEKDAYS.get(first.strip(","))
        named_days = _dates(said if weekday is None else rest, today)
        yield from (day for day in named_days if weekday in (None, day.weekday()))


def _dates(said: str, today: date) -> Iterator[date]:
    if said.isdigit() and len(said) <= 2:  # a day of this month, or of the next ones
        ahead = (today + timedelta(days=days) for days in range(MOST_DAYS + 1))
        yield from (day for day in ahead if day.day == int(said))
        return
    match = _DATE.fullmatch(said)
    if match is None:
        return
    if match[1]:
        year, month, day = match[1], int(match[2]), match[3]
    elif match[4]:
        year, month, day = match[6], int(match[5]), match[4]
    elif match[7]:
        year, month, day = match[9], _MONTHS.get(match[8], 0), match[7]
    else:
        year, month, day = match[12], _MONTHS.get(match[10], 0), match[11]
    for each in [int(year)] if year else [today.year, today.year + 1]:
        try:
            yield date(each, month, int(day))
        except ValueError:
            continue


def _closing(day: date, zone: str, calendar: Calendar) -> datetime | None:
    """Return when the calendar closes last on a day of a zone; None where it does not open."""
    begins = localtime.utc(datetime.combine(day, time()), zone)
    ends = localtime.utc(datetime.combine(day + timedelta(days=1), time()), zone)
    spent = calendar.between(begins, ends)
    return calendar.add(begins, spent) if spent else None
