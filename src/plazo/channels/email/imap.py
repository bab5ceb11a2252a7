"""Fetching one mailbox by IMAP: what the ledger holds decides what is new.

A mail is fetched as bytes, committed to the ledger, and only then marked, moved or deleted on the
server. Whatever dies in between, the next connection compares the folder with the ledger: what is
missing is fetched, what was taken and not yet marked is marked.

Source: RFC 3501 (UID and UIDVALIDITY, §2.3.1.1), RFC 2177 (IDLE), RFC 6851 (MOVE).
"""

import contextlib
import imaplib
import logging
import random
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from imap_tools import (
    BaseMailBox,
    MailBox,
    MailBoxStartTls,
    MailBoxUnencrypted,
    MailMessageFlags,
)
from imap_tools.errors import ImapToolsError

from plazo.channels.email import ledger
from plazo.channels.email.models import IntakeRecord, Reason
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.mailboxes.models import AfterFetch, Mailbox, Security, SignIn, Source
from plazo.mailboxes.oauth import access_token

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 20 * 60.0  # RFC 2177 asks to begin anew before 29 minutes
LOOK_SECONDS: Final = 2.0  # how soon a fetcher notices that it is to stop
POLL_SECONDS: Final = 30.0  # where the server has no IDLE
COMPARE_SECONDS: Final = 10 * 60.0
SHORTEST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0
SETTLE_AT_ONCE: Final = 50
# Part of the key of the database's advisory locks: one fetcher for each mailbox.
LOCK_SPACE: Final = 0x1A4B

Clock = Callable[[], datetime]
TROUBLE: Final = (imaplib.IMAP4.error, ImapToolsError, OSError, PlazoError)


def connect(mailbox: Mailbox) -> BaseMailBox:
    """Connect, sign in and select the folder. Certificates are checked.

    Raises: imaplib.IMAP4.error; ImapToolsError; OSError; PlazoError.
    """
    host, port = mailbox.imap_host, mailbox.imap_port
    box: BaseMailBox
    match mailbox.imap_security:
        case Security.TLS:
            context = ssl.create_default_context()
            box = MailBox(host, port, timeout=TIMEOUT_SECONDS, ssl_context=context)
        case Security.STARTTLS:
            context = ssl.create_default_context()
            box = MailBoxStartTls(host, port, timeout=TIMEOUT_SECONDS, ssl_context=context)
        case _:
            box = MailBoxUnencrypted(host, port, timeout=TIMEOUT_SECONDS)
    try:
        if mailbox.sign_in == SignIn.PASSWORD:
            password = mailbox.secrets.get("imap_password", "")
            box.login_utf8(mailbox.imap_user, password, mailbox.imap_folder)
        else:
            box.xoauth2(mailbox.imap_user, access_token(mailbox), mailbox.imap_folder)
    except BaseException:
        close(box)
        raise
    return box


def close(box: BaseMailBox) -> None:
    """Say good-bye if the server still listens."""
    with contextlib.suppress(*TROUBLE):
        box.logout()
    with contextlib.suppress(OSError):
        box.client.shutdown()


