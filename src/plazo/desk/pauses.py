"""The report of pauses, for coordinators: for whom cases wait, for how long and why."""

from datetime import datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from plazo.accounts.models import Agent
from plazo.accounts.queries import assignable_agents, names_of_agents
from plazo.agreements.queries import version_in_force
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.desk.fields import DayInput
from plazo.desk.frame import frame
from plazo.desk.setting_up import coordinators, setting
from plazo.tickets import pauses as counted
from plazo.tickets.models import WaitingFor

DAYS: Final = 30
LONGEST: Final = timedelta(days=366)
DAY: Final = timedelta(days=1)


class PeriodForm(forms.Form):
    """From which day to which, both included; of one agent, or of one whom we wait for."""

    since = forms.DateField(
        required=False,
        label=gettext_lazy("Since"),
        widget=DayInput(attrs={"class": "input input--sm"}),
    )
    until = forms.DateField(
        required=False,
        label=gettext_lazy("Until"),
        widget=DayInput(attrs={"class": "input input--sm"}),
    )
    agent = forms.IntegerField(required=False, min_value=0)
    waiting_for = forms.ChoiceField(required=False, choices=[("", ""), *WaitingFor.choices])


def _period(form: PeriodForm, zone: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the period that is asked for; without one, the last thirty days."""
    data: dict[str, Any] = form.cleaned_data if form.is_valid() else {}
    today = localtime.local(now, zone).date()
    last = data.get("until") or today
    first = data.get("since") or last - timedelta(days=DAYS - 1)
    first = max(min(first, last), last - LONGEST)
    return (
        localtime.utc(datetime.combine(first, time()), zone),
        localtime.utc(datetime.combine(last + timedelta(days=1), time()), zone),
    )


@setting(coordinators)
@require_safe
def pauses(request: HttpRequest) -> HttpResponse:
    """Show for whom cases waited in a period, how long and why, by agent; then each wait."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    zone, form = agent.user.time_zone, PeriodForm(request.GET)
    since, until = _period(form, zone, now)
    data = form.cleaned_data
    if not form.errors:  # what is shown stands in the fields, whoever chose it
        days = {"since": localtime.local(since, zone), "until": localtime.local(until, zone) - DAY}
        form = PeriodForm(data | {key: day.date() for key, day in days.items()})
    found = counted.report(agent, since=since, until=until, now=now)
    rows, following = counted.page(
        agent,
        since=since,
        until=until,
        now=now,
        agent=data.get("agent"),
        waiting_for=data.get("waiting_for") or "",
        after=request.GET.get("after", ""),
    )
    names = names_of_agents({share.key for share in found.by_agent if share.key})
    whom = dict(WaitingFor.choices)
    query = request.GET.copy()
    query.pop("after", None)
    context = frame(request, now, version_in_force(now), current="pauses") | {
        "form": form,
        "since": since,
        "last": until - timedelta(minutes=1),
        "found": found,
        "by_whom": [(str(whom.get(each.key, each.key)), each) for each in found.by_whom],
        "by_agent": [
            (names.get(each.key or 0, _("A rule, or nobody")), each) for each in found.by_agent
        ],
        "by_reason": [
            (each.key[0], str(whom.get(each.key[1], "")), each) for each in found.by_reason
        ],
        "rows": rows,
        "following": following,
        "query": query.urlencode(),
        "agents": assignable_agents(),
        "whom": WaitingFor.choices,
    }
    return render(request, "plazo/desk/pauses.html", context)
