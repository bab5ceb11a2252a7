"""Commands: what each does to a ticket, what it refuses, and what holds however they meet."""

import inspect
import threading
from datetime import timedelta

import pytest
from django.db import connection

from plazo.accounts.access import actor_of_requester
from plazo.core.actor import Actor
from plazo.core.errors import PlazoError
from plazo.notifications.models import OutboundMail
from plazo.tickets import commands, errors, queries
from plazo.tickets.models import InternalNote, PublicMessage, Status, Ticket, TicketEvent
from tests.factory import TUESDAY, a_case, a_requester, as_agent

pytestmark = pytest.mark.django_db
NOW = TUESDAY
MINUTE = timedelta(minutes=1)


def kinds(ticket: Ticket) -> list[str]:
    return [event.kind for event in queries.chain_of(ticket)]


def test_opening_gives_a_number_and_the_first_clocks():
    """A case gets a number of the agreement's prefix, and one hour of open time for two duties."""
    ticket = a_case(now=NOW)
    assert ticket.number.startswith("IWS-")
    assert {c["key"] for c in ticket.clocks} == {"first_reply", "scope_verdict"}
    assert ticket.next_due_at == NOW + timedelta(hours=1)
    assert ticket.next_alarm_at == NOW + timedelta(minutes=45)
    assert ticket.status == Status.NEW


def test_a_form_sent_twice_makes_one_ticket():
    """The same submission returns the ticket that it made."""
    first = a_case(submission_key="once")
    assert a_case(submission_key="once").pk == first.pk
    assert Ticket.objects.count() == 1


def test_the_same_words_of_two_people_are_two_messages():
    """A double click is one person's; two who confirm in the same words have both said so."""
    ticket = a_case(now=NOW)
    actors = [actor_of_requester(p) for p in (ticket.requester, a_requester("otra@x.example"))]
    made = [
        commands.reply_as_requester(
            ticket_id=ticket.pk, body="Confirmado.", actor=actor, now=NOW + MINUTE
        ).payload["message"]
        for actor in (actors[0], actors[0], actors[1], actors[1])
    ]
    assert len(set(made)) == 2
    assert made[0] == made[1]
    assert made[2] == made[3]


def test_a_reply_meets_the_clock_and_opens_the_ticket():
    """The first public reply stops the first clock and leaves `new` behind."""
    ticket = a_case(now=NOW)
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="**Hola**", actor=as_agent(), now=NOW + 10 * MINUTE
    )
    ticket.refresh_from_db()
    assert ticket.status == Status.OPEN
    first = next(c for c in ticket.clocks if c["key"] == "first_reply")
    assert first["state"] == "met"
    message = PublicMessage.objects.get(author_agent__isnull=False)
    assert message.body_html == "<p><strong>Hola</strong></p>\n"


def test_a_note_is_no_reply_and_has_no_way_out():
    """A note stops no clock, and shares no row with what is sent."""
    ticket = a_case(now=NOW)
    commands.add_internal_note(ticket_id=ticket.pk, body="x", actor=as_agent(), now=NOW + MINUTE)
    ticket.refresh_from_db()
    assert ticket.status == Status.NEW
    assert InternalNote.objects.count() == 1
    assert PublicMessage.objects.filter(author_agent__isnull=False).count() == 0
    public = queries.conversation(ticket, queries.chain_of(ticket), internal=False)
    assert [entry.event.kind for entry in public] == ["ticket.opened"]


def test_a_failed_delivery_takes_the_reply_back():
    """The clock stands as if the reply had not been sent, and the failure is told once."""
    ticket = a_case(now=NOW)
    event = commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Hola", actor=as_agent(), now=NOW + MINUTE
    )
    for _ in range(2):
        commands.record_delivery_failure(
            ticket_id=ticket.pk,
            message_id=event.payload["message"],
            reason="550 no such user",
            actor=Actor.system("mail"),
            now=NOW + 5 * MINUTE,
        )
    ticket.refresh_from_db()
    first = next(c for c in ticket.clocks if c["key"] == "first_reply")
    assert first["state"] == "running"
    assert kinds(ticket).count("reply.delivery_failed") == 1


