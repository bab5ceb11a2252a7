"""People and the companies they belong to: users, agents, groups, organizations, requesters."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from plazo.accounts.zones import house_zone
from plazo.core import sealing


class Language(models.TextChoices):
    SPANISH = "es", _("Spanish")
    ENGLISH = "en", _("English")


class UserManager(BaseUserManager["User"]):
    """Creates people who sign in; the e-mail address is the name of the account."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create and store a user; without a password the account cannot sign in by one.

        Edges: who names no zone gets that of the house. Costs one query more then.
        """
        if "time_zone" not in fields and (zone := house_zone()):
            fields["time_zone"] = zone
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


def domain_of(email: str) -> str:
    """Return the domain of an address, as it is compared."""
    return normal_email(email).rpartition("@")[2]


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who can sign in: an agent, a requester, or both."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.SPANISH)
    time_zone = models.CharField(max_length=60, default="America/Panama")
    # Keys without Ctrl do things in the desk; some people's devices press them by accident.
    single_keys = models.BooleanField(default=True)
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
    # How they like their screens; what a name means is told by the screen that keeps it.
    preferences = models.JSONField(default=dict, blank=True)
    # Markdown below their public replies; and for how long a reply can be taken back.
    signature = models.TextField(blank=True, default="")
    undo_seconds = models.PositiveSmallIntegerField(default=10)

    away_words = ""  # until when they are away, where a screen has asked for it

    class Meta:
        ordering = ("user__name", "pk")

    def __str__(self) -> str:
        return str(self.user)

    @cached_property
    def group_keys(self) -> tuple[int, ...]:
        """Return the keys of their groups, asked for once."""
        return tuple(self.groups.order_by("pk").values_list("pk", flat=True))

    @property
    def administers(self) -> bool:
        """Say whether they may change how the installation works."""
        return self.role == Role.ADMINISTRATOR

    @property
    def coordinates(self) -> bool:
        """Say whether they may change what all agents share: macros, views, absences."""
        return self.role in (Role.COORDINATOR, Role.MANAGER, Role.ADMINISTRATOR)


class Absence(models.Model):
    """A stretch `[begins_at, ends_at)` in which an agent is away, and who stands in for them."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="absences")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    substitute = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("begins_at", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("begins_at")), name="absence_has_length"
            ),
            models.CheckConstraint(
                condition=~Q(substitute=models.F("agent")), name="absence_of_another"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["ends_at"], name="absence_not_over"),
        ]

    def __str__(self) -> str:
        return f"absence {self.pk}"

    def runs(self, at: datetime) -> bool:
        """Say whether the person is away at `at`."""
        return self.begins_at <= at < self.ends_at


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


class RequesterRole(models.TextChoices):
    """What somebody sees of their company's cases."""

    MEMBER = "member", _("Sees their own cases")
    MANAGER = "manager", _("Sees the whole company's cases, and invites")


# Letters as they are without their accents, and what parts an address, for PostgreSQL.
_ACCENTS = ("áàâäãåéèêëíìîïóòôöõúùûüñç@._-", "aaaaaaeeeeiiiiooooouuuunc    ")


class PersonWords(models.Func):
    """The words of a name and an address, folded: what people are found by."""

    template = (
        "to_tsvector('simple'::regconfig, translate(lower(%(expressions)s),"
        f" '{_ACCENTS[0]}', '{_ACCENTS[1]}'))"
    )
    arg_joiner = " || ' ' || "
    output_field = SearchVectorField()


class Requester(models.Model):
    """The person who asks. Known by an address; may or may not have an account.

    Edges: an erased requester keeps the row, which cases point to, and nothing of the person.
    """

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
    role = models.CharField(
        max_length=8, choices=RequesterRole.choices, default=RequesterRole.MEMBER
    )
    # Copies of the answers in colleagues' cases; answers in one's own are always sent.
    wants_copies = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(Lower("email"), name="requester_email_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(PersonWords("name", "email"), name="requester_words"),
        ]

    def __str__(self) -> str:
        if self.erased_at is not None:
            return gettext("Erased person")
        return self.name or self.email

    @property
    def manages(self) -> bool:
        """Say whether they see, and answer for, their whole company's cases."""
        return self.role == RequesterRole.MANAGER and self.organization_id is not None

    def confirmed(self, at: datetime) -> bool:
        """Say whether the address had been confirmed by `at`."""
        return self.email_confirmed_at is not None and self.email_confirmed_at <= at


class SignInLink(models.Model):
    """A link that signs one address in, once, for some minutes. Only its digest is kept."""

    digest = models.CharField(max_length=64, unique=True)
    email = models.EmailField(db_index=True)
    following = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link {self.pk}"


class Invitation(models.Model):
    """Somebody was asked into the portal: accepting it binds them to a company, in a role.

    `agent` or `colleague` invited. Only the digest of the link's token is kept.
    """

    digest = models.CharField(max_length=64, unique=True)
    requester = models.ForeignKey(Requester, on_delete=models.CASCADE, related_name="invitations")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invitations"
    )
    role = models.CharField(max_length=8, choices=RequesterRole.choices)
    agent = models.ForeignKey(Agent, null=True, on_delete=models.SET_NULL, related_name="+")
    colleague = models.ForeignKey(Requester, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["requester"],
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    @property
    def inviter(self) -> str:
        """Return who invited, in their own name; nothing where they are gone."""
        return str(self.agent or self.colleague or "")


class IdentityProvider(models.Model):
    """A company's own sign-in (OpenID Connect): its people come in through it.

    `domains` are those of the addresses that it may speak for, and no others. The secret is in
    `sealed` alone, encrypted under the installation's key. `vouches` says that every address in it
    is the company's own work, for directories that do not say which ones are verified.
    """

    key = models.SlugField(max_length=40, unique=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="identity_providers"
    )
    issuer = models.URLField(max_length=400)
    client_id = models.CharField(max_length=190)
    sealed = models.TextField(blank=True)
    domains = ArrayField(models.CharField(max_length=253))
    vouches = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("key",)
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["domains"], name="identity_provider_domains"),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.organization})"

    @property
    def secret(self) -> str:
        """Return the client's secret. Raises: sealing.CannotUnseal."""
        return str(sealing.unseal(self.sealed)["client_secret"]) if self.sealed else ""

    def keep_secret(self, secret: str) -> None:
        """Seal the client's secret. Does not save."""
        self.sealed = sealing.seal({"client_secret": secret}) if secret else ""

    def speaks_for(self, email: str) -> bool:
        """Say whether an address is of one of its domains."""
        return domain_of(email) in self.domains
