"""The ladder on real tickets: who is rung when, what silences it, and what is never done twice."""

import re
import threading
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from plazo.accounts.absences import plan_absence
from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.accounts.models import Agent, Group, Role, User
from plazo.core.actor import Actor
from plazo.core.models import AuditEntry
from plazo.escalation import calling, letters, people, queries, settings
from plazo.escalation.models import Bell, Contact, Ring, RingState
from plazo.escalation.rota import Turns
from plazo.escalation.sweep import sweep_once
from plazo.notifications import rendering
from plazo.notifications.models import Hours, MailKind, OutboundMail, Preference
from plazo.notifications.sending import send
from plazo.tickets import commands
from plazo.tickets.errors import NothingRings
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.verify import Tally, verify
from tests.factory import TUESDAY, a_case, as_agent, publish_iws

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ADMIN = Actor.system("test")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world(request):
    """The agreement; at the end every chain and every projection holds."""
    marker = request.node.get_closest_marker("django_db")
    request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
    publish_iws()
    yield
    assert [str(fault) for fault in verify(Tally())] == []


def somebody(name: str, *, role: str = Role.AGENT, level: int = 1) -> Agent:
    user = User.objects.create_user(f"{name.lower()}@demo.example", name=name)
    agent = Agent.objects.create(user=user, role=role, level=level)
    group, _new = Group.objects.get_or_create(
        key=f"nivel{level}", defaults={"name": f"Nivel {level}", "level": level}
    )
    agent.groups.add(group)
    return agent


@pytest.fixture
def team(world) -> dict[str, Agent]:
    """Two coordinators and a manager."""
    return {
        "Laura": somebody("Laura", role=Role.COORDINATOR, level=2),
        "Andrés": somebody("Andrés", role=Role.COORDINATOR, level=2),
        "Beatriz": somebody("Beatriz", role=Role.MANAGER, level=3),
    }


def at_level_two(severity: str = "A", now: datetime = TUESDAY) -> Ticket:
    """A case that came up to level 2 at `now`, of a severity."""
    ticket, by = a_case(now=now), as_agent()
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Hola", actor=by, now=now)
    commands.give_verdict(ticket_id=ticket.pk, in_scope=True, actor=by, now=now)
    commands.enter_level(ticket_id=ticket.pk, level=2, severity=severity, actor=by, now=now)
    return ticket


def rung(ticket: Ticket) -> list[tuple[int, str, int, str]]:
    """Return step, cause, minute of its instant and state of every ring."""
    return [
        (ring.step, ring.cause, int((ring.instant - TUESDAY) / MINUTE), ring.state)
        for ring in Ring.objects.filter(ticket=ticket).order_by("pk")
    ]


def sweep_at(*minutes: float) -> None:
    for minute in minutes:
        sweep_once(TUESDAY + minute * MINUTE)
        calling.ring_due(TUESDAY + minute * MINUTE)


def late(minute: float) -> float:
    return minute + 0.01


def mails() -> list[tuple[str, int, bool]]:
    """Return who was rung by mail, on which step, and whether again."""
    return [
        (mail.recipient.partition("@")[0], mail.about["step"], mail.about["again"])
        for mail in OutboundMail.objects.filter(kind=MailKind.RING).order_by("pk")
    ]


# ── When, and whom ────────────────────────────────────────────────────────────────────────────


def test_severity_a_climbs_to_the_manager(team):
    """At risk the coordinators are rung; at the breach, silent still, the manager."""
    ticket = at_level_two("A")
    sweep_at(44, 45, 50, late(60), late(76))
    assert rung(ticket) == [
        (2, "at_risk", 45, RingState.PASSED),
        (3, "breached", 60, RingState.RINGING),
    ]
    first, again, above = mails()[:2], mails()[2:4], mails()[4]
    assert sorted(first) == [("andrés", 2, False), ("laura", 2, False)]
    assert sorted(again) == [("andrés", 2, True), ("laura", 2, True)]
    assert above == ("beatriz", 3, False)
    events = TicketEvent.objects.filter(ticket=ticket, kind="ladder.rang").order_by("sequence")
    assert [event.payload["agents"] for event in events] == [
        [team["Laura"].pk, team["Andrés"].pk], [team["Beatriz"].pk],
    ]  # fmt: skip
    assert {event.audience for event in events} == {"internal"}


