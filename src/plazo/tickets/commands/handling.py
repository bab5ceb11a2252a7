"""Commands by which agents handle a ticket: who has it, how bad it is, how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from plazo.accounts.models import Agent, Group
from plazo.core.actor import Actor, ActorKind
from plazo.tickets import drafts, events, timeline
from plazo.tickets.commands.outcomes import Outcomes, settle
from plazo.tickets.commands.steps import change_status, judge, keep_impact, label, reopen
from plazo.tickets.errors import (
    AlreadyAtLevel,
    SeverityRequired,
    StatusRefused,
    TooManyTags,
    UnknownAgent,
    UnknownChoice,
    UnknownLevel,
)
from plazo.tickets.models import (
    Status,
    Tag,
    TicketEvent,
)
from plazo.tickets.tags import tag_of

MOST_TAGS: Final = 30
LONGEST_WHY: Final = 500


@dataclass(frozen=True, slots=True)
class Proposal:
    """A verdict that was proposed: "in_scope" or a clause, by whom, and on which evidence."""

    verdict: str = ""
    by: Literal["", "rules", "model"] = ""
    evidence: tuple[str, ...] = ()


NO_PROPOSAL: Final = Proposal()


def assign_ticket(
    *,
    ticket_id: int,
    assignee_id: int | None,
    group_id: int | None = None,
    actor: Actor,
    now: datetime,
) -> TicketEvent | None:
    """Give the ticket to an agent, to nobody, or to another group.

    Edges: None where nothing changes. Without `group_id` the group stays. What the agent before,
        or whoever hands it over, had begun to write goes along.
    Raises: UnknownAgent; TicketClosed.
    """
    if (
        assignee_id is not None
        and not Agent.objects.filter(pk=assignee_id, is_active=True).exists()
    ) or (group_id is not None and not Group.objects.filter(pk=group_id).exists()):
        raise UnknownAgent
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        group = page.ticket.group_id if group_id is None else group_id
        if (page.ticket.assignee_id, page.ticket.group_id) == (assignee_id, group):
            return None
        before = page.ticket.assignee_id
        event = page.append(events.TicketAssigned(agent=assignee_id, group=group))
        drafts.hand_over(page.ticket, to=assignee_id, of={_agent_of(actor), before})
        return event


def _agent_of(actor: Actor) -> int | None:
    return actor.id if actor.kind is ActorKind.AGENT else None


def set_severity(
    *, ticket_id: int, severity: str, why: str = "", actor: Actor, now: datetime
) -> TicketEvent | None:
    """Judge the impact. Running clocks are re-targeted from their own start.

    Units: `why` says what the judgement rests on, and is kept as an impact statement.
    Edges: None where it has this severity already.
    Raises: UnknownSeverity; TicketClosed.
    Source: agreement §4; docs/metrics.md.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        return judge(page, severity, why)


def enter_level(
    *,
    ticket_id: int,
    level: int,
    severity: str = "",
    impact: str = "",
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Escalate functionally: hand the ticket up to another support level.

    Units: `impact` states what the severity rests on; the desk's own form requires it.
    Edges: the severity is set first where one is given; the level's group takes the ticket, and
        its assignee is free to change. Starts `escalated_reply`.
    Raises: UnknownLevel if the agreement's ladder does not have it; SeverityRequired;
        AlreadyAtLevel; UnknownSeverity; StatusRefused if it is solved.
    Source: agreement §4.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        ticket = page.ticket
        if ticket.status == Status.SOLVED:
            raise StatusRefused(
                number=ticket.number, previous=label(Status.SOLVED), status=f"N{level}"
            )
        levels = [step.level for step in ticket.agreement_version.document.ladder]
        if level not in levels:
            raise UnknownLevel(level=level, levels=levels)
        if ticket.level >= level:
            raise AlreadyAtLevel(number=ticket.number, level=ticket.level)
        if severity:
            judge(page, severity)
        if not ticket.severity:
            raise SeverityRequired
        group = Group.objects.filter(level=level).order_by("pk").first()
        event = page.append(
            events.LevelEntered(
                level=level,
                previous=ticket.level,
                group=group.pk if group else None,
                **keep_impact(page, ticket.severity, impact),
            )
        )
        if ticket.status == Status.NEW:
            change_status(page, Status.OPEN, "", "")
    return event


def set_status(
    *,
    ticket_id: int,
    status: str,
    waiting_for: str = "",
    reason: str = "",
    outcome: Outcomes | None = None,
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Put the ticket in another status. Pending names whom we wait for, and why.

    Units: `outcome` says what a case that is solved was about.
    Raises: StatusRefused; WaitingForUnknown; UnknownOutcome; TicketClosed; ReopenWindowOver.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        event = change_status(page, status, waiting_for, reason)
        if status == Status.SOLVED and outcome is not None:
            settle(page, outcome)
        return event


def reopen_ticket(
    *, ticket_id: int, undone: bool = False, actor: Actor, now: datetime
) -> TicketEvent:
    """Open a solved ticket again: its clocks go on from where solving had set them aside.

    Units: `undone` says that solving it was a slip. Then it stands as if it had not been: the time
        in between counts, and what was promised is owed as before (M-46).
    Raises: StatusRefused if it is not solved; ReopenWindowOver for a requester who comes too
        late; TicketClosed.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        if page.ticket.status != Status.SOLVED:
            raise StatusRefused(
                number=page.ticket.number,
                previous=label(page.ticket.status),
                status=label(Status.OPEN),
            )
        return reopen(page, undone=undone)


def give_verdict(
    *,
    ticket_id: int,
    in_scope: bool,
    clause: str = "",
    why: str = "",
    proposal: Proposal = NO_PROPOSAL,
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Decide whether the ticket is in scope, or out by a named clause of its agreement.

    Units: `why` is for agents; `proposal` is what whoever decides had before their eyes.
    Edges: a later verdict is recorded beside the first, which stopped the clock.
    Raises: UnknownChoice for a clause that the agreement does not have; TicketClosed.
    Source: agreement §2 and §4.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        document = page.ticket.agreement_version.document
        if not in_scope and document.clause(clause) is None:
            raise UnknownChoice
        return page.append(
            events.VerdictGiven(
                in_scope=in_scope,
                clause=None if in_scope else clause,
                why=why.replace("\x00", "").strip()[:LONGEST_WHY],
                suggested=proposal.verdict,
                suggested_by=proposal.by,
                evidence=list(proposal.evidence),
            )
        )


def change_tags(
    *,
    ticket_id: int,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    actor: Actor,
    now: datetime,
) -> TicketEvent | None:
    """Put tags on a ticket and take others off.

    Units: a tag is a word of letters, digits, `-`, `_` and `.`, in lower case, of 40 signs at most;
        spaces become hyphens.
    Edges: None where nothing changes. A closed ticket takes tags too: finding it again is what
        they are for. What is both put on and taken off is put on.
    Raises: BadTag; TooManyTags.
    """
    wanted = list(dict.fromkeys(tag_of(tag) for tag in add))
    unwanted = {tag_of(tag) for tag in remove} - set(wanted)
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        has = set(page.ticket.tags)
        added, removed = [tag for tag in wanted if tag not in has], sorted(unwanted & has)
        if not added and not removed:
            return None
        if len(has) + len(added) - len(removed) > MOST_TAGS:
            raise TooManyTags(most=MOST_TAGS)
        Tag.objects.bulk_create([Tag(name=tag) for tag in added], ignore_conflicts=True)
        return page.append(events.TagsChanged(added=added, removed=removed))
