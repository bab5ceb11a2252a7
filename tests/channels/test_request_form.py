"""The request form without a browser: what it checks, what it keeps, what it opens."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from plazo.accounts.models import Requester
from plazo.agreements.queries import version_in_force
from plazo.channels.forms import proof
from plazo.channels.forms.requests import FASTEST, FORMS, RequestForm, started_token
from plazo.channels.forms.uploads import MOST_FILES, describe
from plazo.notifications.models import MailKind, OutboundMail, Spent
from plazo.tickets.bodies import StoredUpload
from plazo.tickets.models import Attachment, Ticket
from tests import factory
from tests.factory import TUESDAY
from tests.kb import a_client

pytestmark = pytest.mark.django_db


def a_file(name: str = "respuestas-504.json", content: bytes = b'{"error": 504}') -> Any:
    """Return a file as a browser sends it."""
    return SimpleUploadedFile(name, content, "application/json")


def filled_in(**changes: Any) -> dict[str, Any]:
    """Return what a person who needs help sends."""
    return {
        "service": "esd",
        "environment": "production",
        "request_type": "incident",
        "severity": "B",
        "subject": "PlaceOrder devuelve 504",
        "body": "Desde las 12:40 falla la mitad de las llamadas.",
        "name": "Compras Andina",
        "email": "compras@andina.example",
        "started": started_token(TUESDAY - timedelta(minutes=2)),
    } | changes


@pytest.fixture(autouse=True)
def agreement() -> None:
    """The real agreement is in force."""
    factory.publish_iws()


def a_form(
    data: dict[str, Any], *files: Any, kept: tuple[str, ...] = (), **choices: Any
) -> RequestForm:
    """Return the form as the view builds it, in Spanish."""
    posted = QueryDict(mutable=True)
    posted.update(data)
    posted.setlist("kept", list(kept))
    return RequestForm(
        posted,
        MultiValueDict({"files": list(files)}),
        document=version_in_force(TUESDAY).document,
        language="es",
        **{"now": TUESDAY} | choices,
    )


def test_a_good_form_opens_a_case_with_its_file() -> None:
    """What a person wrote and attached is what the case holds."""
    form = a_form(filled_in(), a_file())

    assert form.is_valid(), form.errors
    ticket = form.open()

    assert (ticket.subject, ticket.channel, ticket.language) == (
        "PlaceOrder devuelve 504",
        "form",
        "es",
    )
    assert Attachment.objects.get().name == "respuestas-504.json"


def test_the_form_takes_a_case_at_any_hour() -> None:
    """Agreement §3 and §5: on Sunday at 03:00 it is opened with a receipt; its hour begins at 9."""
    sunday = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    form = a_form(filled_in(started=started_token(sunday - timedelta(minutes=2))), now=sunday)
    assert form.is_valid(), form.errors
    ticket = form.open()

    assert ticket.opened_at == sunday
    assert ticket.next_due_at == datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    receipt = OutboundMail.objects.get(ticket=ticket, kind=MailKind.ACKNOWLEDGEMENT)
    assert receipt.next_attempt_at == sunday


def test_a_form_sent_twice_is_charged_once() -> None:
    """A double click must not spend the budget of receipts of whoever fills the form in."""
    data = filled_in()
    for _ in range(3):
        form = a_form(data, network="198.41.0.4")
        assert form.is_valid(), form.errors
        form.open()

    given = dict(Spent.objects.values_list("scope", "given"))
    assert given == {"address": 1, "domain": 1, "network": 1}


def test_a_form_sent_twice_opens_one_case() -> None:
    """A double click, a reload or an impatient thumb must not make two cases."""
    data = filled_in()
    first = a_form(data)
    assert first.is_valid()
    ticket = first.open()
    second = a_form(data)
    assert second.is_valid()

    assert second.open() == ticket
    assert Ticket.objects.count() == 1


def test_going_back_and_asking_something_else_is_another_case() -> None:
    """The same page may be sent again with another text, and that text must not vanish."""
    data = filled_in()
    first = a_form(data)
    assert first.is_valid()
    first.open()
    second = a_form(data | {"subject": "Otra cosa"})
    assert second.is_valid()
    second.open()

    assert Ticket.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"service": ""}, "service", id="no service"),
        pytest.param({"service": "nuclear"}, "service", id="a service that there is not"),
        pytest.param({"environment": "moon"}, "environment", id="an unknown environment"),
        pytest.param({"request_type": ""}, "request_type", id="no type"),
        pytest.param({"severity": "Z"}, "severity", id="an unknown severity"),
        pytest.param({"subject": "  "}, "subject", id="a blank subject"),
        pytest.param({"subject": "x" * 201}, "subject", id="a subject too long"),
        pytest.param({"body": "\n \n"}, "body", id="a blank text"),
        pytest.param({"body": "x" * 100_001}, "body", id="a text too long"),
        pytest.param({"name": ""}, "name", id="no name"),
        pytest.param({"email": "compras@andina"}, "email", id="half an address"),
        pytest.param({"email": ""}, "email", id="no address"),
        pytest.param({"website": "http://x.example"}, "website", id="what only a script fills in"),
        pytest.param({"started": "forged:note"}, "started", id="a note that we did not sign"),
        pytest.param({"started": ""}, "started", id="no note"),
        pytest.param(
            {"started": started_token(TUESDAY - FASTEST / 2)}, "started", id="faster than people"
        ),
    ],
)
def test_what_the_form_refuses(changes: dict[str, Any], field: str) -> None:
    """Each refusal names its own field, and none of the others."""
    form = a_form(filled_in(**changes))

    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_a_note_that_we_cannot_read_is_replaced() -> None:
    """After a change of the secret key a person sends once more, and then it works."""
    form = a_form(filled_in(started="from another life"))
    assert not form.is_valid()

    again = a_form(filled_in(started=form.note))

    assert again.is_valid(), again.errors


def test_a_file_survives_a_mistake_elsewhere() -> None:
    """A mistake in another field never costs an upload."""
    wrong = a_form(filled_in(subject=""), a_file())
    assert not wrong.is_valid()
    ((description, upload),) = wrong.carry()
    assert upload.name == "respuestas-504.json"

    right = a_form(filled_in(), kept=(description,))
    assert right.is_valid()
    right.open()

    assert Attachment.objects.get().sha256 == upload.sha256


def test_nobody_attaches_what_they_did_not_send() -> None:
    """A description that we did not sign could name another person's file."""
    forged = describe(StoredUpload("ab" * 32, "x.txt", "text/plain", 3))[:-2] + "zz"

    assert a_form(filled_in(), kept=(forged, "rubbish")).kept() == []


