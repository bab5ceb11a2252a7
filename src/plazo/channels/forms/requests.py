"""The request form: what it asks, what it checks, and the command that it ends in.

It works without an account and without script.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.access import actor_of_requester
from plazo.accounts.commands import find_or_create_requester
from plazo.agreements.document import AgreementDocument, Choice, Clause, Service
from plazo.agreements.labels import target_words
from plazo.channels.forms.uploads import WithFiles
from plazo.notifications import brake
from plazo.sla import Metric
from plazo.tickets import commands, queries
from plazo.tickets.bodies import StoredUpload
from plazo.tickets.models import Channel, Ticket

_STARTED = Signer(salt="plazo.forms.started")
# Nobody reads and fills in the form faster than this; a script does.
FASTEST = timedelta(seconds=2)


def started_token(now: datetime) -> str:
    """Return a signed note of when the form was shown, which names the submission too."""
    return _STARTED.sign_object({"at": now.timestamp(), "key": secrets.token_urlsafe(18)})


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who attends what a clause puts out of scope, and the way there."""

    area: str
    email: str | None
    text: str
    route: str


def elsewhere(
    document: AgreementDocument, clause: Clause | None, language: str
) -> Elsewhere | None:
    """Return where a clause sends a request, in a language; None without a clause."""
    if clause is None:
        return None
    area = document.areas[clause.area]
    return Elsewhere(
        area.name.in_language(language),
        area.email,
        clause.text.in_language(language),
        clause.route.in_language(language),
    )


@dataclass(frozen=True, slots=True)
class Card:
    """One answer of a question of the form, as the screen shows it."""

    value: str
    name: str
    hint: str
    icon: str = ""
    within: str = ""
    elsewhere: Elsewhere | None = None


def _text_input(**attributes: str) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "input", **attributes})


