"""What our own people are told: by which way, when, once, and never lost or doubled."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.accounts.models import Agent, Group, User
from plazo.core import live
from plazo.escalation.sweep import sweep_once
from plazo.mailboxes.models import Mailbox, Source
from plazo.notifications import bundling, concerned, inbox, preferences, quiet, rendering, sending
from plazo.notifications.errors import BadHours
from plazo.notifications.models import MailKind, MailState, Notice, OutboundMail, Preference, Told
from plazo.notifications.news import ALL, BY_KEY, Mail, Ways, ways_of
from plazo.notifications.noticing import Tale, _keep_those_not_told_yet
from plazo.sla import Evaluation
from plazo.tickets import commands, holding
from plazo.tickets.models import Ticket, TicketEvent
from tests.factory import TUESDAY, a_case, an_agent, as_agent

pytestmark = pytest.mark.django_db
NOW = TUESDAY
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PANAMA, NEW_YORK = "America/Panama", "America/New_York"
WORK = [(day, 8 * 60, 17 * 60) for day in range(5)]


def civil(text: str, zone: str = PANAMA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def another_agent(number: int, *, group: Group | None = None) -> Agent:
    user = User.objects.create_user(f"colega{number}@demo.example", None, name=f"Colega {number}")
    agent = Agent.objects.create(user=user)
    if group is not None:
        agent.groups.add(group)
    return agent


def prefer(agent: Agent, now: datetime = NOW, **wanted) -> Preference:
    """Save a preference as the screen does, everything else as the default says."""
    ways = wanted.pop("ways", {})
    arguments = {
        "digest": "daily",
        "digest_hour": 8,
        "hours": "always",
        "windows": [],
        "reads_group_mail": False,
    }
    return preferences.save_preference(
        agent_id=agent.pk,
        ways={news.key: ways.get(news.key, news.ways) for news in ALL},
        actor=actor_of_agent(agent),
        now=now,
        **arguments | wanted,
    )


def write(ticket: Ticket, now: datetime = NOW) -> TicketEvent:
    """Let the requester write."""
    return commands.reply_as_requester(
        ticket_id=ticket.pk,
        body="¿Hay novedades?",
        actor=actor_of_requester(ticket.requester),
        now=now,
    )


def my_case(agent: Agent, *, now: datetime = NOW - 20 * MINUTE, **choices) -> Ticket:
    ticket = a_case(now=now, **choices)
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=agent.pk, actor=actor_of_agent(agent), now=now
    )
    return ticket


def told(agent: Agent) -> list[tuple[str, int]]:
    """Return what stands unread in an inbox: the news and how often."""
    return list(
        Notice.objects.filter(agent=agent, read_at=None).order_by("pk").values_list("news", "count")
    )


def mails_to(agent: Agent) -> list[str]:
    found = OutboundMail.objects.filter(recipient=agent.user.email).order_by("pk")
    return list(found.values_list("kind", flat=True))


# ── By which way, and when ────────────────────────────────────────────────────────────────────

DIGEST = Ways(desk=True, browser=False, mail=Mail.DIGEST)
NOTHING = Ways(desk=False, browser=False, mail=Mail.NO)
OWN_HOURS = {"hours": "own", "windows": WORK}


@pytest.mark.parametrize(
    ("news", "severity", "wanted", "at", "browser", "mail"),
    [
        pytest.param("mentioned", "B", None, "2026-11-24 23:00", "now", "now", id="without a choice at once, at any hour"),
        pytest.param("agent_wrote", "B", None, "2026-11-24 23:00", None, None, id="a colleague's word stays at the desk"),
        pytest.param("group_opened", "A", None, "2026-11-24 10:00", "nowhere", None, id="a new case of the group is nobody's news by default"),
        pytest.param("mentioned", "B", {"ways": {"mentioned": DIGEST}}, "2026-11-24 07:59", None, "2026-11-24 08:00", id="the daily digest of the same day"),
        pytest.param("mentioned", "B", {"ways": {"mentioned": DIGEST}}, "2026-11-24 08:00", None, "2026-11-25 08:00", id="the digest is strictly later"),
        pytest.param("mentioned", "B", {"ways": {"mentioned": DIGEST}, "digest": "hourly"}, "2026-11-24 10:20", None, "2026-11-24 11:00", id="the hourly digest"),
        pytest.param("mentioned", "B", {"ways": {"mentioned": NOTHING}}, "2026-11-24 10:20", "nowhere", None, id="nothing is nothing"),
        pytest.param("mentioned", "B", OWN_HOURS, "2026-11-24 10:20", "now", "now", id="within one's hours at once"),
        pytest.param("mentioned", "B", OWN_HOURS, "2026-11-24 17:00", "2026-11-25 08:00", "2026-11-25 08:00", id="the closing instant waits for the morning"),
        pytest.param("mentioned", "B", OWN_HOURS, "2026-11-27 18:00", "2026-11-30 08:00", "2026-11-30 08:00", id="Friday evening waits for Monday"),
        pytest.param("mentioned", "A", OWN_HOURS, "2026-11-27 18:00", "2026-11-30 08:00", "2026-11-30 08:00", id="a mention is not urgent, even at A"),
        pytest.param("breached", "A", OWN_HOURS, "2026-11-27 18:00", "now", "now", id="what is urgent at A passes"),
        pytest.param("breached", "B", OWN_HOURS, "2026-11-27 18:00", "2026-11-30 08:00", "2026-11-30 08:00", id="what is urgent at B waits"),
        pytest.param("mentioned", "B", OWN_HOURS | {"ways": {"mentioned": DIGEST}, "digest_hour": 20}, "2026-11-24 10:00", None, "2026-11-25 08:00", id="a digest outside one's hours waits for them"),
        pytest.param("mentioned", "B", {"hours": "support"}, "2026-11-24 23:00", "2026-11-25 06:00", "2026-11-25 06:00", id="support's hours are the agreement's"),
        pytest.param("mentioned", "B", {"hours": "own", "windows": [(1, 22 * 60, 30 * 60)]}, "2026-11-25 05:59", "now", "now", id="a night shift belongs to the day on which it starts"),
    ],
)  # fmt: skip
def test_by_which_way_and_when(news, severity, wanted, at, browser, mail):
    """News × preference × moment → the instants of browser and mail."""
    agent = an_agent()
    preference = prefer(agent, **wanted) if wanted else None
    moment = civil(at)
    plan = quiet.plan(
        BY_KEY[news],
        preference,
        severity=severity,
        zone=PANAMA,
        support=preferences.support_calendar(NOW),
        at=moment,
    )
    assert plan.desk == (browser != "nowhere")
    assert plan.browser_at == {"now": moment, None: None, "nowhere": None}.get(
        browser, civil(browser) if browser and browser[0] == "2" else None
    )
    assert plan.mail_now == (mail == "now")
    assert plan.mail_at == (civil(mail) if mail and mail != "now" else None)


@pytest.mark.parametrize(
    ("after", "hour", "expected"),
    [
        pytest.param("2026-03-07 12:00", 8, "2026-03-08 08:00", id="the night on which an hour is skipped"),
        pytest.param("2026-03-07 12:00", 2, "2026-03-08 03:00", id="an hour that does not exist is the next"),
        pytest.param("2026-10-31 12:00", 8, "2026-11-01 08:00", id="the night with an hour twice"),
    ],
)  # fmt: skip
def test_a_digest_stays_at_its_hour_over_a_change_of_the_clocks(after, hour, expected):
    """A person's eight o'clock is eight o'clock on their own wall."""
    preference = Preference(digest_hour=hour)
    moment = quiet.next_digest(preference, NEW_YORK, civil(after, NEW_YORK))
    assert moment == civil(expected, NEW_YORK)


