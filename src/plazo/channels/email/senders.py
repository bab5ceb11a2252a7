"""How sure it is that a mail comes from whom it says, by the word of servers that we trust."""

from plazo.channels.email.authentication import Verdict
from plazo.channels.email.parsed import ParsedMail
from plazo.mailboxes.models import Mailbox
from plazo.tickets.models import Authenticity


def authenticity_of(mail: ParsedMail, mailbox: Mailbox | None) -> Authenticity:
    """Return whether the sender's address was proven.

    Edges: only the topmost header of a trusted server counts, since everything below it came with
        the mail. DMARC decides where it speaks of the sender's own domain: a server that read
        another author than we do has proven that one. Else a DKIM signature or an SPF sender of
        the very domain (or one above it) proves, and a failure of both denies. Without a trusted
        server, and of a mail whose author is in doubt, nothing is known.
    Source: RFC 8601 §4.1, RFC 7489 §3.1 and §6.6.1.
    """
    trusted = {host.lower() for host in mailbox.trusted_hosts} if mailbox is not None else set()
    first = next((v for v in mail.verdicts if v.authserv_id in trusted), None)
    if first is None or mail.sender is None or mail.doubtful_sender:
        return Authenticity.UNKNOWN
    domain = mail.sender.email.rpartition("@")[2]
    # A forger may write our server's name into a header of their own, further down.
    ours = [v for v in mail.verdicts if v.header == first.header]
    dmarc = next((v for v in ours if v.method == "dmarc"), None)
    if dmarc is not None:
        author = dmarc.properties.get("header.from", "")
        if dmarc.result == "pass" and _covers(author, domain):
            return Authenticity.PASSED
        if dmarc.result == "fail" and (not author or _covers(author, domain)):
            return Authenticity.FAILED
    checked = [v for v in ours if v.method in {"dkim", "spf"} and v.result != "none"]
    if any(v.result == "pass" and _aligned(domain, v) for v in checked):
        return Authenticity.PASSED
    if checked and all(v.result in {"fail", "softfail", "permerror"} for v in checked):
        return Authenticity.FAILED
    return Authenticity.UNKNOWN


def _aligned(domain: str, verdict: Verdict) -> bool:
    """Say whether a verdict is about the sender's own domain, and not the carrier's."""
    properties = verdict.properties
    shown = properties.get("header.d") or properties.get("header.i") or ""
    if verdict.method == "spf":
        shown = properties.get("smtp.mailfrom") or ""
    return _covers(shown, domain)


def _covers(shown: str, domain: str) -> bool:
    """Say whether a verdict's domain, or address, is the sender's own or one above it."""
    shown = shown.rpartition("@")[2].strip(".").lower()
    return bool(shown) and (domain == shown or ("." in shown and domain.endswith(f".{shown}")))
