"""Machines and people, told apart by what their mails say of themselves."""

import pytest

from plazo.channels.email.parsing import parse

BODY = b"\r\nLa orden no llega.\r\n"
# The rows are rules: a header, who wrote it.
RULES = [
    ("Auto-Submitted: auto-replied", "auto_reply"),
    ("Auto-Submitted: Auto-Replied (vacation)", "auto_reply"),
    ("Auto-Submitted: auto-notified; owner-email=x@y.example", "auto_reply"),
    ("Auto-Submitted: auto-generated", "auto_generated"),
    ("Auto-Submitted: something-new", "auto_generated"),
    ("Auto-Submitted: no", ""),
    ("Auto-Submitted: No (a person)", ""),
    ("Auto-Submitted:", ""),
    ("Precedence: bulk", "list"),
    ("Precedence: junk", "list"),
    ("Precedence: list", "list"),
    ("Precedence: auto_reply", "auto_reply"),
    ("Precedence: normal", ""),
    ("List-Id: <clientes.example.org>", "list"),
    ("List-Post: <mailto:clientes@example.org>", "list"),
    ("List-Unsubscribe: <https://example.org/baja>", "list"),
    ("X-Autoreply: yes", "auto_reply"),
    ("X-Autorespond: fuera", "auto_reply"),
    ("X-Auto-Reply: no", ""),
    ("X-Autoreply-From: x@y.example", "auto_reply"),
    ("X-Vacation: 1", "auto_reply"),
    ("Delivered-To: Autoresponder", "auto_reply"),
    ("Return-Path: <>", "auto_reply"),
    ("Return-Path: <x@y.example>", ""),
    ("X-FC-MachineGenerated: true", "auto_generated"),
    ("X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent", "auto_generated"),
    ("X-Loop: x@y.example", "auto_generated"),
    ("X-Failed-Recipients: x@y.example", "bounce"),
    ("X-Auto-Response-Suppress: All", ""),
    ("X-Auto-Response-Suppress: DR, OOF, AutoReply", ""),
    ("X-MS-Exchange-Organization-SCL: -1", ""),
    ("Importance: high", ""),
]  # fmt: skip


@pytest.mark.parametrize(("header", "kind"), RULES)
def test_one_header_decides(header: str, kind: str) -> None:
    """Each header makes a machine, or does not; what decided is told."""
    mail = parse(f"From: x@y.example\r\nSubject: La orden\r\n{header}\r\n".encode() + BODY)
    assert mail.machine == kind
    assert bool(mail.machine_evidence) is bool(kind)


AWAY = [
    ("Respuesta automática: La orden", True),
    ("Automatic reply: La orden", True),
    ("Resposta automática: A ordem", True),
    ("Out of Office: La orden", True),
    ("Fuera de la oficina", True),
    ("Fora do escritório", True),
    ("Ausente", True),
    ("RE: Respuesta automática: La orden", False),
    ("La respuesta automática no sale", False),
    ("Ausencia de respuesta del servidor", False),
    ("Ausentes en el reporte de hoy", False),
    ("Vacation module fails", False),
    ("De vacaciones estuvo el servidor", False),
    ("La orden", False),
]


@pytest.mark.parametrize(("subject", "away"), AWAY)
@pytest.mark.parametrize(
    "hint",
    [
        "",
        "X-Auto-Response-Suppress: All\r\n",
        "Precedence: normal\r\n",
        "Auto-Submitted: no\r\n",
    ],
)
def test_a_subject_alone_makes_no_machine(subject: str, away: bool, hint: str) -> None:
    """People write about absence too, and their programs write these headers: it is only noted."""
    raw = f"From: x@y.example\r\nSubject: {subject}\r\n{hint}".encode() + BODY
    mail = parse(raw)
    assert (mail.machine, mail.away) == ("", away)


@pytest.mark.parametrize("header", ["Precedence: bulk", "Auto-Submitted: auto-generated"])
def test_a_machine_that_says_that_somebody_is_away_is_an_answer(header: str) -> None:
    """Exchange generates its notes of absence: they are no alarms, and open no case."""
    raw = f"From: x@y.example\r\nSubject: Fuera de la oficina\r\n{header}\r\n".encode() + BODY
    assert parse(raw).machine == "auto_reply"


STATUS = (
    "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
    "Final-Recipient: rfc822; otro@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
)
FORMS = [
    ("multipart/report; report-type=delivery-status; boundary=b", True),
    ("multipart/report; boundary=b", True),
    ("multipart/mixed; boundary=b", False),
]


