"""Tags and filters that every template has without loading them."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.template.base import Node, Parser, Token
from django.template.context import Context
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as django_url
from django.templatetags.static import static
from django.urls import get_script_prefix, get_urlconf
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from plazo.core import chips, localtime
from plazo.core.clockview import ClockView, words
from plazo.core.errors import told

register = template.Library()

register.filter("clock_time", localtime.clock_time)
register.filter("zone_label", localtime.zone_label)
register.filter("long_date", localtime.long_date)
register.filter("full_date", localtime.full_date)
register.filter("short_date", localtime.short_date)
register.filter("on_words", localtime.on_words)
register.filter("by_date", localtime.by_date)
register.filter("weekday_short", localtime.weekday_short)
register.filter("duration", localtime.duration)
register.filter("full_day", localtime.full_day)
register.filter("exact_duration", localtime.exact_duration)
register.filter("span_words", localtime.span_words)
register.filter("iso", localtime.iso)
register.filter("told", told)


@lru_cache(maxsize=256)
def _version(path: str) -> str:
    found = finders.find(path)
    if not found:
        raise LookupError(f"there is no static file {path}")
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:10]


@lru_cache(maxsize=256)
def _address(path: str) -> str:
    full = f"plazo/{path}"
    return f"{static(full)}?v={_version(full)}"


@register.simple_tag
def asset(path: str) -> str:
    """Return the address of a static file, with its content's hash so that caches never lie."""
    return _address(path)


class FixedAddress(Node):
    """The address of a page that takes nothing: it is worked out once."""

    child_nodelists = ()

    def __init__(self, node: URLNode) -> None:
        self.node = node
        self.kept: dict[tuple[str, str | None], str] = {}

    def render(self, context: Context) -> str:
        """Return the address, of this tree of addresses and under this prefix."""
        place = get_script_prefix(), get_urlconf()
        address = self.kept.get(place)
        if address is None:
            address = self.kept[place] = self.node.render(context)
        return address


@register.tag("url")
def url(parser: Parser, token: Token) -> Node:
    """Do as Django's tag does; what depends on nothing is kept."""
    node: Any = django_url(parser, token)
    name = node.view_name
    fixed = isinstance(name.var, str) and not (name.filters or node.args or node.kwargs)
    return FixedAddress(node) if fixed and node.asvar is None else node


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Return a Lucide icon from the sprite. It always stands beside a word."""
    return chips.icon(asset("icons/sprite.svg"), name, size)


@register.simple_tag
def day_time(instant: datetime, zone: str, now: datetime) -> str:
    """Return an instant as one says it from now: "15:45", "mañana, 9:00"."""
    return localtime.day_time(instant, zone, now)


@register.simple_tag
def day_word(instant: datetime, zone: str, now: datetime) -> str:
    """Return the day as one says it from now: "hoy", "martes 24"."""
    return localtime.day_word(instant, zone, now)


@register.simple_tag
def at_words(instant: datetime, zone: str, now: datetime) -> str:
    """Return an instant within a sentence: "mañana a las 6:00"."""
    return localtime.at_words(instant, zone, now)


@register.simple_tag
def by_words(instant: datetime, zone: str, now: datetime) -> str:
    """Return a deadline within a sentence: "mañana antes de las 7:00"."""
    return localtime.by_words(instant, zone, now)


@register.simple_tag
def until_words(instant: datetime, zone: str, now: datetime) -> str:
    """Return until when something waits: "hasta mañana a las 6:00"."""
    return localtime.until_words(instant, zone, now)


@register.simple_tag
def since_words(instant: datetime, zone: str, now: datetime) -> str:
    """Say since when something is so: "since 15:45"."""
    return localtime.since_words(instant, zone, now)


@register.simple_tag
def chip(clock: ClockView, label: str = "", size: str = "", *, named: bool = False) -> SafeString:
    """Draw a clock's state: shape, icon and word, then the time that is left or over.

    `label` is what an announcement of a change begins with; with `named` the promise's name
    stands beside the chip, and the words agree with it.
    """
    return chips.chip(clock, icon(clock.icon), label, size, named=named)


@register.inclusion_tag("plazo/_spent.html")
def spent(clock: ClockView, label: str = "", thin: bool = False) -> dict[str, Any]:
    """Draw how much of a promise is spent."""
    return {"clock": clock, "label": label, "thin": thin}


@register.inclusion_tag("plazo/_ruler.html")
def ruler(drawn: Any, uid: str = "r") -> dict[str, Any]:
    """Draw one day as a ruled strip."""
    return {"ruler": drawn, "uid": uid}


@register.simple_tag
def options(choices: Iterable[tuple[object, object]], chosen: object = None) -> SafeString:
    """Draw the options of a list, and mark what is chosen."""
    return chips.options(choices, chosen)


@register.simple_tag
def sev(letter: str, size: str = "") -> SafeString:
    """Draw a severity: weight, never hue."""
    return chips.severity(letter, size)


@register.simple_tag
def impact(severity_name: str) -> str:
    """Return a severity's name as it stands alone: "Impacto moderado", "Moderate impact"."""
    words = _("%(name)s impact") % {"name": severity_name.lower()}
    return words[:1].upper() + words[1:]


@register.simple_tag
def promised_for(instant: datetime, zone: str, now: datetime) -> str:
    """Return what a kept promise was for: "para ayer a las 21:37", "for 15:52"."""
    return localtime.promised_for(instant, zone, now)


@register.simple_tag
def state_words() -> dict[str, str]:
    """Return the words that the countdown may need, for the page's root."""
    return words()


@register.filter
def day(date_: date) -> str:
    """Return a day with its year: "24 nov 2026"."""
    noon = datetime(date_.year, date_.month, date_.day, 12, tzinfo=UTC)
    return localtime.short_date(noon, "UTC")


@register.filter
def as_instant(text: str) -> datetime:
    """Read an instant as events store it."""
    return datetime.fromisoformat(text)


@register.filter
def initials(name: str) -> str:
    """Return up to two initials for an avatar."""
    parts = [part for part in str(name).replace(".", " ").split() if part[0].isalnum()]
    return (parts[0][0] + parts[-1][0] if len(parts) > 1 else "".join(parts)[:2]).upper()


@register.filter
def filesize(size: int) -> str:
    """Return a file's size: "18 KB"."""
    if size < 1024:
        return f"{size}{localtime.NBSP}B"
    if size < 1024 * 1024:
        return f"{size // 1024}{localtime.NBSP}KB"
    return f"{size / 1024 / 1024:.1f}{localtime.NBSP}MB"


@register.filter
def svg(number: float) -> str:
    """Return a number for an SVG attribute: with a point in every language."""
    return f"{number:.1f}"


@register.filter
def is_zero(span: timedelta) -> bool:
    """Say whether a span is nought."""
    return span == timedelta()
