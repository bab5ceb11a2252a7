"""The world in which the agreement's stories are told: one process, one clock, real mail, a browser.

The test sets the clock and nothing else moves it: the web server, the worker's loops, the mail
process and the browser all stand at the same instant. When time passes, the clock stops at every
moment at which something is due, and there the real loops and the real job worker run, each once:
what happens by itself happens at its own instant.

Mail leaves by SMTP to a server that keeps it, and comes in through an IMAP mailbox of a real
Dovecot. People act on pages in Chromium, by links of the mails they got, and by mail; the database
is only read, to see what was sealed.
"""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import partial
from itertools import count
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
import time_machine
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import connection, models
from django.utils import timezone
from playwright.sync_api import Page, expect
from procrastinate.contrib.django import app as queue
from procrastinate.contrib.django.django_connector import DjangoConnector

from plazo.accounts import team
from plazo.accounts.models import Role
from plazo.channels.email.imap import fetch_for_ever
from plazo.channels.email.models import IntakeRecord
from plazo.config.worker import LOOPS
from plazo.core.actor import Actor
from plazo.escalation.models import Bell, CallState, HookCall
from plazo.mailboxes.commands import save_mailbox
from plazo.mailboxes.models import Mailbox, Security, Source
from plazo.notifications.models import WAITING, Notice, OutboundMail
from plazo.notifications.transport import close_kept
from plazo.tickets import queries
from plazo.tickets.models import AreaAsk, Draft, Ticket, TicketEvent
from plazo.tickets.verify import Tally, verify
from plazo.tickets.wait_models import Wait
from tests.factory import IWS, PASSWORD, publish_iws
from tests.mailservers import PASSWORD as MAIL_PASSWORD
from tests.mailservers import Dovecot, Postfix
from tests.people import a_company, a_person
from tests.ports import free_port
from tests.web import Browse

ZONE = ZoneInfo("America/Panama")
SUPPORT = "soporte@iws.example"
CREDIT, INTEGRATIONS = "credito@intcomex.example", "iwsintegraciones@intcomex.com"
REPRESENTATIVE = "representante@ventas.example"
CLIENT = ("ingenieria@andina.example", "Ingeniería Andina")
SPECIALIST, MANAGER = "especialista@equipo.example", "gerencia@equipo.example"
COORDINATORS = ("coordinacion1@equipo.example", "coordinacion2@equipo.example")
TEAM = (
    (SPECIALIST, "Especialista Uno", Role.AGENT, 1, "nivel1"),
    (COORDINATORS[0], "Coordinación Uno", Role.COORDINATOR, 2, "nivel2"),
    (COORDINATORS[1], "Coordinación Dos", Role.COORDINATOR, 2, "nivel2"),
    (MANAGER, "Gerencia", Role.MANAGER, 3, ""),
)
SECOND = timedelta(seconds=1)
# Those of the worker's loops that do something about cases when its hour has come.
BY_THE_CLOCK = (
    "sweep", "held replies", "waits and closing", "reconciler", "mail intake", "rules", "areas",
)  # fmt: skip
_numbers = count(1)


def local(words: str) -> datetime:
    """Return the instant of a wall-clock time of the agreement's zone: «2026-11-29 03:00»."""
    return datetime.fromisoformat(words).replace(tzinfo=ZONE).astimezone(UTC)


class OneRound(threading.Event):
    """What a loop takes for the order to stop: given when it lies down to sleep.

    Units: with `looks`, given at that look instead, for who sleeps otherwise.
    """

    def __init__(self, looks: int = 1_000_000) -> None:
        super().__init__()
        self._looks = looks

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True

    def is_set(self) -> bool:
        self._looks -= 1
        return super().is_set() or self._looks < 0


@dataclass(frozen=True)
class Letter:
    """A mail that left us: when, to whom, and as it was."""

    at: datetime
    to: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"]).strip()

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")

    def link(self, path: str) -> str:
        """Return the path of the first link that matches, as who clicks on it goes there."""
        found = re.search(rf"https?://[^/\s]+({path})", self.text)
        assert found is not None, self.text
        return found[1]


