"""Adding, taking away and putting in order: what is edited changes, and not a line beside it."""

import difflib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from plazo.agreements.arranging import (
    AddCalendar,
    AddService,
    Move,
    RemoveCalendar,
    RemoveService,
    RetireService,
    RunOn,
)
from plazo.agreements.changes import changes
from plazo.agreements.convert import to_agreement
from plazo.agreements.document import parse
from plazo.agreements.edits import (
    AddDays,
    Asked,
    Edit,
    RemoveField,
    SetField,
    SetService,
    SpecialDay,
)
from plazo.agreements.errors import (
    CalendarInUse,
    KeyTaken,
    LastService,
    NothingThere,
    OnlyForThis,
    WrittenOtherwise,
)
from plazo.agreements.lint import check
from plazo.agreements.trying import offers, questions, trials
from plazo.agreements.writing import blocks
from tests.factory import IWS

SOURCE = IWS.read_text(encoding="utf-8")
NIGHTS = ((timedelta(hours=22), timedelta(hours=30)),)
NIGHT = AddCalendar("night", "Noche", "Night", "America/Lima", (*[NIGHTS] * 5, (), ()))
CLOUD = AddService(
    "cloud", "layers", ("Nube", "Cloud"), ("Respaldo", "Backup"), ("De nube", "Of cloud"),
    Asked("cloud", ("order_number",)),
)  # fmt: skip
CHRISTMAS = AddDays("support", (SpecialDay(date(2026, 12, 25), "Navidad", "Christmas"),))
ESD_FIRST = SOURCE.replace(
    '[[policies]]\nkey = "standard"',
    """[[policies]]
key = "esd_first"
services = ["esd"]

[[policies.targets]]
metric = "first_reply"
duration = "30 min"
calendar = "support"

[[policies.targets]]
metric = "escalated_reply"
duration = "1 h"
calendar = "always"

[[policies]]
key = "standard"
""".rstrip(),
)
NOTED = SOURCE.replace("[services.catalog]", "# el último\n[services.catalog]").replace(
    'hint = { es = "Existencias', '# lo que se toca\nhint = { es = "Existencias'
)


def lines(edit: Edit, source: str = SOURCE) -> list[str]:
    """Return the lines that an edit takes away and puts in."""
    found = difflib.unified_diff(
        source.splitlines(), edit.apply(source).splitlines(), n=0, lineterm=""
    )
    return [line for line in found if line[:3] not in ("---", "+++") and line[0] != "@"]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(
            NIGHT,
            [
                "+", "+[calendars.night]", '+zone = "America/Lima"',
                '+name = { es = "Noche", en = "Night" }', "+hours = [",
                '+  { days = "mon-fri", open = ["22:00-06:00"] },', "+]",
            ],
            id="a calendar, below the last one",
        ),
        pytest.param(
            RunOn("always", (("standard", "scope_verdict", ""),), ("internal",)),
            ['-calendar = "support"', '+calendar = "always"'] * 2,
            id="a promise and a channel on another calendar",
        ),
        pytest.param(
            RunOn("support", areas=("sales",)),
            [
                '-target = { duration = "8 h", calendar = "working", warn_at = "75 %", remind_every = "4 h" }',
                '+target = { duration = "8 h", calendar = "support", warn_at = "75 %", remind_every = "4 h" }',
            ],
            id="what an area owes us on another calendar",
        ),
        pytest.param(
            RunOn("working", published=True),
            [
                ('-support_calendar = "support" # el horario que se publica y con el que se leen'
                " las horas"),
                ('+support_calendar = "working" # el horario que se publica y con el que se leen'
                " las horas"),
            ],
            id="the published hours, with the comment beside them",
        ),
        pytest.param(
            CLOUD,
            [
                "+[services.cloud]", '+icon = "layers"', '+name = { es = "Nube", en = "Cloud" }',
                '+hint = { es = "Respaldo", en = "Backup" }',
                '+clients = { es = "De nube", en = "Of cloud" }', "+",
                '-services = ["esd", "physical", "whitelabel"]',
                '+services = ["esd", "physical", "whitelabel", "cloud"]',
            ],
            id="a service, above what introduces the next part, and what is asked for it",
        ),
        pytest.param(RetireService("catalog"), ["+retired = true"], id="a service retired"),
        pytest.param(
            SetField("sku", ("SKU de los productos", "SKUs of the products"),
                     ("Uno por línea.", "One per line."), "choice", services=("catalog", "physical"),
                     request_types=("incident", "question"), options=(("Sí", "Yes"), ("No", "No"))),
            [
                '-kind = "lines"', '+kind = "choice"', "+options = [",
                '+  { es = "Sí", en = "Yes" },', '+  { es = "No", en = "No" },', "+]",
            ],
            id="a field that becomes a choice",
        ),
        pytest.param(
            RemoveField("invoice_number"),
            [
                "-[[fields]]", '-key = "invoice_number"',
                '-label = { es = "Número de factura", en = "Invoice number" }',
                '-request_types = ["billing"]', "-",
            ],
            id="the last field",
        ),
        pytest.param(
            SetService("esd", "Licencias ESD", "ESD licenses", "Software y suscripciones",
                       "Software and subscriptions", icon="lock",
                       asked=Asked("esd", ("order_number", "sku"))),
            [
                '-icon = "key-round"', '+icon = "lock"', '-services = ["catalog", "physical"]',
                '+services = ["catalog", "physical", "esd"]',
            ],
            id="a service's icon, and one question more",
        ),
    ],
)  # fmt: skip
def test_an_edit_changes_its_own_lines_and_no_other(edit, expected):
    """What people wrote stays as they wrote it, the text runs, and a second time is no change."""
    assert lines(edit) == expected
    after = edit.apply(SOURCE)
    assert [finding for finding in check(after) if finding.is_error] == []


