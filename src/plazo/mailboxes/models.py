"""Mailboxes: our own addresses, how their mail comes in and how ours goes out."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Group, Language
from plazo.core import sealing


class Source(models.TextChoices):
    """How a mailbox's mail reaches us."""

    IMAP = "imap", _("IMAP: we fetch it")
    SMTP = "smtp", _("our own SMTP or LMTP listener")
    PIPE = "pipe", _("a mail server's pipe, or files")
    WEBHOOK = "webhook", _("a provider's webhook")
    NONE = "none", _("nothing comes in")


class Security(models.TextChoices):
    TLS = "tls", _("TLS from the start")
    STARTTLS = "starttls", _("STARTTLS")
    PLAIN = "plain", _("none: only inside one machine or network")


class SignIn(models.TextChoices):
    PASSWORD = "password", _("password")
    GOOGLE = "google", _("Google (OAuth 2)")
    MICROSOFT = "microsoft", _("Microsoft 365 (OAuth 2)")


class AfterFetch(models.TextChoices):
    """What is done to a mail on the IMAP server once we have it for sure."""

    SEEN = "seen", _("mark it as read")
    MOVE = "move", _("move it to a folder")
    DELETE = "delete", _("delete it")
    NOTHING = "nothing", _("leave it as it is")


class Mailbox(models.Model):
    """One address of ours, with the team behind it.

    Passwords and OAuth tokens are in `sealed` alone, encrypted under the installation's key.
    `uid_validity` and `last_uid` say up to where an IMAP folder has been fetched; they only save
    work: what the ledger holds decides what is new.
    """

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=80, verbose_name=_("name"))
    address = models.EmailField(verbose_name=_("address"))
    aliases = ArrayField(models.EmailField(), default=list, blank=True, verbose_name=_("aliases"))
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("group")
    )
    language = models.CharField(
        max_length=2,
        choices=Language.choices,
        default=Language.SPANISH,
        verbose_name=_("language"),
    )
    agreement = models.CharField(max_length=40, blank=True, verbose_name=_("agreement"))
    service = models.CharField(max_length=40, blank=True, verbose_name=_("service"))
    signature = models.TextField(blank=True, max_length=2000, verbose_name=_("signature"))
    is_active = models.BooleanField(default=True, verbose_name=_("in use"))
    is_default = models.BooleanField(default=False, verbose_name=_("for cases of other channels"))
    plus_addressing = models.BooleanField(
        default=True, verbose_name=_("name+anything@ arrives here too")
    )
    trusted_hosts = ArrayField(
        models.CharField(max_length=255),
        default=list,
        blank=True,
        verbose_name=_("servers whose Authentication-Results we believe"),
    )

    source = models.CharField(
        max_length=8, choices=Source.choices, default=Source.NONE, verbose_name=_("how it comes in")
    )
    imap_host = models.CharField(max_length=255, blank=True, verbose_name=_("IMAP server"))
    imap_port = models.PositiveIntegerField(default=993, verbose_name=_("IMAP port"))
    imap_security = models.CharField(
        max_length=8, choices=Security.choices, default=Security.TLS, verbose_name=_("encryption")
    )
    imap_user = models.CharField(max_length=255, blank=True, verbose_name=_("IMAP user"))
    imap_folder = models.CharField(max_length=255, default="INBOX", verbose_name=_("folder"))
    after_fetch = models.CharField(
        max_length=8,
        choices=AfterFetch.choices,
        default=AfterFetch.SEEN,
        verbose_name=_("after fetching"),
    )
    archive_folder = models.CharField(max_length=255, blank=True, verbose_name=_("archive folder"))
    fetch_existing = models.BooleanField(
        default=False, verbose_name=_("also take what was there before")
    )
    sign_in = models.CharField(
        max_length=10,
        choices=SignIn.choices,
        default=SignIn.PASSWORD,
        verbose_name=_("sign-in"),
    )

    smtp_host = models.CharField(max_length=255, blank=True, verbose_name=_("SMTP server"))
    smtp_port = models.PositiveIntegerField(default=587, verbose_name=_("SMTP port"))
    smtp_security = models.CharField(
        max_length=8,
        choices=Security.choices,
        default=Security.STARTTLS,
        verbose_name=_("encryption"),
    )
    smtp_user = models.CharField(max_length=255, blank=True, verbose_name=_("SMTP user"))
    per_minute = models.PositiveIntegerField(default=60, verbose_name=_("most mails a minute"))

    sealed = models.TextField(blank=True)

    # — what the fetcher and the sender last saw ————————————————————————————————————————
    fetched_from = models.CharField(max_length=12, blank=True)  # names the account and folder
    uid_validity = models.BigIntegerField(null=True)
    first_uid = models.BigIntegerField(null=True)
    fetching_since = models.DateTimeField(null=True)
    last_uid = models.BigIntegerField(default=0)
    on_server = models.PositiveIntegerField(null=True)
    missing = models.PositiveIntegerField(null=True)
    checked_at = models.DateTimeField(null=True)
    fetch_error = models.TextField(blank=True)
    failing_since = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True)
    held_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("name", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(Lower("address"), name="mailbox_address_unique"),
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="mailbox_one_default"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"

    def clean(self) -> None:
        """Refuse a folder into which each fetched mail would come back as a new one."""
        super().clean()
        if self.after_fetch == AfterFetch.MOVE and self.archives_into_itself:
            raise ValidationError(
                {"archive_folder": _("Choose another folder than the one that is fetched.")}
            )

    @property
    def archive(self) -> str:
        """The folder to which fetched mail is moved."""
        return self.archive_folder or "Plazo"

    @property
    def archives_into_itself(self) -> bool:
        """Whether fetched mail would be moved to where it is fetched from.

        Edges: INBOX is one folder however it is spelt; of other folders some servers say so too.
        """
        fetched, archive = (
            name.strip().rstrip("/.").casefold() for name in (self.imap_folder, self.archive)
        )
        return fetched == archive

    @property
    def secrets(self) -> dict[str, Any]:
        """Return the passwords and tokens. Raises: sealing.CannotUnseal."""
        return sealing.unseal(self.sealed) if self.sealed else {}

    def keep_secrets(self, **values: str) -> None:
        """Seal further secrets beside those kept; an empty value removes one. Does not save."""
        kept = {**self.secrets, **values}
        kept = {name: value for name, value in kept.items() if value}
        self.sealed = sealing.seal(kept) if kept else ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return every address that is this mailbox, in lower case."""
        return tuple(a.lower() for a in (self.address, *self.aliases))
