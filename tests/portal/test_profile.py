"""The profile: what one says of oneself, which mails come, where one is signed in, one's own data."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from plazo.accounts.models import Requester, User
from plazo.channels.email.models import IntakeRaw, IntakeRecord
from plazo.helpcenter import announcing
from plazo.helpcenter.models import Follower
from plazo.notifications.models import OutboundMail
from plazo.tickets import commands
from plazo.tickets.bodies import store_upload
from plazo.tickets.models import PublicMessage
from tests import factory
from tests.factory import PASSWORD, TUESDAY, a_case, an_agent, as_agent
from tests.people import a_person, path_in, read_mails, signed_in

pytestmark = pytest.mark.django_db
PROFILE, ERASE = "/hc/es/profile/", "/hc/es/profile/erase/"


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


def saved(client: Client, **changes: str) -> None:
    values = {"name": "Compras Andina", "language": "es", "time_zone": ""} | changes
    assert client.post(PROFILE, values).status_code == 302


def test_name_language_and_zone() -> None:
    """The account follows, and so do the pages and the cookie."""
    me = a_person()
    client = signed_in(me)
    answer = client.post(
        PROFILE, {"name": " Ana  Compras ", "language": "en", "time_zone": "America/Bogota"}
    )
    assert answer["Location"] == "/hc/en/profile/"
    assert client.cookies["plazo_language"].value == "en"
    me.refresh_from_db()
    assert (me.name, me.language, me.time_zone) == ("Ana Compras", "en", "America/Bogota")
    assert (me.user.name, me.user.language, me.user.time_zone) == (
        "Ana Compras",
        "en",
        "America/Bogota",
    )
    wrong = client.post(PROFILE, {"name": "", "language": "xx", "time_zone": "Marte/Base"})
    assert wrong.status_code == 422


def test_which_mails_come() -> None:
    """Copies and announcements are one's own choice; a click in the profile needs no confirming."""
    me = a_person()
    client = signed_in(me)
    saved(client, announcements="on")
    me.refresh_from_db()
    assert not me.wants_copies
    assert announcing.follows(me.email) is not None
    saved(client, wants_copies="on")
    me.refresh_from_db()
    assert me.wants_copies
    assert announcing.follows(me.email) is None
    assert not OutboundMail.objects.exists()


def test_a_password_can_be_set_and_changed() -> None:
    """Who came by a link may choose one; who has one must know it to change it."""
    me = a_person(password=False)
    client = signed_in(me)
    assert "Elegir una contraseña" in client.get(PROFILE).content.decode()
    chosen = client.post("/accounts/password/set/", {"password1": PASSWORD, "password2": PASSWORD})
    assert chosen["Location"] == PROFILE
    wrong = {
        "oldpassword": "no es",
        "password1": "otra clave larga",
        "password2": "otra clave larga",
    }
    assert client.post("/accounts/password/change/", wrong).status_code == 200
    right = client.post("/accounts/password/change/", wrong | {"oldpassword": PASSWORD})
    assert right["Location"] == PROFILE
    assert User.objects.get(pk=me.user_id).check_password("otra clave larga")
    subjects = [text.split("\n")[0] for text in read_mails(me.email)]
    assert len(subjects) == 2
    agent = Client()
    agent.force_login(an_agent().user)
    back = agent.post("/accounts/password/change/", wrong | {"oldpassword": PASSWORD})
    assert back["Location"] == "/desk/me/"


def test_other_sessions_are_seen_and_ended() -> None:
    """Each place by its browser; one button ends all but this one."""
    me = a_person()
    here, there = Client(), Client(HTTP_USER_AGENT="Mozilla/5.0 (Windows NT 10.0) Firefox/150.0")
    for client in (here, there):
        client.post("/accounts/login/", {"login": me.email, "password": PASSWORD})
    page = here.get(PROFILE).content.decode()
    assert "Firefox, Windows" in page
    assert "aquí, ahora" in page
    here.post(f"{PROFILE}sessions/")
    assert there.get(PROFILE)["Location"].startswith("/accounts/login/")
    assert here.get(PROFILE).status_code == 200
    assert "Cerrar las demás sesiones" not in here.get(PROFILE).content.decode()


def test_my_data_as_a_zip() -> None:
    """Profile, cases, messages of both sides, files and ratings; streamed, so it is kept nowhere."""
    me = a_person()
    file = store_upload(
        SimpleUploadedFile("á/b.txt", b"hola"), name="á.txt", content_type="text/plain"
    )
    case = a_case(requester=me, body="Mi texto", attachments=[file, file])
    commands.reply_to_ticket(ticket_id=case.pk, body="Respuesta", actor=as_agent(), now=TUESDAY)
    commands.add_internal_note(ticket_id=case.pk, body="Nota", actor=as_agent(), now=TUESDAY)
    answer = signed_in(me).get(f"{PROFILE}export/")
    assert answer.streaming
    assert answer["Content-Disposition"] == 'attachment; filename="plazo-2026-11-24.zip"'
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    profile = json.loads(archive.read("perfil.json"))
    assert (profile["email"], profile["company"]) == (me.email, "Distribuidora Andina")
    told = json.loads(archive.read(f"casos/{case.number}.json"))
    assert [m["text"] for m in told["messages"]] == ["Mi texto", "Respuesta"]
    assert [archive.read(path) for path in told["messages"][0]["files"]] == [b"hola", b"hola"]


