"""The parts of a mail: which of them are its words, and which are files that came with it.

Parents come before their children in the list, so one walk down decides what may be shown, and
one walk back up joins it; nothing calls itself, however deep a mail is nested.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from striprtf.striprtf import rtf_to_text
from tnefparse import TNEF

from plazo.channels.email.charsets import decode, header_text, one_line, tidy
from plazo.channels.email.cms import signed_content
from plazo.channels.email.mime import Entity, decoded, file_name, split
from plazo.channels.email.parsed import Part

MOST_PARTS: Final = 1_000
LONGEST_HTML: Final = 1_500_000
# What is looked at of a plain text: more than is ever shown of its words and its history together.
LONGEST_PLAIN: Final = 500_000
LONGEST_RTF: Final = 2_000_000
_MOST_WRAPPED: Final = 3  # signed mails in signed mails

PLAIN, HTML = "plain", "html"
_TNEF: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_CMS: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_FORWARDED: Final = frozenset({"message/rfc822", "message/global", "message/news"})
_RETURNED: Final = frozenset(
    {"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
)
_STATUS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
# Further forms of the same words, which only some programs can show.
_OTHER_FORMS: Final = frozenset(
    {"text/x-amp-html", "text/watch-html", "text/enriched", "text/richtext"}
)
_ENDINGS: Final = {
    "text/plain": "txt", "text/html": "html", "image/jpeg": "jpg", "image/png": "png",
    "image/gif": "gif", "application/pdf": "pdf", "text/calendar": "ics", "text/csv": "csv",
    "text/vcard": "vcf", "text/x-vcard": "vcf", "application/zip": "zip",
    "application/json": "json", "text/xml": "xml", "application/xml": "xml",
    "application/pgp-signature": "asc", "application/pgp-keys": "asc",
    "application/pkcs7-signature": "p7s", "application/x-pkcs7-signature": "p7s",
    "image/svg+xml": "svg", "image/webp": "webp", "audio/mpeg": "mp3",
}  # fmt: skip
_NAMES: Final = {
    "text/calendar": "invite.ics", "application/ics": "invite.ics",
    "message/delivery-status": "delivery-status.txt",
    "message/global-delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/feedback-report": "feedback-report.txt",
    "text/rfc822-headers": "headers.txt",
    "application/pkcs7-mime": "smime.p7m", "application/x-pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s", "application/x-pkcs7-signature": "smime.p7s",
    "application/pgp-signature": "signature.asc", "application/ms-tnef": "winmail.dat",
    "application/vnd.ms-tnef": "winmail.dat",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a mail's words, as plain text or as HTML."""

    kind: str
    text: str


@dataclass(slots=True)
class Contents:
    """What was found in a mail."""

    body: list[Segment] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)  # every plain text, chosen or not
    unpacked: list[Segment] = field(default_factory=list)
    files: list[Part] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    returned: list[bytes] = field(default_factory=list)
    calendars: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    protection: str = ""
    has_words: bool = False
    whole: list[str] = field(default_factory=list)  # files that hold texts which were cut
    defects: list[str] = field(default_factory=list)

    def keep_whole(self, text: bytes, ending: str) -> None:
        """Keep a text that is too long to be shown as a file, so that nothing of it is lost."""
        if "very long text" not in self.defects:
            self.defects.append("very long text")
        number = f"-{len(self.whole) + 1}" if self.whole else ""
        name = f"message{number}.{ending}"
        kind = "text/html" if ending == "html" else "text/plain"
        self.whole.append(name)
        self.files.append(Part(name=name, content_type=kind, data=text))


