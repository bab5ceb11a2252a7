"""Which version holds when."""

from datetime import datetime
from functools import lru_cache

from django.conf import settings

from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.models import AgreementDraft, AgreementVersion
from plazo.core.kept import kept


def version_in_force(at: datetime, key: str | None = None) -> AgreementVersion:
    """Return the version in force at `at`: the newest one effective by then. One query, and none
    for a page where no version was published since.

    Raises: NoAgreementInForce.
    """
    wanted = key or settings.PLAZO.agreement
    for effective_at, pk in _effective(wanted):
        if effective_at <= at:
            return version(pk)
    raise NoAgreementInForce(key=wanted, at=at)


@kept("agreements")
def _effective(key: str) -> list[tuple[datetime, int]]:
    """Return from when each version holds, the newest first."""
    versions = AgreementVersion.objects.filter(key=key).order_by("-effective_at", "-number")
    return list(versions.values_list("effective_at", "pk"))


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
    found = AgreementVersion.objects.for_key(wanted).first()
    if found is None:
        raise NoAgreementInForce(key=wanted, at=None)
    return found


def versions(key: str | None = None) -> list[AgreementVersion]:
    """Return every version of an agreement, the newest first. One query."""
    return list(AgreementVersion.objects.for_key(key or settings.PLAZO.agreement))


def draft_of(key: str | None = None) -> AgreementDraft | None:
    """Return the draft of an agreement's next version, if one is prepared. One query."""
    wanted = key or settings.PLAZO.agreement
    return AgreementDraft.objects.select_related("base").filter(key=wanted).first()
