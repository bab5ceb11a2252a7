"""How sure it is that a mail comes from whom it says, by the word of servers that we trust."""

from collections.abc import Sequence

from plazo.channels.email.authentication import Verdict
from plazo.mailboxes.models import Mailbox
from plazo.tickets.models import Authenticity


def authenticity_of(
    sender: str, verdicts: Sequence[Verdict], mailbox: Mailbox | None
) -> Authenticity:
    """Return whether the sender's address was proven.

    Edges: only the topmost header of a trusted server counts, since everything below it came with
        the mail. DMARC decides where it says anything; else a DKIM signature or an SPF sender of
        the very domain (or one above it) proves, and a failure of both denies. Without a trusted
        server nothing is known.
    Source: RFC 8601 §4.1, RFC 7489 §3.1.
    """
    trusted = {host.lower() for host in mailbox.trusted_hosts} if mailbox is not None else set()
    first = next((v for v in verdicts if v.authserv_id in trusted), None)
    if first is None or not sender:
        return Authenticity.UNKNOWN
    # A forger may write our server's name into a header of their own, further down.
    ours = [v for v in verdicts if v.header == first.header]
    dmarc = [v.result for v in ours if v.method == "dmarc"]
    if dmarc:
        if dmarc[0] == "pass":
            return Authenticity.PASSED
        if dmarc[0] == "fail":
            return Authenticity.FAILED
    domain = sender.rpartition("@")[2]
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
    shown = shown.rpartition("@")[2]
    return bool(shown) and (domain == shown or domain.endswith(f".{shown}"))