def gather(entities: Sequence[Entity], found: Contents, wrapped: int = 0) -> list[Segment]:
    """Sort the parts into words and files; return the words, the better form of alternatives.

    Edges: after MOST_PARTS files the whole mail is kept as one more, and the rest is in there.
    """
    shown: dict[int, bool] = {id(entities[0]): True}
    words: dict[int, list[Segment]] = {}
    for entity in entities:
        found.kinds.add(entity.kind)
        if entity.is_multipart:
            _note_protection(entity, found)
            for number, child in enumerate(entity.children):
                shown[id(child)] = shown[id(entity)] and _may_show(entity, child, number)
            continue
        if len(found.files) >= MOST_PARTS:
            found.defects.append("too many parts")
            break
        try:
            segment = _take(entity, found, wrapped, shown=shown[id(entity)])
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one part that cannot be read costs only itself
            found.defects.append(f"unreadable part: {type(error).__name__}")
            found.files.append(_file(entity, entity.content, found))
            continue
        words[id(entity)] = segment
    if "too many parts" in found.defects and not wrapped:
        found.files.append(
            Part(name="original.eml", content_type="message/rfc822", data=entities[0].raw)
        )
    for entity in reversed(entities):
        if entity.is_multipart:
            words[id(entity)] = _joined(entity, [words.get(id(c), []) for c in entity.children])
    return words.get(id(entities[0]), [])


def _note_protection(entity: Entity, found: Contents) -> None:
    if entity.kind == "multipart/signed":
        found.protection = found.protection or "signed"
        found.files.append(
            Part(name="signed.eml", content_type="message/rfc822", data=entity.whole)
        )
    elif entity.kind == "multipart/encrypted":
        found.protection = "encrypted"


def _may_show(parent: Entity, child: Entity, number: int) -> bool:
    """Say whether a child may be part of the words, by what its parent is."""
    match parent.kind:
        case "multipart/related":
            start = parent.params.get("start", "").strip(" <>")
            root = next((c for c in parent.children if start and c.content_id == start), None)
            if root is None:
                texts = [c for c in parent.children if c.kind.startswith(("text/", "multipart/"))]
                root = (texts or parent.children)[0]
            return child is root
        case "multipart/signed" | "multipart/report":
            return number == 0
        case "multipart/encrypted" | "multipart/digest":
            return False
        case _:
            return True


def _joined(entity: Entity, results: list[list[Segment]]) -> list[Segment]:
    """Join what the children say; of alternatives, the best that says anything."""
    if entity.kind != "multipart/alternative":
        return [segment for result in results for segment in result]
    saying = [result for result in results if any(s.text.strip() for s in result)]
    rich = [result for result in saying if any(s.kind == HTML for s in result)]
    return (rich or saying or [[]])[-1]


def _take(entity: Entity, found: Contents, wrapped: int, *, shown: bool) -> list[Segment]:
    """Take one part in: return its words if it has any to show, or keep it as a file."""
    kind, name = entity.kind, entity.name
    among = entity.parent is not None and entity.parent.kind == "multipart/alternative"
    if (kind in _OTHER_FORMS and among) or kind == "application/pgp-encrypted":
        return []  # the latter only says "Version: 1"
    if kind in _FORWARDED:
        found.files.append(_forwarded(entity, found))
        return []
    if kind.startswith("multipart/") and "too many parts" in found.defects:
        return []  # the one where the taking apart ended
    data = entity.data(found.defects)
    if shown and _is_words(entity, found):
        return [_words_of(entity, data, found)]
    _note(entity, data, found)
    words = _from_cms(entity, data, found, wrapped) if kind in _CMS else []
    is_tnef = kind in _TNEF or name.lower() == "winmail.dat"
    if is_tnef and _unpack(data, found):
        return []
    if data or name:
        found.files.append(_file(entity, data, found))
    return words if shown else []


def _note(entity: Entity, data: bytes, found: Contents) -> None:
    """Note what a report or a calendar says, besides keeping it as a file."""
    if entity.kind in _STATUS:
        found.reports.append(data)
    elif entity.kind in _RETURNED:
        found.returned.append(data)
    elif entity.kind in {"text/calendar", "application/ics"}:
        found.methods.add(entity.params.get("method", "").lower())
        found.calendars.append(decode(data, entity.charset, found.defects))


def _is_words(entity: Entity, found: Contents) -> bool:
    """Say whether a part that may be shown is text to be read rather than a file.

    Edges: the mail itself is, whatever its disposition; a named text is a file unless it comes
        first, since some programs name the body.
    """
    if entity.parent is None:
        return entity.kind.startswith(("text/", "multipart/")) and entity.kind not in _NAMES
    if entity.kind not in {"text/plain", "text/html"}:
        return entity.kind.startswith("multipart/")
    if entity.disposition.startswith("attachment"):
        return False
    if entity.parent.kind in {"multipart/alternative", "multipart/related"}:
        return True
    return not entity.name or not found.has_words


