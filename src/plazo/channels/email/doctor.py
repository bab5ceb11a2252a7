"""The mail doctor: tests a mailbox step by step, and says what to do about each failure.

Receive, send, loop (what we send comes back in), and how others see our sender (SPF, DKIM, DMARC).
Each step is told as soon as it is known.
"""

import secrets
import smtplib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formatdate
from typing import Final, Literal

import dns.exception
import dns.resolver
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

from plazo.channels.email import imap
from plazo.channels.email.models import IntakeRecord, Reason
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Mailbox, Source
from plazo.notifications.readers import message_id
from plazo.notifications.transport import close_kept, deliver

State = Literal["ok", "warning", "failed", "skipped"]
MARKS: Final[dict[str, str]] = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "–"}
LOOP_SECONDS: Final = 60.0
DNS_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One finding: what was tested, how it went, in words, and what to do."""

    key: str
    title: str
    state: State
    words: str
    advice: str = ""


def examine(
    mailbox: Mailbox,
    *,
    wait: float = LOOP_SECONDS,
    resolver: dns.resolver.Resolver | None = None,
) -> Iterator[Step]:
    """Yield the findings about a mailbox.

    Units: `wait` is how many seconds the loop may take; without a `resolver`, the machine's own.
    Edges: a step that needs a failed one is skipped, and says so. Nothing is changed, apart from
        one test mail, which the ledger recognises and rejects.
    """
    yield _receive(mailbox)
    nonce = tokens.doctor_mark(secrets.token_hex(12))
    sent = _send(mailbox, nonce)
    yield sent
    record: IntakeRecord | None = None
    if sent.state != "ok":
        words = _("The test mail was not sent, so it cannot come back.")
        yield Step("loop", _("Loop"), "skipped", words)
    elif mailbox.source == Source.NONE:
        yield Step("loop", _("Loop"), "skipped", _("This mailbox takes nothing in."))
    else:
        record = _wait_for(mailbox, nonce, wait)
        yield _loop(mailbox, record, nonce, wait)
    yield _results(mailbox, record)
    yield from _records(mailbox, resolver)


def _receive(mailbox: Mailbox) -> Step:
    title = _("Receive")
    if mailbox.source != Source.IMAP:
        words = _("Mail comes in by another way: %(way)s.") % {"way": mailbox.get_source_display()}
        return Step("receive", title, "skipped", words)
    try:
        box = imap.connect(mailbox)
    except PlazoError as error:
        return Step("receive", title, "failed", str(error), _("Enter the sign-in again."))
    except imap.TROUBLE as error:
        return Step("receive", title, "failed", str(error), _advice(error, "IMAP"))
    try:
        state = box.folder.status(mailbox.imap_folder)
        idle = "IDLE" in box.client.capabilities
    finally:
        imap.close(box)
    words = _("%(count)s mails in %(folder)s.") % {
        "count": state.get("MESSAGES", 0),
        "folder": mailbox.imap_folder,
    }
    if not idle:
        advice = _("The server has no IDLE: new mail is noticed every 30 seconds.")
        return Step("receive", title, "warning", words, advice)
    return Step("receive", title, "ok", words)


def _send(mailbox: Mailbox, nonce: str) -> Step:
    title = _("Send")
    if settings.PLAZO.demo or not (mailbox.smtp_host or settings.PLAZO.mail_leaves):
        words = _("No mail server is set: mail stays in the local outbox.")
        return Step("send", title, "skipped", words)
    message = EmailMessage(
        subject=_("Test of the mail doctor"),
        body=_("Plazo sent this mail to itself. It needs no answer."),
        from_email=mailbox.address,
        to=[mailbox.address],
        headers={
            "X-Plazo-Doctor": nonce,
            "Message-ID": message_id("doctor", mailbox),
            "Auto-Submitted": "auto-generated",
            "Date": formatdate(),
        },
    )
    try:
        deliver(message, mailbox)
    except smtplib.SMTPResponseException as error:
        words = _reply(error.smtp_code, error.smtp_error)
        return Step("send", title, "failed", words, _advice(error, "SMTP"))
    except smtplib.SMTPRecipientsRefused as error:
        words = "; ".join(_reply(*reply) for reply in error.recipients.values())
        return Step("send", title, "failed", words, _advice(error, "SMTP"))
    except (smtplib.SMTPException, OSError, PlazoError) as error:
        return Step("send", title, "failed", str(error), _advice(error, "SMTP"))
    finally:
        close_kept()
    words = _("%(host)s took a test mail.") % {"host": mailbox.smtp_host or "PLAZO_SMTP_URL"}
    return Step("send", title, "ok", words)


def _reply(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"


def _advice(error: BaseException, protocol: str) -> str:
    """Say what to do about a connection that failed."""
    words = str(error).lower()
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPRecipientsRefused):
        return _("The server does not let this user send as this address, or to it.")
    if isinstance(error, smtplib.SMTPAuthenticationError) or "auth" in words or "login" in words:
        return _("Check user and password; many providers want a password made for programs.")
    if "certificate" in words:
        return _("The server's certificate is made for another name: use that one.")
    if "name or service" in words or "getaddrinfo" in words:
        return _("There is no server of that name: check how it is spelt.")
    if "refused" in words or "timed out" in words:
        return _("Nobody answers there: check the port, and whether a firewall is between.")
    return _("Check the %(protocol)s server, port and encryption.") % {"protocol": protocol}


def _wait_for(mailbox: Mailbox, nonce: str, wait: float) -> IntakeRecord | None:
    """Return the ledger's row of the test mail, as soon as it is there and was read."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        found = (
            IntakeRecord.objects.filter(mailbox=mailbox, reason=Reason.DOCTOR, evidence=nonce)
            .order_by("-pk")
            .first()
        )
        if found is not None:
            return found
        time.sleep(0.5)
    return None