def test_severity_b_is_silent_for_half_an_hour_and_c_rings_nobody(team):
    """B: at risk after 90 min, the manager 30 min later. C has no escalation management."""
    b, c = at_level_two("B"), at_level_two("C")
    sweep_at(90, late(119), 120, late(600))
    assert [(step, cause, minute) for step, cause, minute, _state in rung(b)] == [
        (2, "at_risk", 90), (3, "silence", 120),
    ]  # fmt: skip
    assert rung(c) == []


def test_what_no_requester_waits_for_rings_nobody(team):
    """A missing verdict rings nobody, nor does a promise that can still be kept: broken, it does."""
    ticket, actor = a_case(now=TUESDAY), as_agent()
    commands.enter_level(ticket_id=ticket.pk, level=2, severity="B", actor=actor, now=TUESDAY)
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Hola", promise_by=TUESDAY + 10 * HOUR, actor=actor, now=TUESDAY
    )
    sweep_at(45, late(60), 450, 600)
    assert rung(ticket) == []
    sweep_at(late(600))
    assert rung(ticket) == [(3, "breached", 600, RingState.RINGING)]


def test_who_has_the_ticket_is_warned_and_whoever_stands_in_is_rung_for_them(team):
    """A warning is for the assignee; away, for who stands in."""
    ticket = at_level_two("A")
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=team["Laura"].pk, actor=as_agent(), now=TUESDAY
    )
    plan_absence(
        agent_id=team["Laura"].pk, begins_at=TUESDAY, ends_at=TUESDAY + 9 * HOUR,
        substitute_id=team["Beatriz"].pk, actor=ADMIN, now=TUESDAY,
    )  # fmt: skip
    sweep_at(45)
    assert Ring.objects.get(ticket=ticket).agents == [team["Beatriz"].pk]


def test_an_answer_stops_it_until_something_calls_anew(team):
    """A coordinator has it at 50: silence rings nobody; the breach is another call."""
    ticket = at_level_two("A")
    sweep_at(45)
    event = commands.answer_ladder(
        ticket_id=ticket.pk, by="desk", actor=actor_of_agent(team["Laura"]),
        now=TUESDAY + 50 * MINUTE,
    )  # fmt: skip
    assert event.payload == {"step": 2, "by": "desk", "agent": team["Laura"].pk, "contact": None}
    assert not Bell.objects.filter(next_at__isnull=False).exists()
    with pytest.raises(NothingRings) as refused:
        commands.answer_ladder(
            ticket_id=ticket.pk, by="desk", actor=as_agent(), now=TUESDAY + 51 * MINUTE
        )
    assert "Laura" in refused.value.user_message()
    sweep_at(59, late(60))
    assert rung(ticket) == [
        (2, "at_risk", 45, RingState.ANSWERED),
        (3, "breached", 60, RingState.RINGING),
    ]


@pytest.mark.parametrize("deed", ["reply", "solve"])
def test_doing_what_it_rings_for_silences_it(team, deed):
    """Who answers the requester, or solves the case, need not say “I have it” as well."""
    ticket, by, now = at_level_two("A"), as_agent(2), TUESDAY + 50 * MINUTE
    sweep_at(45)
    if deed == "reply":
        commands.reply_to_ticket(ticket_id=ticket.pk, body="Ya está", actor=by, now=now)
    else:
        commands.set_status(ticket_id=ticket.pk, status="solved", actor=by, now=now)
    sweep_at(late(75))
    assert rung(ticket) == [(2, "at_risk", 45, RingState.SETTLED)]
    assert TicketEvent.objects.filter(ticket=ticket, kind="ladder.settled").count() == 1


