"""What an agent does with other areas: handing a case off, and what comes after that."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent, Language
from plazo.agreements.document import AgreementDocument, Clause
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.acting import act
from plazo.desk.frame import agent_required, frame, posted
from plazo.desk.writing import final_text
from plazo.tickets import access, commands, queries
from plazo.tickets.bodies import written_plain
from plazo.tickets.models import Ticket
from plazo.triage import commands as triage
from plazo.triage.scope_suggesting import suggestion_of

CONSENTS: Final = [
    ("yes", gettext_lazy("Yes: they may write to the customer")),
    ("no", gettext_lazy("No: only through us")),
    ("unknown", gettext_lazy("The customer was not asked")),
]
LONGEST: Final = 100_000


class WriteForm(forms.Form):
    """What is written to an area, or what it said in another way."""

    body = forms.CharField(
        max_length=LONGEST,
        error_messages={"required": gettext_lazy("Write what is to be said.")},
    )


@agent_required
@posted("desk:ticket")
def area_act(request: HttpRequest, number: str, key: str, what: str) -> HttpResponse:
    """Write to an area, note that it has it or what it said, or withdraw the question."""
    if what not in DOES:
        raise Http404
    agent: Agent = request.agent  # type: ignore[attr-defined]
    ask = access.ask_of(access.ticket_for_agent(agent, number), key)
    form = WriteForm(request.POST) if what in ("write", "answered") else forms.Form(request.POST)
    return act(
        request,
        number,
        form,
        lambda found, data, by: DOES[what](ask, data, by),
        done=str(DONE[what]),
    )


DOES: Final[Mapping[str, Any]] = {
    "write": lambda ask, data, by: commands.write_to_area(ask_id=ask.pk, body=data["body"], **by),
    "answered": lambda ask, data, by: commands.record_area_answer(
        ask_id=ask.pk, written=written_plain(data["body"]), **by
    ),
    "received": lambda ask, data, by: commands.record_area_receipt(ask_id=ask.pk, **by),
    "aside": lambda ask, data, by: commands.set_answers_aside(ask_id=ask.pk, **by),
    "withdraw": lambda ask, data, by: commands.withdraw_ask(ask_id=ask.pk, **by),
}
DONE: Final = {
    "write": gettext_lazy("It is on its way to the area."),
    "answered": gettext_lazy("The area's answer is in the case."),
    "received": gettext_lazy("Noted: the area has it."),
    "aside": gettext_lazy("Noted: they only have it, and still owe an answer."),
    "withdraw": gettext_lazy("The area is told that it need not answer."),
}


# ── Handing off ───────────────────────────────────────────────────────────────────────────────


class HandOffForm(forms.Form):
    """What an area is asked, and what the requester is told with it."""

    route = forms.ChoiceField()
    name = forms.CharField(max_length=120, required=False)
    email = forms.EmailField(
        required=False,
        error_messages={"invalid": gettext_lazy("This is not a complete e-mail address.")},
    )
    remember = forms.BooleanField(required=False)
    language = forms.ChoiceField(choices=Language.choices)
    body = forms.CharField(
        max_length=LONGEST,
        error_messages={"required": gettext_lazy("Write what the area is to do.")},
    )
    shared = forms.MultipleChoiceField(required=False)
    attached = forms.MultipleChoiceField(required=False)
    consent = forms.ChoiceField(
        choices=CONSENTS,
        error_messages={
            "required": gettext_lazy("Say whether the customer agrees to be contacted directly.")
        },
    )
    severity = forms.ChoiceField(required=False)
    answer = forms.BooleanField(required=False)
    reply = forms.CharField(max_length=LONGEST, required=False)
    waits = forms.BooleanField(required=False)

    def __init__(self, *args: Any, page: "HandOffPage", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.page = page
        self._choose("route", [(route, route) for route, *_rest in page.routes])
        self._choose("shared", [(str(said.pk), said.pk) for said, _files in page.messages])
        self._choose("severity", [("", ""), *((key, key) for key, _name in page.severities)])
        attached = [file for _said, files in page.messages for file in files]
        self._choose("attached", [(str(file.pk), file.pk) for file in attached])
        if not page.asks:
            for name in ("route", "language", "body", "consent"):
                self.fields[name].required = False

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        """Edges: another address is one that was written down; an answer has words."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("route") == "address" and not data.get("email") and "email" not in self.errors:
            self.add_error("email", _("Write the address of whom to ask."))
        if data.get("answer") and not data.get("reply", "").strip():
            self.add_error("reply", ValidationError(_("Write the answer, or untick it.")))
        if not self.page.asks and not data.get("answer"):
            self.add_error("answer", _("There is nobody to ask: the requester needs an answer."))
        return data