@pytest.mark.parametrize(
    ("edit", "source", "order"),
    [
        pytest.param(Move("services", "catalog", "esd", after=False), SOURCE,
                     ["catalog", "esd", "physical", "whitelabel"], id="to the top"),
        pytest.param(Move("services", "esd", "physical", after=True), SOURCE,
                     ["physical", "esd", "whitelabel", "catalog"], id="one down"),
        pytest.param(Move("services", "esd", "catalog", after=True), NOTED,
                     ["physical", "whitelabel", "catalog", "esd"], id="to the end, past comments"),
        pytest.param(Move("services", "esd", "esd", after=True), SOURCE,
                     ["esd", "physical", "whitelabel", "catalog"], id="beside itself"),
        pytest.param(Move("fields", "sku", "order_number", after=False), SOURCE,
                     ["sku", "order_number", "method", "called_at", "trace_id", "store_domain",
                      "invoice_number"], id="a question above the first"),
        pytest.param(Move("fields", "order_number", "called_at", after=True),
                     SOURCE.replace('hint = { es = "Uno por línea.", en = "One per line." }',
                                    'hint = { es = """\n[[fields]]\n""", en = "One per line." }'),
                     ["method", "called_at", "order_number", "trace_id", "sku", "store_domain",
                      "invoice_number"], id="past a text that looks like a table"),
    ],
)  # fmt: skip
def test_what_is_moved_takes_its_own_lines_along(edit, source, order):
    """In the new order every table says what it said, and what introduces others stays."""
    before, after = parse(source), edit.apply(source)
    found = parse(after)
    keys = list(found.services) if edit.table == "services" else [f.key for f in found.fields]
    assert keys == order
    assert found.services == before.services
    assert {f.key: f for f in found.fields} == {f.key: f for f in before.fields}
    assert sorted(after.splitlines()) == sorted(source.splitlines())
    for line, above in (("# ── 2. Definición", "\n\n"), ("# Lo que hace falta", "\n\n")):
        assert after[: after.index(line)].endswith(above)
    assert after.count("# el último\n[services.catalog]") == source.count("# el último")
    back = Move(edit.table, edit.key, edit.beside, after=not edit.after)
    assert parse(edit.apply(back.apply(after))) == found


@pytest.mark.parametrize(
    ("edits", "gone"),
    [
        ((NIGHT,), RemoveCalendar("night")),
        ((CLOUD,), RemoveService("cloud")),
        ((SetField("region", ("Región", "Region")),), RemoveField("region")),
        ((RetireService("esd"),), RetireService("esd", retired=False)),
    ],
    ids=["a calendar", "a service", "a field", "a retirement"],
)
def test_what_was_added_and_taken_away_again_leaves_the_text_as_it_was(edits, gone):
    """To the last comment and the last blank line."""
    source = SOURCE
    for edit in edits:
        source = edit.apply(source)
    assert source != SOURCE
    assert gone.apply(source).rstrip("\n") == SOURCE.rstrip("\n")