def test_own_hours_begin_at_their_hour_over_a_change_of_the_clocks():
    """What came on Saturday night waits until eight by the new clock, 23 hours of wall later."""
    sunday = ((6, 8 * 60, 12 * 60),)
    hours = quiet.own_calendar(NEW_YORK, sunday)
    for night, morning in (
        ("2026-03-07 22:00", "2026-03-08 08:00"),
        ("2026-10-31 22:00", "2026-11-01 08:00"),
    ):
        assert quiet.next_open(hours, civil(night, NEW_YORK)) == civil(morning, NEW_YORK)


@given(
    after=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
        lambda d: d.replace(tzinfo=UTC)
    ),
    zone=st.sampled_from([PANAMA, NEW_YORK, "Asia/Kolkata", "America/Santiago"]),
    digest=st.sampled_from(["hourly", "daily"]),
    hour=st.integers(0, 23),
)
def test_the_next_digest_is_later_and_soon(after, zone, digest, hour):
    """Strictly later, within the hour or a day and the hour of a change; asked again from just
    before, it is the same.
    """
    preference = Preference(digest=digest, digest_hour=hour)
    moment = quiet.next_digest(preference, zone, after)
    assert after < moment <= after + (HOUR if digest == "hourly" else DAY + HOUR)
    assert quiet.next_digest(preference, zone, moment - timedelta(microseconds=1)) == moment


