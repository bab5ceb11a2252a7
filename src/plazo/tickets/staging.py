"""Files that belong to nothing: those that arrive before their form, and those that were erased."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.core.files.storage import default_storage
from django.db import models, transaction

from plazo.core.storing import storage_path
from plazo.tickets.bodies import StoredUpload
from plazo.tickets.models import Attachment, Draft, StagedUpload

LASTS: Final = timedelta(days=2)
BATCH: Final = 500

Holds = Callable[[str], bool]


def _ticket_holds(sha256: str) -> bool:
    held = Draft.objects.filter(files__contains=[{"sha256": sha256}])
    return Attachment.objects.filter(sha256=sha256).exists() or held.exists()


_holders: dict[str, Holds] = {"tickets": _ticket_holds}


def register_holder(name: str, holds: Holds) -> None:
    """Let another package say which bytes it holds too: they are stored once for all."""
    _holders[name] = holds


def stage(uploads: Sequence[StoredUpload], *, now: datetime) -> None:
    """Note files that came before their form."""
    StagedUpload.objects.bulk_create(
        StagedUpload(sha256=upload.sha256, size=upload.size, at=now) for upload in uploads
    )


def let_go(files: models.QuerySet[Attachment], *, now: datetime) -> None:
    """Take files from what they belonged to. Their bytes go later, unless something holds them."""
    StagedUpload.objects.bulk_create(
        StagedUpload(sha256=sha256, size=size, at=now)
        for sha256, size in files.values_list("sha256", "size")
    )
    files.delete()


def forget_staged(*, now: datetime) -> int:
    """Delete the bytes of staged files that nothing came to hold; return how many files went.

    Edges: bytes that arrived again since are left to their later row.
    """
    gone = 0
    old = StagedUpload.objects.filter(at__lt=now - LASTS).order_by("at", "pk")[:BATCH]
    for staged in old:
        with transaction.atomic():
            StagedUpload.objects.filter(pk=staged.pk).delete()
            again = StagedUpload.objects.filter(sha256=staged.sha256).exists()
            if again or any(holds(staged.sha256) for holds in _holders.values()):
                continue
            default_storage.delete(storage_path(staged.sha256))
            gone += 1
    return gone
