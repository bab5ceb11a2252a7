"""Fetching one mailbox by IMAP: what the ledger holds decides what is new.

A mail is fetched as bytes, committed to the ledger, and only then marked, moved or deleted on the
server. Whatever dies in between, the next connection compares the folder with the ledger: what is
missing is fetched, what was taken and not yet marked is marked.

Source: RFC 3501 (UID and UIDVALIDITY, §2.3.1.1), RFC 2177 (IDLE), RFC 6851 (MOVE).
"""

import contextlib
import hashlib
import imaplib
import io
import logging
import random
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, cast

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from imap_tools import (
    BaseMailBox,
    MailBox,
    MailBoxStartTls,
    MailBoxUnencrypted,
)
from imap_tools.errors import ImapToolsError

from plazo.channels.email import ledger
from plazo.channels.email.models import IntakeRecord
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError, kept, told
from plazo.mailboxes.models import AfterFetch, Mailbox, Security, SignIn, Source
from plazo.mailboxes.oauth import access_token, forget_access_token

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 2.0  # how soon a fetcher notices that it is to stop
POLL_SECONDS: Final = 30.0  # where the server has no IDLE
COMPARE_SECONDS: Final = 10 * 60.0  # ends an IDLE too: RFC 2177 wants that before 29 minutes
TURN_SECONDS: Final = 5.0  # how soon another process takes over
SETTLED_SECONDS: Final = 60.0  # a connection that lived so long makes the next try a quick one
SHORTEST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0
SETTLE_AT_ONCE: Final = 50
LONGEST_DOUBT: Final = 3600.0
CLOCKS_DIFFER: Final = timedelta(minutes=10)  # the server's clock against ours
# Part of the key of the database's advisory locks: one fetcher for each mailbox.
LOCK_SPACE: Final = 0x1A4B

LONGEST_ERROR: Final = 1000
TROUBLE: Final = (imaplib.IMAP4.error, ImapToolsError, OSError, PlazoError)

Clock = Callable[[], datetime]


class MovedNowhere(PlazoError):
    """A mailbox that should move what it fetched to the folder in which it is."""

    code = "moved_nowhere"

    def user_message(self) -> str:
        return _("What is fetched cannot be moved to where it is.")


def trouble_of(mailbox: Mailbox) -> str:
    """Return why a mailbox could not be fetched, in the reader's language; nothing if it could."""
    return told(mailbox.fetch_error)


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
        _keep_alive(box.client.sock)
        _sign_in(box, mailbox)
        # Some servers tell what they can do only to those who have signed in.
        told = box.client.capability()[1][-1]
        box.client.capabilities = tuple(told.decode("ascii", "replace").upper().split())
        box.folder.set(mailbox.imap_folder)
    except BaseException:
        close(box)
        raise
    return box


def _sign_in(box: BaseMailBox, mailbox: Mailbox) -> None:
    user, can = mailbox.imap_user, box.client.capabilities
    if mailbox.sign_in == SignIn.PASSWORD:
        password = mailbox.secrets.get("imap_password", "")
        if "AUTH=PLAIN" in can:
            box.login_utf8(user, password, None)
        else:
            box.login(user, password, None)
        return
    try:
        box.xoauth2(user, access_token(mailbox), None)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        forget_access_token(mailbox)  # it may have been called back before its end
        raise


