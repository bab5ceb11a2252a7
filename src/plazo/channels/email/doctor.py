"""The mail doctor: tests a mailbox step by step, and says what to do about each failure.

Receive, send, loop (what we send comes back in), and how others see our sender (SPF, DKIM, DMARC).
Each step is told as soon as it is known.
"""

import secrets
import smtplib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final, Literal

import dns.exception
import dns.resolver
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

from plazo.channels.email import imap
from plazo.channels.email.models import IntakeRecord, Reason
from plazo.core.errors import PlazoError
from plazo.mailboxes.models import Mailbox, Source
from plazo.notifications.readers import message_id
from plazo.notifications.transport import deliver

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


def examine(mailbox: Mailbox, *, wait: float = LOOP_SECONDS) -> Iterator[Step]:
    """Yield the findings about a mailbox. Units: `wait` is how many seconds the loop may take.

    Edges: a step that needs a failed one is skipped, and says so. Nothing is changed, apart from
        one test mail, which the ledger recognises and rejects.
    """
    yield _receive(mailbox)
    nonce = secrets.token_hex(12)
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
        yield _loop(mailbox, record, wait)
    yield _results(mailbox, record)
    yield from _records(mailbox)


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
        words = f"{error.smtp_code} {error.smtp_error!s}"
        return Step("send", title, "failed", words, _advice(error, "SMTP"))
    except (smtplib.SMTPException, OSError, PlazoError) as error:
        return Step("send", title, "failed", str(error), _advice(error, "SMTP"))
    words = _("%(host)s took a test mail.") % {"host": mailbox.smtp_host or "PLAZO_SMTP_URL"}
    return Step("send", title, "ok", words)


def _advice(error: BaseException, protocol: str) -> str:
    """Say what to do about a connection that failed."""
    words = str(error).lower()
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


def _loop(mailbox: Mailbox, record: IntakeRecord | None, wait: float) -> Step:
    title = _("Loop")
    if record is None:
        words = _("The test mail did not come back within %(seconds)s seconds.") % {
            "seconds": round(wait)
        }
        advice = _("Is Plazo running? Look whether the mail is in the mailbox, or in its spam.")
        return Step("loop", title, "failed", words, advice)
    return Step("loop", title, "ok", _("The test mail came back: mail %(pk)s.") % {"pk": record.pk})


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


def _records(mailbox: Mailbox) -> Iterator[Step]:
    """Look up what our domain publishes about its senders."""
    domain = mailbox.address.rpartition("@")[2]
    wanted = (
        ("spf", domain, "v=spf1", _("Publish which servers send for %(domain)s (SPF).")),
        ("dmarc", f"_dmarc.{domain}", "v=DMARC1", _("Publish a DMARC policy for %(domain)s.")),
    )
    for key, name, begins, advice in wanted:
        title = key.upper()
        try:
            found = _texts(name)
        except (dns.exception.DNSException, OSError) as error:
            words = _("DNS did not answer: %(what)s") % {"what": type(error).__name__}
            yield Step(key, title, "skipped", words)
            continue
        record = next((text for text in found if text.lower().startswith(begins.lower())), "")
        if record:
            yield Step(key, title, "ok", record[:200])
        else:
            words = _("%(name)s has no such record.") % {"name": name}
            yield Step(key, title, "warning", words, advice % {"domain": domain})


def _texts(name: str) -> list[str]:
    resolver = dns.resolver.Resolver()
    resolver.lifetime = DNS_SECONDS
    try:
        answer = resolver.resolve(name, "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
