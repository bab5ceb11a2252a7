"""The settings of triggers and automations: their order, their form, a dry run, their log."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import version_in_force
from plazo.automation import moments, queries, rehearsal, rules
from plazo.automation.rule_models import Rule, RuleKind
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.action_forms import ActionsForm, Options
from plazo.desk.filtering import Choice, FilterForm, Lists, read_span, write_span
from plazo.desk.frame import posted
from plazo.desk.setting_up import administrators, setting, settings_frame
from plazo.tickets import filters
from plazo.tickets.queries import tag_names
from plazo.tickets.variables import VARIABLES

NOBODYS = ("me", "mine")


class RuleLists(Lists):
    """What can be chosen in a rule's conditions: nobody asks, so nobody is “me”."""

    def of(self, key: str) -> list[Choice]:
        return [choice for choice in super().of(key) if choice[0] not in NOBODYS]


class RuleForm:
    """A rule as the form shows it: when, on what and what; `definition` reads it."""

    def __init__(
        self, kind: str, version: AgreementVersion, language: str, zone: str, sent: QueryDict | Rule
    ) -> None:
        self.kind, self.language, self.zone = kind, language, zone
        self.lists = RuleLists(version, language)
        options = Options(version, language, "rule")
        self.calendars = [
            (key, entry.name.in_language(language))
            for key, entry in version.document.calendars.items()
            if not entry.always
        ]
        self.error = ""
        if isinstance(sent, Rule):
            self.name, self.when = sent.name, list(sent.when)
            minutes = sent.moment.get("minutes")
            self.base, self.calendar = sent.moment.get("base", ""), sent.moment.get("calendar", "")
            self.span = write_span(minutes) if minutes else ""
            try:
                conditions = filters.read(sent.conditions)
            except PlazoError as error:
                conditions, self.error = (), error.user_message()
            self.conditions = FilterForm.from_conditions(conditions, self.lists, zone)
            self.actions = ActionsForm.from_stored(sent.actions, options)
        else:
            self.name, self.when = sent.get("name", "")[:80], sent.getlist("when")
            self.base, self.calendar = sent.get("base", ""), sent.get("calendar", "")
            self.span = sent.get("span", "")[:40]
            self.conditions = FilterForm.from_post(sent, self.lists, zone)
            self.actions = ActionsForm.from_post(sent, options)

    def change(self, do: str, sent: QueryDict) -> bool:
        """Add or take away a row, as a button says; False for a button that does more."""
        what, _dash, number = do.partition("-")
        match what:
            case "add":
                self.conditions.add(sent.get("field", ""))
            case "remove":
                self.conditions.remove(number)
            case "more":
                self.actions.add(sent.get("another", ""))
            case "drop":
                self.actions.remove(number)
            case "raise":
                self.actions.raise_up(number)
            case _:
                return False
        return True

    def definition(self) -> rules.Definition:
        """Return the definition that was sent. Raises: what `rules.define` raises."""
        moment = None
        if self.kind == RuleKind.TIMED:
            try:
                minutes = read_span(self.span)
            except ValueError:
                minutes = 0
            known = dict(self.calendars)
            calendar = self.calendar if self.calendar in known else ""
            moment = {"base": self.base, "minutes": minutes, "calendar": calendar}
        return rules.define(
            kind=self.kind,
            when=self.when,
            moment=moment,
            conditions=[each.to_json() for each in self.conditions.conditions()],
            actions=self.actions.actions(),
        )

    def words(self, definition: rules.Definition) -> list[str]:
        """Return each condition in words, a moment last."""
        found = [
            f"{filters.FIELDS[c.field].label} {filters.OPS[c.op]} "
            f"{self.lists.words(c, self.zone)}".strip()
            for c in definition.conditions
        ]
        if definition.moment is not None:
            found.append(definition.moment.words())
        return found

    def context(self) -> dict[str, Any]:
        """Return what the template needs."""
        return {
            "form": self,
            "whens": [(key, words, key in self.when) for key, (words, _k) in rules.WHEN.items()],
            "bases": [(base.key, base.label) for base in moments.BASES.values()],
            "variables": [(f"{{{{{key}}}}}", words) for key, (words, _f) in VARIABLES.items()],
            **self.conditions.context(),
            **self.actions.context(),
        }


def _agent(request: HttpRequest) -> Agent:
    agent: Agent = request.agent  # type: ignore[attr-defined]
    return agent


def _frame(request: HttpRequest, now: datetime) -> dict[str, Any]:
    return settings_frame(request, now, "rules")