def test_hours_that_cannot_be_hold_nothing_back():
    """A zone that is no more, or a week without a span, must not silence anybody for ever."""
    support = preferences.support_calendar(NOW)
    for windows, zone in (
        ([], PANAMA),
        (WORK, "Not/There"),
        ([(0, 60, 120), (0, 90, 150)], PANAMA),
    ):
        preference = Preference(hours="own", windows=windows)
        hours = quiet.hours_of(preference, zone, support)
        assert quiet.next_open(hours, NOW) == NOW


# ── Whom it concerns ──────────────────────────────────────────────────────────────────────────


def test_each_hears_what_is_theirs_and_nobody_hears_themselves():
    """One's own act is no news; of two reasons the nearer one is told; a leaver hears nothing."""
    mine, other = an_agent(), an_agent(2)
    left = another_agent(1, group=mine.groups.get())
    left.is_active = False
    left.save()
    ticket = my_case(mine, now=NOW - HOUR)
    assert told(mine) == []  # they took it themselves
    write(ticket)
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=actor_of_agent(other), now=NOW)
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=actor_of_agent(mine), now=NOW)
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=other.pk, actor=actor_of_agent(mine), now=NOW
    )
    assert told(mine) == [("requester_wrote", 1), ("agent_wrote", 1)]
    assert told(other) == [("assigned", 1)]
    assert Notice.objects.filter(agent=left).count() == 0
    assert mails_to(mine) == [MailKind.ANSWERED]
    assert mails_to(other) == [MailKind.ASSIGNED]


def test_a_warning_is_the_groups_only_where_nobody_has_the_case():
    """At risk: the assignee, else the group's members. A breach: both."""
    mine = an_agent()
    colleague = another_agent(1, group=mine.groups.get())
    nobodys = a_case(now=NOW)
    owned = my_case(mine, now=NOW)
    sweep_once(NOW + 46 * MINUTE)
    assert sorted(told(mine)) == [("at_risk", 2), ("group_at_risk", 2)]
    assert told(colleague) == [("group_at_risk", 2)]
    sweep_once(NOW + 61 * MINUTE)
    # The breach takes the warning's place, where nobody has read it.
    assert sorted(told(mine)) == [("breached", 2), ("group_breached", 2)]
    assert told(colleague) == [("group_breached", 2), ("group_breached", 2)]
    assert {owned.pk, nobodys.pk} == set(
        Notice.objects.filter(agent=colleague).values_list("ticket_id", flat=True)
    )


