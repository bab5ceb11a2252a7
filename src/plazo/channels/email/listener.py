"""Our own SMTP and LMTP doors, for sites that route their mail straight in.

250 is said only after the commit; on any failure of ours 451, so that the other side keeps the
mail and tries again. Only our own mailboxes are taken in: nothing is ever relayed.

Source: RFC 5321 §4.2.5 and §6.1, RFC 2033 §4.2.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import close_old_connections

from plazo.channels.email import ledger
from plazo.core.clock import read_clock
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.models import Source

logger = logging.getLogger(__name__)

THREADS: Final = 4
MOST_RECIPIENTS: Final = 100
BUSY: Final = "451 4.3.0 Temporary failure, please try again"


class Doorkeeper:
    """Answers for each recipient and each mail. Its work with the database runs in threads."""

    def __init__(self, *, each_recipient: bool) -> None:
        self._each_recipient = each_recipient
        self._threads = ThreadPoolExecutor(THREADS, "mail-in")

    def close(self) -> None:
        self._threads.shutdown(wait=True)

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
                envelope_from=envelope.mail_from or "",
                envelope_to=envelope.rcpt_tos,
                remote_ip=peer,
                now=read_clock(),
            )
            return f"250 2.0.0 Kept as {record.pk}"

        answer = await self._run(store)
        if self._each_recipient:
            return "\r\n".join([answer] * len(envelope.rcpt_tos))
        return answer


class Door(Controller):
    """A listening socket in a thread of its own."""

    def __init__(self, place: str, *, lmtp: bool = False) -> None:
        host, _, port = place.rpartition(":")
        self._lmtp = lmtp
        self.keeper = Doorkeeper(each_recipient=lmtp)
        super().__init__(self.keeper, hostname=host.strip("[]"), port=int(port))

    def factory(self) -> SMTP:
        kind: Any = LMTP if self._lmtp else SMTP
        made: SMTP = kind(
            self.handler,
            data_size_limit=int(settings.PLAZO.max_mail_bytes),
            enable_SMTPUTF8=True,
            ident="Plazo",
            hostname="plazo",
            loop=self.loop,
        )
        return made

    def stop(self, no_assert: bool = False) -> None:
        super().stop(no_assert)
        self.keeper.close()


def doors() -> list[Door]:
    """Return the doors that the settings ask for, not open yet."""
    found = []
    if settings.PLAZO.smtp_listen:
        found.append(Door(settings.PLAZO.smtp_listen))
    if settings.PLAZO.lmtp_listen:
        found.append(Door(settings.PLAZO.lmtp_listen, lmtp=True))
    return found
