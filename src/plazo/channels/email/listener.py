"""Our own SMTP and LMTP doors, for sites that route their mail straight in.

250 is said only after the commit; on any failure of ours 451, so that the other side keeps the
mail and tries again. Only our own mailboxes are taken in: nothing is ever relayed.

Source: RFC 5321 §4.2.5 and §6.1, RFC 2033 §4.2.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import AnyStr, Final

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import close_old_connections, connection

from plazo.channels.email import ledger
from plazo.core.clock import read_clock
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.models import Source

logger = logging.getLogger(__name__)

THREADS: Final = 4
MOST_RECIPIENTS: Final = 100
# Programs write bodies in one line. To refuse those would bounce good mail back to people.
LONGEST_LINE: Final = 4 * 1024 * 1024
LEAVE_SECONDS: Final = 3.0
BUSY: Final = "451 4.3.0 Temporary failure, please try again"


class Doorkeeper:
    """Answers for each recipient and each mail. Its work with the database runs in threads."""

    def __init__(self, *, each_recipient: bool) -> None:
        self._each_recipient = each_recipient
        self._threads = ThreadPoolExecutor(THREADS, "mail-in")

    def close(self) -> None:
        """Finish what was begun, and give each thread's connection back."""
        together = threading.Barrier(THREADS)

        def leave() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(LEAVE_SECONDS)
            connection.close()

        for _thread in range(THREADS):
            self._threads.submit(leave)
        self._threads.shutdown(wait=True)

    async def handle_exception(self, error: Exception) -> str:
        logger.error("a mail could not be taken in", exc_info=error)
        return BUSY

    async def _run(self, work: Callable[[], str]) -> str:
        """Run something with the database; any failure means: try again later."""

        def guarded() -> str:
            close_old_connections()
            try:
                return work()
            except Exception:
                logger.exception("a mail could not be taken in")
                return BUSY

        return await asyncio.get_running_loop().run_in_executor(self._threads, guarded)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"

        def known() -> str:
            return "250 OK" if mailboxes.by_address([address]) else "550 5.1.1 No such mailbox here"

        answer = await self._run(known)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        peer = str(session.peer[0]) if session.peer else None
        content = bytes(envelope.original_content or b"")

        def store() -> str:
            mailbox = mailboxes.by_address(envelope.rcpt_tos)
            if mailbox is None:  # it was removed between RCPT and DATA
                return "550 5.1.1 No such mailbox here"
            record = ledger.accept(
                content,
                source=Source.SMTP,
                mailbox=mailbox,
                envelope_from=(envelope.mail_from or "").removeprefix("<>"),
                envelope_to=envelope.rcpt_tos,
                remote_ip=peer,
                now=read_clock(),
            )
            return f"250 2.0.0 Kept as {record.pk}"

        answer = await self._run(store)
        if self._each_recipient:
            return "\r\n".join([answer] * len(envelope.rcpt_tos))
        return answer


class _Smtp(SMTP):
    line_length_limit = LONGEST_LINE


class _Lmtp(LMTP):
    line_length_limit = LONGEST_LINE

    async def push(self, status: AnyStr) -> None:
        """Send a reply; a refusal of the mail itself once for each recipient (RFC 2033 §4.2)."""
        refused = str(status).startswith(("552 Error: Too much", "500 Line"))
        recipients = self.envelope.rcpt_tos if refused and self.envelope else [""]
        for _recipient in recipients:
            await super().push(status)


@dataclass(frozen=True, slots=True)
class Way:
    """Where to listen, and what is spoken there."""

    place: str
    lmtp: bool = False


class Door(Controller):
    """A listening socket in a thread of its own."""

    def __init__(self, way: Way) -> None:
        host, _, port = way.place.rpartition(":")
        self._kind = _Lmtp if way.lmtp else _Smtp
        self.keeper = Doorkeeper(each_recipient=way.lmtp)
        super().__init__(self.keeper, hostname=host.strip("[]"), port=int(port))

    def factory(self) -> SMTP:
        return self._kind(
            self.handler,
            data_size_limit=int(settings.PLAZO.max_mail_bytes),
            enable_SMTPUTF8=True,
            ident="Plazo",
            hostname="plazo",
            loop=self.loop,
        )

    def stop(self, no_assert: bool = False) -> None:
        super().stop(no_assert)
        self.keeper.close()

    def give_up(self) -> None:
        """Put away what a failed start left."""
        if self.loop.is_running():
            self.stop()
        else:
            self.loop.close()
            self.keeper.close()


def ways() -> list[Way]:
    """Return the ways in that the settings ask for."""
    found = []
    if settings.PLAZO.smtp_listen:
        found.append(Way(settings.PLAZO.smtp_listen))
    if settings.PLAZO.lmtp_listen:
        found.append(Way(settings.PLAZO.lmtp_listen, lmtp=True))
    return found


def open_door(way: Way) -> Door | None:
    """Listen there; None, and a line in the log, while that cannot be."""
    door = Door(way)
    try:
        door.start()
    except OSError as error:
        logger.error("cannot listen for mail on %s: %s", way.place, error.strerror or error)
        door.give_up()
        return None
    logger.info("listening for mail on %s", way.place)
    return door
