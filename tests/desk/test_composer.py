"""The composer: what is sent, what is asked first, what is kept, and what never leaks."""

import base64
import gzip
import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail as django_mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation

from plazo.accounts.models import Agent, Organization
from plazo.desk import composer
from plazo.notifications import sending
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import access, commands, drafts, holding, queries
from plazo.tickets.models import Attachment, Draft, InternalNote, PublicMessage
from tests import kb
from tests.desk.test_screens import queries_of
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent, publish_iws

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SECRET = "secreto-que-nadie-lee"


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk():
    """An agent of level 1, signed in, whose replies wait ten seconds."""
    agent = an_agent()
    Agent.objects.filter(pk=agent.pk).update(undo_seconds=10)
    client = Client()
    client.force_login(agent.user)
    return client


def send(client, ticket, body="Ya está", **fields):
    """Send the composer's form."""
    url = reverse("desk:write", args=[ticket.number])
    return client.post(url, {"kind": "reply", "body": body, **fields})


def page_of(client, ticket, query=""):
    return client.get(reverse("desk:ticket", args=[ticket.number]) + query).content.decode()


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def a_png():
    """A real image of one pixel."""
    return SimpleUploadedFile("captura.png", PIXEL, content_type="image/png")


def test_a_reply_waits_and_comes_back(desk):
    """The page says that it waits; undone, the text is in the composer as it was typed."""
    ticket = a_case()
    assert send(desk, ticket, "Hola {{requester.name}}", then="solved").status_code == 422
    about = {"then": "solved", "cause": "question", "solution": "explained"}
    assert send(desk, ticket, "Hola {{requester.name}}", **about).status_code == 302
    page = page_of(desk, ticket)
    assert "Sale en 10 s" in page
    assert "Hola Compras Andina" in page
    held = Draft.objects.get()
    response = desk.post(reverse("desk:undo", args=[ticket.number, held.pk]), follow=True)
    page = response.content.decode()
    assert "Hola {{requester.name}}</textarea>" in page
    assert '<option value="solved" selected' in page
    assert '<option value="explained" selected' in page
    assert not PublicMessage.objects.filter(author_agent__isnull=False).exists()


def test_the_pages_own_nudge_sends_it_only_at_its_moment(desk, world):
    """Before its time nobody's click sends it; after it, the page need not wait for the worker."""
    ticket = a_case()
    send(desk, ticket)
    url = reverse("desk:release", args=[ticket.number, Draft.objects.get().pk])
    desk.post(url)
    assert Draft.objects.exists()
    world.shift(10)
    desk.post(url)
    desk.post(url)
    assert PublicMessage.objects.filter(author_agent__isnull=False).count() == 1


def test_who_wants_no_wait_has_none(desk):
    """With nought seconds a reply goes at once, and a note always does."""
    ticket = a_case()
    send(desk, ticket, kind="note")
    assert InternalNote.objects.count() == 1
    desk.post(
        reverse("desk:me"),
        {"language": "es", "time_zone": "America/Bogota", "undo_seconds": "0", "signature": "S"},
    )
    send(desk, ticket)
    assert PublicMessage.objects.filter(author_agent__isnull=False).count() == 1


def test_what_is_typed_is_kept_and_ends_with_what_is_sent(desk):
    """Saved while one types; back on the case it is there; sent, it is gone."""
    ticket = a_case()
    url = reverse("desk:draft", args=[ticket.number])
    answer = desk.post(url, {"kind": "note", "body": "A medias", "then": "solved"})
    assert answer.json() == {"saved": "Borrador guardado 14:52"}
    page = page_of(desk, ticket)
    assert "A medias</textarea>" in page
    assert re.search(r'value="note" checked', page)
    send(desk, ticket, "A medias", kind="note")
    assert not Draft.objects.exists()
    assert "A medias</textarea>" not in page_of(desk, ticket)