def test_a_new_case_is_told_to_those_of_the_group_who_ask_for_it():
    """Whether it is opened there or handed over, and not where it only loses its agent."""
    mine, above = an_agent(), an_agent(2)
    another_agent(1, group=above.groups.get())
    prefer(mine, ways={"group_opened": Ways(desk=True, browser=False, mail=Mail.NO)})
    prefer(above, ways={"group_opened": Ways(desk=True, browser=False, mail=Mail.NO)})
    ticket = a_case(now=NOW)
    assert told(mine) == [("group_opened", 1)]
    for assignee, group, actor in (
        (mine.pk, above.groups.get().pk, as_agent()),
        (None, above.groups.get().pk, as_agent()),
        (None, mine.groups.get().pk, as_agent(2)),
    ):
        assert Notice.objects.filter(agent=above).count() == 0
        commands.assign_ticket(
            ticket_id=ticket.pk, assignee_id=assignee, group_id=group, actor=actor, now=NOW
        )
    assert told(mine) == [("group_opened", 2)]
    assert Notice.objects.filter(news="group_opened").count() == 1


def test_who_climbs_is_heard_by_the_level_above_and_by_whoever_has_the_case():
    """And a case that goes up is news to the group that it comes to."""
    mine, above = an_agent(), an_agent(2)
    ticket = my_case(mine, now=NOW - 2 * HOUR)
    sweep_once(NOW)
    commands.request_escalation(
        ticket_id=ticket.pk, actor=actor_of_requester(ticket.requester), now=NOW
    )
    assert ("climbed", 1) in told(mine)
    assert told(above) == [("group_climbed", 1)]
    # The ladder rings them for it: that mail comes from there, and no second one.
    assert mails_to(above) == []
    assert mails_to(mine)[-1] == MailKind.CLIMBED
    commands.enter_level(
        ticket_id=ticket.pk, level=2, severity="B", actor=actor_of_agent(mine), now=NOW
    )
    assert told(above) == [("group_climbed", 1), ("group_raised", 1)]


def test_a_reply_refused_after_its_seconds_of_undo_is_its_authors_news(smtp):
    """They believe it sent, and may be far from the case: they hear of it as their own news."""
    mine, author = an_agent(), an_agent(2)
    ticket = my_case(mine)
    letter = holding.Letter(body="Ya está", typed="Ya está", choices={}, files=[])
    holding.hold_reply(
        ticket_id=ticket.pk, letter=letter, seconds=10, actor=actor_of_agent(author), now=NOW
    )
    for status in ("solved", "closed"):
        commands.set_status(
            ticket_id=ticket.pk, status=status, actor=actor_of_agent(mine), now=NOW + SECOND
        )
    assert holding.send_due(NOW + 10 * SECOND) == 0
    assert told(author) == [("not_sent", 1)]
    assert ("not_sent", 1) in told(mine)
    news = OutboundMail.objects.get(kind=MailKind.NEWS, recipient=author.user.email)
    assert sending.send(news.pk, now=NOW + MINUTE) == MailState.SENT
    assert "no se envió" in smtp.messages()[-1]["Subject"]


def test_a_reply_that_does_not_arrive_is_its_authors_news(smtp):
    """The clock runs again: whoever wrote must know, and whoever has the case."""
    mine, author = an_agent(), an_agent(2)
    ticket = my_case(mine)
    smtp.refuse[ticket.requester.email] = "550 5.1.1 no such user"
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=actor_of_agent(author), now=NOW)
    sending.send(OutboundMail.objects.get(kind="reply").pk, now=NOW)
    assert told(author) == [("undelivered", 1)]
    assert ("undelivered", 1) in told(mine)
    news = OutboundMail.objects.get(kind=MailKind.NEWS, recipient=author.user.email)
    assert sending.send(news.pk, now=NOW) == MailState.SENT
    text = smtp.messages()[-1].get_body(("plain",)).get_content()
    assert "Una respuesta no llegó" in text
    assert "no such user" in text


