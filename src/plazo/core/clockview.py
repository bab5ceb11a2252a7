"""What a person sees of a clock: state as word, icon and shape, and its hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import pgettext

from plazo.core.language import kept_in_each_language
from plazo.sla import AppliedTarget, Metric, State

ICONS = {
    "ok": "timer",
    "risk": "triangle-alert",
    "late": "octagon-alert",
    "paused": "pause",
    "met": "check",
    "cancelled": "x",
}


@dataclass(frozen=True, slots=True)
class ClockView:
    """One clock as lists, chips and meters need it, at one moment."""

    key: str
    metric: str
    severity: str | None
    state: str
    sla: str
    started_at: datetime
    due_at: datetime | None
    at_risk_at: datetime | None
    done_at: datetime | None
    left: timedelta
    late_by: timedelta
    live: bool
    elapsed: timedelta = timedelta()
    duration: timedelta = timedelta()
    warn_share: float = 0.75

    @property
    def url_key(self) -> str:
        """Return the key for an address: "#" would end one."""
        return self.key.replace("#", "~")

    @property
    def icon(self) -> str:
        return ICONS[self.sla]

    @property
    def word(self) -> str:
        """Return the state's word where the clock stands alone: "Vencido"."""
        return words()[self.sla]

    @property
    def named_word(self) -> str:
        """Return the state's word beside the promise's name, agreeing with it: "Vencida"."""
        return named_words(self.metric)[self.sla]

    @property
    def named_late_word(self) -> str:
        return named_words(self.metric)["late"]

    @property
    def counts_down(self) -> bool:
        """Say whether a browser should count: running, or late and not yet done."""
        return self.live and self.due_at is not None

    @property
    def spent(self) -> str:
        """Return the share of the target that is spent, as an SVG percentage, at most all."""
        share = self.elapsed / self.duration if self.duration else 0.0
        return f"{min(max(share, 0.0), 1.0) * 100:.1f}%"

    @property
    def spent_percent(self) -> int:
        return round(min(self.elapsed / self.duration if self.duration else 0.0, 1.0) * 100)

    @property
    def warn_at(self) -> str:
        return f"{self.warn_share * 100:.1f}%"


@kept_in_each_language
def words() -> dict[str, str]:
    """Return the word of each state, in the active language."""
    return {
        "ok": pgettext("clock", "On track"),
        "risk": pgettext("clock", "At risk"),
        "late": pgettext("clock", "Overdue"),
        "paused": pgettext("clock", "Paused"),
        "met": pgettext("clock", "Met"),
        "cancelled": pgettext("clock", "Cancelled"),
    }


@kept_in_each_language
def named_words(metric: str) -> dict[str, str]:
    """Return the words for a named promise. In Spanish all but the verdict are feminine."""
    if metric == Metric.SCOPE_VERDICT:
        return words()
    return words() | {
        "late": pgettext("named clock", "Overdue"),
        "met": pgettext("named clock", "Met"),
        "cancelled": pgettext("named clock", "Cancelled"),
    }


def _sla(state: str, due_at: datetime | None, at_risk_at: datetime | None, now: datetime) -> str:
    if state in (State.MET, State.PAUSED, State.CANCELLED):
        return state
    if state == State.BREACHED or (due_at is not None and due_at < now):
        return "late"
    return "risk" if at_risk_at is not None and at_risk_at <= now else "ok"


def of_applied(applied: AppliedTarget, now: datetime) -> ClockView:
    """View an applied target of an evaluation."""
    due, done = applied.due_at, applied.done_at
    live = applied.ended_at is None and applied.state in (State.RUNNING, State.BREACHED)
    until = applied.ended_at or now
    return ClockView(
        key=applied.key,
        metric=applied.metric.value,
        severity=applied.severity,
        state=applied.state.value,
        sla=_sla(applied.state.value, due, applied.at_risk_at, until),
        started_at=applied.started_at,
        due_at=due,
        at_risk_at=applied.at_risk_at,
        done_at=done,
        left=max(due - now, timedelta()) if due else applied.remaining,
        late_by=max(until - due, timedelta()) if due else timedelta(),
        live=live,
        elapsed=applied.elapsed,
        duration=applied.duration,
        warn_share=applied.warn_share,
    )


def of_projection(clock: dict[str, Any], now: datetime) -> ClockView:
    """View a clock as a ticket's projection stores it: without elapsed time."""

    def at(name: str) -> datetime | None:
        value = clock.get(name)
        return datetime.fromisoformat(value) if value else None

    due, done, risk = at("due_at"), at("done_at"), at("at_risk_at")
    state = clock["state"]
    ended = done or at("cancelled_at")
    started = at("started_at")
    return ClockView(
        key=clock["key"],
        metric=clock["metric"],
        severity=clock["severity"],
        state=state,
        sla=_sla(state, due, risk, ended or now),
        started_at=started or now,
        due_at=due,
        at_risk_at=risk,
        done_at=done,
        left=max(due - now, timedelta()) if due else timedelta(),
        late_by=max((ended or now) - due, timedelta()) if due else timedelta(),
        live=ended is None and state in (State.RUNNING, State.BREACHED),
    )
