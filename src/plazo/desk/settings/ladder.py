"""The screens of the ladder: who answers for each step, who is on call, and which webhooks ring."""

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from plazo.accounts.models import Language
from plazo.accounts.queries import assignable_agents
from plazo.agreements.document import AgreementDocument
from plazo.agreements.queries import version_in_force
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError, told
from plazo.desk.frame import posted
from plazo.desk.setting_up import administrators, coordinators, history_of, setting
from plazo.desk.settings.forms import zones
from plazo.desk.settings.ladder_forms import ContactForm, EndpointForm, RotaForm
from plazo.desk.settings.screens import agent_of, by, show
from plazo.escalation import queries, settings
from plazo.escalation.labels import role_of
from plazo.escalation.models import CallState, Endpoint, HookForm

CALLS_SHOWN: Final = 10


@setting(coordinators)
@require_safe
def ladder(request: HttpRequest) -> HttpResponse:
    """Show the steps of the ladder with who answers for each, and the webhooks."""
    now = read_clock()
    version = version_in_force(now)
    calls = queries.on_call(version, now=now, begins_at=now, ends_at=now)
    language = request.LANGUAGE_CODE
    document = version.document
    known = queries.contacts()
    return show(
        request,
        "ladder.html",
        "ladder",
        steps=[
            {
                "step": call.step,
                "role": role_of(document, call.step, language),
                "call": call,
                "people": ", ".join(str(person) for person in call.present),
                "contacts": [(name, known.get(name)) for name in _contacts(document, call.step)],
            }
            for call in calls
        ],
        silences=[
            (severity, localtime.span_words(span))
            for severity, span in version.sla.ladder.silence.items()
        ],
        repeat=localtime.span_words(version.sla.ladder.repeat),
        endpoints=queries.endpoints() if agent_of(request).administers else None,
    )


def _contacts(document: AgreementDocument, step: int) -> tuple[str, ...]:
    found = next((entry for entry in document.ladder if entry.level == step), None)
    if found is None:
        raise NotVisible
    return found.contacts


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest, step: int) -> HttpResponse:
    """Say who is on call for a step, and who its contacts are: a form for each."""
    now = read_clock()
    document = version_in_force(now).document
    names, agents = _contacts(document, step), assignable_agents()
    part = request.POST.get("part", "") if request.method == "POST" else ""
    rota, known = queries.rota_of(step), queries.contacts()
    zone = agent_of(request).user.time_zone
    form = RotaForm(
        request.POST if part == "rota" else None,
        agents=agents,
        rota=rota,
        prefix="rota",
        initial={
            "begins_on": rota.begins_on if rota else localtime.local(now, zone).date(),
            "hands_over_at": rota.hands_over_at if rota else "08:00",
            "zone": rota.zone if rota else zone,
        },
    )
    contacts = []
    for number, name in enumerate(names):
        contact = known.get(name)
        bound = request.POST if part == f"contact{number}" else None
        contacts.append(
            (
                name,
                ContactForm(
                    bound,
                    agents=agents,
                    prefix=f"contact{number}",
                    initial={
                        "agent": contact.agent_id if contact else None,
                        "email": contact.email if contact else "",
                        "language": contact.language if contact else Language.SPANISH,
                    },
                ),
            )
        )
    try:
        saved = _save(request, step, form, contacts)
    except PlazoError as error:
        refused = form if part == "rota" else next(f for _n, f in contacts if f.is_bound)
        refused.add_error(None, error.user_message())
        saved = False
    if saved:
        messages.success(request, _("Saved."))
        return redirect("desk:ladder_step", step=step)
    return show(
        request,
        "ladder_step.html",
        "ladder",
        form,
        *(each for _name, each in contacts),
        step=step,
        role=role_of(document, step, request.LANGUAGE_CODE),
        rota_form=form,
        rota=rota,
        contacts=list(enumerate(contacts)),
        zones=zones(),
        history=history_of(f"rota:{step}"),
    )


def _save(
    request: HttpRequest, step: int, form: RotaForm, contacts: list[tuple[str, ContactForm]]
) -> bool:
    """Keep the part that was sent; False where none was, or it is not as it must be."""
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        settings.set_rota(
            step=step,
            zone=data["zone"],
            begins_on=data["begins_on"],
            hands_over_at=data["hands_over_at"],
            agent_ids=form.agents,
            **by(request),
        )
        return True
    for name, each in contacts:
        if each.is_bound and each.is_valid():
            data = each.cleaned_data
            settings.set_contact(
                name=name,
                agent_id=data["agent"],
                email=data["email"],
                language=data["language"],
                **by(request),
            )
            return True
    return False


@setting(administrators)
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Add a webhook, or change one; its latest calls stand below."""
    now = read_clock()
    document = version_in_force(now).document
    found = _endpoint(pk) if pk is not None else None
    language = request.LANGUAGE_CODE
    form = EndpointForm(
        request.POST or None,
        steps=[
            (entry.level, f"{entry.level} · {entry.role.in_language(language)}")
            for entry in document.ladder
        ],
        endpoint=found,
        initial={
            "name": found.name if found else "",
            "form": found.form if found else HookForm.PLAZO,
            "from_step": found.from_step if found else 1,
            "language": found.language if found else Language.SPANISH,
            "is_active": found.is_active if found else True,
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            saved = settings.save_endpoint(endpoint_id=pk, **form.cleaned_data, **by(request))
        except PlazoError as error:
            form.add_error("url" if error.code == "address_refused" else None, error.user_message())
        else:
            messages.success(request, _("Saved. Send a test to see whether it arrives."))
            return redirect("desk:webhook", pk=saved.pk)
    return show(
        request,
        "webhook.html",
        "ladder",
        form,
        form=form,
        endpoint=found,
        calls=queries.calls_of(found, limit=CALLS_SHOWN) if found else [],
        secret=_secret(found),
        history=history_of(f"webhook:{found.pk}") if found else "",
    )


def _secret(found: Endpoint | None) -> str:
    """Return the secret with which our own form is signed: the other side needs it to check."""
    if found is None or found.form != HookForm.PLAZO:
        return ""
    try:
        return str(found.secrets["secret"])
    except PlazoError as error:
        return error.user_message()


@setting(administrators)
@posted("desk:webhook")
def test_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """Call a webhook now, and say what became of it."""
    found = _endpoint(pk)
    call = settings.test_endpoint(endpoint_id=found.pk, **by(request))
    if call.state == CallState.DONE:
        messages.success(request, _("The test was taken."))
    else:
        messages.error(
            request, _("The test was not taken: %(why)s") % {"why": told(call.last_error)}
        )
    return redirect("desk:webhook", pk=pk)


@setting(administrators)
@posted("desk:webhook")
def remove_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a webhook out."""
    found = _endpoint(pk)
    settings.remove_endpoint(endpoint_id=found.pk, **by(request))
    messages.success(request, _("%(name)s is not called any more.") % {"name": found.name})
    return redirect("desk:ladder")


def _endpoint(pk: int) -> Endpoint:
    found = queries.endpoint_by_key(pk)
    if found is None:
        raise Http404
    return found
