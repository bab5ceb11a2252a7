"""Changes to the team: what is written down of each, and what is refused."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from plazo.accounts import staff, team
from plazo.accounts.models import Agent, Group, Role
from plazo.config.wiring import connect_readers
from plazo.core.models import AuditEntry
from plazo.tickets import commands
from plazo.tickets.errors import UnknownAgent
from tests.factory import PASSWORD, TUESDAY, a_case, an_agent, as_agent, publish_iws
from tests.mails import a_mailbox

pytestmark = pytest.mark.django_db


def by() -> dict[str, object]:
    return {"actor": as_agent(2), "now": TUESDAY}


def trail() -> list[tuple[str, str]]:
    return [(e.what, e.subject) for e in AuditEntry.objects.order_by("pk")]


def changed(agent: Agent, **other: object) -> Agent:
    values: dict[str, object] = {
        "name": agent.user.name, "role": agent.role, "level": agent.level, "title": agent.title,
        "groups": [group.key for group in agent.groups.all()],
    }  # fmt: skip
    return staff.change_agent(agent_id=agent.pk, **values | other, **by())  # type: ignore[arg-type]


def test_each_change_of_a_group_is_written_down_and_none_where_nothing_changes():
    """From what to what, by name; saving a form as it was is no change."""
    member = an_agent(1)
    group = team.add_group(key="nocturno", name="Nocturno", members=[member.pk], **by())
    values = {"group_id": group.pk, "level": None, "email": "", "members": [member.pk]}
    staff.change_group(name="Turno de noche", **values, **by())
    staff.change_group(name="Turno de noche", **values, **by())
    staff.remove_group(group_id=group.pk, **by())
    assert trail() == [
        ("group.added", "group:nocturno"),
        ("group.changed", "group:nocturno"),
        ("group.removed", "group:nocturno"),
    ]
    entry = AuditEntry.objects.get(what="group.changed")
    assert (entry.before, entry.after) == ({"name": "Nocturno"}, {"name": "Turno de noche"})
    assert entry.actor_id == as_agent(2).id


def test_a_group_that_something_belongs_to_stays_and_says_what_it_is():
    """Cases and mailboxes are named, so that whoever wants it gone knows where to look."""
    connect_readers()
    publish_iws()
    ticket = a_case()
    group = Group.objects.get(key=an_agent(1).groups.get().key)
    commands.assign_ticket(ticket_id=ticket.pk, assignee_id=None, group_id=group.pk, **by())
    box = a_mailbox()
    box.group = group
    box.save()
    with pytest.raises(staff.GroupHeld) as refused:
        staff.remove_group(group_id=group.pk, **by())
    assert ticket.number in refused.value.user_message()
    assert box.name in refused.value.user_message()


def test_an_agents_role_groups_and_name_change_together():
    """One entry says all of it."""
    agent = an_agent(1)
    changed(agent, role=Role.COORDINATOR, groups=[], name="Ana")
    entry = AuditEntry.objects.get()
    assert entry.before == {
        "name": "Agente de nivel 1", "role": "agent", "groups": ["Nivel 1"]
    }  # fmt: skip
    assert entry.after == {"name": "Ana", "role": "coordinator", "groups": []}


def test_one_administrator_stays():
    """Neither a change of role nor an end of access takes the last one away."""
    first, second = an_agent(1), an_agent(2)
    Agent.objects.filter(pk=first.pk).update(role=Role.ADMINISTRATOR)
    first.refresh_from_db()
    for attempt in (
        lambda: changed(first, role=Role.AGENT),
        lambda: staff.deactivate_agent(agent_id=first.pk, **by()),
    ):
        with pytest.raises(staff.LastAdministrator, match="administrador"):
            attempt()
    changed(second, role=Role.ADMINISTRATOR)
    changed(first, role=Role.AGENT)
    first.refresh_from_db()
    assert first.role == Role.AGENT


def test_who_leaves_is_out_at_once_and_their_cases_go_to_another():
    """Sessions end, cases that are not closed change hands, and coming back is as before."""
    publish_iws()
    leaver, heir = an_agent(1), an_agent(2)
    tickets = [a_case(), a_case()]
    for ticket in tickets:
        commands.assign_ticket(ticket_id=ticket.pk, assignee_id=leaver.pk, **by())
    commands.set_status(ticket_id=tickets[1].pk, status="solved", **by())
    browser = Client()
    browser.post("/accounts/login/", {"login": leaver.user.email, "password": PASSWORD})
    assert browser.get("/desk/").status_code == 200
    moved = commands.let_agent_go(agent_id=leaver.pk, cases_to=heir.pk, **by())
    for ticket in tickets:
        ticket.refresh_from_db()
    assert (moved, {t.assignee_id for t in tickets}) == (2, {heir.pk})
    assert not Session.objects.filter(pk=browser.session.session_key).exists()
    assert browser.get("/desk/").status_code in (302, 404)
    leaver.user.refresh_from_db()
    assert not leaver.user.is_active
    assert commands.let_agent_go(agent_id=leaver.pk, cases_to=heir.pk, **by()) == 0
    staff.reactivate_agent(agent_id=leaver.pk, **by())
    leaver.refresh_from_db()
    assert leaver.is_active
    assert leaver.user.is_active
    assert [what for what, _subject in trail()][1:] == ["agent.deactivated", "agent.reactivated"]


def test_nobody_inherits_their_own_cases():
    """Cases go to somebody else who is here, or to nobody."""
    publish_iws()
    leaver = an_agent(1)
    with pytest.raises(UnknownAgent):
        commands.let_agent_go(agent_id=leaver.pk, cases_to=leaver.pk, **by())
    ticket = a_case()
    commands.assign_ticket(ticket_id=ticket.pk, assignee_id=leaver.pk, **by())
    commands.let_agent_go(agent_id=leaver.pk, cases_to=None, **by())
    ticket.refresh_from_db()
    assert ticket.assignee_id is None
