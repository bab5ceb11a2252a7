"""Fetching from a real IMAP server: everything once, whatever dies, and nothing that is not ours."""

import contextlib
import imaplib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import translation

from plazo.channels.email import imap, intake, process
from plazo.channels.email.imap import Doubts, Folder
from plazo.channels.email.models import Fate, IntakeRecord, Reason
from plazo.config.worker import keep_running
from plazo.core.actor import Actor
from plazo.core.clock import read_clock
from plazo.core.errors import told
from plazo.mailboxes.models import AfterFetch, Mailbox, Security, Source
from tests.mails import a_mail, a_mailbox
from tests.mailservers import PASSWORD, Dovecot

pytestmark = pytest.mark.django_db


def a_fetched(server: Dovecot, user: str, **fields: object) -> Mailbox:
    """Return a mailbox that is fetched from the test's server."""
    box = a_mailbox(
        f"{user}@iws.example",
        **{
            "source": Source.IMAP,
            "imap_host": "127.0.0.1",
            "imap_port": server.imap_port,
            "imap_security": Security.PLAIN,
            "imap_user": user,
            **fields,
        },
    )
    box.keep_secrets(imap_password=PASSWORD)
    box.save()
    return box


@contextlib.contextmanager
def opened(mailbox: Mailbox, doubts: Doubts | None = None) -> Iterator[Folder]:
    """Connect, find out where the folder stands, and go afterwards."""
    mailbox = Mailbox.objects.get(pk=mailbox.pk)
    box = imap.connect(mailbox)
    try:
        folder = Folder(box, mailbox, read_clock, doubts)
        folder.begin()
        yield folder
    finally:
        imap.close(box)


def fetch(mailbox: Mailbox) -> int:
    """Connect, compare, and go."""
    with opened(mailbox) as folder:
        return folder.compare()


def begun(server: Dovecot, user: str, **fields: object) -> Mailbox:
    """Return a mailbox that was connected once, while nothing was in it."""
    mailbox = a_fetched(server, user, **fields)
    fetch(mailbox)
    return mailbox


def test_mails_are_fetched_once_with_their_bytes(dovecot_server):
    """The ledger holds what the server holds; the next look takes nothing twice."""
    mailbox = begun(dovecot_server, "uno")
    raws = [a_mail(f"caso {n} ñ", to="uno@iws.example") for n in range(5)]
    for raw in raws:
        dovecot_server.deliver(raw, "uno")
    assert (fetch(mailbox), fetch(mailbox)) == (5, 0)
    kept = [record.raw.data for record in IntakeRecord.objects.order_by("pk")]
    for raw, data in zip(raws, kept, strict=True):
        assert raw.rstrip() in data.replace(b"\r\n", b"\n")
    mailbox.refresh_from_db()
    assert (mailbox.on_server, mailbox.missing) == (5, 0)


@pytest.mark.parametrize(("existing", "taken"), [(False, 0), (True, 2)])
def test_what_was_there_before_is_taken_only_when_asked_for(dovecot_server, existing, taken):
    """Connecting an old mailbox must not open twenty thousand cases."""
    user = f"viejo{taken}"
    for n in range(2):
        dovecot_server.deliver(a_mail(f"viejo {n}"), user)
    mailbox = a_fetched(dovecot_server, user, fetch_existing=existing)
    assert fetch(mailbox) == taken
    dovecot_server.deliver(a_mail("nuevo"), user)
    assert fetch(mailbox) == 1


def test_news_do_not_bring_what_was_there_before(dovecot_server):
    """The first mail after the first connection comes alone, and not with the old ones."""
    for n in range(3):
        dovecot_server.deliver(a_mail(f"viejo {n}"), "novedad")
    with opened(a_fetched(dovecot_server, "novedad")) as folder:
        assert folder.compare() == 0
        dovecot_server.deliver(a_mail("nuevo"), "novedad")
        assert folder.wait(threading.Event(), 20)
        assert folder.catch_up() == 1
        assert (folder.mailbox.on_server, folder.mailbox.missing) == (1, 0)
    assert IntakeRecord.objects.count() == 1


