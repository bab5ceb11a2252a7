"""Bodies: what people write, as text and as safe HTML, and the files they send with it."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nh3
from django.utils.html import linebreaks, urlize
from markdown_it import MarkdownIt

from plazo.core import storing
from plazo.core.storing import storage_path
from plazo.tickets.errors import EmptyBody
from plazo.tickets.models import AreaMessage, Attachment, InternalNote, PublicMessage

LONGEST_BODY = 100_000

_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(
    ["table", "strikethrough"]
)
_TAGS = frozenset(
    [
        "a",
        "b",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "hr",
        "i",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)

_EMPTY_IMAGE = re.compile(r'<img(?:\s+(?!src=)[a-z]+="[^"]*")*\s*/?>')
_IMAGE_OF_OURS = re.compile(r"!\[([^\]\n]*)\]\(cid:[^)\s]+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What somebody wrote, ready for storing: text, safe HTML, and the history folded below.

    Edges: nothing here is cleaned again: who makes one answers for its HTML (`clean_html`).
    """

    text: str
    html: str
    quoted_text: str = ""
    quoted_html: str = ""
    authenticity: str = ""
    message_id: str = ""


def written_plain(text: str) -> Written:
    """Return a requester's plain text ready for storing. Raises: EmptyBody."""
    text = clean_text(text)
    return Written(text=text, html=html_of_plain(text))


def written_markdown(text: str, files: Sequence["StoredUpload"] = ()) -> Written:
    """Return an agent's Markdown ready for storing; it shows the images that come with it.

    Raises: EmptyBody.
    """
    text = clean_text(text)
    return Written(text=text, html=html_of_markdown(text, {file.content_id for file in files}))


def clean_text(text: str) -> str:
    """Return what was written, in one normal form, without what no reader can see.

    Edges: lone surrogates and NUL, which neither PostgreSQL nor browsers take, are replaced; line
        ends become one kind.
    Raises: EmptyBody.
    """
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    text = text.strip("\n")[:LONGEST_BODY]
    if not text.strip():
        raise EmptyBody
    return text


def html_of_markdown(text: str, cids: Collection[str] = ()) -> str:
    """Return an agent's Markdown as HTML that is safe to show and to send.

    Units: `cids` are the Content-IDs of the files that it may show.
    """
    return html_with_images(_markdown.render(text), cids)


def html_of_plain(text: str) -> str:
    """Return a requester's text as HTML: as they typed it, with its addresses as links.

    It is not read as Markdown: a traceback or JSON must arrive as it was pasted.
    """
    return html_without_images(linebreaks(urlize(text, nofollow=True, autoescape=True)))


def html_without_images(html: str) -> str:
    """Return HTML without anything that runs, loads or shows a file: fit for a page or a mail."""
    return html_with_images(html, ())


def html_with_images(html: str, cids: Collection[str]) -> str:
    """Return HTML that shows the files of these Content-IDs, and runs or loads nothing else."""
    wanted = {f"cid:{cid}" for cid in cids if cid}

    def attribute(tag: str, name: str, value: str) -> str | None:
        return value if (tag, name) != ("img", "src") or value in wanted else None

    cleaned = nh3.clean(
        html,
        tags={*_TAGS, "img"} if wanted else set(_TAGS),
        attributes={"a": {"href"}, "th": {"align"}, "td": {"align"}, "img": {"src", "alt"}},
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "cid"} if wanted else {"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return _EMPTY_IMAGE.sub("", cleaned) if wanted else cleaned


def text_without_images(text: str) -> str:
    """Return Markdown with the words of the images that come with it in their places."""
    return _IMAGE_OF_OURS.sub(lambda found: f"[{found[1]}]", text)


def digest_of(text: str, uploads: Sequence["StoredUpload"] = (), quoted: str = "") -> str:
    """Return the SHA-256 of a text and its files, which the event seals."""
    return sealed_digest(text, [(upload.sha256, upload.name) for upload in uploads], quoted)


def sealed_digest(text: str, files: Sequence[tuple[str, str]], quoted: str = "") -> str:
    """Return the SHA-256 of a text, the history quoted below it where there is any, and, in their
    order, its files' digests and names.
    """
    parts = [text, *([quoted] if quoted else []), *(f"{sha256} {name}" for sha256, name in files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def seal_of(
    *,
    author: str,
    text: str,
    html: str,
    quoted_text: str = "",
    quoted_html: str = "",
    files: Sequence[tuple[str, str]] = (),
    heading: Sequence[str] = (),
) -> str:
    """Return the SHA-256 of all that people see of a message or note, which the event seals.

    Units: `files` are digests and names; `heading` is the case's number and subject, which its
        first message seals.
    """
    seen = {
        "author": author,
        "text": text,
        "html": html,
        "quoted_text": quoted_text,
        "quoted_html": quoted_html,
        "files": [list(file) for file in files],
        "heading": list(heading),
    }
    canonical = json.dumps(seen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def fields_digest(values: Mapping[str, str]) -> str:
    """Return the SHA-256 of a case's further details, by their keys."""
    canonical = json.dumps(dict(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A file whose bytes are stored already, under their SHA-256."""

    sha256: str
    name: str
    content_type: str
    size: int
    content_id: str = ""

    @property
    def path(self) -> str:
        return storage_path(self.sha256)


def safe_name(name: str) -> str:
    """Return a file name without a path or characters that fool people or systems."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if c.isprintable() and c not in '<>:"|?*').strip(". ")
    return re.sub(r"\s+", " ", name)[-160:] or "archivo"


def store_upload(file: Any, *, name: str, content_type: str, content_id: str = "") -> StoredUpload:
    """Store a file's bytes before the transaction that points to them.

    Edges: the same bytes are stored once. If the transaction fails the file stays unused and
        harmless; nothing that was committed ever lacks its bytes.
    """
    sha256, size = storing.store(file)
    kind = content_type if re.fullmatch(r"[\w.+-]+/[\w.+-]+", content_type or "") else ""
    kind = kind[:100] or "application/octet-stream"
    return StoredUpload(sha256, safe_name(name), kind, size, content_id[:250])


def attach(
    uploads: Iterable[StoredUpload],
    *,
    message: PublicMessage | None = None,
    note: InternalNote | None = None,
    side: AreaMessage | None = None,
) -> None:
    """Write the rows that tie stored files to a message, a note, or what an area was told."""
    Attachment.objects.bulk_create(
        Attachment(
            public_message=message,
            internal_note=note,
            area_message=side,
            sha256=upload.sha256,
            name=upload.name,
            content_id=upload.content_id,
            content_type=upload.content_type,
            size=upload.size,
        )
        for upload in uploads
    )
