"""Drafts, and replies that wait before they go: nothing is lost, and nothing goes twice."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection

from plazo.accounts import erasure
from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.core.actor import Actor
from plazo.notifications.models import OutboundMail
from plazo.tickets import commands, drafts, errors, holding, queries, staging
from plazo.tickets import erasure as tickets_erasure
from plazo.tickets.bodies import StoredUpload
from plazo.tickets.models import Draft, PublicMessage
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
NOW = TUESDAY


def a_letter(body="Ya está resuelto", **fields):
    """A reply that is ready to go."""
    wanted = {"typed": body, "choices": {"then": ""}, "files": []} | fields
    return holding.Letter(body=body, **wanted)


def hold(ticket, *, seconds=10, now=NOW, **fields):
    """Let a reply of the agent of level 1 wait."""
    return holding.hold_reply(
        ticket_id=ticket.pk, letter=a_letter(**fields), seconds=seconds, actor=as_agent(), now=now
    )


def write(ticket, agent, body, *, kind="reply", now=NOW):
    """Keep what an agent has written so far."""
    return drafts.save(ticket_id=ticket.pk, agent=agent, kind=kind, body=body, choices={}, now=now)


def replies():
    return PublicMessage.objects.filter(author_agent__isnull=False).count()


def test_nobody_is_told_of_a_reply_while_it_waits():
    """No event, no message, no mail: until it goes it can be taken back as if it never was."""
    ticket = a_case(now=NOW)
    before = (len(queries.chain_of(ticket)), OutboundMail.objects.count())
    draft = hold(ticket)
    assert draft.send_at == NOW + 10 * SECOND
    assert (len(queries.chain_of(ticket)), OutboundMail.objects.count()) == before
    assert replies() == 0


def test_a_reply_goes_at_its_moment_and_not_before():
    """The row is sent when it is due, under its author's name, and is gone then."""
    ticket = a_case(now=NOW)
    hold(ticket, then="pending", waiting_for="requester", reason="La traza")
    assert holding.send_due(NOW + 9 * SECOND) == 0
    assert holding.send_due(NOW + 10 * SECOND) == 1
    assert holding.send_due(NOW + 60 * SECOND) == 0
    message = PublicMessage.objects.get(author_agent__isnull=False)
    ticket.refresh_from_db()
    assert (message.at, message.author_agent) == (NOW + 10 * SECOND, an_agent())
    assert (ticket.status, Draft.objects.count()) == ("pending", 0)


def test_taken_back_it_is_a_draft_again():
    """The text comes back, before what was begun meanwhile; sent it is never, and undone once."""
    ticket = a_case(now=NOW)
    held = hold(ticket, choices={"then": "solved"})
    write(ticket, an_agent(), "Otra cosa", now=NOW + 2 * SECOND)
    holding.take_back(draft_id=held.pk, actor=as_agent(), now=NOW + 3 * SECOND)
    draft = Draft.objects.get()
    assert (draft.body, draft.choices) == ("Ya está resuelto\n\nOtra cosa", {"then": "solved"})
    assert holding.send_due(NOW + MINUTE) == 0
    with pytest.raises(errors.NotHeld):
        holding.take_back(draft_id=held.pk, actor=as_agent(), now=NOW + 4 * SECOND)


def test_a_note_never_becomes_a_part_of_a_reply():
    """Two drafts that come together are a note if either is: taken back, handed over, gone on with."""
    ticket, first, second = a_case(now=NOW), an_agent(1), an_agent(2)
    held = hold(ticket)
    write(ticket, first, "Entre nosotros", kind="note")
    holding.take_back(draft_id=held.pk, actor=as_agent(), now=NOW)
    draft = Draft.objects.get()
    assert (draft.kind, draft.body) == ("note", "Ya está resuelto\n\nEntre nosotros")
    write(ticket, second, "Para usted")
    drafts.hand_over(ticket, to=second.pk, of={first.pk})
    taken = drafts.take(draft_id=draft.pk, agent=second, now=NOW)
    assert (taken.kind, taken.body[:10]) == ("note", "Para usted")
    write(ticket, second, "Y nada más", kind="note")
    write(ticket, first, "Una respuesta")
    drafts.hand_over(ticket, to=second.pk, of={first.pk})
    drafts.take(draft_id=drafts.on_ticket(ticket, second).given[0].pk, agent=second, now=NOW)
    assert [d.kind for d in Draft.objects.all()] == ["note"]


