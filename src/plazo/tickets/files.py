"""Handing out files: an allow-list may be shown in place, everything else is a download."""

from collections.abc import Iterator
from typing import Protocol

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404
from django.utils.http import content_disposition_header

from plazo.core.storing import Kept, storage_path
from plazo.tickets.models import Attachment


class StoredFile(Protocol):
    """What is known of a file whose bytes are stored under their SHA-256."""

    @property
    def sha256(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...


# First bytes that a browser may be trusted with, by the type we then say it is. SVG and HTML are
# not here: they can carry script. What a sender claims is never believed.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def shown_as(start: bytes) -> str | None:
    """Return the type under which a file may be shown in place, or None for a download."""
    for signature, content_type in SIGNATURES:
        if start.startswith(signature):
            return content_type
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return None


def kept() -> Iterator[Kept]:
    """Yield every file of a message, a note or a side conversation, for verifying."""
    rows = Attachment.objects.order_by("pk").values_list(
        "public_message__ticket__number",
        "internal_note__ticket__number",
        "area_message__ticket__number",
        "name",
        "sha256",
        "size",
    )
    for *owners, name, sha256, size in rows.iterator(2000):
        yield Kept(next(filter(None, owners)), name, sha256, size)


def file_response(file: StoredFile) -> FileResponse:
    """Return a stored file, inert: it can neither run nor be taken for a page of ours."""
    try:
        stored = default_storage.open(storage_path(file.sha256))
    except FileNotFoundError as error:
        raise Http404 from error
    start = stored.read(16)
    stored.seek(0)
    content_type = shown_as(start)
    response = FileResponse(stored, content_type=content_type or "application/octet-stream")
    header = content_disposition_header(content_type is None, file.name)
    if header:
        response["Content-Disposition"] = header
    response["Content-Length"] = str(file.size)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
