"""National holidays as proposals, from the package `holidays`. Nothing is taken by itself.

The package is slow to import and to build, so it is imported here, when it is asked for, and
nowhere else. What is accepted is copied into the agreement: the package may be gone tomorrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib import metadata
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from plazo.agreements.changes import open_on
from plazo.agreements.convert import to_calendar
from plazo.agreements.document import CalendarEntry

MOST_YEARS: Final = 3

# Where the team and its clients are, the nearest first; the package knows many more.
COUNTRIES: Final[dict[str, Promise]] = {
    "PA": _("Panama"),
    "CO": _("Colombia"),
    "CR": _("Costa Rica"),
    "DO": _("Dominican Republic"),
    "EC": _("Ecuador"),
    "SV": _("El Salvador"),
    "GT": _("Guatemala"),
    "HN": _("Honduras"),
    "MX": _("Mexico"),
    "NI": _("Nicaragua"),
    "PE": _("Peru"),
    "PY": _("Paraguay"),
    "AR": _("Argentina"),
    "BO": _("Bolivia"),
    "BR": _("Brazil"),
    "CL": _("Chile"),
    "UY": _("Uruguay"),
    "VE": _("Venezuela"),
    "JM": _("Jamaica"),
    "TT": _("Trinidad and Tobago"),
    "PR": _("Puerto Rico"),
    "US": _("United States"),
    "ES": _("Spain"),
}

# The package's kinds of holidays; half days are left out, since it does not say which half.
CATEGORIES: Final[dict[str, Promise]] = {
    "public": _("Public holidays"),
    "bank": _("Banks"),
    "government": _("Government"),
    "optional": _("Optional"),
    "unofficial": _("Not official"),
    "catholic": _("Catholic"),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A holiday that may be taken into a calendar.

    Units: `category` is the package's own word, such as `public`; `loses` is how much less the
        day would be open. `there` says that the calendar has it already; `called` how, where it is
        called otherwise there.
    """

    day: date
    es: str
    en: str
    category: str
    loses: timedelta
    there: bool
    called: str = ""


@dataclass(frozen=True, slots=True)
class Country:
    """What the package knows of a country: its parts and its kinds of holidays."""

    code: str
    parts: tuple[str, ...]
    categories: tuple[str, ...]


def package_version() -> str:
    """Return the version of the package, for the audit trail."""
    return f"holidays {metadata.version('holidays')}"


@lru_cache(maxsize=64)
def country(code: str) -> Country | None:
    """Return what is known of a country; None for one that is not offered."""
    import holidays

    if code not in COUNTRIES:
        return None
    kind = type(holidays.country_holidays(code, years=[]))
    categories = tuple(each for each in CATEGORIES if each in kind.supported_categories)
    return Country(code, tuple(kind.subdivisions), categories)


@lru_cache(maxsize=64)
def named(
    code: str, part: str, years: tuple[int, ...], categories: tuple[str, ...]
) -> tuple[tuple[date, str, str, str], ...]:
    """Return the holidays of a country, or a part of it: date, Spanish and English name, category.

    Edges: a date of two categories has the first. Where the package has no Spanish name, both are
        the one that it has.
    """
    import holidays

    found: dict[date, tuple[str, str, str]] = {}
    for category in categories:
        by_language = {
            language: holidays.country_holidays(
                code, subdiv=part or None, years=years, language=language, categories=(category,)
            )
            for language in ("es", "en_US")
        }
        for day, english in by_language["en_US"].items():
            if day.year in years:
                spanish = by_language["es"].get(day, english)
                found.setdefault(day, (_short(spanish), _short(english), category))
    return tuple((day, *found[day]) for day in sorted(found))


def proposals(
    entry: CalendarEntry,
    *,
    code: str,
    part: str = "",
    years: Sequence[int],
    categories: Sequence[str] = ("public",),
    since: date,
) -> list[Proposal]:
    """Return what could be taken into a calendar, by date, with what each would change.

    Edges: what is past by `since` changes no promise any more, and is left out.
    """
    present = {holiday.date: holiday for holiday in entry.holidays}
    calendar = to_calendar("draft", entry)
    found = []
    for day, spanish, english, category in named(
        code, part, tuple(sorted(set(years)))[:MOST_YEARS], tuple(categories)
    ):
        if day < since:
            continue
        held = present.get(day)
        other = held.name.es if held is not None and held.name.es != spanish else ""
        loses = timedelta() if held is not None else _loses(entry, open_on(calendar, day), day)
        found.append(Proposal(day, spanish, english, category, loses, held is not None, other))
    return found


def _loses(entry: CalendarEntry, now_open: timedelta, day: date) -> timedelta:
    """Return how much less a date is open as a holiday; extra openings of the day stay."""
    extra = sum(
        (closes - opens for o in entry.openings if o.date == day for opens, closes in o.open),
        timedelta(),
    )
    return max(now_open - extra, timedelta())


def _short(name: str) -> str:
    return name.strip()[:120]
