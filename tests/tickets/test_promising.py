"""Promised updates, and what a text may name: people and variables."""

from datetime import timedelta

import pytest

from plazo.accounts.models import Organization
from plazo.tickets import commands, errors, mentions, queries, variables
from plazo.tickets.models import PublicMessage, TicketEvent
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
NOW = TUESDAY


def reply(ticket, body, now, **fields):
    """Answer as the agent of level 1."""
    return commands.reply_to_ticket(
        ticket_id=ticket.pk, body=body, actor=as_agent(), now=now, **fields
    )


def clocks(ticket):
    """The states of the promised updates, in their order."""
    ticket.refresh_from_db()
    return [c["state"] for c in ticket.clocks if c["metric"] == "promised_update"]


def test_a_reply_promises_the_next_update_and_the_next_reply_brings_it():
    """One action says the words and gives the hour; the next reply keeps it, and may give anew."""
    ticket = a_case(now=NOW)
    reply(ticket, "Lo miramos", NOW + MINUTE, promise_by=NOW + 60 * MINUTE)
    assert clocks(ticket) == ["running"]
    reply(ticket, "Sigue así", NOW + 50 * MINUTE, promise_by=NOW + 120 * MINUTE)
    assert clocks(ticket) == ["met", "running"]
    reply(ticket, "Listo", NOW + 121 * MINUTE, then="solved")
    assert clocks(ticket) == ["met", "breached"]


def test_a_reply_that_never_arrived_brought_nothing():
    """The promise stands as if it had not been kept; sent again, the reply keeps it then."""
    ticket = a_case(now=NOW)
    reply(ticket, "Lo miramos", NOW + MINUTE, promise_by=NOW + 60 * MINUTE)
    reply(ticket, "Aquí está", NOW + 10 * MINUTE)
    message = PublicMessage.objects.get(body_text="Aquí está")
    by = {"ticket_id": ticket.pk, "message_id": message.pk, "actor": as_agent()}
    commands.record_delivery_failure(reason="550", now=NOW + 11 * MINUTE, **by)
    assert clocks(ticket) == ["running"]
    commands.send_reply_again(now=NOW + 20 * MINUTE, **by)
    assert clocks(ticket) == ["met"]


def test_a_reply_promises_no_second_solution():
    """One of each kind stands: what a reply cannot keep, it cannot promise once more."""
    ticket = a_case(now=NOW)
    by = {"ticket_id": ticket.pk, "actor": as_agent(), "now": NOW, "promised": "solution"}
    commands.make_promise(by=NOW + 60 * MINUTE, **by)
    with pytest.raises(errors.PromiseStands):
        commands.reply_to_ticket(body="En ello", promise_by=NOW + 90 * MINUTE, **by)
    assert not TicketEvent.objects.filter(ticket=ticket, kind="ticket.replied").exists()


def test_a_promise_is_moved_in_time_and_with_a_reason():
    """Before its instant, saying why; after it, it was broken, and moving would hide that."""
    ticket = a_case(now=NOW)
    by = {"ticket_id": ticket.pk, "actor": as_agent()}
    commands.make_promise(by=NOW + 60 * MINUTE, now=NOW, **by)
    with pytest.raises(errors.PromiseStands):
        commands.make_promise(by=NOW + 90 * MINUTE, now=NOW, **by)
    move = {"promise": "update-1", "by": NOW + 90 * MINUTE, **by}
    with pytest.raises(errors.ReasonRequired):
        commands.move_promise(reason=" ", now=NOW, **move)
    commands.move_promise(reason="Falta el proveedor", now=NOW + 60 * MINUTE, **move)
    assert clocks(ticket) == ["running"]
    late = {**move, "by": NOW + 300 * MINUTE}
    with pytest.raises(errors.PromiseNotOpen):
        commands.move_promise(reason="Otra vez", now=NOW + 91 * MINUTE, **late)
    with pytest.raises(errors.PromiseNotOpen):
        commands.move_promise(reason="x", now=NOW, **{**move, "promise": "update-9"})


