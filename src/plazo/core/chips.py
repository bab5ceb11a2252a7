"""The small drawings that stand in every row: a clock's state, a severity, an icon.

A page of the queue has hundreds of them. They are written here and not in templates, because a
template of its own for each costs more than the database takes for the page.
"""

import html
from collections.abc import Iterable
from functools import lru_cache

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from plazo.core import localtime
from plazo.core.clockview import ClockView
from plazo.core.language import kept_in_each_language


def options(choices: Iterable[tuple[object, object]], chosen: object = None) -> SafeString:
    """Draw what a list offers, each with its value and its words, and mark what is chosen.

    Edges: where nothing is chosen, nothing is marked, not even an empty value.
    """
    wanted = None if chosen in (None, "") else str(chosen)
    drawn = []
    for value, words in choices:
        key = str(value)
        mark = " selected" if key == wanted else ""
        drawn.append(f'<option value="{html.escape(key)}"{mark}>{html.escape(str(words))}</option>')
    return mark_safe("".join(drawn))  # noqa: S308 - each of them is escaped


@kept_in_each_language
def severity(letter: str, size: str = "") -> SafeString:
    """Draw a severity: weight, never hue."""
    extra = f" sev--{size}" if size else ""
    if not letter:
        return format_html(
            '<span class="sev sev--none{}" title="{}"><span aria-hidden="true">–</span>'
            '<span class="sr">{}</span></span>',
            extra, _("Not classified"), _("Not classified"),
        )  # fmt: skip
    return format_html(
        '<span class="sev sev--{}{}" title="{} {}"><span class="sr">{} </span>{}</span>',
        letter.lower(), extra, _("Severity"), letter, _("Severity"), letter,
    )  # fmt: skip


def chip(
    clock: ClockView, icon: SafeString, label: str = "", size: str = "", *, named: bool = False
) -> SafeString:
    """Draw a clock's state: shape, icon and word, then the time that is left or over."""
    word = clock.named_word if named else clock.word
    extra = f" chip--{size}" if size else ""
    if not clock.counts_down or clock.due_at is None:
        return format_html(
            '<span class="chip{}" data-sla="{}">{} <span>{}</span>{}</span>',
            extra, clock.sla, icon, word, _late_by(clock),
        )  # fmt: skip
    risk = localtime.iso(clock.at_risk_at) if clock.at_risk_at else ""
    late = clock.named_late_word if named else ""
    left = clock.late_by if clock.sla == "late" else clock.left
    says = "".join(
        f' {name}="{escape(value)}"'
        for name, value in (("risk", risk), ("late", late), ("label", label))
        if value
    )
    return mark_safe(  # noqa: S308 - instants of ours, and words that are escaped
        f'<plazo-countdown due="{localtime.iso(clock.due_at)}"{says}>'
        f'<span class="chip{extra}" data-sla="{clock.sla}">{icon} '
        f"<span data-word>{escape(word)}</span> "
        f'<span class="chip__t" role="timer" data-left>{localtime.duration(left)}</span>'
        "</span></plazo-countdown>"
    )


def _late_by(clock: ClockView) -> SafeString | str:
    if clock.sla != "late":
        return ""
    span = _("by %(span)s") % {"span": localtime.duration(clock.late_by)}
    return format_html(' <span class="chip__t">{}</span>', span)


@lru_cache(maxsize=512)
def icon(sprite: str, name: str, size: str = "") -> SafeString:
    """Draw an icon of the sprite at this address. It always stands beside a word."""
    extra = f" i--{size}" if size else ""
    return format_html(
        '<svg class="i{}" aria-hidden="true"><use href="{}#i-{}"></use></svg>', extra, sprite, name
    )
