"""Raw bytes to everything that Plazo needs to know of a mail. Never raises; linear in the size.

The standard library takes the mail apart; every access to it is guarded, since it raises on mail
that exists (docs/decisions/0023). Runs in a process of its own and knows no other part of Plazo.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, Final

from tnefparse import TNEF

from plazo.channels.email import html as markup
from plazo.channels.email.authentication import Verdict, verdicts_of
from plazo.channels.email.charsets import (
    decode,
    header_text,
    one_line,
    raw_values,
    tidy,
    unescaped,
)
from plazo.channels.email.machines import (
    AUTO_REPLY,
    BOUNCE,
    Bounced,
    bounces_of,
    machine_of,
    returned_ids,
)
from plazo.channels.email.quoting import divide

MOST_PARTS: Final = 1000
MOST_BOUNDARIES: Final = 300
MOST_ADDRESSES: Final = 500
LONGEST_TEXT: Final = 1_000_000
LONGEST_HEADER: Final = 60_000


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
    """What a mail says, with everything that was wrong with it in `defects`."""

    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    sender: Address | None = None
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
    protection: str = ""
    machine: str = ""
    machine_evidence: str = ""
    bounces: tuple[Bounced, ...] = ()
    original_message_ids: tuple[str, ...] = ()
    body_token: str = ""
    own_token: str = ""
    doctor: str = ""
    verdicts: tuple[Verdict, ...] = ()
    received_from: str = ""
    remote_images: tuple[str, ...] = ()
    fingerprint: str = ""
    content_digest: str = ""
    defects: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What the walk over the parts gathers."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    files: list[Part] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    calendars: list[str] = field(default_factory=list)
    protection: str = ""
    defects: list[str] = field(default_factory=list)


_TOKEN: Final = re.compile(r"\[plazo:([a-z0-9-]{20,80})\]", re.IGNORECASE)
_ID: Final = re.compile(r"<([^<>\s]{3,490})>")
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+='/&!#$*?^`{|}~-]{1,200}@[A-Za-z0-9.-]{1,250}")
_IP: Final = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F:.]{3,45})\]")
_DELIVERED: Final = (
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Forwarded-To",
    "Apparently-To",
    "Resent-To",
)


def parse(raw: bytes) -> ParsedMail:
    """Read a mail. Any bytes give a result; where a part cannot be read, the rest still is."""
    defects: list[str] = []
    raw = raw.lstrip(b"\r\n")
    message = _message(raw, defects)
    headers = _Headers(message, defects)
    found = _Found(defects=defects)
    if "unreadable structure" in defects or "too many levels" in defects:
        found.files.append(Part(name="original.eml", content_type="message/rfc822", data=raw))
    else:
        _gather(message, raw, found)
    body = _body(found)
    sender = headers.sender()
    subject = headers.text("Subject")
    machine, evidence = _guarded(
        lambda: machine_of(message, sender.email if sender else "", subject, found.kinds),
        ("", ""),
        defects,
    )
    bounces: tuple[Bounced, ...] = ()
    if machine == BOUNCE:
        bounces = _guarded(lambda: bounces_of(message, found.reports), (), defects)
        if found.reports and not bounces:  # it reports that all went well
            machine = AUTO_REPLY
    is_bounce = machine == BOUNCE
    all_text = f"{body['text']}\n{body['signature_text']}\n{body['quoted_text']}"
    tokens = _TOKEN.findall(all_text)
    return ParsedMail(
        **headers.ids(),
        sender=sender,
        reply_to=headers.addresses("Reply-To"),
        to=headers.addresses("To"),
        cc=headers.addresses("Cc"),
        delivered_to=headers.delivered_to(),
        return_path=headers.return_path(),
        subject=subject,
        date=headers.date(),
        language=_language(body["text"], headers.text("Content-Language")),
        **body,
        attachments=tuple(found.files),
        protection=found.protection,
        machine=machine,
        machine_evidence=evidence,
        bounces=bounces,
        original_message_ids=returned_ids(_after_header(raw)) if is_bounce else (),
        body_token=tokens[-1].lower() if tokens else "",
        own_token=headers.text("X-Plazo")[:80].lower(),
        doctor=headers.text("X-Plazo-Doctor")[:80],
        verdicts=verdicts_of(
            [header_text(value) for value in raw_values(message, "Authentication-Results")[:20]]
        ),
        received_from=headers.received_from(),
        remote_images=markup.remote_hosts("\n".join(found.html)),
        fingerprint=_fingerprint(body["text"]),
        content_digest=_content_digest(message, raw),
        defects=tuple(dict.fromkeys(defects)),
    )


def _message(raw: bytes, defects: list[str]) -> Message:
    """Return the parsed tree, or for what would take too long or too deep only the header."""
    head = raw[: _header_end(raw)]
    if raw.lower().count(b"boundary=") > MOST_BOUNDARIES:
        defects.append("too many levels")
        return message_from_bytes(head, policy=policy.compat32)
    try:
        return message_from_bytes(raw, policy=policy.compat32)
    except Exception:  # noqa: BLE001 - RecursionError, and what the library raises besides
        defects.append("unreadable structure")
    try:
        return message_from_bytes(head[:LONGEST_HEADER], policy=policy.compat32)
    except Exception:  # noqa: BLE001 - then there is no header either
        return Message(policy=policy.compat32)


def _header_end(raw: bytes) -> int:
    ends = [place for place in (raw.find(b"\r\n\r\n"), raw.find(b"\n\n")) if place >= 0]
    return min(ends) if ends else len(raw)


def _after_header(raw: bytes) -> bytes:
    return raw[_header_end(raw) :].lstrip(b"\r\n")


def _guarded(read: Any, otherwise: Any, defects: list[str]) -> Any:
    """Return what `read` returns; if it raises, note it and return something harmless."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - hostile mail raises anything from the library
        defects.append(f"unreadable: {type(error).__name__}")
        return otherwise


