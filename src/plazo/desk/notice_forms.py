"""The form by which a person chooses how they are told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.notifications.models import Digest, Hours, Preference
from plazo.notifications.news import ALL, Concern, Mail, News, Ways, ways_of

DAYS: Final = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
_SPAN: Final = re.compile(
    r"^(\d{1,2})(?:[:.](\d{2}))?\s*(?:-|–|—|a|to)\s*(\d{1,2})(?:[:.](\d{2}))?$"
)
_MOST_MINUTES: Final = 24 * 60


class SpansField(forms.CharField):
    """A day's open spans, as one writes them: "8:00-12:00, 14:00-18:00". Empty is closed.

    Units: what it cleans is pairs of minutes from midnight.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=120, **kwargs)

    def clean(self, value: Any) -> list[tuple[int, int]]:
        text = super().clean(value)
        return [self._span(part.strip()) for part in re.split(r"[,;]", text) if part.strip()]

    def _span(self, text: str) -> tuple[int, int]:
        found = _SPAN.match(text)
        if found:
            opens_h, opens_m, closes_h, closes_m = (int(part or 0) for part in found.groups())
            opens, closes = opens_h * 60 + opens_m, closes_h * 60 + closes_m
            if opens_m < 60 and closes_m < 60 and opens < _MOST_MINUTES:
                if closes <= opens:
                    closes += _MOST_MINUTES  # over midnight, into the next day
                if closes <= opens + _MOST_MINUTES and closes_h <= 24:
                    return opens, closes
        raise forms.ValidationError(
            _("Write spans such as 8:00-12:00, 14:00-18:00: “%(text)s” is none.") % {"text": text}
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of news on the screen, with its fields and its default in words."""

    news: News
    desk: forms.BoundField
    browser: forms.BoundField
    mail: forms.BoundField


class PreferenceForm(forms.Form):
    """By which ways a person is told of what, and when."""

    digest = forms.ChoiceField(choices=Digest.choices, label=gettext_lazy("The digest comes"))
    digest_hour = forms.TypedChoiceField(
        choices=[(hour, f"{hour}:00") for hour in range(24)],
        coerce=int,
        label=gettext_lazy("At"),
    )
    hours = forms.ChoiceField(choices=Hours.choices, label=gettext_lazy("When you are told"))
    reads_group_mail = forms.BooleanField(required=False)

    def __init__(self, data: Any = None, *, preference: Preference | None) -> None:
        kept = preference or Preference()
        super().__init__(data, initial=_initial(kept, preference))
        for news in ALL:
            self.fields[f"{news.key}-desk"] = forms.BooleanField(required=False)
            self.fields[f"{news.key}-browser"] = forms.BooleanField(required=False)
            self.fields[f"{news.key}-mail"] = forms.ChoiceField(choices=Mail.choices)
        for day, name in enumerate(DAYS):
            self.fields[f"day-{day}"] = SpansField(label=name)

    def rows(self, concern: Concern) -> list[Row]:
        """Return the kinds of news of one concern, each with its fields."""
        return [
            Row(
                news,
                self[f"{news.key}-desk"],
                self[f"{news.key}-browser"],
                self[f"{news.key}-mail"],
            )
            for news in ALL
            if news.concern is concern
        ]

    def days(self) -> list[forms.BoundField]:
        """Return the fields of the week's days, from Monday."""
        return [self[f"day-{day}"] for day in range(7)]

    def as_arguments(self) -> dict[str, Any]:
        """Return what the command takes."""
        cleaned = self.cleaned_data
        return {
            "ways": {
                news.key: Ways(
                    desk=cleaned[f"{news.key}-desk"],
                    browser=cleaned[f"{news.key}-browser"],
                    mail=cleaned[f"{news.key}-mail"],
                )
                for news in ALL
            },
            "digest": cleaned["digest"],
            "digest_hour": cleaned["digest_hour"],
            "hours": cleaned["hours"],
            "windows": [
                (day, opens, closes) for day in range(7) for opens, closes in cleaned[f"day-{day}"]
            ],
            "reads_group_mail": cleaned["reads_group_mail"],
        }


def _initial(kept: Preference, preference: Preference | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "digest": kept.digest,
        "digest_hour": kept.digest_hour,
        "hours": kept.hours,
        "reads_group_mail": kept.reads_group_mail,
    }
    for news in ALL:
        ways = ways_of(news, preference)
        found |= {
            f"{news.key}-desk": ways.desk,
            f"{news.key}-browser": ways.browser,
            f"{news.key}-mail": ways.mail,
        }
    return found | _written(kept.windows)


def _written(windows: Sequence[Sequence[int]]) -> dict[str, str]:
    days: dict[int, list[str]] = {}
    for day, opens, closes in windows:
        days.setdefault(day, []).append(f"{_time(opens)}-{_time(closes)}")
    return {f"day-{day}": ", ".join(spans) for day, spans in days.items()}


def _time(minutes: int) -> str:
    if minutes > _MOST_MINUTES:
        minutes -= _MOST_MINUTES
    return f"{minutes // 60}:{minutes % 60:02}"
