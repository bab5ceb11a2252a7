"""Webhooks: what they say, how they are signed, where they may go, and what becomes of a failure."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.db import connection
from django.utils import translation

from plazo.core.actor import Actor
from plazo.core.errors import told
from plazo.core.models import AuditEntry
from plazo.escalation import calling, hooks, outgoing, payloads, settings
from plazo.escalation.models import CallState, Endpoint, HookCall, HookForm, Ring
from plazo.escalation.sweep import sweep_once
from plazo.tickets import commands
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY, a_case, as_agent, publish_iws

MINUTE = timedelta(minutes=1)
BY = Actor.system("test")

pytestmark = pytest.mark.django_db


class Other(BaseHTTPRequestHandler):
    """The other side: it keeps what it gets and answers as it is told to."""

    got: list[tuple[dict[str, str], bytes]] = []
    answer = 204

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.answer)
        if self.answer == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def other(settings) -> Iterator[str]:
    """A server on this machine, which the operator has allowed."""
    Other.got, Other.answer = [], 204
    server = HTTPServer(("127.0.0.1", 0), Other)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.PLAZO = settings.PLAZO.model_copy(update={"webhook_hosts": ("localhost",)})
    yield f"http://localhost:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


@pytest.fixture
def ring(db):
    """A case of severity A that is at risk, and rung."""
    publish_iws()

    def made(endpoint_url: str, form: str = HookForm.PLAZO, **choices) -> HookCall:
        settings.save_endpoint(
            name="Guardia", form=form, url=endpoint_url, actor=BY, now=TUESDAY, **choices
        )
        ticket = a_case(now=TUESDAY, subject="<!channel> & [x](http://malo.example)")
        commands.enter_level(
            ticket_id=ticket.pk, level=2, severity="A", actor=as_agent(), now=TUESDAY
        )
        sweep_once(TUESDAY + 45 * MINUTE)
        calling.ring_due(TUESDAY + 45 * MINUTE)
        return HookCall.objects.get()

    return made


def test_a_ring_is_called_signed_and_once(other, ring):
    """Its headers carry the signature of the very bytes that were sent; a machine hears once."""
    call = ring(other)
    assert hooks.attempt(call.pk, now=TUESDAY + 45 * MINUTE) == CallState.DONE
    assert hooks.attempt(call.pk, now=TUESDAY + 46 * MINUTE) == ""
    ((headers, body),) = Other.got
    said = json.loads(body)
    assert said["type"] == "ladder.rang"
    assert said["data"]["tickets"][0]["cause"] == "at_risk"
    assert said["data"]["count"] == 1
    endpoint = Endpoint.objects.get()
    signature = hooks.signature(
        endpoint.secrets["secret"], headers["webhook-id"], int(headers["webhook-timestamp"]), body
    )
    assert headers["webhook-signature"] == signature
    assert headers["host"].startswith("localhost:")
    assert endpoint.last_ok_at == TUESDAY + 45 * MINUTE
    assert "localhost" not in endpoint.sealed
    sweep_once(TUESDAY + 55 * MINUTE)
    assert calling.ring_due(TUESDAY + 55 * MINUTE) == 0  # a machine is told once of a ring


@pytest.mark.parametrize("form", list(HookForm))
def test_who_was_told_of_a_ring_hears_who_has_it(other, ring, form):
    """One call when somebody says "I have it": it names them and the case, and comes once."""
    call, now = ring(other, form), TUESDAY + 45 * MINUTE
    hooks.attempt(call.pk, now=now)
    commands.answer_ladder(
        ticket_id=Ticket.objects.get().pk, by="desk", actor=as_agent(2), now=now + MINUTE
    )
    assert calling.ring_due(now + MINUTE) == 1
    assert calling.ring_due(now + 20 * MINUTE) == 0
    hooks.attempt(HookCall.objects.latest("pk").pk, now=now + MINUTE)
    said = json.loads(Other.got[-1][1])
    number, text = Ticket.objects.get().number, json.dumps(said, ensure_ascii=False)
    assert number in text
    assert "Agente de nivel 2" in text
    if form == HookForm.PLAZO:
        assert said["type"] == "ladder.answered"
        (told,) = said["data"]["tickets"]
        assert (told["answered_by"], told["step"]) == ("Agente de nivel 2", 2)
    else:
        assert f"Agente de nivel 2 tiene {number}" in text
        assert "<!channel>" not in text or form == HookForm.TEAMS


def test_a_ring_that_ends_untold_is_not_told_of_and_one_done_first_says_so(other, ring):
    """Whoever never heard of a ring hears nothing of its end; doing the work ends it too."""
    call, now = ring(other), TUESDAY + 45 * MINUTE
    commands.set_status(
        ticket_id=Ticket.objects.get().pk, status="solved", actor=as_agent(2), now=now + MINUTE
    )
    calling.ring_due(now + MINUTE)
    done = HookCall.objects.exclude(pk=call.pk).get()
    assert done.body["type"] == "ladder.settled"
    assert done.body["data"]["tickets"][0]["answered_by"] is None
    ticket = a_case(now=TUESDAY)
    commands.enter_level(ticket_id=ticket.pk, level=2, severity="A", actor=as_agent(), now=TUESDAY)
    sweep_once(now + 2 * MINUTE)
    commands.answer_ladder(ticket_id=ticket.pk, by="desk", actor=as_agent(2), now=now + 2 * MINUTE)
    calling.ring_due(now + 3 * MINUTE)
    assert HookCall.objects.count() == 2


def test_the_signature_is_that_of_the_standards_own_example():
    """Secret, id, instant and body as Standard Webhooks publish them."""
    secret, key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert hooks.signature(secret, key, 1614265330, b'{"test": 2432232314}') == expected
    assert hooks.signature(hooks.new_secret(), key, 1614265330, b"{}") != expected


@pytest.mark.parametrize("form", [HookForm.SLACK, HookForm.TEAMS])
def test_words_from_outside_call_nobody_in_a_chat(other, ring, form):
    """A subject cannot call a whole channel, or put a link of its own into a chat."""
    hooks.attempt(ring(other, form).pk, now=TUESDAY + 45 * MINUTE)
    ((headers, body),) = Other.got
    assert "webhook-signature" not in headers
    text = body.decode()
    assert "<!channel>" not in text or form == HookForm.TEAMS
    said = json.loads(text)
    if form == HookForm.SLACK:
        section = said["blocks"][0]["text"]
        assert "&lt;!channel&gt; &amp;" in section["text"]
        assert section["verbatim"] is True
    else:
        card = said["attachments"][0]["content"]
        assert {part["type"] for part in card["body"]} == {"TextBlock", "RichTextBlock"}
        headline = card["body"][0]["text"]
        assert "malo.example" not in headline


def test_many_rings_fit_into_what_a_chat_takes(other, ring):
    """Slack refuses a text of more than 3,000 signs, and warns of a button that no app answers:
    lines are left out whole and counted, and the way to the board is a link."""
    ring(other, HookForm.SLACK)
    one = Ring.objects.select_related("ticket__agreement_version", "ticket__organization").get()
    one.ticket.subject = "&" * 200
    said = payloads.of_rings(HookForm.SLACK, 2, [one] * 20, 25, now=TUESDAY)
    assert {block["type"] for block in said["blocks"]} == {"section"}
    assert all(len(block["text"]["text"]) <= 3000 for block in said["blocks"])
    _headline, *lines, more = said["blocks"][0]["text"]["text"].split("\n")
    assert lines
    assert all(line.startswith("• <http") and line.endswith("&amp;") for line in lines)
    assert str(25 - len(lines)) in more
    assert "/desk/escalations/|" in said["blocks"][1]["text"]["text"]


def test_a_failure_is_seen_and_tried_again_until_it_is_given_up(other, ring):
    """500, then a redirect; the settings say since when, and a success ends it."""
    call, now = ring(other), TUESDAY + 45 * MINUTE
    for answer in (500, 302):
        Other.answer = answer
        assert hooks.attempt(call.pk, now=now) == CallState.WAITING
        trouble = Endpoint.objects.get().last_error
        for language, words, follows in (
            ("es", "El otro lado respondió", "no se sigue"),
            ("en", "The other side answered", "none is followed"),
        ):
            with translation.override(language):
                assert told(trouble).startswith(f"{words} {answer}")
                assert (follows in told(trouble)) == (answer == 302)
        call.refresh_from_db()
        assert call.next_attempt_at > now
        assert hooks.attempt(call.pk, now=now) == ""  # not before its time
        now = call.next_attempt_at
    assert Endpoint.objects.get().failing_since == TUESDAY + 45 * MINUTE
    assert len({headers["webhook-id"] for headers, _body in Other.got}) == 1
    Other.answer = 200
    assert hooks.attempt(call.pk, now=now) == CallState.DONE
    assert Endpoint.objects.get().failing_since is None
    late = settings.test_endpoint(endpoint_id=call.endpoint_id, actor=BY, now=now)
    assert late.state == CallState.DONE
    Other.answer = 500
    last = settings.test_endpoint(endpoint_id=call.endpoint_id, actor=BY, now=now)
    assert last.state == CallState.WAITING
    away = settings.save_endpoint(
        name="Cerrado", form=HookForm.PLAZO, url="http://localhost:1/", actor=BY, now=now
    )
    tested = settings.test_endpoint(endpoint_id=away.pk, actor=BY, now=now)
    assert told(tested.last_error).startswith("No hubo conexión")
    over = now + hooks.GIVE_UP_AFTER
    assert hooks.attempt(last.pk, now=over) == CallState.FAILED


def test_a_call_whose_worker_died_is_woken_again(other, ring):
    """The row is claimed for two minutes; then somebody else makes the call."""
    call, now = ring(other), TUESDAY + 45 * MINUTE
    assert hooks._claim(call.pk, now) is not None
    assert hooks._claim(call.pk, now) is None
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_events")
        cursor.execute("DELETE FROM procrastinate_jobs")
    assert hooks.reconcile(now + MINUTE) == 0
    assert hooks.reconcile(now + 3 * MINUTE) == 1
    assert hooks.attempt(call.pk, now=now + 3 * MINUTE) == CallState.DONE


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.9", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1",
        "2002:7f00:1::", "64:ff9b::7f00:1", "::",
    ],
)  # fmt: skip
def test_no_private_address_is_called_whatever_its_name(address, monkeypatch):
    """A public name that leads inside is refused, also where only one of its addresses does."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def resolve(host, port, **kwargs):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port)),
            (family, socket.SOCK_STREAM, 6, "", (address, port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(outgoing.AddressRefused):
        outgoing.vetted("hooks.example", 443)


@pytest.mark.parametrize(
    "url",
    [
        "", "https://", "ftp://x.example/", "http://x.example/", "https://u:p@x.example/",
        "https://x.example/\n", "javascript:alert(1)", "https://[::1/", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_what_an_address_gives_away_by_itself_is_refused(url, db):
    """Neither plain HTTP nor passwords nor what is no address is kept."""
    with pytest.raises(outgoing.AddressRefused):
        outgoing.check(url)


def test_changes_are_on_the_audit_trail_without_the_secret(db):
    """Added, moved, removed: who and when, and never the address itself."""
    url = "https://hooks.slack.com/services/T0/B0/secreto"
    made = settings.save_endpoint(name="Chat", form="slack", url=url, actor=BY, now=TUESDAY)
    settings.save_endpoint(
        endpoint_id=made.pk, name="Chat", form="slack", url=url + "2", actor=BY, now=TUESDAY
    )
    settings.remove_endpoint(endpoint_id=made.pk, actor=BY, now=TUESDAY)
    entries = list(AuditEntry.objects.order_by("pk"))
    assert [entry.what for entry in entries] == [
        "ladder.webhook_added", "ladder.webhook_changed", "ladder.webhook_removed",
    ]  # fmt: skip
    assert entries[1].after == {"address_set": True}
    assert all("secreto" not in json.dumps([e.before, e.after]) for e in entries)