def _loop(mailbox: Mailbox, record: IntakeRecord | None, nonce: str, wait: float) -> Step:
    title = _("Loop")
    if record is None:
        words = _("The test mail did not come back within %(seconds)s seconds.") % {
            "seconds": round(wait)
        }
        unread = _unread(mailbox, nonce)
        if unread is not None:
            words = _("The test mail came back as mail %(pk)s, and nobody has read it.") % {
                "pk": unread.pk
            }
            advice = _("Is the worker running? `plazo run` and `plazo worker` read what came in.")
        elif mailbox.source == Source.IMAP and not _is_fetched(mailbox, wait):
            advice = _("Nobody fetches this mailbox: is `plazo run` or `plazo mail run` running?")
        else:
            advice = _(
                "Look whether the mail is in the mailbox, in its spam, or in another folder."
            )
        return Step("loop", title, "failed", words, advice)
    return Step("loop", title, "ok", _("The test mail came back: mail %(pk)s.") % {"pk": record.pk})


def _unread(mailbox: Mailbox, nonce: str) -> IntakeRecord | None:
    """Return the test mail's row if it waits still."""
    for record in IntakeRecord.objects.waiting().filter(mailbox=mailbox).order_by("-pk")[:20]:
        if nonce.encode() in record.raw.data:
            return record
    return None


def _is_fetched(mailbox: Mailbox, wait: float) -> bool:
    """Say whether somebody looked into the mailbox while we waited, or not long before."""
    mailbox.refresh_from_db(fields=["checked_at", "failing_since"])
    since = read_clock() - timedelta(seconds=imap.COMPARE_SECONDS + wait)
    return mailbox.checked_at is not None and mailbox.checked_at >= since


def _results(mailbox: Mailbox, record: IntakeRecord | None) -> Step:
    """Look at what the receiving server said of our own test mail."""
    title = _("Sender authentication")
    if record is None:
        return Step("results", title, "skipped", _("There is no test mail to look at."))
    servers = list(dict.fromkeys(verdict["authserv_id"] for verdict in record.verdicts))
    if not servers:
        words = _("The receiving server adds no Authentication-Results.")
        advice = _("Without them, agents cannot answer notices by mail, and senders stay unproven.")
        return Step("results", title, "warning", words, advice)
    trusted = [server for server in servers if server in mailbox.trusted_hosts]
    if not trusted:
        words = _("%(server)s reports, and is not trusted yet.") % {"server": servers[0]}
        advice = _("If that is your own mail server, add it to the trusted servers.")
        return Step("results", title, "warning", words, advice)
    seen = [v for v in record.verdicts if v["authserv_id"] == trusted[0]]
    words = ", ".join(f"{v['method']}={v['result']}" for v in seen)
    bad = [v["method"] for v in seen if v["result"] not in {"pass", "none"}]
    if bad:
        advice = _("Others may take our mail for forged: mend %(what)s.") % {"what": ", ".join(bad)}
        return Step("results", title, "failed", words, advice)
    return Step("results", title, "ok", words)


def _records(mailbox: Mailbox, resolver: dns.resolver.Resolver | None) -> Iterator[Step]:
    """Look up what our domain publishes about its senders."""
    domain = mailbox.address.rpartition("@")[2]
    labels = domain.split(".")
    # A domain without a policy of its own has that of the organisation above it (RFC 7489 §6.6.3).
    above = [".".join(labels[n:]) for n in range(max(len(labels) - 1, 1))]
    policies = [f"_dmarc.{name}" for name in above]
    wanted = (
        ("spf", [domain], "v=spf1", _("Publish which servers send for %(domain)s (SPF).")),
        ("dmarc", policies, "v=DMARC1", _("Publish a DMARC policy for %(domain)s.")),
    )
    for key, names, begins, advice in wanted:
        title = key.upper()
        try:
            found = [text for name in names for text in _texts(name, resolver)]
        except (dns.exception.DNSException, OSError) as error:
            words = _("DNS did not answer: %(what)s") % {"what": type(error).__name__}
            yield Step(key, title, "skipped", words)
            continue
        record = next((text for text in found if text.lower().startswith(begins.lower())), "")
        if record:
            yield Step(key, title, "ok", record[:200])
        else:
            words = _("%(name)s has no such record.") % {"name": names[0]}
            yield Step(key, title, "warning", words, advice % {"domain": domain})


def _texts(name: str, resolver: dns.resolver.Resolver | None) -> list[str]:
    try:
        if resolver is None:
            resolver = dns.resolver.Resolver()
            resolver.lifetime = DNS_SECONDS
        answer = resolver.resolve(name, "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
