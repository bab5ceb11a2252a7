"""Who may open what: the public addresses, signed links, and what never goes through them."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoAssertNumQueries

from plazo.accounts.access import actor_of_requester
from plazo.mailboxes.models import Mailbox, Source
from plazo.tickets import access, commands
from plazo.tickets.bodies import StoredUpload, store_upload
from plazo.tickets.models import Attachment, Ticket
from tests import factory
from tests.factory import TUESDAY

pytestmark = pytest.mark.django_db

PUBLIC = {
    "hc/f/<token>/<name>",
    "livez",
    "readyz",
    # Providers of mail: without PLAZO_WEBHOOK_SECRET it is not there.
    "mail/hook/<slug:provider>/",
    # Whoever was rung, and another area, answer from their mail: a signed token opens one page.
    "desk/ring/<token>/",
    "hc/<language>/areas/<token>/",
    # Demonstration only: without PLAZO_DEMO these are not there.
    "outbox/",
    "outbox/<int:pk>/",
    "outbox/<int:pk>/html/",
    "outbox/<int:pk>/raw/",
    "",
    "hc/<language>/",
    "hc/<language>/sla/",
    "hc/<language>/requests/new/",
    "hc/<language>/requests/promise/",
    "hc/<language>/requests/files/",
    "hc/<language>/sections/<slug:key>/",
    "hc/<language>/sections/<slug:key>/feed.atom",
    "hc/<language>/articles/<slug:slug>/",
    "hc/<language>/articles/<slug:slug>/vote/",
    "hc/<language>/a/<slug:key>/",
    "hc/files/<file>/<name>",
    "hc/<language>/search/",
    "hc/<language>/search/suggest/",
    "hc/<language>/feed.atom",
    "hc/<language>/status/",
    "hc/<language>/status/feed.atom",
    "hc/<language>/status/<announcement>/",
    "hc/<language>/status/follow/",
    "hc/<language>/status/follow/<token>/",
    "hc/<language>/status/follow/<token>/stop/",
    "sitemap.xml",
    "robots.txt",
    "hc/<language>/requests/<token>/",
    "hc/<language>/requests/<token>/sent/",
    "hc/<language>/requests/<token>/confirm/",
    "hc/<language>/requests/<token>/reply/",
    "hc/<language>/requests/<token>/answer/",
    "hc/<language>/requests/<token>/answer/help/",
    "hc/<language>/requests/<token>/answer/not-yet/",
    "hc/<language>/requests/<token>/answer/solved/",
    "hc/<language>/requests/<token>/solve/",
    "hc/<language>/requests/<token>/why/<key>/",
    "hc/<language>/requests/<token>/files/<file>/",
    "hc/<language>/requests/<token>/escalate/",
    "hc/<language>/requests/<token>/rate/",
    "hc/<language>/requests/<token>/follow-up/",
    "hc/<language>/requests/<token>/participants/",
    "hc/<language>/requests/<token>/participants/<int:person>/remove/",
}


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def uploaded(name: str, content: bytes) -> StoredUpload:
    """Store a file as the forms do."""
    return store_upload(
        SimpleUploadedFile(name, content), name=name, content_type="application/octet-stream"
    )


def link(ticket: Ticket) -> str:
    """Return the address of a case for its requester."""
    return f"/hc/es/requests/{access.link_token(ticket)}/"


def status(client: Client, address: str) -> int:
    """Return the status of an answer that may be a file, which reading to its end closes."""
    answer = client.get(address)
    if answer.streaming:
        assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return answer.status_code


def addresses(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every address of the project with its view."""
    for entry in resolver.url_patterns:
        path = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path, entry.callback
        else:
            yield from addresses(entry, path)


def test_the_list_of_public_addresses() -> None:
    """A new page asks for a sign-in until somebody writes it into this list."""
    found = {
        path.replace("language:", "").replace("str:", "").replace("uuid:", "")
        for path, view in addresses(get_resolver())
        if not getattr(view, "login_required", True)
    }

    assert {path for path in found if not path.startswith("accounts/")} == PUBLIC


@pytest.mark.parametrize("part", ["", "sent/", "why/first_reply/"])
def test_a_link_that_we_did_not_sign_shows_nothing(client: Client, part: str) -> None:
    """Changing one letter of a link gives a 404, not another person's case."""
    good = link(factory.a_case())
    bad = good[:-3] + ("aa" if good[-3:-1] != "aa" else "bb") + "/"

    assert client.get(good + part).status_code == 200
    assert client.get(bad + part).status_code == 404


