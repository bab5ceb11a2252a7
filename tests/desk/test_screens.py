"""The desk: who gets in, what a page costs, and what an agent can do on it."""

import gzip
import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import User
from plazo.tickets import commands
from plazo.tickets.models import InternalNote, PublicMessage, Ticket
from tests.database import queries_of
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent, publish_iws

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def pages(number):
    """Every page of the desk, as method, name and arguments."""
    return [
        ("get", "desk:queue", []),
        ("get", "desk:me", []),
        ("get", "desk:ticket", [number]),
        ("get", "desk:why", [number, "first_reply"]),
        *[
            ("post", f"desk:{name}", [number])
            for name in ("write", "assign", "severity", "level", "verdict", "status", "reopen")
        ],
    ]


def test_strangers_are_asked_to_sign_in():
    """Without a sign-in every page of the desk leads to it, and does nothing."""
    ticket = a_case()
    for method, name, arguments in pages(ticket.number):
        response = getattr(Client(), method)(reverse(name, args=arguments))
        assert response.status_code == 302, name
        assert response["Location"].startswith("/accounts/login/"), name


def test_for_a_requester_the_desk_does_not_exist():
    """Somebody who signs in without being an agent gets 404 everywhere, also by POST."""
    ticket = a_case()
    client = Client()
    client.force_login(User.objects.create_user("cliente@andina.example", "una clave larga"))
    for method, name, arguments in pages(ticket.number):
        assert getattr(client, method)(reverse(name, args=arguments)).status_code == 404, name


def test_whoever_was_signed_out_meanwhile_gets_back_what_they_wrote():
    """No form of the desk loses its words to a session that ended; nothing is done, no secret told."""
    number, text = a_case().number, "Revisen la factura 88213, por favor"
    sent = {"body": text, "consent": "yes", "new_password": "una clave larga y secreta"}
    for name in ("hand_off", "write", "promise"):
        answer = Client().post(reverse(f"desk:{name}", args=[number]), sent)
        page = answer.content.decode()
        assert (answer.status_code, text in page, "secreta" in page) == (403, True, False), name
        assert f"?next=/desk/tickets/{number}/" in page

    script = Client().post(
        reverse("desk:draft", args=[number]), sent, headers={"Sec-Fetch-Dest": "empty"}
    )
    assert script.status_code == 302


def test_whoever_had_to_sign_in_first_lands_on_the_case(agent_client):
    """After the sign-in the browser asks for the form's own address, which takes forms only: a 405
    there would leave the agent before a blank page, with their reply one page behind."""
    ticket = a_case()
    for method, name, arguments in pages(ticket.number):
        if method == "post":
            response = agent_client.get(reverse(name, args=arguments), follow=True)
            assert response.redirect_chain == [(reverse("desk:ticket", args=arguments), 302)], name
            assert "No se envió nada" in response.content.decode()
    assert agent_client.put(reverse("desk:write", args=[ticket.number])).status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/desk/find/?q=%00", 200, id="a search for NUL"),
        pytest.param("/desk/find/?q=a@%00", 200, id="an address with NUL"),
        pytest.param("/desk/?view=%00&after=%00", 200, id="a view and a place with NUL"),
        pytest.param("/desk/tickets/IWS-%00/", 404, id="a number with NUL"),
        pytest.param("/desk/mail/?fate=%00&mailbox=%00", 200, id="the ledger"),
        pytest.param("/hc/es/search/?q=%00", 200, id="the help center's search"),
        pytest.param("/hc/es/articles/%00/", 404, id="an article"),
    ],
)
def test_an_address_with_a_nul_is_no_fault_of_ours(agent_client, path, status):
    """PostgreSQL takes no NUL in a text, so asking it with one was an error 500 for anybody to
    provoke."""
    assert agent_client.get(path).status_code == status


def test_what_is_searched_is_found_without_the_nul(agent_client):
    """The rest of what was typed still counts."""
    ticket = a_case()
    assert ticket.number in agent_client.get(f"/desk/find/?q={ticket.number}%00").content.decode()


