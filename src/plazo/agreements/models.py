"""The versions of the agreement: published once, never changed."""

from typing import Any, ClassVar, NoReturn, Self

from django.db import models


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
