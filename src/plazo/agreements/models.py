"""The versions of the agreement: published once, never changed."""

from functools import lru_cache
from typing import Any, ClassVar, NoReturn, Self

from django.db import models

from plazo.agreements.convert import to_agreement
from plazo.agreements.document import AgreementDocument, parse
from plazo.sla import Agreement


@lru_cache(maxsize=64)
def _read(source: str, number: int) -> tuple[AgreementDocument, Agreement]:
    """Parse and compile a version once in each process: its text never changes."""
    document = parse(source)
    return document, to_agreement(document, number)


class AgreementVersionQuerySet(models.QuerySet["AgreementVersion"]):
    """Reads versions; refuses what would change one."""

    def for_key(self, key: str) -> Self:
        return self.filter(key=key).order_by("-number")

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("an agreement version never changes: publish a new one")

    def delete(self) -> NoReturn:
        raise TypeError("an agreement version is never deleted: tickets rest on it")


class AgreementVersion(models.Model):
    """One published text of an agreement, with the instant from which it is in force."""

    key = models.SlugField(max_length=60)
    number = models.PositiveIntegerField()
    effective_at = models.DateTimeField()
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=120)
    source = models.TextField()
    sha256 = models.CharField(max_length=64)

    objects = AgreementVersionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["key", "number"], name="agreement_version_number"),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.number}"

    @property
    def document(self) -> AgreementDocument:
        """The document as typed values."""
        return _read(self.source, self.number)[0]

    @property
    def sla(self) -> Agreement:
        """The values that the engine runs."""
        return _read(self.source, self.number)[1]


class AgreementDraft(models.Model):
    """The next version of an agreement while it is prepared: one at a time, in force for nobody.

    `revision` counts its changes, so that nobody changes what they have not seen.
    """

    key = models.SlugField(max_length=60, unique=True)
    base = models.ForeignKey(AgreementVersion, on_delete=models.PROTECT, related_name="+")
    source = models.TextField()
    revision = models.PositiveIntegerField(default=1)
    started_by = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    changed_by = models.CharField(max_length=120)
    changed_by_id = models.BigIntegerField(null=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key} draft {self.revision}"

    @property
    def document(self) -> AgreementDocument:
        """The draft as typed values."""
        return _read(self.source, self.base.number + 1)[0]

    @property
    def sla(self) -> Agreement:
        """The values that the engine would run."""
        return _read(self.source, self.base.number + 1)[1]
