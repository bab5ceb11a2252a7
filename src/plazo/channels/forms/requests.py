"""The request form: what it asks, what it checks, and the command that it ends in.

It works without an account and without script.
"""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django import forms
from django.core.signing import BadSignature, Signer
from django.core.validators import validate_email
from django.db import transaction
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.access import actor_of_requester
from plazo.accounts.commands import find_or_create_requester
from plazo.accounts.models import Requester
from plazo.agreements.document import AgreementDocument, Clause, FormField
from plazo.channels.forms import proof
from plazo.channels.forms.cards import Card, Elsewhere, cards, elsewhere
from plazo.channels.forms.uploads import WithFiles
from plazo.core.limits import Limit, take
from plazo.notifications import brake
from plazo.tickets import commands, queries
from plazo.tickets.bodies import StoredUpload
from plazo.tickets.models import Channel, Ticket

_STARTED: Final = Signer(salt="plazo.forms.started")
# Nobody reads and fills in the form faster than this; a script does.
FASTEST: Final = timedelta(seconds=2)
# Forms that a network may send before it is asked to work for each; a company has one address.
FORMS: Final = Limit("forms.request", burst=12, per_hour=30)
QUESTIONS: Final = ("service", "environment", "request_type", "severity")
MOST_COPIES: Final = 5


def started_token(now: datetime) -> str:
    """Return a signed note of when the form was shown, which names the submission too."""
    return _STARTED.sign_object({"at": now.timestamp(), "key": secrets.token_urlsafe(18)})


def is_started(token: str, *, now: datetime) -> bool:
    """Say whether a form of ours is open somewhere: what may bring files before it is sent."""
    try:
        shown = datetime.fromtimestamp(_STARTED.unsign_object(token)["at"], UTC)
    except (BadSignature, KeyError, TypeError, ValueError):
        return False
    return now - shown < timedelta(days=7)


def _text_input(**attributes: str) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "input", **attributes})


