"""Telling machines from people by what a mail's headers say, as rules with their evidence.

`X-Auto-Response-Suppress` is not here: Exchange puts it on mail that people write.
Source: RFC 3834 §2 and §5, RFC 3464, RFC 2919, RFC 8058.
"""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Final

from flufl.bounce import all_failures

from plazo.channels.email.charsets import decode, header_text, raw_values

# It logs a traceback for each of its detectors that a hostile mail makes raise.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)

BOUNCE: Final = "bounce"
AUTO_REPLY: Final = "auto_reply"
AUTO_GENERATED: Final = "auto_generated"
LIST: Final = "list"

Headers = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounced:
    """What a report says of one recipient. Permanent is class 5; class 4 may still arrive."""

    recipient: str
    status: str
    permanent: bool
    diagnostic: str


_AWAY: Final = re.compile(
    r"out of (the )?office|automatic reply|auto[- ]?reply|fuera de (la )?oficina|"
    r"respuesta autom[aá]tica|fora do escrit[oó]rio|resposta autom[aá]tica|ausencia|de vacaciones",
    re.IGNORECASE,
)
_POSTMASTER: Final = re.compile(r"^(mailer-daemon|postmaster|mail-daemon|mdaemon)@", re.IGNORECASE)
_FAILURE: Final = re.compile(
    r"undeliver|delivery (status|failure|has failed)|returned mail|mail delivery|failure notice|"
    r"no se (pudo|ha podido) entregar|no entregado|n[aã]o entregue|devuelto|rebotado",
    re.IGNORECASE,
)


def machine_of(message: Message, sender: str, subject: str, kinds: set[str]) -> tuple[str, str]:
    """Return which kind of machine wrote a mail, and what shows it; two empty texts for a person.

    Units: `kinds` are the content types of its parts. Edges: the first rule that fits decides;
        what a bounce is comes before what is merely automatic.
    """

    def header(name: str) -> str:
        return header_text((raw_values(message, name) or [""])[0])

    for kind, evidence in _rules(header, message, sender, subject, kinds):
        return kind, evidence[:300]
    return "", ""


def _rules(
    header: Headers, message: Message, sender: str, subject: str, kinds: set[str]
) -> Iterator[tuple[str, str]]:
    submitted = header("Auto-Submitted").partition(";")[0].strip().lower()
    precedence = header("Precedence").lower()
    yield from _reports(header, message, sender, subject, kinds)
    yield from _replies(header, message, subject, submitted, precedence)
    for name in ("List-Id", "List-Post", "List-Unsubscribe"):
        if header(name):
            yield LIST, f"{name}: {header(name)}"
    if precedence in {"bulk", "junk", "list"}:
        yield LIST, f"Precedence: {precedence}"
    if submitted not in {"", "no"}:
        yield AUTO_GENERATED, f"Auto-Submitted: {submitted}"
    for name in ("X-FC-MachineGenerated", "X-Loop"):
        if message.get(name) is not None:
            yield AUTO_GENERATED, f"{name}: {header(name)}"


def _replies(
    header: Headers, message: Message, subject: str, submitted: str, precedence: str
) -> Iterator[tuple[str, str]]:
    if submitted.startswith(("auto-replied", "auto-notified")):
        yield AUTO_REPLY, f"Auto-Submitted: {submitted}"
    for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "X-Autoreply-From", "X-Vacation"):
        if message.get(name) is not None and header(name).lower() != "no":
            yield AUTO_REPLY, f"{name}: {header(name)}"
    if "autoresponder" in header("Delivered-To").lower():
        yield AUTO_REPLY, f"Delivered-To: {header('Delivered-To')}"
    if precedence in {"auto_reply", "auto-reply"}:
        yield AUTO_REPLY, f"Precedence: {precedence}"
    method = str(message.get_param("method", "") or "")
    if message.get_content_type() == "text/calendar" and method.lower() == "reply":
        yield AUTO_REPLY, "text/calendar; method=REPLY"
    weak = submitted not in {"", "no"} or bool(precedence) or message.get("X-Loop") is not None
    if _AWAY.search(subject) and (weak or header("X-Auto-Response-Suppress")):
        yield AUTO_REPLY, f"Subject: {subject}"