def test_the_requester_climbs_and_the_coordinators_are_rung_at_once(team):
    """The ring is in the transaction of the climbing; at B it goes up after half an hour."""
    ticket = a_case(now=TUESDAY)
    climbed = TUESDAY + 70 * MINUTE
    commands.request_escalation(
        ticket_id=ticket.pk, actor=actor_of_requester(ticket.requester), now=climbed
    )
    assert rung(ticket) == [(2, "climbed", 70, RingState.RINGING)]
    sweep_at(70, late(99), late(100))
    assert [(step, cause) for step, cause, _m, _s in rung(ticket)] == [
        (2, "climbed"), (3, "silence"),
    ]  # fmt: skip
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Lo vemos", actor=as_agent(), now=climbed + HOUR
    )
    assert Ring.objects.filter(state=RingState.RINGING).count() == 0


def test_what_was_missed_before_the_case_was_judged_rings_nobody(team):
    """Whoever judges the case has it before them; what is owed from then on rings as ever."""
    ticket, now = a_case(now=TUESDAY), TUESDAY + 90 * MINUTE
    sweep_at(late(60))
    commands.enter_level(ticket_id=ticket.pk, level=2, severity="A", actor=as_agent(), now=now)
    sweep_at(91, 134)
    assert rung(ticket) == []
    sweep_at(135)
    assert rung(ticket) == [(2, "at_risk", 135, RingState.RINGING)]


def test_judged_anew_to_be_a_c_it_rings_nobody_any_more(team):
    """What rang by itself is silent once its severity has no escalation management."""
    ticket, now = at_level_two("A"), TUESDAY + 50 * MINUTE
    sweep_at(45)
    commands.set_severity(ticket_id=ticket.pk, severity="C", actor=as_agent(2), now=now)
    sweep_at(60, late(76))
    assert rung(ticket) == [(2, "at_risk", 45, RingState.SETTLED)]
    assert not Bell.objects.filter(next_at__isnull=False).exists()


def test_a_late_reply_that_bounces_rings_again(team):
    """The breach rang the manager, a reply settled it; when it comes back, the breach calls anew."""
    ticket, now = at_level_two("A"), TUESDAY + 65 * MINUTE
    sweep_at(late(60))
    reply = commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Ya está", actor=as_agent(2), now=now
    )
    commands.record_delivery_failure(
        ticket_id=ticket.pk, message_id=reply.payload["message"], reason="550",
        actor=Actor.system("mail"), now=now + 15 * MINUTE,
    )  # fmt: skip
    assert rung(ticket) == [
        (3, "breached", 60, RingState.SETTLED),
        (3, "breached", 60, RingState.RINGING),
    ]


def test_whoever_climbed_and_was_answered_keeps_nothing_ringing(team):
    """The reply answers who climbed; the verdict, given later, is the last thing that called."""
    ticket, by = a_case(now=TUESDAY), as_agent()
    commands.set_severity(ticket_id=ticket.pk, severity="A", actor=by, now=TUESDAY)
    sweep_at(late(60))
    commands.request_escalation(
        ticket_id=ticket.pk, actor=actor_of_requester(ticket.requester), now=TUESDAY + 61 * MINUTE
    )
    for minute, deed in ((62, "reply"), (63, "verdict")):
        now = TUESDAY + minute * MINUTE
        if deed == "reply":
            commands.reply_to_ticket(ticket_id=ticket.pk, body="Lo vemos", actor=by, now=now)
        else:
            commands.give_verdict(ticket_id=ticket.pk, in_scope=True, actor=by, now=now)
    assert [state for *_ring, state in rung(ticket)] == [RingState.PASSED, RingState.SETTLED]


def test_an_hour_of_downtime_rings_the_highest_step_once(team):
    """Silence counts from when somebody was really rung, never from when they should have been."""
    ticket = at_level_two("A")
    sweep_at(120)
    assert rung(ticket) == [(3, "breached", 60, RingState.RINGING)]
    assert mails() == [("beatriz", 3, False)]