def test_only_its_author_takes_a_reply_back():
    """A colleague's undo finds nothing."""
    held = hold(a_case(now=NOW))
    with pytest.raises(errors.NotHeld):
        holding.take_back(draft_id=held.pk, actor=as_agent(2), now=NOW + SECOND)


def test_a_deadline_is_not_missed_for_the_sake_of_undoing():
    """A clock that falls due while a reply would wait: it goes at once, and is on time."""
    ticket = a_case(now=NOW)
    due = ticket.next_due_at
    assert hold(ticket, now=due - 5 * SECOND) is None
    ticket.refresh_from_db()
    clock = next(clock for clock in ticket.clocks if clock["metric"] == "first_reply")
    assert (replies(), clock["state"]) == (1, "met")


def test_a_clock_that_comes_nearer_while_it_waits_sends_it():
    """A promise made meanwhile falls due before the reply would go: it goes now."""
    ticket = a_case(now=NOW)
    held = hold(ticket, seconds=20)
    commands.make_promise(
        ticket_id=ticket.pk, by=NOW + 12 * SECOND, actor=as_agent(2), now=NOW + SECOND
    )
    assert holding.send_held(draft_id=held.pk, now=NOW + 2 * SECOND) is not None


def test_sent_twice_it_waits_once_and_goes_once():
    """A double click, and a reload after it went: one reply."""
    ticket = a_case(now=NOW)
    assert hold(ticket).pk == hold(ticket, now=NOW + SECOND).pk
    holding.send_due(NOW + 11 * SECOND)
    assert hold(ticket, now=NOW + 20 * SECOND) is None
    holding.send_due(NOW + 2 * MINUTE)
    assert replies() == 1


def test_the_same_words_and_solve_solve_at_once():
    """They went out just now: there is nothing left to wait for, and the status is not lost."""
    ticket = a_case(now=NOW)
    hold(ticket, seconds=5)
    holding.send_due(NOW + 6 * SECOND)
    assert hold(ticket, now=NOW + 10 * SECOND, then="solved") is None
    ticket.refresh_from_db()
    assert (ticket.status, replies()) == ("solved", 1)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"body": "  "}, errors.EmptyBody, id="nothing written"),
        pytest.param({"then": "pending"}, errors.WaitingForUnknown, id="waiting for nobody"),
        pytest.param({"promise_by": NOW}, errors.PromiseOutOfRange, id="promised for now"),
        pytest.param(
            {"promise_by": NOW + MINUTE, "then": "solved"},
            errors.NotWhileSolved,
            id="a promise on what is solved",
        ),
    ],
)
def test_what_would_be_refused_is_refused_at_once(fields, error):
    """An agent hears of it while they look, and not ten seconds later; nothing stays of it."""
    ticket = a_case(now=NOW)
    chain = len(queries.chain_of(ticket))
    with pytest.raises(error) as refused:
        hold(ticket, **fields)
    if error is errors.NotWhileSolved:
        assert "o no comprometa" in refused.value.user_message()
    assert (Draft.objects.count(), replies(), len(queries.chain_of(ticket))) == (0, 0, chain)


def test_what_is_refused_by_then_comes_back_with_its_reason():
    """The case was closed while the reply waited: its author has the text, and the sentence."""
    ticket = a_case(now=NOW)
    hold(ticket)
    for status in ("solved", "closed"):
        commands.set_status(ticket_id=ticket.pk, status=status, actor=as_agent(2), now=NOW + SECOND)
    assert holding.send_due(NOW + 11 * SECOND) == 0
    write(ticket, an_agent(), "Lo que escribe mientras tanto")
    desk = drafts.on_ticket(ticket, an_agent())
    assert [draft.body for draft in desk.given] == ["Ya está resuelto"]
    assert "cerrado" in desk.given[0].refused
    assert replies() == 0
    taken = drafts.take(draft_id=desk.given[0].pk, agent=an_agent(), now=NOW)
    assert taken.body == "Lo que escribe mientras tanto\n\nYa está resuelto"


