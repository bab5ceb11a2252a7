"""Merging, its undoing, splitting, links: what is owed, who sees it, and that the books stay true."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Organization
from plazo.core.actor import Actor
from plazo.tickets import access, commands, joins, queries
from plazo.tickets.bodies import StoredUpload, Written
from plazo.tickets.commands.erasing import twins_of
from plazo.tickets.errors import (
    LinkRefused,
    MergedAway,
    MergeRefused,
    NotMerged,
    NotSplittable,
    StatusRefused,
    TicketClosed,
    UnknownChoice,
)
from plazo.tickets.models import (
    Attachment,
    Participant,
    PublicMessage,
    Referral,
    Ticket,
    TicketField,
)
from tests.factory import TUESDAY, a_case, a_requester, as_agent

MINUTE = timedelta(minutes=1)
FILE = StoredUpload("ab" * 32, "traza.txt", "text/plain", 12)


def of(ticket):
    """A ticket as it is stored now."""
    return Ticket.objects.select_related("agreement_version", "requester", "mailbox").get(
        pk=ticket.pk
    )


def clock(ticket, key, now):
    """One clock of a ticket, evaluated from its events."""
    found = of(ticket)
    return queries.evaluation_of(found, queries.chain_of(found), now=now).get(key)


def two(*, now=TUESDAY, apart=timedelta(minutes=20), **of_second):
    """An older and a newer case of the same person."""
    return a_case(now=now - apart), a_case(now=now, subject="Lo mismo otra vez", **of_second)


def merge(gone, kept, now, **more):
    """Merge one case into another, as the agent of level 1."""
    return commands.merge_ticket(
        ticket_id=gone.pk, into_id=kept.pk, actor=as_agent(), now=now, **more
    )


def says(ticket, body, now, requester=None, **more):
    """Let a requester write in a case."""
    person = requester or ticket.requester
    return commands.reply_as_requester(
        ticket_id=ticket.pk, body=body, actor=actor_of_requester(person), now=now, **more
    )


def answer(ticket, now, **more):
    """Answer a case publicly."""
    return commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Lo estamos viendo.", actor=as_agent(), now=now, **more
    )


@pytest.mark.django_db
def test_merging_seals_the_one_and_hands_its_duty_to_the_other():
    """M-80, M-81: the older wait is owed by whoever survives, from its own beginning."""
    old, new = two()
    due = clock(old, "first_reply", TUESDAY).due_at
    merge(old, new, TUESDAY + MINUTE)
    assert clock(old, "first_reply", TUESDAY + MINUTE).state == "cancelled"
    assert clock(new, "first_reply", TUESDAY + MINUTE).due_at == due
    assert of(old).status == "closed"
    assert of(old).merged_into_id == new.pk
    assert of(old).next_alarm_at is None
    assert access.survivor_of(of(old)).pk == new.pk


@pytest.mark.django_db
def test_merging_into_an_answered_case_answers_nobody():
    """M-82: otherwise a case about to be late would be merged away from its deadline."""
    old, new = two()
    due = clock(old, "first_reply", TUESDAY).due_at
    answer(new, TUESDAY + MINUTE)
    merge(old, new, TUESDAY + 2 * MINUTE)
    owed = clock(new, "first_reply#2", TUESDAY + 3 * MINUTE)
    assert (owed.state, owed.due_at) == ("running", due)
    answer(new, TUESDAY + 4 * MINUTE, then="")
    assert clock(new, "first_reply#2", TUESDAY + 5 * MINUTE).state == "met"


@pytest.mark.django_db
def test_a_last_word_answers_the_absorbed_one_before_it_goes():
    """The requester of the absorbed case may be told; that is a reply, and is owed no more."""
    old, new = two()
    merge(old, new, TUESDAY + MINUTE, words="Seguimos en el otro caso.")
    assert clock(old, "first_reply", TUESDAY + MINUTE).state == "met"
    assert clock(new, "first_reply", TUESDAY + MINUTE).started_at == new.opened_at


@pytest.mark.django_db
def test_the_conversation_of_the_survivor_reads_both_in_order():
    """What was written stays a row of its own ticket, and is read where the case goes on."""
    old, new = two()
    says(old, "Sigue fallando", TUESDAY + MINUTE)
    merge(old, new, TUESDAY + 2 * MINUTE)
    chain = queries.chain_of(of(new))
    entries = queries.conversation(of(new), chain, internal=True, merged=joins.taken_in(chain))
    shown = [(e.number, e.message.body_text[:14]) for e in entries if e.kind == "message"]
    assert shown == [
        (old.number, "Desde las 12:4"),
        ("", "Desde las 12:4"),
        (old.number, "Sigue fallando"),
    ]
    assert PublicMessage.objects.filter(ticket=old.pk).count() == 2


@pytest.mark.django_db
def test_what_was_merged_takes_nothing_any_more_and_says_where_to_go():
    """Agents are told the number; the requester's side is told no more than that it is closed."""
    old, new = two()
    merge(old, new, TUESDAY + MINUTE)
    with pytest.raises(MergedAway) as told:
        answer(old, TUESDAY + 2 * MINUTE)
    assert new.number in told.value.user_message()
    with pytest.raises(TicketClosed) as closed:
        says(old, "¿Hola?", TUESDAY + 2 * MINUTE)
    assert new.number not in closed.value.user_message()