def test_a_case_page_is_kept_nowhere(client: Client) -> None:
    """A page behind a signed link must not stay in caches or search engines, nor leak its link."""
    answer = client.get(link(factory.a_case()))

    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_notes_and_their_files_stay_inside(client: Client) -> None:
    """What agents tell each other has no way to the requester: no text, no file, no trace."""
    ticket = factory.a_case()
    commands.add_internal_note(
        ticket_id=ticket.pk,
        body="Sospecho del proveedor",
        attachments=[uploaded("interno.txt", b"secreto")],
        actor=factory.as_agent(),
        now=TUESDAY,
    )
    file = Attachment.objects.get()

    page = client.get(link(ticket)).content.decode()

    assert "Sospecho" not in page
    assert "interno.txt" not in page
    assert client.get(f"{link(ticket)}files/{file.public_id}/").status_code == 404


def test_a_file_of_another_case_is_not_there(client: Client) -> None:
    """A link shows the files of its own case, and no others."""
    mine, other = factory.a_case(), factory.a_case(attachments=[uploaded("a.txt", b"ajeno")])
    file = Attachment.objects.get()

    assert status(client, f"{link(other)}files/{file.public_id}/") == 200
    assert status(client, f"{link(mine)}files/{file.public_id}/") == 404
    assert status(client, f"{link(mine)}files/{uuid.uuid4()}/") == 404


@pytest.mark.parametrize(
    ("name", "content", "content_type", "disposition"),
    [
        pytest.param(
            "pantalla.png",
            b"\x89PNG\r\n\x1a\n0000",
            "image/png",
            'inline; filename="pantalla.png"',
            id="a picture is shown",
        ),
        pytest.param(
            "pantalla.png",
            b"<script>alert(1)</script>",
            "application/octet-stream",
            'attachment; filename="pantalla.png"',
            id="a page that calls itself a picture is not",
        ),
        pytest.param(
            "dibujo.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
            "application/octet-stream",
            'attachment; filename="dibujo.svg"',
            id="a drawing can carry script",
        ),
    ],
)
def test_files_are_inert(
    client: Client, name: str, content: bytes, content_type: str, disposition: str
) -> None:
    """Nothing that was sent to us runs under our name."""
    ticket = factory.a_case(attachments=[uploaded(name, content)])
    answer = client.get(f"{link(ticket)}files/{Attachment.objects.get().public_id}/")

    assert b"".join(answer.streaming_content) == content  # type: ignore[attr-defined]
    assert answer["Content-Type"] == content_type
    assert answer["Content-Disposition"] == disposition
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]


def test_an_internal_clock_explains_nothing_to_the_requester(client: Client) -> None:
    """The verdict's clock is ours; asking for it by name gives a 404."""
    ticket = factory.a_case()

    assert client.get(f"{link(ticket)}why/first_reply/").status_code == 200
    assert client.get(f"{link(ticket)}why/scope_verdict/").status_code == 404
    assert client.get(f"{link(ticket)}why/nonsense/").status_code == 404


def test_without_an_agreement_the_help_center_says_so() -> None:
    """Before the first agreement is published every page says why it cannot work yet."""
    with time_machine.travel(TUESDAY - timedelta(days=3000)):
        answer = Client().get("/hc/es/requests/new/")

    assert answer.status_code == 503
    assert "Este centro de ayuda aún no está abierto" in answer.content.decode()


@pytest.mark.parametrize(
    ("header", "address"),
    [("es-CO,es;q=0.9", "/hc/es/"), ("en-GB", "/hc/en/"), ("de-DE", "/hc/es/"), ("", "/hc/es/")],
)
def test_the_root_leads_to_ones_own_language(client: Client, header: str, address: str) -> None:
    """A browser's language decides, and Spanish where we do not have it."""
    headers = {"Accept-Language": header} if header else {}

    assert client.get("/", headers=headers)["Location"] == address