def test_level_two_needs_a_severity():
    """Nothing enters level 2 without one; with one, its clock starts at that instant."""
    ticket = a_case(now=NOW)
    with pytest.raises(errors.SeverityRequired):
        commands.enter_level(ticket_id=ticket.pk, level=2, actor=as_agent(), now=NOW + MINUTE)
    commands.enter_level(
        ticket_id=ticket.pk, level=2, severity="B", actor=as_agent(), now=NOW + MINUTE
    )
    ticket.refresh_from_db()
    assert (ticket.level, ticket.severity, ticket.status) == (2, "B", Status.OPEN)
    clock = next(c for c in ticket.clocks if c["key"] == "escalated_reply")
    assert clock["due_at"] == (NOW + MINUTE + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    with pytest.raises(errors.AlreadyAtLevel):
        commands.enter_level(ticket_id=ticket.pk, level=2, actor=as_agent(), now=NOW + 2 * MINUTE)


def test_the_requesters_word_ends_the_wait():
    """Pending for the requester pauses level 2; their answer opens it and moves the deadline."""
    ticket = a_case(now=NOW)
    agent = as_agent()
    commands.enter_level(ticket_id=ticket.pk, level=2, severity="B", actor=agent, now=NOW)
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="requester", reason="un reporte",
        actor=agent, now=NOW + 30 * MINUTE,
    )  # fmt: skip
    ticket.refresh_from_db()
    assert next(c for c in ticket.clocks if c["key"] == "escalated_reply")["state"] == "paused"
    commands.reply_as_requester(
        ticket_id=ticket.pk,
        body="aquí",
        actor=actor_of_requester(a_requester()),
        now=NOW + 90 * MINUTE,
    )
    ticket.refresh_from_db()
    assert (ticket.status, ticket.waiting_for) == (Status.OPEN, "")
    clock = next(c for c in ticket.clocks if c["key"] == "escalated_reply")
    assert clock["due_at"] == (NOW + timedelta(hours=3)).isoformat().replace("+00:00", "Z")


def test_a_reply_that_waits_says_anew_whom_for():
    """Answering while the ticket waits for another area, and asking the requester: from then on it
    waits for them, and for what the reply says. Before, both were dropped without a word."""
    ticket, by = a_case(now=NOW), as_agent()
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="area", reason="Crédito",
        actor=by, now=NOW + MINUTE,
    )  # fmt: skip
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="¿Nos manda la traza?", then="pending", waiting_for="requester",
        reason="la traza", actor=by, now=NOW + 2 * MINUTE,
    )  # fmt: skip
    ticket.refresh_from_db()
    assert (ticket.waiting_for, ticket.waiting_reason) == ("requester", "la traza")
    with pytest.raises(errors.WaitingForUnknown):
        commands.reply_to_ticket(
            ticket_id=ticket.pk, body="otra", then="pending", actor=by, now=NOW + 3 * MINUTE
        )
    assert kinds(ticket).count("ticket.replied") == 1


@pytest.mark.parametrize(
    "write", [commands.reply_to_ticket, commands.add_internal_note], ids=["a reply", "a note"]
)
def test_what_an_agent_sends_twice_goes_out_once(write):
    """A double click, or a page sent again after the network came back: the second one is the
    first, and the requester gets one mail. A colleague's same words, or later ones, are new."""
    ticket, by = a_case(now=NOW), as_agent()
    first = write(ticket_id=ticket.pk, body="Hola", actor=by, now=NOW + MINUTE)
    again = write(ticket_id=ticket.pk, body="Hola", actor=by, now=NOW + MINUTE)
    assert again.pk == first.pk
    write(ticket_id=ticket.pk, body="Hola", actor=as_agent(2), now=NOW + MINUTE)
    write(ticket_id=ticket.pk, body="Hola", actor=by, now=NOW + 3 * MINUTE)
    assert kinds(ticket).count(first.kind) == 3
    assert OutboundMail.objects.filter(ticket=ticket, kind="reply").count() == (
        3 if write is commands.reply_to_ticket else 0
    )