class _Headers:
    """Guarded reading of header fields."""

    def __init__(self, message: Message, defects: list[str]) -> None:
        self._message = message
        self._defects = defects

    def _all(self, name: str) -> list[str]:
        return [value[:LONGEST_HEADER] for value in raw_values(self._message, name)[:50]]

    def text(self, name: str) -> str:
        """Return a field as one line of text; empty where it is missing."""
        return header_text((self._all(name) or [""])[0], self._defects)

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the addresses of a field, each once."""
        values = self._all(name)
        if not values:
            return ()
        try:
            pairs = getaddresses([unescaped(value, self._defects) for value in values])
        except Exception:  # noqa: BLE001 - IndexError, RecursionError and others
            self._defects.append("broken addresses")
            pairs = []
        found: dict[str, Address] = {}
        for display, address in pairs[: MOST_ADDRESSES * 2]:
            match = _EMAIL.fullmatch(address.strip()) or _EMAIL.search(address)
            if match:
                email = match[0].lower().strip(".")
                found.setdefault(email, Address(email=email[:320], name=header_text(display)[:200]))
        joined = " ".join(values)
        if not found and "@" in joined:
            self._defects.append("broken addresses")
            for match in _EMAIL.finditer(header_text(joined)):
                email = match[0].lower().strip(".")
                found.setdefault(email, Address(email=email[:320]))
        return tuple(found.values())[:MOST_ADDRESSES]

    def sender(self) -> Address | None:
        """Return who wrote it: From, or else Sender, or else Reply-To."""
        for name in ("From", "Sender", "Reply-To"):
            found = self.addresses(name)
            if found:
                if name != "From":
                    self._defects.append("no usable From")
                return found[0]
        return None

    def ids(self) -> dict[str, Any]:
        """Return the Message-ID and those that the mail answers or mentions."""

        def read(name: str) -> tuple[str, ...]:
            joined = " ".join(self._all(name))
            return tuple(dict.fromkeys(f"<{match}>" for match in _ID.findall(joined)))

        own = read("Message-ID") or read("Message-Id")
        mentioned = read("References")
        if len(mentioned) > 100:
            mentioned = mentioned[:20] + mentioned[-80:]
        bare = one_line(" ".join(self._all("Message-ID")))
        ident = own[0] if own else (f"<{bare}>" if re.fullmatch(r"[^<>\s]{3,490}", bare) else "")
        return {
            "message_id": tidy(ident),
            "in_reply_to": tuple(map(tidy, read("In-Reply-To")[:20])),
            "references": tuple(map(tidy, mentioned)),
        }

    def delivered_to(self) -> tuple[str, ...]:
        found = (a.email for name in _DELIVERED for a in self.addresses(name))
        return tuple(dict.fromkeys(found))[:50]

    def return_path(self) -> str | None:
        values = self._all("Return-Path")
        if not values:
            return None
        match = _EMAIL.search(values[0])
        return match[0].lower() if match else ""

    def date(self) -> datetime | None:
        for value in self._all("Date")[:1]:
            try:
                found = parsedate_to_datetime(header_text(value))
                found = found if found.tzinfo else found.replace(tzinfo=UTC)
                return found.astimezone(UTC)
            except Exception:  # noqa: BLE001 - ValueError, OverflowError, TypeError, IndexError
                self._defects.append("broken date")
        return None

    def received_from(self) -> str:
        for value in self._all("Received")[:1]:
            match = _IP.search(value)
            if match:
                return match[1]
        return ""


def _gather(message: Message, raw: bytes, found: _Found) -> None:
    """Walk over the parts without recursion, and keep what each of them is."""
    for number, (part, shown) in enumerate(_parts(message, found)):
        if number >= MOST_PARTS:
            found.defects.append("too many parts")
            found.files.append(Part(name="original.eml", content_type="message/rfc822", data=raw))
            return
        try:
            _take(part, found, shown=shown)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one part that cannot be read costs only itself
            found.defects.append(f"unreadable part: {type(error).__name__}")


def _parts(message: Message, found: _Found) -> Iterator[tuple[Message, bool]]:
    """Yield the leaves in their order, and whether each may be shown as the body."""
    waiting: list[tuple[Message, bool]] = [(message, True)]
    while waiting:
        part, shown = waiting.pop()
        kind = part.get_content_type()
        found.kinds.add(kind)
        if kind in _WHOLE and part is not message:
            yield part, False
            continue
        if not part.is_multipart():
            yield part, shown
            continue
        children = part.get_payload()
        assert isinstance(children, list)  # noqa: S101 - what is_multipart means
        if kind == "multipart/signed":
            found.protection = found.protection or "signed"
        elif kind == "multipart/encrypted":
            found.protection = "encrypted"
        waiting += [(child, shown) for child in reversed(children) if isinstance(child, Message)]


# Parts that the library reads into parts of their own, and that are one thing to us.
_WHOLE: Final = {
    "message/rfc822",
    "message/global",
    "message/delivery-status",
    "message/global-delivery-status",
}


def _take(part: Message, found: _Found, *, shown: bool) -> None:
    kind = part.get_content_type()
    name = _file_name(part, found.defects)
    disposition = (raw_values(part, "Content-Disposition") or [""])[0].strip().lower()
    attached = disposition.startswith("attachment") or (bool(name) and not kind.startswith("text/"))
    if kind in {"message/rfc822", "message/global"}:
        found.files.append(_forwarded(part, name))
        return
    data = _payload(part)
    if kind in {"message/delivery-status", "message/global-delivery-status"}:
        found.reports.append(_report(part))
        return
    if kind in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
        sealed = str(part.get_param("smime-type", "") or "").lower()
        found.protection = "signed" if sealed == "signed-data" else "encrypted"
        name = name or "smime.p7m"
    if shown and kind.startswith("multipart/"):  # its boundary is missing, or never used
        found.defects.append("parts without boundary")
        found.plain.append(decode(data, _charset(part), found.defects))
        return
    if shown and not attached and kind == "text/plain":
        found.plain.append(_unflowed(part, decode(data, _charset(part), found.defects)))
        return
    if shown and not attached and kind == "text/html":
        found.html.append(decode(data, _charset(part) or _meta_charset(data), found.defects))
        return
    if kind in {"application/ms-tnef", "application/vnd.ms-tnef"} or name.lower() == "winmail.dat":
        if _unpacked(data, found):
            return
        name = name or "winmail.dat"
    if kind == "text/calendar":
        found.calendars.append(decode(data, _charset(part), found.defects))
        name = name or "invite.ics"
    content_id = header_text((raw_values(part, "Content-ID") or [""])[0])[:250].strip(" <>")
    if not data and not name:
        return
    found.files.append(
        Part(
            name=name or _default_name(kind, len(found.files) + 1),
            content_type=kind[:100],
            content_id=content_id,
            inline=disposition.startswith("inline") or (bool(content_id) and not attached),
            data=data,
        )
    )


def _payload(part: Message) -> bytes:
    if isinstance(part.get_param("charset"), tuple):  # RFC 2231; the library trips over it
        charset = _charset(part)
        part.del_param("charset")
        part.set_param("charset", charset)
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    inner = part.get_payload()
    if isinstance(inner, list):
        return b"\r\n".join(_bytes_of(child) for child in inner[:MOST_PARTS])
    return str(inner or "").encode("utf-8", "surrogateescape")


def _bytes_of(child: Any) -> bytes:
    return child.as_bytes() if isinstance(child, Message) else str(child).encode()


def _report(part: Message) -> bytes:
    """Return a delivery status as text: its blocks are read as messages by the library."""
    inner = part.get_payload()
    if isinstance(inner, list):
        return b"\n\n".join(_bytes_of(child) for child in inner[:200])
    return _payload(part)


def _forwarded(part: Message, name: str) -> Part:
    inner = part.get_payload()
    child = inner[0] if isinstance(inner, list) and inner else None
    subject = ""
    if isinstance(child, Message):
        subject = header_text((raw_values(child, "Subject") or [""])[0])
        data = child.as_bytes()
    else:
        data = _payload(part)
    return Part(
        name=name or f"{subject[:80] or 'mensaje'}.eml", content_type="message/rfc822", data=data
    )


def _charset(part: Message) -> str:
    value = part.get_param("charset", "")
    if isinstance(value, tuple):
        value = value[2]
    return str(value or "")[:60]


def _meta_charset(data: bytes) -> str:
    match = re.search(rb"charset\s*=\s*[\"']?([A-Za-z0-9_-]{2,40})", data[:2000])
    return match[1].decode("ascii") if match else ""


def _unflowed(part: Message, text: str) -> str:
    """Join the lines of format=flowed (RFC 3676) back into paragraphs."""
    if str(part.get_param("format", "") or "").lower() != "flowed":
        return text
    delete = str(part.get_param("delsp", "") or "").lower() == "yes"
    joined: list[str] = []
    open_line = False
    for line in text.split("\n"):
        quoted = line.startswith(">")
        body = line.removeprefix(" ")
        soft = body.endswith(" ") and body != "-- " and not quoted
        kept = body[:-1] if soft and delete else body
        if open_line and not quoted:
            joined[-1] += kept
        else:
            joined.append(kept)
        open_line = soft
    return "\n".join(joined)


def _file_name(part: Message, defects: list[str]) -> str:
    """Return a part's file name: RFC 2231, RFC 2047 and raw bytes; without a path."""
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        try:
            plain = Message()
            plain[header] = unescaped((raw_values(part, header) or [""])[0], defects)
            value = plain.get_param(parameter, None, header)
        except Exception:  # noqa: BLE001 - broken parameters raise several things
            defects.append("broken file name")
            continue
        if value is None:
            continue
        if isinstance(value, tuple):
            charset, _, words = value
            text = decode(words.encode("latin-1", "replace"), charset or "utf-8")
        else:
            text = header_text(value, defects)
        text = one_line(text).replace("\\", "/").rsplit("/", 1)[-1].strip(". ")
        if text:
            return text[-160:]
    return ""