# ── Who is on call ────────────────────────────────────────────────────────────────────────────


def rota(step: int, agents: list[Agent], **choices) -> None:
    settings.set_rota(
        **{
            "step": step, "zone": "America/Panama", "begins_on": date(2026, 11, 23),
            "hands_over_at": time(8), "agent_ids": [a.pk for a in agents], "actor": ADMIN,
            "now": TUESDAY,
        } | choices
    )  # fmt: skip


def test_a_rota_rings_whoever_is_on_call_and_nobody_else(team):
    """Andrés has the first week; the change is on the audit trail."""
    rota(2, [team["Andrés"], team["Laura"]])
    ticket = at_level_two("A")
    sweep_at(45)
    assert Ring.objects.get(ticket=ticket).agents == [team["Andrés"].pk]
    entry = AuditEntry.objects.get(what="ladder.rota_set")
    assert entry.after["turns"] == ["Andrés", "Laura"]
    rota(2, [])
    assert queries.rota_of(2) is None


@pytest.mark.parametrize(
    ("at", "agent"),
    [
        pytest.param("2026-10-24T12:00", 1, id="before its first turn it went round as after it"),
        pytest.param("2026-10-26T06:59", 1, id="a minute before the handover"),
        pytest.param("2026-10-26T07:00", 2, id="at the handover, in winter time"),
        pytest.param("2026-11-02T07:00", 1, id="and a week later"),
        pytest.param("2027-03-29T05:59", 1, id="before the handover in summer time"),
        pytest.param("2027-03-29T06:00", 2, id="the handover stays at eight on the wall"),
    ],
)
def test_turns_hand_over_at_the_same_hour_of_the_wall_clock(at, agent):
    """In Berlin clocks go back on 25 October 2026 and forward on 28 March 2027."""
    turns = Turns("Europe/Berlin", date(2026, 10, 26), time(8), [2, 1])
    instant = datetime.fromisoformat(at + "+00:00")
    turn = turns.turn_at(instant)
    assert turn is not None
    assert turn.agent == agent
    assert turn.begins_at <= instant < turn.ends_at


def test_turns_cover_all_time_without_a_gap():
    """Through both changes of the clocks each turn ends where the next one begins."""
    turns = Turns("America/New_York", date(2026, 1, 5), time(2, 30), [1, 2, 3])
    begins = datetime.fromisoformat("2026-01-01T00:00+00:00")
    found = turns.turns_between(begins, begins + timedelta(days=400))
    assert all(a.ends_at == b.begins_at for a, b in pairwise(found))
    assert {b.agent - a.agent for a, b in pairwise(found)} == {1, -2}
    assert len(found) >= 57


@pytest.mark.parametrize(
    ("gone", "agents"),
    [
        ([], [1, 2, 3, 1, 2, 3]),
        ([2], [1, 3, 3, 1, 3, 3]),
        ([3], [1, 2, 1, 1, 2, 1]),
        ([1, 2], [3] * 6),
    ],
)
def test_whoever_leaves_the_team_moves_no_turn_but_their_own(gone, agents):
    """Who comes next takes theirs; with nobody left there is no turn."""
    turns = Turns("America/Panama", date(2026, 1, 5), time(8), [1, 2, 3], gone)
    begins = datetime.fromisoformat("2026-01-05T13:00+00:00")
    found = turns.turns_between(begins, begins + timedelta(days=42))
    assert [turn.agent for turn in found] == agents
    assert Turns(turns.zone, turns.begins_on, time(8), gone, gone).turn_at(begins) is None