def test_pages_ask_the_database_little(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The agreement in force and what goes on, and no more; a case costs the same however long:
    ticket, what goes on, chain, messages, files, who takes part.
    """
    ticket = factory.a_case(attachments=[uploaded("a.txt", b"uno")])
    address = link(ticket)
    requester = actor_of_requester(ticket.requester)
    client.get("/hc/es/sla/")  # what a process keeps
    for path in ("/hc/es/sla/", "/hc/es/requests/new/"):
        with django_assert_num_queries(2):
            client.get(path)
    with django_assert_num_queries(6):
        client.get(address)
    for n in range(25):
        commands.reply_as_requester(
            ticket_id=ticket.pk, body=f"Y además {n}", actor=requester, now=TUESDAY
        )
        commands.reply_to_ticket(
            ticket_id=ticket.pk, body=f"Visto {n}", actor=factory.as_agent(), now=TUESDAY
        )
    with django_assert_num_queries(6):
        answer = client.get(address)
    assert "Visto 24" in answer.content.decode()


def test_an_answer_sent_twice_is_one(client: Client) -> None:
    """A double click on “send” adds one message; the same words an hour later add another."""
    ticket = factory.a_case()
    for _ in range(2):
        client.post(link(ticket) + "reply/", {"body": "Sigue fallando"})
    assert ticket.messages.count() == 2
    with time_machine.travel(TUESDAY + timedelta(hours=1)):
        client.post(link(ticket) + "reply/", {"body": "Sigue fallando"})
    assert ticket.messages.count() == 3


def test_a_requester_solves_and_reopens(client: Client) -> None:
    """Who asked may say that it is solved, and that it was not after all."""
    ticket = factory.a_case()

    client.post(link(ticket) + "solve/")
    ticket.refresh_from_db()
    assert ticket.status == "solved"
    client.post(link(ticket) + "reply/", {"body": "Volvió a fallar"})
    ticket.refresh_from_db()

    assert ticket.status == "open"


def test_too_late_to_reopen_is_said_and_the_text_stays(client: Client) -> None:
    """After the agreement's window the answer is refused with the way out, and nothing is lost."""
    ticket = factory.a_case()
    client.post(link(ticket) + "solve/")
    with time_machine.travel(TUESDAY + timedelta(days=8)):
        answer = client.post(link(ticket) + "reply/", {"body": "Volvió a fallar"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "se resolvió hace demasiado" in page
    assert "Volvió a fallar" in page


def test_a_form_without_proof_of_origin_gives_the_text_back() -> None:
    """An old page or cleared cookies cost nobody their text, wherever they were writing."""
    ticket = factory.a_case()
    strict = Client(enforce_csrf_checks=True)
    lost = strict.post(link(ticket) + "reply/", {"body": "Un párrafo largo y valioso"})
    request = strict.post("/hc/es/requests/new/", {"subject": "Mi asunto", "service": "esd"})
    other = strict.post(link(ticket) + "solve/", {"comment": "Otro texto que costó escribir"})

    for answer, text in ((lost, "valioso"), (request, "Mi asunto"), (other, "costó escribir")):
        assert answer.status_code == 403
        assert text in answer.content.decode()
    assert "La página estuvo abierta demasiado tiempo" in lost.content.decode()
    assert ticket.messages.count() == 1


def test_what_is_not_there_is_said_in_the_sites_name(client: Client) -> None:
    """A client who took a wrong turn sees the site that they know, and no door to the desk."""
    body = client.get("/hc/es/nothing/").content.decode()
    assert "Soporte IWS" in body
    assert "/desk/" not in body
    client.force_login(factory.an_agent().user)
    assert 'href="/desk/"' in client.get("/desk/tickets/IWS-1/").content.decode()


def test_the_sign_in_names_the_site(client: Client) -> None:
    """Whoever signs in sees whose desk it is; without an agreement it is Plazo's."""
    assert "Soporte IWS" in client.get("/accounts/login/").content.decode()
    with time_machine.travel(datetime(2020, 1, 1, tzinfo=UTC), tick=False):
        assert client.get("/accounts/login/").status_code == 200


def test_the_home_page_names_other_areas_alone(client: Client) -> None:
    """What no answer of the form leads to is not listed: the client is no other area."""
    body = client.get("/hc/es/").content.decode()
    assert "Crédito" in body
    assert "El cliente" not in body


def test_a_clock_that_does_not_stand_is_not_said_to(client: Client) -> None:
    """We wait for the requester, and every promise was kept: then no clock stands still."""
    ticket = factory.a_case()
    wait = {"status": "pending", "waiting_for": "requester", "reason": "La marca"}
    commands.set_status(ticket_id=ticket.pk, actor=factory.as_agent(), now=TUESDAY, **wait)
    waits, stands = "Esperamos su respuesta", "El reloj se detiene hasta que usted responda"
    body = client.get(link(ticket)).content.decode()
    assert waits in body
    assert stands not in body
    level = {"level": 2, "severity": "C"}
    commands.enter_level(ticket_id=ticket.pk, actor=factory.as_agent(), now=TUESDAY, **level)
    assert stands in client.get(link(ticket)).content.decode()


def test_an_empty_answer_is_not_said_to_be_still_here(client: Client) -> None:
    """Nothing was written, so nothing was kept; what was written is."""
    ticket = factory.a_case()
    empty = client.post(link(ticket) + "reply/", {"body": ""})
    assert empty.status_code == 422
    assert "Lo que escribió sigue aquí" not in empty.content.decode()
    long = client.post(link(ticket) + "reply/", {"body": "x" * 100_001})
    assert long.status_code == 422
    assert "Lo que escribió sigue aquí" in long.content.decode()


def test_the_confirmation_reads_as_sentences(client: Client) -> None:
    """Days within a sentence are not capitalised, and mail is offered where it can be answered."""
    address = link(factory.a_case()) + "sent/"
    body = client.get(address).content.decode()
    assert "Contamos el horario de soporte: lunes a viernes de 6:00 a 22:00; sábado" in body
    assert "Escriba en el caso." in body
    Mailbox.objects.create(key="m", address="m@demo.example", source=Source.PIPE)
    assert "o responda nuestro correo" in client.get(address).content.decode()
