"""Level 2: severities with what they rest on, promises with their owner, verdicts that are sealed."""

from datetime import timedelta

import pytest

from plazo.core.actor import Actor
from plazo.escalation.sweep import sweep_once
from plazo.tickets import commands, errors, filters, queries
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.promises import lacks_promise, promises_of
from plazo.tickets.verify import Tally, verify
from plazo.tickets.wait_models import Impact
from tests.factory import TUESDAY, a_case, an_agent, as_agent

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
NOW = TUESDAY


def at_level_two(**choices):
    """A case that level 1 has handed up, with what its severity rests on."""
    ticket = a_case(now=NOW, **choices)
    commands.enter_level(
        ticket_id=ticket.pk,
        level=2,
        severity="B",
        impact="La mitad de las órdenes falla desde las 12:40",
        actor=as_agent(),
        now=NOW + MINUTE,
    )
    ticket.refresh_from_db()
    return ticket


def kinds(ticket):
    """The kinds on a timeline, in order."""
    found = TicketEvent.objects.filter(ticket=ticket).order_by("sequence")
    return list(found.values_list("kind", flat=True))


def told(ticket, now):
    """Its promises as they stand."""
    ticket.refresh_from_db()
    chain = queries.chain_of(ticket)
    return promises_of(chain, queries.evaluation_of(ticket, chain, now=now))


def test_an_impact_is_kept_and_can_be_erased_while_its_digest_stays():
    """The words are a row; the event knows the row and the digest, and verifying holds them to it."""
    ticket = at_level_two()
    commands.set_severity(
        ticket_id=ticket.pk, severity="A", why="Ya no pasa ninguna", actor=as_agent(2), now=NOW
    )
    assert [i.severity for i in Impact.objects.order_by("pk")] == ["B", "A"]
    first = Impact.objects.order_by("pk")[0]
    Impact.objects.filter(pk=first.pk).update(words="Nada grave")
    assert "impact" in str(next(verify(Tally())))
    Impact.objects.filter(pk=first.pk).update(words=first.words)
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(2), now=NOW + MINUTE)
    commands.redact_person(
        ticket_id=ticket.pk, person_id=ticket.requester_id, actor=Actor.system("x"), now=NOW
    )
    assert not Impact.objects.exclude(words="").exists()


def test_at_level_two_a_case_without_a_promise_is_found_until_there_is_one():
    """Missing, standing, late: the filter and the row say the same."""

    def which(now):
        states = ("missing", "standing", "late")
        context = filters.Context(now=now)
        conditions = [filters.Condition("promise", "any_of", [state]) for state in states]
        found = [
            s
            for s, c in zip(states, conditions, strict=True)
            if len(Ticket.objects.filter(c.q(context)))
        ]
        denied = [filters.Condition("promise", "none_of", [state]) for state in states]
        others = [
            s
            for s, c in zip(states, denied, strict=True)
            if not len(Ticket.objects.filter(c.q(context)))
        ]
        assert found == others
        return found

    ticket = at_level_two()
    assert which(NOW + MINUTE) == ["missing"]
    assert lacks_promise(ticket)
    by = {"ticket_id": ticket.pk, "actor": as_agent(2)}
    commands.set_status(
        status="pending", waiting_for="requester", reason="La traza", now=NOW + MINUTE, **by
    )
    assert which(NOW + MINUTE) == []
    commands.set_status(status="open", now=NOW + MINUTE, **by)
    commands.make_promise(by=NOW + 60 * MINUTE, now=NOW + 2 * MINUTE, **by)
    assert which(NOW + 60 * MINUTE) == ["standing"]
    assert which(NOW + 61 * MINUTE) == ["late"]


def test_a_promise_has_an_owner_and_can_be_handed_over():
    """Whoever has the case answers for it, else who gave it; then whoever it is handed to."""
    ticket = at_level_two()
    by = {"ticket_id": ticket.pk, "actor": as_agent(2)}
    commands.make_promise(by=NOW + 60 * MINUTE, promised="solution", now=NOW + 2 * MINUTE, **by)
    assert told(ticket, NOW + 3 * MINUTE)[0].owner == an_agent(2).pk
    commands.hand_promise(promise="solution-1", owner_id=an_agent(1).pk, now=NOW + 3 * MINUTE, **by)
    assert told(ticket, NOW + 3 * MINUTE)[0].owner == an_agent(1).pk
    with pytest.raises(errors.UnknownAgent):
        commands.hand_promise(promise="solution-1", owner_id=10**9, now=NOW + 4 * MINUTE, **by)
    with pytest.raises(errors.PromiseNotOpen):
        commands.hand_promise(promise="update-9", owner_id=1, now=NOW + 4 * MINUTE, **by)