@pytest.mark.parametrize(
    "by",
    [
        pytest.param(NOW, id="now is no later"),
        pytest.param(NOW - MINUTE, id="what has passed"),
        pytest.param(NOW + timedelta(days=61), id="farther than anybody waits"),
    ],
)
def test_a_promise_is_for_later(by):
    """An hour that has passed, or a year that somebody mistyped, is refused."""
    ticket = a_case(now=NOW)
    with pytest.raises(errors.PromiseOutOfRange):
        commands.make_promise(ticket_id=ticket.pk, by=by, actor=as_agent(), now=NOW)


def test_the_requester_reads_the_hour_with_the_words():
    """In the conversation the promise stands in its reply, and not as an event beside it."""
    ticket = a_case(now=NOW)
    reply(ticket, "Lo miramos", NOW + MINUTE, promise_by=NOW + 60 * MINUTE)
    reply(ticket, "Aquí está", NOW + 10 * MINUTE)
    ticket.refresh_from_db()
    entries = queries.conversation(ticket, queries.chain_of(ticket), internal=False)
    assert [e.promised_by for e in entries if e.message] == [None, NOW + 60 * MINUTE, None]
    assert not [e for e in entries if e.event.kind.startswith("promise.")]


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("@Agente de nivel 1 mire esto", [1]),
        ("Lo ve @agente de nivel 2, y @Agente de nivel 1.", [1, 2]),
        ("@Nivel 2: ¿alguien?", [2]),
        ("correo@Agente de nivel 1", []),
        ("@Agente de nivel 12", []),
        ("@nadie", []),
        ("sin nadie", []),
    ],
)
def test_a_note_names_people_and_groups(text, levels):
    """By `@` and the whole name; a group means its people; an address names nobody."""
    by_level = {level: an_agent(level).pk for level in (1, 2)}
    assert mentions.mentioned_in(text) == sorted(by_level[level] for level in levels)


def test_a_mention_is_kept_with_the_note_alone():
    """The note's event knows whom it names; the requester's conversation holds none of it."""
    ticket = a_case(now=NOW)
    second = an_agent(2)
    event = commands.add_internal_note(
        ticket_id=ticket.pk, body="@Agente de nivel 2 ¿lo ve?", actor=as_agent(), now=NOW
    )
    assert event.payload["mentions"] == [second.pk]
    assert event.audience == "internal"


def test_variables_are_filled_and_what_is_unknown_stays():
    """Values come from a declared list; a name with Markdown in it stays a name."""
    requester = a_requester(name="Ana *la* [x](http://malo.example)")
    requester.organization = Organization.objects.create(name="Andina", slug="andina")
    requester.save()
    ticket = a_case(requester=requester, now=NOW)
    ticket.refresh_from_db()
    text = "{{requester.name}} de {{ organization }}: {{ticket.number}}, {{due}}, {{agent.user}}"
    filled = variables.fill(
        text, ticket=ticket, agent=an_agent(), language="es", zone="America/Panama", now=NOW
    )
    assert filled == (
        rf"Ana \*la\* \[x\](http://malo.example) de Andina: {ticket.number},"
        " a las 15:52 EST, {{agent.user}}"
    )
    assert variables.unknown_in(text) == ["agent.user"]


def test_a_deadline_of_ours_is_told_to_nobody():
    """“due” is what was promised to the requester: the scope verdict's hour is the team's own."""
    ticket = a_case(now=NOW)
    reply(ticket, "Lo miramos", NOW + MINUTE)
    ticket.refresh_from_db()
    running = {c["metric"] for c in ticket.clocks if c["state"] == "running"}
    assert (running, ticket.next_due_at is None) == ({"scope_verdict"}, False)
    filled = variables.fill(
        "{{due}}", ticket=ticket, agent=None, language="es", zone="America/Panama", now=NOW
    )
    assert filled == "–"
