"""Waits: what ends them, who is reminded, what happens after; and cases that close by themselves."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from plazo.accounts.access import actor_of_requester
from plazo.core.models import AuditEntry
from plazo.tickets import commands, errors, outcomes, pauses, waiting
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.outcome_models import Outcome
from plazo.tickets.wait_models import Wait
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = TUESDAY


def waiting_case(now=NOW, waiting_for="requester", reason="Falta la traza", **choices):
    """A case that waits."""
    ticket = a_case(now=now - MINUTE, **choices)
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for=waiting_for, reason=reason,
        actor=as_agent(), now=now,
    )  # fmt: skip
    ticket.refresh_from_db()
    return ticket


def kinds(ticket):
    """The kinds on a timeline, in order."""
    found = TicketEvent.objects.filter(ticket=ticket).order_by("sequence")
    return list(found.values_list("kind", flat=True))


def solved_case(now=NOW, **choices):
    """A case that an agent solved."""
    ticket = a_case(now=now - MINUTE, **choices)
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=now)
    ticket.refresh_from_db()
    return ticket


def test_a_wait_reminds_twice_and_then_solves_once_each():
    """As the agreement says: two days, four, and seven; twice looked at is once done."""
    ticket = waiting_case()
    for after in (2 * DAY - MINUTE, 2 * DAY, 2 * DAY + MINUTE, 4 * DAY, 7 * DAY, 7 * DAY + MINUTE):
        waiting.work_once(NOW + after)
    found = kinds(ticket)
    assert found.count("requester.reminded") == 2
    assert found[-2:] == ["requester.silent", "status.changed"]
    ticket.refresh_from_db()
    assert (ticket.status, ticket.solved_at) == ("solved", NOW + 7 * DAY)
    (wait,) = Wait.objects.all()
    assert (wait.ended_by, wait.next_at, wait.reminded) == ("system", None, 2)


def test_after_an_outage_nobody_is_reminded_and_given_up_in_the_same_minute():
    """The time between two steps is never shorter than the agreement's."""
    ticket = waiting_case()
    late = NOW + 30 * DAY
    assert [waiting.work_once(late + span) for span in (0 * DAY, MINUTE, DAY, 2 * DAY)] == [
        1, 0, 0, 1,
    ]  # fmt: skip
    assert waiting.work_once(late + 4 * DAY) == 0
    assert waiting.work_once(late + 5 * DAY) == 1
    ticket.refresh_from_db()
    assert ticket.status == "solved"


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(
            lambda pk, by: commands.reply_as_requester(ticket_id=pk, body="La traza", **by),
            id="a word of theirs",
        ),
        pytest.param(lambda pk, by: commands.still_needed(ticket_id=pk, **by), id="a click"),
        pytest.param(
            lambda pk, by: commands.add_participant(
                ticket_id=pk, person_id=a_requester("otro@andina.example").pk, **by
            ),
            id="letting somebody take part",
        ),
        pytest.param(
            lambda pk, by: commands.request_escalation(ticket_id=pk, **by), id="an escalation"
        ),
        pytest.param(
            lambda pk, by: commands.set_status(ticket_id=pk, status="solved", **by),
            id="saying that it is solved",
        ),
    ],
)
def test_any_act_of_the_requester_ends_the_wait(act):
    """Through whichever channel: nobody who has spoken is reminded."""
    ticket = waiting_case()
    actor = actor_of_requester(ticket.requester)
    act(ticket.pk, {"actor": actor, "now": NOW + 5 * HOUR})
    (wait,) = Wait.objects.all()
    assert (wait.ended_by, wait.ended_at) == ("requester", NOW + 5 * HOUR)
    assert waiting.work_once(NOW + 30 * DAY) <= 1  # a solved one closes
    assert "requester.reminded" not in kinds(ticket)