def _keep_alive(sock: socket.socket) -> None:
    """Notice within minutes when a router between has forgotten the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def close(box: BaseMailBox) -> None:
    """Say good-bye if the server still listens."""
    with contextlib.suppress(*TROUBLE):
        box.logout()
    with contextlib.suppress(OSError):
        box.client.shutdown()


class Doubts:
    """Mails at which a connection broke: tried last and alone, and ever more seldom.

    A server that hangs up at one broken mail must not keep the others from us.
    """

    def __init__(self) -> None:
        self._until: dict[str, tuple[int, float]] = {}

    def times(self, key: str) -> int:
        return self._until.get(key, (0, 0.0))[0]

    def too_soon(self, key: str) -> bool:
        return key in self._until and time.monotonic() < self._until[key][1]

    @contextlib.contextmanager
    def watching(self, keys: Sequence[str]) -> Iterator[None]:
        """Note these mails if the connection breaks inside the block."""
        try:
            yield
        except (imaplib.IMAP4.abort, OSError):
            for key in keys:
                times = self.times(key) + 1
                # The first time it may be chance: the line broke just then.
                wait = 0.0 if times == 1 else min(15.0 * 2**times, LONGEST_DOUBT)
                self._until[key] = (times, time.monotonic() + wait)
            raise

    def forget(self, key: str) -> None:
        self._until.pop(key, None)


class Folder:
    """One connection to one mailbox's folder. `doubts` outlive it."""

    def __init__(
        self,
        box: BaseMailBox,
        mailbox: Mailbox,
        clock: Clock = read_clock,
        doubts: Doubts | None = None,
    ) -> None:
        self.box, self.mailbox, self.clock = box, mailbox, clock
        self.doubts = doubts or Doubts()
        self.can_idle = "IDLE" in box.client.capabilities
        self.prefix = ""
        self.complaint = ""

    def begin(self) -> None:
        """Find out where the folder stands, and at the very first time where we begin.

        Edges: with another UIDVALIDITY every number is new: what came since the first connection
            is compared anew, and the ledger's rule about doubles makes no second ticket. In
            another account or folder it is what came since we last looked into the one before.
        """
        mailbox = self.mailbox
        state = self.box.folder.status(mailbox.imap_folder, ["UIDVALIDITY", "UIDNEXT"])
        validity, upcoming = int(state["UIDVALIDITY"]), int(state["UIDNEXT"])
        place = _place_of(mailbox)
        if mailbox.first_uid is None:
            mailbox.first_uid = 1 if mailbox.fetch_existing else upcoming
            mailbox.fetching_since = self.clock()
        elif mailbox.fetched_from != place:
            logger.warning("%s: another account or folder than before", mailbox.key)
            last_look = mailbox.failing_since or mailbox.checked_at or mailbox.fetching_since
            mailbox.first_uid = self._first_since(last_look) or upcoming
        elif mailbox.uid_validity != validity:
            logger.warning("%s: UIDVALIDITY changed; the folder is compared anew", mailbox.key)
            mailbox.first_uid = self._first_since(mailbox.fetching_since) or upcoming
        mailbox.uid_validity, mailbox.fetched_from = validity, place
        self._keep("first_uid", "fetching_since", "uid_validity", "fetched_from")
        self.prefix = f"imap:{mailbox.pk}:{place}:{mailbox.imap_folder}:{validity}:"

    def _first_since(self, since: datetime | None) -> int | None:
        """Return the first mail that the server took in since a moment, if any.

        Edges: SEARCH knows days only, and in a zone that is not said, so it is asked for one day
            more and each mail's own moment decides.
        """
        if self.mailbox.fetch_existing or since is None:
            return 1
        day = (since - timedelta(days=1)).strftime("%d-%b-%Y")
        uids = sorted(int(uid) for uid in self.box.uids(f"SINCE {day}"))
        for chunk in _chunks(uids, 500):
            moments = self._ask(chunk, "INTERNALDATE", rb'INTERNALDATE "([^"]+)"')
            for uid in chunk:
                if uid in moments and _moment(moments[uid]) >= since - CLOCKS_DIFFER:
                    return uid
        return None

    def heard(self) -> bool:
        """Say whether the server mentioned new mail in passing: IDLE would not say it again."""
        return self.box.client.response("EXISTS")[1] != [None]

    def compare(self) -> int:
        """Fetch what the folder has and the ledger has not; return how many mails were taken.

        Edges: what was taken before and is not marked yet, because we died in between, is marked.
        """
        self.complaint = ""
        self.heard()
        first = self.mailbox.first_uid or 1
        there = self._uids(first)
        known = self._known(there)
        taken = self._take_all([uid for uid in there if uid not in known])
        self._settle_left_over([uid for uid in there if uid in known])
        self.mailbox.last_uid = max(there, default=first - 1)
        there = self._uids(first)
        self._report(len(there), len(there) - len(self._held(there)))
        return taken

    def catch_up(self) -> int:
        """Fetch what arrived since the last look; return how many mails were taken.

        Edges: the figures are brought forward, not counted anew: a folder where everything stays
            may hold a hundred thousand mails.
        """
        self.heard()
        mailbox = self.mailbox
        there = self._uids(max(mailbox.last_uid + 1, mailbox.first_uid or 1))
        if not there:
            return 0
        known = self._known(there)
        taken = self._take_all([uid for uid in there if uid not in known])
        mailbox.last_uid = max(there)
        # What cannot stay any more, or was never there, the next comparison finds out.
        stays = mailbox.after_fetch in {AfterFetch.SEEN, AfterFetch.NOTHING}
        missing = len(there) - len(self._held(there))
        self._report(
            (mailbox.on_server or 0) + (len(there) if stays else missing),
            (mailbox.missing or 0) + missing,
        )
        return taken

    def _uids(self, first: int) -> list[int]:
        # `n:*` names the last mail even where its number is smaller.
        found = self.box.uids(f"UID {first}:*")
        return sorted(uid for uid in map(int, found) if uid >= first)

    def _known(self, uids: Sequence[int]) -> set[int]:
        """Return which of these need not be fetched: a mail too large as long as it is that."""
        limit = settings.PLAZO.max_mail_bytes
        return self._found(uids, Q(partial=False) | Q(size__gt=limit))

    def _held(self, uids: Sequence[int]) -> set[int]:
        """Return which of these the ledger holds whole."""
        return self._found(uids, Q(partial=False))

    def _found(self, uids: Sequence[int], which: Q) -> set[int]:
        found: set[int] = set()
        for chunk in _chunks(uids, 2000):
            keys = [self._key(uid) for uid in chunk]
            rows = IntakeRecord.objects.filter(which, source_key__in=keys)
            values = rows.values_list("source_key", flat=True)
            found |= {int((key or "").rpartition(":")[2]) for key in values}
        return found

    def _key(self, uid: int) -> str:
        return f"{self.prefix}{uid}"

    def _take_all(self, uids: Sequence[int]) -> int:
        times = {uid: self.doubts.times(self._key(uid)) for uid in uids}
        clear = [uid for uid in uids if not times[uid]]
        doubtful = sorted((uid for uid in uids if times[uid]), key=lambda uid: (times[uid], uid))
        taken = sum(self._take_some(chunk) for chunk in _chunks(clear, SETTLE_AT_ONCE))
        for uid in doubtful:
            if not self.doubts.too_soon(self._key(uid)):
                taken += self._take_some([uid])
        return taken

    def _take_some(self, uids: Sequence[int]) -> int:
        with self.doubts.watching([self._key(uid) for uid in uids]):
            sizes = self._ask(uids, "RFC822.SIZE", rb"RFC822\.SIZE (\d+)")
        done = []
        for uid in uids:
            with self.doubts.watching([self._key(uid)]):
                if uid in sizes and self._take(uid, int(sizes[uid])):
                    done.append(uid)
            self.doubts.forget(self._key(uid))
        self._settle(done)
        return len(done)

    def _ask(self, uids: Sequence[int], item: str, pattern: bytes) -> dict[int, bytes]:
        """Return what the server says of each mail; one that has gone meanwhile is not there.

        Edges: a server that refuses them all because of one is asked for each alone.
        """
        found = {}
        status, answer = self.box.client.uid("FETCH", ",".join(map(str, uids)), f"(UID {item})")
        for line in answer:
            words = line if isinstance(line, bytes) else b" ".join(line or ())
            uid, value = re.search(rb"UID (\d+)", words), re.search(pattern, words)
            if uid and value:
                found[int(uid[1])] = value[1]
        if status != "OK" and len(uids) > 1:
            for uid_left in uids:
                if uid_left not in found:
                    found |= self._ask([uid_left], item, pattern)
        return found

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
        """Tell the server that we have these.

        Edges: if it refuses nothing is lost: people are told, and it is tried again later.
        """
        if not uids:
            return
        try:
            self._tell(",".join(map(str, uids)))
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, ImapToolsError, MovedNowhere) as error:
            logger.warning("%s: %s", self.mailbox.key, error)
            self.complaint = _words_of(error)

    def _tell(self, uids: str) -> None:
        match self.mailbox.after_fetch:
            case AfterFetch.SEEN:
                self._demand("STORE", uids, "+FLAGS.SILENT", r"(\Seen)")
            case AfterFetch.MOVE:
                folder = self.mailbox.archive
                if self.mailbox.archives_into_itself:
                    raise MovedNowhere
                if not self.box.folder.exists(folder):
                    self.box.folder.create(folder)
                if "MOVE" in self.box.client.capabilities:
                    self.box.move(uids, folder)
                else:
                    self.box.copy(uids, folder)
                    self._expunge(uids)
            case AfterFetch.DELETE:
                self._expunge(uids)

    def _expunge(self, uids: str) -> None:
        """Delete these mails, and where the server can no others that somebody has marked."""
        self._demand("STORE", uids, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self.box.client.capabilities:
            self._demand("EXPUNGE", uids)
        else:
            self.box.expunge()

    def _demand(self, *command: str) -> None:
        status, answer = self.box.client.uid(*command)
        if status != "OK":
            words = b" ".join(part for part in answer if isinstance(part, bytes))
            raise imaplib.IMAP4.error(f"{command[0]}: {words.decode('utf-8', 'replace')}")

    def _settle_left_over(self, known: Sequence[int]) -> None:
        if not known or self.mailbox.after_fetch == AfterFetch.NOTHING:
            return
        if self.mailbox.after_fetch == AfterFetch.SEEN:
            unseen = {int(uid) for uid in self.box.uids("UNSEEN")}
            known = [uid for uid in known if uid in unseen]
        for chunk in _chunks(known, 500):
            held = self._held(chunk)
            self._settle([uid for uid in chunk if uid in held])

    def _report(self, on_server: int, missing: int) -> None:
        """Keep how the folder and the ledger compare, for people to see."""
        mailbox, now = self.mailbox, self.clock()
        mailbox.on_server, mailbox.missing, mailbox.checked_at = on_server, missing, now
        mailbox.fetch_error = self.complaint
        mailbox.failing_since = (mailbox.failing_since or now) if self.complaint else None
        self._keep("last_uid", "on_server", "missing", "checked_at", "fetch_error", "failing_since")

    def _keep(self, *columns: str) -> None:
        self.mailbox.save(update_fields=columns)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for news, at most so long; say whether there may be some."""
        if self.heard():
            return True
        client = self.box.client
        if not self.can_idle:
            stop.wait(min(seconds, POLL_SECONDS))
            client.noop()
            return True
        tag = client._command("IDLE")
        while client._get_response() is not None:  # what the server had to say before its yes
            if client.tagged_commands.get(tag):
                self.can_idle = False
                return True
        end, news = time.monotonic() + seconds, False
        while not news and not stop.is_set() and time.monotonic() < end:
            news = _speaks(client, LOOK_SECONDS)
        client.send(b"DONE\r\n")
        self.box.consume_until_tagged_response(tag)
        return news or self.heard()


def _speaks(client: imaplib.IMAP4, seconds: float) -> bool:
    """Wait until the server says something; leave it unread. Raises: abort when it hangs up.

    Edges: what was read ahead, or decrypted, lies in the buffer already, and the socket is silent.
    """
    sock, file = client.sock, cast("io.BufferedReader", client.file)
    poller = select.poll()
    poller.register(sock.fileno(), select.POLLIN)
    sock.settimeout(0)
    try:
        with contextlib.suppress(ssl.SSLWantReadError):
            if file.peek(1):
                return True
        if not poller.poll(seconds * 1000):
            return False
        if file.peek(1):
            return True
    except ssl.SSLWantReadError:
        return False  # TLS spoke for itself
    finally:
        sock.settimeout(TIMEOUT_SECONDS)
    raise imaplib.IMAP4.abort("the server closed the connection")


def _place_of(mailbox: Mailbox) -> str:
    """Return a short name of the account and folder: numbers of another one mean other mails."""
    words = f"{mailbox.imap_host.lower()}\n{mailbox.imap_user}\n{mailbox.imap_folder}"
    return hashlib.sha256(words.encode()).hexdigest()[:12]


def _moment(internal_date: bytes) -> datetime:
    return datetime.strptime(internal_date.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z")


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
    pause, doubts = SHORTEST_PAUSE, Doubts()
    while not stop.is_set():
        began = time.monotonic()
        try:
            if not _lock(mailbox_id):
                stop.wait(TURN_SECONDS)
                continue
            mailbox = Mailbox.objects.get(pk=mailbox_id)
            box = connect(mailbox)
            try:
                _follow(Folder(box, mailbox, doubts=doubts), stop)
            finally:
                close(box)
        except Mailbox.DoesNotExist:
            break
        except TROUBLE as error:
            _note_trouble(mailbox_id, error)
        except Exception as error:
            logger.exception("fetching mailbox %s failed", mailbox_id)
            _note_trouble(mailbox_id, error)
        finally:
            close_old_connections()
        if time.monotonic() - began > SETTLED_SECONDS:
            pause = SHORTEST_PAUSE
        if stop.wait(pause * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads load
            break
        pause = min(pause * 2, LONGEST_PAUSE)
    connection.close()


def _follow(folder: Folder, stop: threading.Event) -> None:
    """Compare, then take what arrives; compare again now and then."""
    folder.begin()
    while not stop.is_set():
        folder.compare()
        end = time.monotonic() + COMPARE_SECONDS
        while (left := end - time.monotonic()) > 0 and not stop.is_set():
            if folder.wait(stop, left):
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


def _words_of(error: BaseException) -> str:
    """Return an error as the mailbox keeps it: ours to be said later, a server's as it said it."""
    if isinstance(error, PlazoError):
        return kept(error, LONGEST_ERROR)
    return (str(error) or type(error).__name__)[:LONGEST_ERROR]


def _note_trouble(mailbox_id: int, error: BaseException) -> None:
    logger.warning("mailbox %s: %s", mailbox_id, str(error) or type(error).__name__)
    with contextlib.suppress(Exception):
        now = read_clock()
        Mailbox.objects.filter(pk=mailbox_id).update(fetch_error=_words_of(error), checked_at=now)
        Mailbox.objects.filter(pk=mailbox_id, failing_since=None).update(failing_since=now)