def test_an_unknown_number_is_a_404(agent_client):
    """A ticket that is not there, and a clock that a ticket does not have."""
    ticket = a_case()
    for method, name, arguments in pages("IWS-1"):
        if arguments:
            assert getattr(agent_client, method)(reverse(name, args=arguments)).status_code == 404
    assert agent_client.get(reverse("desk:why", args=[ticket.number, "nothing"])).status_code == 404


def test_an_agent_who_left_has_no_desk(agent_client):
    """Deactivated, an agent is a stranger at once."""
    agent = an_agent()
    agent.is_active = False
    agent.save()
    assert agent_client.get(reverse("desk:queue")).status_code == 404


def test_the_queue_costs_the_same_for_one_row_and_for_fifty(agent_client):
    """One request, a fixed number of queries."""
    a_case()
    url = reverse("desk:queue")
    one = queries_of(agent_client, url)
    requester = a_requester()
    for _ in range(49):
        a_case(requester=requester)
    assert queries_of(agent_client, url) == one
    assert one <= 10


def test_the_ticket_costs_the_same_for_one_message_and_for_many(agent_client):
    """A long conversation takes no more queries than a short one."""
    ticket = a_case()
    url = reverse("desk:ticket", args=[ticket.number])
    commands.add_internal_note(ticket_id=ticket.pk, body="x", actor=as_agent(), now=TUESDAY)
    one = queries_of(agent_client, url)
    for number in range(40):
        commands.reply_to_ticket(
            ticket_id=ticket.pk, body=f"respuesta {number}", actor=as_agent(), now=TUESDAY
        )
        commands.add_internal_note(ticket_id=ticket.pk, body="x", actor=as_agent(), now=TUESDAY)
    assert queries_of(agent_client, url) == one
    assert one <= 22


def test_the_queue_page_is_light(agent_client):
    """Fifty rows weigh less than 60 kB on the wire."""
    requester = a_requester()
    for _ in range(50):
        a_case(requester=requester)
    page = agent_client.get(reverse("desk:queue"))
    assert len(gzip.compress(page.content)) < 60_000


def test_the_next_page_begins_where_this_one_ended(agent_client):
    """Keyset paging shows every ticket once, whatever shares a deadline."""
    requester = a_requester()
    for _ in range(120):
        a_case(requester=requester)
    seen, url = [], reverse("desk:queue")
    while url:
        body = agent_client.get(url).content.decode()
        seen += re.findall(r'href="/desk/tickets/(IWS-\d+)/"', body)
        more = re.search(r'class="q-more"><a class="btn" href="([^"]+)"', body)
        url = reverse("desk:queue") + more.group(1).replace("&amp;", "&") if more else None
    assert sorted(seen) == sorted(Ticket.objects.values_list("number", flat=True))
    assert len(seen) == len(set(seen)) == 120


def test_rows_stand_in_the_order_of_their_deadlines(agent_client):
    """What is due first is the first row; what is late stands before it."""
    later = a_case(now=TUESDAY - 10 * MINUTE)
    late = a_case(now=TUESDAY - 90 * MINUTE)
    sooner = a_case(now=TUESDAY - 50 * MINUTE)
    for ticket in (later, late, sooner):
        commands.announce_alarms(ticket_id=ticket.pk, actor=as_agent(), now=TUESDAY)
    body = agent_client.get(reverse("desk:queue")).content.decode()
    order = re.findall(r'class="q-row" href="/desk/tickets/(IWS-\d+)/"', body)
    assert order == [late.number, sooner.number, later.number]


def text_of(response):
    """Return a page's words, with its spaces made plain."""
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(bare.replace("\xa0", " ").split())


