"""The page of a case: answering, taking part, climbing, rating, reopening, following up."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Group, Requester
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import access, commands
from plazo.tickets.models import PublicMessage, Ticket
from tests import factory
from tests.database import queries_of
from tests.factory import TUESDAY, a_case, an_agent, as_agent
from tests.people import a_person, path_in, read_mails, signed_in

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
OPENED = TUESDAY - 20 * MINUTE
DUE = OPENED + 60 * MINUTE


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


def words_of(client: Client, address: str) -> str:
    page = client.get(address).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page.split("<main")[1].split("</main")[0]).split())


def by_number(case: Ticket) -> str:
    return f"/hc/es/requests/{case.number}/"


def by_link(case: Ticket, person: Requester | None = None) -> str:
    return f"/hc/es/requests/{access.link_token(case, person)}/"


def solve(case: Ticket) -> None:
    commands.set_status(ticket_id=case.pk, status="solved", actor=as_agent(), now=TUESDAY)


@pytest.mark.parametrize("way", ["number", "link"])
def test_answering_with_a_file(way: str) -> None:
    """The same page by number for who signed in and by link for who did not."""
    me = a_person()
    case = a_case(requester=me, now=OPENED)
    client, base = (
        (signed_in(me), by_number(case)) if way == "number" else (Client(), by_link(case))
    )
    file = SimpleUploadedFile("traza.txt", b"504")
    answer = client.post(f"{base}reply/", {"body": "Va la traza", "files": file})
    assert answer["Location"] == f"{base}#end"
    page = client.get(base).content.decode()
    assert "Recibimos su respuesta" in page
    assert "traza.txt" in page
    channel = case.events.get(kind="requester.replied").payload["channel"]
    assert channel == ("portal" if way == "number" else "form")


def test_a_session_that_ended_gives_the_text_back(client: Client) -> None:
    """Who was signed out meanwhile loses nothing, and comes back to the case."""
    case = a_case(now=OPENED)
    answer = client.post(f"{by_number(case)}reply/", {"body": "Un párrafo largo y valioso"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Un párrafo largo y valioso" in page
    assert f"next={by_number(case)}" in page
    assert not PublicMessage.objects.filter(body_text__contains="valioso").exists()


def test_hours_are_the_readers_own() -> None:
    """Every clock and every entry is in the zone that the reader chose, by link as well."""
    me = a_person()
    case = a_case(requester=me, now=OPENED)
    Requester.objects.filter(pk=me.pk).update(time_zone="Europe/Madrid")
    for client, base in ((signed_in(me), by_number(case)), (Client(), by_link(case))):
        words = words_of(client, base)
        assert "21:32 hoy, CET" in words
        assert "hoy, 20:32" in words


@pytest.mark.parametrize(
    ("at", "unlocked"),
    [(TUESDAY, False), (DUE, False), (DUE + SECOND, True)],
    ids=["before", "at the deadline", "a second later"],
)
def test_the_escalation_unlocks_with_the_breach(
    tuesday: time_machine.Traveller, at, unlocked: bool
) -> None:
    """Visible always, with its moment; good only once level 1 is late, whatever a page says."""
    me = a_person()
    case = a_case(requester=me, now=OPENED)
    tuesday.move_to(at)
    client, base = signed_in(me), by_number(case)
    page = client.get(base).content.decode()
    fieldset = re.search(r'<fieldset class="lockable"[^>]*>', page)[0]
    assert ("disabled" in fieldset) is not unlocked
    if not unlocked:
        assert f'data-unlock="{DUE:%Y-%m-%dT%H:%M:%SZ}"' in fieldset
        assert "Podrá escalar a las 15:32 (EST)" in page
    answer = client.post(f"{base}escalate/", {"words": "No podemos vender"})
    if unlocked:
        assert answer.status_code == 302
        words = words_of(client, base)
        assert "Usted escaló: el nivel 1 no cumplió" in words
        assert "No podemos vender" in words
        assert 'id="escalate"' not in client.get(base).content.decode()
    else:
        assert answer.status_code == 409
        refused = answer.content.decode()
        assert refused.count("Podrá escalar a las 15:32 (EST)") == 2
        assert "No podemos vender" in refused
        assert not OutboundMail.objects.filter(kind=MailKind.CLIMBED).exists()


def test_the_coordinators_read_what_was_escalated_and_the_desk_shows_it(
    tuesday: time_machine.Traveller,
) -> None:
    """One mail to level 2's own address, with the late clocks and the words."""
    as_agent(2)
    Group.objects.filter(level=2).update(email="nivel2@demo.example")
    case = a_case(now=OPENED)
    tuesday.move_to(DUE + MINUTE)
    Client().post(f"{by_link(case)}escalate/", {"words": "No podemos vender"})
    (text,) = read_mails("nivel2@demo.example")
    assert "Primera respuesta, Dictamen de alcance, vencía a las 15:32 (EST)" in text
    assert "No podemos vender" in text
    assert f"/desk/tickets/{case.number}/" in text
    desk = Client()
    desk.force_login(an_agent().user)
    page = desk.get(f"/desk/tickets/{case.number}/").content.decode()
    assert "El solicitante escaló: el nivel 1 no cumplió" in page