def test_help_is_still_needed_only_while_we_wait_for_them():
    """A second click, or an old mail's, says that the case is with us."""
    ticket = waiting_case(waiting_for="area")
    by = {"actor": actor_of_requester(ticket.requester), "now": NOW + HOUR}
    with pytest.raises(errors.NotWaiting):
        commands.still_needed(ticket_id=ticket.pk, **by)
    commands.add_participant(
        ticket_id=ticket.pk, person_id=a_requester("otro@andina.example").pk, **by
    )
    ticket.refresh_from_db()
    assert ticket.status == "pending"
    assert waiting.work_once(NOW + 30 * DAY) == 0


def test_a_new_question_begins_a_new_wait():
    """Pending may follow pending: the one before ended by our own hand, and reminders begin anew."""
    ticket = waiting_case()
    waiting.work_once(NOW + 2 * DAY)
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="requester", reason="Y el horario",
        actor=as_agent(), now=NOW + 3 * DAY,
    )  # fmt: skip
    first, second = Wait.objects.order_by("pk")
    assert (first.ended_by, first.next_at) == ("agent", None)
    assert (second.reason, second.reminded, second.next_at) == ("Y el horario", 0, NOW + 5 * DAY)


def test_a_machines_case_is_left_to_the_team():
    """Nobody reminds a machine, nor solves its case for its silence."""
    ticket = waiting_case(arrival=commands.Arrival(quiet="automatic"))
    assert Wait.objects.get(ticket=ticket).next_at is None
    assert waiting.work_once(NOW + 30 * DAY) == 0


def test_a_solved_case_closes_after_its_days_and_stays_closed():
    """At the instant itself it can still be taken back; after it, it is closed for good."""
    ticket = solved_case()
    ends = NOW + 7 * DAY
    assert ticket.closes_at == ends == ticket.reopens_until
    assert waiting.work_once(ends) == 0
    assert waiting.work_once(ends + MINUTE) == 1
    assert waiting.work_once(ends + 2 * MINUTE) == 0
    ticket.refresh_from_db()
    assert (ticket.status, ticket.closes_at) == ("closed", None)
    with pytest.raises(errors.TicketClosed):
        commands.reopen_ticket(ticket_id=ticket.pk, actor=as_agent(), now=ends + HOUR)


def test_a_case_that_was_opened_again_does_not_close():
    """The days are those of the last solution."""
    ticket = solved_case()
    requester = actor_of_requester(ticket.requester)
    commands.confirm_solution(ticket_id=ticket.pk, actor=requester, now=NOW + HOUR)
    again = {"ticket_id": ticket.pk, "actor": requester}
    assert commands.confirm_solution(now=NOW + 2 * HOUR, **again) is None
    commands.reopen_ticket(now=NOW + DAY, **again)
    with pytest.raises(errors.NotSolved):
        commands.confirm_solution(now=NOW + DAY, **again)
    assert waiting.work_once(NOW + 8 * DAY) == 0


@pytest.mark.corrupts
def test_one_that_fails_holds_nobody_up(caplog):
    """It is looked at again after five minutes; the others go on."""
    broken, sound = solved_case(), solved_case(now=NOW + MINUTE)
    sequence = broken.last_sequence
    Ticket.objects.filter(pk=broken.pk).update(last_sequence=0)  # its next event stands already
    assert waiting.work_once(NOW + 8 * DAY) == 1
    assert "failed" in caplog.text
    sound.refresh_from_db()
    assert sound.status == "closed"
    Ticket.objects.filter(pk=broken.pk).update(last_sequence=sequence)
    assert waiting.work_once(NOW + 8 * DAY) == 0
    assert waiting.work_once(NOW + 8 * DAY + 6 * MINUTE) == 1


# ── What a case was about ─────────────────────────────────────────────────────────────────────