def test_what_the_server_mentions_in_passing_is_not_overheard(dovecot_server):
    """A mail that arrives between two commands is announced once, before IDLE begins."""
    mailbox = begun(dovecot_server, "paso")
    with opened(mailbox) as folder:
        folder.compare()
        dovecot_server.deliver(a_mail("uno"), "paso")
        folder.box.client.noop()  # as any command would, this brings the news
        began = time.monotonic()
        assert folder.wait(threading.Event(), 20)
        assert time.monotonic() - began < 15  # and not the twenty seconds
        assert folder.catch_up() == 1


def test_news_come_without_idle_too(dovecot_server):
    """A server that has no IDLE is asked now and then."""
    mailbox = begun(dovecot_server, "sondeo")
    with opened(mailbox) as folder:
        folder.can_idle = False
        folder.compare()
        dovecot_server.deliver(a_mail("uno"), "sondeo")
        assert folder.wait(threading.Event(), 0.1)
        assert folder.catch_up() == 1


def test_a_dead_connection_is_noticed_while_waiting(dovecot_server):
    """Silence and a connection that is gone are two things."""
    mailbox = begun(dovecot_server, "cortado")
    with opened(mailbox) as folder:
        folder.compare()
        assert folder.wait(threading.Event(), 0.1) is False
        dovecot_server.kick("cortado")
        with pytest.raises(imap.TROUBLE):
            folder.wait(threading.Event(), 20)


@pytest.mark.parametrize("after", AfterFetch.values)
def test_the_server_is_told_what_we_have(dovecot_server, after):
    """Seen, moved or deleted as the mailbox says; or nothing at all."""
    user = f"despues-{after}"
    mailbox = begun(dovecot_server, user, after_fetch=after, archive_folder="Archivo")
    dovecot_server.deliver(a_mail("uno"), user)
    assert fetch(mailbox) == 1
    with dovecot_server.inbox(user) as box:
        left, unseen = box.uids("ALL"), box.uids("UNSEEN")
        moved = box.folder.exists("Archivo")
    expected = {"seen": (1, 0), "move": (0, 0), "delete": (0, 0), "nothing": (1, 1)}[after]
    assert (len(left), len(unseen)) == expected
    assert moved is (after == "move")
    assert fetch(mailbox) == 0


def test_a_mail_that_was_kept_but_not_marked_is_marked_later(dovecot_server, monkeypatch):
    """A death between the commit and the mark costs nothing: the next look tells the server."""
    mailbox = begun(dovecot_server, "muerte")
    dovecot_server.deliver(a_mail("uno"), "muerte")

    class Died(BaseException):
        """As kill -9 would have it."""

    def die(self, uids):
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(Folder, "_settle", die)
        fetch(mailbox)
    with dovecot_server.inbox("muerte") as box:
        assert len(box.uids("UNSEEN")) == 1
    assert fetch(mailbox) == 0
    with dovecot_server.inbox("muerte") as box:
        assert not box.uids("UNSEEN")
    assert IntakeRecord.objects.count() == 1


def test_another_uidvalidity_makes_no_second_ticket(dovecot_server):
    """A folder made anew numbers its mails anew; the ledger takes them, and knows them again."""
    mailbox = begun(dovecot_server, "validez", after_fetch=AfterFetch.NOTHING)
    raw = a_mail("uno", to="validez@iws.example")
    dovecot_server.deliver(raw, "validez")
    assert fetch(mailbox) == 1
    Mailbox.objects.filter(pk=mailbox.pk).update(uid_validity=1)
    IntakeRecord.objects.update(source_key=f"imap:{mailbox.pk}:{mailbox.fetched_from}:INBOX:1:1")
    assert fetch(mailbox) == 1
    one, two = IntakeRecord.objects.order_by("pk")
    assert one.digest == two.digest


