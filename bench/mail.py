"""What taking mail in costs: from raw bytes to an acknowledged ticket, on one core.

    make bench NAME=mail                               1,000 cases are there before
    make bench NAME=mail ARGS="--tickets 100000"       a hundred thousand

Everything is whole: the bytes are committed to the ledger, read in the sandbox, decided, written
with clocks and the receipt's row, and the receipt is rendered, sent to a local SMTP sink and
recorded. Beside it, in the same run, what the standard library's `email` alone takes to parse the
same bytes. Run it under `taskset -c 0` to hold all of it, PostgreSQL included, to one core.
The time on the processor is told apart for our own process (the SMTP sink lives in it), the reader
of mails, and PostgreSQL's backend; unlike the rest it hardly depends on what else the machine does.
The last line is JSON.

What limits it is the number of questions to the database: 55 for a mail from its arrival to the
record that its receipt was sent. Each costs about a millisecond of one core, in the ORM, the driver
and PostgreSQL together, and six commits must reach the disk (stored, claimed, decided; claimed,
written, sent). They are what keeps the promises: stored before it is read, one fate, no receipt
twice, the same words at every attempt. The goal of issue 3, a hundred a second on one core, would
leave ten milliseconds for all of it, and is not met: docs/operate.md has the figures. Prepared
statements were tried: PostgreSQL takes a third less, the driver as much more.
"""

import argparse
import contextlib
import json
import os
import random
import socket
import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import seed
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

WORDS = "La orden {n} no llega y el portal dice que sí. ¿Nos ayudan? Adjunto la respuesta."
HISTORY = "El lun, 23 nov 2026 a las 10:14, Soporte escribió:\n" + "> texto anterior\n" * 30


class Sink:
    """A mail server that says yes and forgets."""

    def __init__(self) -> None:
        self.taken = 0

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.taken += 1
        return "250 taken"


def a_mail(number: int) -> bytes:
    """Return a mail as people send them: text and HTML, some history, now and then a file."""
    message = EmailMessage()
    message["From"] = f"Cliente {number % 5000} <cliente{number % 5000}@c{number % 700}.example>"
    message["To"] = "soporte@bench.example"
    message["Subject"] = f"La orden {number} no llega"
    message["Date"] = "Tue, 24 Nov 2026 14:52:00 -0500"
    message["Message-ID"] = f"<{number}.{random.random()}@bench.example>"  # noqa: S311 - no secret
    text = f"{WORDS.format(n=number)} {' '.join(str(number * k) for k in range(20))}"
    letters = "".join(chr(97 + int(digit)) for digit in str(number))
    message.set_content(f"{text} {letters}\n\n{HISTORY}")
    html = f"<p>{text} {letters}</p><div class='gmail_quote'>{HISTORY}</div>"
    message.add_alternative(html, subtype="html")
    if number % 5 == 0:
        message.add_attachment(b"x" * 20_000, "application", "json", filename="respuesta.json")
    return message.as_bytes()


def parse_alone(raws: list[bytes]) -> float:
    """Return mails a second that `email` parses, bodies decoded, and nothing else done."""
    began = time.perf_counter()
    for raw in raws:
        for part in message_from_bytes(raw, policy=policy.compat32).walk():
            part.get_payload(decode=True)
    return len(raws) / (time.perf_counter() - began)


def take_in(raws: list[bytes], mailbox: Any) -> dict[str, float]:
    """Take every mail in and send its receipt; return mails a second, whole and by step."""
    from django.utils import timezone

    from plazo.channels.email import intake
    from plazo.channels.email.ledger import accept
    from plazo.mailboxes.models import Source
    from plazo.notifications.models import MailState, OutboundMail
    from plazo.notifications.sending import send

    spent = {"accept": 0.0, "process": 0.0, "send": 0.0}
    before = _processor_seconds()
    began = time.perf_counter()
    for number, raw in enumerate(raws):
        at = time.perf_counter()
        record = accept(
            raw,
            source=Source.SMTP,
            mailbox=mailbox,
            source_key=f"{len(raws)}-{number}",
            now=timezone.now(),
        )
        then = time.perf_counter()
        spent["accept"] += then - at
        fate = intake.process(record.pk, now=timezone.now())
        assert fate == "ticket", (fate, number)
        at = time.perf_counter()
        spent["process"] += at - then
        for pk in OutboundMail.objects.filter(state=MailState.QUEUED).values_list("pk", flat=True):
            assert send(pk, now=timezone.now()) == MailState.SENT
        spent["send"] += time.perf_counter() - at
    seconds = time.perf_counter() - began
    found = {"acknowledged_per_second": round(len(raws) / seconds, 1)}
    after = _processor_seconds()
    spent |= {f"processor_{name}": after[name] - before.get(name, 0.0) for name in after}
    return found | {f"{name}_ms": round(1000 * s / len(raws), 2) for name, s in spent.items()}


def _processor_seconds() -> dict[str, float]:
    """Return the time on the processor so far: ours, the reader's, PostgreSQL's for us."""
    from django.db import connection

    from plazo.channels.email.sandbox import sandbox

    found = {"own": time.process_time()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        processes = {"postgresql": int(cursor.fetchone()[0])}
    if sandbox._idle:
        processes["reader"] = sandbox._idle[0].process.pid
    for name, pid in processes.items():
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=1000, help="cases to begin with")
    parser.add_argument("--mails", type=int, default=500)
    arguments = parser.parse_args()
    sink = Sink()
    server = _started(sink)
    with seed.a_database():
        from plazo.mailboxes.models import Mailbox, Security, Source

        now = datetime.now(UTC).replace(microsecond=0)
        world = seed.a_world(now)
        seed.seed(arguments.tickets, now=now, world=world, dice=random.Random(1))  # noqa: S311
        mailbox = Mailbox.objects.create(
            key="bench",
            name="Soporte",
            address="soporte@bench.example",
            source=Source.SMTP,
            is_default=True,
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            smtp_security=Security.PLAIN,
            per_minute=0,
        )
        raws = [a_mail(number) for number in range(1, arguments.mails + 51)]
        take_in(raws[arguments.mails :], mailbox)  # warms everything up
        raws = raws[: arguments.mails]
        figures: dict[str, Any] = {"tickets": arguments.tickets, "mails": len(raws)}
        figures["email_alone_per_second"] = round(parse_alone(raws), 1)
        figures |= take_in(raws, mailbox)
        share = figures["acknowledged_per_second"] / figures["email_alone_per_second"]
        figures["share_of_parsing_alone"] = round(share, 3)
        assert sink.taken >= arguments.mails
    server.stop()
    for name, figure in figures.items():
        print(f"{name:32} {figure:>12,}")
    print(json.dumps(figures))


def _started(sink: Sink) -> Controller:
    """Start the sink on a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Controller(sink, hostname="127.0.0.1", port=port)
    server.start()
    return server


if __name__ == "__main__":
    main()
