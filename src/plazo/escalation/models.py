"""What rings, whom, and by which ways: rows that say what must not be forgotten.

The timeline says what happened; these rows say what is still to be done about it, and are what the
board reads.
"""

from typing import Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent, Language
from plazo.core import sealing
from plazo.tickets.models import Ticket


class RingState(models.TextChoices):
    RINGING = "ringing", _("ringing")
    PASSED = "passed", _("not answered: the next step was rung")
    ANSWERED = "answered", _("somebody has it")
    SETTLED = "settled", _("done before anybody answered")


class Contact(models.Model):
    """Who somebody is that the agreement names on its ladder: one of our agents, or an address."""

    name = models.CharField(max_length=120, unique=True)
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.CASCADE)
    email = models.EmailField(blank=True)
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.SPANISH)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Rota(models.Model):
    """Who is on call for one step: its members take turns, one week each.

    Units: a turn begins at `hands_over_at`, a wall-clock time of `zone`, on the weekday of
        `begins_on`, the day on which the first member's first turn began or will begin.
    """

    step = models.PositiveSmallIntegerField(unique=True)
    zone = models.CharField(max_length=60)
    begins_on = models.DateField()
    hands_over_at = models.TimeField()

    class Meta:
        ordering = ("step",)

    def __str__(self) -> str:
        return f"rota of step {self.step}"


class RotaMember(models.Model):
    """One turn of a rota. Somebody may have several."""

    rota = models.ForeignKey(Rota, on_delete=models.CASCADE, related_name="members")
    position = models.PositiveSmallIntegerField()
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="turns")

    class Meta:
        ordering = ("position",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["rota", "position"], name="rota_position_once"),
        ]

    def __str__(self) -> str:
        return f"turn {self.position} of {self.rota_id}"


class HookForm(models.TextChoices):
    PLAZO = "plazo", _("Signed (Standard Webhooks)")
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"


class Endpoint(models.Model):
    """Somewhere that is told by HTTP of every ring, and of how it ended. Its address and its secret
    are sealed: a chat's address is a secret by itself.

    `host` is what may be shown of the address. `failing_since` is when it last began not to work.
    """

    name = models.CharField(max_length=80)
    form = models.CharField(max_length=8, choices=HookForm.choices, default=HookForm.PLAZO)
    host = models.CharField(max_length=255)
    sealed = models.TextField()
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.SPANISH)
    from_step = models.PositiveSmallIntegerField(default=1)
    is_active = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_ok_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name

    @property
    def secrets(self) -> dict[str, Any]:
        """Return its address (`url`) and its `secret`. Raises: sealing.CannotUnseal."""
        return sealing.unseal(self.sealed)

    def keep(self, *, url: str, secret: str) -> None:
        """Seal the address and the secret. Does not save."""
        self.sealed = sealing.seal({"url": url, "secret": secret})


class Ring(models.Model):
    """One step of the ladder that was rung for one ticket.

    `instant` is when it was due and `rang_at` when it rang; `next_at` is when silence rings the
    next step, or None. `agents` are the keys of those it rang, in their order. It is the row of one
    `ladder.rang` of the timeline.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="rings")
    sequence = models.PositiveIntegerField()
    step = models.PositiveSmallIntegerField()
    cause = models.CharField(max_length=10)
    severity = models.CharField(max_length=1, blank=True)
    instant = models.DateTimeField()
    rang_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    agents = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=RingState.choices, default=RingState.RINGING)
    ended_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_name = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ticket", "sequence"], name="ring_once"),
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(state=RingState.RINGING), name="ring_one_open"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-rang_at", "-id"], name="ring_newest"),
            models.Index(
                fields=["step", "rang_at", "id"],
                condition=Q(state=RingState.RINGING),
                name="ring_open",
            ),
            models.Index(
                fields=["-ended_at", "-id"],
                condition=Q(state=RingState.ANSWERED),
                name="ring_answered",
            ),
        ]

    def __str__(self) -> str:
        return f"ring {self.pk} of step {self.step}"


class Bell(models.Model):
    """Somebody, or something, that one ring rings: an agent, a contact or an endpoint.

    `next_at` is when it must be rung again, or None: it was answered, done, or passed on. An
    endpoint that was told of a ring has it once more when that ends.
    """

    ring = models.ForeignKey(Ring, on_delete=models.CASCADE, related_name="bells")
    agent = models.ForeignKey(Agent, null=True, on_delete=models.CASCADE, related_name="bells")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="bells")
    endpoint = models.ForeignKey(
        Endpoint, null=True, on_delete=models.CASCADE, related_name="bells"
    )
    next_at = models.DateTimeField(null=True)
    times = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ring", "agent"], condition=Q(agent__isnull=False), name="bell_agent"
            ),
            models.UniqueConstraint(
                fields=["ring", "contact"], condition=Q(contact__isnull=False), name="bell_contact"
            ),
            models.UniqueConstraint(
                fields=["ring", "endpoint"],
                condition=Q(endpoint__isnull=False),
                name="bell_endpoint",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="bell_due"),
        ]

    def __str__(self) -> str:
        return f"bell {self.pk}"


class CallState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DONE = "done", _("taken")
    FAILED = "failed", _("given up")


class HookCall(models.Model):
    """One message to an endpoint, from its planning to its end. `key` is its webhook-id: the other
    side knows by it what it has had already.
    """

    key = models.UUIDField(unique=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="calls")
    body = models.JSONField(encoder=DjangoJSONEncoder)
    state = models.CharField(max_length=8, choices=CallState.choices, default=CallState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state=CallState.WAITING),
                name="hook_call_due",
            ),
            models.Index(fields=["endpoint", "-created_at"], name="hook_call_lately"),
        ]

    def __str__(self) -> str:
        return f"call {self.key}"
