"""Triggers and automations: once, in order, never in a circle, and all of it visible."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Absence
from plazo.automation import queries, rehearsal, rules, running, timing
from plazo.automation.refusals import NoOccasion, NothingToDo
from plazo.automation.rule_models import Rule, RuleRun, RunState
from plazo.core.actor import Actor
from plazo.core.models import AuditEntry
from plazo.notifications import brake, sending
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import commands
from plazo.tickets.errors import BadFilter
from plazo.tickets.models import InternalNote, PublicMessage, Ticket, TicketEvent
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent

pytestmark = pytest.mark.django_db
NOW = TUESDAY
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ADMIN = Actor.system("tests")
TAG_CHANGES = ("tags_changed",)


def a_rule(name: str, *actions: dict[str, Any], **parts: Any) -> Rule:
    """Make an active rule; a trigger on new cases, unless its parts say otherwise."""
    kind = "timed" if "moment" in parts else "trigger"
    parts.setdefault("when", ("opened",))
    definition = rules.define(kind=kind, actions=actions, **parts)
    rule = rules.save_rule(name=name, definition=definition, actor=ADMIN, now=NOW - DAY)
    return rules.set_active(rule_id=rule.pk, active=True, actor=ADMIN, now=NOW - DAY)


def tag(*names: str) -> dict[str, Any]:
    return {"action": "add_tags", "tags": list(names)}


def untag(*names: str) -> dict[str, Any]:
    return {"action": "remove_tags", "tags": list(names)}


def note(text: str) -> dict[str, Any]:
    return {"action": "note", "text": text}


def tags_of(ticket: Ticket) -> list[str]:
    ticket.refresh_from_db()
    return ticket.tags


def states() -> list[tuple[str, str]]:
    return [(run.state, run.why) for run in RuleRun.objects.order_by("pk")]


def test_a_trigger_runs_on_what_it_hears_of_and_only_where_its_conditions_hold():
    """The run keeps the event, the definition's digest and what became of each action."""
    wanted = [{"field": "service", "op": "any_of", "value": ["esd"]}]
    rule = a_rule(
        "Licencias", tag("licencia"), note("Revisar {{ticket.number}}"), conditions=wanted
    )
    one, other = a_case(), a_case(service="physical", requester=a_requester("b@sur.example"))
    assert running.work_on(one.pk, now=NOW) == running.work_on(other.pk, now=NOW) == 1
    assert (tags_of(one), tags_of(other)) == (["licencia"], [])
    run = RuleRun.objects.get(ticket=one)
    assert run.event is not None
    assert (run.state, run.event.kind) == (RunState.DONE, "ticket.opened")
    assert run.digest == rules.definition_of(rule).digest
    assert [each["result"] for each in run.outcome] == ["done", "done"]
    assert RuleRun.objects.get(ticket=other).state == RunState.UNMATCHED
    written = TicketEvent.objects.filter(ticket=one, actor_kind="trigger")
    assert {(e.actor_name, e.actor_id) for e in written} == {("Licencias", run.pk)}
    assert InternalNote.objects.get().author_name == "Licencias"
    assert [r.pk for r in queries.runs_on(one)] == [run.pk]
    assert queries.runs_on(other) == []


def test_nothing_runs_before_the_commit_and_nothing_after_a_rollback():
    """The run is a row of the command's own transaction."""
    a_rule("Todas", tag("nueva"))
    ticket = a_case()
    by = as_agent()
    RuleRun.objects.all().delete()
    a_rule("Etiquetas", note("cambió"), when=TAG_CHANGES)
    with pytest.raises(RuntimeError), transaction.atomic():
        commands.change_tags(ticket_id=ticket.pk, add=["x"], actor=by, now=NOW)
        assert RuleRun.objects.count() == 1
        raise RuntimeError
    assert RuleRun.objects.count() == 0


