"""The screens of macros and rules: who gets in, the forms, trying, and what a case shows."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from plazo.automation import rules, running
from plazo.automation.rule_models import Macro, Rule, RuleRun
from plazo.core.actor import Actor
from plazo.tickets import commands
from tests.factory import TUESDAY, a_case, an_agent, as_agent, publish_iws

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def signed_in(role="agent"):
    agent = an_agent()
    agent.role = role
    agent.save()
    client = Client()
    client.force_login(agent.user)
    return client


WHOLE = {
    "name": "Etiquetar licencias",
    "when": ["opened", "status_changed"],
    "row": ["0:service", "4:opened"],
    "o0": "any_of",
    "c0": ["esd"],
    "o4": "within",
    "v4": "2 h",
    "action": ["0:add_tags", "1:note"],
    "a0-tags": "Licencias, ESD",
    "a1-text": "Revisar {{ticket.number}}",
}


def a_rule(name="Regla", **parts):
    parts = {"kind": "trigger", "when": ["opened"]} | parts
    parts.setdefault("actions", [{"action": "add_tags", "tags": ["x"]}])
    by = {"actor": Actor.system("tests"), "now": TUESDAY}
    rule = rules.save_rule(name=name, definition=rules.define(**parts), **by)
    return rules.set_active(rule_id=rule.pk, active=True, **by)


def test_rules_are_for_administrators_and_macros_for_everyone():
    """For anybody else the screens of rules do not exist."""
    rule = a_rule()
    addresses = [
        reverse("desk:rules"),
        reverse("desk:rule", args=[rule.pk]),
        reverse("desk:rule_new", args=["trigger"]),
    ]
    for role, status in (("agent", 404), ("coordinator", 404), ("administrator", 200)):
        client = signed_in(role)
        assert [client.get(address).status_code for address in addresses] == [status] * 3
        assert client.get(reverse("desk:macros")).status_code == 200
    agent = signed_in()
    assert agent.post(reverse("desk:rule_act", args=[rule.pk, "pause"])).status_code == 404
    assert Client().get(addresses[0]).status_code == 302


def test_a_rule_is_tried_then_saved_then_started():
    """Trying shows what would happen and keeps nothing; what is saved waits to be started."""
    a_case()
    a_case(service="physical")
    client, new = signed_in("administrator"), reverse("desk:rule_new", args=["trigger"])
    tried = client.post(new, WHOLE | {"do": "try"})
    assert "Se ejecutaría en 1 de 2" in tried.text
    assert "Servicio es Licencias ESD" in tried.text  # the condition that the other does not meet
    assert Rule.objects.count() == 0
    assert client.post(new, WHOLE | {"do": "save"}).status_code == 302
    rule = Rule.objects.get()
    assert (rule.active, rule.when) == (False, ["opened", "status_changed"])
    trail = client.get(reverse("desk:audit")).text  # told in words, not as it is kept
    assert "Servicio es Licencias ESD" in trail
    assert "any_of" not in trail
    assert rule.conditions == [
        {"field": "service", "op": "any_of", "value": ["esd"]},
        {"field": "opened", "op": "within", "value": 120},
    ]
    assert [each["action"] for each in rule.actions] == ["add_tags", "note"]
    client.post(reverse("desk:rule_act", args=[rule.pk, "start"]))
    ticket = a_case()
    running.work_on(ticket.pk, now=TUESDAY)
    page = client.get(reverse("desk:rule", args=[rule.pk])).text
    assert ticket.number in page
    assert RuleRun.objects.get().digest[:8] in page


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"when": []}, "cuándo"),
        ({"name": " "}, "nombre"),
        ({"action": []}, "acción"),
        ({"a0-tags": ""}, "etiquetas"),
        ({"v4": "pronto"}, "pronto"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_lost(change, told):
    """The form comes back as it was sent, with a sentence, and no rule is made."""
    client = signed_in("administrator")
    answer = client.post(
        reverse("desk:rule_new", args=["trigger"]), WHOLE | change | {"do": "save"}
    )
    assert answer.status_code == 422
    assert told in answer.text
    assert "Revisar {{ticket.number}}" in answer.text or change == {"action": []}
    assert Rule.objects.count() == 0


def test_rows_are_added_moved_and_taken_away_without_script():
    """Each button sends the whole form, and it comes back with one row more or less."""
    client, new = signed_in("administrator"), reverse("desk:rule_new", args=["trigger"])
    more = client.post(new, WHOLE | {"do": "add", "field": "tag"})
    assert 'value="5:tag"' in more.text
    more = client.post(new, WHOLE | {"do": "more", "another": "answer"})
    assert 'value="2:answer"' in more.text
    less = client.post(new, WHOLE | {"do": "remove-4"})
    assert 'value="4:opened"' not in less.text
    less = client.post(new, WHOLE | {"do": "drop-0"})
    assert 'value="0:add_tags"' not in less.text
    raised = client.post(new, WHOLE | {"do": "raise-1"}).text
    assert raised.index('value="1:note"') < raised.index('value="0:add_tags"')
    unknown = client.post(new, WHOLE | {"do": "more", "another": "__class__"})
    assert unknown.status_code == 200


def test_an_automation_says_its_moment():
    """The length is written as people write it, and counted in a calendar of the agreement."""
    client, new = signed_in("administrator"), reverse("desk:rule_new", args=["timed"])
    wanted = WHOLE | {"base": "status_since", "span": "3 d", "calendar": "support", "do": "save"}
    assert client.post(new, wanted).status_code == 302
    rule = Rule.objects.get()
    assert rule.moment == {"base": "status_since", "minutes": 4320, "calendar": "support"}
    page = client.get(reverse("desk:rules")).text
    assert "En su estado desde hace más de" in page
    assert client.post(new, wanted | {"span": "nunca"}).status_code == 422


def test_the_order_is_changed_by_buttons():
    """Up, down, pause and remove are forms of the list."""
    one, two = a_rule("Una"), a_rule("Dos")
    client = signed_in("administrator")
    client.post(reverse("desk:rule_act", args=[two.pk, "up"]))
    assert rules.rules_of("trigger") == [two, one]
    client.post(reverse("desk:rule_act", args=[two.pk, "down"]))
    assert rules.rules_of("trigger") == [one, two]
    client.post(reverse("desk:rule_act", args=[one.pk, "remove"]))
    assert rules.rules_of("trigger") == [two]
    assert client.post(reverse("desk:rule_act", args=[two.pk, "explode"])).status_code == 404


def test_an_agent_makes_a_macro_of_their_own_and_uses_it_on_a_case():
    """Applied, it does its actions at once, and its words wait in the composer to be read."""
    client, ticket = signed_in(), a_case()
    sent = {
        "name": "Pedir datos",
        "scope": "me",
        "text_es": "Hola, {{requester.name}}:",
        "active": "on",
        "action": ["0:add_tags"],
        "a0-tags": "datos",
        "do": "save",
    }
    assert client.post(reverse("desk:macro_new"), sent | {"scope": "all"}).status_code == 404
    assert client.post(reverse("desk:macro_new"), sent).status_code == 302
    macro = Macro.objects.get()
    assert macro.owner == an_agent()
    page = client.get(reverse("desk:ticket", args=[ticket.number])).text
    assert "Agregar etiquetas: datos" in page
    listed = client.get(
        reverse("desk:suggest", args=[ticket.number]), {"sign": "/", "q": "ped"}
    ).json()
    assert listed == {
        "items": [
            {
                "label": "Pedir datos",
                "hint": "Agregar etiquetas: datos",
                "text": "Hola, Compras Andina:",
                "macro": macro.pk,
            }
        ]
    }
    answer = client.post(reverse("desk:apply_macro", args=[ticket.number, macro.pk]), follow=True)
    ticket.refresh_from_db()
    assert ticket.tags == ["datos"]
    assert "\nHola, Compras Andina:</textarea>" in answer.text
    assert "1 cambio hecho" in answer.text
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=TUESDAY)


def test_a_case_shows_what_rules_did_and_costs_the_same_with_one_or_many():
    """The log names rule, cause and each action; what a rule wrote bears its name."""
    note = {"action": "note", "text": "De la regla"}
    a_rule("Etiqueta nueva", actions=[{"action": "add_tags", "tags": ["x"]}, note])
    client, ticket = signed_in(), a_case()
    running.work_on(ticket.pk, now=TUESDAY)
    address = reverse("desk:ticket", args=[ticket.number])

    def cost():
        client.get(address)  # what a process keeps
        with CaptureQueriesContext(connection) as made:
            page = client.get(address)
        return len(made), page.text

    first, page = cost()
    for words in ("Etiqueta nueva", "Agregar etiquetas: x", "por una regla", "De la regla"):
        assert words in page
    for number in range(6):
        a_rule(f"Más {number}", when=["status_changed"], actions=[note])
        Macro.objects.create(
            name=f"M{number}", text_es="Hola", created_at=TUESDAY, updated_at=TUESDAY
        )
    later = TUESDAY - timedelta(minutes=1)
    commands.set_status(ticket_id=ticket.pk, status="on_hold", actor=as_agent(), now=later)
    running.work_on(ticket.pk, now=TUESDAY)
    many, page = cost()
    assert "Más 5" in page
    assert many == first