def test_kept_times_leave_nothing_to_escalate() -> None:
    """Answered and judged in time: no button, and the server says why."""
    me = a_person()
    case = a_case(requester=me, now=OPENED)
    commands.reply_to_ticket(ticket_id=case.pk, body="Hola", actor=as_agent(), now=TUESDAY)
    commands.give_verdict(ticket_id=case.pk, in_scope=True, actor=as_agent(), now=TUESDAY)
    client, base = signed_in(me), by_number(case)
    assert 'id="escalate"' not in client.get(base).content.decode()
    answer = client.post(f"{base}escalate/")
    assert answer.status_code == 409
    assert "los primeros tiempos se cumplieron" in answer.content.decode()


def test_rating_once_it_is_solved_and_the_desk_reads_it() -> None:
    """A scale in words and a sentence, changed until the end; only who asked is asked."""
    me, boss = a_person(), a_person("jefa@andina.example", "Jefa", manages=True)
    case = a_case(requester=me, now=OPENED)
    client, base = signed_in(me), by_number(case)
    assert "¿Cómo fue el servicio?" not in words_of(client, base)
    solve(case)
    assert "Muy mala Mala Regular Buena Muy buena" in words_of(client, base)
    assert "¿Cómo fue el servicio?" not in words_of(signed_in(boss), base)

    none = client.post(f"{base}rate/", {"words": "x"})
    assert "Elija cómo fue el servicio" in none.content.decode()
    client.post(f"{base}rate/", {"score": "2", "words": "Lento"})
    client.post(f"{base}rate/", {"score": "4", "words": "Bien al final"})
    assert "Buena (4/5): Bien al final" in words_of(client, base)
    assert "Buena (4/5): Bien al final" in words_of(signed_in(boss), base)
    desk = Client()
    desk.force_login(an_agent().user)
    page = desk.get(f"/desk/tickets/{case.number}/").content.decode()
    assert "Buena (4/5): <q>Bien al final</q>" in page
    commands.set_status(ticket_id=case.pk, status="closed", actor=as_agent(), now=TUESDAY)
    assert client.post(f"{base}rate/", {"score": "1"}).status_code == 409


def test_a_colleague_who_is_added_is_told_and_gets_in_without_an_account() -> None:
    """The mail's link is their own: they read, write under their name, and leave."""
    me = a_person()
    case = a_case(requester=me, now=OPENED)
    client, base = signed_in(me), by_number(case)
    client.post(f"{base}participants/", {"email": "bodega@andina.example"})
    assert "bodega@andina.example participa desde ahora" in words_of(client, base)
    (text,) = read_mails("bodega@andina.example")
    assert "Compras Andina lo sumó a este caso" in text
    link = path_in(text, "/hc/es/requests/")

    guest = Client()
    assert guest.get(link).status_code == 200
    guest.post(f"{link}reply/", {"body": "Desde bodega"})
    assert PublicMessage.objects.latest("pk").author_name == "bodega@andina.example"
    person = Requester.objects.get(email="bodega@andina.example")
    left = guest.post(f"{link}participants/{person.pk}/remove/")
    assert left["Location"] == "/hc/es/"
    assert guest.get(link).status_code == 404
    assert "Desde bodega" in words_of(client, base)


def test_a_typing_mistake_can_be_taken_back_but_only_by_who_may() -> None:
    """Who asked, and a manager, take anybody out; a participant only themselves."""
    me, guest = a_person(), a_person("invitada@otra.example", "Invitada", company="otra")
    case = a_case(requester=me, now=OPENED)
    wrong = factory.a_requester("errata@andina.example", "Errata")
    for person in (guest, wrong):
        commands.add_participant(
            ticket_id=case.pk, person_id=person.pk, actor=actor_of_requester(me), now=TUESDAY
        )
    base = by_number(case)
    assert signed_in(guest).post(f"{base}participants/{wrong.pk}/remove/").status_code == 404
    assert signed_in(me).post(f"{base}participants/{wrong.pk}/remove/").status_code == 302
    answer = signed_in(guest).post(f"{base}participants/{guest.pk}/remove/")
    assert answer["Location"] == "/hc/es/requests/"
    assert not case.participants.exists()