def test_a_reply_whose_author_has_left_goes_to_whoever_has_the_case():
    """Deactivated while it waited: it is not sent in their name, and somebody else has the text."""
    ticket, other = a_case(now=NOW), an_agent(2)
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=other.pk, actor=actor_of_agent(other), now=NOW
    )
    hold(ticket)
    commands.let_agent_go(
        agent_id=an_agent(1).pk, cases_to=None, actor=actor_of_agent(other), now=NOW
    )
    assert holding.send_due(NOW + 10 * SECOND) == 0
    given = drafts.on_ticket(ticket, other).given
    assert [(d.author, d.body) for d in given] == [(an_agent(1), "Ya está resuelto")]
    assert replies() == 0


def test_a_case_is_not_merged_away_under_a_reply_that_waits():
    """It could not go any more, and its author believes it sent: it goes first."""
    ticket, into = a_case(now=NOW), a_case(now=NOW, subject="Otro")
    hold(ticket)
    merge = {"ticket_id": ticket.pk, "into_id": into.pk, "actor": as_agent(2)}
    with pytest.raises(errors.MergeRefused):
        commands.merge_ticket(**merge, now=NOW + SECOND)
    assert holding.send_due(NOW + 10 * SECOND) == 1
    commands.merge_ticket(**merge, now=NOW + 11 * SECOND)


def test_killed_before_the_commit_it_is_still_there(monkeypatch):
    """A process that dies between the reply and the commit leaves the row: the next one sends it."""
    ticket = a_case(now=NOW)
    held = hold(ticket)

    def killed(*_args, **_kwargs):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "delete", killed)
        with pytest.raises(SystemExit):
            holding.send_held(draft_id=held.pk, now=NOW + 10 * SECOND)
    assert (replies(), Draft.objects.count()) == (0, 1)
    assert holding.send_due(NOW + 11 * SECOND) == 1
    assert replies() == 1


@pytest.mark.django_db(transaction=True)
def test_sent_and_taken_back_at_once_it_does_one_of_the_two():
    """The worker, a second worker, the page's own nudge and the undo, all at the same moment."""
    ticket = a_case(now=NOW)
    for number in range(3):
        held = hold(ticket, body=f"Respuesta {number}", now=NOW + number * MINUTE)
        at, before = held.send_at, replies()
        barrier, undone = threading.Barrier(4), []

        def run(call, barrier=barrier):
            barrier.wait()
            try:
                call()
            except errors.NotHeld:
                pass
            finally:
                connection.close()

        def undo(pk=held.pk, at=at, undone=undone):
            holding.take_back(draft_id=pk, actor=as_agent(), now=at)
            undone.append(pk)

        calls = [undo, *(lambda pk=held.pk, at=at: holding.send_held(draft_id=pk, now=at),) * 3]
        threads = [threading.Thread(target=run, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert replies() - before + len(undone) == 1
        drafts.discard(ticket_id=ticket.pk, agent=an_agent())


def test_an_agent_has_one_draft_on_a_ticket():
    """The last one wins, also as another kind; an empty one is none."""
    ticket, agent = a_case(now=NOW), an_agent()
    write(ticket, agent, "Uno")
    write(ticket, agent, "Uno y dos", kind="note")
    assert [(d.body, d.kind) for d in Draft.objects.all()] == [("Uno y dos", "note")]
    assert drafts.begun_on(agent, [ticket.pk]) == {ticket.pk}
    assert drafts.begun_on(an_agent(2), [ticket.pk]) == set()
    write(ticket, agent, " \n")
    assert not Draft.objects.exists()


def test_a_draft_goes_along_when_the_ticket_is_handed_over():
    """Whoever is given the ticket has what was begun, with its author named, beside their own."""
    ticket, first, second = a_case(now=NOW), an_agent(1), an_agent(2)
    write(ticket, first, "Lo que iba a decir")
    write(ticket, second, "Lo mío")
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=second.pk, actor=actor_of_agent(first), now=NOW
    )
    assert drafts.on_ticket(ticket, first).own is None
    desk = drafts.on_ticket(ticket, second)
    assert (desk.own.body, [(d.author, d.body) for d in desk.given]) == (
        "Lo mío",
        [(first, "Lo que iba a decir")],
    )
    drafts.take(draft_id=desk.given[0].pk, agent=second, now=NOW)
    assert drafts.on_ticket(ticket, second).own.body == "Lo mío\n\nLo que iba a decir"


def test_whoever_had_the_ticket_leaves_their_draft_too():
    """A coordinator gives an absent agent's ticket to another: what they had begun is not lost."""
    ticket, absent, other = a_case(now=NOW), an_agent(1), an_agent(2)
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=absent.pk, actor=actor_of_agent(absent), now=NOW
    )
    write(ticket, absent, "A medias")
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=other.pk, actor=Actor.system("rules"), now=NOW
    )
    assert [d.author for d in drafts.on_ticket(ticket, other).given] == [absent]