def _default_name(kind: str, number: int) -> str:
    endings = {
        "text/plain": "txt", "text/html": "html", "image/jpeg": "jpg", "image/png": "png",
        "image/gif": "gif", "application/pdf": "pdf", "text/calendar": "ics",
        "application/pgp-signature": "asc", "application/pgp-encrypted": "asc",
        "application/pkcs7-signature": "p7s", "application/x-pkcs7-signature": "p7s",
    }  # fmt: skip
    return f"{kind.partition('/')[0]}-{number}.{endings.get(kind, 'bin')}"


def _unpacked(data: bytes, found: _Found) -> bool:
    """Unpack Outlook's winmail.dat; say whether anything came out of it."""
    try:
        tnef = TNEF(data, do_checksum=False)
        files = [
            Part(
                name=one_line(str(item.long_filename() or item.name or "file"))[-160:],
                content_type="application/octet-stream",
                data=bytes(item.data or b""),
            )
            for item in tnef.attachments[:MOST_PARTS]
        ]
        body = getattr(tnef, "body", None)
        html = getattr(tnef, "htmlbody", None)
    except Exception:  # noqa: BLE001 - a foreign format from hostile hands
        found.defects.append("unreadable winmail.dat")
        return False
    found.files += [file for file in files if file.data]
    if html:
        found.html.append(decode(html) if isinstance(html, bytes) else tidy(str(html)))
    elif body:
        found.plain.append(decode(body) if isinstance(body, bytes) else tidy(str(body)))
    return bool(files or body or html)