def test_every_hour_of_the_desk_is_the_agents_own(agent_client):
    """Horizon, rows and rail agree when the agent lives elsewhere; the support's zone is named."""
    user = an_agent().user
    user.time_zone = "Europe/Madrid"
    user.save()
    a_case(now=TUESDAY - 20 * MINUTE)  # due at 15:32 in Panama, 21:32 in Madrid
    page = agent_client.get(reverse("desk:queue"))
    horizon = re.search(r'<section class="horizon".*?</section>', page.content.decode(), re.DOTALL)
    hours = re.findall(r">(\d+:\d\d)</text>", horizon.group())
    assert hours == [*(f"{hour % 24}:00" for hour in range(19, 28)), "20:52"]
    text = text_of(page)
    assert "Horas en CET" in text
    assert "20:52 CET Soporte (EST): abierto hasta las 22:00" in text
    assert "15:32" not in text


def test_with_the_supports_own_zone_the_rail_names_it_once(agent_client):
    """Where both zones are one, there is one hour and no second line."""
    assert "14:52 EST · abierto hasta las 22:00" in text_of(agent_client.get("/desk/"))


def test_an_empty_view_says_what_to_do_next(agent_client):
    """No case of mine: then the page leads to those that nobody has, and draws no empty horizon."""
    a_case(now=TUESDAY - 20 * MINUTE)
    page = agent_client.get("/desk/?view=mine")
    assert "No tiene casos asignados El próximo plazo es a las 15:32." in text_of(page)
    assert 'href="/desk/?view=unassigned">Ver los casos sin asignar' in page.content.decode()
    assert 'class="horizon"' not in page.content.decode()


def test_a_view_without_any_case_at_all_says_so(agent_client):
    """Nothing is open: no deadline, and the way to open a case."""
    text = text_of(agent_client.get("/desk/"))
    assert "No hay casos abiertos No corre ningún plazo." in text


@pytest.mark.parametrize(
    ("seen", "back"),
    [
        ("/desk/", "/desk/"),
        ("/desk/?view=overdue", "/desk/?view=overdue"),
        ("/desk/find/?q=IWS-2", "/desk/find/?q=IWS-2"),
        ("/desk/?view=nonsense", "/desk/"),
    ],
)
def test_a_case_leads_back_to_the_view_that_one_came_from(agent_client, seen, back):
    """Back, and the key u, return to the view or the search that was on the screen last."""
    ticket = a_case()
    agent_client.get(seen)
    body = agent_client.get(reverse("desk:ticket", args=[ticket.number])).content.decode()
    assert f'href="{back}" aria-label="Volver a la cola" data-key="u"' in body
    with time_machine.travel(TUESDAY + timedelta(hours=9), tick=False):  # when support is closed
        body = agent_client.get(reverse("desk:ticket", args=[ticket.number])).content.decode()
    assert f'href="{back}" aria-label="Volver a la cola" data-key="u"' in body


def test_a_forged_way_back_stays_within_the_desk(agent_client):
    """Whatever the cookie says, back leads to the queue."""
    ticket = a_case()
    agent_client.cookies["plazo_queue"] = "view=//evil.example&q=&next=https://evil.example"
    body = agent_client.get(reverse("desk:ticket", args=[ticket.number])).content.decode()
    assert 'href="/desk/" aria-label="Volver a la cola"' in body


def test_the_desk_agrees_with_the_promise_as_the_public_page_does(agent_client):
    """The same clock is "Cumplida" at the desk and for the client; the verdict is masculine."""
    ticket = a_case(now=TUESDAY - 20 * MINUTE)
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Hola", actor=as_agent(), now=TUESDAY)
    commands.give_verdict(ticket_id=ticket.pk, in_scope=True, actor=as_agent(), now=TUESDAY)
    text = text_of(agent_client.get(reverse("desk:ticket", args=[ticket.number])))
    assert "Primera respuesta : Cumplida 20 min de 1 h" in text
    assert "Dictamen de alcance : Cumplido 20 min de 1 h" in text
    why = agent_client.get(reverse("desk:why", args=[ticket.number, "first_reply"]))
    assert "Cumplida" in text_of(why)