def test_after_another_uidvalidity_old_mail_stays_old(dovecot_server):
    """What the server took in long before we first connected is not ours, whatever its number."""
    for n in range(3):
        dovecot_server.deliver(a_mail(f"viejo {n}"), "antiguo")
    dovecot_server.age("antiguo", timedelta(days=3))
    mailbox = begun(dovecot_server, "antiguo", after_fetch=AfterFetch.NOTHING)
    Mailbox.objects.filter(pk=mailbox.pk).update(uid_validity=1)
    dovecot_server.deliver(a_mail("nuevo"), "antiguo")
    assert fetch(mailbox) == 1


def test_another_account_may_use_the_same_numbers(dovecot_server):
    """Gmail gives every inbox the UIDVALIDITY 1: a mail is named by its account as well."""
    mailbox = begun(dovecot_server, "cuenta-a", after_fetch=AfterFetch.NOTHING)
    dovecot_server.deliver(a_mail("de la primera"), "cuenta-a")
    assert fetch(mailbox) == 1
    dovecot_server.deliver(a_mail("de antes"), "cuenta-b")
    dovecot_server.age("cuenta-b", timedelta(days=3))
    dovecot_server.deliver(a_mail("de la segunda"), "cuenta-b")
    Mailbox.objects.filter(pk=mailbox.pk).update(imap_user="cuenta-b")
    assert fetch(mailbox) == 1
    first, second = IntakeRecord.objects.order_by("pk")
    assert b"de la segunda" in second.raw.data
    assert first.source_key.split(":")[2] != second.source_key.split(":")[2]


def test_a_mail_that_breaks_the_connection_does_not_stop_the_others(dovecot_server):
    """It is tried last and alone, and ever more seldom."""
    mailbox = begun(dovecot_server, "roto")
    for n in range(3):
        dovecot_server.deliver(a_mail(f"pedido {n}"), "roto")
    dovecot_server.spoil("roto", b"pedido 1")
    doubts = Doubts()
    broken = 0
    for _round in range(5):
        try:
            with opened(mailbox, doubts) as folder:
                folder.compare()
        except imaplib.IMAP4.abort:
            broken += 1
    assert 1 <= broken <= 3
    kept = b"".join(record.raw.data for record in IntakeRecord.objects.all())
    assert b"pedido 0" in kept
    assert b"pedido 2" in kept
    assert b"pedido 1" not in kept
    mailbox.refresh_from_db()
    assert (mailbox.on_server, mailbox.missing) == (3, 1)


def test_a_refused_mark_is_told_and_tried_again(dovecot_server):
    """Where the server lets us read only, mail is taken in all the same, and people hear of it."""
    mailbox = begun(
        dovecot_server, "negado", after_fetch=AfterFetch.MOVE, archive_folder="INBOX/x/../y"
    )
    dovecot_server.deliver(a_mail("uno"), "negado")
    assert fetch(mailbox) == 1
    mailbox.refresh_from_db()
    assert mailbox.fetch_error
    assert mailbox.failing_since is not None
    mailbox.archive_folder = "Archivo"
    mailbox.save()
    assert fetch(mailbox) == 0
    mailbox.refresh_from_db()
    assert (mailbox.fetch_error, mailbox.failing_since, mailbox.on_server) == ("", None, 0)


def test_deleting_ours_deletes_nobody_elses(dovecot_server):
    """What a person marked for deletion in their own program stays theirs to delete."""
    dovecot_server.deliver(a_mail("de antes"), "ajeno")
    with dovecot_server.inbox("ajeno") as box:
        box.client.store("1", "+FLAGS", r"(\Deleted)")
    mailbox = begun(dovecot_server, "ajeno", after_fetch=AfterFetch.DELETE)
    dovecot_server.deliver(a_mail("nuevo"), "ajeno")
    assert fetch(mailbox) == 1
    with dovecot_server.inbox("ajeno") as box:
        assert box.uids("ALL") == ["1"]