def _body(found: _Found) -> dict[str, Any]:
    """Return text and HTML, divided into what is new and what is quoted."""
    html = "\n".join(found.html)
    if html.strip():
        cids = {part.content_id for part in found.files if part.content_id}
        new, quoted = _guarded(lambda: markup.divided_html(html, cids), ("", ""), found.defects)
        text = _guarded(lambda: markup.text_of(new), "", found.defects)
        if text.strip() or "<img" in new:
            divided = divide(text)
            history = _guarded(lambda: markup.text_of(quoted), "", found.defects)
            rest = "\n\n".join(piece for piece in (divided.quoted, history) if piece)
            shown = text if divided.quoted and not quoted else divided.text
            return _limited(
                {
                    "text": shown,
                    "signature_text": "" if shown is text else divided.signature,
                    "quoted_text": history if shown is text else rest,
                    "html": new,
                    "quoted_html": quoted,
                },
                found,
            )
    text = "\n\n".join(piece.strip("\n") for piece in found.plain if piece.strip())
    if not text and found.calendars:
        text = _invitation(found.calendars[0])
    divided = divide(text)
    return _limited(
        {
            "text": divided.text,
            "signature_text": divided.signature,
            "quoted_text": divided.quoted,
            "html": "",
            "quoted_html": "",
        },
        found,
    )