def _reports(
    header: Headers, message: Message, sender: str, subject: str, kinds: set[str]
) -> Iterator[tuple[str, str]]:
    if message.get_content_type() == "multipart/report" or kinds & _REPORTS:
        report = str(message.get_param("report-type", "") or "").lower()
        if report == "delivery-status" or "message/delivery-status" in kinds:
            yield BOUNCE, "Content-Type: multipart/report; report-type=delivery-status"
        if report == "disposition-notification" or "message/disposition-notification" in kinds:
            yield AUTO_REPLY, "Content-Type: multipart/report; report-type=disposition-notification"
    null = header("Return-Path") == "<>"
    if _POSTMASTER.search(sender) and (null or _FAILURE.search(subject)):
        yield BOUNCE, f"From: {sender}"
    if message.get("X-Failed-Recipients") is not None:
        yield BOUNCE, f"X-Failed-Recipients: {header('X-Failed-Recipients')}"
    if null:
        kind = BOUNCE if _FAILURE.search(subject) else AUTO_REPLY
        yield kind, "Return-Path: <>"


_REPORTS: Final = {"message/delivery-status", "message/disposition-notification"}
_FIELD: Final = re.compile(
    r"^(Final-Recipient|Original-Recipient|Action|Status|Diagnostic-Code)\s*:\s*(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ID: Final = re.compile(
    rb"^[ >\t]{0,8}Message-ID:\s*(<[^<>\s]{3,490}>)", re.IGNORECASE | re.MULTILINE
)
_MOST: Final = 100


def bounces_of(message: Message, reports: list[bytes]) -> tuple[Bounced, ...]:
    """Return what a bounce says of each recipient. Units: `reports` are delivery-status parts."""
    found: dict[str, Bounced] = {}
    for report in reports:
        text = re.sub(r"\n[ \t]+", " ", decode(report[:200_000]))
        for block in re.split(r"\n\s*\n", text):
            fields = {name.lower(): value.strip() for name, value in _FIELD.findall(block)}
            recipient = fields.get("final-recipient") or fields.get("original-recipient") or ""
            recipient = recipient.partition(";")[2].strip(" <>").lower() or recipient.lower()
            if not recipient or len(found) >= _MOST:
                continue
            status = (re.search(r"[245]\.\d{1,3}\.\d{1,3}", fields.get("status", "")) or [""])[0]
            action = fields.get("action", "").lower()
            permanent = action == "failed" if not status else status.startswith("5")
            if action == "delayed":
                permanent = False
            if action in {"delivered", "relayed", "expanded"}:
                continue
            found[recipient] = Bounced(
                recipient=recipient[:320],
                status=status,
                permanent=permanent,
                diagnostic=fields.get("diagnostic-code", "")[:500],
            )
    if found or reports:
        return tuple(found.values())
    return _by_library(message)


def _by_library(message: Message) -> tuple[Bounced, ...]:
    """Return what the library's many rules find in reports that follow no standard."""
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 - it reads hostile text with dozens of parsers
        return ()
    found = []
    for addresses, final in ((temporary, False), (permanent, True)):
        for address in sorted(addresses)[:_MOST]:
            words = address.decode("utf-8", "replace")
            found.append(
                Bounced(recipient=words.lower(), status="", permanent=final, diagnostic="")
            )
    return tuple(found)


def returned_ids(body: bytes) -> tuple[str, ...]:
    """Return the Message-IDs that stand in a report's body: of the mail that came back."""
    found = [match.decode("ascii", "replace") for match in _ID.findall(body[:500_000])]
    return tuple(dict.fromkeys(found))[:20]