def test_rules_run_in_their_order_and_each_sees_what_the_one_before_did():
    """The second adds its tag only since the first has added its own; moved up, it does not."""
    first = a_rule("Primera", tag("uno"))
    second = a_rule(
        "Segunda", tag("dos"), conditions=[{"field": "tag", "op": "any_of", "value": ["uno"]}]
    )
    ticket = a_case()
    running.work_on(ticket.pk, now=NOW)
    assert tags_of(ticket) == ["dos", "uno"]
    rules.move_rule(rule_id=second.pk, up=True, actor=ADMIN, now=NOW)
    assert [rule.pk for rule in rules.rules_of("trigger")] == [second.pk, first.pk]
    other = a_case(requester=a_requester("b@sur.example"))
    running.work_on(other.pk, now=NOW)
    assert tags_of(other) == ["uno"]
    assert AuditEntry.objects.filter(what="rule.moved").count() == 1


def test_a_rule_never_runs_on_what_it_has_caused():
    """A rule that adds a tag whenever tags change adds it once, and leaves no further run."""
    a_rule("Sola", note("otra vez"), tag("vista"), when=TAG_CHANGES)
    ticket = a_case()
    commands.change_tags(ticket_id=ticket.pk, add=["x"], actor=as_agent(), now=NOW)
    running.work_on(ticket.pk, now=NOW)
    assert states() == [("done", "")]


def test_two_rules_that_set_each_other_off_come_to_an_end_that_is_seen():
    """One puts a tag on, the other takes it off: each runs once, and the circle is told."""
    a_rule("Pone", tag("pelota"), when=TAG_CHANGES)
    a_rule("Quita", untag("pelota"), when=TAG_CHANGES)
    ticket = a_case()
    commands.change_tags(ticket_id=ticket.pk, add=["x"], actor=as_agent(), now=NOW)
    running.work_on(ticket.pk, now=NOW)
    assert RuleRun.objects.filter(state=RunState.DONE).count() <= 4
    assert ("stopped", "loop") in states()
    assert not RuleRun.objects.filter(state=RunState.WAITING).exists()


def test_a_chain_of_rules_ends_at_the_fifth():
    """Each hears of the tag before its own; the sixth is stopped, and says so."""
    for number in reversed(range(8)):
        a_rule(
            f"Eslabón {number}",
            tag(f"t{number + 1}"),
            when=TAG_CHANGES,
            conditions=[
                {"field": "tag", "op": "any_of", "value": [f"t{number}"]},
                {"field": "tag", "op": "none_of", "value": [f"t{number + 1}"]},
            ],
        )
    ticket = a_case()
    commands.change_tags(ticket_id=ticket.pk, add=["t0"], actor=as_agent(), now=NOW)
    running.work_on(ticket.pk, now=NOW)
    assert tags_of(ticket) == [f"t{number}" for number in range(6)]
    assert "depth" in {why for _state, why in states()}


def test_a_ticket_takes_so_many_runs_an_hour(monkeypatch):
    """Over its budget a ticket's runs are stopped, visibly; an hour later it has another."""
    monkeypatch.setattr(running, "PER_HOUR", 2)
    for number in range(3):
        a_rule(f"Regla {number}", tag(f"r{number}"), when=TAG_CHANGES)
    ticket = a_case()
    commands.change_tags(ticket_id=ticket.pk, add=["x"], actor=as_agent(), now=NOW)
    running.work_on(ticket.pk, now=NOW)
    assert ("stopped", "budget") in states()
    assert RuleRun.objects.filter(state=RunState.DONE).count() == 2
    later = NOW + 2 * HOUR
    commands.change_tags(ticket_id=ticket.pk, add=["y"], actor=as_agent(), now=later)
    running.work_on(ticket.pk, now=later)
    assert RuleRun.objects.filter(state=RunState.DONE).count() == 4