def _limited(body: dict[str, Any], found: _Found) -> dict[str, Any]:
    """Cut what is longer than anybody reads; the whole of it becomes a file."""
    for name, value in body.items():
        if len(value) > LONGEST_TEXT:
            found.defects.append("very long text")
            kind = "html" if "html" in name else "txt"
            found.files.append(
                Part(name=f"{name}.{kind}", content_type="text/plain", data=value.encode())
            )
            body[name] = "" if kind == "html" else value[:LONGEST_TEXT]
    return body


def _invitation(calendar: str) -> str:
    """Return what an invitation says, line by line, for a mail that has no other words."""
    wanted = ("SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION", "ORGANIZER")
    unfolded = re.sub(r"\n[ \t]", "", calendar[:100_000])
    lines = []
    for line in unfolded.split("\n"):
        name, _, value = line.partition(":")
        if name.partition(";")[0].upper() in wanted and value.strip():
            lines.append(f"{name.partition(';')[0].title()}: {value.strip()}")
    return "\n".join(lines).replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";")


_COMMON: Final = {
    "es": "el la los las de que y en un una por con para no nos es está gracias hola buenos días"
    " saludos favor orden pedido cómo qué también le les su",
    "en": "the of and to in is that for with you we are not this have please thanks hello regards"
    " order our your it on can",
    "pt": "o a os as de que e em um uma por com para não nos é está obrigado obrigada olá bom dia"
    " pedido como também você seu sua ao do da",
}
_WORDS: Final = {code: frozenset(words.split()) for code, words in _COMMON.items()}