class Post:
    """The mail server of everybody else: it keeps what it takes, and refuses who does not exist."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.unknown: set[str] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 5.1.1 The address does not exist here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
        for address in envelope.rcpt_tos:
            self.letters.append(Letter(timezone.now(), address, cast("EmailMessage", message)))
        return "250 taken"


# When somebody must look again at a row of each kind, besides at the tickets' own alarms.
_DUE: tuple[tuple[str, Callable[[], models.QuerySet[Any]]], ...] = (
    ("send_at", Draft.objects.all),
    ("next_at", Bell.objects.all),
    ("next_at", Wait.objects.all),
    ("closes_at", Ticket.objects.all),
    ("remind_at", AreaAsk.objects.all),
    ("mail_at", Notice.objects.all),
    ("next_attempt_at", lambda: OutboundMail.objects.filter(state__in=WAITING)),
    ("next_attempt_at", IntakeRecord.objects.waiting),
    ("next_attempt_at", lambda: HookCall.objects.filter(state=CallState.WAITING)),
)


@dataclass
class World:
    """The people, their mail and their pages, at one instant."""

    clock: time_machine.Traveller
    post: Post
    dovecot: Dovecot
    browse: Browse
    mailbox: Mailbox
    pages: list[Page] = field(default_factory=list)
    inbox_changed: bool = True

    # — the clock —

    @property
    def now(self) -> datetime:
        return timezone.now()

    def be(self, instant: datetime | str) -> None:
        """Let time pass until an instant, or a wall-clock time of the agreement's zone."""
        end = local(instant) if isinstance(instant, str) else instant
        assert end >= self.now, "time does not run backwards"
        self.work()
        while (moment := self._next_moment()) is not None and moment <= end:
            self._set(moment)
            self.work()
        self._set(end)

    def let_pass(self, **span: float) -> None:
        """Let so much time pass."""
        self.be(self.now + timedelta(**span))

    def _set(self, instant: datetime) -> None:
        self.clock.move_to(instant, tick=False)
        for page in self.pages:
            page.clock.set_fixed_time(instant)

    def _next_moment(self) -> datetime | None:
        """Return when something is due next, in whole seconds; what is overdue, a second on."""
        found = [
            rows().filter(**{f"{column}__isnull": False}).aggregate(models.Min(column))
            for column, rows in _DUE
        ]
        moments = [moment for row in found for moment in row.values() if moment]
        alarm = queries.next_alarm_at(now=self.now)
        first = min([*moments, *([alarm] if alarm else [])], default=None)
        if first is None:
            return None
        whole = first.replace(microsecond=0)
        return max(whole if whole == first else whole + SECOND, self.now + SECOND)

    # — what runs by itself —

    def work(self) -> None:
        """Have everything done that is to be done now, as the worker and the mail process do."""
        if self.inbox_changed:
            self.inbox_changed = False
            fetch_for_ever(self.mailbox.pk, OneRound(looks=2))
        self._jobs()
        for name in BY_THE_CLOCK:
            LOOPS[name](OneRound())
            self._jobs()

    def _jobs(self) -> None:
        """Run the jobs that wait, in the real job worker; in a thread, since ours has a loop."""
        while _waiting_jobs():
            thread = ThreadPoolExecutor(1, "jobs")
            thread.submit(asyncio.run, _work_on_jobs()).result()
            thread.shutdown()

    # — mail —

    def letters(self, to: str, *, subject: str = "", since: datetime | None = None) -> list[Letter]:
        """Return what somebody got, oldest first."""
        return [
            letter
            for letter in self.post.letters
            if letter.to == to
            and subject in letter.subject
            and (since is None or letter.at >= since)
        ]

    def letter(self, to: str, subject: str = "") -> Letter:
        """Return the latest mail that somebody got."""
        found = self.letters(to, subject=subject)
        assert found, [(letter.to, letter.subject) for letter in self.post.letters]
        return found[-1]

    def write(self, sender: str, subject: str, words: str, **headers: str) -> None:
        """Have somebody write a mail to us; their server signs it, ours checks that."""
        domain = parseaddr(sender)[1].rpartition("@")[2]
        message = EmailMessage()
        message["Authentication-Results"] = (
            f"mx.iws.example; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
        )
        wanted = {
            "From": sender,
            "To": SUPPORT,
            "Subject": subject,
            "Date": format_datetime(self.now),
            "Message-ID": f"<{next(_numbers)}.historia@{domain}>",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in wanted.items():
            message[name] = value
        message.set_content(words)
        self.dovecot.deliver(message.as_bytes(), SUPPORT, parseaddr(sender)[1])
        self.fetch()

    def answer(self, letter: Letter, words: str, *, sender: str = "") -> None:
        """Have whoever got a mail answer it, as mail programs do: with all of it below."""
        quoted = "".join(f"> {line}\n" for line in letter.text.splitlines())
        told = letter.message
        self.write(
            sender or letter.to,
            f"RE: {letter.subject}",
            f"{words}\n\nEl {self.now:%d/%m/%Y}, Soporte IWS escribió:\n{quoted}",
            To=str(told["Reply-To"] or told["From"]),
            In_Reply_To=str(told["Message-ID"]),
            References=f"{told['References'] or ''} {told['Message-ID']}".strip(),
        )

    def send_through(self, postfix: Postfix) -> None:
        """Have our mail go out through a mail server that reports what it cannot deliver."""
        postfix.route(
            f"lmtp:inet:127.0.0.1:{self.dovecot.lmtp_port}",
            andina=f"smtp:[127.0.0.1]:{self.mailbox.smtp_port}",
            equipo=f"smtp:[127.0.0.1]:{self.mailbox.smtp_port}",
        )
        self.mailbox.refresh_from_db()
        self.mailbox.smtp_port = postfix.port
        save_mailbox(mailbox=self.mailbox, secrets={}, actor=Actor.system("stories"), now=self.now)

    def await_letters(self, postfix: Postfix) -> None:
        """Wait until the mail server has nothing more to deliver."""
        _until(lambda: postfix.waiting() == 0)

    def await_report(self) -> None:
        """Wait until there is something in our mailbox that we have not fetched."""

        def unread() -> bool:
            with self.dovecot.inbox(SUPPORT) as box:
                return bool(box.uids("UNSEEN"))

        _until(unread)

    def fetch(self) -> None:
        """Have our mailbox looked into, and done what is to be done."""
        self.inbox_changed = True
        self.work()

    # — pages —

    def page(self, path: str = "", **looks: Any) -> Page:
        """Open a browser of its own at a path, at the world's instant."""
        page = self.browse(**looks)
        page.clock.set_fixed_time(self.now)
        self.pages.append(page)
        if path:
            page.goto(path)
        return page

    def desk(self, email: str) -> Page:
        """Open the desk as an agent does: by signing in."""
        page = self.page("/desk/")
        page.get_by_label("Correo").fill(email)
        page.get_by_label("Contraseña").fill(PASSWORD)
        page.get_by_role("button", name="Continuar").click()
        page.wait_for_url(re.compile(r"^[^?]*/desk/$"))
        return page

    @staticmethod
    def press(page: Page, key: str) -> None:
        """Press a key of the desk, once its scripts are there to hear it."""
        page.wait_for_load_state("networkidle")
        page.keyboard.press(key)

    def ask(self, **answers: str) -> Page:
        """Have the client fill in the request form and send it; return the page that says so."""
        page = self.page("/hc/es/requests/new/")
        wanted = {
            "service": "Licencias ESD",
            "request_type": "Algo falla",
            "severity": "Moderado",
            "Su nombre": CLIENT[1],
            "Su correo": CLIENT[0],
        } | answers
        for name, value in wanted.items():
            if name in ("service", "request_type", "severity", "environment", "answer"):
                page.locator(f'label:has([name="{name}"])', has_text=value).click()
            else:
                page.get_by_label(name).fill(value)
        self.let_pass(minutes=2)  # nobody writes a request in no time
        page.get_by_role("button", name="Enviar caso").click()
        expect(page.locator("h1")).to_contain_text("IWS-")
        self.work()
        return page

    # — what is on record —

    def diary(self) -> list[str]:
        """Return every mail that left us: when, to whom, and what it says of the case."""
        names = {CREDIT: "crédito", INTEGRATIONS: "integraciones", REPRESENTATIVE: "representante"}
        names |= {CLIENT[0]: "cliente", SPECIALIST: "especialista", MANAGER: "gerencia"}
        case = self.case()
        return [
            f"{letter.at.astimezone(ZONE):%d %H:%M:%S} "
            f"{names.get(letter.to, letter.to.partition('@')[0])}: "
            + letter.subject.removeprefix(f"[{case.number}] ")
            .partition(case.subject)[0]
            .rstrip(" :·")
            for letter in self.post.letters
        ]

    def case(self) -> Ticket:
        """Return the one case of the story, as it is stored."""
        return Ticket.objects.get()

    def clock_of(self, key: str) -> dict[str, Any]:
        """Return one clock of the case, as it is stored."""
        return next(clock for clock in self.case().clocks if clock["key"] == key)

    def event(self, kind: str) -> TicketEvent:
        """Return the latest event of a kind on the case's timeline."""
        return TicketEvent.objects.filter(kind=kind).latest("pk")


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def _waiting_jobs() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo')")
        return bool(cursor.fetchone()[0])


async def _work_on_jobs() -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1, "job"))
    connector = cast("DjangoConnector", queue.connector)
    app = queue.with_connector(connector.get_worker_connector())
    async with app.open_async():
        await app.run_worker_async(
            wait=False,
            concurrency=1,
            listen_notify=False,
            install_signal_handlers=False,
            delete_jobs="successful",
        )
    await loop.run_in_executor(None, _leave)