def test_a_draft_is_its_owners_alone(desk):
    """A colleague's page shows none of it, until the ticket is theirs; then with its author."""
    ticket = a_case()
    desk.post(reverse("desk:draft", args=[ticket.number]), {"kind": "reply", "body": SECRET})
    other = Client()
    second = an_agent(2)
    other.force_login(second.user)
    assert SECRET not in page_of(other, ticket)
    desk.post(reverse("desk:assign", args=[ticket.number]), {"assignee": second.pk})
    assert "Su borrador pasó con el caso" in page_of(desk, ticket)
    page = page_of(other, ticket)
    assert SECRET in page
    assert "<b>Agente de nivel 1</b> le dejó un borrador" in page
    given = drafts.on_ticket(ticket, second).given[0]
    url = reverse("desk:handed_draft", args=[ticket.number, given.pk, "take"])
    assert f"{SECRET}</textarea>" in other.post(url, follow=True).content.decode()
    assert SECRET not in page_of(desk, ticket)
    desk.post(reverse("desk:draft", args=[ticket.number]), {"kind": "note", "body": "Otro"})
    desk.post(reverse("desk:assign", args=[ticket.number]), {"assignee": second.pk})
    assert [draft.body for draft in drafts.on_ticket(ticket, second).given] == ["Otro"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"body": "Hola {{agent.phone}}"}, "{{agent.phone}}", id="unknown variable"),
        pytest.param({"added": "ajena@otra.example"}, "ajena@otra.example", id="another company"),
        pytest.param({"promise": "other"}, "No se escribió la hora", id="no hour"),
    ],
)
def test_an_agent_is_asked_once(desk, fields, words):
    """What may be a slip is said before it goes; sent once more, it goes as it is."""
    ticket = a_case()
    first = send(desk, ticket, **{"body": "Texto", **fields})
    assert first.status_code == 422
    page = first.content.decode()
    assert words in page
    warned = re.search(r'name="warned" value="([^"]*)"', page)[1]
    assert send(desk, ticket, **{"body": "Texto", **fields}, warned=warned).status_code == 302
    assert Draft.objects.filter(send_at__isnull=False).exists()


def test_near_a_deadline_it_says_why_it_did_not_wait(desk, world):
    """The agent who counts on ten seconds hears that this reply had none."""
    ticket = a_case()
    world.move_to(ticket.next_due_at - timedelta(seconds=5))
    send(desk, ticket)
    assert "Respuesta enviada enseguida" in page_of(desk, ticket)


def test_solving_promises_nothing(desk):
    """The strip of hours is out of sight then, and what it last held does not count."""
    ticket = a_case()
    later = (TUESDAY + 60 * MINUTE).isoformat()
    about = {"then": "solved", "cause": "question", "solution": "explained"}
    assert send(desk, ticket, promise=later, **about).status_code == 302
    assert Draft.objects.get().sending["promise_by"] is None


def test_a_colleague_of_the_requester_needs_no_question(desk):
    """The same domain, or the same company under another one, is no stranger; they take part."""
    requester = a_requester()
    requester.organization = Organization.objects.create(name="Andina", slug="andina")
    requester.save()
    ticket = a_case(requester=requester)
    assert send(desk, ticket, added="bodega@andina.example; jefa@andina.example").status_code == 302
    holding.send_due(TUESDAY + MINUTE)
    people = ticket.participants.values_list("requester__email", flat=True)
    assert list(people) == ["bodega@andina.example", "jefa@andina.example"]
    copies = OutboundMail.objects.filter(kind=MailKind.COPY)
    assert {mail.recipient for mail in copies} == set(people)


def test_whoever_is_unticked_gets_no_copy_after_the_wait_either(desk):
    """What was chosen when it was written is what goes, and comes back with an undo."""
    ticket = a_case()
    other = a_requester("otra@andina.example", "Otra")
    by = {"ticket_id": ticket.pk, "actor": as_agent(), "now": TUESDAY}
    commands.add_participant(person_id=other.pk, **by)
    send(desk, ticket, copies_shown="on")
    held = Draft.objects.get()
    desk.post(reverse("desk:undo", args=[ticket.number, held.pk]))
    page = page_of(desk, ticket)
    assert re.search(rf'name="copies" value="{other.pk}">', page)
    send(desk, ticket, copies_shown="on")
    holding.send_due(TUESDAY + MINUTE)
    assert not OutboundMail.objects.filter(kind=MailKind.COPY).exists()


def test_a_signature_is_put_once(desk):
    """Below a public reply, in its Markdown, and not below a note or twice."""
    Agent.objects.update(signature="**Ana**, soporte", undo_seconds=0)
    ticket = a_case()
    send(desk, ticket, "Uno", sign="on")
    send(desk, ticket, "Dos\n\n**Ana**, soporte", sign="on")
    send(desk, ticket, "Tres")
    send(desk, ticket, "Cuatro", sign="on", kind="note")
    texts = list(
        PublicMessage.objects.filter(author_agent__isnull=False)
        .order_by("pk")
        .values_list("body_text", flat=True)
    )
    assert texts == ["Uno\n\n**Ana**, soporte", "Dos\n\n**Ana**, soporte", "Tres"]
    assert InternalNote.objects.get().body_text == "Cuatro"