def test_what_a_former_agent_left_goes_to_whoever_is_given_the_ticket():
    """Left unassigned by who leaves, and given to somebody later: what was begun is not lost."""
    ticket, gone, other = a_case(now=NOW), an_agent(1), an_agent(2)
    write(ticket, gone, "A medias")
    commands.let_agent_go(agent_id=gone.pk, cases_to=None, actor=Actor.system("x"), now=NOW)
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=other.pk, actor=actor_of_agent(other), now=NOW
    )
    assert [d.author for d in drafts.on_ticket(ticket, other).given] == [gone]


def test_a_draft_is_erased_with_whom_it_is_about():
    """What an agent was writing to a person may be about them: it goes when they are erased."""
    person = a_requester()
    ticket = a_case(requester=person, now=NOW)
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=NOW)
    write(ticket, an_agent(), "Sobre usted")
    tickets_erasure.register()
    erasure.erase_requester(requester_id=person.pk, actor=as_agent(), now=NOW)
    assert not Draft.objects.exists()


def test_a_reply_that_waits_outlives_the_erasing_of_somebody_else():
    """It was sent to the requester: that a participant is erased meanwhile does not lose it."""
    colleague = a_requester(email="colega@example.net")
    ticket = a_case(requester=a_requester(), now=NOW)
    commands.reply_as_requester(
        ticket_id=ticket.pk, body="Yo también", actor=actor_of_requester(colleague), now=NOW
    )
    write(ticket, an_agent(2), "Sobre el colega")
    hold(ticket, copies=[colleague.pk])
    tickets_erasure.register()
    erasure.erase_requester(requester_id=colleague.pk, actor=as_agent(), now=NOW)
    assert [draft.send_at is None for draft in Draft.objects.all()] == [False]
    assert holding.send_due(NOW + 10 * SECOND) == 1
    assert not ticket.participants.exists()
    assert queries.chain_of(ticket)[-1].kind != "participant.added"


def test_who_was_taken_out_while_a_reply_waited_gets_no_copy():
    """Copies are chosen when it is written; who takes part no more by then is let in no more."""
    person, stays = a_requester(email="sale@example.net"), a_requester(email="queda@example.net")
    ticket = a_case(now=NOW)
    for each in (person, stays):
        commands.add_participant(ticket_id=ticket.pk, person_id=each.pk, actor=as_agent(), now=NOW)
    new = a_requester(email="nueva@example.net")
    hold(ticket, copies=[person.pk, stays.pk, new.pk])
    commands.remove_participant(
        ticket_id=ticket.pk, person_id=person.pk, actor=as_agent(), now=NOW + SECOND
    )
    assert holding.send_due(NOW + 10 * SECOND) == 1
    replied = next(e for e in queries.chain_of(ticket) if e.kind == "ticket.replied")
    assert replied.payload["copies"] == sorted([stays.pk, new.pk])
    assert not ticket.participants.filter(requester=person).exists()


def test_a_file_of_a_draft_outlives_its_two_days(settings, tmp_path):
    """Bytes that came before their form go after two days, and a draft holds its own."""
    settings.MEDIA_ROOT = tmp_path
    sha256 = uuid.uuid4().hex * 2
    file = StoredUpload(sha256, "traza.png", "image/png", 3)
    staging.stage([file], now=NOW)
    drafts.save(
        ticket_id=a_case(now=NOW).pk,
        agent=an_agent(),
        kind="reply",
        body="x",
        choices={},
        files=[file],
        now=NOW,
    )
    assert staging.forget_staged(now=NOW + timedelta(days=3)) == 0
