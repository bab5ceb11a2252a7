"""Which version holds when."""

from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.db.models import Subquery

from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.models import (
    AgreementDraft,
    AgreementVersion,
    AgreementVersionQuerySet,
)
from plazo.core.kept import kept


def version_in_force(at: datetime, key: str | None = None) -> AgreementVersion:
    """Return the version in force at `at`: the newest one effective by then. One query, and none
    for a page where no version was published since.

    Raises: NoAgreementInForce.
    """
    for effective_at, pk in _effective(key or settings.PLAZO.agreement):
        if effective_at <= at:
            return version(pk)
    raise NoAgreementInForce(key=key or settings.PLAZO.agreement, at=at)


@kept("agreements")
def _effective(key: str | None) -> list[tuple[datetime, int]]:
    """Return from when each version holds, the newest first."""
    versions = _of(key).order_by("-effective_at", "-number")
    return list(versions.values_list("effective_at", "pk"))


def _of(key: str | None) -> AgreementVersionQuerySet:
    """Return the versions of an agreement; without a key, of the one that was published first."""
    first = AgreementVersion.objects.order_by("pk").values("key")[:1]
    return AgreementVersion.objects.filter(key=key or Subquery(first))


@kept("agreements")
def _first_key() -> str:
    return AgreementVersion.objects.order_by("pk").values_list("key", flat=True).first() or ""


def key_in_use() -> str:
    """Return the key of the agreement that new cases fall under: the operator's choice, or that of
    the one published first; empty where there is none. One query at most, unless it is kept.
    """
    return settings.PLAZO.agreement or _first_key()


@lru_cache(maxsize=64)
def version(pk: int) -> AgreementVersion:
    """Return a version by its key. Read once in a process: a version never changes.

    Raises: AgreementVersion.DoesNotExist.
    """
    return AgreementVersion.objects.get(pk=pk)


def is_published(key: str) -> bool:
    """Say whether any version of an agreement was published."""
    return AgreementVersion.objects.filter(key=key).exists()


def newest_version(key: str | None = None) -> AgreementVersion:
    """Return the version published last, in force already or not. Raises: NoAgreementInForce."""
    wanted = key or settings.PLAZO.agreement
    found = _of(wanted).order_by("-number").first()
    if found is None:
        raise NoAgreementInForce(key=wanted, at=None)
    return found


def versions(key: str | None = None) -> list[AgreementVersion]:
    """Return every version of an agreement, the newest first. One query."""
    return list(_of(key or settings.PLAZO.agreement).order_by("-number"))


def draft_of(key: str | None = None) -> AgreementDraft | None:
    """Return the draft of an agreement's next version, if one is prepared. One query."""
    wanted = key or key_in_use()
    return AgreementDraft.objects.select_related("base").filter(key=wanted).first()
