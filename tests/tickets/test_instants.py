"""Instants in people's words: every wording that is read, and what is refused."""

from datetime import datetime, timedelta

import pytest
from django.utils import translation

from plazo.core import localtime
from plazo.sla import Calendar, WeeklyWindow
from plazo.tickets.instants import UnreadableInstant, read_instant
from tests.factory import TUESDAY

ZONE = "America/Panama"


def hours(number):
    """A span."""
    return timedelta(hours=number)


SUPPORT = Calendar(
    "support",
    ZONE,
    tuple(WeeklyWindow(day, hours(6), hours(22)) for day in range(5))
    + tuple(WeeklyWindow(day, hours(9), hours(17)) for day in (5, 6)),
)


def read(text, now=TUESDAY, zone=ZONE):
    """What some words mean, on the clock of the zone."""
    at = read_instant(text, zone=zone, calendar=SUPPORT, now=now)
    return localtime.local(at, zone).strftime("%a %d %b %H:%M")


# It is Tuesday 24 November 2026, 14:52.
@pytest.mark.parametrize(
    ("words", "means"),
    [
        pytest.param("mañana a las 10:00", "Wed 25 Nov 10:00", id="tomorrow, in Spanish"),
        pytest.param("Tomorrow at 4 pm", "Wed 25 Nov 16:00", id="tomorrow, in English"),
        pytest.param("en 3 horas hábiles", "Tue 24 Nov 17:52", id="working hours, in Spanish"),
        pytest.param("in 10 working hours", "Wed 25 Nov 08:52", id="the night does not count"),
        pytest.param("en 10 horas", "Wed 25 Nov 00:52", id="plain hours all count"),
        pytest.param("en 2 días hábiles", "Thu 26 Nov 14:52", id="working days keep the hour"),
        pytest.param("en hora y media", "Tue 24 Nov 16:22", id="an hour and a half"),
        pytest.param("half an hour", "Tue 24 Nov 15:22", id="half an hour"),
        pytest.param("in an hour and a half", "Tue 24 Nov 16:22", id="and a half, in English"),
        pytest.param("1 h 30", "Tue 24 Nov 16:22", id="minutes without their unit"),
        pytest.param("a las 16:30", "Tue 24 Nov 16:30", id="an hour that is still to come"),
        pytest.param("9:00", "Wed 25 Nov 09:00", id="an hour that has passed is tomorrow's"),
        pytest.param("antes de las 17:00", "Tue 24 Nov 17:00", id="by an hour"),
        pytest.param("el viernes al mediodía", "Fri 27 Nov 12:00", id="noon of a weekday"),
        pytest.param(
            "martes 10:00", "Tue 01 Dec 10:00", id="today's weekday, past, is next week's"
        ),
        pytest.param("el próximo martes a las 18", "Tue 01 Dec 18:00", id="next is never today"),
        pytest.param("27/11 10:00", "Fri 27 Nov 10:00", id="a date"),
        pytest.param("27 de noviembre a las 10", "Fri 27 Nov 10:00", id="a date in words"),
        pytest.param("Nov 27, 9am", "Fri 27 Nov 09:00", id="a date, month first"),
        pytest.param("3 ene 8:00", "Sun 03 Jan 08:00", id="a month that has passed is next year's"),
        pytest.param("2026-11-27T10:00", "Fri 27 Nov 10:00", id="what a field for dates sends"),
        pytest.param("2026-11-27T15:00:00Z", "Fri 27 Nov 10:00", id="an instant with its zone"),
        pytest.param("hoy al cierre", "Tue 24 Nov 22:00", id="closing time"),
        pytest.param("saturday end of day", "Sat 28 Nov 17:00", id="closing time of another day"),
        pytest.param("pasado mañana 8:15", "Thu 26 Nov 08:15", id="the day after tomorrow"),
        pytest.param("viernes 27 10:00", "Fri 27 Nov 10:00", id="a weekday and its day"),
        pytest.param("el lunes 30 a las 9", "Mon 30 Nov 09:00", id="its day, and an hour in words"),
        pytest.param("viernes, 27/11 10:00", "Fri 27 Nov 10:00", id="a weekday and its date"),
        pytest.param("el 3 a las 9", "Thu 03 Dec 09:00", id="a day alone is the next such day"),
        pytest.param("mañana a las 3 de la tarde", "Wed 25 Nov 15:00", id="a part of the day"),
        pytest.param("tomorrow at 9 in the morning", "Wed 25 Nov 09:00", id="and in English"),
        pytest.param("a las 8 de la noche", "Tue 24 Nov 20:00", id="an hour of the evening"),
        pytest.param("3 p. m.", "Tue 24 Nov 15:00", id="with its dots"),
        pytest.param("a las 10 y media", "Wed 25 Nov 10:30", id="half past"),
        pytest.param(
            "mañana a las 10:00 EST", "Wed 25 Nov 10:00", id="with the zone as we write it"
        ),
        pytest.param("15:30 hrs", "Tue 24 Nov 15:30", id="with its unit"),
        pytest.param("en dos horas", "Tue 24 Nov 16:52", id="a number in words"),
        pytest.param("una hora y media", "Tue 24 Nov 16:22", id="an hour and a half, alone"),
        pytest.param("en 2 horas y media", "Tue 24 Nov 17:22", id="hours and a half"),
    ],
)
def test_words_mean_an_instant(words, means):
    """Both languages, whatever the language of the desk."""
    assert read(words) == means


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("mañana", "Diga también la hora"),
        ("27/11", "Diga también la hora"),
        ("lunes 30", "Diga también la hora"),
        ("mañana por la tarde", "Diga también la hora"),
        ("lunes 9", "no es un momento"),
        ("jueves 30 de noviembre a las 9", "no es un momento"),
        ("mañana a las 12 de la noche", "no es un momento"),
        ("hoy a las 10", "Eso ya pasó"),
        ("2026-11-20T10:00", "Eso ya pasó"),
        ("a las 25", "no es un momento"),
        ("en 5 peras", "no es un momento"),
        ("pronto", "no es un momento"),
        ("", "no es un momento"),
        ("en 9999 semanas hábiles", "Soporte no abre"),
        ("31/02 10:00", "no es un momento"),
        ("x" * 5000, "no es un momento"),
    ],
)
def test_what_names_no_instant_is_refused_with_what_to_do(words, why):
    """Nothing is guessed."""
    with translation.override("es"), pytest.raises(UnreadableInstant) as refused:
        read(words)
    assert why in refused.value.user_message()


def test_a_civil_time_is_read_on_the_clock_of_its_zone_across_a_change():
    """“Tomorrow at 10:00” is 10:00 there, whatever the clocks do in the night."""
    before = datetime(2026, 10, 31, 18, tzinfo=TUESDAY.tzinfo)
    assert read("tomorrow at 10:00", before, "America/New_York") == "Sun 01 Nov 10:00"