@pytest.mark.parametrize(
    ("edit", "source", "error", "words"),
    [
        (replace(NIGHT, key="support"), SOURCE, KeyTaken, "Elija otra clave"),
        (replace(NIGHT, days_of="nada"), SOURCE, NothingThere, "nada"),
        (replace(CLOUD, key="esd"), SOURCE, KeyTaken, "Elija otra clave"),
        (RemoveCalendar("working"), SOURCE, CalendarInUse,
         "«Respuesta de nivel 2, severidad C», «Respuesta de Integraciones»"),
        (RemoveCalendar("always"), SOURCE, CalendarInUse, "y 3 más corren con él"),
        (RemoveCalendar("nada"), SOURCE, NothingThere, "nada"),
        (RunOn("nada"), SOURCE, NothingThere, "nada"),
        (RunOn("always", (("standard", "resolution", ""),)), SOURCE, NothingThere, "resolution"),
        (RunOn("always", channels=("fax",)), SOURCE, NothingThere, "fax"),
        (RunOn("always", areas=("client",)), SOURCE, NothingThere, "client"),
        (RetireService("nada"), SOURCE, NothingThere, "nada"),
        (RemoveField("nada"), SOURCE, NothingThere, "nada"),
        (Move("services", "nada", "esd", after=True), SOURCE, NothingThere, "nada"),
        (Move("services", "esd", "nada", after=True), SOURCE, NothingThere, "nada"),
        (Asked("whitelabel", ()), SOURCE, OnlyForThis, "Dominio de su tienda"),
        (Asked("esd", ("order_number",), ""), ESD_FIRST, OnlyForThis, "esd_first"),
    ],
)  # fmt: skip
def test_what_cannot_be_says_what_to_do(edit, source, error, words):
    """In a sentence, in Spanish, that names what is in the way."""
    with translation.override("es"), pytest.raises(error) as caught:
        edit.apply(source)
    assert words in caught.value.user_message()


def test_the_last_service_that_is_offered_stays():
    """Neither retired nor removed: the form could not be filled in."""
    source = SOURCE
    for key in ("physical", "whitelabel", "catalog"):
        source = RetireService(key).apply(source)
    assert list(parse(source).offered) == ["esd"]
    for edit in (RetireService("esd"), RemoveService("esd")):
        with translation.override("es"), pytest.raises(LastService, match="Ofrezca primero otro"):
            edit.apply(source)


def test_a_file_that_is_written_otherwise_is_left_to_its_writers():
    """Its tables have no lines of their own that could be moved."""
    start = SOURCE.index("[services.esd]")
    end = SOURCE.index("# ── 2.")
    names = '{ es = "a", en = "a" }'
    entry = f'{{ icon = "store", name = {names}, hint = {names}, clients = {names} }}'
    inline = f"[services]\nesd = {entry}\nphysical = {entry}\n\n"
    source = SOURCE[:start] + inline + SOURCE[end:]
    assert list(parse(source).services) == ["esd", "physical"]
    with translation.override("es"), pytest.raises(WrittenOtherwise, match="publish"):
        Move("services", "esd", "physical", after=True).apply(source)
    assert RetireService("esd").apply(source).count("retired = true") == 1


def test_a_table_with_tables_of_its_own_is_one():
    """A name that is written as a table goes where its service goes."""
    source = SOURCE.replace(
        'name = { es = "Whitelabel", en = "White-label" }\n', ""
    ).replace(
        "[services.catalog]",
        '[services.whitelabel.name]\nes = "Whitelabel"\nen = "White-label"\n\n[services.catalog]',
    )  # fmt: skip
    assert [block.key for block in blocks(source, "services")] == list(parse(source).services)
    after = Move("services", "whitelabel", "esd", after=False).apply(source)
    assert parse(after).services == parse(source).services
    assert next(iter(parse(after).services)) == "whitelabel"


def test_a_copied_calendar_takes_the_special_days_over():
    """With their names and hours; the calendar that they are from keeps its own."""
    source = replace(NIGHT, days_of="support").apply(CHRISTMAS.apply(SOURCE))
    night, support = (parse(source).calendars[key] for key in ("night", "support"))
    assert night.holidays == support.holidays
    assert [day.name.en for day in night.holidays] == ["Christmas"]


