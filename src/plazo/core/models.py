"""The audit trail: who changed which setting, when, from what to what."""

from typing import Any, ClassVar, NoReturn

from django.db import models


class AuditEntries(models.QuerySet[Any]):
    """Reads and inserts; refuses what would change history. The database refuses it as well."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is append-only")

    def delete(self) -> NoReturn:
        raise TypeError("the audit trail is append-only")


class AuditEntry(models.Model):
    """One change to how the installation works: never to a ticket, which has its own timeline.

    `what` is a dotted key in the past tense (`group.changed`); `subject` names the row by a key
    that outlives it, and `title` is what people called it then. `before` and `after` hold the
    fields that differ, as plain values.
    """

    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=12)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=120)
    what = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    title = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    objects = AuditEntries.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at", "-id"], name="audit_latest"),
            models.Index(fields=["subject", "-at"], name="audit_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.subject}"
