"""Raw bytes to everything that Plazo needs to know of a mail. Never raises; linear in the size.

Runs in a process of its own and knows no other part of Plazo. What a mail is made of is found by
`mime` and sorted by `contents`; here it is put together.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from plazo.channels.email import headers, likeness
from plazo.channels.email import html as markup
from plazo.channels.email.authentication import Verdict, verdicts_of
from plazo.channels.email.charsets import decode, header_text
from plazo.channels.email.contents import (
    HTML,
    LONGEST_PLAIN,
    MOST_PARTS,
    PLAIN,
    Contents,
    Segment,
    gather,
    heading,
    invitation,
)
from plazo.channels.email.machines import (
    AUTO_REPLY,
    BOUNCE,
    Bounced,
    bounces_of,
    is_report,
    machine_of,
    returned_ids,
    says_away,
)
from plazo.channels.email.marks import armour, body_token
from plazo.channels.email.mime import Entity, split
from plazo.channels.email.parsed import Address, ParsedMail, Part
from plazo.channels.email.quoting import divide, is_answer, is_forwarded
from plazo.channels.email.wire import from_wire, to_wire

LONGEST_TEXT: Final = 100_000  # as much as a message holds, whatever way it comes
LONGEST_HISTORY: Final = 300_000
_LONGEST_KEPT_HTML: Final = 1_000_000
_MOST_SHOWN: Final = 20  # forwarded mails whose words stand in for missing ones

__all__ = [
    "MOST_PARTS",
    "Address",
    "Bounced",
    "ParsedMail",
    "Part",
    "Verdict",
    "from_wire",
    "parse",
    "to_wire",
]

_CID: Final = re.compile(r'src="cid:([^"]{1,250})"')
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Body:
    text: str = ""
    signature_text: str = ""
    quoted_text: str = ""
    html: str = ""
    quoted_html: str = ""
    remote_images: tuple[str, ...] = ()


def parse(raw: bytes) -> ParsedMail:
    """Read a mail. Any bytes give a result; where a part cannot be read, the rest still is."""
    defects: list[str] = []
    entities = split(_ready(raw), defects)
    root = entities[0]
    found = Contents(defects=defects)
    found.body = gather(entities, found)
    fields = root.fields
    sender, doubt = headers.sender(fields, defects)
    subject = fields.text("Subject", defects)
    answers = headers.in_reply_to(fields)
    mentioned = headers.references(fields)
    is_reply = bool(answers or mentioned or is_answer(subject))
    body = _limited(
        _body(found, entities, is_reply=is_reply, forwarded=is_forwarded(subject)), found
    )
    machine, evidence = machine_of(
        fields, root, sender.email if sender else "", subject, found.methods
    )
    bounces: tuple[Bounced, ...] = ()
    if machine == BOUNCE:
        bounces = bounces_of(root.raw, found.reports)
        if found.reports and not bounces:  # it reports that all went well
            machine = AUTO_REPLY
    is_bounce = machine == BOUNCE
    every_text = (*found.plain, body.text, body.signature_text, body.quoted_text)
    return ParsedMail(
        message_id=headers.message_id(fields),
        in_reply_to=answers,
        references=mentioned,
        sender=sender,
        doubtful_sender=doubt,
        reply_to=headers.addresses(fields, "Reply-To", defects),
        to=headers.addresses(fields, "To", defects),
        cc=headers.addresses(fields, "Cc", defects),
        delivered_to=headers.delivered_to(fields, defects),
        return_path=headers.return_path(fields),
        subject=subject,
        date=headers.date(fields, defects),
        language=likeness.language_of(body.text, fields.text("Content-Language")),
        text=body.text,
        signature_text=body.signature_text,
        quoted_text=body.quoted_text,
        html=body.html,
        quoted_html=body.quoted_html,
        attachments=_files(found, body),
        whole=tuple(found.whole),
        protection=found.protection,
        machine=machine,
        machine_evidence=evidence,
        is_report=is_report(root),
        away=says_away(subject),
        bounces=bounces,
        original_message_ids=returned_ids([*found.returned, root.content]) if is_bounce else (),
        body_token=body_token(every_text),
        own_token=fields.text("X-Plazo")[:80].lower(),
        doctor=fields.text("X-Plazo-Doctor")[:80],
        verdicts=verdicts_of(
            [header_text(value) for value in fields.all("Authentication-Results")[:20]]
        ),
        hops=headers.hops(fields),
        remote_images=body.remote_images,
        fingerprint=likeness.fingerprint(body.text),
        content_digest=likeness.content_digest(fields, root.content),
        defects=tuple(dict.fromkeys(defects)),
    )


def _ready(raw: bytes) -> bytes:
    """Return a mail's bytes without what stands before its header, with line ends that count."""
    raw = raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if b"\n" not in raw:
        return raw.replace(b"\r", b"\n")
    return raw.replace(b"\r\r\n", b"\r\n") if b"\r\r\n" in raw[:4000] else raw