@pytest.mark.django_db
def test_nobody_is_let_in_who_was_not_chosen():
    """Across companies the other requester sees the survivor only if somebody says so."""
    other = a_requester("ti@boreal.example", "TI Boreal")
    old, new = two()
    theirs = a_case(now=TUESDAY, requester=other)
    merge(theirs, new, TUESDAY + MINUTE)
    assert not Participant.objects.filter(ticket=new).exists()
    assert access.sees(other, [new.pk]) == []
    merge(old, new, TUESDAY + 2 * MINUTE, people=[old.requester_id])
    assert not Participant.objects.filter(ticket=new).exists(), "the requester is there already"
    third = a_case(now=TUESDAY, requester=other)
    merge(third, new, TUESDAY + 3 * MINUTE, people=[other.pk])
    assert access.sees(other, [new.pk]) == [new.pk]
    stranger = a_requester("nadie@otro.example", "Nadie")
    with pytest.raises(MergeRefused):
        merge(a_case(now=TUESDAY), new, TUESDAY + 4 * MINUTE, people=[stranger.pk])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        pytest.param(lambda a, b: (a, a), MergeRefused, id="with itself"),
        pytest.param(
            lambda a, b: (
                a,
                commands.set_status(ticket_id=b.pk, status="solved", actor=as_agent(), now=TUESDAY)
                and b,
            ),
            MergeRefused,
            id="into a solved one",
        ),
        pytest.param(
            lambda a, b: (merge(b, a, TUESDAY) and a, b), TicketClosed, id="into an absorbed one"
        ),
        pytest.param(
            lambda a, b: (merge(a, b, TUESDAY) and a, b), TicketClosed, id="an absorbed one again"
        ),
    ],
)
def test_what_cannot_be_merged_is_refused(prepare, error):
    """Each refusal leaves both as they were: the law is checked afterwards."""
    gone, kept = prepare(*two())
    with pytest.raises(error):
        merge(gone, kept, TUESDAY + MINUTE)


@pytest.mark.django_db
def test_undoing_puts_everything_back():
    """M-84, M-86: status, wait and clocks of both, and who takes part."""
    other = a_requester("ti@boreal.example", "TI Boreal")
    new = a_case(now=TUESDAY)
    old = a_case(now=TUESDAY - 30 * MINUTE, requester=other)
    commands.set_status(
        ticket_id=old.pk,
        status="pending",
        waiting_for="requester",
        reason="la traza",
        actor=as_agent(),
        now=TUESDAY,
    )
    before = [(of(t).status, of(t).waiting_reason, of(t).clocks) for t in (old, new)]
    merge(old, new, TUESDAY + MINUTE, people=[other.pk])
    assert of(new).clocks != before[1][2]
    undone = commands.unmerge_ticket(ticket_id=old.pk, actor=as_agent(), now=TUESDAY + 2 * MINUTE)
    assert undone.payload["answered_at"] == ""
    assert [(of(t).status, of(t).waiting_reason, of(t).clocks) for t in (old, new)] == before
    assert access.sees(other, [old.pk, new.pk]) == [old.pk]
    assert joins.taken_in(queries.chain_of(of(new))) == []
    merge(old, new, TUESDAY + 3 * MINUTE)
    assert of(old).merged_into_id == new.pk, "and it can be merged again"


