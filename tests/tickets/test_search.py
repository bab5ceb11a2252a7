"""The agents' search: everything that was said is found, what was erased is not, and the index
is what the texts say.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection

from plazo.accounts import erasure
from plazo.accounts.models import Organization, Requester
from plazo.agreements.queries import version_in_force
from plazo.core.actor import Actor
from plazo.tickets import commands
from plazo.tickets.bodies import store_upload
from plazo.tickets.models import Ticket, TicketWords, WordsDue
from plazo.tickets.search import asking, indexing, language
from plazo.tickets.search.naming import Known
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent

pytestmark = pytest.mark.django_db
NOW = TUESDAY
SYSTEM = Actor.system("tests")


def ask(text: str, **how: Any) -> asking.Found:
    """Search as agent 1 does, with all that is due indexed."""
    while indexing.index_due():
        pass
    document = version_in_force(NOW).document
    wanted = language.want(language.parse(text), Known(document), now=NOW, zone="America/Panama")
    return asking.find(wanted, agent=an_agent(), now=NOW, prefix=document.case_prefix, **how)


def found(text: str) -> list[str]:
    return [hit.ticket.subject for hit in ask(text).hits]


@pytest.fixture
def desk() -> dict[str, Ticket]:
    """Return a case with a message, an answer, a note and files, and two that differ from it."""
    org = Organization.objects.create(name="Distribuidora Ñandú", slug="nandu", stage="production")
    person = a_requester("ana.perez@nandu.example", "Ana Pérez")
    Requester.objects.filter(pk=person.pk).update(organization=org)
    person.refresh_from_db()
    one = a_case(
        now=NOW - timedelta(hours=3),
        subject="Error 504 en los pedidos",
        body="La orden de compra número A-1042 quedó rechazada por el cortafuegos.",
        requester=person,
    )
    log = store_upload(ContentFile(b"x"), name="registro-nocturno.log", content_type="text/plain")
    commands.reply_to_ticket(
        ticket_id=one.pk,
        body="Abrimos el puerto; confírmenos si ya facturan.",
        attachments=[log],
        actor=as_agent(),
        now=NOW,
    )
    commands.add_internal_note(
        ticket_id=one.pk, body="El proveedor tiene un apagón.", actor=as_agent(), now=NOW
    )
    other = a_requester("otro@sur.example", "Otro Sur")
    two = a_case(
        now=NOW - timedelta(hours=2), subject="Catálogo vacío", body="Nada llega.", requester=other
    )
    three = a_case(
        now=NOW - timedelta(hours=1),
        subject="Factura doble",
        body="Una de compra.",
        requester=other,
    )
    commands.set_severity(ticket_id=three.pk, severity="A", actor=as_agent(), now=NOW)
    return {"one": one, "two": two, "three": three}


FINDS = [
    ("pedido", ["one"], "singular finds plural"),
    ("PEDIDOS", ["one"], "capitals do not matter"),
    ("catalogo", ["two"], "accents do not matter"),
    ("cortafuegos rechazada", ["one"], "all words must be there"),
    ("cortafuegos vacío", [], "all of them"),
    ("puerto cortafuegos", ["one"], "in whichever of its texts"),
    ("apagón", ["one"], "notes are found"),
    ("nocturno", ["one"], "names of files are found"),
    ("perez", ["one"], "whoever asked is found"),
    ("ana.perez@nandu.example", ["one"], "by their address too"),
    ("nandu", ["one"], "by their company"),
    ('"orden de compra"', ["one"], "a phrase"),
    ('"compra de orden"', [], "in its order"),
    ("compra -orden", ["three"], "what must not be there"),
    ("factur", ["three", "one"], "the last word may go on, the newest first"),
    ("catál vacío", [], "but not the others"),
    ("gravedad:A", ["three"], "an operator alone"),
    ("gravedad:A compra", ["three"], "with a word"),
    ("gravedad:A cortafuegos", [], "both must hold"),
    ("tiene:adjunto", ["one"], "what a ticket has"),
    ("-tiene:nota compra", ["three"], "or has not"),
    ('empresa:"Distribuidora Ñandú"', ["one"], "a company by its name"),
    ("de:perez", ["one"], "a person by their name"),
    ("asunto:504", ["one"], "a word of the subject"),
    ("asunto:cortafuegos", [], "and of nothing else"),
    ("archivo:registro", ["one"], "a word of a file's name"),
    ("A-1042", ["one"], "a number with its sign"),
    ("inexistente", [], "nothing"),
    ("", [], "nothing wanted, nothing found"),
]


def test_what_is_asked_is_found(desk: dict[str, Ticket]) -> None:
    """Each row is a rule: what is typed, what is found, and why."""
    for typed, expected, why in FINDS:
        assert found(typed) == [desk[name].subject for name in expected], (typed, why)


def test_a_number_stands_first(desk: dict[str, Ticket]) -> None:
    """A number that is all that was typed leads to its case, with its letters or without."""
    number = desk["one"].number
    a_case(subject=f"Sigue de {number}", body="Como antes.")
    for typed in (number, number.lower(), number.rpartition("-")[2], f"#{number}"):
        assert ask(typed).hits[0].ticket == desk["one"], typed


def test_it_is_said_where_it_was_found(desk: dict[str, Ticket]) -> None:
    """A hit shows the text that has the words, marked; in the subject it is marked there."""
    for typed, where, marked in (
        ("cortafuegos", "message", "<mark>cortafuegos</mark>"),
        ("apagon", "note", "<mark>apagón</mark>"),
        ("registro nocturno", "file", "<mark>registro-nocturno.log</mark>"),
    ):
        (hit,) = ask(typed).hits
        assert hit.where == where
        assert marked in hit.snippet
    (hit,) = ask("pedido").hits
    assert (hit.where, "<mark>pedidos</mark>" in hit.subject) == ("", True)


def test_pages_follow_each_other(desk: dict[str, Ticket]) -> None:
    """Page by page, each ticket comes once, the newest first."""
    pages, after = [], ""
    for _page in range(3):
        page = ask("-tag:x", after=after, size=1)
        pages += [hit.ticket for hit in page.hits]
        after = page.next_after
    assert pages == [desk["three"], desk["two"], desk["one"]]
    assert after == ""


def test_what_was_erased_is_not_found(desk: dict[str, Ticket]) -> None:
    """A message's words, and a person's name, are gone from the index with the erasure itself."""
    assert found("cortafuegos") != []
    message = desk["one"].messages.order_by("pk").first()
    assert message is not None
    commands.redact_message(message_id=message.pk, actor=SYSTEM, now=NOW)
    assert not TicketWords.objects.filter(ticket=desk["one"]).exists()
    assert found("cortafuegos") == []
    assert found("puerto") == [desk["one"].subject]
    commands.set_status(ticket_id=desk["one"].pk, status="solved", actor=as_agent(), now=NOW)
    erasure.erase_requester(requester_id=desk["one"].requester_id, actor=SYSTEM, now=NOW)
    assert not TicketWords.objects.filter(ticket=desk["one"]).exists()
    for words in ("perez", "ana.perez@nandu.example", "pedidos"):
        assert found(words) == []
    assert found("puerto") == [desk["one"].number]
    assert [*indexing.differences()] == []


def _stored() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ticket_id, part, names, words::text FROM tickets_ticketwords ORDER BY 1, 2"
        )
        return list(cursor.fetchall())


def test_rebuilding_changes_nothing(desk: dict[str, Ticket]) -> None:
    """What was indexed bit by bit is what indexing everything says, and the check finds no fault
    until somebody tampers with it."""
    ask("x")
    before = _stored()
    assert indexing.index_all() == 3
    assert _stored() == before
    assert [*indexing.differences()] == []
    TicketWords.objects.filter(ticket=desk["two"]).update(words="falso")
    assert [*indexing.differences()] == [desk["two"].number]


def test_a_ticket_that_nobody_announced_is_found_again(desk: dict[str, Ticket]) -> None:
    """Words that were lost, and a person or a company with another name, are noticed."""
    ask("x")
    assert indexing.find_forgotten() == 0
    TicketWords.objects.filter(ticket=desk["two"]).delete()
    Organization.objects.update(name="Grupo Colibrí")
    assert indexing.find_forgotten() == 2
    assert indexing.find_forgotten() == 0
    assert found("vacío") == [desk["two"].subject]
    assert found("colibri") == [desk["one"].subject]


def test_a_long_case_is_found_to_its_end(desk: dict[str, Ticket]) -> None:
    """Texts past what one row holds go on in the next; each is found, and the case once."""
    for number in range(4):
        text = " ".join(f"linea{number}x{at}" for at in range(6000)) + f" cola{number}final"
        commands.add_internal_note(ticket_id=desk["two"].pk, body=text, actor=as_agent(), now=NOW)
    for number in range(4):
        assert found(f"vacio cola{number}final") == [desk["two"].subject]
    assert TicketWords.objects.filter(ticket=desk["two"]).count() > 1
    assert found("vacio") == [desk["two"].subject]


def test_silence_is_not_read_again(desk: dict[str, Ticket]) -> None:
    """What says nothing costs the index nothing; words cost it one row."""
    ask("x")
    commands.set_severity(ticket_id=desk["two"].pk, severity="C", actor=as_agent(), now=NOW)
    assert WordsDue.objects.count() == 0
    commands.add_internal_note(ticket_id=desk["two"].pk, body="Una.", actor=as_agent(), now=NOW)
    assert WordsDue.objects.count() == 1


def test_the_statement_does_not_grow(
    desk: dict[str, Ticket], django_assert_num_queries: Callable[..., Any]
) -> None:
    """A page costs the same whatever it finds: the words and their two settings in a savepoint, the
    cases, and three queries to say where."""
    ask("x")
    wanted = language.want(language.parse("compra"), _Nobody(), now=NOW, zone="UTC")
    agent = an_agent()
    with django_assert_num_queries(9):
        assert len(asking.find(wanted, agent=agent, now=NOW, prefix="X").hits) == 2


class _Nobody:
    def keys(self, field: str, words: str) -> list[int | str]:
        return []


def test_words_are_read_off_their_index(desk: dict[str, Ticket]) -> None:
    """As it is asked, the plan goes through the index of words."""
    ask("x")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {asking.MATCHING}", ["'cortafueg'", asking.FEW + 1])
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan = on")
    assert "Bitmap Index Scan on ticket_words" in plan


def test_many_and_few_are_found_alike(
    desk: dict[str, Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What many cases say is walked from the newest on, and finds the same."""
    few = found("compra")
    monkeypatch.setattr(asking, "FEW", 1)
    assert found("compra") == few == [desk["three"].subject, desk["one"].subject]