def test_a_mention_is_told_before_anything_else_the_note_says(smtp):
    """A note that mentions the assignee is a mention; an answer to its mail is kept as a note."""
    mine, author = an_agent(), an_agent(2)
    Mailbox.objects.create(key="soporte", address="soporte@demo.example", source=Source.PIPE)
    ticket = my_case(mine)
    event = commands.add_internal_note(
        ticket_id=ticket.pk, body="Mire el 504", actor=actor_of_agent(author), now=NOW
    )
    assert told(mine) == [("agent_wrote", 1)]
    evaluation = Evaluation(policy="", applied=())
    event.payload["mentions"] = [mine.pk, author.pk]
    concern = concerned.concern_of(ticket, event, evaluation)
    assert [(p.agent.pk, p.news.key) for p in concerned.people_of(concern, event)] == [
        (mine.pk, "mentioned")
    ]
    prefer(mine, ways={"agent_wrote": Ways(desk=True, browser=False, mail=Mail.NOW)})
    commands.add_internal_note(
        ticket_id=ticket.pk, body="Otra vez", actor=actor_of_agent(author), now=NOW
    )
    sending.send(OutboundMail.objects.get(kind=MailKind.NEWS).pk, now=NOW)
    sent = smtp.messages()[-1]
    assert sent["Subject"].endswith("#nota")
    assert f"[{ticket.number}] Agente de nivel 2 dejó una nota" in sent["Subject"]
    assert "Otra vez" in sent.get_body(("plain",)).get_content()
    assert "/desk/settings/notices/" in sent["List-Unsubscribe"]


def test_whoever_is_absent_is_stood_in_for():
    """The substitute is told in their place; the absent one keeps the line at the desk alone."""
    mine, substitute = an_agent(), an_agent(2)
    ticket = my_case(mine)
    concerned.register_substitutes(
        lambda agents, at: {a.pk: substitute.pk for a in agents if a.pk == mine.pk}
    )
    try:
        write(ticket)
    finally:
        concerned._substitutes.clear()
    assert told(mine) == told(substitute) == [("requester_wrote", 1)]
    assert mails_to(mine) == []
    assert mails_to(substitute) == [MailKind.ANSWERED]
    line = inbox.page(substitute, only_unread=True, now=NOW, zone=PANAMA)[0][0]
    assert line.instead_of == str(mine)
    with translation.override("es"):
        rendered = rendering.render(OutboundMail.objects.get(kind=MailKind.ANSWERED))
    assert rendered is not None
    assert f"Lo recibe en lugar de {mine}." in rendered[1]
    assert "/desk/settings/notices/" in rendered[1]


@pytest.mark.parametrize(
    ("choice", "mailed"),
    [
        pytest.param({}, True, id="the assignee's own breach comes to them, as it always did"),
        pytest.param({"reads_group_mail": True}, False, id="whoever reads the group's mail gets it there alone"),
    ],
)  # fmt: skip
def test_the_groups_mail_and_ones_own(choice, mailed):
    """The same clock and threshold by both ways only where nobody can know better."""
    mine = an_agent()
    above = an_agent(2)
    Group.objects.filter(level=1).update(email="nivel1@demo.example")
    Group.objects.filter(level=2).update(email="nivel2@demo.example")
    prefer(mine, **choice)
    ticket = my_case(mine, now=NOW)
    sweep_once(NOW + 61 * MINUTE)
    to_group = OutboundMail.objects.filter(recipient="nivel1@demo.example", kind="breached")
    assert to_group.count() == 2
    assert (MailKind.BREACHED in mails_to(mine)) is mailed
    # The escalation goes to another group's address, which is not theirs to read.
    commands.request_escalation(
        ticket_id=ticket.pk, actor=actor_of_requester(ticket.requester), now=NOW + 62 * MINUTE
    )
    assert OutboundMail.objects.filter(recipient="nivel2@demo.example", kind="climbed").exists()
    assert MailKind.CLIMBED in mails_to(mine)
    assert told(above) == [("group_climbed", 1)]
    assert mails_to(above) == []


# ── Once, and no more ─────────────────────────────────────────────────────────────────────────


