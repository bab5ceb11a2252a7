"""Fields for instants: people write a civil time, in their own zone; commands take instants."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from plazo.core import localtime

FORMAT = "%Y-%m-%dT%H:%M"


class CivilTime(forms.DateTimeInput):
    """A day and a time of day, as the browser asks for them."""

    input_type = "datetime-local"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format=FORMAT, **kwargs)


class MomentField(forms.Field):
    """An instant, written as a civil time of `zone`.

    Units: what it cleans is UTC. The form sets `zone` before it is used.
    """

    widget = CivilTime
    zone = "UTC"

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values or isinstance(value, datetime):
            return value or None
        try:
            civil = datetime.fromisoformat(str(value))
            return localtime.utc(civil.replace(tzinfo=None), self.zone)
        except (ValueError, OverflowError):
            raise forms.ValidationError(_("Write a day and a time.")) from None

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return localtime.local(value, self.zone).strftime(FORMAT)
        return value


class DayInput(forms.DateInput):
    """A day, as the browser asks for it."""

    input_type = "date"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%d", **kwargs)


class InZone(forms.Form):
    """A form whose moments are written in one person's zone."""

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, MomentField):
                field.zone = zone