def _leave() -> None:
    """Close what the thread of the jobs kept open."""
    close_kept()
    connection.close()


def _mailbox(dovecot: Dovecot, smtp_port: int, now: datetime) -> Mailbox:
    box = Mailbox(
        key="soporte",
        name="Soporte IWS",
        address=SUPPORT,
        group=team.groups_named(["nivel1"])[0],
        is_default=True,
        trusted_hosts=["mx.iws.example"],
        source=Source.IMAP,
        imap_host="127.0.0.1",
        imap_port=dovecot.imap_port,
        imap_security=Security.PLAIN,
        imap_user=SUPPORT,
        smtp_host="127.0.0.1",
        smtp_port=smtp_port,
        smtp_security=Security.PLAIN,
    )
    secrets = {"imap_password": MAIL_PASSWORD}
    return save_mailbox(mailbox=box, secrets=secrets, actor=Actor.system("stories"), now=now)


def _settle_in(now: datetime) -> None:
    """Put the agreement in force, and let the team and the client move in, as installers do."""
    source = IWS.read_text(encoding="utf-8")
    head = '[areas.credit]\nname = { es = "Crédito", en = "Credit" }\n'
    assert head in source
    publish_iws(source=source.replace(head, f'{head}email = "{CREDIT}"\n'))
    add = partial(team.add_agent, password=PASSWORD, actor=Actor.system("stories"), now=now)
    for level in (1, 2):
        team.add_group(
            key=f"nivel{level}",
            name=f"Nivel {level}",
            level=level,
            actor=Actor.system("stories"),
            now=now,
        )
    for email, name, role, level, group in TEAM:
        add(email=email, name=name, role=role, level=level, groups=[group] if group else [])
    company = a_company()
    company.representative_name = "Representante de Andina"
    company.representative_email = REPRESENTATIVE
    company.save()
    a_person(*CLIENT)


@pytest.fixture(scope="module")
def smtp_server() -> Iterator[tuple[Post, int]]:
    """The one server that takes our mail, for the module."""
    post, port = Post(), free_port()
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    yield post, port
    controller.stop()


@pytest.fixture
def begin(
    transactional_db: None,
    dovecot_server: Dovecot,
    smtp_server: tuple[Post, int],
    browse: Browse,
) -> Iterator[Callable[[str], World]]:
    """Begin a world at a wall-clock time; at its end every history in it must hold."""
    post, port = smtp_server
    post.letters.clear()
    post.unknown.clear()
    worlds: list[World] = []
    with time_machine.travel(local("2026-11-01 08:00"), tick=False) as clock:
        _settle_in(timezone.now())
        mailbox = _mailbox(dovecot_server, port, timezone.now())

        def at(words: str) -> World:
            clock.move_to(local(words), tick=False)
            worlds.append(World(clock, post, dovecot_server, browse, mailbox))
            worlds[0].work()
            return worlds[0]

        yield at
        for world in worlds:
            world.work()
        assert list(verify(Tally())) == []