def test_a_rule_that_only_fails_is_paused_and_its_people_are_told(monkeypatch):
    """Refused so often in a row, it stops; the administrators get a mail, the trail an entry."""
    monkeypatch.setattr(running, "MOST_FAILURES", 3)
    admin = an_agent(2)
    admin.role = "administrator"
    admin.save()
    rule = a_rule("Imposible", {"action": "level", "level": 9, "severity": "A"}, when=TAG_CHANGES)
    ticket = a_case()
    for number in range(4):
        at = NOW + number * HOUR
        commands.change_tags(ticket_id=ticket.pk, add=[f"x{number}"], actor=as_agent(), now=at)
        running.work_on(ticket.pk, now=at)
    rule.refresh_from_db()
    assert (rule.active, rule.paused_why, rule.failures) == (False, "failures", 3)
    mail = OutboundMail.objects.get(kind=MailKind.RULE)
    assert mail.recipient == admin.user.email
    assert AuditEntry.objects.get(what="rule.paused").actor_name == "rules"
    assert RuleRun.objects.count() == 3
    sending.send(mail.pk, now=NOW + DAY)
    mail.refresh_from_db()
    assert "Imposible" in mail.body_text


def test_a_fault_is_tried_again_and_holds_back_what_comes_after(monkeypatch):
    """What breaks in the middle leaves nothing behind; after three attempts it is given up."""
    a_rule("Rota", tag("media"), note("x"))
    a_rule("Sana", tag("sana"))
    ticket = a_case()
    real = commands.add_internal_note
    monkeypatch.setattr(commands, "add_internal_note", lambda **by: 1 / 0)
    at = NOW
    for _attempt in range(2):
        running.work_on(ticket.pk, now=at)
        assert tags_of(ticket) == []
        at += 2 * MINUTE
    monkeypatch.setattr(commands, "add_internal_note", real)
    running.work_on(ticket.pk, now=at)
    assert tags_of(ticket) == ["media", "sana"]
    assert {run.attempts for run in RuleRun.objects.all()} == {0, 2}


def test_an_answer_goes_once_to_a_person_and_never_to_a_machine():
    """It stands on the case in the desk's name, stops no clock, and says that it is automatic."""
    answer = {"action": "answer", "text_es": "Recibimos **{{ticket.number}}**.", "text_en": "Hi."}
    a_rule("Aviso", answer, when=("opened", "requester_replied"))
    ticket, silent = a_case(), a_case(requester=a_requester("b@sur.example"))
    running.work_on(ticket.pk, now=NOW)
    message = PublicMessage.objects.exclude(author_requester__isnull=False).get(ticket=ticket)
    assert message.from_agent
    assert message.author_name == ticket.agreement_version.document.name.es
    (first_reply,) = [c for c in _fresh(ticket).clocks if c["metric"] == "first_reply"]
    assert first_reply["done_at"] is None
    mail = OutboundMail.objects.get(kind=MailKind.ANSWER)
    sending.send(mail.pk, now=NOW)
    mail.refresh_from_db()
    assert mail.state == "sent"
    assert sending.build(mail).extra_headers["Auto-Submitted"] == "auto-replied"
    requester = a_requester()
    commands.reply_as_requester(
        ticket_id=ticket.pk,
        body="Gracias",
        actor=actor_of_requester(requester),
        now=NOW + MINUTE,
    )
    running.work_on(ticket.pk, now=NOW + MINUTE)
    (refused,) = RuleRun.objects.get(event__kind="requester.replied").outcome
    assert refused["code"] == "once_per_case"
    assert OutboundMail.objects.filter(kind=MailKind.ANSWER).count() == 1
    commands.record_machine(
        ticket_id=silent.pk, record_id=1, evidence="auto", actor=Actor.system("mail"), now=NOW
    )
    running.work_on(silent.pk, now=NOW)
    assert RuleRun.objects.get(ticket=silent).outcome[0]["code"] == "never_to_machines"


