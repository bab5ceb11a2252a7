"""The request form: what it asks, what it checks, and the command that it ends in.

It works without an account and without script. Files are stored as soon as they arrive and carried
through a form that must be shown again as signed descriptions, so a mistake in another field never
costs an upload.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.signing import BadSignature, Signer
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.access import actor_of_requester
from plazo.accounts.commands import find_or_create_requester
from plazo.agreements.document import AgreementDocument
from plazo.tickets import commands
from plazo.tickets.bodies import StoredUpload, store_upload
from plazo.tickets.models import Channel, Ticket

_FILES = Signer(salt="plazo.forms.files")
_STARTED = Signer(salt="plazo.forms.started")
MOST_FILES = 10
FASTEST = timedelta(seconds=2)


class ManyFiles(forms.ClearableFileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each within the limit."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", ManyFiles(attrs={"multiple": True, "class": "input"}))
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files: list[UploadedFile] = [f for f in (data or []) if f]
        if len(files) > MOST_FILES:
            raise forms.ValidationError(
                _("At most %(most)s files at once.") % {"most": MOST_FILES}, code="too_many"
            )
        limit = settings.PLAZO.max_upload_bytes
        for file in files:
            if (file.size or 0) > limit:
                raise forms.ValidationError(
                    _("“%(name)s” is larger than %(limit)s MB. Leave it out, or compress it.")
                    % {"name": file.name, "limit": limit // (1024 * 1024)},
                    code="too_large",
                )
        return files


class WithFiles(forms.Form):
    """A form with files: new ones, and those kept from the time before."""

    files = FilesField(label=gettext_lazy("Files"))

    def kept(self) -> list[tuple[str, StoredUpload]]:
        """Return files kept from an earlier try that are still wanted, with their descriptions."""
        found = []
        values = self.data.getlist("kept") if hasattr(self.data, "getlist") else []
        for value in values[:MOST_FILES]:
            try:
                described = _FILES.unsign_object(value)
                found.append((value, StoredUpload(**described)))
            except (BadSignature, TypeError):
                continue
        return found

    def store(self) -> list[StoredUpload]:
        """Store the new files, and return them after the kept ones."""
        new = [
            store_upload(file, name=file.name or "", content_type=file.content_type or "")
            for file in self.cleaned_data.get("files") or []
        ]
        return [upload for _value, upload in self.kept()] + new

    def carry(self) -> list[tuple[str, StoredUpload]]:
        """Store the new files of a form that must be shown again, and describe all of them."""
        if "files" not in self.cleaned_data:
            return self.kept()
        return [(describe(upload), upload) for upload in self.store()]


def describe(upload: StoredUpload) -> str:
    """Return a signed description of a stored file, for a hidden field."""
    return _FILES.sign_object(
        {
            "sha256": upload.sha256,
            "name": upload.name,
            "content_type": upload.content_type,
            "size": upload.size,
        }
    )


def started_token(now: datetime) -> str:
    """Return a signed note of when the form was shown, which names the submission too."""
    return _STARTED.sign_object({"at": now.timestamp(), "key": secrets.token_urlsafe(18)})


class RequestForm(WithFiles):
    """What the agreement's form asks. Its choices are those of the version in force."""

    service = forms.ChoiceField(widget=forms.RadioSelect)
    environment = forms.ChoiceField(widget=forms.RadioSelect)
    request_type = forms.ChoiceField(widget=forms.RadioSelect)
    severity = forms.ChoiceField(widget=forms.RadioSelect)
    subject = forms.CharField(max_length=200)
    body = forms.CharField(widget=forms.Textarea, max_length=100_000)
    name = forms.CharField(max_length=120)
    email = forms.EmailField()
    website = forms.CharField(required=False)
    started = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, document: AgreementDocument, language: str, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.document, self.language, self.now = document, language, now
        self.submission_key = ""

        def choices(table: dict[str, Any]) -> Sequence[tuple[str, str]]:
            return [(key, entry.name.in_language(language)) for key, entry in table.items()]

        fields: dict[str, Any] = self.fields
        fields["service"].choices = choices(document.services)
        fields["environment"].choices = choices(document.environments)
        fields["request_type"].choices = choices(document.request_types)
        fields["severity"].choices = [
            (severity.key, severity.name.in_language(language)) for severity in document.severities
        ]
        labels = {
            "service": _("Which service do you use?"),
            "environment": _("In which environment does it happen?"),
            "request_type": _("What is it about?"),
            "severity": _("How much does it affect your operation?"),
            "subject": _("Subject"),
            "body": _("What is happening?"),
            "name": _("Your name"),
            "email": _("Your e-mail"),
        }
        required = {
            "service": _("Choose the service."),
            "environment": _("Choose the environment."),
            "request_type": _("Choose what it is about."),
            "severity": _("Choose how much it affects you."),
            "subject": _("Write a subject."),
            "body": _("Tell us what is happening."),
            "name": _("Write your name."),
            "email": _("Write your e-mail, so that we can answer you."),
        }
        for name, label in labels.items():
            fields[name].label = label
            fields[name].error_messages["required"] = required[name]
        fields["email"].error_messages["invalid"] = _("This is not a complete e-mail address.")

    def clean_started(self) -> str:
        value: str = self.cleaned_data["started"]
        try:
            noted = _STARTED.unsign_object(value)
            shown, self.submission_key = noted["at"], noted["key"]
        except (BadSignature, KeyError, TypeError):
            # A form from before a change of the key: its text is good, so it is asked again.
            raise forms.ValidationError(
                _("Please check your request once more, and send it."), code="again"
            ) from None
        if self.now - datetime.fromtimestamp(shown, UTC) < FASTEST:
            raise forms.ValidationError(
                _("Please check your request once more, and send it."), code="again"
            )
        return value

    def clean_website(self) -> str:
        if self.cleaned_data["website"]:
            raise forms.ValidationError(
                _("Leave the field “website” empty: only machines fill it in."), code="machine"
            )
        return ""

    def open(self) -> Ticket:
        """Open the ticket. Call only when valid. Raises: what `open_ticket` raises."""
        data = self.cleaned_data
        requester = find_or_create_requester(
            email=data["email"], name=data["name"], language=self.language, now=self.now
        )
        return commands.open_ticket(
            requester_id=requester.pk,
            subject=data["subject"],
            body=data["body"],
            service=data["service"],
            environment=data["environment"],
            request_type=data["request_type"],
            severity=data["severity"],
            channel=Channel.FORM,
            language=self.language,
            attachments=self.store(),
            submission_key=self.submission_key,
            actor=actor_of_requester(requester),
            now=self.now,
        )


class AnswerForm(WithFiles):
    """What a requester adds to a case."""

    body = forms.CharField(widget=forms.Textarea, max_length=100_000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].error_messages["required"] = _("Write something first.")
