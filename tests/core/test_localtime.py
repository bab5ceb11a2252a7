"""Instants in people's words."""

from datetime import datetime, timedelta

import pytest
from django.utils import translation

from plazo.core import localtime
from plazo.core.templatetags.plazo import impact
from tests.factory import TUESDAY

ZONE = "America/Panama"


def at(days: int, hour: int) -> datetime:
    """Return an hour of a day that lies so many days from the Tuesday of the tests."""
    there = localtime.local(TUESDAY, ZONE) + timedelta(days=days)
    return localtime.utc(there.replace(hour=hour, minute=5))


@pytest.mark.parametrize(
    ("language", "days", "hour", "words"),
    [
        ("es", 0, 15, "para las 15:05"),
        ("es", 0, 1, "para la 1:05"),
        ("es", -1, 21, "para ayer a las 21:05"),
        ("es", 1, 6, "para mañana a las 6:05"),
        ("es", -3, 9, "para el sábado 21 a las 9:05"),
        ("en", 0, 15, "for 15:05"),
        ("en", -1, 21, "for yesterday at 21:05"),
        ("en", -3, 9, "for Saturday 21 at 9:05"),
    ],
)
def test_a_promise_was_for_an_hour(language, days, hour, words):
    """An hour that was promised, seen from today: "prometida para ayer a las 21:05"."""
    with translation.override(language):
        assert localtime.promised_for(at(days, hour), ZONE, TUESDAY) == words


@pytest.mark.parametrize(
    ("language", "days", "hour", "words"),
    [
        ("es", 0, 16, "hasta las 16:05"),
        ("es", 1, 8, "hasta mañana a las 8:05"),
        ("es", 3, 8, "hasta el viernes 27 a las 8:05"),
        ("en", 1, 8, "until tomorrow at 8:05"),
    ],
)
def test_something_waits_until_an_hour(language, days, hour, words):
    """An hour until which something waits, within a sentence."""
    with translation.override(language):
        assert localtime.until_words(at(days, hour), ZONE, TUESDAY) == words


@pytest.mark.parametrize(
    ("language", "hour", "words"),
    [
        ("es", 7, "el martes 24 de noviembre a las 7:05"),
        ("es", 1, "el martes 24 de noviembre a la 1:05"),
        ("en", 7, "on Tuesday 24 November at 7:05"),
    ],
)
def test_an_instant_in_full_fits_a_sentence(language, hour, words):
    """The day with its article, the hour with its own."""
    with translation.override(language):
        assert localtime.on_words(at(0, hour), ZONE) == words


@pytest.mark.parametrize(
    ("language", "name", "words"),
    [("es", "Moderado", "Impacto moderado"), ("en", "Moderate", "Moderate impact")],
)
def test_a_severity_is_named_by_its_impact(language, name, words):
    """The impact agrees with its word, where "Severidad B Moderado" does not."""
    with translation.override(language):
        assert impact(name) == words