def test_an_image_stands_in_the_text_everywhere(desk, settings, tmp_path):
    """Pasted, it goes up at once; it shows in the preview, the desk, the portal and the mail, and
    one that was taken out of the text again goes nowhere."""
    settings.MEDIA_ROOT = tmp_path
    Agent.objects.update(undo_seconds=0)
    ticket = a_case()
    told = [
        desk.post(reverse("desk:add_files"), {"files": a_png(), "inline": "1"}).json()["files"][0]
        for _ in range(2)
    ]
    cid = re.search(r"cid:([^)]+)", told[0]["markdown"])[1]
    body = f"Vea: {told[0]['markdown']} y ![fuera](https://malo.example/x.png)"
    fields = {"kept": [told[0]["kept"], told[1]["kept"]]}
    shown = desk.post(
        reverse("desk:preview", args=[ticket.number]), {"kind": "reply", "body": body, **fields}
    ).content.decode()
    source = re.search(r'<img src="([^"]+)" alt="captura"', shown)[1]
    assert b"".join(desk.get(source)) == PIXEL
    assert Client().get(source).status_code == 302
    send(desk, ticket, body, **fields)
    file = Attachment.objects.get()
    assert file.content_id == cid
    page = page_of(desk, ticket)
    assert f'src="/desk/files/{file.public_id}/"' in page
    assert "malo.example" not in page
    link = reverse("portal:case", args=["es", access.link_token(ticket, mailed=True)])
    assert re.search(rf'<img src="[^"]*{file.public_id}[^"]*"', Client().get(link).content.decode())
    sending.send(OutboundMail.objects.get(kind=MailKind.REPLY).pk, now=TUESDAY)
    message = django_mail.outbox[-1].message()
    parts = {part.get("Content-ID"): part for part in message.walk()}
    assert parts[f"<{cid}>"].get_content_disposition() == "inline"
    html = next(p for p in message.walk() if p.get_content_type() == "text/html")
    text = next(p for p in message.walk() if p.get_content_type() == "text/plain")
    assert f'src="cid:{cid}"' in html.get_payload(decode=True).decode()
    assert "Vea: [captura]" in text.get_payload(decode=True).decode()


def test_a_promise_reaches_the_requester_by_mail_and_page(desk):
    """The hour stands with the words, in the reader's zone, and a clock of theirs counts it."""
    Agent.objects.update(undo_seconds=0)
    ticket = a_case()
    send(desk, ticket, promise=(TUESDAY + 2 * 60 * MINUTE).isoformat())
    sending.send(OutboundMail.objects.get(kind=MailKind.REPLY).pk, now=TUESDAY)
    mail = django_mail.outbox[-1].body
    assert "Próxima actualización: el martes 24 de noviembre antes de las 16:52 EST." in mail
    link = reverse("portal:case", args=["es", access.link_token(ticket, mailed=True)])
    page = Client().get(link).content.decode()
    assert "Próxima actualización <b>antes de las 16:52 EST</b>" in page
    assert "Próxima actualización</strong> antes de las 16:52 EST" in page_of(desk, ticket)
    why = desk.get(reverse("desk:why", args=[ticket.number, "promised_update:update-1"]))
    assert why.status_code == 200
    url = reverse("desk:promise", args=[ticket.number])
    move = {"promise": "update-1", "at": "2026-11-24T18:00", "reason": "Falta el proveedor"}
    assert desk.post(url, move).status_code == 302
    page = Client().get(link).content.decode()
    assert "antes de las 18:00 EST" in page
    assert "Falta el proveedor" in page


def test_quick_promises_fall_into_open_hours():
    """Two hours of support, five in the afternoon, ten of the next day that is open: at 21:00 the
    first is on the next morning, and five has passed. For severity A any hour is open."""
    version = a_case().agreement_version
    support, always = version.sla.calendars["support"], version.sla.calendars["always"]
    late, zone = TUESDAY + timedelta(hours=6, minutes=8), "America/Panama"
    with translation.override("es"):
        hours = [
            [hour for _value, _words, hour in composer.promise_choices(calendar, zone, now)]
            for calendar, now in ((support, TUESDAY), (support, late), (always, late))
        ]
    assert hours == [
        ["16:55", "17:00", "mañana, 10:00"],
        ["mañana, 7:00", "mañana, 10:00"],
        ["23:00", "mañana, 10:00"],
    ]


def test_what_the_team_says_stays_with_the_team(desk):
    """A mention, a draft, a held reply and a note: the portal and the mails hold none of them."""
    ticket = a_case()
    an_agent(2)
    send(desk, ticket, f"@Agente de nivel 2 {SECRET}", kind="note")
    send(desk, ticket, f"{SECRET} que espera")
    desk.post(reverse("desk:draft", args=[ticket.number]), {"kind": "reply", "body": SECRET})
    link = reverse("portal:case", args=["es", access.link_token(ticket, mailed=True)])
    assert SECRET not in Client().get(link).content.decode()
    for row in OutboundMail.objects.all():
        sending.send(row.pk, now=TUESDAY)
    outside = [sent for sent in django_mail.outbox if ticket.requester.email in sent.to]
    assert outside
    assert all(SECRET not in str(sent.message()) for sent in outside)