def test_a_mail_that_is_too_large_is_parked_and_left_alone(dovecot_server, settings):
    """Its header is in the ledger; the mail itself stays where it is."""
    mailbox = begun(dovecot_server, "grande", after_fetch=AfterFetch.DELETE)
    settings.PLAZO = settings.PLAZO.model_copy(update={"max_mail_bytes": 2000})
    dovecot_server.deliver(a_mail("x" * 5000, subject="Muy grande"), "grande")
    dovecot_server.deliver(a_mail("chico"), "grande")
    assert fetch(mailbox) == 1
    large = IntakeRecord.objects.get(reason=Reason.TOO_LARGE)
    assert (large.fate, large.subject) == (Fate.PARKED, "Muy grande")
    assert large.size > 5000
    assert fetch(mailbox) == 0
    with dovecot_server.inbox("grande") as box:
        assert len(box.uids("ALL")) == 1


def test_a_mail_that_was_too_large_is_fetched_once_it_may_be(dovecot_server, settings):
    """Nobody deletes the only copy: not a person who insists, nor we, before the mail is here."""
    mailbox = begun(dovecot_server, "luego", after_fetch=AfterFetch.DELETE)
    small = settings.PLAZO.model_copy(update={"max_mail_bytes": 2000})
    large = settings.PLAZO
    settings.PLAZO = small
    raw = a_mail("x" * 5000, subject="Muy grande", to="luego@iws.example")
    dovecot_server.deliver(raw, "luego")
    assert fetch(mailbox) == 0
    record = IntakeRecord.objects.get()
    with pytest.raises(intake.OnlyTheHeader):
        intake.run_again(record.pk, actor=Actor.system("tests"), now=read_clock())
    # A row of before, which somebody ran again: its reason is gone, and still it is no mail.
    IntakeRecord.objects.update(reason=Reason.NO_SENDER)
    assert fetch(mailbox) == 0
    mailbox.refresh_from_db()
    assert (mailbox.on_server, mailbox.missing) == (1, 1)
    with dovecot_server.inbox("luego") as box:
        assert len(box.uids("ALL")) == 1
    settings.PLAZO = large
    assert fetch(mailbox) == 1
    record.refresh_from_db()
    assert (record.fate, record.partial) == (Fate.WAITING, False)
    assert record.size == len(record.raw.data) > 5000
    assert IntakeRecord.objects.count() == 1
    mailbox.refresh_from_db()
    assert (mailbox.on_server, mailbox.missing) == (0, 0)