def test_erasing_asks_who_it_is_again(tuesday: time_machine.Traveller) -> None:
    """A session left open erases nobody: a password, or a sign-in of the last ten minutes."""
    me = a_person()
    client = Client()
    client.post("/accounts/login/", {"login": me.email, "password": PASSWORD})
    tuesday.shift(timedelta(minutes=11))
    for form in ({"sure": "on"}, {"sure": "on", "password": "no es"}, {"password": PASSWORD}):
        assert client.post(ERASE, form).status_code == 422, form
    assert Requester.objects.get(pk=me.pk).erased_at is None
    done = client.post(ERASE, {"sure": "on", "password": PASSWORD})
    assert "Sus datos se borraron" in done.content.decode()
    assert Requester.objects.get(pk=me.pk).erased_at is not None
    assert client.get(PROFILE)["Location"].startswith("/accounts/login/")
    assert not User.objects.filter(email=me.email).exists()


def test_who_has_no_password_confirms_by_a_link(tuesday: time_machine.Traveller) -> None:
    """The link leads back to the page, and only then it erases."""
    me = a_person(password=False)
    client = signed_in(me)
    assert client.post(ERASE, {"sure": "on", "password": ""}).status_code == 422
    client.post(f"{ERASE}link/")
    path = path_in(read_mails(me.email)[-1], "/accounts/link/")
    assert client.post(path)["Location"] == ERASE
    assert "Su contraseña" not in client.get(ERASE).content.decode()
    assert client.post(ERASE, {"sure": "on"}).status_code == 200
    assert Requester.objects.get(pk=me.pk).erased_at is not None


def test_an_open_case_is_said_and_nothing_is_erased() -> None:
    """Somebody works for them still; the page says which case, and what to do."""
    me = a_person()
    case = a_case(requester=me)
    client = Client()
    client.post("/accounts/login/", {"login": me.email, "password": PASSWORD})
    answer = client.post(ERASE, {"sure": "on"})
    assert answer.status_code == 422
    assert "Primero marque como resueltos estos casos" in answer.content.decode()
    assert case.number in answer.content.decode()
    assert PublicMessage.objects.exclude(body_text="").exists()
    assert User.objects.filter(email=me.email).exists()


def test_mails_and_what_was_followed_go_too() -> None:
    """The ledger's bytes, what our mails said, and the list of who hears announcements."""
    me = a_person()
    case = a_case(requester=me, body="Soy yo")
    announcing.ask_to_follow(email=me.email, language="es", confirmed=True, now=TUESDAY)
    record = IntakeRecord.objects.create(
        source="pipe", digest="0" * 64, size=3, received_at=TUESDAY, fate="ticket", ticket=case,
        sender=me.email, subject="Soy yo", envelope_from=me.email,
    )  # fmt: skip
    IntakeRaw.objects.create(record=record, body=b"yo!")
    commands.reply_to_ticket(ticket_id=case.pk, body="Hola", actor=as_agent(), now=TUESDAY)
    read_mails(me.email)
    assert OutboundMail.objects.exclude(body_text="").exists()
    commands.set_status(ticket_id=case.pk, status="solved", actor=as_agent(), now=TUESDAY)
    client = Client()
    client.post("/accounts/login/", {"login": me.email, "password": PASSWORD})
    client.post(ERASE, {"sure": "on"})

    record.refresh_from_db()
    assert (record.sender, record.subject, record.envelope_from) == ("", "", None)
    assert bytes(IntakeRaw.objects.get().body) == b""
    assert not Follower.objects.exists()
    assert not OutboundMail.objects.exclude(body_text="").exists()
    assert not OutboundMail.objects.filter(recipient=me.email).exists()


def test_an_old_link_of_an_erased_person_opens_nothing() -> None:
    """What their mails link to is gone with them."""
    me = a_person()
    case = a_case(requester=me)
    from plazo.tickets import access

    link = f"/hc/es/requests/{access.link_token(case)}/"
    commands.set_status(ticket_id=case.pk, status="solved", actor=as_agent(), now=TUESDAY)
    client = Client()
    client.post("/accounts/login/", {"login": me.email, "password": PASSWORD})
    assert Client().get(link).status_code == 200
    client.post(ERASE, {"sure": "on"})
    assert Client().get(link).status_code == 404
    desk = Client()
    desk.force_login(an_agent().user)
    page = desk.get(f"/desk/tickets/{case.number}/").content.decode()
    assert "Persona borrada" in page
    assert me.email not in page


def test_agents_have_their_own_page() -> None:
    """The portal's profile is for clients; agents are led to the desk."""
    agent = Client()
    agent.force_login(an_agent().user)
    assert agent.get(PROFILE)["Location"] == "/desk/"
    assert agent.post(ERASE, {"sure": "on"}).status_code == 404