@pytest.mark.parametrize(("form", "report"), FORMS)
def test_a_report_counts_where_the_whole_mail_is_one(form: str, report: bool) -> None:
    """Somebody who attaches a report that they got asks for help with it."""
    mail = parse(
        f"From: x@y.example\r\nContent-Type: {form}\r\n\r\n--b\r\n\r\n¿Qué hago?\r\n--b\r\n"
        f"{STATUS}--b--\r\n".encode()
    )
    assert (mail.machine, mail.is_report) == ("bounce" if report else "", report)


SENDERS = [
    ("MAILER-DAEMON@mx.example", "Undelivered Mail Returned to Sender", "bounce"),
    ("postmaster@y.example", "No se pudo entregar: Su caso", "bounce"),
    ("postmaster@y.example", "Mensagem não entregue", "bounce"),
    ("postmaster@y.example", "Consulta", ""),
    ("persona@y.example", "No se pudo entregar el paquete", ""),
    ("persona@y.example", "Delivery status of order 4512", ""),
]


@pytest.mark.parametrize(("sender", "subject", "kind"), SENDERS)
def test_who_reports_what_could_not_be_delivered(sender: str, subject: str, kind: str) -> None:
    """A parcel that came back is a case; a mail that came back is a report."""
    assert parse(f"From: {sender}\r\nSubject: {subject}\r\n".encode() + BODY).machine == kind


STATUSES = [
    ("failed", "5.1.1", True),
    ("failed", "5.99.999", True),
    ("failed", "4.4.7", True),
    ("delayed", "4.4.1", False),
    ("delayed", "5.0.0", False),
    ("failed", "", True),
    ("failed", "nonsense", True),
    ("", "5.2.1", True),
    ("", "", False),
]


@pytest.mark.parametrize(("action", "status", "permanent"), STATUSES)
def test_what_was_done_decides(action: str, status: str, permanent: bool) -> None:
    """Failed is for good, whatever the number: at a queue's end it is of class 4 (RFC 3464
    §2.3.3). Only where nothing is said does the class of the status decide."""
    raw = (
        "From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report;"
        " report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nno\r\n--b\r\n"
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; X@Y.example\r\nAction: {action}\r\nStatus: {status}\r\n\r\n--b--\r\n"
    ).encode()
    (bounce,) = parse(raw).bounces
    assert (bounce.recipient, bounce.permanent) == ("x@y.example", permanent)


def test_a_report_of_success_is_no_bounce() -> None:
    """A mail server that says that all went well undoes nothing."""
    raw = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; x@y.example\r\n"
        b"Action: delivered\r\nStatus: 2.0.0\r\n\r\n--b--\r\n"
    )
    mail = parse(raw)
    assert (mail.machine, mail.bounces) == ("auto_reply", ())


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Estoy fuera hasta el 3 de mayo.", "Estoy fuera hasta el 14 de mayo.", True),
        ("Caso 4512 recibido, ref ab12cd", "Caso 9 recibido, ref 77zz01", True),
        ("Vea https://x.example/a1", "Vea https://x.example/b2", True),
        ("Escriba a uno@x.example", "Escriba a dos@y.example", True),
        ("HOLA   mundo", "hola\nmundo", True),
        ("Заказ 5 не пришёл", "Заказ 6 не пришёл", True),
        ("La orden no llega", "La factura no llega", False),
    ],
)
def test_mails_of_one_machine_are_alike(one: str, other: str, alike: bool) -> None:
    """What changes from mail to mail, a number or a token, does not hide that a machine goes on."""
    first, second = (parse(b"\r\n" + text.encode()).fingerprint for text in (one, other))
    assert (first == second) is alike
    assert first


def test_one_mail_through_two_mailboxes_is_one() -> None:
    """What servers add on the way differs; the mail does not."""
    mail = b"From: x@y.example\r\nMessage-ID: <1@y>\r\nSubject: a\r\n b\r\n" + BODY
    one = b"Received: by a\r\nDelivered-To: uno@x.example\r\nReturn-Path: <x@y.example>\r\n" + mail
    other = (b"X-Spam: no\r\n" + mail).replace(b"\r\n", b"\n") + b"\n"
    assert parse(one).content_digest == parse(other).content_digest
    assert parse(mail.replace(b"orden", b"factura")).content_digest != parse(one).content_digest
