"""How tickets belong together: what took which in, which links stand, and what a merge would do.

All of it is read from chains of events that the caller has: nothing here asks the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from plazo.core.localtime import iso
from plazo.sla import AppliedTarget, Evaluation, Metric, State, awaited_since, evaluate
from plazo.sla import facts as f
from plazo.tickets import events, timeline
from plazo.tickets.models import Status, Ticket, TicketEvent

# How long a merge can be undone.
UNDONE_WITHIN: Final = timedelta(days=7)
# What the other ticket says of the same link.
CONVERSE: Final = {
    "related": "related",
    "problem": "incident",
    "incident": "problem",
    "duplicate_of": "duplicate",
    "duplicate": "duplicate_of",
    "split_from": "split_off",
    "split_off": "split_from",
    "follow_up": "follow_up",
}
# The links that an agent makes and takes off; the others are facts.
BY_HAND: Final = ("related", "problem", "incident", "duplicate_of", "duplicate")


@dataclass(frozen=True, slots=True)
class Link:
    """Another ticket that belongs to this one, and how."""

    ticket: int
    number: str
    why: str

    @property
    def by_hand(self) -> bool:
        return self.why in BY_HAND


def links_of(chain: Sequence[TicketEvent]) -> list[Link]:
    """Return the links that stand, in the order in which they were made."""
    found: dict[tuple[int, str], Link] = {}
    for event in chain:
        if event.kind == events.TicketRelated.kind:
            said = event.payload
            found[said["ticket"], said["why"]] = Link(said["ticket"], said["number"], said["why"])
        elif event.kind == events.TicketUnrelated.kind:
            found.pop((event.payload["ticket"], event.payload["why"]), None)
    return list(found.values())


def taken_in(chain: Sequence[TicketEvent]) -> list[int]:
    """Return the keys of the tickets that this one took in, and of what they had taken in."""
    found: dict[int, list[int]] = {}
    for event in chain:
        if event.kind == events.TicketAbsorbed.kind:
            found[event.payload["ticket"]] = event.payload["carried"]
        elif event.kind == events.TicketReleased.kind:
            found.pop(event.payload["ticket"], None)
    return [pk for ticket, carried in found.items() for pk in (ticket, *carried)]


def merge_event(chain: Sequence[TicketEvent]) -> TicketEvent | None:
    """Return the event by which a ticket was merged away, if that stands."""
    for event in reversed(chain):
        if event.kind == events.TicketUnmerged.kind:
            return None
        if event.kind == events.TicketMerged.kind:
            return event
    return None


def undone_until(chain: Sequence[TicketEvent]) -> datetime | None:
    """Return the last instant at which a ticket's merge can be undone; None if there is none."""
    merged = merge_event(chain)
    return merged.at + UNDONE_WITHIN if merged is not None else None


@dataclass(frozen=True, slots=True)
class Duties:
    """What a ticket owes its requester as it is merged away."""

    waiting_since: datetime | None
    unanswered: bool
    escalated_since: datetime | None

    def absorbed(self, ticket: Ticket, carried: list[int], people: list[int]) -> events.Payload:
        """Return what is written on the survivor."""
        return events.TicketAbsorbed(
            ticket=ticket.pk,
            number=ticket.number,
            carried=carried,
            people=people,
            waiting_since=iso(self.waiting_since) if self.waiting_since else "",
            unanswered=self.unanswered,
            escalated_since=iso(self.escalated_since) if self.escalated_since else "",
        )


def duties_of(ticket: Ticket, chain: Sequence[TicketEvent], *, now: datetime) -> Duties:
    """Return what is owed at `now`. Source: docs/metrics.md, M-81 to M-83."""
    at = max(now, ticket.last_at)
    facts = timeline.facts_of(chain)
    live = [c for c in evaluate(ticket.agreement_version.sla, facts, at).applied if _is_owed(c)]

    def since(metric: Metric) -> datetime | None:
        return min((c.started_at for c in live if c.metric is metric), default=None)

    first = since(Metric.FIRST_REPLY)
    return Duties(
        first or awaited_since(facts, at), first is not None, since(Metric.ESCALATED_REPLY)
    )


def _is_owed(clock: AppliedTarget) -> bool:
    return clock.ended_at is None and clock.state is not State.CANCELLED


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do, before it is done.

    `ends` are the clocks of the absorbed one that end; `before` and `after` is how the survivor
    stands; `promises` are those that would have to be given again.
    """

    duties: Duties
    ends: Sequence[AppliedTarget]
    promises: Sequence[AppliedTarget]
    before: Evaluation
    after: Evaluation


def preview_of(
    gone: Ticket,
    gone_chain: Sequence[TicketEvent],
    kept: Ticket,
    kept_chain: Sequence[TicketEvent],
    *,
    now: datetime,
) -> Preview:
    """Return what merging `gone` into `kept` would do to both. Costs no query."""
    duties = duties_of(gone, gone_chain, now=now)
    at = max(now, kept.last_at, gone.last_at)
    own = evaluate(gone.agreement_version.sla, timeline.facts_of(gone_chain), at)
    live = [clock for clock in own.applied if _is_owed(clock)]
    agreement, facts = kept.agreement_version.sla, timeline.facts_of(kept_chain)
    taken = f.Absorbed(
        at, gone.number, duties.waiting_since, duties.unanswered, duties.escalated_since
    )
    return Preview(
        duties,
        [clock for clock in live if clock.metric is not Metric.PROMISED_UPDATE],
        [clock for clock in live if clock.metric is Metric.PROMISED_UPDATE],
        evaluate(agreement, facts, at),
        evaluate(agreement, [*facts, taken], at),
    )


def asked_at(
    chain: Sequence[TicketEvent],
    written_at: datetime,
    *,
    answered: datetime | None = None,
    now: datetime,
) -> datetime:
    """Return from when a case counts that is split off: from its message, while that awaits our
    word, else from now. Source: docs/metrics.md, M-87.

    Units: `answered` is when its author was answered where the ticket went on that was merged.
    Edges: a merge answers nobody.
    """
    facts = [fact for fact in timeline.facts_of(chain) if not isinstance(fact, f.Merged)]
    since = awaited_since(facts, now)
    awaits = since is not None and since <= written_at and answered is None
    return written_at if awaits else now


def status_before(chain: Sequence[TicketEvent]) -> tuple[str, str, str]:
    """Return status, whom it waited for and why, as they were when a ticket was merged away."""
    status = (Status.NEW.value, "", "")
    merged = merge_event(chain)
    for event in chain:
        if merged is not None and event.sequence >= merged.sequence:
            break
        said = event.payload
        if event.kind in (events.StatusChanged.kind, events.TicketUnmerged.kind):
            status = (said["status"], said["waiting_for"], said["reason"])
        elif event.kind == events.TicketReopened.kind:
            status = (Status.OPEN.value, "", "")
    return status


def answered_since(
    merged: TicketEvent, survivor: Ticket, survivor_chain: Sequence[TicketEvent], requester: int
) -> datetime | None:
    """Return when a ticket's requester was first answered on the survivor after the merge.

    Edges: only a public reply that has not failed to arrive and that they got: as the survivor's
        requester, or in copy.
    """
    failed = {
        (e.payload["message"], e.payload.get("attempt", 1))
        for e in survivor_chain
        if e.kind == events.ReplyDeliveryFailed.kind
    }
    for event in survivor_chain:
        if event.kind != events.TicketReplied.kind or event.at < merged.at:
            continue
        got_it = survivor.requester_id == requester or requester in event.payload["copies"]
        if got_it and (event.payload["message"], 1) not in failed:
            return event.at
    return None