def test_an_update_and_a_solution_stand_side_by_side():
    """A reply brings the update alone; solving brings the solution."""
    ticket = at_level_two()
    by = {"ticket_id": ticket.pk, "actor": as_agent(2)}
    commands.make_promise(by=NOW + 60 * MINUTE, now=NOW + 2 * MINUTE, **by)
    commands.make_promise(by=NOW + 90 * MINUTE, promised="solution", now=NOW + 2 * MINUTE, **by)
    with pytest.raises(errors.PromiseStands):
        commands.make_promise(by=NOW + 95 * MINUTE, promised="solution", now=NOW + 2 * MINUTE, **by)
    commands.reply_to_ticket(body="Seguimos", now=NOW + 10 * MINUTE, **by)
    assert [p.standing for p in told(ticket, NOW + 10 * MINUTE)] == ["kept", "open"]
    commands.set_status(status="solved", now=NOW + 20 * MINUTE, **by)
    assert [p.standing for p in told(ticket, NOW + 20 * MINUTE)] == ["kept", "kept"]
    assert kinds(ticket)[-1] == "promise.kept"


def test_a_promise_that_was_moved_and_then_broken_keeps_its_history_sealed():
    """Story 7: moved with a reason, then broken at its instant; the verdict rests on all of it."""
    ticket = at_level_two()
    by = {"ticket_id": ticket.pk, "actor": as_agent(2)}
    commands.make_promise(by=NOW + 60 * MINUTE, now=NOW + 2 * MINUTE, **by)
    commands.move_promise(
        promise="update-1", by=NOW + 90 * MINUTE, reason="Falta el proveedor",
        now=NOW + 50 * MINUTE, **by,
    )  # fmt: skip
    sweep_once(NOW + 95 * MINUTE)
    sweep_once(NOW + 96 * MINUTE)
    (promise,) = told(ticket, NOW + 96 * MINUTE)
    assert (promise.standing, promise.moved[0].reason) == ("late", "Falta el proveedor")
    broken = TicketEvent.objects.get(ticket=ticket, kind="promise.broken")
    assert broken.payload["by"] == "2026-11-24T21:22:00Z"
    assert len(broken.payload["rests_on"]) == 64
    commands.reply_to_ticket(body="Aquí está", now=NOW + 97 * MINUTE, **by)
    assert told(ticket, NOW + 97 * MINUTE)[0].standing == "kept_late"
    assert kinds(ticket).count("promise.broken") == 1


def test_a_promise_that_was_broken_before_the_sweep_looked_is_sealed_as_broken_first():
    """Whoever is late does not become on time because nobody had looked."""
    ticket = at_level_two()
    by = {"ticket_id": ticket.pk, "actor": as_agent(2)}
    commands.make_promise(by=NOW + 60 * MINUTE, now=NOW + 2 * MINUTE, **by)
    commands.reply_to_ticket(body="Aquí está", now=NOW + 61 * MINUTE, **by)
    found = kinds(ticket)
    assert found.index("promise.broken") < found.index("promise.kept")
    sweep_once(NOW + 62 * MINUTE)
    assert kinds(ticket).count("promise.broken") == 1


@pytest.mark.corrupts
def test_a_verdict_that_rests_on_something_else_is_found():
    """Somebody who writes another verdict with right hashes still needs what it rests on."""
    from plazo.tickets import events, timeline

    ticket = at_level_two()
    by = {"ticket_id": ticket.pk, "actor": as_agent(2)}
    commands.make_promise(by=NOW + 60 * MINUTE, now=NOW + 2 * MINUTE, **by)
    with timeline.writing(ticket.pk, actor=as_agent(2), now=NOW + 3 * MINUTE) as page:
        page.append(events.PromiseKept(promise="update-1", rests_on="0" * 64))
    assert "does not rest on" in str(next(verify(Tally())))