@pytest.mark.django_db
def test_what_answered_them_meanwhile_counts_after_undoing():
    """M-85: a reply on the survivor that reached the absorbed one's requester answered them."""
    old, new = two()
    merge(old, new, TUESDAY + MINUTE)
    answer(new, TUESDAY + 2 * MINUTE)
    commands.unmerge_ticket(ticket_id=old.pk, actor=as_agent(), now=TUESDAY + 3 * MINUTE)
    met = clock(old, "first_reply", TUESDAY + 4 * MINUTE)
    assert (met.state, met.done_at) == ("met", TUESDAY + 2 * MINUTE)


@pytest.mark.django_db
def test_what_they_wrote_in_the_survivor_keeps_them_in_it():
    """Whoever has written there goes on taking part: their words stand there."""
    other = a_requester("ti@boreal.example", "TI Boreal")
    new, old = a_case(now=TUESDAY), a_case(now=TUESDAY, requester=other)
    merge(old, new, TUESDAY + MINUTE, people=[other.pk])
    says(new, "Aquí también", TUESDAY + 2 * MINUTE, requester=other)
    commands.unmerge_ticket(ticket_id=old.pk, actor=as_agent(), now=TUESDAY + 3 * MINUTE)
    assert access.sees(other, [new.pk]) == [new.pk]


@pytest.mark.django_db
def test_undoing_has_its_limits():
    """Not what was never merged, not after a week, not once the survivor has ended for good."""
    old, new = two()
    with pytest.raises(NotMerged):
        commands.unmerge_ticket(ticket_id=old.pk, actor=as_agent(), now=TUESDAY)
    merge(old, new, TUESDAY + MINUTE)
    with pytest.raises(NotMerged):
        late = TUESDAY + timedelta(days=7, minutes=2)
        commands.unmerge_ticket(ticket_id=old.pk, actor=as_agent(), now=late)
    third = a_case(now=TUESDAY)
    merge(new, third, TUESDAY + 2 * MINUTE)
    with pytest.raises(NotMerged):
        commands.unmerge_ticket(ticket_id=old.pk, actor=as_agent(), now=TUESDAY + 3 * MINUTE)
    assert joins.taken_in(queries.chain_of(of(third))) == [new.pk, old.pk]
    assert access.survivor_of(of(old)).pk == third.pk