def test_a_reply_sent_again_does_only_what_the_first_did_not_ask_for():
    """Sent, and then the same words “and solve”: one reply, and the case is solved. The very same
    once more changes nothing, not even what the requester undid meanwhile."""
    ticket, by = a_case(now=NOW), as_agent()
    by_then = NOW + 120 * MINUTE
    for seconds, wanted in enumerate(
        [{}, {"promise_by": by_then}, {"promise_by": by_then}, {"then": "solved"}]
    ):
        at = NOW + MINUTE + timedelta(seconds=seconds)
        commands.reply_to_ticket(ticket_id=ticket.pk, body="Hola", actor=by, now=at, **wanted)
    found = kinds(ticket)
    assert [found.count(kind) for kind in ("ticket.replied", "promise.made")] == [1, 1]
    ticket.refresh_from_db()
    assert ticket.status == Status.SOLVED

    other = a_case(now=NOW, subject="Otro")
    solve = {"ticket_id": other.pk, "body": "Listo", "then": "solved", "actor": by}
    commands.reply_to_ticket(**solve, now=NOW + MINUTE)
    commands.reopen_ticket(
        ticket_id=other.pk, actor=actor_of_requester(other.requester), now=NOW + MINUTE
    )
    commands.reply_to_ticket(**solve, now=NOW + MINUTE)
    other.refresh_from_db()
    assert (other.status, kinds(other).count("ticket.replied")) == (Status.OPEN, 1)


def test_a_reopening_says_who_did_it():
    """By the requester it begins their waits anew (M-35); by an agent it does not."""
    ticket, by = a_case(now=NOW), as_agent()
    for actor, said in ((by, False), (actor_of_requester(ticket.requester), True)):
        commands.set_status(ticket_id=ticket.pk, status="solved", actor=by, now=NOW + MINUTE)
        event = commands.reopen_ticket(ticket_id=ticket.pk, actor=actor, now=NOW + 2 * MINUTE)
        assert event.payload["by_requester"] is said


def test_reopening_has_a_window_for_requesters_only():
    """A requester may take a solution back for seven days; an agent always may."""
    ticket = a_case(now=NOW)
    agent, requester = as_agent(), actor_of_requester(a_requester())
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=agent, now=NOW + MINUTE)
    late = NOW + timedelta(days=7, minutes=2)
    with pytest.raises(errors.ReopenWindowOver):
        commands.reply_as_requester(ticket_id=ticket.pk, body="no", actor=requester, now=late)
    ticket.refresh_from_db()
    assert ticket.status == Status.SOLVED
    commands.reopen_ticket(ticket_id=ticket.pk, actor=agent, now=late)
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=agent, now=late + MINUTE)
    commands.reply_as_requester(
        ticket_id=ticket.pk, body="otra vez", actor=requester, now=late + 2 * MINUTE
    )
    ticket.refresh_from_db()
    assert ticket.status == Status.OPEN


GRID = """
            new  open  pending  on_hold  solved  closed
new         no   yes   yes      yes      yes     no
open        no   no    yes      yes      yes     no
pending     no   yes   yes      yes      yes     no
on_hold     no   yes   yes      no       yes     no
solved      no   yes   no       no       no      yes
closed      no   no    no       no       no      no
"""


def pairs_of_statuses():
    """Yield from, to and whether an agent may, for each cell of the grid."""
    head, *rows = [line.split() for line in GRID.strip().splitlines()]
    for previous, *cells in rows:
        for following, cell in zip(head, cells, strict=True):
            yield pytest.param(
                previous, following, cell == "yes", id=f"{previous} to {following}: {cell}"
            )