def test_a_clock_that_is_late_says_when_it_was_due(agent_client):
    """Spent time is always a duration; a deadline that has passed stands in the past."""
    ticket = a_case(now=TUESDAY - 90 * MINUTE)
    text = text_of(agent_client.get(reverse("desk:ticket", args=[ticket.number])))
    assert "Primera respuesta 30 min Vencida · 1 h 30 de 1 h venció 14:22 EST" in text
    assert "Dictamen de alcance 1 h 30 de 1 h Vencido · 30 min · venció 14:22" in text


def test_an_event_says_to_whom_the_case_was_given(agent_client):
    """Who got it is what happened; who gave it stands beside it, unless it is the same person."""
    ticket, lead = a_case(), an_agent(2)
    url = reverse("desk:ticket", args=[ticket.number])
    for assignee in (lead.pk, an_agent().pk, None):
        commands.assign_ticket(
            ticket_id=ticket.pk, assignee_id=assignee, actor=as_agent(), now=TUESDAY
        )
    lead.is_active = False
    lead.save()
    text = text_of(agent_client.get(url))
    assert "Asignado a Agente de nivel 2 Agente de nivel 1 14:52" in text
    assert "Asignado a Agente de nivel 1 14:52" in text
    assert "Sin asignar Agente de nivel 1 14:52" in text


def test_a_select_chooses_nothing_by_itself(agent_client):
    """Status and verdict begin with a question: nothing is shown that is not so."""
    ticket = a_case()
    url = reverse("desk:ticket", args=[ticket.number])
    body = agent_client.get(url).content.decode()
    select = re.search(r'<select [^>]*name="status".*?</select>', body, re.DOTALL).group()
    assert '<option value="" selected disabled>Cambiar estado a…</option>' in select
    assert select.count(" selected") == 1
    radios = re.findall(r'<input type="radio" name="verdict"[^>]*>', body)
    assert len(radios) == 6
    assert not any(" checked" in radio for radio in radios)
    for name in ("status", "verdict"):
        answer = agent_client.post(reverse(f"desk:{name}", args=[ticket.number]), {})
        assert answer.status_code == 422, name


def test_an_empty_reply_is_an_error_of_its_field(agent_client):
    """The sentence is announced, and tied to the text that it is about."""
    ticket = a_case()
    body = agent_client.post(reverse("desk:write", args=[ticket.number]), {"kind": "reply"})
    page = body.content.decode()
    assert 'id="body-error" role="alert"' in page
    assert 'aria-invalid="true" aria-describedby="body-error"' in page


def test_a_zone_that_is_none_is_an_error_of_its_field(agent_client):
    """The profile says what is wrong above the field, in its summary too, and keeps what was typed."""
    page = agent_client.post("/desk/me/", {"language": "es", "time_zone": "Marte/Olimpo"})
    body = page.content.decode()
    assert page.status_code == 422
    assert 'id="id_time_zone_error"' in body
    assert 'aria-describedby="id_time_zone_error"' in body
    assert '<a href="#id_time_zone">' in body
    assert "Marte/Olimpo" in body
    assert '<option value="America/Bogota">' in body


def test_a_note_written_by_mistake_as_a_reply_is_impossible(agent_client):
    """The kind decides the row: what is sent as a note is a note, and nobody is mailed."""
    ticket = a_case()
    url = reverse("desk:write", args=[ticket.number])
    agent_client.post(url, {"kind": "note", "body": "solo nosotros", "then": "solved"})
    assert InternalNote.objects.get().body_text == "solo nosotros"
    assert PublicMessage.objects.filter(author_agent__isnull=False).count() == 0
    ticket.refresh_from_db()
    assert ticket.status == "new"


def test_a_reply_that_is_refused_keeps_its_text(agent_client):
    """An error shows the page again as 422, with every word still there."""
    ticket = a_case()
    url = reverse("desk:write", args=[ticket.number])
    response = agent_client.post(url, {"kind": "reply", "body": "texto valioso", "then": "pending"})
    assert response.status_code == 422
    assert "texto valioso" in response.content.decode()
    assert PublicMessage.objects.filter(author_agent__isnull=False).count() == 0