def test_one_bad_file_costs_only_itself() -> None:
    """An empty file is named, and the good one beside it is kept."""
    form = a_form(filled_in(), a_file("vacío.txt", b""), a_file("bueno.txt"))

    assert not form.is_valid()
    assert form.errors["files"] == ["«vacío.txt» está vacío."]
    assert [upload.name for _d, upload in form.carry()] == ["bueno.txt"]


def test_there_is_a_most_of_files() -> None:
    """The eleventh file is refused by name; the ten before it are kept."""
    form = a_form(filled_in(), *(a_file(f"{n}.txt", b"%d" % n) for n in range(MOST_FILES + 1)))

    assert not form.is_valid()
    assert form.errors["files"] == ["«10.txt» ya no cabe: son 10 archivos como máximo."]
    assert len(form.carry()) == MOST_FILES


def test_a_form_cannot_rename_a_requester() -> None:
    """Anyone can send a form with anyone's address: the name that we know stays."""
    first = a_form(filled_in())
    assert first.is_valid()
    first.open()
    second = a_form(filled_in(name="Impostor", subject="Otro"))
    assert second.is_valid()
    second.open()

    assert Requester.objects.get().name == "Compras Andina"


def test_cards_say_what_the_agreement_says() -> None:
    """Times and areas on the form come from the version in force, not from the form."""
    form = a_form(filled_in())
    severities = {card.value: card.within for card in form.cards("severity")}
    types = {card.value: card.elsewhere for card in form.cards("request_type")}

    assert severities == {
        "A": "1\N{NO-BREAK SPACE}h o menos",
        "B": "2\N{NO-BREAK SPACE}h o menos",
        "C": "4\N{NO-BREAK SPACE}h hábiles o menos",
    }
    assert types["incident"] is None
    assert types["billing"] is not None
    assert types["billing"].area == "Crédito"


def test_a_form_sends_no_more_receipts_than_the_budget() -> None:
    """Anyone can type anyone's address: the cases are opened, the address is left in peace."""
    for number in range(8):
        form = a_form(filled_in(subject=f"caso {number}"), network="203.0.113.9")
        assert form.is_valid(), form.errors
        form.open()
    assert Ticket.objects.count() == 8
    assert OutboundMail.objects.filter(kind=MailKind.ACKNOWLEDGEMENT).count() == 6


def opened_with(ticket: Ticket) -> dict[str, Any]:
    """Return what the first event of a ticket seals."""
    payload: dict[str, Any] = ticket.events.get(sequence=1).payload
    return payload


def test_further_questions_follow_service_and_type() -> None:
    """Only what fits the service and the type is asked, kept and shown."""
    asked = {
        (service, kind): {
            entry.key
            for entry, _bound, applies in a_form(
                filled_in(service=service, request_type=kind)
            ).further()
            if applies
        }
        for service, kind in (("esd", "incident"), ("catalog", "question"), ("esd", "billing"))
    }

    assert asked == {
        ("esd", "incident"): {"order_number", "method", "called_at", "trace_id"},
        ("catalog", "question"): {"method", "sku"},
        ("esd", "billing"): {"order_number", "invoice_number"},
    }