def test_contacts_of_the_agreement_are_agents_or_get_the_mail(team):
    """Nestor is Laura, and only she is rung; the manager is outside, and gets mail alone."""
    settings.set_contact(name="Nestor Molano", agent_id=team["Laura"].pk, actor=ADMIN, now=TUESDAY)
    settings.set_contact(
        name="Juan Herrera", email="Jefe@Casa.example", language="en", actor=ADMIN, now=TUESDAY
    )
    ticket = at_level_two("A")
    sweep_at(45, late(60))
    first, second = Ring.objects.filter(ticket=ticket).order_by("pk")
    assert first.agents == [team["Laura"].pk]
    assert second.agents == [team["Beatriz"].pk]
    outside = OutboundMail.objects.get(recipient="jefe@casa.example")
    assert (outside.language, outside.about["contact"]) == (
        "en",
        Contact.objects.get(name="Juan Herrera").pk,
    )
    commands.answer_ladder(
        ticket_id=ticket.pk, by="link", contact_id=outside.about["contact"],
        actor=Actor.system("Juan Herrera"), now=TUESDAY + 62 * MINUTE,
    )  # fmt: skip
    assert Ring.objects.get(pk=second.pk).answered_name == "Juan Herrera"


def test_where_nobody_stands_for_a_step_those_who_coordinate_are_rung(world):
    """A ladder with a hole in it still rings somebody."""
    boss = somebody("Ada", role=Role.ADMINISTRATOR, level=1)
    version = at_level_two("A").agreement_version
    assert people.on_step(version.document, 3, TUESDAY) == [boss.pk]
    assert people.on_step(version.document, 2, TUESDAY) == [boss.pk]


# ── Ringing ───────────────────────────────────────────────────────────────────────────────────


def test_quiet_hours_hold_back_b_and_never_a(team):
    """The manager is told in her hours; severity A does not ask."""
    for agent in team.values():
        Preference.objects.create(
            agent=agent, hours=Hours.OWN, windows=[[d, 480, 1020] for d in range(5)]
        )
    night = datetime.fromisoformat("2026-11-25T07:00+00:00")  # 02:00 in Panama
    for severity in "AB":
        at_level_two(severity, now=night)
    sweep_once(night + 90 * MINUTE)
    calling.ring_due(night + 90 * MINUTE)
    told = OutboundMail.objects.filter(kind=MailKind.RING)
    assert {mail.about["step"] for mail in told} == {3}  # A's breach; B's warning waits
    waiting = Bell.objects.filter(ring__severity="B")
    opens = datetime.fromisoformat("2026-11-25T13:00+00:00")
    assert {bell.next_at for bell in waiting} == {opens}
    calling.ring_due(opens)
    assert {mail.about["step"] for mail in OutboundMail.objects.filter(kind=MailKind.RING)} >= {2}


def test_many_that_fall_due_at_once_are_one_message_for_each_person(team):
    """Thirty breaches in a minute: one mail for the manager, with a list; none for each."""
    tickets = [at_level_two("A") for _ in range(30)]
    before = OutboundMail.objects.count()
    while sweep_once(TUESDAY + 61 * MINUTE):
        pass
    assert calling.ring_due(TUESDAY + 61 * MINUTE) == 1
    (mail,) = OutboundMail.objects.filter(kind=MailKind.RING)
    assert len(mail.about["rings"]) == 30
    assert OutboundMail.objects.count() == before + 1
    assert all(rung(ticket) == [(3, "breached", 60, RingState.RINGING)] for ticket in tickets)
    send(mail.pk, now=TUESDAY + 61 * MINUTE)
    mail.refresh_from_db()
    assert mail.state == "sent"
    assert mail.body_text == ""  # its link answers for somebody: the words are kept nowhere
    link = reverse("desk:ring_link", args=[letters.token_of(mail)])
    assert tickets[0].number in Client().get(link).content.decode()
    with time_machine.travel(TUESDAY + 62 * MINUTE):
        Client().post(link, {"number": tickets[0].number})
    ring = Ring.objects.get(ticket=tickets[0], step=3)
    assert (ring.state, ring.answered_name) == (RingState.ANSWERED, "Beatriz")


