"""The timeline: append-only three times over, chained, typed; and what verifying finds."""

import json
from dataclasses import fields

import pytest
from django.db import DatabaseError, connection, transaction

from plazo.tickets import commands, events, projection, queries, timeline
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.verify import Tally, verify
from tests.factory import TUESDAY, a_case, as_agent


@pytest.mark.django_db
def test_code_and_queryset_refuse_to_change_an_event():
    """Neither a saved event nor a queryset of them can be changed or deleted."""
    a_case()
    event = TicketEvent.objects.get()
    for forbidden in (
        event.save,
        event.delete,
        lambda: TicketEvent.objects.all().delete(),
        lambda: TicketEvent.objects.update(kind="x"),
        lambda: TicketEvent.objects.bulk_update([event], ["kind"]),
    ):
        with pytest.raises(TypeError, match="append-only"):
            forbidden()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tickets_ticketevent SET kind = 'x'",
        "DELETE FROM tickets_ticketevent",
        "TRUNCATE tickets_ticketevent CASCADE",
    ],
)
def test_the_database_refuses_to_change_an_event(statement):
    """Whoever gets past the code still meets the trigger."""
    a_case()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        # Checks that wait for the commit would stop TRUNCATE before the trigger does.
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
        connection.cursor().execute(statement)


@pytest.mark.django_db
@pytest.mark.corrupts
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        pytest.param("UPDATE tickets_ticketevent SET payload = payload || '{\"severity\": \"A\"}' WHERE sequence = 1", "event 1: the chain is broken", id="a payload"),
        pytest.param("UPDATE tickets_ticketevent SET at = at - interval '1 minute' WHERE sequence = 1", "event 1: the chain is broken", id="an instant"),
        pytest.param("DELETE FROM tickets_ticketevent WHERE sequence = 2", "last_sequence is 2", id="a missing event"),
        pytest.param("UPDATE tickets_ticket SET severity = 'A'", "severity is 'A'", id="a projection"),
        pytest.param("UPDATE tickets_ticket SET next_due_at = NULL", "next_due_at is None", id="a deadline"),
    ],
)  # fmt: skip
def test_verifying_finds_what_was_tampered_with(statement, found):
    """A row changed behind the triggers is named with its ticket, its event, and what is wrong."""
    ticket = a_case()
    commands.add_internal_note(ticket_id=ticket.pk, body="x", actor=as_agent(), now=TUESDAY)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
    faults = [str(fault) for fault in verify(Tally())]
    assert any(ticket.number in fault and found in fault for fault in faults), faults


@pytest.mark.django_db
def test_each_event_is_chained_to_the_one_before():
    """A hash covers the event and the hash before it."""
    ticket = a_case()
    chain = queries.chain_of(ticket)
    assert timeline.first_break(chain, ticket.public_id) is None
    assert chain[0].previous_hash == ""
    assert ticket.last_hash == chain[-1].hash


@pytest.mark.django_db
def test_a_spoilt_projection_is_rebuilt_from_the_events():
    """The stored columns are a cache: folding the events anew gives them back."""
    ticket = a_case()
    Ticket.objects.filter(pk=ticket.pk).update(severity="A", clocks=[])
    stored = Ticket.objects.get(pk=ticket.pk)
    chain = queries.chain_of(stored)
    rebuilt = projection.rebuild(stored, chain, timeline.facts_of(chain))
    assert set(projection.differences(stored, rebuilt)) == {"severity", "clocks"}
    rebuilt.save(update_fields=projection.COLUMNS)


def test_every_event_declares_its_duties():
    """Each kind says who may see it, how it is called, and what is personal in it."""
    for kind, payload in events.REGISTRY.items():
        assert kind == payload.kind
        assert payload.audience in (events.PUBLIC, events.INTERNAL)
        assert str(payload.label)
        assert payload.personal
        assert payload.version >= 1


@pytest.mark.golden
def test_keys_and_payloads_are_as_they_were(golden):
    """A kind or a field that changes its name breaks every stored event: it must be seen."""
    found = {
        kind: {"version": cls.version, "fields": {f.name: str(f.type) for f in fields(cls)}}
        for kind, cls in sorted(events.REGISTRY.items())
    }
    golden("events.json", json.dumps(found, indent=1) + "\n")


@pytest.mark.django_db
def test_a_stored_payload_reads_back():
    """What is written as JSON is read back into the same value."""
    made = events.PromiseMade(promise="p", promised="update", by=TUESDAY)
    assert events.from_json(made.kind, made.to_json()) == made
