"""Actions: each does what it says through a command, and what one refuses harms no other."""

from datetime import timedelta
from typing import Any

import pytest

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Group
from plazo.automation import actions
from plazo.automation.refusals import BadAction
from plazo.tickets import commands
from plazo.tickets.models import InternalNote, Ticket
from tests.factory import TUESDAY, a_case, an_agent, as_agent

pytestmark = pytest.mark.django_db
NOW = TUESDAY


def do(ticket: Ticket, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
    agent = an_agent()
    doing = actions.Doing(ticket.pk, actor_of_agent(agent), NOW, agent=agent)
    return actions.perform(actions.read(wanted, "macro"), doing)


ROWS: list[tuple[str, dict[str, Any], str, Any]] = [
    ("solve", {"action": "status", "status": "solved"}, "status", "solved"),
    (
        "wait",
        {"action": "status", "status": "pending", "reason": "Los  registros de {{ticket.number}}"},
        "waiting_reason",
        "Los registros de {number}",
    ),
    ("take it", {"action": "assign", "to": "me"}, "assignee_id", "agent"),
    ("to a group", {"action": "assign", "to": "group:{group}"}, "group_id", "group"),
    ("severity", {"action": "severity", "severity": "A"}, "severity", "A"),
    ("level", {"action": "level", "level": 2, "severity": "B"}, "level", 2),
    ("tags", {"action": "add_tags", "tags": "Pago, lento"}, "tags", ["lento", "pago", "viejo"]),
    ("no tag", {"action": "remove_tags", "tags": ["viejo"]}, "tags", []),
    ("in scope", {"action": "verdict", "verdict": "in_scope"}, "verdict", "in_scope"),
]


@pytest.mark.parametrize(
    ("wanted", "column", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_an_action_does_what_it_says(wanted, column, expected):
    """Each row is an action and the column that shows it; again, it has nothing to do."""
    ticket, group = a_case(), Group.objects.create(key="otro", name="Otro")
    commands.change_tags(ticket_id=ticket.pk, add=["viejo"], actor=as_agent(), now=NOW)
    words = {"agent": an_agent().pk, "group": group.pk}
    if "to" in wanted:
        wanted = wanted | {"to": wanted["to"].format(group=group.pk)}
    if isinstance(expected, str):
        expected = words.get(expected, expected.format(number=ticket.number))
    (outcome,) = do(ticket, wanted)
    ticket.refresh_from_db()
    assert outcome["result"] == "done", outcome
    assert outcome["event"] <= ticket.last_sequence
    assert getattr(ticket, column) == expected
    assert [each["result"] for each in do(ticket, wanted)] == ["nothing"]


def test_a_note_is_filled_in_and_stays_with_the_team():
    """Variables become what the ticket says, in the agreement's own zone."""
    ticket = a_case()
    do(ticket, {"action": "note", "text": "Caso {{ticket.number}} de {{requester.name}}"})
    note = InternalNote.objects.get()
    assert note.body_text == f"Caso {ticket.number} de Compras Andina"


def test_what_one_action_is_refused_harms_no_other():
    """The refusal is kept with its reason in words, and the rest is done."""
    ticket = a_case()
    outcomes = do(
        ticket,
        {"action": "add_tags", "tags": ["uno"]},
        {"action": "level", "level": 2},
        {"action": "severity", "severity": "C"},
    )
    ticket.refresh_from_db()
    assert [each["result"] for each in outcomes] == ["done", "refused", "done"]
    assert "severidad" in actions.refusal(outcomes[1]) or "severity" in actions.refusal(outcomes[1])
    assert (ticket.tags, ticket.level, ticket.severity) == (["uno"], 1, "C")


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "explode"},
        {"action": "status", "status": "new"},
        {"action": "status", "status": "pending"},
        {"action": "assign", "to": "agent:x"},
        {"action": "level", "level": 1},
        {"action": "add_tags", "tags": " , "},
        {"action": "note", "text": "  "},
        {"action": "answer", "text_es": "solo las reglas"},
        {"action": "tell", "to": "assignee", "text": "solo las reglas"},
        "status",
    ],
    ids=str,
)
def test_what_could_not_be_done_cannot_be_said(wrong):
    """An action that lacks something, or is not a macro's, is refused when it is read."""
    with pytest.raises(BadAction):
        actions.read([wrong], "macro")


def test_what_is_read_is_what_was_written():
    """Reading what an action says of itself gives the same action."""
    for _name, wanted, _column, _expected in ROWS:
        if "{" in str(wanted.get("to")):
            continue
        (action,) = actions.read([wanted], "macro")
        assert actions.read([action.to_json()], "macro") == (action,)
        assert action.words(actions.Names())


def test_a_late_hour_of_the_world():
    """The time of a variable is the agreement's: 14:52 there is 19:52 in UTC."""
    ticket = a_case(now=NOW - timedelta(minutes=30))
    do(ticket, {"action": "note", "text": "Vence {{due}}"})
    assert "15:22" in InternalNote.objects.get().body_text