def _words_of(entity: Entity, data: bytes, found: Contents) -> Segment:
    found.has_words = True
    if entity.kind == "text/html":
        charset = entity.charset or _meta_charset(data)
        html = _without_data(decode(data, charset, found.defects), found)
        if len(html) > LONGEST_HTML:
            found.keep_whole(data, "html")
        return Segment(HTML, html[:LONGEST_HTML])
    if entity.kind.startswith("multipart/"):
        found.defects.append("multipart without parts")
        mark = b"--" + entity.params.get("boundary", "").encode("utf-8", "replace")
        data = b"\n".join(line for line in data.split(b"\n") if line.strip(b"-\r \t") != mark[2:])
    text = decode(data, entity.charset, found.defects)
    if len(text) > LONGEST_PLAIN:
        found.keep_whole(text.encode(), "txt")
        text = text[:LONGEST_PLAIN]
    if entity.params.get("format", "").lower() == "flowed":
        text = unflowed(text, delete=entity.params.get("delsp", "").lower() == "yes")
    found.plain.append(text)
    return Segment(PLAIN, text)


_DATA: Final = re.compile(
    r"(\bsrc\s*=\s*[\"']?)data:image/(png|jpe?g|gif|webp);base64,([A-Za-z0-9+/=\s%]+)",
    re.IGNORECASE,
)
_MOST_DATA: Final = 100


def _without_data(html: str, found: Contents) -> str:
    """Make files of pictures that are written into the HTML itself, as pasted ones often are."""

    def as_file(match: re.Match[str]) -> str:
        kind = match[2].lower().replace("jpg", "jpeg")
        content = unquote_to_bytes(match[3])
        number = len(found.files) + 1
        name = f"image-{number}.{_ENDINGS[f'image/{kind}']}"
        found.files.append(
            Part(
                name=name,
                content_type=f"image/{kind}",
                content_id=f"{name}@data",
                data=decoded(content, "base64"),
            )
        )
        return f"{match[1]}cid:{name}@data"

    if "data:image/" not in html and "DATA:image/" not in html:
        return html
    return _DATA.sub(as_file, html, count=_MOST_DATA)


def _meta_charset(data: bytes) -> str:
    match = re.search(rb"charset\s*=\s*[\"']?([A-Za-z0-9_-]{2,40})", data[:2000])
    return match[1].decode("ascii") if match else ""


def unflowed(text: str, *, delete: bool) -> str:
    """Join the lines of format=flowed back into paragraphs, those quoted alike too (RFC 3676)."""
    paragraphs: list[list[str]] = []
    depth, is_open = 0, False
    for line in text.split("\n"):
        body = line.lstrip(">")
        marks = len(line) - len(body)
        body = body.removeprefix(" ")
        soft = body.endswith(" ") and body != "-- "
        kept = body[:-1] if soft and delete else body
        if is_open and marks == depth and body != "-- ":
            paragraphs[-1].append(kept)
        else:
            paragraphs.append([">" * marks + " " * bool(marks and body), kept])
        depth, is_open = marks, soft
    return "\n".join("".join(paragraph) for paragraph in paragraphs)


def _file(entity: Entity, data: bytes, found: Contents) -> Part:
    kind, content_id = entity.kind, entity.content_id
    name = entity.name or _NAMES.get(kind) or _numbered(kind, len(found.files) + 1)
    return Part(name=name, content_type=kind[:100], content_id=content_id, data=data)


def _numbered(kind: str, number: int) -> str:
    family = kind.partition("/")[0]
    ending = _ENDINGS.get(kind, "txt" if family == "text" else "bin")
    return f"{'file' if family == 'application' else family}-{number}.{ending}"


def _forwarded(entity: Entity, found: Contents) -> Part:
    """Keep a mail that came inside another, byte for byte, under its subject."""
    data = entity.data(found.defects)
    inner = split(data[:20_000], [])[0].fields
    found.returned.append(data[:20_000])
    subject = file_name(inner.text("Subject").replace("/", "-").replace("\\", "-"))[:80].strip()
    return Part(
        name=entity.name or f"{subject or 'message'}.eml",
        content_type="message/rfc822",
        content_id=entity.content_id,
        data=data,
    )