def test_the_mail_waits_for_what_is_still_being_announced_but_not_for_ever(team):
    """While a sweep is at it, who was rung a moment ago waits; after 15 seconds nobody does."""
    at_level_two("A")
    now = TUESDAY + 45 * MINUTE
    sweep_once(now)
    assert calling.ring_due(now + 5 * SECOND, gathering=True) == 0
    assert calling.ring_due(now + 15 * SECOND, gathering=True) == 2


def test_many_at_once_take_as_many_statements_as_few(team):
    """A transaction of fifty tickets costs hardly more statements than one of five."""

    def statements(count: int, day: int) -> int:
        now = TUESDAY + timedelta(days=day)
        for _ in range(count):
            at_level_two("A", now=now)
        sweep_once(now + MINUTE)
        with CaptureQueriesContext(connection) as captured:
            sweep_once(now + 61 * MINUTE)
        return len(captured)

    few, many = statements(5, 0), statements(45, 1)
    assert many <= few + 6
    assert many < 60


@pytest.mark.django_db(transaction=True)
def test_two_that_ring_at_once_ring_everybody_once(team):
    """Whoever comes second finds the person's row taken, or nothing due."""
    at_level_two("A")
    now = TUESDAY + 45 * MINUTE
    sweep_once(now)
    ready = threading.Barrier(3)

    def ring() -> None:
        try:
            ready.wait(10)
            calling.ring_due(now)
        finally:
            connection.close()

    threads = [threading.Thread(target=ring) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    calling.ring_due(now)
    assert sorted(mails()) == [("andrés", 2, False), ("laura", 2, False)]
    assert {bell.times for bell in Bell.objects.all()} == {1}


class Killed(Exception):
    """The process dies here."""


@pytest.mark.django_db(transaction=True)
def test_killed_after_any_statement_nothing_is_lost_or_rung_twice(team):
    """The sweep and the ringing die after each of their statements in turn, and are begun anew."""
    ticket, now = at_level_two("A"), TUESDAY + 45 * MINUTE

    def work(dies_after: int | None) -> int:
        """Sweep and ring; return how many statements that took."""
        done = 0

        def count(execute, sql, params, many, context):
            nonlocal done
            result = execute(sql, params, many, context)
            done += 1
            if done == dies_after:
                raise Killed
            return result

        with connection.execute_wrapper(count):
            sweep_once(now)
            calling.ring_due(now)
        return done

    for number in range(1, 200):
        try:
            with transaction.atomic():  # what a dead process leaves: what it had committed
                total = work(None)
                transaction.set_rollback(True)
            if number > total:
                break
            work(number)
        except Killed:
            pass
        if OutboundMail.objects.filter(kind=MailKind.RING).count() == 2:
            break
        Ticket.objects.filter(pk=ticket.pk).update(sweep_after=None)
    work(None)
    assert rung(ticket) == [(2, "at_risk", 45, RingState.RINGING)]
    assert sorted(mails()) == [("andrés", 2, False), ("laura", 2, False)]


@pytest.mark.golden
@pytest.mark.parametrize("language", ["es", "en"])
def test_the_words_of_the_mail_that_rings(golden, team, language):
    """Its text, whole: whom it calls, why, until when, and the one link that answers."""
    ticket = a_case(now=TUESDAY)
    commands.enter_level(ticket_id=ticket.pk, level=2, severity="A", actor=as_agent(), now=TUESDAY)
    sweep_once(TUESDAY + 45 * MINUTE)
    calling.ring_due(TUESDAY + 45 * MINUTE)
    mail = OutboundMail.objects.filter(kind=MailKind.RING).earliest("pk")
    mail.language = language
    with translation.override(language):
        rendered = rendering.render(mail)
    assert rendered is not None
    text = f"{rendered[0]}\n\n{rendered[1]}".replace(ticket.number, "IWS-1")
    golden(f"notices/ring.{language}.txt", re.sub(r"/desk/ring/[^/]+/", "/desk/ring/…/", text))