def test_the_grid_holds_every_status():
    """No status is forgotten in the grid below which every pair is tried."""
    head, *rows = [line.split() for line in GRID.strip().splitlines()]
    assert head == [row[0] for row in rows] == list(Status.values)


@pytest.mark.parametrize(("previous", "following", "allowed"), list(pairs_of_statuses()))
def test_every_pair_of_statuses_is_allowed_or_refused(previous, following, allowed):
    """Each pair does what the grid says; a solved ticket that is opened is reopened."""
    ticket = a_case(now=NOW)
    agent = as_agent()
    steps = {"closed": ["solved", "closed"], "new": []}.get(previous, [previous])
    at = NOW
    for step in steps:
        at += MINUTE
        commands.set_status(
            ticket_id=ticket.pk,
            status=step,
            waiting_for="requester",
            reason="x",
            actor=agent,
            now=at,
        )
    try:
        commands.set_status(
            ticket_id=ticket.pk, status=following, waiting_for="area", reason="y",
            actor=agent, now=at + MINUTE,
        )  # fmt: skip
    except PlazoError as error:
        assert not allowed, error
    else:
        assert allowed
        ticket.refresh_from_db()
        assert ticket.status == following


@pytest.mark.parametrize(
    ("command", "error"),
    [
        pytest.param(lambda t, by: commands.reply_to_ticket(ticket_id=t, body=" \n", **by), errors.EmptyBody, id="an empty reply"),
        pytest.param(lambda t, by: commands.add_internal_note(ticket_id=t, body="", **by), errors.EmptyBody, id="an empty note"),
        pytest.param(lambda t, by: commands.set_severity(ticket_id=t, severity="Z", **by), errors.UnknownSeverity, id="a severity that the agreement lacks"),
        pytest.param(lambda t, by: commands.set_status(ticket_id=t, status="pending", **by), errors.WaitingForUnknown, id="pending for nobody"),
        pytest.param(lambda t, by: commands.set_status(ticket_id=t, status="pending", waiting_for="requester", reason=" ", **by), errors.WaitingForUnknown, id="pending for no reason"),
        pytest.param(lambda t, by: commands.assign_ticket(ticket_id=t, assignee_id=999_999, **by), errors.UnknownAgent, id="an agent who is not there"),
        pytest.param(lambda t, by: commands.give_verdict(ticket_id=t, in_scope=False, clause="none", **by), errors.UnknownChoice, id="a clause that the agreement lacks"),
        pytest.param(lambda t, by: commands.reopen_ticket(ticket_id=t, **by), errors.StatusRefused, id="reopening what is open"),
        pytest.param(lambda t, by: commands.reply_to_ticket(ticket_id=t, body="x", then="pending", **by), errors.WaitingForUnknown, id="reply and wait for nobody"),
        pytest.param(lambda t, by: commands.enter_level(ticket_id=t, level=9, severity="B", **by), errors.UnknownLevel, id="a level that the ladder lacks"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_no_trace(command, error):
    """A refused command appends nothing and says what to do."""
    ticket = a_case(now=NOW)
    with pytest.raises(error) as refused:
        command(ticket.pk, {"actor": as_agent(), "now": NOW + MINUTE})
    assert refused.value.user_message()
    assert kinds(ticket) == ["ticket.opened"]
    assert PublicMessage.objects.count() == 1


def test_a_closed_ticket_takes_notes_and_nothing_else():
    """Closed is for good: no reply, no status, no severity; a note may still be kept."""
    ticket = a_case(now=NOW)
    by = {"actor": as_agent(), "now": NOW + MINUTE}
    for status in ("solved", "closed"):
        commands.set_status(ticket_id=ticket.pk, status=status, **by)
    for refused in (
        lambda: commands.reply_to_ticket(ticket_id=ticket.pk, body="x", **by),
        lambda: commands.set_severity(ticket_id=ticket.pk, severity="A", **by),
        lambda: commands.assign_ticket(ticket_id=ticket.pk, assignee_id=None, group_id=None, **by),
        lambda: commands.reply_as_requester(
            ticket_id=ticket.pk, body="x", actor=actor_of_requester(a_requester()), now=NOW
        ),
    ):
        with pytest.raises(errors.TicketClosed):
            refused()
    commands.add_internal_note(ticket_id=ticket.pk, body="queda dicho", **by)


def test_time_never_goes_back_on_a_timeline():
    """Two commands whose clocks disagree are recorded in the order in which they got the lock."""
    ticket = a_case(now=NOW)
    by = as_agent()
    commands.set_severity(ticket_id=ticket.pk, severity="A", actor=by, now=NOW + 10 * MINUTE)
    commands.set_severity(ticket_id=ticket.pk, severity="B", actor=by, now=NOW + 5 * MINUTE)
    instants = [event.at for event in queries.chain_of(ticket)]
    assert instants == sorted(instants)


def test_every_command_takes_keywords_an_actor_and_a_now():
    """The shape of a command is the same everywhere."""
    public = [
        value
        for name, value in vars(commands).items()
        if inspect.isfunction(value)
        and value.__module__.startswith(commands.__name__)
        and name[0] != "_"
    ]
    assert len(public) >= 14
    for command in public:
        parameters = inspect.signature(command).parameters
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values()), command.__name__
        if command is not commands.record_delivery:  # no fact of the timeline
            assert {"actor", "now"} <= parameters.keys(), command.__name__


def test_an_erased_text_leaves_every_evaluation_unchanged():
    """The law may take a text away; the fact and its instants stay, and the chain holds."""
    ticket = a_case(now=NOW)
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Hola", actor=as_agent(), now=NOW + MINUTE)
    ticket.refresh_from_db()
    before = ticket.clocks
    message = PublicMessage.objects.filter(author_requester__isnull=False).get()
    commands.redact_message(message_id=message.pk, actor=as_agent(), now=NOW + 2 * MINUTE)
    message.refresh_from_db()
    ticket.refresh_from_db()
    assert (message.body_text, message.body_html) == ("", "")
    assert ticket.clocks == before


def run_at_once(*calls):
    """Run calls in threads of their own, released together; return what they raised."""
    barrier, raised = threading.Barrier(len(calls)), []

    def run(call):
        try:
            barrier.wait()
            call()
        except Exception as error:  # noqa: BLE001 - handed to the test
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return raised


@pytest.mark.django_db(transaction=True)
def test_replies_at_once_follow_each_other():
    """Eight agents who press send together get eight events without a gap."""
    ticket = a_case(now=NOW)
    actor = as_agent()
    calls = [
        lambda n=n: commands.reply_to_ticket(
            ticket_id=ticket.pk, body=f"respuesta {n}", actor=actor, now=NOW + n * MINUTE
        )
        for n in range(8)
    ]
    assert run_at_once(*calls) == []
    sequences = list(TicketEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    assert sequences == list(range(1, 11))  # opened, eight replies, one status


@pytest.mark.django_db(transaction=True)
def test_a_reply_sent_twice_at_once_goes_out_once():
    """Two requests with one reply race; the lock lets the second one see the first."""
    ticket, actor = a_case(now=NOW), as_agent()
    call = lambda: commands.reply_to_ticket(  # noqa: E731
        ticket_id=ticket.pk, body="Hola", actor=actor, now=NOW + MINUTE
    )
    assert run_at_once(call, call, call) == []
    assert kinds(ticket).count("ticket.replied") == 1


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_once_makes_one_ticket():
    """Two requests with one submission key race; both get the same ticket."""
    requester = a_requester()
    made = []
    call = lambda: made.append(a_case(requester=requester, submission_key="twice").pk)  # noqa: E731
    assert run_at_once(call, call, call) == []
    assert len(set(made)) == 1
    assert Ticket.objects.count() == 1