class HandOffPage:
    """What can be chosen for a case: whom to ask, and what goes along. Costs two queries."""

    def __init__(self, found: Ticket, clause: Clause | None, area_key: str, language: str) -> None:
        document = found.agreement_version.document
        self.found, self.clause, self.language = found, clause, language
        self.area_key = area_key
        self.area = document.areas[area_key]
        self.asks = self.area.email is not None or self.area.target is not None
        self.company = found.organization
        self.routes = list(self._routes())
        self.messages = queries.messages_on(found)
        told = found.severity or found.requested_severity
        self.severities = [
            (each.key, f"{each.key} · {each.name.in_language(language)}")
            for each in document.severities
            if self.asks and not told
        ]

    def _routes(self) -> Iterator[tuple[str, str, str]]:
        name = self.area.name.in_language(self.language)
        if self.area.email:
            yield "area", name, self.area.email
        if self.company is not None and self.company.representative_email:
            yield (
                "representative",
                self.company.representative_name or self.company.representative_email,
                self.company.representative_email,
            )
        yield "address", "", ""

    def address_of(self, data: dict[str, Any]) -> tuple[str, str]:
        """Return name and address of whom to ask."""
        if data["route"] == "address":
            return data["name"], data["email"]
        return next((name, email) for route, name, email in self.routes if route == data["route"])

    def initial(self, agent: Agent, now: datetime) -> dict[str, Any]:
        """Return the form as it is first shown: ready to be sent.

        Edges: that a case may be passed on is no word on being contacted: nobody is taken to
            have said so.
        """
        found, clause = self.found, self.clause
        with translation.override("es"):
            ask = _("Could you look after this case, and tell us what you have done?")
        reply = clause.answer.in_language(found.language) if clause else ""
        return {
            "route": self.routes[0][0],
            "language": "es",
            "body": ask,
            "shared": [str(said.pk) for said, _files in self.messages[:1]],
            "attached": [str(file.pk) for _said, files in self.messages[:1] for file in files],
            "consent": "unknown",
            "severity": "",
            "answer": bool(clause),
            "reply": final_text(found, agent, reply, sign=True, now=now) if reply else "",
            "waits": self.asks,
        }


def _wanted(found: Ticket, request: HttpRequest) -> tuple[Clause | None, str]:
    """Return clause and area of a hand-off: those asked for, else what the case points to: its
    verdict, else what is proposed or was answered in the form.

    Edges: where nothing says that it is out of scope, an area is only asked: nobody changes a
        verdict without having chosen to.
    """
    document = found.agreement_version.document
    area = request.GET.get("area", "")
    if area in document.areas:
        return None, area
    clause = document.clause(request.GET.get("clause") or found.verdict)
    if clause is None and not found.verdict:
        proposed = suggestion_of(found, queries.chain_of(found))
        pointed = document.clause_for(found.environment, found.request_type)
        clause = document.clause(proposed.verdict) if proposed else pointed
    if clause is None:
        asked = (key for key, area in document.areas.items() if area.email or area.target)
        return None, next(asked, document.clauses[0].area)
    return clause, clause.area


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def hand_off(request: HttpRequest, number: str) -> HttpResponse:
    """Hand a case off to an area, with the requester's answer, in one form."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    clause, area = _wanted(found, request)
    page = HandOffPage(found, clause, area, request.LANGUAGE_CODE)
    error = ""
    if request.method == "POST":
        form = HandOffForm(request.POST, page=page)
        if form.is_valid():
            try:
                _do(form.cleaned_data, page, agent, now)
            except PlazoError as refused:
                error = refused.user_message()
            else:
                messages.success(request, _done(page), extra_tags=f"handoff-{number}")
                return redirect("desk:ticket", number=number)
    else:
        form = HandOffForm(initial=page.initial(agent, now), page=page)
    context = frame(request, now, found.agreement_version) | _shown(form, page, error)
    status = 422 if error or form.errors else 200
    return render(request, "plazo/desk/hand_off.html", context, status=status)


def _do(data: dict[str, Any], page: HandOffPage, agent: Agent, now: datetime) -> None:
    by: dict[str, Any] = {"actor": actor_of_agent(agent), "now": now}
    question = None
    if page.asks:
        name, email = page.address_of(data)
        question = triage.Question(
            area=page.area_key,
            route=data["route"],
            email=email,
            name=name,
            language=data["language"],
            body=data["body"],
            shared=[int(pk) for pk in data["shared"]],
            files=[int(pk) for pk in data["attached"]],
            consent=data["consent"],
        )
    triage.hand_off(
        ticket_id=page.found.pk,
        question=question,
        clause=page.clause.key if page.clause else "",
        severity=data["severity"],
        reply=final_text(page.found, agent, data["reply"], sign=False, now=now)
        if data["answer"]
        else "",
        waits=data["waits"],
        **by,
    )
    if data["remember"] and data["route"] == "address" and page.company is not None:
        triage.set_representative(
            organization_id=page.company.pk, name=data["name"], email=data["email"], **by
        )


def _done(page: HandOffPage) -> str:
    if not page.asks:
        return _("The verdict is given, and the answer is on its way.")
    words = _("%(area)s has been asked. Its answer will be in this case.")
    return words % {"area": page.area.name.in_language(page.language)}


def _shown(form: HandOffForm, page: HandOffPage, error: str) -> dict[str, Any]:
    document: AgreementDocument = page.found.agreement_version.document
    language = page.language
    values = {name: form[name].value() for name in form.fields}
    target = page.area.target
    severity = document.severity(page.found.severity or page.found.requested_severity)
    return {
        "ticket": page.found,
        "form": form,
        "values": values,
        "shared": [str(pk) for pk in values["shared"] or []],
        "chosen_files": [str(pk) for pk in values["attached"] or []],
        "error": error,
        "page": page,
        "area_name": page.area.name.in_language(language),
        "clause_key": page.clause.key if page.clause else "",
        "clause_text": page.clause.text.in_language(language) if page.clause else "",
        "clause_source": page.clause.source if page.clause else "",
        "clauses": [
            (
                c.key,
                document.areas[c.area].name.in_language(language),
                c.topic.in_language(language),
            )
            for c in document.clauses
        ],
        "other_areas": [
            (key, area.name.in_language(language))
            for key, area in document.areas.items()
            if area.email or area.target
        ],
        "target": target,
        "target_calendar": document.calendars[target.calendar].name.in_language(language)
        if target
        else "",
        "severity": severity.key if severity else "",
        "severity_name": severity.name.in_language(language).lower() if severity else "",
        "consents": CONSENTS,
        "languages": Language.choices,
        "reply_language": dict(Language.choices)[page.found.language],
    }
