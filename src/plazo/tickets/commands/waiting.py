"""Commands of a wait for the requester, of its end, and of the end of a case that was solved."""

from datetime import datetime, timedelta

from plazo.agreements.document import Pauses
from plazo.core.actor import Actor
from plazo.tickets import events, timeline
from plazo.tickets.commands.steps import change_status, hear
from plazo.tickets.errors import NotSolved, NotWaiting
from plazo.tickets.models import Status, TicketEvent, WaitingFor
from plazo.tickets.wait_models import Wait


def steps_of(pauses: Pauses) -> list[timedelta]:
    """Return after how long of waiting something happens: each reminder, and last the solving.

    Edges: an agreement that solves nothing by itself has reminders only; one without either has
        nothing.
    """
    solve = [pauses.solve_after] if pauses.solve_after is not None else []
    return [*pauses.remind_after, *solve]


def tend_wait(*, ticket_id: int, actor: Actor, now: datetime) -> TicketEvent | None:
    """Do what is due on a wait for the requester: remind them or, after the last reminder, solve.

    Edges: None where nothing is due: of several workers at once, one does it. One step at a time,
        and the time between two steps is never shorter than the agreement says: after an outage
        nobody is reminded and given up in the same minute.
    Source: agreement file, [pauses].
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        ticket = page.ticket
        wait = Wait.objects.filter(ticket=ticket, ended_at=None, next_at__lte=now).first()
        if wait is None:
            return None
        pauses = ticket.agreement_version.document.pauses
        steps, done = steps_of(pauses), wait.reminded
        if done < len(pauses.remind_after):
            following = steps[done + 1] - steps[done] if done + 1 < len(steps) else None
            wait.reminded = done + 1
            wait.next_at = now + following if following is not None else None
            wait.save(update_fields=["reminded", "next_at"])
            return page.append(
                events.RequesterReminded(number=done + 1, of=len(pauses.remind_after))
            )
        event = page.append(events.RequesterSilent(since=wait.started_at, reminders=done))
        change_status(page, Status.SOLVED, "", "")
        return event


def still_needed(*, ticket_id: int, actor: Actor, now: datetime) -> TicketEvent:
    """Take the requester's word that they still need help: the wait for them is over.

    Raises: NotWaiting where nobody waits for them; TicketClosed.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        ticket = page.ticket
        if (ticket.status, ticket.waiting_for) != (Status.PENDING, WaitingFor.REQUESTER):
            raise NotWaiting(number=ticket.number)
        event = page.append(events.HelpStillNeeded())
        hear(page)
        return event


def confirm_solution(*, ticket_id: int, actor: Actor, now: datetime) -> TicketEvent | None:
    """Take the requester's word that it is solved indeed. It closes when it would have anyway.

    Edges: None where they said so since it was solved. Raises: NotSolved; TicketClosed.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        if page.ticket.status != Status.SOLVED:
            raise NotSolved(number=page.ticket.number)
        solved = page.ticket.solved_at
        if any(
            event.kind == events.SolutionConfirmed.kind and solved and event.at >= solved
            for event in page.chain
        ):
            return None
        return page.append(events.SolutionConfirmed())


def close_solved(*, ticket_id: int, actor: Actor, now: datetime) -> TicketEvent | None:
    """Close a solved ticket whose days are over. Closed stays closed.

    Edges: None where they are not over, or it was reopened. At the instant itself its requester can
        still take the solution back.
    Source: agreement file, [closing].
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        closes_at = page.ticket.closes_at
        if page.ticket.status != Status.SOLVED or closes_at is None or closes_at >= now:
            return None
        return change_status(page, Status.CLOSED, "", "")
