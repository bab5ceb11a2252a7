"""Macros: whose they are, what they do by an agent's hand, and that they send nothing."""

from datetime import timedelta

import pytest

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Group
from plazo.automation import macros
from plazo.automation.refusals import NameNeeded, NothingToDo
from plazo.automation.rule_models import Macro
from plazo.core.errors import NotVisible
from plazo.core.models import AuditEntry
from plazo.tickets import commands
from plazo.tickets.models import PublicMessage
from tests.factory import TUESDAY, a_case, an_agent

pytestmark = pytest.mark.django_db
NOW = TUESDAY
TAG = {"action": "add_tags", "tags": ["macro"]}


def a_macro(name="Pedir datos", **parts):
    parts = {"text_es": "Hola, {{requester.name}}", "actions": [TAG]} | parts
    return macros.save_macro(name=name, actor=actor_of_agent(an_agent()), now=NOW, **parts)


def test_a_macro_acts_as_the_agent_and_sends_nothing():
    """Its actions are the agent's own; its words come back for the composer, filled in."""
    ticket, agent = a_case(), an_agent()
    commands.change_tags(ticket_id=ticket.pk, add=["x"], actor=actor_of_agent(agent), now=NOW)
    level = {"action": "level", "level": 2}
    applied = macros.apply(a_macro(actions=[TAG, level]), ticket, agent, NOW)
    ticket.refresh_from_db()
    assert applied.text == "Hola, Compras Andina"
    assert [each["result"] for each in applied.outcomes] == ["done", "refused"]
    assert ticket.tags == ["macro", "x"]
    last = ticket.events.order_by("-sequence")[0]
    assert (last.kind, last.actor_kind, last.actor_id) == ("tags.changed", "agent", agent.pk)
    assert PublicMessage.objects.filter(author_agent__isnull=False).count() == 0


def test_the_words_are_in_the_requesters_language():
    """English for who writes in English, where there is any; else the Spanish ones."""
    ticket, agent = a_case(language="en"), an_agent()
    both = a_macro(text_en="Hello")
    assert macros.words_for(both, ticket, agent, NOW) == "Hello"
    assert macros.words_for(a_macro("Otra", text_es="Hola"), ticket, agent, NOW) == "Hola"


def test_who_is_offered_a_macro_and_who_may_change_it():
    """One's own, one's group's and everybody's; shared ones are changed by who coordinates."""
    one, two = an_agent(1), an_agent(2)
    two.role = "coordinator"
    two.save()
    other = Group.objects.create(key="otro", name="Otro")
    own = a_macro("Mía", owner_id=one.pk)
    theirs = a_macro("De otra", owner_id=two.pk)
    ours = a_macro("Del grupo", group_id=one.groups.get().pk)
    foreign = a_macro("De otro grupo", group_id=other.pk)
    shared = a_macro("De todos")
    off = a_macro("Apagada", active=False)
    ticket = a_case()
    assert macros.offered(one, ticket) == [own, ours, shared]
    assert macros.offered(one, ticket, "gr") == [ours]
    assert macros.offered(one, ticket, "MIA") == [own]
    for macro, changes_one, changes_two in (
        (own, True, False),
        (theirs, False, True),
        (ours, False, True),
        (foreign, False, True),
        (shared, False, True),
    ):
        assert macros.may_change(one, macro) is changes_one
        assert macros.may_change(two, macro) is changes_two
    for macro in (theirs, foreign, off):
        with pytest.raises(NotVisible):
            macros.macro_for_agent(one, macro.pk)
    with pytest.raises(NotVisible):
        macros.macro_for_editor(two, own.pk)


def test_a_macro_has_a_name_something_to_do_and_a_trail():
    """Made, changed, moved and removed: each is in the audit trail."""
    with pytest.raises(NameNeeded):
        a_macro(" ")
    with pytest.raises(NothingToDo):
        a_macro(text_es=" ", actions=[])
    one, two = a_macro("Una"), a_macro("Dos")
    by = {"actor": actor_of_agent(an_agent()), "now": NOW + timedelta(minutes=1)}
    macros.save_macro(macro_id=one.pk, name="Una", text_es="Otra cosa", **by)
    macros.move_macro(macro_id=two.pk, up=True, among=[one.pk, two.pk], **by)
    assert list(Macro.objects.values_list("name", flat=True)) == ["Dos", "Una"]
    macros.move_macro(macro_id=two.pk, up=True, among=[two.pk, one.pk], **by)
    macros.remove_macro(macro_id=one.pk, **by)
    trail = AuditEntry.objects.filter(what__startswith="macro.").order_by("pk")
    assert list(trail.values_list("what", flat=True)) == [
        "macro.added", "macro.added", "macro.changed", "macro.moved", "macro.removed",
    ]  # fmt: skip