def _language(text: str, hint: str) -> str:
    """Guess the language of a text by its commonest words; a header's hint decides a draw."""
    words = re.findall(r"[a-záéíóúñüçãõâêô]+", text[:4000].lower())
    scores = {code: sum(word in known for word in words) for code, known in _WORDS.items()}
    best = max(scores.values())
    leaders = [code for code, score in scores.items() if score == best]
    hinted = hint[:2].lower()
    if best >= 2 and len(leaders) == 1:
        return leaders[0]
    return hinted if hinted in scores else (leaders[0] if best >= 2 else "")


def _fingerprint(text: str) -> str:
    """Return a digest of what a text says apart from names, numbers and addresses."""
    alike = re.sub(r"https?://\S+|\S+@\S+|\d+", " ", text[:20_000].lower())
    alike = re.sub(r"[^a-záéíóúñüçãõâêô]+", " ", alike).strip()
    return hashlib.sha256(alike.encode()).hexdigest() if alike else ""


_SAME: Final = ("From", "To", "Cc", "Subject", "Date", "Message-ID")


def _content_digest(message: Message, raw: bytes) -> str:
    """Return a digest of what does not change on the way to one mailbox or another."""
    digest = hashlib.sha256()
    for name in _SAME:
        for value in raw_values(message, name)[:5]:
            words = " ".join(value.split())
            digest.update(f"{name}:{words}\n".encode("utf-8", "surrogateescape"))
    digest.update(_after_header(raw).replace(b"\r\n", b"\n").rstrip())
    return digest.hexdigest()


def to_wire(mail: ParsedMail) -> bytes:
    """Return a parsed mail as bytes: JSON, then the files' bytes, each with its length."""
    plain = {f.name: getattr(mail, f.name) for f in fields(mail)}
    files = plain.pop("attachments")
    plain["date"] = mail.date.isoformat() if mail.date else None
    for name in ("sender", "reply_to", "to", "cc", "bounces", "verdicts"):
        value = plain[name]
        plain[name] = [asdict(v) for v in value] if isinstance(value, tuple) else _as_dict(value)
    plain["files"] = [
        {name: getattr(f, name) for name in ("name", "content_type", "content_id", "inline")}
        | {"size": len(f.data)}
        for f in files
    ]
    head = json.dumps(plain).encode()
    return b"".join([len(head).to_bytes(8, "big"), head, *(f.data for f in files)])


def _as_dict(value: Any) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


def from_wire(data: bytes) -> ParsedMail:
    """Read what `to_wire` wrote."""
    size = int.from_bytes(data[:8], "big")
    plain = json.loads(data[8 : 8 + size])
    place, files = 8 + size, []
    for described in plain.pop("files"):
        length = described.pop("size")
        files.append(Part(**described, data=data[place : place + length]))
        place += length
    plain["attachments"] = tuple(files)
    plain["date"] = datetime.fromisoformat(plain["date"]) if plain["date"] else None
    plain["sender"] = Address(**plain["sender"]) if plain["sender"] else None
    for name, kind in (("reply_to", Address), ("to", Address), ("cc", Address)):
        plain[name] = tuple(kind(**value) for value in plain[name])
    plain["bounces"] = tuple(Bounced(**value) for value in plain["bounces"])
    plain["verdicts"] = tuple(Verdict(**value) for value in plain["verdicts"])
    for name in _TUPLES:
        plain[name] = tuple(plain[name])
    return ParsedMail(**plain)


_TUPLES: Final = (
    "in_reply_to",
    "references",
    "delivered_to",
    "original_message_ids",
    "remote_images",
    "defects",
)
