"""The form of a mailbox. Passwords go in and never come out again."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.agreements.queries import is_published
from plazo.mailboxes.models import Mailbox, SignIn, Source

SECRETS = ("imap_password", "smtp_password", "client_id", "client_secret", "refresh_token")


def _secret(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Leave empty to keep what is stored."),
    )


class MailboxForm(forms.ModelForm):  # type: ignore[type-arg]
    """An address of ours: how mail comes in, how it goes out, and whose it is.

    Edges: a secret that is left empty stays as it is stored; nothing stored is ever shown.
    """

    aliases = forms.CharField(
        label=gettext_lazy("Other addresses that arrive here"),
        required=False,
        help_text=gettext_lazy("One a line."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    trusted_hosts = forms.CharField(
        label=gettext_lazy("Servers whose Authentication-Results we believe"),
        required=False,
        help_text=gettext_lazy("One a line: your own receiving server, and no other."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    imap_password = _secret(gettext_lazy("IMAP password"))
    smtp_password = _secret(gettext_lazy("SMTP password"))
    client_id = _secret(gettext_lazy("OAuth client id"))
    client_secret = _secret(gettext_lazy("OAuth client secret"))
    refresh_token = _secret(gettext_lazy("OAuth refresh token"))

    class Meta:
        model = Mailbox
        fields = (
            "key",
            "name",
            "address",
            "aliases",
            "group",
            "language",
            "agreement",
            "service",
            "signature",
            "is_active",
            "is_default",
            "source",
            "imap_host",
            "imap_port",
            "imap_security",
            "imap_user",
            "imap_folder",
            "after_fetch",
            "archive_folder",
            "fetch_existing",
            "sign_in",
            "smtp_host",
            "smtp_port",
            "smtp_security",
            "smtp_user",
            "per_minute",
            "plus_addressing",
            "trusted_hosts",
        )
        labels: ClassVar[dict[str, Any]] = {"key": gettext_lazy("key")}
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "signature": forms.Textarea(attrs={"rows": 3})
        }

    SECTIONS: ClassVar[tuple[tuple[Any, str], ...]] = (
        (
            gettext_lazy("The address"),
            (
                "key name address aliases group language agreement service signature is_active"
                " is_default"
            ),
        ),
        (
            gettext_lazy("How mail comes in"),
            (
                "source imap_host imap_port imap_security imap_user sign_in imap_password client_id"
                " client_secret refresh_token imap_folder after_fetch archive_folder fetch_existing"
                " trusted_hosts"
            ),
        ),
        (
            gettext_lazy("How mail goes out"),
            "smtp_host smtp_port smtp_security smtp_user smtp_password per_minute plus_addressing",
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["aliases"] = "\n".join(self.instance.aliases)
        self.initial["trusted_hosts"] = "\n".join(self.instance.trusted_hosts)
        group = self.fields["group"]
        assert isinstance(group, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        group.empty_label = _("No group")
        if self.instance.pk:
            self.fields["key"].disabled = True
        for name, field in self.fields.items():
            if not isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs["class"] = "input"
            if name not in SECRETS and name not in {"key", "name", "address"}:
                field.required = False

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the fields in the groups that the page shows."""
        return [
            (str(title), [self[name] for name in names.split()]) for title, names in self.SECTIONS
        ]

    def _lines(self, name: str) -> list[str]:
        return [
            line.strip().lower() for line in self.cleaned_data[name].split("\n") if line.strip()
        ]

    def clean_aliases(self) -> list[str]:
        found = self._lines("aliases")
        for address in found:
            forms.EmailField().clean(address)
        return found

    def clean_trusted_hosts(self) -> list[str]:
        return self._lines("trusted_hosts")

    def clean_agreement(self) -> str:
        """Take only an agreement that was published: mail for another could open no case."""
        key: str = self.cleaned_data["agreement"].strip()
        if key and not is_published(key):
            raise forms.ValidationError(_("No agreement of that key is published."))
        return key

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].lower()
        return address

    def clean(self) -> dict[str, Any]:
        """Ask for what the chosen way needs; what was left empty falls back to its default."""
        data = super().clean() or {}
        for name in self.Meta.fields:
            field = Mailbox._meta.get_field(name)
            empty = data.get(name) in (None, "")
            if empty and getattr(field, "has_default", lambda: False)() and name not in self.errors:
                data[name] = field.get_default()  # type: ignore[union-attr]
        if data.get("source") == Source.IMAP:
            for name in ("imap_host", "imap_user"):
                if not data.get(name):
                    self.add_error(name, _("Fetching by IMAP needs this."))
            stored = self.instance.secrets if self.instance.sealed else {}
            needed = "imap_password" if data.get("sign_in") == SignIn.PASSWORD else "refresh_token"
            if not data.get(needed) and not stored.get(needed):
                self.add_error(needed, _("Fetching by IMAP needs this."))
        return data

    def given(self) -> dict[str, str]:
        """Return the secrets that were filled in."""
        return {name: self.cleaned_data[name] for name in SECRETS if self.cleaned_data[name]}