def _from_cms(entity: Entity, data: bytes, found: Contents, wrapped: int) -> list[Segment]:
    """Show what is inside an S/MIME mail that is only signed; the file is kept in any case."""
    content = signed_content(data) if wrapped < _MOST_WRAPPED else b""
    sealed = entity.params.get("smime-type", "").lower()
    if not content:
        is_signed = sealed in {"signed-data", "certs-only"}
        found.protection = found.protection or ("signed" if is_signed else "encrypted")
        return []
    found.protection = found.protection or "signed"
    return gather(split(content, found.defects), found, wrapped + 1)


def _unpack(data: bytes, found: Contents) -> bool:
    """Unpack Outlook's winmail.dat; say whether all that it holds came out of it.

    Edges: of several forms of its words the best is taken. Words that are only in RTF lose their
        form, so they are kept as a file too; where they cannot be read, the whole is.
    """
    try:
        tnef = TNEF(data, do_checksum=False)
        files = [
            Part(
                name=file_name(str(item.long_filename() or item.name or "")) or "file",
                content_type="application/octet-stream",
                data=bytes(item.data or b""),
            )
            for item in tnef.attachments[:MOST_PARTS]
        ]
        body, html = getattr(tnef, "body", None), getattr(tnef, "htmlbody", None)
        rtf = None if body or html else getattr(tnef, "rtfbody", None)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a foreign format from hostile hands
        found.defects.append("unreadable winmail.dat")
        return False
    found.files += [file for file in files if file.data]
    for kind, words in ((HTML, html), (PLAIN, body)):
        if words:
            text = decode(words) if isinstance(words, bytes) else tidy(str(words))
            found.unpacked.append(Segment(kind, text))
            return True
    return _unpack_rtf(bytes(rtf), found) if rtf else bool(files)


def _unpack_rtf(rtf: bytes, found: Contents) -> bool:
    """Take in words that are RTF; say whether they could be read."""
    text = ""
    if rtf.lstrip().startswith(b"{\\rtf") and len(rtf) <= LONGEST_RTF:
        try:
            said: str = rtf_to_text(rtf.decode("latin-1"), errors="replace")  # type: ignore[no-untyped-call]
            text = tidy(said).strip()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - a foreign format from hostile hands
            found.defects.append("unreadable RTF")
    if not text:
        return False
    found.unpacked.append(Segment(PLAIN, text[:LONGEST_PLAIN]))
    found.files.append(Part(name="message.rtf", content_type="application/rtf", data=rtf))
    return True


_INVITATION: Final = {
    "SUMMARY": "Summary", "DTSTART": "Start", "DTEND": "End", "LOCATION": "Location",
    "ORGANIZER": "Organizer", "DESCRIPTION": "Description",
}  # fmt: skip
_MOMENT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d*(Z?))?")
_ZONE: Final = re.compile(r'TZID="?([^";:]{1,60})', re.IGNORECASE)


def invitation(calendar: str) -> str:
    """Return what an invitation says, line by line, for a mail that has no other words."""
    said: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]", "", calendar[:100_000]).split("\n"):
        name, _, value = line.partition(":")
        label = _INVITATION.get(name.partition(";")[0].upper())
        if label is None or not value.strip():
            continue
        for written, meant in (("\\n", "\n"), ("\\N", "\n"), ("\\,", ","), ("\\;", ";")):
            value = value.replace(written, meant)
        moment = _MOMENT.fullmatch(value.strip())
        if moment and label in {"Start", "End"}:
            zone = _ZONE.search(name)
            value = "-".join(moment.group(1, 2, 3))
            if moment[4]:
                value += (
                    f" {moment[4]}:{moment[5]} {'UTC' if moment[6] else zone[1] if zone else ''}"
                )
        said[label] = value.strip()
    return tidy(
        "\n".join(f"{label}: {said[label]}" for label in _INVITATION.values() if label in said)
    )


def heading(mail: Entity) -> str:
    """Return the lines that say what a forwarded mail is: who, when, to whom, about what."""
    lines = [
        f"{name}: {header_text(mail.fields.all(name)[0])}"
        for name in ("From", "Date", "To", "Subject")
        if mail.fields.all(name)
    ]
    return "\n".join(map(one_line, lines))
