"""Who sees what: each person against each way to a case, and nothing that says more than it may."""

import io
import json
import zipfile
from collections.abc import Iterator

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from plazo.accounts.access import actor_of_requester
from plazo.tickets import access, commands
from plazo.tickets.bodies import store_upload
from plazo.tickets.models import Attachment, PublicMessage, Ticket
from tests import factory
from tests.factory import TUESDAY, a_case, an_agent
from tests.people import a_person, signed_in

pytestmark = pytest.mark.django_db
SECRET = "Contrato confidencial 7731"
LIST = "/hc/es/requests/"


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


@pytest.fixture
def case() -> Ticket:
    """A case with a file, a note with another, and somebody who takes part."""
    owner = a_person()
    guest = a_person("invitada@otra.example", "Invitada", company="otra")
    file = store_upload(
        SimpleUploadedFile("secreto.txt", b"7731"), name="secreto.txt", content_type="text/plain"
    )
    ticket = a_case(requester=owner, subject=SECRET, body=SECRET, attachments=[file])
    note = store_upload(
        SimpleUploadedFile("interno.txt", b"nota"), name="interno.txt", content_type="text/plain"
    )
    commands.add_internal_note(
        ticket_id=ticket.pk,
        body="Sospecha",
        attachments=[note],
        actor=factory.as_agent(),
        now=TUESDAY,
    )
    commands.add_participant(
        ticket_id=ticket.pk, person_id=guest.pk, actor=actor_of_requester(owner), now=TUESDAY
    )
    ticket.refresh_from_db()
    return ticket


def browser_of(who: str) -> Client:
    """Return the browser of one of the people of the matrix."""
    match who:
        case "anonymous":
            return Client()
        case "owner":
            return signed_in(a_person())
        case "stranger":
            return signed_in(a_person("x@ajena.example", "Ajena", company="ajena", manages=True))
        case "member":
            return signed_in(a_person("colega@andina.example", "Colega"))
        case "manager":
            return signed_in(a_person("jefa@andina.example", "Jefa", manages=True))
        case "participant":
            return signed_in(a_person("invitada@otra.example", "Invitada", company="otra"))
        case "no one":
            client = Client()
            client.force_login(factory.User.objects.create_user("nadie@x.example", "clave larga"))
            return client
        case _:
            client = Client()
            client.force_login(an_agent().user)
            return client


# What each person gets: the list, with or without the case in it; the pages behind its number; a
# file; and writing. "login" and "desk" are redirects.
MATRIX = {
    "anonymous":   ("login", "login", "login", "login", 403),
    "no one":      (404, 404, 404, 404, 404),
    "stranger":    ("without", 404, 404, 404, 404),
    "member":      ("without", 404, 404, 404, 404),
    "manager":     ("with", 200, 200, 200, 302),
    "participant": ("with", 200, 200, 200, 302),
    "owner":       ("with", 200, 200, 200, 302),
    "agent":       ("desk", "desk", "desk", "desk", 404),
}  # fmt: skip