@pytest.mark.django_db(transaction=True)
def test_merging_both_ways_at_once_neither_hangs_nor_loses():
    """Two agents merge two cases into each other: one of them is told that it is done."""
    for _round in range(3):
        a, b = two()
        outcomes: list[str] = []
        ready = threading.Barrier(2)
        actor = as_agent()

        def go(gone, kept, actor=actor, ready=ready, outcomes=outcomes):
            ready.wait(timeout=60)
            try:
                commands.merge_ticket(ticket_id=gone, into_id=kept, actor=actor, now=TUESDAY)
                outcomes.append("merged")
            except TicketClosed:
                outcomes.append("refused")
            finally:
                connections.close_all()

        threads = [threading.Thread(target=go, args=pair) for pair in ((a.pk, b.pk), (b.pk, a.pk))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert sorted(outcomes) == ["merged", "refused"]


@pytest.mark.django_db
def test_a_message_becomes_a_case_that_counts_from_when_it_was_asked():
    """M-87: words, files and author are the message's; what is owed for it began with it."""
    case = a_case(now=TUESDAY - 20 * MINUTE)
    answer(case, TUESDAY - 15 * MINUTE)
    said = says(case, "Otra cosa: falta la factura.", TUESDAY - 5 * MINUTE, attachments=[FILE])
    new = commands.split_message(
        message_id=said.payload["message"], subject="Factura", actor=as_agent(), now=TUESDAY
    )
    assert new.requester_id == case.requester_id
    assert new.opened_at == TUESDAY - 5 * MINUTE
    opening = queries.chain_of(of(new))[0]
    assert (opening.at, opening.recorded_at) == (TUESDAY - 5 * MINUTE, TUESDAY)
    assert clock(new, "first_reply", TUESDAY).started_at == TUESDAY - 5 * MINUTE
    copied = Attachment.objects.get(public_message__ticket=new)
    assert (copied.sha256, copied.name) == (FILE.sha256, FILE.name)
    assert [(link.number, link.why) for link in joins.links_of(queries.chain_of(of(case)))] == [
        (new.number, "split_off")
    ]
    with pytest.raises(NotSplittable):
        commands.split_message(
            message_id=said.payload["message"], subject="x", actor=as_agent(), now=TUESDAY
        )


@pytest.mark.django_db
def test_a_message_that_was_answered_counts_from_the_split():
    """M-87: whoever was answered since waits for nothing until we take it up on its own."""
    case = a_case(now=TUESDAY - 20 * MINUTE)
    said = says(case, "Otra cosa", TUESDAY - 15 * MINUTE)
    answer(case, TUESDAY - 5 * MINUTE)
    new = commands.split_message(
        message_id=said.payload["message"], subject="Otra", actor=as_agent(), now=TUESDAY
    )
    assert new.opened_at == TUESDAY
    assert PublicMessage.objects.get(ticket=new).at == TUESDAY - 15 * MINUTE


@pytest.mark.django_db
@pytest.mark.parametrize(("replied", "after"), [(False, -15), (True, 0)])
def test_a_merge_answers_nobody_whose_message_is_split_off(replied, after):
    """M-87: split off a case that was merged, it counts from when it was asked, until the answer."""
    case, kept = a_case(now=TUESDAY - 20 * MINUTE), a_case(now=TUESDAY - 18 * MINUTE)
    said = says(case, "Otra cosa", TUESDAY - 15 * MINUTE)
    merge(case, kept, TUESDAY - 10 * MINUTE)
    if replied:
        answer(kept, TUESDAY - 5 * MINUTE)
    new = commands.split_message(
        message_id=said.payload["message"], subject="Otra", actor=as_agent(), now=TUESDAY
    )
    assert new.opened_at == TUESDAY + after * MINUTE


@pytest.mark.django_db
@pytest.mark.parametrize("at_home", [True, False])
def test_what_a_message_quotes_stays_with_the_company_that_said_it(at_home):
    """Split off, a guest's mail becomes a case of their company, without the host's words in it."""
    home = Organization.objects.create(slug="andina", name="Andina")
    away = Organization.objects.create(slug="otra", name="Otra")
    owner, guest = a_requester(), a_requester("invitada@otra.example", "Invitada")
    for person, company in ((owner, home), (guest, home if at_home else away)):
        person.organization = company
        person.save()
    case = a_case(requester=owner, now=TUESDAY - 20 * MINUTE)
    body = Written(text="Otra cosa", html="<p>Otra cosa</p>", quoted_text="> Secreto de Andina")
    said = says(case, body, TUESDAY, requester=guest)
    new = commands.split_message(
        message_id=said.payload["message"], subject="Otra", actor=as_agent(), now=TUESDAY + MINUTE
    )
    quoted = PublicMessage.objects.get(ticket=new).quoted_text
    assert quoted == ("> Secreto de Andina" if at_home else "")


@pytest.mark.django_db
def test_only_a_later_word_of_the_requesters_side_is_split_off():
    """Not what opened the case, which is the case; not what we said."""
    case = a_case(now=TUESDAY)
    first = queries.chain_of(case)[0].payload["message"]
    ours = answer(case, TUESDAY + MINUTE).payload["message"]
    for message in (first, ours):
        with pytest.raises(NotSplittable):
            commands.split_message(
                message_id=message, subject="x", actor=as_agent(), now=TUESDAY + 2 * MINUTE
            )


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["original", "copy"])
def test_erasing_a_split_text_erases_it_twice(where):
    """The law asks for the text to go, wherever it stands."""
    case = a_case(now=TUESDAY)
    said = says(case, "Mi cédula es 12345", TUESDAY + MINUTE)
    new = commands.split_message(
        message_id=said.payload["message"], subject="x", actor=as_agent(), now=TUESDAY + 2 * MINUTE
    )
    copy = PublicMessage.objects.get(ticket=new)
    assert [twin.pk for twin in twins_of(copy)] == [said.payload["message"]]
    commands.redact_message(
        message_id=copy.pk if where == "copy" else said.payload["message"],
        actor=Actor.system("erasure"),
        now=TUESDAY + 3 * MINUTE,
    )
    assert not PublicMessage.objects.filter(body_text__contains="12345").exists()


