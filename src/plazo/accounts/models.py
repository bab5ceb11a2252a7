"""People and the companies they belong to: users, agents, groups, organizations, requesters."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class Language(models.TextChoices):
    SPANISH = "es", _("Spanish")
    ENGLISH = "en", _("English")


class UserManager(BaseUserManager["User"]):
    """Creates people who sign in; the e-mail address is the name of the account."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create and store a user; without a password the account cannot sign in by one."""
        user = self.model(email=normal_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normal_email(username or ""))


def normal_email(email: str) -> str:
    """Return the one spelling under which an address is stored and compared.

    Edges: the whole address is lowered. The local part may by RFC 5321 §2.4 depend on case,
        but no mailbox in use does, and two spellings of one person are a worse fault.
    """
    return email.strip().lower()


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who can sign in: an agent, a requester, or both."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.SPANISH)
    time_zone = models.CharField(max_length=60, default="America/Panama")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)


class Group(models.Model):
    """Agents who share a queue; level 1 and level 2 are groups with a level."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    email = models.EmailField(blank=True, help_text="Where notices to the whole group go.")

    class Meta:
        ordering = ("level", "name")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    AGENT = "agent", _("Agent")
    COORDINATOR = "coordinator", _("Coordinator")
    MANAGER = "manager", _("Manager")
    ADMINISTRATOR = "administrator", _("Administrator")


class Agent(models.Model):
    """A person who works tickets. `level` is the support level they answer at."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="agent")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.AGENT)
    title = models.CharField(max_length=80, blank=True)
    level = models.PositiveSmallIntegerField(default=1)
    groups = models.ManyToManyField(Group, related_name="agents", blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("user__name", "pk")

    def __str__(self) -> str:
        return str(self.user)


class Stage(models.TextChoices):
    """How far an organization's integration has come; only the last is entitled to support."""

    DEVELOPMENT = "development", _("Development")
    TESTING = "testing", _("Testing")
    PRODUCTION_TESTING = "production_testing", _("Production testing")
    PRODUCTION = "production", _("Production")


class Organization(models.Model):
    """The company a requester belongs to, with the services that it contracts."""

    name = models.CharField(max_length=160)
    slug = models.SlugField(unique=True)
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.DEVELOPMENT)
    services = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    representative_name = models.CharField(max_length=120, blank=True)
    representative_email = models.EmailField(blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Requester(models.Model):
    """The person who asks. Known by an address; may or may not have an account."""

    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="requesters"
    )
    user = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="requester"
    )
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.SPANISH)
    time_zone = models.CharField(max_length=60, blank=True)
    email_confirmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(Lower("email"), name="requester_email_unique"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def confirmed(self, at: datetime) -> bool:
        """Say whether the address had been confirmed by `at`."""
        return self.email_confirmed_at is not None and self.email_confirmed_at <= at