def _body(found: Contents, entities: list[Entity], *, is_reply: bool, forwarded: bool) -> _Body:
    """Return the words of a mail, divided; if it has none, those that stand in for them."""
    for segments in (
        found.body,
        [Segment(PLAIN, text) for text in found.plain],
        found.unpacked,
        [Segment(PLAIN, invitation(text)) for text in found.calendars[:1]],
        _inside_forwarded(found),
        _around_parts(entities),
    ):
        body = _guarded(partial(_divided, segments, found, is_reply, forwarded), found)
        if body is None:
            continue
        pictures = "<img" in body.html and not any(text.strip() for text in found.plain)
        if body.text.strip() or pictures:
            return body
    return _Body()


def _guarded(read: Callable[[], T], found: Contents) -> T | None:
    """Return what `read` returns; if the foreign code in there raises, note it and go on."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - code that we do not own reads hostile text
        found.defects.append(f"unreadable: {type(error).__name__}")
        return None


def _divided(segments: list[Segment], found: Contents, is_reply: bool, forwarded: bool) -> _Body:
    segments = [segment for segment in segments if segment.text.strip()]
    if any(segment.kind == HTML for segment in segments):
        html = "\n".join(
            segment.text if segment.kind == HTML else markup.as_html(segment.text)
            for segment in segments
        )
        cids = {part.content_id for part in found.files if part.content_id}
        divided = markup.divided_html(html, cids, is_reply=is_reply, forwarded=forwarded)
        return _Body(
            text=markup.text_of(divided.new),
            signature_text=markup.text_of(divided.signature),
            quoted_text=markup.text_of(divided.quoted),
            html=divided.new,
            quoted_html="\n".join(filter(None, (divided.signature, divided.quoted))),
            remote_images=divided.remote_hosts,
        )
    text = "\n\n".join(segment.text.strip("\n") for segment in segments)
    if len(text) > LONGEST_PLAIN:
        found.keep_whole(text.encode(), "txt")
        text = text[:LONGEST_PLAIN]
    text, seal = armour(text, found)
    plain = divide(text, is_reply=is_reply, forwarded=forwarded)
    signature = "\n".join(filter(None, (plain.signature, seal)))
    return _Body(text=plain.text, signature_text=signature, quoted_text=plain.quoted)


def _files(found: Contents, body: _Body) -> tuple[Part, ...]:
    """Return the files, those marked as inline that stand as pictures in the words."""
    shown = set(_CID.findall(body.html)) | set(_CID.findall(body.quoted_html))
    return tuple(
        replace(file, inline=True) if file.content_id and file.content_id in shown else file
        for file in found.files
    )


def _inside_forwarded(found: Contents) -> list[Segment]:
    """Return the words of mails that another brings without a word of its own."""
    brought = [part for part in found.files if part.content_type == "message/rfc822"]
    words: list[Segment] = []
    for part in brought[:_MOST_SHOWN]:
        entities = split(part.data, [])
        inner = Contents()
        said = gather(entities, inner, wrapped=1) or [Segment(PLAIN, text) for text in inner.plain]
        words += [Segment(PLAIN, heading(entities[0])), *said]
    return words


def _around_parts(entities: list[Entity]) -> list[Segment]:
    """Return what stands before and after the parts, where no program would show it."""
    root = entities[0]
    if not root.is_multipart:
        return []
    around = [root.raw[root.body : root.preamble_end]]
    if root.epilogue:
        around.append(root.raw[root.epilogue : root.end])
    texts = [decode(piece) for piece in around]
    return [Segment(PLAIN, text) for text in texts if "MIME" not in text and text.strip()]


def _limited(body: _Body, found: Contents) -> _Body:
    """Cut what is longer than anybody reads; the whole of it becomes a file.

    Edges: of a text that was cut there is no HTML, which would show more than the text says.
    """
    kept = replace(
        body,
        text=body.text[:LONGEST_TEXT],
        signature_text=body.signature_text[:LONGEST_TEXT],
        quoted_text=body.quoted_text[:LONGEST_HISTORY],
    )
    if kept.text != body.text or len(body.html) > _LONGEST_KEPT_HTML:
        kept = replace(kept, html="")
    if kept.quoted_text != body.quoted_text or len(body.quoted_html) > _LONGEST_KEPT_HTML:
        kept = replace(kept, quoted_html="")
    if kept != body and not found.whole:
        is_html = bool(body.html)
        parts = (
            (body.html, body.quoted_html)
            if is_html
            else (body.text, body.signature_text, body.quoted_text)
        )
        found.keep_whole("\n\n".join(filter(None, parts)).encode(), "html" if is_html else "txt")
    return kept