@pytest.mark.django_db
def test_links_stand_on_both_and_come_off_both():
    """A problem names its incidents and they name it; what is a fact cannot be taken off."""
    problem, incident = two()
    who = {"actor": as_agent(), "now": TUESDAY + MINUTE}
    link = {"ticket_id": incident.pk, "other_id": problem.pk, "why": "problem"}
    commands.link_tickets(**link, **who)
    assert [k.why for k in joins.links_of(queries.chain_of(of(problem)))] == ["incident"]
    with pytest.raises(LinkRefused):
        commands.link_tickets(**link, **who)
    commands.unlink_tickets(ticket_id=problem.pk, other_id=incident.pk, why="incident", **who)
    for ticket in (problem, incident):
        assert joins.links_of(queries.chain_of(of(ticket))) == []
    assert commands.unlink_tickets(**link, **who) is None
    with pytest.raises(UnknownChoice):
        commands.link_tickets(**link | {"why": "follow_up"}, **who)


@pytest.mark.django_db
def test_an_agent_opens_a_case_for_somebody_else():
    """By the internal channel, with who asked for it in a row, and a flag for who is not entitled."""
    person = a_requester("nuevo@sincontrato.example", "Nuevo")
    ticket = commands.open_on_behalf(
        requester_id=person.pk,
        subject="Llamada: no puede facturar",
        body="Llamó a su ejecutiva.",
        service="esd",
        severity="B",
        referral=commands.Referred(role="sales", name="Ejecutiva", email="ventas@demo.example"),
        receipt=False,
        assignee_id=as_agent().id,
        submission_key="once",
        actor=as_agent(),
        now=TUESDAY,
    )
    opening = queries.chain_of(ticket)[0].payload
    assert (ticket.channel, ticket.severity, ticket.assignee_id) == ("internal", "B", as_agent().id)
    assert (opening["quiet"], opening["asked_by"]) == ("not_wanted", "sales")
    assert opening["entitlement"] == "unknown"
    assert "Ejecutiva" not in str(opening)
    assert Referral.objects.get(ticket=ticket).name == "Ejecutiva"
    again = commands.open_on_behalf(
        requester_id=person.pk,
        subject="x",
        body="x",
        submission_key="once",
        actor=as_agent(),
        now=TUESDAY,
    )
    assert again.pk == ticket.pk


@pytest.mark.django_db
def test_an_agent_follows_up_what_has_ended():
    """A follow-up names the old case on both; what goes on needs none."""
    case = a_case(now=TUESDAY)
    wanted = {
        "requester_id": case.requester_id,
        "subject": "Sigue",
        "body": "Volvió a pasar.",
        "follows_id": case.pk,
        "actor": as_agent(),
    }
    with pytest.raises(StatusRefused):
        commands.open_on_behalf(**wanted, now=TUESDAY + MINUTE)
    commands.set_status(
        ticket_id=case.pk, status="solved", actor=as_agent(), now=TUESDAY + 2 * MINUTE
    )
    new = commands.open_on_behalf(**wanted, now=TUESDAY + 3 * MINUTE)
    assert queries.follow_ups(queries.chain_of(new)) == ([case.pk], [])
    assert queries.follow_ups(queries.chain_of(of(case))) == ([], [new.pk])