def got(answer, *, secret: bool = False):
    """Name an answer as the matrix does."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    place = answer.get("Location", "")
    if answer.status_code == 302 and place.startswith("/accounts/login/"):
        return "login"
    if answer.status_code == 302 and place.startswith("/desk/"):
        return "desk"
    shown = SECRET.encode() in content or b"7731" in content
    if secret:
        return "with" if shown else "without"
    assert not shown or answer.status_code == 200
    return answer.status_code


@pytest.mark.parametrize("who", MATRIX)
def test_each_person_on_each_way_to_a_case(case: Ticket, who: str) -> None:
    """List, search, page, why, file, reply: all of them know the same of who may see what."""
    client = browser_of(who)
    base = f"{LIST}{case.number}/"
    file = Attachment.objects.get(name="secreto.txt")
    listed, page, why, handed, wrote = MATRIX[who]

    for query in (
        "",
        "?tab=company",
        f"?q={case.number}",
        "?q=confidencial",
        "?q=confidencial&tab=company",
        "?tab=company&sort=opened&service=esd",
    ):
        answer = client.get(LIST + query)
        if listed == "without":
            assert got(answer, secret=True) == "without", query
            assert f"{case.number}/" not in answer.content.decode()
        elif listed != "with":
            assert got(answer) == listed, query
    if listed == "with":
        tab = "?tab=company" if who == "manager" else ""
        assert got(client.get(f"{LIST}{tab}"), secret=True) == "with"
    found = got(client.get("/hc/es/search/?q=contrato"), secret=True)
    assert found == ("with" if listed == "with" else "without")
    assert got(client.get(base)) == page
    assert got(client.get(f"{base}sent/")) == page
    assert got(client.get(f"{base}why/first_reply/")) == why
    assert got(client.get(f"{base}files/{file.public_id}/")) == handed
    assert client.post(f"{base}reply/", {"body": "Yo también"}).status_code == wrote
    written = PublicMessage.objects.filter(body_text="Yo también")
    assert written.count() == (1 if wrote == 302 else 0)


@pytest.mark.parametrize("who", [who for who, row in MATRIX.items() if row[1] != 200])
@pytest.mark.parametrize(
    "act", ["solve", "escalate", "rate", "follow-up", "participants", "participants/1/remove"]
)
def test_who_does_not_see_a_case_does_nothing_in_it(case: Ticket, who: str, act: str) -> None:
    """Every act is refused as the page is, and leaves no trace."""
    before = case.last_sequence
    answer = browser_of(who).post(
        f"{LIST}{case.number}/{act}/", {"body": "x", "score": "1", "email": "x@x.example"}
    )
    assert answer.status_code == (403 if who == "anonymous" else 404)
    case.refresh_from_db()
    assert case.last_sequence == before


@pytest.mark.parametrize("who", [who for who, row in MATRIX.items() if row[1] != 200])
def test_a_number_that_does_not_exist_looks_the_same(case: Ticket, who: str) -> None:
    """Nobody learns from an answer whether a case is there."""
    client = browser_of(who)
    for part in ("", "why/first_reply/"):
        real = client.get(f"{LIST}{case.number}/{part}")
        none = client.get(f"{LIST}IWS-99999/{part}")
        assert real.status_code == none.status_code
        place = real.get("Location", "").replace(case.number, "IWS-99999")
        assert place == none.get("Location", "")
        if real.status_code == 404:
            assert real.content == none.content


@pytest.mark.parametrize("who", ["owner", "manager", "participant"])
def test_notes_stay_inside_for_whoever_sees_the_case(case: Ticket, who: str) -> None:
    """A manager sees their company's cases, and nothing of what agents tell each other."""
    client = browser_of(who)
    page = client.get(f"{LIST}{case.number}/").content.decode()
    note = Attachment.objects.get(name="interno.txt")
    assert "Sospecha" not in page
    assert "interno.txt" not in page
    assert client.get(f"{LIST}{case.number}/files/{note.public_id}/").status_code == 404
    assert client.get(f"{LIST}{case.number}/why/scope_verdict/").status_code == 404


def test_a_file_of_another_case_is_not_there_by_number(case: Ticket) -> None:
    """The number of a case that one sees opens no file of one that one does not."""
    browser = browser_of("stranger")
    mine = a_case(requester=a_person("x@ajena.example", "Ajena", company="ajena", manages=True))
    file = Attachment.objects.get(name="secreto.txt")
    assert browser.get(f"{LIST}{mine.number}/").status_code == 200
    assert browser.get(f"{LIST}{mine.number}/files/{file.public_id}/").status_code == 404


@pytest.mark.parametrize(
    ("who", "holds"),
    [("owner", True), ("participant", True), ("manager", False), ("stranger", False)],
)
def test_an_export_holds_ones_own_cases_only(case: Ticket, who: str, holds: bool) -> None:
    """What a manager only sees is not theirs to take away, and notes are nobody's."""
    answer = browser_of(who).get("/hc/es/profile/export/")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert (SECRET.encode() in everything) is holds
    assert b"Sospecha" not in everything
    assert not [name for name in archive.namelist() if "interno" in name]
    if holds:
        told = json.loads(archive.read(f"casos/{case.number}.json"))
        (path,) = told["messages"][0]["files"]
        assert archive.read(path) == b"7731"


def test_a_link_in_the_hands_of_somebody_who_sees_the_case_is_their_own_way_in(
    case: Ticket,
) -> None:
    """Who signed in acts under their own name, even by another's link; a stranger by the link's."""
    link = f"{LIST}{access.link_token(case)}/"
    manager = browser_of("manager")
    assert manager.get(link)["Location"] == f"{LIST}{case.number}/"
    manager.post(f"{link}reply/", {"body": "Como jefa"})
    assert PublicMessage.objects.latest("pk").author_name == "Jefa"

    stranger = browser_of("stranger")
    assert stranger.get(link).status_code == 200
    stranger.post(f"{link}reply/", {"body": "Con el enlace"})
    assert PublicMessage.objects.latest("pk").author_name == "Compras Andina"


def test_the_people_of_a_company_are_its_managers_alone(case: Ticket) -> None:
    """Members and strangers learn neither names nor addresses, and change nobody's role."""
    owner = case.requester
    for who, status in (("member", 404), ("owner", 404), ("anonymous", 302), ("agent", 302)):
        assert browser_of(who).get("/hc/es/company/").status_code == status, who
    stranger = browser_of("stranger")
    assert "andina" not in stranger.get("/hc/es/company/").content.decode().lower()
    change = f"/hc/es/company/people/{owner.pk}/"
    assert stranger.post(change, {"role": "manager"}).status_code == 404
    assert browser_of("member").post(change, {"role": "manager"}).status_code == 404
    owner.refresh_from_db()
    assert not owner.manages
    assert "Compras Andina" in browser_of("manager").get("/hc/es/company/").content.decode()
