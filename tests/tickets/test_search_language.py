"""The language of the search: what each thing that one may type means."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plazo.tickets.search.language import OPERATORS, Wanted, parse, want

# Tuesday, 14:52 in Panama.
NOW = datetime(2026, 11, 24, 19, 52, tzinfo=UTC)
ZONE = "America/Panama"


class Some:
    """Names of one agent, one company and one person."""

    known = {
        ("assignee", "laura"): [7],
        ("organization", "distribuidora norte"): [3],
        ("organization", "norte"): [3],
        ("requester", "ana@norte.example"): [11],
        ("service", "catalogo"): ["catalog"],
        ("area", "integraciones"): ["integrations"],
    }

    def keys(self, field: str, words: str) -> Sequence[int | str]:
        return self.known.get((field, words.lower().replace("á", "a")), [])


def read(text: str) -> Wanted:
    return want(parse(text), Some(), now=NOW, zone=ZONE)


OPERATOR_ROWS = [
    ("status:open", "status any_of ['open']"),
    ("estado:abierto,pendiente", "status any_of ['open', 'pending']"),
    ("-estado:cerrado", "status none_of ['closed']"),
    ("ESTADO:Nuevo", "status any_of ['new']"),
    ("severity:A", "severity any_of ['A']"),
    ("gravedad:b", "severity any_of ['B']"),
    ("nivel:2", "level any_of ['2']"),
    ("assignee:me", "assignee any_of ['me']"),
    ("asignado:yo", "assignee any_of ['me']"),
    ("asignado:nadie", "assignee any_of ['nobody']"),
    ("-asignado:nadie", "assignee none_of ['nobody']"),
    ("asignado:Laura", "assignee any_of [7]"),
    ('org:"Distribuidora Norte"', "organization any_of [3]"),
    ("empresa:norte", "organization any_of [3]"),
    ("organización:ninguna", "organization any_of ['none']"),
    ("from:ana@norte.example", "requester any_of [11]"),
    ("de:ana@norte.example", "requester any_of [11]"),
    ("servicio:catálogo", "service any_of ['catalog']"),
    ("canal:correo", "channel any_of ['email']"),
    ("tag:Urgente", "tag any_of ['urgente']"),
    ("-etiqueta:x", "tag none_of ['x']"),
    ('etiqueta:"pago 504"', "tag any_of ['pago-504']"),
    ("is:late", "due overdue None"),
    ("es:vencido", "due overdue None"),
    ("is:open", "status none_of ['solved', 'closed']"),
    ("-is:open", "status any_of ['solved', 'closed']"),
    ("es:mío", "assignee any_of ['me']"),
    ("area:Integraciones", "area any_of ['integrations']"),
    ("-area:integraciones", "area none_of ['integrations']"),
    ("is:awaiting-area", "area_answer any_of ['awaited']"),
    ("-es:area-vencida", "area_answer none_of ['late']"),
    ("es:área-respondió", "area_answer any_of ['given']"),
    ("has:attachment", "has any_of ['file']"),
    ("-tiene:nota", "has none_of ['note']"),
    ("due<2h", "due within 120"),
    ("vence<30m", "due within 30"),
    ("vence:hoy", "due until 2026-11-25T05:00:00+00:00"),
    ("vence<mañana", "due until 2026-11-26T05:00:00+00:00"),
    ("due<2026-12-01", "due until 2026-12-01T05:00:00+00:00"),
    ("opened>7d", "opened before 10080"),
    ("updated<1d", "updated within 1440"),
    ("creado:ayer", "opened since 2026-11-23T05:00:00+00:00"),
    ("opened<=2026-11-20", "opened until 2026-11-21T05:00:00+00:00"),
    ("resuelto>2026-11-20", "solved since 2026-11-20T05:00:00+00:00"),
]


@pytest.mark.parametrize(("typed", "means"), OPERATOR_ROWS, ids=[row[0] for row in OPERATOR_ROWS])
def test_an_operator_means_one_condition(typed: str, means: str) -> None:
    """Each operator, in both languages, is one condition of the shared vocabulary, and no word."""
    wanted = read(typed)
    assert [f"{c.field} {c.op} {c.value}" for c in wanted.conditions] == [means]
    assert (wanted.words, wanted.without, wanted.remarks) == ("", (), ())


WORD_ROWS = [
    ("pago rechazado", "pago rechazado", (), (), ()),
    ("«pago»  rechazado", "«pago» rechazado", (), (), ()),
    ('"orden de compra" pago', "pago", ("orden de compra",), (), ()),
    ('pago "orden de', "pago", ("orden de",), (), ()),
    ("pago -prueba", "pago", (), ("prueba",), ()),
    ('-"orden de compra" pago', "pago", (), ("orden de compra",), ()),
    ("v1.2-beta", "v1.2-beta", (), (), ()),
    ("- pago", "- pago", (), (), ()),
    ("https://x.example/a", "https://x.example/a", (), (), ()),
    ("color:rojo", "color:rojo", (), (), ("color:rojo unknown",)),
    ("estado:raro", "raro", (), (), ("estado:raro value",)),
    ("-empresa:nadiesabe", "", (), ("nadiesabe",), ("-empresa:nadiesabe value",)),
    ("etiqueta:a/b", "a/b", (), (), ("etiqueta:a/b value",)),
    ("due>2h", "2h", (), (), ("due>2h value",)),
    ("-due<2h", "", (), ("2h",), ("-due<2h minus",)),
    ("-es:vencido", "", (), ("vencido",), ("-es:vencido minus",)),
    ("vence<pronto", "pronto", (), (), ("vence<pronto value",)),
    ("opened>999999999d", "999999999d", (), (), ("opened>999999999d value",)),
]


@pytest.mark.parametrize(
    ("typed", "words", "phrases", "without", "remarks"), WORD_ROWS, ids=[r[0] for r in WORD_ROWS]
)
def test_everything_else_is_words(
    typed: str,
    words: str,
    phrases: tuple[str, ...],
    without: tuple[str, ...],
    remarks: tuple[str, ...],
) -> None:
    """What is no operator, or has a value that nobody knows, is looked for, and it is said."""
    wanted = read(typed)
    assert (wanted.words, wanted.phrases, wanted.without) == (words, phrases, without)
    assert tuple(f"{remark.token} {remark.why}" for remark in wanted.remarks) == remarks
    assert wanted.conditions == ()


def test_a_place_narrows_words() -> None:
    """Words of the subject or of a file's name are words with a place."""
    wanted = read('asunto:"error 504" archivo:informe.pdf')
    assert wanted.within == (("subject", "error 504"), ("file", "informe.pdf"))


_pieces = st.one_of(
    st.sampled_from(sorted({name for names in OPERATORS.values() for name in names})),
    st.sampled_from(
        [":", "<", "<=", ">", ">=", "-", '"', ",", " ", "hoy", "2h", "\x00", "é", "//"]
    ),
    st.text(max_size=6),
)


@given(st.lists(_pieces, max_size=25).map("".join))
def test_nothing_that_can_be_typed_is_an_error(text: str) -> None:
    """Whatever is typed is read, each remark names a part of it, and empty wants nothing."""
    wanted = read(text)
    assert all(remark.token in wanted.parsed.text for remark in wanted.remarks)
    assert not text.strip() or len(wanted.conditions) <= 20