def test_twenty_messages_in_one_case_are_one_line():
    """While it is unread it counts up; once read, the next is a new line."""
    mine = an_agent()
    ticket = my_case(mine)
    for number in range(20):
        write(ticket, NOW + number * MINUTE)
    assert told(mine) == [("requester_wrote", 20)]
    line = inbox.page(mine, only_unread=True, now=NOW, zone=PANAMA)[0][0]
    assert line.words == "El solicitante escribió 20 veces"
    assert line.notice.at == NOW + 19 * MINUTE
    assert inbox.read_notices(agent_id=mine.pk, ticket_id=ticket.pk, now=NOW + HOUR) == 1
    assert inbox.unread(mine) == 0
    write(ticket, NOW + 2 * HOUR)
    assert told(mine) == [("requester_wrote", 1)]


MOMENTS = st.lists(
    st.tuples(
        st.sampled_from(["clock.at_risk", "clock.breached"]),
        st.sampled_from(["first_reply", "escalated_reply#2", "escalated_reply#3"]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=12,
)


def test_a_moment_of_a_clock_is_told_once_whatever_happens_between():
    """Each (clock, threshold, deadline) reaches a person once; a new deadline is told anew."""
    mine, chain = an_agent(), iter(range(10_000))
    ticket = my_case(mine)

    @hypothesis_settings(max_examples=40)
    @given(moments=MOMENTS)
    def law(moments):
        with transaction.atomic():
            expected = []
            for kind, key, shift, reads in moments:
                due = NOW + shift * HOUR
                event = TicketEvent(
                    pk=next(chain), ticket=ticket, kind=kind, recorded_at=NOW, at=NOW,
                    payload={"key": key, "metric": "first_reply", "instant": due.isoformat()},
                )  # fmt: skip
                moment = (key.partition("#")[0], kind, due)
                person = concerned.Person(mine, BY_KEY["breached"])
                tale = Tale(ticket, event, concerned.Concern(), [person], {}, due)
                _keep_those_not_told_yet([tale])
                assert bool(tale.people) == (moment not in expected)
                expected.append(moment)
                if reads:
                    inbox.read_notices(agent_id=mine.pk, now=NOW)
            assert Told.objects.filter(agent=mine).count() == len(set(expected))
            transaction.set_rollback(True)

    law()


# ── What it costs, and what is lost when something dies ───────────────────────────────────────


def test_a_breach_costs_the_same_for_a_group_of_2_and_of_50():
    """The command's transaction does not grow with the number of people who are told."""
    mine = an_agent()
    group = mine.groups.get()
    everyone = [mine]

    def cost_with(members: int) -> int:
        while len(everyone) < members:
            everyone.append(another_agent(len(everyone), group=group))
            prefer(
                everyone[-1],
                ways={"group_breached": Ways(desk=True, browser=True, mail=Mail.NOW)},
            )
        ticket = a_case(now=NOW)
        sweep_once(NOW + 50 * MINUTE)
        with CaptureQueriesContext(connection) as made:
            assert sweep_once(NOW + 61 * MINUTE) == 2
        assert Notice.objects.filter(ticket=ticket, news="group_breached").count() == members
        ticket_mails = OutboundMail.objects.filter(ticket=ticket, kind="breached")
        assert ticket_mails.count() == 2 * (members - 1)
        return len(made)

    assert cost_with(2) == cost_with(50)


def test_rolled_back_nothing_was_told():
    """Notice, mail and job are part of the command: gone with it."""
    mine = an_agent()
    ticket = my_case(mine)
    before = OutboundMail.objects.count()
    with pytest.raises(RuntimeError), transaction.atomic():
        write(ticket)
        assert told(mine) == [("requester_wrote", 1)]
        raise RuntimeError
    assert told(mine) == []
    assert OutboundMail.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_open_screens_hear_at_commit_and_only_what_is_theirs():
    """Each person's topic gets the key of their own notice, and whether it may ring now."""
    mine, above = an_agent(), an_agent(2)
    prefer(above, hours="own", windows=[(0, 60, 120)])
    ticket = my_case(mine, now=NOW - 2 * HOUR)
    sweep_once(NOW)
    asked = ("dbname", "user", "password", "host", "port")
    own = {k: v for k, v in connection.get_connection_params().items() if k in asked}
    with psycopg.connect(**own, autocommit=True) as ear:
        ear.execute(f"LISTEN {live.CHANNEL}")
        with pytest.raises(RuntimeError), transaction.atomic():
            write(ticket)
            raise RuntimeError
        commands.request_escalation(
            ticket_id=ticket.pk, actor=actor_of_requester(ticket.requester), now=NOW
        )
        heard = [json.loads(note.payload) for note in ear.notifies(timeout=1)]
    heard = [news for news in heard if news["topic"].startswith("agent:")]
    told_of = {n.agent_id: n.pk for n in Notice.objects.filter(news__contains="climbed")}
    assert sorted(heard, key=lambda news: news["topic"]) == [
        {"topic": f"agent:{agent.pk}", "notice": told_of[agent.pk], "browser": rings}
        for agent, rings in sorted([(mine, True), (above, False)], key=lambda pair: pair[0].pk)
    ]


def quiet_night(agent: Agent) -> Ticket:
    """Let two things happen in a case while its agent is not to be told."""
    prefer(agent, **OWN_HOURS)
    ticket = my_case(agent, now=civil("2026-11-24 20:00"))
    write(ticket, civil("2026-11-24 21:00"))
    write(ticket, civil("2026-11-24 22:30"))
    sweep_once(civil("2026-11-24 22:31"))
    return ticket


MORNING = "2026-11-25 08:00"


def test_what_waited_goes_out_together_when_ones_hours_begin(smtp):
    """One mail of all cases, in the person's language and zone; the second look finds nothing."""
    mine = an_agent()
    quiet_night(mine)
    assert set(mails_to(mine)) == set()
    assert bundling.deliver_due(civil(MORNING) - MINUTE) == 0
    assert bundling.deliver_due(civil(MORNING)) == 2  # by mail and at the open screens
    assert bundling.deliver_due(civil(MORNING) + MINUTE) == 0
    mail = OutboundMail.objects.get(recipient=mine.user.email)
    assert sending.send(mail.pk, now=civil(MORNING)) == MailState.SENT
    text = smtp.messages()[-1].get_body(("plain",)).get_content()
    assert "El solicitante escribió 2 veces" in text
    mail.refresh_from_db()
    assert (mail.body_text, mail.about) == ("", {})  # what it quotes is kept nowhere


@pytest.mark.golden
def test_the_words_of_a_bundle(golden):
    """Its text, whole: grouped by case, with times of the person's own zone."""
    mine = an_agent()
    first = quiet_night(mine)
    other = my_case(mine, now=civil("2026-11-24 23:00"), subject="GetCatalog responde vacío")
    write(other, civil("2026-11-24 23:10"))
    bundling.deliver_due(civil(MORNING))
    mail = OutboundMail.objects.get(recipient=mine.user.email)
    with translation.override("es"):
        rendered = rendering.render(mail)
    assert rendered is not None
    text = rendered[1].replace(first.number, "IWS-1").replace(other.number, "IWS-2")
    golden("notices/bundle.es.txt", text)


def test_what_was_read_meanwhile_is_not_sent():
    """A digest holds what one has not seen."""
    mine = an_agent()
    ticket = quiet_night(mine)
    inbox.read_notices(agent_id=mine.pk, ticket_id=ticket.pk, now=civil("2026-11-25 07:00"))
    assert bundling.deliver_due(civil(MORNING)) == 0
    assert mails_to(mine) == []


def test_killed_at_any_line_neither_lost_nor_doubled():
    """However far a process came before it died, the next look makes it one mail in all."""
    mine = an_agent()
    quiet_night(mine)

    def dies_after(statements: int) -> bool:
        """Die after so many statements; say whether it came to that."""
        made = iter(range(1, 10_000))

        def counted(execute, sql, params, many, context):
            result = execute(sql, params, many, context)
            if next(made) == statements:
                raise KeyboardInterrupt
            return result

        try:
            with connection.execute_wrapper(counted):
                bundling.deliver_due(civil(MORNING))
        except KeyboardInterrupt:
            return True
        return False

    died = 0
    for statements in range(1, 100):
        with transaction.atomic():
            if not dies_after(statements):
                break
            died += 1
            bundling.deliver_due(civil(MORNING) + MINUTE)
            assert mails_to(mine) == [MailKind.NEWS_BUNDLE]
            assert not Notice.objects.exclude(mail_at=None, browser_at=None).exists()
            transaction.set_rollback(True)
    assert died > 10


def test_a_leaver_gets_no_bundle():
    """What waits for somebody who was deactivated goes nowhere, and is looked at no more."""
    mine = an_agent()
    quiet_night(mine)
    Agent.objects.filter(pk=mine.pk).update(is_active=False)
    mine.refresh_from_db()
    bundling.deliver_due(civil(MORNING))
    assert mails_to(mine) == []
    assert not Notice.objects.exclude(mail_at=None).exists()
    assert inbox.page(mine, only_unread=True, now=NOW, zone=PANAMA) == ([], "")
    assert inbox.unread(mine) == 0


def test_another_preference_holds_for_what_waits_already():
    """Whoever wants no mails any more gets none of those that wait; whoever wants them now, now."""
    mine = an_agent()
    quiet_night(mine)
    later = civil("2026-11-24 23:30")
    prefer(mine, now=later)  # at any hour again
    assert bundling.deliver_due(later) == 2
    assert mails_to(mine) == [MailKind.NEWS_BUNDLE]
    prefer(mine, now=later, **OWN_HOURS)
    write(Ticket.objects.get(), later)
    prefer(mine, now=later, ways={news.key: NOTHING for news in ALL}, **OWN_HOURS)
    assert bundling.deliver_due(civil(MORNING)) == 0


def test_reading_can_be_taken_back():
    """Undo brings back what was read in one go, unless more of the same came since."""
    mine = an_agent()
    one, two = my_case(mine), my_case(mine)
    write(one)
    write(two)
    assert inbox.read_notices(agent_id=mine.pk, now=NOW + HOUR) == 2
    write(two, NOW + 2 * HOUR)
    assert inbox.unread_notices(agent_id=mine.pk, read_at=NOW + HOUR) == 1
    assert sorted(told(mine)) == [("requester_wrote", 1), ("requester_wrote", 1)]


def test_old_notices_are_forgotten():
    """What was read long ago goes; what is unread or waits stays for a year."""
    mine = an_agent()
    ticket = my_case(mine)
    write(ticket)
    bundling.forget(now=NOW + 100 * DAY)
    assert inbox.unread(mine) == 1
    inbox.read_notices(agent_id=mine.pk, now=NOW)
    bundling.forget(now=NOW + 30 * DAY)
    assert Notice.objects.count() == 1
    bundling.forget(now=NOW + 61 * DAY)
    assert Notice.objects.count() == 0


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param([], id="own hours without a span"),
        pytest.param([(0, 60, 180), (0, 120, 240)], id="spans that overlap"),
        pytest.param([(6, 23 * 60, 26 * 60), (0, 60, 120)], id="Sunday night runs into Monday"),
    ],
)
def test_hours_that_cannot_be_are_refused(windows):
    """With a sentence that says what to do."""
    with pytest.raises(BadHours, match="franja"):
        prefer(an_agent(), hours="own", windows=windows)


def test_only_what_differs_is_a_choice():
    """Whoever saves the screen as it is follows the defaults, also when they change."""
    mine = an_agent()
    assert prefer(mine).choices == {}
    saved = prefer(mine, ways={"mentioned": Ways(desk=False, browser=False, mail=Mail.DIGEST)})
    assert saved.choices == {"mentioned": {"browser": False, "mail": "digest"}}
    assert ways_of(BY_KEY["mentioned"], saved).desk  # what is mailed stands at the desk as well
    preferences.reset_preference(agent_id=mine.pk, actor=as_agent(), now=NOW)
    assert Preference.objects.count() == 0