@setting(administrators)
@require_GET
def rule_list(request: HttpRequest) -> HttpResponse:
    """Show triggers and automations in the order in which they run."""
    now = read_clock()
    context = _frame(request, now)
    names = queries.names_now(request.LANGUAGE_CODE, now)
    last = queries.last_runs()
    context["kinds"] = [
        (kind, [_shown(rule, names, last) for rule in rules.rules_of(kind)]) for kind in RuleKind
    ]
    return render(request, "plazo/desk/settings/rules.html", context)


def _shown(rule: Rule, names: Any, last: dict[int, datetime]) -> dict[str, Any]:
    """Return what the list shows of a rule; one that cannot be read says so."""
    try:
        definition = rules.definition_of(rule)
    except PlazoError as error:
        return {"rule": rule, "error": error.user_message(), "last": last.get(rule.pk)}
    return {
        "rule": rule,
        "when": [rules.WHEN[key][0] for key in definition.when],
        "moment": definition.moment.words() if definition.moment else "",
        "conditions": len(definition.conditions),
        "does": [action.words(names) for action in definition.actions],
        "last": last.get(rule.pk),
    }


@setting(administrators)
@require_http_methods(["GET", "HEAD", "POST"])
def rule_new(request: HttpRequest, kind: str) -> HttpResponse:
    """Make a trigger or an automation."""
    if kind not in RuleKind.values:
        raise NotVisible
    return _edit(request, kind, None)


@setting(administrators)
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one rule, with what it did last; change it, or try it without changing anything."""
    found = rules.rule_for_administrator(pk)
    return _edit(request, found.kind, found)


def _edit(request: HttpRequest, kind: str, found: Rule | None) -> HttpResponse:
    now, agent = read_clock(), _agent(request)
    sent = request.POST if request.method == "POST" else found or QueryDict()
    form = RuleForm(kind, version_in_force(now), request.LANGUAGE_CODE, agent.user.time_zone, sent)
    names = queries.names_now(request.LANGUAGE_CODE, now)
    tried, status = None, 200
    do = request.POST.get("do", "try") if request.method == "POST" else ""
    if do and not form.change(do, request.POST):
        try:
            definition = form.definition()
            if do == "save":
                return _saved(request, found, form, definition, now)
            tried = rehearsal.rehearse(definition, rule=found, names=names, now=now)
            tried_words = form.words(definition)
        except PlazoError as error:
            form.error, status = error.user_message(), 422
    context = _frame(request, now) | form.context()
    context |= {
        "kind": RuleKind(kind),
        "rule": found,
        "tried": tried,
        "tried_looks": _looks(tried, tried_words) if tried is not None else [],
        "lines": queries.lines(queries.runs_of(found), names) if found is not None else [],
        "tag_names": tag_names(),
    }
    return render(request, "plazo/desk/settings/rule.html", context, status=status)


def _looks(tried: rehearsal.Rehearsal, words: list[str]) -> list[tuple[Any, list[str]]]:
    """Return each ticket that was looked at, with the conditions that it does not meet."""
    return [(look, [words[number] for number in look.failing]) for look in tried.looks]


def _saved(
    request: HttpRequest,
    found: Rule | None,
    form: RuleForm,
    definition: rules.Definition,
    now: datetime,
) -> HttpResponse:
    kept = rules.save_rule(
        rule_id=found.pk if found else None,
        name=form.name,
        definition=definition,
        actor=actor_of_agent(_agent(request)),
        now=now,
    )
    if found is None:
        messages.success(request, _("Saved. It does not run yet: try it, then start it."))
    else:
        messages.success(request, _("Saved."))
    return redirect("desk:rule", pk=kept.pk)


@setting(administrators)
@posted("desk:rules")
def rule_act(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Start, pause, move or remove a rule."""
    by: dict[str, Any] = {"actor": actor_of_agent(_agent(request)), "now": read_clock()}
    found = rules.rule_for_administrator(pk)
    match what:
        case "start" | "pause":
            rules.set_active(rule_id=pk, active=what == "start", **by)
            done = _("“%(name)s” runs.") if what == "start" else _("“%(name)s” is paused.")
            messages.success(request, done % {"name": found.name})
        case "up" | "down":
            rules.move_rule(rule_id=pk, up=what == "up", **by)
        case "remove":
            rules.remove_rule(rule_id=pk, **by)
            messages.success(request, _("“%(name)s” was removed.") % {"name": found.name})
        case _:
            raise NotVisible
    if request.POST.get("stay") and what != "remove":
        return redirect("desk:rule", pk=pk)
    return redirect("desk:rules")