class RequestForm(WithFiles):
    """What the agreement's form asks. Its answers are those of the version in force."""

    service = forms.ChoiceField(
        label=gettext_lazy("Which service do you use?"),
        error_messages={"required": gettext_lazy("Choose the service.")},
    )
    environment = forms.ChoiceField(
        label=gettext_lazy("In which environment does it happen?"),
        error_messages={"required": gettext_lazy("Choose the environment.")},
    )
    request_type = forms.ChoiceField(
        label=gettext_lazy("What is it about?"),
        error_messages={"required": gettext_lazy("Choose what it is about.")},
    )
    severity = forms.ChoiceField(
        label=gettext_lazy("How much does it affect your operation?"),
        help_text=gettext_lazy(
            "Choose what describes it best. The specialist confirms it in the first reply."
        ),
        error_messages={"required": gettext_lazy("Choose how much it affects you.")},
    )
    subject = forms.CharField(
        label=gettext_lazy("Subject"),
        max_length=200,
        widget=_text_input(),
        error_messages={"required": gettext_lazy("Write a subject.")},
    )
    body = forms.CharField(
        label=gettext_lazy("What is happening?"),
        help_text=gettext_lazy(
            "Include the order number, your reference and the time of the call."
            " Do not share keys or passwords."
        ),
        max_length=100_000,
        widget=forms.Textarea(attrs={"class": "input", "rows": 6, "data-draft": "new"}),
        error_messages={"required": gettext_lazy("Tell us what is happening.")},
    )
    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=120,
        widget=_text_input(autocomplete="name"),
        error_messages={"required": gettext_lazy("Write your name.")},
    )
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"class": "input", "autocomplete": "email"}),
        error_messages={
            "required": gettext_lazy("Write your e-mail, so that we can answer you."),
            "invalid": gettext_lazy("This is not a complete e-mail address."),
        },
    )
    # Not shown to people: whoever fills it in is a script.
    website = forms.CharField(required=False)
    started = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, document: AgreementDocument, language: str, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.document, self.language, self.now = document, language, now
        self._submission = ""
        self._note = ""
        for name in ("service", "environment", "request_type", "severity"):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
            field.choices = [(card.value, card.name) for card in self.cards(name)]

    def cards(self, question: str) -> list[Card]:
        """Return the answers of one question."""
        document = self.document
        match question:
            case "service":
                return self._plain(document.services)
            case "environment":
                return self._plain(document.environments)
            case "request_type":
                return self._plain(document.request_types)
            case _:
                return [
                    Card(
                        severity.key,
                        severity.name.in_language(self.language),
                        severity.short.in_language(self.language),
                        within=self._within(severity.key),
                    )
                    for severity in document.severities
                ]

    def _plain(self, table: Mapping[str, Service | Choice]) -> list[Card]:
        return [
            Card(
                key,
                entry.name.in_language(self.language),
                entry.hint.in_language(self.language),
                icon=getattr(entry, "icon", ""),
                elsewhere=elsewhere(
                    self.document,
                    self.document.clause(getattr(entry, "clause", None)),
                    self.language,
                ),
            )
            for key, entry in table.items()
        ]

    def _within(self, severity: str) -> str:
        """Return what level 2 promises for a severity: "2 h o menos", "4 h hábiles o menos"."""
        target = self.document.target(Metric.ESCALATED_REPLY, severity)
        span = target_words(self.document, target)
        return _("%(span)s or less") % {"span": span} if span else ""

    @property
    def note(self) -> str:
        """Return the note of when the form was shown, for its hidden field."""
        if self._note:
            return self._note
        return str(self["started"].value() or "") or started_token(self.now)

    def clean_started(self) -> str:
        """Read the note of when the form was shown.

        Edges: one that we cannot read is from before a change of the key: the text is good, so
            the person is only asked to send it again, with a new note.
        """
        value: str = self.cleaned_data["started"]
        again = forms.ValidationError(
            _("Please check your request once more, and send it."), code="again"
        )
        try:
            noted = _STARTED.unsign_object(value)
            shown, self._submission = datetime.fromtimestamp(noted["at"], UTC), noted["key"]
        except (BadSignature, KeyError, TypeError, ValueError):
            self._note = started_token(self.now - FASTEST)
            raise again from None
        if self.now - shown < FASTEST:
            raise again
        return value

    def clean_website(self) -> str:
        """Refuse what a script filled in, and tell a person whose browser did it by itself."""
        if self.cleaned_data["website"]:
            raise forms.ValidationError(
                _("Leave the field “website” empty: only machines fill it in."), code="machine"
            )
        return ""

    def submission_key(self) -> str:
        """Return the key under which the same request, sent twice, is one ticket.

        Edges: who goes back, changes the text and sends again means another request.
        """
        data = self.cleaned_data
        parts = [self._submission, data["email"], data["service"], data["environment"]]
        parts += [data["request_type"], data["severity"], data["subject"], data["body"]]
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:40]

    def open(self, *, ip: str = "") -> Ticket:
        """Open the ticket. Call only when valid. Raises: what `open_ticket` raises.

        Edges: anyone can type anyone's address here. Over a budget the case is opened all the
            same, and no receipt is sent to that address. A request sent twice is charged once.
        """
        attachments = self.store()
        with transaction.atomic():
            return queries.submitted(self.submission_key()) or self._open(attachments, ip)

    def _open(self, attachments: list[StoredUpload], ip: str) -> Ticket:
        data = self.cleaned_data
        requester = find_or_create_requester(
            email=data["email"], name=data["name"], language=self.language, now=self.now
        )
        charges = brake.charges(address=requester.email, network=brake.network_of(ip))
        scope = brake.spend(charges, now=self.now)
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
            attachments=attachments,
            submission_key=self.submission_key(),
            arrival=commands.Arrival(
                verified=requester.confirmed(self.now), quiet=f"budget:{scope}" if scope else ""
            ),
            actor=actor_of_requester(requester),
            now=self.now,
        )


class AnswerForm(WithFiles):
    """What a requester adds to a case."""

    body = forms.CharField(
        label=gettext_lazy("Your answer"),
        widget=forms.Textarea,
        max_length=100_000,
        error_messages={"required": gettext_lazy("Write something first.")},
    )
