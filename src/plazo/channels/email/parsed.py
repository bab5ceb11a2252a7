"""What a mail says, once it is read: the shape that the reader's process hands over."""

from dataclasses import dataclass
from datetime import datetime

from plazo.channels.email.authentication import Verdict
from plazo.channels.email.machines import Bounced


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Somebody's address, in lower case, and their name as one line."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file that came with the mail."""

    name: str
    content_type: str
    content_id: str = ""
    inline: bool = False
    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """What a mail says, with everything that was wrong with it in `defects`.

    `doubtful_sender` says why its author cannot be proven; `hops` are the addresses that its
    uppermost Received lines name, the latest first; `is_report` that its form is a delivery
    report's; `away` that its subject says that somebody is; `whole` names the files that hold texts
    which were cut.
    """

    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    sender: Address | None = None
    doubtful_sender: str = ""
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    delivered_to: tuple[str, ...] = ()
    return_path: str | None = None
    subject: str = ""
    date: datetime | None = None
    language: str = ""
    text: str = ""
    quoted_text: str = ""
    signature_text: str = ""
    html: str = ""
    quoted_html: str = ""
    attachments: tuple[Part, ...] = ()
    whole: tuple[str, ...] = ()
    protection: str = ""
    machine: str = ""
    machine_evidence: str = ""
    is_report: bool = False
    away: bool = False
    bounces: tuple[Bounced, ...] = ()
    original_message_ids: tuple[str, ...] = ()
    body_token: str = ""
    own_token: str = ""
    doctor: str = ""
    verdicts: tuple[Verdict, ...] = ()
    hops: tuple[str, ...] = ()
    remote_images: tuple[str, ...] = ()
    fingerprint: str = ""
    content_digest: str = ""
    defects: tuple[str, ...] = ()