def _fresh(ticket: Ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def test_a_notice_goes_to_whom_it_names():
    """To whoever has the case, or stands in for them; where nobody has it, the run says so."""
    tell = {"action": "tell", "to": "assignee", "text": "Mire {{ticket.number}}: pre_pago"}
    a_rule("Aviso interno", tell, when=TAG_CHANGES)
    ticket, agent, by = a_case(), an_agent(), as_agent()
    commands.change_tags(ticket_id=ticket.pk, add=["x"], actor=by, now=NOW)
    running.work_on(ticket.pk, now=NOW)
    assert RuleRun.objects.get().outcome[0]["code"] == "nobody_to_tell"
    commands.assign_ticket(ticket_id=ticket.pk, assignee_id=agent.pk, actor=by, now=NOW)
    commands.change_tags(ticket_id=ticket.pk, add=["y"], actor=by, now=NOW)
    running.work_on(ticket.pk, now=NOW)
    mail = OutboundMail.objects.get(kind=MailKind.RULE)
    sending.send(mail.pk, now=NOW)
    mail.refresh_from_db()
    assert mail.recipient == agent.user.email
    assert f"Mire {ticket.number}: pre_pago" in mail.body_text
    substitute = an_agent(2)
    Absence.objects.create(agent=agent, substitute=substitute, begins_at=NOW, ends_at=NOW + DAY)
    commands.change_tags(ticket_id=ticket.pk, add=["z"], actor=by, now=NOW + MINUTE)
    running.work_on(ticket.pk, now=NOW + MINUTE)
    latest = OutboundMail.objects.filter(kind=MailKind.RULE).order_by("-pk")[0]
    assert latest.recipient == substitute.user.email


def test_a_groups_address_gets_so_many_notices_an_hour(monkeypatch):
    """A machine behind it, whose answers open cases of which it is told again, comes to an end."""
    monkeypatch.setitem(brake.PER_HOUR, "notice", 2)
    group = an_agent().groups.get()
    group.email = "avisos@demo.example"
    group.save()
    a_rule("Aviso", {"action": "tell", "to": f"group:{group.pk}", "text": "Nuevo"})
    requester = a_requester()
    for case in [a_case(requester=requester) for _number in range(3)]:
        running.work_on(case.pk, now=NOW)
    assert OutboundMail.objects.filter(kind=MailKind.RULE).count() == 2
    assert RuleRun.objects.order_by("pk").last().outcome[0]["code"] == "too_many_answers"


def test_rules_cost_a_command_one_query_where_nothing_is_to_be_done():
    """Thirty active triggers of other kinds: one question for all the action's events."""
    ticket, by = a_case(), as_agent()

    def act(number: int) -> int:
        at = NOW + number * MINUTE
        with CaptureQueriesContext(connection) as made:
            commands.reply_to_ticket(
                ticket_id=ticket.pk, body=f"x{number}", then="solved", actor=by, now=at
            )
        commands.reopen_ticket(ticket_id=ticket.pk, actor=by, now=at)
        return len(made)

    act(0)
    before = act(1)
    for number in range(30):
        a_rule(f"Regla {number}", tag("x"), when=("rated",))
    assert act(2) == before
    events = list(TicketEvent.objects.filter(ticket=ticket))
    with CaptureQueriesContext(connection) as made:
        running.plan_runs(ticket, events)
    assert len(made) == 1


# ── Time ──────────────────────────────────────────────────────────────────────────────────────


def pending(ticket: Ticket, now: Any = NOW, reason: str = "datos") -> None:
    commands.set_status(
        ticket_id=ticket.pk,
        status="pending",
        waiting_for="requester",
        reason=reason,
        actor=as_agent(),
        now=now,
    )


WAITS = [{"field": "status", "op": "any_of", "value": ["pending"]}]


def test_an_automation_runs_at_its_minute_and_once_for_each_wait():
    """Three days after the wait began and not a minute before; a new wait arms it anew."""
    three_days = {"base": "status_since", "minutes": 3 * 24 * 60}
    a_rule("Sin respuesta", note("Tres días"), tag("silencio"), moment=three_days, conditions=WAITS)
    ticket, other = a_case(), a_case(requester=a_requester("b@sur.example"))
    pending(ticket)
    assert timing.run_due(NOW + 3 * DAY - MINUTE) == 0
    assert timing.run_due(NOW + 3 * DAY) == 1
    assert timing.run_due(NOW + 3 * DAY + MINUTE) == 0
    assert (tags_of(ticket), tags_of(other)) == (["silencio"], [])
    pending(ticket, NOW + 4 * DAY, "otra cosa")
    assert timing.run_due(NOW + 7 * DAY - MINUTE) == 0
    assert timing.run_due(NOW + 7 * DAY) == 1
    assert InternalNote.objects.count() == 2


def test_what_an_automation_does_itself_does_not_arm_it_again():
    """A note is a change of the ticket, but not one that the rule waits for."""
    idle = {"base": "updated", "minutes": 60}
    a_rule("Quieto", note("Una hora"), moment=idle)
    a_case(now=NOW)
    assert timing.run_due(NOW + HOUR) == 1
    assert timing.run_due(NOW + 3 * HOUR) == 0


def test_two_automations_that_wait_for_each_others_changes_come_to_an_end():
    """Each note arms the other rule; the first is stopped when it would run on its own effect, and
    runs again after what a person does."""
    a_rule("Una hora", note("una"), moment={"base": "updated", "minutes": 60})
    a_rule("Dos horas", note("dos"), moment={"base": "updated", "minutes": 120})
    ticket = a_case(now=NOW)
    for hour in range(1, 13):
        timing.run_due(NOW + hour * HOUR)
    assert [n.body_text for n in InternalNote.objects.order_by("pk")] == ["una", "dos"]
    assert states() == [("done", ""), ("done", ""), ("stopped", "loop")]
    by = as_agent()
    commands.add_internal_note(ticket_id=ticket.pk, body="sigo", actor=by, now=NOW + DAY)
    assert timing.run_due(NOW + DAY + HOUR) == 1
    assert states()[-1] == ("done", "")


def test_open_time_is_counted_in_the_agreements_calendar():
    """Two open hours after Tuesday 21:30: half an hour that night, the rest from 06:00."""
    evening = TUESDAY.replace(hour=2, minute=30) + DAY  # 21:30 there
    two_hours = {"base": "opened", "minutes": 120, "calendar": "support"}
    a_rule("Dos horas", tag("dos-horas"), moment=two_hours)
    ticket = a_case(now=evening)
    due = evening + timedelta(hours=10)  # 07:30 of Wednesday
    assert timing.run_due(due - MINUTE) == 0
    assert timing.run_due(due) == 1
    assert tags_of(ticket) == ["dos-horas"]


def test_what_is_due_soon_and_unassigned_is_told_once():
    """Fifteen minutes before the deadline, the level's group gets one mail."""
    group = an_agent().groups.get()
    group.email = "nivel1@demo.example"
    group.save()
    tell = {"action": "tell", "to": f"group:{group.pk}", "text": "Sin dueño"}
    nobody = [{"field": "assignee", "op": "any_of", "value": ["nobody"]}]
    a_rule("Sin dueño", tell, moment={"base": "due", "minutes": 15}, conditions=nobody)
    ticket = a_case(now=NOW)
    due = _fresh(ticket).next_due_at
    assert due is not None
    assert timing.run_due(due - 16 * MINUTE) == 0
    assert timing.run_due(due - 15 * MINUTE) == 1
    assert timing.run_due(due - 14 * MINUTE) == 0
    assert OutboundMail.objects.get(kind=MailKind.RULE).recipient == "nivel1@demo.example"


def test_many_tickets_go_in_batches_and_rules_take_turns(monkeypatch):
    """Seven tickets in batches of two: all are done, and the second rule need not wait for them."""
    monkeypatch.setattr(timing, "BATCH", 2)
    a_rule("Muchos", tag("muchos"), moment={"base": "opened", "minutes": 60})
    nobody = [{"field": "tag", "op": "all_of", "value": ["muchos"]}]
    a_rule("Después", tag("luego"), moment={"base": "opened", "minutes": 60}, conditions=nobody)
    requester = a_requester()
    for number in range(7):
        a_case(now=NOW - DAY + number * MINUTE, requester=requester)
    with CaptureQueriesContext(connection) as made:
        timing.run_due(NOW)
    assert Ticket.objects.filter(tags__contains=["muchos"]).count() == 7
    assert RuleRun.objects.filter(state=RunState.DONE).count() >= 8
    batches = [q for q in made.captured_queries if "ORDER BY" in q["sql"] and "LIMIT 2" in q["sql"]]
    assert batches
    assert timing.run_due(NOW) == 0


# ── Trying and keeping ────────────────────────────────────────────────────────────────────────


def test_a_dry_run_says_what_would_happen_and_writes_nothing():
    """It names the condition that is not met, and what is so already; no table grows."""
    a_case()
    two = a_case(service="physical", requester=a_requester("b@sur.example"))
    commands.change_tags(ticket_id=two.pk, add=["x"], actor=as_agent(), now=NOW)
    counted = (TicketEvent, RuleRun, Rule, InternalNote, AuditEntry, OutboundMail)
    before = [model.objects.count() for model in counted]
    definition = rules.define(
        kind="trigger",
        when=("opened",),
        conditions=[
            {"field": "channel", "op": "any_of", "value": ["form"]},
            {"field": "service", "op": "any_of", "value": ["physical"]},
        ],
        actions=[tag("x"), note("hola")],
    )
    names = queries.names_now("es", NOW)
    with CaptureQueriesContext(connection) as made:
        found = rehearsal.rehearse(definition, names=names, now=NOW)
    assert len(made) <= 3
    assert [(look.matches, look.failing) for look in found.looks] == [(True, ()), (False, (1,))]
    assert found.matched == 1
    assert [already for _words, already in found.looks[0].would] == [True, False]
    assert [model.objects.count() for model in counted] == before
    timed = rules.define(kind="timed", moment={"base": "opened", "minutes": 5}, actions=[tag("x")])
    tried = rehearsal.rehearse(timed, names=names, now=NOW)
    assert (tried.matched, tried.due) == (2, 2)
    assert [model.objects.count() for model in counted] == before


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"when": ()}, NoOccasion),
        ({"when": ("nunca",)}, NoOccasion),
        ({"actions": []}, NothingToDo),
        ({"conditions": [{"field": "assignee", "op": "any_of", "value": ["me"]}]}, BadFilter),
        ({"kind": "timed", "moment": {"base": "opened", "minutes": 0}}, NoOccasion),
        ({"kind": "timed", "moment": {"base": "__class__", "minutes": 9}}, NoOccasion),
    ],
)
def test_a_rule_that_could_not_run_cannot_be_made(parts, error):
    """It says when, on what and what; and nobody is “me” to a rule."""
    whole = {"kind": "trigger", "when": ("opened",), "actions": [tag("x")]}
    with pytest.raises(error):
        rules.define(**whole | parts)


