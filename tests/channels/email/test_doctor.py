"""The doctor, on real servers: a mail goes out through Postfix and comes back through Dovecot."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import dns.message
import dns.resolver
import dns.rrset
import pytest
from django.db import connection

from plazo.channels.email import doctor, imap, intake
from plazo.channels.email.models import Fate, IntakeRecord, Reason
from plazo.core.clock import read_clock
from plazo.mailboxes.models import Mailbox, Security, Source
from tests.mails import a_mailbox
from tests.mailservers import PASSWORD, Dovecot, Postfix
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = {
    "iws.example.": ["v=spf1 mx -all", "something else"],
    "_dmarc.iws.example.": ["v=DMARC1; p=reject"],
}


@pytest.fixture
def resolver() -> Iterator[dns.resolver.Resolver]:
    """A resolver that asks a small name server of this test's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        stop = threading.Event()
        thread = threading.Thread(target=_answer, args=(server, stop))
        thread.start()
        found = dns.resolver.Resolver(configure=False)
        found.nameservers, found.port = ["127.0.0.1"], server.getsockname()[1]
        yield found
        stop.set()
        thread.join()


def _answer(server: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            data, peer = server.recvfrom(4096)
            question = dns.message.from_wire(data)
            answer = dns.message.make_response(question)
            name = question.question[0].name
            texts = [f'"{text}"' for text in RECORDS.get(name.to_text().lower(), [])]
            if texts:
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *texts))
            server.sendto(answer.to_wire(), peer)


def a_whole_mailbox(dovecot: Dovecot, postfix: Postfix, **fields: object) -> Mailbox:
    """Return a mailbox with both directions."""
    wanted: dict[str, object] = {
        "source": Source.IMAP,
        "imap_host": "127.0.0.1",
        "imap_port": dovecot.imap_port,
        "imap_security": Security.PLAIN,
        "imap_user": "soporte@iws.example",
        "smtp_host": "127.0.0.1",
        "smtp_port": postfix.port,
        "smtp_security": Security.PLAIN,
        "trusted_hosts": ["mx.iws.example"],
    }
    box = a_mailbox("soporte@iws.example", **wanted | fields)
    box.keep_secrets(imap_password=PASSWORD)
    box.save()
    postfix.route(f"lmtp:inet:127.0.0.1:{dovecot.lmtp_port}")
    return box


@contextlib.contextmanager
def at_work(mailbox: Mailbox, *, reading: bool = True) -> Iterator[None]:
    """Fetch, and read what came, as the mail process and the worker do."""
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(0.1):
            for pk in IntakeRecord.objects.waiting().values_list("pk", flat=True):
                intake.process(pk, now=read_clock())
        connection.close()

    threads = [threading.Thread(target=imap.fetch_for_ever, args=(mailbox.pk, stop))]
    if reading:
        threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    try:
        end = time.monotonic() + 60
        while Mailbox.objects.get(pk=mailbox.pk).checked_at is None:
            assert time.monotonic() < end
            time.sleep(0.05)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def states(steps: list[doctor.Step]) -> dict[str, str]:
    return {step.key: step.state for step in steps}


def test_a_healthy_mailbox_passes_every_step(dovecot_server, postfix_server, resolver):
    """Out through Postfix, in through Dovecot, read, and the sender as others see it."""
    box = a_whole_mailbox(dovecot_server, postfix_server)
    with at_work(box):
        steps = list(doctor.examine(box, wait=20, resolver=resolver))
    assert states(steps) == {
        "receive": "ok",
        "send": "ok",
        "loop": "ok",
        "results": "failed",  # the test's server says that the signature is broken
        "spf": "ok",
        "dmarc": "ok",
    }
    results = next(step for step in steps if step.key == "results")
    assert "dkim=fail" in results.words
    assert "dkim" in results.advice
    record = IntakeRecord.objects.get()
    assert (record.fate, record.reason) == (Fate.REJECTED, Reason.DOCTOR)