class RequestForm(WithFiles):
    """What the agreement's form asks. Its answers are those of the version in force.

    Units: `requester` is the person who signed in, whose name and address are not asked for;
        `network` is where the form comes from, for its limit.
    """

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
    answer = forms.ChoiceField(
        label=gettext_lazy("What do you want us to do?"),
        required=False,
        choices=[
            ("pass_on", gettext_lazy("Pass it on to them, and follow it for me")),
            ("technical", gettext_lazy("It is a technical fault after all: look at it")),
        ],
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
            "What you did, what you expected, and what happened instead."
            " Do not share keys or passwords."
        ),
        max_length=100_000,
        widget=forms.Textarea(attrs={"class": "input", "rows": 6}),
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
    copies = forms.CharField(
        label=gettext_lazy("Copy to"),
        help_text=gettext_lazy("Addresses of colleagues, with commas in between."),
        required=False,
        max_length=1000,
        widget=_text_input(inputmode="email"),
    )
    article = forms.SlugField(required=False, max_length=80)
    announcement = forms.UUIDField(required=False)
    # Not shown to people: whoever fills it in is a script.
    website = forms.CharField(required=False)
    started = forms.CharField(widget=forms.HiddenInput)
    challenge = forms.CharField(required=False, widget=forms.HiddenInput)
    solution = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        document: AgreementDocument,
        language: str,
        now: datetime,
        requester: Requester | None = None,
        network: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.document, self.language, self.now = document, language, now
        self.requester, self.network = requester, network
        self._submission = ""
        self._note = ""
        for question in QUESTIONS:
            field = self.fields[question]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
            field.choices = [(card.value, card.name) for card in self.cards(question)]
        for entry in document.fields:
            self.fields[field_name(entry)] = self._further(entry)
        for unasked in ("name", "email") if requester is not None else ("copies",):
            del self.fields[unasked]

    def _further(self, entry: FormField) -> forms.Field:
        attributes = {"class": "input"}
        label = entry.label.in_language(self.language)
        hint = entry.hint.in_language(self.language) if entry.hint else ""
        if entry.kind == "choice":
            options = [option.in_language(self.language) for option in entry.options]
            return forms.ChoiceField(
                label=label,
                help_text=hint,
                required=False,
                choices=[("", _("Choose one")), *((each, each) for each in options)],
                widget=forms.Select(attrs=attributes),
            )
        widget = (
            forms.Textarea(attrs=attributes | {"rows": "2"})
            if entry.kind == "lines"
            else forms.TextInput(attrs=attributes)
        )
        return forms.CharField(
            label=label,
            help_text=hint,
            required=False,
            max_length=2000,
            widget=widget,
        )

    def cards(self, question: str) -> list[Card]:
        """Return the answers of one question."""
        return cards(self.document, question, self.language)

    def further(self) -> list[tuple[FormField, forms.BoundField, bool]]:
        """Return the further questions, each with whether it is asked for what is chosen now."""
        service, kind = str(self["service"].value() or ""), str(self["request_type"].value() or "")
        return [
            (entry, self[field_name(entry)], entry.applies(service, kind))
            for entry in self.document.fields
        ]

    @property
    def pointed_to(self) -> Elsewhere | None:
        """Return where the answers that are chosen now send the request, if out of scope."""
        return elsewhere(self.document, self._clause(), self.language)

    def _clause(self) -> Clause | None:
        return self.document.clause_for(
            str(self["environment"].value() or ""), str(self["request_type"].value() or "")
        )

    @property
    def note(self) -> str:
        """Return the note of when the form was shown, for its hidden field."""
        if self._note:
            return self._note
        return str(self["started"].value() or "") or started_token(self.now)

    @cached_property
    def new_challenge(self) -> str:
        """Return the work to be done before this form is taken, if its network is asked for it."""
        return proof.challenge(self.now) if self.has_error("solution") else ""

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

    def clean_copies(self) -> list[str]:
        """Read the addresses of colleagues."""
        found = [a.strip().lower() for a in self.cleaned_data["copies"].split(",") if a.strip()]
        for address in found:
            try:
                validate_email(address)
            except forms.ValidationError:
                raise forms.ValidationError(
                    _("“%(address)s” is not a complete e-mail address.") % {"address": address}
                ) from None
        if len(found) > MOST_COPIES:
            raise forms.ValidationError(_("At most %(most)s colleagues.") % {"most": MOST_COPIES})
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for entry, bound, asked in self.further():
            value = str(data.get(bound.name) or "").strip()
            if not asked:
                data[bound.name] = ""
            elif entry.required and not value:
                words = _("Choose one, so that we need not ask again.")
                if entry.kind != "choice":
                    words = _("Write it, so that we need not ask again.")
                self.add_error(bound.name, words)
            elif value and entry.pattern and not _matches(entry.pattern, value):
                self.add_error(bound.name, _("This does not look right. Please check it."))
        if self._clause() is not None and "answer" in data and not data["answer"]:
            self.add_error("answer", _("Choose what we should do with it."))
        if not self.errors:
            self._check_limit(data)
        return data

    def _check_limit(self, data: dict[str, Any]) -> None:
        """Ask a network that has sent many for a little work; who signed in is known."""
        if self.requester is not None or take(FORMS, self.network, now=self.now):
            return
        if proof.is_solved(data.get("challenge", ""), data.get("solution", ""), now=self.now):
            return
        self.add_error(
            "solution",
            _(
                "Many requests came from your network in the last hour. Please send it once more:"
                " your browser will do a little work first. Without JavaScript, wait some minutes."
            ),
        )

    def submission_key(self) -> str:
        """Return the key under which the same request, sent twice, is one ticket.

        Edges: who goes back, changes the text and sends again means another request.
        """
        data = self.cleaned_data
        who = self.requester.email if self.requester is not None else data["email"]
        parts = [self._submission, who, data["service"], data["environment"]]
        parts += [data["request_type"], data["severity"], data["subject"], data["body"]]
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:40]

    def open(self) -> Ticket:
        """Open the ticket. Call only when valid. Raises: what `open_ticket` raises.

        Edges: anyone can type anyone's address here. Over a budget the case is opened all the
            same, and no receipt is sent to that address. A request sent twice is charged once.
        """
        attachments = self.store()
        with transaction.atomic():
            return queries.submitted(self.submission_key()) or self._open(attachments)

    def _open(self, attachments: list[StoredUpload]) -> Ticket:
        data = self.cleaned_data
        requester = self.requester or find_or_create_requester(
            email=data["email"], name=data["name"], language=self.language, now=self.now
        )
        charges = brake.charges(address=requester.email, network=brake.network_of(self.network))
        scope = brake.spend(charges, now=self.now)
        return commands.open_ticket(
            requester_id=requester.pk,
            subject=data["subject"],
            body=data["body"],
            service=data["service"],
            environment=data["environment"],
            request_type=data["request_type"],
            severity=data["severity"],
            channel=Channel.PORTAL if self.requester is not None else Channel.FORM,
            language=self.language,
            attachments=attachments,
            submission_key=self.submission_key(),
            arrival=commands.Arrival(
                verified=requester.confirmed(self.now),
                quiet=f"budget:{scope}" if scope else "",
                participants=self._colleagues(),
            ),
            guidance=self._guidance(),
            actor=actor_of_requester(requester),
            now=self.now,
        )

    def _colleagues(self) -> list[int]:
        return [
            find_or_create_requester(email=address, language=self.language, now=self.now).pk
            for address in self.cleaned_data.get("copies", [])
        ]

    def _guidance(self) -> commands.Guidance:
        data, clause = self.cleaned_data, self._clause()
        return commands.Guidance(
            fields={entry.key: data[bound.name] for entry, bound, asked in self.further() if asked},
            clause=clause.key if clause else "",
            answer=data["answer"] if clause else "",
            article=data["article"],
            announcement=str(data["announcement"] or ""),
        )


def field_name(entry: FormField) -> str:
    """Return the name of a further question's field."""
    return f"field_{entry.key}"


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value) is not None


class AnswerForm(WithFiles):
    """What a requester adds to a case."""

    body = forms.CharField(
        label=gettext_lazy("Your answer"),
        widget=forms.Textarea,
        max_length=100_000,
        error_messages={"required": gettext_lazy("Write something first.")},
    )