class Folder:
    """One connection to one mailbox's folder."""

    def __init__(self, box: BaseMailBox, mailbox: Mailbox, clock: Clock = read_clock) -> None:
        self.box, self.mailbox, self.clock = box, mailbox, clock
        self.prefix = ""

    @property
    def can_idle(self) -> bool:
        return "IDLE" in self.box.client.capabilities

    def begin(self) -> None:
        """Find out where the folder stands, and at the very first time where we begin.

        Edges: with another UIDVALIDITY every number is new: what came since the first connection
            is compared anew, and the ledger's rule about doubles makes no second ticket.
        """
        mailbox = self.mailbox
        state = self.box.folder.status(mailbox.imap_folder, ["UIDVALIDITY", "UIDNEXT"])
        validity = int(state["UIDVALIDITY"])
        if mailbox.first_uid is None:
            mailbox.first_uid = 1 if mailbox.fetch_existing else int(state["UIDNEXT"])
            mailbox.fetching_since = self.clock()
        elif mailbox.uid_validity != validity:
            logger.warning("%s: UIDVALIDITY changed; the folder is compared anew", mailbox.key)
            mailbox.first_uid = self._first_since(mailbox) or int(state["UIDNEXT"])
        mailbox.uid_validity = validity
        self._keep("first_uid", "fetching_since", "uid_validity")
        self.prefix = f"imap:{mailbox.pk}:{mailbox.imap_folder}:{validity}:"

    def _first_since(self, mailbox: Mailbox) -> int | None:
        if mailbox.fetch_existing or mailbox.fetching_since is None:
            return 1
        day = mailbox.fetching_since.strftime("%d-%b-%Y")
        uids = sorted(int(uid) for uid in self.box.uids(f"SINCE {day}"))
        return uids[0] if uids else None

    def compare(self) -> int:
        """Fetch what the folder has and the ledger has not; return how many mails were taken.

        Edges: what was taken before and is not marked yet, because we died in between, is marked.
        """
        first = self.mailbox.first_uid or 1
        there = self._uids(first)
        known = self._known(there)
        taken = self._take_all([uid for uid in there if uid not in known])
        self._settle_left_over([uid for uid in there if uid in known])
        self.mailbox.last_uid = max([*there, self.mailbox.last_uid if taken else 0, 0])
        self._report(first)
        return taken

    def catch_up(self) -> int:
        """Fetch what arrived since the last look; return how many mails were taken."""
        there = self._uids(self.mailbox.last_uid + 1)
        known = self._known(there)
        taken = self._take_all([uid for uid in there if uid not in known])
        if there:
            self.mailbox.last_uid = max(there)
            self._report(self.mailbox.first_uid or 1)
        return taken

    def _uids(self, first: int) -> list[int]:
        # `n:*` names the last mail even where its number is smaller.
        found = self.box.uids(f"UID {first}:*")
        return sorted(uid for uid in map(int, found) if uid >= first)

    def _known(self, uids: Sequence[int]) -> set[int]:
        """Return which of these the ledger holds."""
        known: set[int] = set()
        for chunk in _chunks(uids, 2000):
            keys = [self._key(uid) for uid in chunk]
            found = IntakeRecord.objects.filter(source_key__in=keys)
            values = found.values_list("source_key", flat=True)
            known |= {int((key or "").rpartition(":")[2]) for key in values}
        return known

    def _key(self, uid: int) -> str:
        return f"{self.prefix}{uid}"

    def _take_all(self, uids: Sequence[int]) -> int:
        taken = 0
        for chunk in _chunks(uids, SETTLE_AT_ONCE):
            sizes = self._sizes(chunk)
            done = [uid for uid in chunk if uid in sizes and self._take(uid, sizes[uid])]
            taken += len(done)
            self._settle(done)
        return taken

    def _sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """Return the sizes that the server states; a mail that has gone meanwhile is not there."""
        numbers = ",".join(map(str, uids))
        _status, answer = self.box.client.uid("FETCH", numbers, "(UID RFC822.SIZE)")
        sizes = {}
        for line in answer:
            words = line if isinstance(line, bytes) else b" ".join(line or ())
            uid, size = re.search(rb"UID (\d+)", words), re.search(rb"RFC822\.SIZE (\d+)", words)
            if uid and size:
                sizes[int(uid[1])] = int(size[1])
        return sizes

    def _take(self, uid: int, size: int) -> bool:
        """Commit one mail to the ledger; say whether the server may be told.

        Edges: too large a mail stays where it is; its header alone goes to the ledger, parked. One
        that the server cannot deliver is left for the next comparison and stops no other.
        """
        large = size > settings.PLAZO.max_mail_bytes
        part = "BODY.PEEK[HEADER]" if large else "BODY.PEEK[]"
        try:
            raw = _literal(self.box.client.uid("FETCH", str(uid), f"(UID {part})")[1])
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            logger.warning("%s: mail %s cannot be fetched: %s", self.mailbox.key, uid, error)
            return False
        if raw is None:
            return False
        key, now = self._key(uid), self.clock()
        if large:
            ledger.park_too_large(raw, mailbox=self.mailbox, source_key=key, size=size, now=now)
            return False
        ledger.accept(raw, source=Source.IMAP, mailbox=self.mailbox, source_key=key, now=now)
        return True

    def _settle(self, uids: Sequence[int]) -> None:
        """Tell the server that we have these. If that fails nothing is lost: it is done later."""
        if not uids:
            return
        wanted = [str(uid) for uid in uids]
        match self.mailbox.after_fetch:
            case AfterFetch.SEEN:
                self.box.flag(wanted, MailMessageFlags.SEEN, True)
            case AfterFetch.MOVE:
                folder = self.mailbox.archive_folder or "Plazo"
                if not self.box.folder.exists(folder):
                    self.box.folder.create(folder)
                self.box.move(wanted, folder)
            case AfterFetch.DELETE:
                self.box.delete(wanted)

    def _settle_left_over(self, known: Sequence[int]) -> None:
        if not known or self.mailbox.after_fetch == AfterFetch.NOTHING:
            return
        if self.mailbox.after_fetch == AfterFetch.SEEN:
            unseen = {int(uid) for uid in self.box.uids("UNSEEN")}
            known = [uid for uid in known if uid in unseen]
        for chunk in _chunks(known, 500):
            kept = IntakeRecord.objects.filter(
                source_key__in=[self._key(uid) for uid in chunk], reason=Reason.TOO_LARGE
            ).values_list("source_key", flat=True)
            large = {int((key or "").rpartition(":")[2]) for key in kept}
            self._settle([uid for uid in chunk if uid not in large])

    def _report(self, first: int) -> None:
        """Keep how the folder and the ledger compare, for people to see."""
        there = self._uids(first)
        self.mailbox.on_server = len(there)
        self.mailbox.missing = len(there) - len(self._known(there))
        self.mailbox.checked_at = self.clock()
        self.mailbox.fetch_error, self.mailbox.failing_since = "", None
        self._keep("last_uid", "on_server", "missing", "checked_at", "fetch_error", "failing_since")

    def _keep(self, *columns: str) -> None:
        self.mailbox.save(update_fields=columns)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for news, at most so long; say whether there may be some."""
        if not self.can_idle:
            stop.wait(min(seconds, POLL_SECONDS))
            self.box.client.noop()
            return True
        with self.box.idle as idle:
            waited = 0.0
            while waited < seconds and not stop.is_set():
                if any(b"EXISTS" in line or b"RECENT" in line for line in idle.poll(LOOK_SECONDS)):
                    return True
                if _is_gone(self.box):
                    raise imaplib.IMAP4.abort("the server closed the connection")
                waited += LOOK_SECONDS
        return False


def _is_gone(box: BaseMailBox) -> bool:
    """Say whether the other side has closed: IDLE's own reading takes that for silence."""
    sock = box.client.sock
    if isinstance(sock, ssl.SSLSocket) or sock is None:
        return False
    sock.settimeout(0)
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, TimeoutError):
        return False
    except OSError:
        return True
    finally:
        sock.settimeout(TIMEOUT_SECONDS)