def test_it_says_that_nobody_fetches(dovecot_server, postfix_server, resolver):
    """The mail is on the server, and no process looks."""
    box = a_whole_mailbox(dovecot_server, postfix_server)
    steps = {step.key: step for step in doctor.examine(box, wait=1, resolver=resolver)}
    assert (steps["send"].state, steps["loop"].state) == ("ok", "failed")
    assert "plazo mail run" in steps["loop"].advice
    assert steps["results"].state == "skipped"


def test_it_says_that_nobody_reads(dovecot_server, postfix_server, resolver):
    """The mail is in the ledger, and no worker runs."""
    box = a_whole_mailbox(dovecot_server, postfix_server)
    with at_work(box, reading=False):
        steps = {step.key: step for step in doctor.examine(box, wait=6, resolver=resolver)}
    assert steps["loop"].state == "failed"
    assert "plazo worker" in steps["loop"].advice


def test_a_server_that_is_not_trusted_yet_is_named(dovecot_server, postfix_server, resolver):
    """Which server reports is found out by the test mail itself."""
    box = a_whole_mailbox(dovecot_server, postfix_server, trusted_hosts=[])
    with at_work(box):
        steps = {step.key: step for step in doctor.examine(box, wait=20, resolver=resolver)}
    assert steps["results"].state == "warning"
    assert "mx.iws.example" in steps["results"].words


@pytest.mark.parametrize(
    ("fields", "step", "advice"),
    [
        pytest.param({"imap_port": 1}, "receive", "cortafuegos", id="nobody answers"),
        pytest.param({"imap_host": "nada.invalid"}, "receive", "", id="no such server"),
        pytest.param({"imap_security": "tls"}, "receive", "", id="no TLS there"),
        pytest.param({"imap_folder": "Nada"}, "receive", "", id="no such folder"),
        pytest.param({"smtp_port": 1}, "send", "cortafuegos", id="nobody takes mail"),
        pytest.param({"smtp_security": "starttls"}, "send", "", id="no STARTTLS there"),
        pytest.param({"address": "prohibido@iws.example"}, "send", "", id="a sender refused"),
        pytest.param({"address": "nadie@iws.example"}, "send", "", id="a recipient refused"),
    ],
)
def test_each_failure_says_what_to_do(
    dovecot_server, postfix_server, resolver, fields, step, advice
):
    """A step that failed comes with words of the server and advice; the rest goes on."""
    box = a_whole_mailbox(dovecot_server, postfix_server)
    for name, value in fields.items():
        setattr(box, name, value)
    steps = {found.key: found for found in doctor.examine(box, wait=0, resolver=resolver)}
    assert steps[step].state == "failed"
    assert steps[step].words
    assert steps[step].advice
    assert advice in steps[step].advice
    assert len(steps) == 6


def test_a_wrong_password_is_told_as_such(dovecot_server, postfix_server, resolver):
    """Most mailboxes that do not work have one."""
    box = a_whole_mailbox(dovecot_server, postfix_server)
    box.keep_secrets(imap_password="otra")
    receive = next(iter(doctor.examine(box, wait=0, resolver=resolver)))
    assert receive.state == "failed"
    assert "contraseña" in receive.advice


def test_what_a_domain_does_not_publish_is_advised(resolver):
    """Without records of its own, or DNS that does not answer, the doctor says so and goes on."""
    box = a_mailbox("soporte@nada.example", source=Source.PIPE)
    steps = {step.key: step for step in doctor.examine(box, wait=0, resolver=resolver)}
    assert (steps["spf"].state, steps["dmarc"].state) == ("warning", "warning")
    assert "nada.example" in steps["spf"].advice
    below = a_mailbox("soporte@correo.iws.example", source=Source.PIPE, key="abajo")
    steps = {step.key: step for step in doctor.examine(below, wait=0, resolver=resolver)}
    assert (steps["spf"].state, steps["dmarc"].state) == ("warning", "ok")
    silent = dns.resolver.Resolver(configure=False)
    silent.nameservers, silent.port, silent.lifetime = ["127.0.0.1"], free_port(), 0.5
    steps = {step.key: step for step in doctor.examine(box, wait=0, resolver=silent)}
    assert (steps["spf"].state, steps["dmarc"].state) == ("skipped", "skipped")