def test_a_reply_is_held_when_the_requester_wrote_meanwhile(agent_client):
    """Nobody answers past a message that they have not seen; sending again goes through."""
    ticket = a_case()
    seen = ticket.last_sequence
    commands.reply_as_requester(
        ticket_id=ticket.pk,
        body="ya funciona",
        actor=actor_of_requester(a_requester()),
        now=TUESDAY,
    )
    url = reverse("desk:write", args=[ticket.number])
    held = agent_client.post(url, {"kind": "reply", "body": "Lo vemos", "seen": seen})
    assert held.status_code == 422
    assert "Lo vemos" in held.content.decode()
    again = re.search(r'name="seen" value="(\d+)"', held.content.decode()).group(1)
    assert (
        agent_client.post(url, {"kind": "reply", "body": "Lo vemos", "seen": again}).status_code
        == 302
    )


def test_the_side_panel_does_what_it_says(agent_client):
    """Assign, judge, decide, escalate, wait, solve, reopen: each is one command."""
    ticket = a_case()
    agent = an_agent()
    for name, data, holds in (
        ("assign", {"assignee": agent.pk}, lambda t: t.assignee_id == agent.pk),
        ("severity", {"severity": "A"}, lambda t: t.severity == "A"),
        ("verdict", {"verdict": "in_scope"}, lambda t: t.verdict == "in_scope"),
        ("level", {"level": 2, "impact": "No entran órdenes"}, lambda t: t.level == 2),
        (
            "status",
            {"status": "pending", "waiting_for": "requester", "reason": "x"},
            lambda t: t.status == "pending",
        ),
        (
            "status",
            {"status": "solved", "cause": "other", "solution": "fixed"},
            lambda t: (t.status, t.cause, t.solution) == ("solved", "other", "fixed"),
        ),
        ("reopen", {}, lambda t: t.status == "open"),
        ("assign", {"assignee": ""}, lambda t: t.assignee_id is None),
        ("verdict", {"verdict": "billing"}, lambda t: t.verdict == "billing"),
    ):
        response = agent_client.post(reverse(f"desk:{name}", args=[ticket.number]), data)
        assert response.status_code == 302, (name, response.content.decode()[:500])
        ticket.refresh_from_db()
        assert holds(ticket), name


def test_the_figures_of_a_deadline_add_up_on_its_page(agent_client):
    """The page of “why” shows the segments, and their sum is the target."""
    ticket = a_case(now=TUESDAY - 20 * MINUTE)
    body = agent_client.get(
        reverse("desk:why", args=[ticket.number, "first_reply"])
    ).content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).replace("\xa0", " ")
    assert "¿Por qué vence a las 15:32?" in text
    assert "20 min + 40 min" in text
    assert "1 h" in text


def test_the_desk_speaks_english_too(agent_client):
    """The person's cookie decides the desk's language."""
    ticket = a_case()
    agent_client.cookies["plazo_language"] = "en"
    body = agent_client.get(reverse("desk:ticket", args=[ticket.number])).content.decode()
    assert 'lang="en"' in body
    assert "First reply" in body
    assert "Primera respuesta" not in body


def test_views_reach_tickets_through_access_alone():
    """No screen fetches a model by itself: permission is decided at the fetch."""
    for package in ("desk", "portal"):
        for path in (Path(__file__).resolve().parents[2] / "src" / "plazo" / package).rglob("*.py"):
            assert ".objects" not in path.read_text(encoding="utf-8"), path


def test_a_promise_that_cannot_be_read_stays_as_it_was_typed(agent_client):
    """Its form is open again with the words, the owner and the reason; the fault is at the field."""
    ticket = a_case()
    address = f"/desk/tickets/{ticket.number}/promise/"
    refused = agent_client.post(address, {"kind": "solution", "at": "cuando pueda", "owner": ""})
    page = refused.content.decode()
    assert refused.status_code == 422
    assert 'value="cuando pueda"' in page
    assert re.search(r'value="solution" checked', page)
    assert re.search(r'data-state="error">[^<]*«cuando pueda»', page)
    assert re.search(r'<details open><summary data-key="p"', page)