def test_an_article_is_offered_as_far_as_the_requester_may_read(desk):
    """By its title as one types; one for clients says so; what only the team reads is not there."""
    kb.an_article("Licencia abierta")
    kb.an_article("Licencia de clientes", audience="clients")
    kb.an_article("Licencia interna", audience="staff")
    kb.counted()
    url = reverse("desk:suggest", args=[a_case().number])
    for typed in ("", "licen"):
        items = desk.get(url, {"sign": "#", "q": typed}).json()["items"]
        assert [item["label"] for item in items] == ["Licencia abierta"]
    link = r"\[Licencia abierta\]\(http\S+/hc/es/articles/\S+\) "
    assert re.fullmatch(link, items[0]["text"])
    client = a_requester("cliente@andina.example", "Cliente")
    client.organization = Organization.objects.create(name="Andina", slug="andina")
    client.save()
    url = reverse("desk:suggest", args=[a_case(requester=client).number])
    items = desk.get(url, {"sign": "#", "q": "licencia"}).json()["items"]
    warned = {item["label"]: item["warning"] for item in items}
    assert warned == {
        "Licencia abierta": "",
        "Licencia de clientes": "Solo para clientes que ingresan",
    }


def test_people_are_offered_by_any_word_of_their_name(desk):
    """After @, agents and groups; another sign, or none, offers nothing."""
    an_agent(2)
    url = reverse("desk:suggest", args=[a_case().number])
    labels = [item["label"] for item in desk.get(url, {"sign": "@", "q": "niv"}).json()["items"]]
    assert labels == ["Agente de nivel 1", "Agente de nivel 2", "Nivel 1", "Nivel 2"]
    assert desk.get(url, {"sign": "!", "q": "a"}).json() == {"items": []}
    assert desk.get(reverse("desk:suggest", args=["IWS-1"]), {"sign": "@"}).status_code == 404


def test_the_side_panel_adds_and_removes_people(desk):
    """By address, and told so; removing them ends it; a wrong address says what is wrong."""
    ticket = a_case()
    add, remove = (reverse(f"desk:person_{w}", args=[ticket.number]) for w in ("add", "remove"))
    assert desk.post(add, {"email": "nadie"}).status_code == 422
    desk.post(add, {"email": "Otra@andina.example"})
    person = ticket.participants.get().requester
    assert person.email == "otra@andina.example"
    assert OutboundMail.objects.filter(kind=MailKind.JOINED).count() == 1
    desk.post(remove, {"person": person.pk})
    assert not ticket.participants.exists()


def test_the_page_costs_the_same_with_1_and_with_200_messages(desk):
    """With a company, participants, a promise, drafts and other cases: a fixed number of queries,
    and of a long conversation its beginning and its end, the rest at a click."""
    requester = a_requester()
    requester.organization = Organization.objects.create(name="Andina", slug="andina")
    requester.save()
    others = [a_case(requester=requester, subject=f"Caso {number}") for number in range(7)]
    ticket = others[3]
    by = {"ticket_id": ticket.pk, "actor": as_agent(), "now": TUESDAY}
    commands.assign_ticket(assignee_id=an_agent().pk, **by)
    commands.add_internal_note(body="nota", **by)
    url = reverse("desk:ticket", args=[ticket.number])
    one = queries_of(desk, url)
    for number in range(6):
        person = a_requester(f"p{number}@andina.example", f"P{number}")
        commands.add_participant(person_id=person.pk, **by)
    for number in range(200):
        commands.reply_to_ticket(body=f"respuesta número {number}", copies=[], **by)
    commands.add_internal_note(body="otra nota", **by)
    for number in range(4):
        send(desk, ticket, f"espera {number}")
    assert queries_of(desk, url) == one
    assert one <= 24
    page = page_of(desk, ticket)
    assert len(gzip.compress(page.encode())) < 60_000
    assert "respuesta número 199" in page
    assert "respuesta número 100<" not in page
    assert "respuesta número 100<" in page_of(desk, ticket, "?all=1")
    assert page.count('href="/desk/tickets/IWS-') >= 5


def test_the_last_cases_are_the_requesters_own_first(desk):
    """Five at most: the person's, then the company's, without this one."""
    organization = Organization.objects.create(name="Andina", slug="andina")
    people = [a_requester(), a_requester("otra@andina.example", "Otra")]
    for person in people:
        person.organization = organization
        person.save()
    cases = [a_case(requester=person) for person in (people[0], people[1], *[people[0]] * 2)]
    found = queries.last_cases(access.ticket_for_agent(an_agent(), cases[0].number), an_agent())
    assert found == [cases[3], cases[2], cases[1]]