def test_every_change_of_a_rule_is_in_the_audit_trail():
    """Made, started, changed, paused, removed: an entry each, with what differs."""
    rule = a_rule("Una", tag("x"))
    changed = rules.define(kind="trigger", when=("rated",), actions=[tag("y")])
    rules.save_rule(rule_id=rule.pk, name="Una", definition=changed, actor=ADMIN, now=NOW)
    rules.set_active(rule_id=rule.pk, active=False, actor=ADMIN, now=NOW)
    rules.remove_rule(rule_id=rule.pk, actor=ADMIN, now=NOW)
    trail = AuditEntry.objects.order_by("pk")
    assert [entry.what.removeprefix("rule.") for entry in trail if "rule" in entry.what] == [
        "added", "started", "changed", "paused", "removed",
    ]  # fmt: skip
    assert set(trail.get(what="rule.changed").after) == {"when", "actions"}
    assert rules.rules_of("trigger") == []


def test_old_runs_that_did_nothing_are_forgotten_and_the_others_stay():
    """What was done is history; that a condition was not met is not, after a month."""
    never = [{"field": "service", "op": "any_of", "value": ["nada"]}]
    a_rule("Nunca", tag("x"), conditions=never)
    a_rule("Siempre", tag("y"))
    ticket = a_case()
    running.work_on(ticket.pk, now=NOW)
    assert timing.forget(NOW + 29 * DAY) == 0
    assert timing.forget(NOW + 31 * DAY) == 1
    assert states() == [("done", "")]
