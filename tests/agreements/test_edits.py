"""Edits of the agreement's text: each changes what it says, and not a word more."""

import difflib
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plazo.agreements.document import AgreementDocument, parse
from plazo.agreements.edits import (
    AddDays,
    Edit,
    RemoveDay,
    RemoveField,
    SetCalendar,
    SetField,
    SetService,
    SetWeek,
    SpecialDay,
    days_text,
)
from plazo.agreements.errors import NothingThere
from plazo.agreements.lint import check
from tests.factory import IWS

SOURCE = IWS.read_text(encoding="utf-8")
CHRISTMAS = SpecialDay(date(2026, 12, 25), "Navidad", "Christmas Day")
METHOD = ("Método que llamó", "Method you called")


def hours(opens: int, closes: int) -> tuple[timedelta, timedelta]:
    return timedelta(hours=opens), timedelta(hours=closes)


def lines(edit: Edit, source: str = SOURCE) -> str:
    """Return the lines that an edit takes away and puts in."""
    found = difflib.unified_diff(
        source.splitlines(), edit.apply(source).splitlines(), n=0, lineterm=""
    )
    return "\n".join(line for line in found if line[:3] not in ("---", "+++") and line[0] != "@")


WEEK = (*[(hours(7, 20),)] * 5, (hours(8, 12), hours(13, 17)), ())


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(
            SetWeek("support", WEEK),
            """\
-  { days = "mon-fri", open = ["06:00-22:00"] },
-  { days = "sat-sun", open = ["09:00-17:00"] },
+  { days = "mon-fri", open = ["07:00-20:00"] },
+  { days = "sat", open = ["08:00-12:00", "13:00-17:00"] },""",
            id="a week, day by day",
        ),
        pytest.param(
            SetCalendar("support", "America/Bogota", "Horario de soporte", "Support hours"),
            '-zone = "America/Panama"\n+zone = "America/Bogota"',
            id="a zone, and the names as they were",
        ),
        pytest.param(
            AddDays("support", (CHRISTMAS,)),
            """\
-holidays = [] # el documento no nombra festivos; { date = "2026-12-25", name = {…}, open = [] }
+holidays = [
+  { date = "2026-12-25", name = { es = "Navidad", en = "Christmas Day" }, open = [] },
+] # el documento no nombra festivos; { date = "2026-12-25", name = {…}, open = [] }""",
            id="a holiday, with the comment beside the list",
        ),
        pytest.param(
            AddDays("working", (SpecialDay(date(2026, 12, 31), "Fin", "End", (hours(9, 12),)),)),
            """\
+holidays = [
+  { date = "2026-12-31", name = { es = "Fin", en = "End" }, open = ["09:00-12:00"] },
+]""",
            id="a holiday where the calendar had none",
        ),
        pytest.param(
            SetService("esd", "Licencias", "ESD licenses", "Software y suscripciones", "Software"),
            """\
-name = { es = "Licencias ESD", en = "ESD licenses" }
-hint = { es = "Software y suscripciones", en = "Software and subscriptions" }
+name = { es = "Licencias", en = "ESD licenses" }
+hint = { es = "Software y suscripciones", en = "Software" }""",
            id="a service's name",
        ),
        pytest.param(
            SetField("invoice_number", ("Número de factura", "Invoice number"), required=True,
                     request_types=("billing",)),
            "+required = true",
            id="a field that must be filled in",
        ),
        pytest.param(
            SetField("purchase", ('La "orden"', "Order"), kind="lines", services=("esd",)),
            """\
+[[fields]]
+key = "purchase"
+label = { es = "La \\"orden\\"", en = "Order" }
+kind = "lines"
+services = ["esd"]
+""",
            id="a new field",
        ),
        pytest.param(
            RemoveField("trace_id"),
            """\
-key = "trace_id"
-label = { es = "Traza de la respuesta (traceId)", en = "Trace of the answer (traceId)" }
-request_types = ["incident"]
-
-[[fields]]""",
            id="a field less",
        ),
    ],
)  # fmt: skip
def test_an_edit_changes_its_own_lines_and_no_other(edit, expected):
    """What people wrote stays as they wrote it, and the linter forbids nothing."""
    assert lines(edit) == expected
    assert not [fault for fault in check(edit.apply(SOURCE)) if fault.is_error]


COMMENTED = SOURCE.replace(
    "holidays = [] #",
    """holidays = [
  # los de todos
  { date = "2026-12-25", name = { es = "Navidad", en = "Christmas" }, open = [] }, # siempre
  { date = "2026-12-24", name = { es = "Víspera", en = "Eve" }, open = [] } # a veces
  # fin
] #""",
)


@pytest.mark.parametrize(
    ("edit", "kept"),
    [
        (AddDays("support", (SpecialDay(date(2026, 12, 8), "Madre", "Mother"),)),
         ["# los de todos", "# siempre", "# a veces", "# fin"]),
        (RemoveDay("support", date(2026, 12, 24)), ["# los de todos", "# siempre", "# fin"]),
        (RemoveDay("support", date(2026, 12, 25)), ["# los de todos", "# a veces", "# fin"]),
    ],
)  # fmt: skip
def test_comments_inside_a_list_stay(edit, kept):
    """All but the one beside a row that goes."""
    after = edit.apply(COMMENTED)
    assert [comment for comment in kept if comment not in after] == []
    assert not [fault for fault in check(after) if fault.is_error]
    everywhere = [line for line in COMMENTED.splitlines() if line.strip().startswith("#")]
    assert [line for line in everywhere if line not in after] == []


spans = st.lists(st.integers(0, 47), min_size=2, max_size=4, unique=True).map(
    lambda halves: tuple(
        (timedelta(minutes=30 * a), timedelta(minutes=30 * b))
        for a, b in zip(sorted(halves)[::2], sorted(halves)[1::2], strict=False)
    )
)


@given(st.lists(st.one_of(st.just(()), spans), min_size=7, max_size=7).filter(any))
@settings(max_examples=25, deadline=None)
def test_a_week_is_read_back_as_it_was_written(week):
    """Whatever the hours: the document has them, the rest of it is the same, twice is once."""
    edit = SetWeek("support", tuple(week))
    after = edit.apply(SOURCE)
    document = parse(after)
    read = tuple(
        tuple(
            sorted(s for h in document.calendars["support"].hours if day in h.days for s in h.open)
        )
        for day in range(7)
    )
    assert read == tuple(week)
    assert without_hours(document) == without_hours(parse(SOURCE))
    assert edit.apply(after) == after


def without_hours(document: AgreementDocument) -> object:
    support = document.calendars["support"].model_copy(update={"hours": ()})
    return document.model_copy(update={"calendars": document.calendars | {"support": support}})


@pytest.mark.parametrize(
    ("days", "text"),
    [((0, 1, 2, 3, 4), "mon-fri"), ((5, 6), "sat-sun"), ((0, 2, 4), "mon,wed,fri"), ((6,), "sun")],
)
def test_days_are_written_as_people_do(days, text):
    """Runs are joined."""
    assert days_text(days) == text


@pytest.mark.parametrize(
    "edit",
    [
        SetWeek("nocturno", WEEK),
        RemoveDay("support", date(2026, 1, 1)),
        SetService("nube", "a", "a", "b", "b"),
        RemoveField("nada"),
    ],
    ids=["calendar", "day", "service", "field"],
)
def test_what_is_not_there_cannot_be_changed(edit):
    """It is said, and nothing is made up."""
    with pytest.raises(NothingThere):
        edit.apply(SOURCE)