def test_answers_to_further_questions_are_rows_beside_the_case() -> None:
    """The event names the questions; the answers can be erased with the text."""
    form = a_form(
        filled_in(field_order_number=" 4500917733 ", field_sku="no se pregunta", field_method="")
    )
    assert form.is_valid(), form.errors
    ticket = form.open()

    assert dict(ticket.answers.values_list("key", "value")) == {"order_number": "4500917733"}
    assert opened_with(ticket)["fields"] == ["order_number"]


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        pytest.param({"environment": "development"}, "environment", id="the test environment"),
        pytest.param({"request_type": "billing"}, "billing", id="an invoice"),
        pytest.param({"request_type": "order_change"}, "order_change", id="an order to change"),
    ],
)
def test_what_another_area_attends_may_be_sent_with_an_answer(
    changes: dict[str, Any], clause: str
) -> None:
    """Whoever is told that another area attends it says what they want, and that is recorded."""
    silent = a_form(filled_in(**changes))
    assert not silent.is_valid()
    assert list(silent.errors) == ["answer"]
    assert silent.pointed_to is not None

    form = a_form(filled_in(**changes, answer="technical"))
    assert form.is_valid(), form.errors
    payload = opened_with(form.open())

    assert (payload["clause"], payload["answer"]) == (clause, "technical")


def test_an_answer_without_a_question_is_nothing() -> None:
    """A radio that is still chosen from before says nothing about a request in scope."""
    form = a_form(filled_in(answer="pass_on"))
    assert form.is_valid(), form.errors
    payload = opened_with(form.open())

    assert (payload["clause"], payload["answer"]) == ("", "")


@pytest.mark.parametrize(
    ("stage", "services", "entitlement"),
    [
        pytest.param("production", ["esd"], "", id="in production with the service"),
        pytest.param("production", ["catalog"], "service", id="a service not contracted"),
        pytest.param("production_testing", ["esd"], "stage", id="still testing in production"),
        pytest.param("development", [], "stage", id="the stage counts first"),
    ],
)
def test_entitlement_is_noted_and_never_refused(
    stage: str, services: list[str], entitlement: str
) -> None:
    """The case of a client who is not entitled is opened, and says why."""
    requester = a_client()
    company = requester.organization
    assert company is not None
    company.stage, company.services = stage, services
    company.save()
    form = a_form(filled_in(), requester=requester)
    assert form.is_valid(), form.errors
    ticket = form.open()

    assert opened_with(ticket)["entitlement"] == entitlement
    assert (ticket.channel, ticket.requester) == ("portal", requester)


def test_who_signed_in_is_not_asked_who_they_are() -> None:
    """Name and address are the account's, whatever is typed; colleagues come in copy."""
    requester = a_client()
    form = a_form(
        filled_in(name="Otra", email="otra@x.example", copies="Uno@andina.example, dos@b.example"),
        requester=requester,
    )
    assert form.is_valid(), form.errors
    ticket = form.open()

    assert ticket.requester == requester
    assert set(ticket.participants.values_list("requester__email", flat=True)) == {
        "uno@andina.example",
        "dos@b.example",
    }


@pytest.mark.parametrize("copies", ["a@b", "a@b.example, nada", ",".join(["a@b.example"] * 6)])
def test_copies_are_addresses_and_few(copies: str) -> None:
    """One that is none is named; a form is no way to write to a crowd."""
    form = a_form(filled_in(copies=copies), requester=a_client())
    assert list(form.errors) == ["copies"]


def test_a_stranger_cannot_put_anyone_in_copy() -> None:
    """Without an account the field is not there, so nobody is written to by it."""
    form = a_form(filled_in(copies="victima@x.example"))
    assert form.is_valid(), form.errors
    assert not form.open().participants.exists()


def test_many_forms_from_one_network_cost_a_little_work() -> None:
    """Over the limit a browser solves a challenge; people in an office hardly notice."""
    for _number in range(FORMS.burst):
        assert a_form(filled_in(), network="203.0.113.9").is_valid()
    refused = a_form(filled_in(), network="203.0.113.9")
    assert not refused.is_valid()
    assert list(refused.errors) == ["solution"]
    asked = refused.new_challenge
    answer = next(n for n in map(str, range(10**7)) if proof.is_solved(asked, n, now=TUESDAY))

    solved = filled_in(challenge=asked, solution=answer)
    assert a_form(solved, network="203.0.113.9").is_valid()
    assert not a_form(filled_in(challenge=asked, solution="1"), network="203.0.113.9").is_valid()
    assert a_form(filled_in(), network="198.51.100.7").is_valid()
    late = TUESDAY + proof.LASTS + timedelta(minutes=1)
    assert not proof.is_solved(asked, answer, now=late)


def test_where_somebody_came_from_is_noted() -> None:
    """The article that did not help, and the announcement that it is about."""
    form = a_form(
        filled_in(article="placeorder-504", announcement="5f1f8f0e-3a3f-4e0e-9a53-0d7f5a0c9d11")
    )
    assert form.is_valid(), form.errors
    payload = opened_with(form.open())

    assert payload["article"] == "placeorder-504"
    assert payload["announcement"] == "5f1f8f0e-3a3f-4e0e-9a53-0d7f5a0c9d11"
