"""The screen of scope: what was out, how proposals fared, what was learned, and the rules."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from plazo.agreements.document import AgreementDocument
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.desk.frame import posted
from plazo.desk.scoping import verdict_words
from plazo.desk.setting_up import coordinators, history_of, setting
from plazo.desk.settings.screens import by, show
from plazo.triage import learning_queries, learning_training
from plazo.triage.learning import SPEAKS
from plazo.triage.learning_training import FEWEST
from plazo.triage.models import Outcome, ScopeModel
from plazo.triage.scope_report import percent, proposals, rates

PERIODS: Final = (30, 90, 365)
CLIENTS_SHOWN: Final = 15


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model would have said of one verdict, in cases that it had not seen."""

    topic: str
    given: int
    said: int
    right: int

    @property
    def precision(self) -> int:
        return percent(self.right, self.said)

    @property
    def recall(self) -> int:
        return percent(self.right, self.given)


@setting(coordinators)
@require_safe
def scope(request: HttpRequest) -> HttpResponse:
    """Show the figures of scope, the proposals, what was learned and the rules."""
    now, language = read_clock(), getattr(request, "LANGUAGE_CODE", "es")
    document = version_in_force(now).document
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(each) for each in PERIODS} else PERIODS[0]
    since = now - timedelta(days=days)
    figures = rates(since, now)
    fared, changed = proposals(since, now)
    suggested = fared["rules"].made + fared["model"].made
    followed = fared["rules"].followed + fared["model"].followed
    return show(
        request,
        "scope.html",
        "scope",
        days=days,
        periods=PERIODS,
        since=since,
        figures=figures,
        clauses=[
            (verdict_words(key, document, language), count, percent(count, figures.decided))
            for key, count in figures.by_clause
        ],
        clients=[
            (
                each,
                verdict_words(each.by_clause.most_common(1)[0][0], document, language)
                if each.by_clause
                else "",
            )
            for each in figures.clients[:CLIENTS_SHOWN]
        ],
        fared=[
            (_("The agreement's rules"), fared["rules"]),
            (_("What was learned"), fared["model"]),
        ],
        unproposed=fared[""].made,
        changed=changed,
        followed_percent=percent(followed, suggested),
        suggested=suggested,
        rules=[
            (
                rule,
                rule.reason.in_language(language),
                verdict_words(rule.verdict, document, language),
                [text for _language, text in rule.words.all()] if rule.words else [],
            )
            for rule in document.scope_rules
        ],
        history=history_of("scope"),
        **_learned(document, language),
    )  # fmt: skip


def _learned(document: AgreementDocument, language: str) -> dict[str, Any]:
    runs = learning_queries.runs()
    model = learning_queries.newest_model()
    last = runs[0] if runs else None
    return {
        "learning": learning_queries.learning(),
        "runs": runs,
        "last_run": last,
        "fewest": FEWEST,
        "missing": max(0, FEWEST - last.verdicts) if last else FEWEST,
        "too_few": last is not None and last.outcome == Outcome.TOO_FEW,
        "unavailable": last is not None and last.outcome == Outcome.UNAVAILABLE,
        "model": model,
        "speaks": round(SPEAKS * 100),
        **(_measured(model, document, language) if model else {}),
    }


def _measured(model: ScopeModel, document: AgreementDocument, language: str) -> dict[str, Any]:
    report = model.report
    return {
        "measured": [
            Measured(verdict_words(key, document, language), **row)
            for key, row in report.get("by_verdict", {}).items()
        ],
        "coverage": percent(report.get("spoken", 0), report.get("cases", 0)),
        "hits": percent(report.get("right", 0), report.get("spoken", 0)),
        "left_out": [verdict_words(k, document, language) for k in report.get("left_out", [])],
        "cases_said": [
            (
                number,
                verdict_words(true, document, language),
                verdict_words(said, document, language),
                round(chance * 100),
                true == said,
                chance >= SPEAKS,
            )
            for number, true, said, chance in report.get("cases_said", [])
        ],
    }  # fmt: skip


@setting(coordinators)
@posted("desk:scope", plain=True)
def switch(request: HttpRequest) -> HttpResponse:
    """Turn learned proposals on or off."""
    on = request.POST.get("on") == "1"
    learning_training.switch_learning(on=on, **by(request))
    done = _("Learned proposals are on.") if on else _("Learned proposals are off.")
    messages.success(request, done)
    return redirect("desk:scope")


@setting(coordinators)
@posted("desk:scope", plain=True)
def learn(request: HttpRequest) -> HttpResponse:
    """Have it learn anew within the minute."""
    learning_training.learn_soon(**by(request))
    messages.success(request, _("It learns anew within a minute or two. Look again then."))
    return redirect("desk:scope")