def test_whoever_has_only_a_link_and_no_confirmed_address_adds_nobody() -> None:
    """The form takes any address; it must not become a way to have mail sent to strangers."""
    case = a_case(now=OPENED)
    Requester.objects.update(email_confirmed_at=None)
    base = by_link(case)
    assert re.search("Para sumar a un colega, +ingrese +primero", words_of(Client(), base))
    answer = Client().post(f"{base}participants/", {"email": "victima@otra.example"})
    assert answer.status_code == 400
    assert "Primero confirme su propio correo" in answer.content.decode()
    assert not Requester.objects.filter(email="victima@otra.example").exists()


def test_only_the_link_of_a_mail_confirms_an_address() -> None:
    """Whoever typed an address into the form has the link that the form leads to: it proves nothing."""
    case = a_case(now=OPENED)
    Requester.objects.update(email_confirmed_at=None)
    client, typed, mailed = (
        Client(),
        by_link(case),
        f"/hc/es/requests/{access.link_token(case, mailed=True)}/",
    )

    def confirmed() -> bool:
        return Requester.objects.get(pk=case.requester_id).email_confirmed_at is not None

    assert "Sí, es mía" not in words_of(client, typed)
    assert client.post(f"{typed}confirm/").status_code == 404
    client.post(f"{typed}reply/", {"body": "Soy otro"})
    assert not confirmed()
    client.get(mailed)
    assert not confirmed()
    client.post(f"{mailed}reply/", {"body": "Leo mi correo"})
    assert confirmed()


def test_mails_to_added_people_are_limited() -> None:
    """Six for one address in an hour, whoever asks; what is refused is not done."""
    me = a_person()
    client = signed_in(me)
    for n in range(7):
        case = a_case(requester=me, now=OPENED)
        answer = client.post(f"{by_number(case)}participants/", {"email": "bodega@andina.example"})
        assert answer.status_code == (302 if n < 6 else 429)
    assert not case.participants.exists()


def test_a_solved_case_opens_again_within_its_window_and_then_is_followed_up(
    tuesday: time_machine.Traveller,
) -> None:
    """The same box does the right thing: reopen, or a new case that is linked both ways."""
    me = a_person()
    case = a_case(requester=me, now=OPENED)
    client, base = signed_in(me), by_number(case)
    client.post(f"{base}solve/")
    assert "Puede reabrirlo si escribe aquí, hasta: 1 dic 2026, 14:52" in words_of(client, base)
    client.post(f"{base}reply/", {"body": "Volvió"})
    case.refresh_from_db()
    assert case.status == "open"

    client.post(f"{base}solve/")
    tuesday.shift(timedelta(days=8))
    words = words_of(client, base)
    assert "Este caso se podía reabrir hasta el 1 dic 2026" in words
    assert "Abrir un caso de seguimiento" in words
    answer = client.post(f"{base}follow-up/", {"body": "Otra vez lo mismo"})
    new = Ticket.objects.latest("pk")
    assert answer["Location"] == f"{by_number(new)}sent/"
    assert f"Este caso continúa en {new.number}" in words_of(client, base)
    assert f"Este caso da seguimiento a {case.number}" in words_of(client, by_number(new))
    again = Client()
    assert f"Este caso da seguimiento a {case.number}" in words_of(again, by_link(new))
    desk = Client()
    desk.force_login(an_agent().user)
    for one, other, says in ((case, new, "Continúa en"), (new, case, "Continúa")):
        page = desk.get(f"/desk/tickets/{one.number}/").content.decode()
        assert other.number in page
        assert says in page or one is new


def test_a_refused_answer_keeps_its_text(tuesday: time_machine.Traveller) -> None:
    """A page that was open while the window ended: nothing is lost, and the way out is there."""
    me = a_person()
    case = a_case(requester=me, now=OPENED)
    client, base = signed_in(me), by_number(case)
    client.post(f"{base}solve/")
    tuesday.shift(timedelta(days=8))
    answer = client.post(f"{base}reply/", {"body": "Un texto que costó"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Un texto que costó" in page
    assert "Abrir un caso de seguimiento" in page


def test_the_page_costs_the_same_however_long() -> None:
    """Session, account, stamps, the person; what goes on; the case, its chain, messages, files,
    people.
    """
    me = a_person()
    case = a_case(requester=me, now=OPENED)
    client, base = signed_in(me), by_number(case)
    assert queries_of(client, base) == 10
    for n in range(20):
        commands.reply_as_requester(
            ticket_id=case.pk, body=f"Y {n}", actor=actor_of_requester(me), now=TUESDAY
        )
        commands.add_participant(
            ticket_id=case.pk,
            person_id=factory.a_requester(f"p{n}@andina.example", f"P {n}").pk,
            actor=actor_of_requester(me),
            now=TUESDAY,
        )
    assert queries_of(client, base) == 10