@pytest.mark.django_db
def test_a_corrected_service_leaves_every_deadline():
    """Decision 43: the policy was sealed when the case was opened."""
    case = a_case(now=TUESDAY)
    before = (of(case).policy, of(case).clocks)
    new = {"service": "catalog", "environment": "", "request_type": "question"}
    who = {"actor": as_agent(), "now": TUESDAY + MINUTE}
    commands.classify_ticket(ticket_id=case.pk, **new, **who)
    assert of(case).service == "catalog"
    assert (of(case).policy, of(case).clocks) == before
    assert commands.classify_ticket(ticket_id=case.pk, **new, **who) is None
    with pytest.raises(UnknownChoice):
        commands.classify_ticket(ticket_id=case.pk, **new | {"service": "cloud"}, **who)


@pytest.mark.django_db
def test_fields_are_rows_and_the_timeline_says_which():
    """Values are personal: the event names keys and seals a digest of them all."""
    case = a_case(now=TUESDAY, guidance=commands.Guidance(fields={"trace_id": "abc"}))
    who = {"actor": as_agent(), "now": TUESDAY + MINUTE}
    event = commands.set_fields(
        ticket_id=case.pk, values={"order_number": "OC-1", "trace_id": ""}, **who
    )
    assert event.payload["fields"] == ["order_number", "trace_id"]
    assert "OC-1" not in str(event.payload)
    rows = TicketField.objects.filter(ticket=case)
    assert list(rows.values_list("key", "value")) == [("order_number", "OC-1")]
    same = {"order_number": "OC-1"}
    assert commands.set_fields(ticket_id=case.pk, values=same, **who) is None
    with pytest.raises(UnknownChoice):
        commands.set_fields(ticket_id=case.pk, values={"shoe_size": "42"}, **who)


@pytest.mark.django_db
def test_details_go_with_the_person_and_the_books_stay_true():
    """Filled in after the opening text was erased, they are erased with the person all the same."""
    case = a_case(now=TUESDAY)
    system = Actor.system("erasure")
    commands.redact_message(
        message_id=queries.chain_of(case)[0].payload["message"], actor=system, now=TUESDAY
    )
    commands.set_fields(
        ticket_id=case.pk,
        values={"order_number": "OC-1"},
        actor=as_agent(),
        now=TUESDAY + MINUTE,
    )
    commands.redact_person(
        ticket_id=case.pk, person_id=case.requester_id, actor=system, now=TUESDAY + 2 * MINUTE
    )
    assert not TicketField.objects.exists()


@pytest.mark.django_db
def test_who_is_let_in_is_told_so():
    """Otherwise a stranger number would answer them; a last word tells them as well."""
    other = a_requester("ti@boreal.example", "TI Boreal")
    kept = a_case(now=TUESDAY)
    for words, told in (("", True), ("Seguimos en otro caso.", False)):
        gone = a_case(now=TUESDAY, requester=other)
        Participant.objects.filter(ticket=kept).delete()
        merge(gone, kept, TUESDAY + MINUTE, people=[other.pk], words=words)
        added = [e for e in queries.chain_of(of(kept)) if e.kind == "participant.added"]
        assert added[-1].payload["told"] is told


@pytest.mark.django_db
def test_a_promise_of_the_absorbed_case_is_named_before_it_ends():
    """The preview tells what a merge cannot hand on: a person's word, and a higher level."""
    gone, kept = two()
    by = TUESDAY + 60 * MINUTE
    commands.make_promise(ticket_id=gone.pk, by=by, actor=as_agent(), now=TUESDAY)
    chains = [queries.chain_of(of(ticket)) for ticket in (gone, kept)]
    preview = joins.preview_of(of(gone), chains[0], of(kept), chains[1], now=TUESDAY + MINUTE)
    assert [clock.due_at for clock in preview.promises] == [by]
    assert {clock.metric.value for clock in preview.ends} == {"first_reply", "scope_verdict"}
    assert preview.after.get("first_reply").due_at < preview.before.get("first_reply").due_at