def _literal(answer: Sequence[Any]) -> bytes | None:
    """Return the mail's bytes in a FETCH answer; None where the mail has gone."""
    for item in answer:
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], bytes):
            return item[1]
    return None


def _chunks(items: Iterable[int], size: int) -> Iterator[list[int]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def fetch_for_ever(mailbox_id: int, stop: threading.Event) -> None:
    """Fetch a mailbox until `stop`, connecting anew after any trouble, ever more slowly.

    Edges: of several processes only the one that holds the mailbox's lock fetches; when it dies,
        its database connection ends, and with it the lock.
    """
    pause = SHORTEST_PAUSE
    while not stop.is_set():
        try:
            if not _lock(mailbox_id):
                stop.wait(5.0)
                continue
            mailbox = Mailbox.objects.get(pk=mailbox_id)
            box = connect(mailbox)
            try:
                pause = SHORTEST_PAUSE
                _follow(Folder(box, mailbox), stop)
            finally:
                close(box)
        except TROUBLE as error:
            _note_trouble(mailbox_id, error)
        except Mailbox.DoesNotExist:
            return
        except Exception:
            logger.exception("fetching mailbox %s failed", mailbox_id)
        finally:
            close_old_connections()
        if stop.wait(pause * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads load
            break
        pause = min(pause * 2, LONGEST_PAUSE)
    connection.close()


def _follow(folder: Folder, stop: threading.Event) -> None:
    """Compare, then take what arrives; compare again now and then."""
    folder.begin()
    while not stop.is_set():
        folder.compare()
        waited = 0.0
        while waited < COMPARE_SECONDS and not stop.is_set():
            began = read_clock()
            news = folder.wait(stop, min(IDLE_SECONDS, COMPARE_SECONDS - waited))
            waited += max((read_clock() - began).total_seconds(), LOOK_SECONDS)
            if news:
                folder.catch_up()
            if not _lock(folder.mailbox.pk):
                return  # the database forgot us: begin anew


def _lock(mailbox_id: int) -> bool:
    """Take the mailbox's advisory lock, or say that we hold it already."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
            " AND objid = %s AND pid = pg_backend_pid() AND granted",
            [LOCK_SPACE, mailbox_id],
        )
        if cursor.fetchone()[0]:
            return True
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, mailbox_id])
        return bool(cursor.fetchone()[0])


def _note_trouble(mailbox_id: int, error: BaseException) -> None:
    words = str(error) or type(error).__name__
    logger.warning("mailbox %s: %s", mailbox_id, words)
    with contextlib.suppress(Exception):
        now = read_clock()
        Mailbox.objects.filter(pk=mailbox_id).update(fetch_error=words[:1000], checked_at=now)
        Mailbox.objects.filter(pk=mailbox_id, failing_since=None).update(failing_since=now)
