"""Telling machines from people by what a mail's headers say, as rules with their evidence.

`X-Auto-Response-Suppress` proves nothing: Exchange puts it on mail that people write. Nor does a
subject: "out of office" is also what a person writes about. Only in an answer to a mail of ours it
does, which `intake` knows. A report counts where the whole mail is one, and not where somebody has
attached one.
Source: RFC 3834 §2 and §5, RFC 3464, RFC 2919, RFC 8058, RFC 5546 §3.2.3.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Final

from flufl.bounce import all_failures

from plazo.channels.email.charsets import decode
from plazo.channels.email.mime import Entity, Fields

# It logs a traceback for each of its detectors that a hostile mail makes raise.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)

BOUNCE: Final = "bounce"
AUTO_REPLY: Final = "auto_reply"
AUTO_GENERATED: Final = "auto_generated"
LIST: Final = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounced:
    """What a report says of one recipient, and whether it is over for good."""

    recipient: str
    status: str
    permanent: bool
    diagnostic: str


_AWAY: Final = re.compile(
    r"(?:out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?(?:reply|response)|autoreply|"
    r"fuera de (?:la )?oficina|respuesta autom[aá]tica|autorrespuesta|fora do escrit[oó]rio|"
    r"resposta autom[aá]tica|ausencia temporal|aus[eê]ncia tempor[aá]ria|ausente|"
    r"de vacaciones|de f[eé]rias|vacation|away)\b\s*(?::|-|\(|$|re:|del?\b)",
    re.IGNORECASE,
)
_POSTMASTER: Final = re.compile(
    r"^(?:mailer-daemon|postmaster|mail-daemon|mdaemon|microsoftexchange[0-9a-f]{32})@",
    re.IGNORECASE,
)
_FAILURE: Final = re.compile(
    r"undeliver|delivery (?:status|failure|has failed|delayed)|returned mail|mail delivery|"
    r"failure notice|delivery notification|message not delivered|"
    r"no se (?:pudo|ha podido|puede) entregar|no entregad|error de entrega|entrega fallida|"
    r"fallo (?:de|en la) entrega|n[aã]o (?:foi )?entreg|falha na entrega|devuelto|devolvid|"
    r"rebotado",
    re.IGNORECASE,
)


def machine_of(
    fields: Fields, root: Entity, sender: str, subject: str, methods: set[str]
) -> tuple[str, str]:
    """Return which kind of machine wrote a mail, and what shows it; two empty texts for a person.

    Units: `methods` are those of its calendars. Edges: the first rule that fits decides; what a
        bounce is comes before what is merely automatic.
    """
    for kind, evidence in _rules(fields, root, sender, subject, methods):
        if kind in {LIST, AUTO_GENERATED} and says_away(subject):
            kind = AUTO_REPLY  # noqa: PLW2901 - a machine that says that somebody is away
        return kind, evidence[:300]
    return "", ""


def _rules(
    fields: Fields, root: Entity, sender: str, subject: str, methods: set[str]
) -> Iterator[tuple[str, str]]:
    words = fields.text("Auto-Submitted").lower()
    submitted = re.split(r"[;(\s]", words, maxsplit=1)[0]
    precedence = fields.text("Precedence").lower()
    yield from _reports(fields, root, sender, subject)
    yield from _replies(fields, submitted, precedence, methods)
    for name in ("List-Id", "List-Post", "List-Unsubscribe"):
        if fields.text(name):
            yield LIST, f"{name}: {fields.text(name)}"
    if precedence in {"bulk", "junk", "list"}:
        yield LIST, f"Precedence: {precedence}"
    if submitted not in {"", "no"}:
        yield AUTO_GENERATED, f"Auto-Submitted: {words}"
    for name in ("X-FC-MachineGenerated", "X-MS-Exchange-Generated-Message-Source", "X-Loop"):
        if name in fields:
            yield AUTO_GENERATED, f"{name}: {fields.text(name)}"
    if "Feedback-ID" in fields and "X-Report-Abuse" in fields:
        yield LIST, f"Feedback-ID: {fields.text('Feedback-ID')}"


def _replies(
    fields: Fields, submitted: str, precedence: str, methods: set[str]
) -> Iterator[tuple[str, str]]:
    if submitted.startswith(("auto-replied", "auto-notified")):
        yield AUTO_REPLY, f"Auto-Submitted: {fields.text('Auto-Submitted')}"
    for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "X-Autoreply-From", "X-Vacation"):
        if name in fields and fields.text(name).lower() not in {"no", "false", "0"}:
            yield AUTO_REPLY, f"{name}: {fields.text(name)}"
    if "autoresponder" in fields.text("Delivered-To").lower():
        yield AUTO_REPLY, f"Delivered-To: {fields.text('Delivered-To')}"
    if precedence in {"auto_reply", "auto-reply"}:
        yield AUTO_REPLY, f"Precedence: {precedence}"
    if "reply" in methods:
        yield AUTO_REPLY, "text/calendar; method=REPLY"


def _reports(fields: Fields, root: Entity, sender: str, subject: str) -> Iterator[tuple[str, str]]:
    if is_report(root):
        yield BOUNCE, "Content-Type: multipart/report; report-type=delivery-status"
    report, parts = _form(root)
    if report == "disposition-notification" or "message/disposition-notification" in parts:
        yield AUTO_REPLY, "Content-Type: multipart/report; report-type=disposition-notification"
    if report == "feedback-report" or "message/feedback-report" in parts:
        yield AUTO_GENERATED, "Content-Type: multipart/report; report-type=feedback-report"
    path = fields.all("Return-Path")
    null = bool(path) and path[0].strip() in {"<>", ""}
    if _POSTMASTER.search(sender) and (null or _FAILURE.search(subject)):
        yield BOUNCE, f"From: {sender}"
    if "X-Failed-Recipients" in fields:
        yield BOUNCE, f"X-Failed-Recipients: {fields.text('X-Failed-Recipients')}"
    if null:
        kind = BOUNCE if _FAILURE.search(subject) else AUTO_REPLY
        yield kind, "Return-Path: <>"


def is_report(root: Entity) -> bool:
    """Say whether the whole mail is a delivery report by its form (RFC 3464 §2)."""
    report, parts = _form(root)
    return report == "delivery-status" or bool(parts & _STATUSES)


def _form(root: Entity) -> tuple[str, set[str]]:
    """Return what a multipart/report says that it reports, and the kinds of its own parts.

    Edges: some servers send the report's part alone, as the whole mail.
    """
    if root.kind != "multipart/report":
        return "", {root.kind}
    return root.params.get("report-type", "").lower(), {child.kind for child in root.children}


def says_away(subject: str) -> bool:
    """Say whether a subject says that somebody is away, as answering machines write it."""
    return bool(_AWAY.match(subject))


_STATUSES: Final = {"message/delivery-status", "message/global-delivery-status"}
_FIELD: Final = re.compile(
    r"^(Final-Recipient|Original-Recipient|Action|Status|Diagnostic-Code)[ \t]*:[ \t]*(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_STATUS: Final = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_ID: Final = re.compile(
    rb"^[ >\t]{0,8}Message-ID:\s{0,4}(<[^<>\s]{3,490}>)", re.IGNORECASE | re.MULTILINE
)
_MOST: Final = 100
_LONGEST_REPORT: Final = 200_000


def bounces_of(raw: bytes, reports: list[bytes]) -> tuple[Bounced, ...]:
    """Return what a bounce says of each recipient. Units: `reports` are delivery-status parts.

    Edges: what was done decides: at the end of a queue's lifetime "failed" stands beside a
        status of class 4. Where it is not said, the class of the status does. A report of what was
        delivered says nothing.
    Source: RFC 3464 §2.3.3.
    """
    found: dict[str, Bounced] = {}
    for report in reports:
        text = re.sub(r"\n[ \t]+", " ", decode(report[:_LONGEST_REPORT]))
        for block in re.split(r"\n[ \t]*\n", text):
            bounced = _bounced({name.lower(): value for name, value in _FIELD.findall(block)})
            if bounced is not None and len(found) < _MOST:
                found[bounced.recipient] = bounced
    return tuple(found.values()) if found or reports else _by_library(raw)


def _bounced(fields: dict[str, str]) -> Bounced | None:
    recipient = fields.get("final-recipient") or fields.get("original-recipient") or ""
    recipient = (recipient.partition(";")[2] or recipient).strip(" <>\t").lower()
    action = fields.get("action", "").strip().lower()
    if not recipient or action in {"delivered", "relayed", "expanded"}:
        return None
    diagnostic = " ".join(fields.get("diagnostic-code", "").split())[:500]
    match = _STATUS.search(fields.get("status", "")) or _STATUS.search(diagnostic)
    status = match[0] if match else ""
    return Bounced(
        recipient=recipient[:320],
        status=status,
        permanent=action == "failed" or (not action and status.startswith("5")),
        diagnostic=diagnostic,
    )


def _by_library(raw: bytes) -> tuple[Bounced, ...]:
    """Return what the library's many rules find in reports that follow no standard."""
    try:
        message = message_from_bytes(raw[:_LONGEST_REPORT], policy=policy.compat32)
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 - it reads hostile text with dozens of parsers
        return ()
    found = []
    for addresses, final in ((temporary, False), (permanent, True)):
        for address in sorted(addresses)[:_MOST]:
            words = address.decode("utf-8", "replace").lower()[:320]
            found.append(Bounced(recipient=words, status="", permanent=final, diagnostic=""))
    return tuple(found)


def returned_ids(texts: Sequence[bytes]) -> tuple[str, ...]:
    """Return the Message-IDs that stand in a report's parts: of the mail that came back."""
    found = [
        match.decode("ascii", "replace") for text in texts for match in _ID.findall(text[:500_000])
    ]
    return tuple(dict.fromkeys(found))[:20]