def test_causes_and_solutions_are_keys_of_the_teams_lists():
    """Unknown or retired ones are refused; one that a case has already stays good for it."""
    lists = {"actor": as_agent(2), "now": NOW}
    cause = outcomes.add_outcome(kind="cause", name_es="Red", name_en="Network", **lists)
    fixed = outcomes.add_outcome(kind="solution", name_es="Cambio", name_en="Change", **lists)
    with pytest.raises(errors.OutcomeKept):
        outcomes.add_outcome(kind="cause", name_es="red", name_en="Net", **lists)
    ticket = a_case(now=NOW)
    by = {"ticket_id": ticket.pk, "actor": as_agent(), "now": NOW + MINUTE}
    with pytest.raises(errors.UnknownOutcome):
        commands.set_status(status="solved", outcome=commands.Outcomes("nope", ""), **by)
    chosen = commands.Outcomes(cause.key, fixed.key)
    commands.reply_to_ticket(body="Listo", then="solved", outcome=chosen, **by)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.cause, ticket.solution) == ("solved", "network", "change")
    outcomes.retire_outcome(outcome_id=cause.pk, retired=True, **lists)
    commands.set_outcome(cause="network", solution="", **by)
    with pytest.raises(errors.UnknownOutcome):
        commands.reopen_ticket(**by)
        commands.set_status(status="solved", outcome=chosen, **by)
    trail = AuditEntry.objects.filter(what__startswith="outcome.").order_by("pk")
    assert [entry.what for entry in trail] == ["outcome.added", "outcome.added", "outcome.retired"]


def test_a_lists_order_is_the_teams():
    """An entry is raised over the one before it; the first one stays where it is."""
    Outcome.objects.all().delete()
    lists = {"actor": as_agent(2), "now": NOW}
    made = [
        outcomes.add_outcome(kind="cause", name_es=name, name_en=name, **lists).pk
        for name in ("Uno", "Dos", "Tres")
    ]
    outcomes.raise_outcome(outcome_id=made[2], **lists)
    outcomes.raise_outcome(outcome_id=made[0], **lists)
    assert [name for _key, name in outcomes.choices("cause", "es")] == ["Uno", "Tres", "Dos"]


# ── The report ────────────────────────────────────────────────────────────────────────────────


def test_the_report_counts_what_lies_in_its_period():
    """By agent, by whom we waited for and by reason; a wait that lasts counts up to now."""
    waiting_case(now=NOW - 3 * DAY)
    other = waiting_case(now=NOW - DAY, waiting_for="area", reason="Crédito")
    commands.set_status(ticket_id=other.pk, status="open", actor=as_agent(), now=NOW - HOUR)
    asking = an_agent(2)
    found = pauses.report(asking, since=NOW - 2 * DAY, until=NOW + DAY, now=NOW)
    assert (found.everything.waits, found.everything.total) == (2, 2 * DAY + 23 * HOUR)
    assert [(share.key, share.total) for share in found.by_whom] == [
        ("requester", 2 * DAY),
        ("area", 23 * HOUR),
    ]
    assert [share.key for share in found.by_agent] == [an_agent(1).pk]
    assert {share.key[0]: share.percent for share in found.by_reason} == {
        "Falta la traza": 68,
        "Crédito": 32,
    }
    rows, following = pauses.page(asking, since=NOW - 9 * DAY, until=NOW, now=NOW)
    assert ([row.ended_by for row in rows], following) == (["agent", ""], "")


def test_the_report_costs_the_same_for_many(monkeypatch):
    """Four queries for the figures and one for a page, by keyset, whatever their number."""
    monkeypatch.setattr(pauses, "PAGE_SIZE", 2)
    for number in range(5):
        waiting_case(now=NOW - timedelta(hours=number))
    period = {"since": NOW - DAY, "until": NOW + DAY, "now": NOW}
    asking = an_agent(2)
    with CaptureQueriesContext(
        connection,
    ) as counted:
        pauses.report(asking, **period)
        pages, after = [], ""
        while True:
            rows, after = pauses.page(asking, after=after, **period)
            pages.append([row.started_at for row in rows])
            if not after:
                break
    assert len(counted) == 4 + 3
    seen = [at for page in pages for at in page]
    assert len(seen) == 5
    assert all(earlier > later for earlier, later in pairwise(seen))