@pytest.mark.parametrize("archive", ["INBOX", "inbox", "INBOX/"])
def test_what_is_fetched_is_not_moved_to_where_it_is(dovecot_server, archive):
    """It would come back as a new mail for ever; the mailbox says what is wrong."""
    mailbox = begun(dovecot_server, f"vuelta{len(archive)}{archive[:1]}")
    fields = {"after_fetch": AfterFetch.MOVE, "archive_folder": archive}
    Mailbox.objects.filter(pk=mailbox.pk).update(**fields)
    dovecot_server.deliver(a_mail("uno"), mailbox.imap_user)
    assert [fetch(mailbox) for _ in range(3)] == [1, 0, 0]
    mailbox.refresh_from_db()
    with translation.override("es"):
        assert "no se puede mover" in told(mailbox.fetch_error)
    with translation.override("en"):
        assert "cannot be moved" in told(mailbox.fetch_error)


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_news_arrive_by_idle_through_a_restart_of_the_server(dovecot_server):
    """A mail is taken within moments; when the server comes back, so does the fetcher."""
    mailbox = a_fetched(dovecot_server, "idle")
    stop = threading.Event()
    fetchers = [
        threading.Thread(target=imap.fetch_for_ever, args=(mailbox.pk, stop)) for _ in range(2)
    ]
    for fetcher in fetchers:  # the second waits for the mailbox's lock
        fetcher.start()
    try:
        until(lambda: Mailbox.objects.get(pk=mailbox.pk).checked_at is not None)
        dovecot_server.deliver(a_mail("uno"), "idle")
        until(lambda: IntakeRecord.objects.count() == 1)
        dovecot_server.stop()
        until(lambda: Mailbox.objects.get(pk=mailbox.pk).failing_since is not None)
        assert Mailbox.objects.get(pk=mailbox.pk).fetch_error
        dovecot_server.start()
        dovecot_server.deliver(a_mail("dos"), "idle")
        until(lambda: IntakeRecord.objects.count() == 2)
        until(lambda: Mailbox.objects.get(pk=mailbox.pk).failing_since is None)
    finally:
        stop.set()
        for fetcher in fetchers:
            fetcher.join(20)
    assert not any(fetcher.is_alive() for fetcher in fetchers)


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_news_and_the_end_are_noticed_under_encryption(dovecot_server, monkeypatch, security):
    """What was decrypted ahead lies in a buffer, where a look at the socket alone misses it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot_server.certificate))
    user = f"cifrado-{security}"
    tls = security == Security.TLS
    port = dovecot_server.imaps_port if tls else dovecot_server.imap_port
    mailbox = begun(dovecot_server, user, imap_security=security, imap_port=port)
    with opened(mailbox) as folder:
        folder.compare()
        assert folder.wait(threading.Event(), 0.1) is False
        for n in range(3):
            dovecot_server.deliver(a_mail(f"número {n}"), user)
            assert folder.wait(threading.Event(), 20)
            assert folder.catch_up() == 1
        dovecot_server.kick(user)
        with pytest.raises(imap.TROUBLE):
            while not folder.wait(threading.Event(), 20):
                pass
            folder.catch_up()


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_that_nobody_vouches_for_is_refused(dovecot_server, security):
    """The password is not told to whoever happens to answer there."""
    port = dovecot_server.imaps_port if security == Security.TLS else dovecot_server.imap_port
    user = f"dudoso-{security}"
    mailbox = a_fetched(dovecot_server, user, imap_security=security, imap_port=port)
    with pytest.raises(ssl.SSLCertVerificationError):
        imap.connect(mailbox)


@pytest.mark.django_db(transaction=True)
def test_the_mail_process_follows_the_mailboxes(dovecot_server):
    """A mailbox that is made, changed or taken out of use is noticed within ten seconds."""
    stop = threading.Event()
    at_work = threading.Thread(target=keep_running, args=("mail", process.run_forever, stop))
    at_work.start()
    try:
        mailbox = a_fetched(dovecot_server, "vida", fetch_existing=True)
        dovecot_server.deliver(a_mail("uno"), "vida")
        until(lambda: IntakeRecord.objects.count() == 1)
        dovecot_server.deliver(a_mail("de otra cuenta"), "vida-nueva")
        Mailbox.objects.filter(pk=mailbox.pk).update(imap_user="vida-nueva")
        until(lambda: IntakeRecord.objects.count() == 2)
        Mailbox.objects.filter(pk=mailbox.pk).update(is_active=False)
        until(lambda: not threads_of("imap-"))
    finally:
        stop.set()
        at_work.join(20)
    assert not at_work.is_alive()


def threads_of(prefix: str) -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith(prefix)]


def test_a_wrong_password_says_so(dovecot_server):
    """The words of the server are kept for people to see."""
    mailbox = a_fetched(dovecot_server, "clave")
    mailbox.keep_secrets(imap_password="otra")
    mailbox.save()
    with pytest.raises(imap.TROUBLE, match="(?i)auth"):
        fetch(mailbox)