def test_a_service_that_leaves_a_policy_gets_what_holds_for_all():
    """And one that joins it is among its services; the rest of the policy stays."""
    joined = AddService(
        "cloud", "layers", ("a", "a"), ("a", "a"), ("a", "a"), Asked("cloud", (), "esd_first")
    ).apply(ESD_FIRST)
    assert parse(joined).policies[0].services == ("esd", "cloud")
    assert Asked("esd", ("order_number",)).apply(joined) == joined
    left = Asked("esd", ("order_number",), "").apply(joined)
    assert parse(left).policies[0].services == ("cloud",)
    assert parse(left).policies[0].targets == parse(ESD_FIRST).policies[0].targets


def test_what_changes_is_said_in_words():
    """A calendar, a service, an order, what runs where, and a choice."""
    after = SOURCE
    for edit in (
        NIGHT, CLOUD, RetireService("catalog"), Move("services", "physical", "esd", after=False),
        RunOn("night", (("standard", "first_reply", ""),)),
        SetField("region", ("Región", "Region"), kind="choice",
                 options=(("Norte", "North"), ("Sur", "South")), services=("cloud",)),
        SetField("invoice_number", ("Número de factura", "Invoice number"), kind="choice",
                 options=(("Una", "One"), ("Dos", "Two")), request_types=("billing",)),
    ):  # fmt: skip
        after = edit.apply(after)
    with translation.override("es"):
        said = [
            f"{c.where} | {c.what} | {c.before} | {c.after}".replace("\u00a0", " ")
            for c in changes(parse(SOURCE), parse(after), "es")
        ]
    assert said == [
        "Noche | Calendario nuevo |  | America/Lima · 40 h por semana",
        "Servicio «Catálogo» | Retirado |  | ",
        "Servicio «Nube» | Servicio nuevo |  | Respaldo",
        (
            "Campo «Número de orden» | Servicios | Licencias ESD, Productos físicos, Whitelabel |"
            " Licencias ESD, Productos físicos, Whitelabel, Nube"
        ),
        "Campo «Número de factura» | Tipo | Una línea | Una de varias opciones",
        "Campo «Número de factura» | Opciones |  | Una, Dos",
        "Campo «Región» | Campo nuevo |  | Una de varias opciones",
        (
            "Servicios | Orden | Licencias ESD, Productos físicos, Whitelabel, Catálogo |"
            " Productos físicos, Licencias ESD, Whitelabel, Catálogo, Nube"
        ),
        "Primera respuesta | Calendario con el que corre | Horario de soporte | Noche",
    ]


def test_a_rehearsal_shows_the_hours_that_move_and_the_form_that_will_be():
    """By what a case about the service gets: its policy, its questions; and what is gone."""
    old = parse(ESD_FIRST)
    after = RunOn("night", (("esd_first", "first_reply", ""),)).apply(NIGHT.apply(ESD_FIRST))
    for edit in (
        CLOUD, RetireService("catalog"), RemoveField("trace_id"),
        SetField("region", ("Región", "Region"), services=("cloud", "esd"), required=True),
    ):  # fmt: skip
        after = edit.apply(after)
    new = parse(after)
    runs, ran = to_agreement(new, 2), to_agreement(old, 1)
    at = datetime(2026, 11, 24, 20, tzinfo=UTC)  # Tuesday, 15:00 in Lima and Panama

    def tried(service: str) -> list[tuple[str, datetime | None, datetime | None]]:
        found = trials(new, runs, (old, ran), at, service)
        return [(trial.severity, trial.due, trial.before) for trial in found if trial.moves]

    half_past = at + timedelta(minutes=30)
    assert tried("esd") == [("", datetime(2026, 11, 25, 3, 30, tzinfo=UTC), half_past)]
    assert tried("physical") == tried("") == []
    assert {before for _severity, _due, before in tried("cloud")} == {None}
    with translation.override("es"):
        form = [(each.key, each.what) for each in offers(new, old, "es")]
        asked = {each.key: each.what for each in questions(new, old, "esd", "es")}
        cloud = {each.key: (each.what, each.words) for each in questions(new, old, "cloud", "es")}
    assert form == [("esd", ""), ("physical", ""), ("whitelabel", ""), ("cloud", "new"),
                    ("catalog", "gone")]  # fmt: skip
    assert {key for key, what in asked.items() if what == "gone"} == {"trace_id"}
    assert (asked["region"], asked["order_number"]) == ("new", "")
    assert cloud["region"] == ("new", "Una línea · obligatorio")
    assert cloud["order_number"][0] == ""
    assert "sku" not in cloud
