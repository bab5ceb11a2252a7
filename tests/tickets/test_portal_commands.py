"""What a requester does with their case: climbing, rating, taking part, following up, erasing."""

from datetime import timedelta

import pytest

from plazo.accounts import erasure
from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Requester
from plazo.core.errors import PlazoError
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import access, commands, queries
from plazo.tickets.climbing import Climb, climb_of
from plazo.tickets.errors import (
    AddressNotConfirmed,
    CasesStillOpen,
    EscalationLocked,
    NothingToEscalate,
    NotRatable,
    NotWhileSolved,
    StatusRefused,
    TooManyParticipants,
    UnknownChoice,
)
from plazo.tickets.models import Channel, PublicMessage, Rating, Ticket
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent
from tests.people import a_person

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
OPENED = TUESDAY
DUE = OPENED + HOUR


def climb(ticket: Ticket, now):
    chain = queries.chain_of(ticket)
    return climb_of(queries.evaluation_of(ticket, chain, now=now), chain)


def kinds(ticket: Ticket) -> list[str]:
    return [event.kind for event in queries.chain_of(ticket)]


@pytest.mark.parametrize(
    ("after", "unlocked"),
    [
        pytest.param(59 * MINUTE, False, id="before the deadline"),
        pytest.param(HOUR, False, id="the deadline itself is on time"),
        pytest.param(HOUR + SECOND, True, id="a second later"),
        pytest.param(timedelta(days=3), True, id="days later"),
    ],
)
def test_climbing_unlocks_at_the_breach_and_not_before(after, unlocked):
    """Decided by the clocks at that moment: no sweep has run here."""
    ticket = a_case(now=OPENED)
    actor, now = actor_of_requester(ticket.requester), OPENED + after
    if not unlocked:
        with pytest.raises(EscalationLocked) as locked:
            commands.request_escalation(ticket_id=ticket.pk, actor=actor, now=now)
        assert locked.value.data["at"] == DUE
        assert "15:52" in locked.value.user_message()
        assert kinds(ticket) == ["ticket.opened"]
        return
    event = commands.request_escalation(ticket_id=ticket.pk, actor=actor, now=now)
    assert event.payload["keys"] == ["first_reply", "scope_verdict"]
    assert event.payload["late_since"] == "2026-11-24T20:52:00Z"
    assert event.audience == "public"


def test_climbing_rings_and_entering_a_level_does_not():
    """Decision 8: up the ladder somebody is rung and the case stays; to level 2 nobody is rung."""
    climbed, entered = a_case(now=OPENED), a_case(now=OPENED)
    late = DUE + MINUTE
    actor = actor_of_requester(climbed.requester)
    commands.request_escalation(ticket_id=climbed.pk, actor=actor, now=late)
    commands.enter_level(ticket_id=entered.pk, level=2, severity="C", actor=as_agent(1), now=late)
    assert [kinds(ticket).count("ladder.rang") for ticket in (climbed, entered)] == [1, 0]
    assert [Ticket.objects.get(pk=ticket.pk).level for ticket in (climbed, entered)] == [1, 2]


def test_climbing_is_once_for_each_breach():
    """Both duties late at once are one breach to climb over; one that is late later is another."""
    ticket = a_case(now=OPENED)
    actor, late = actor_of_requester(ticket.requester), DUE + MINUTE
    commands.request_escalation(ticket_id=ticket.pk, actor=actor, now=late)
    with pytest.raises(NothingToEscalate, match="ya escaló"):
        commands.request_escalation(ticket_id=ticket.pk, actor=actor, now=late + MINUTE)

    other = a_case(now=OPENED)
    commands.reply_to_ticket(
        ticket_id=other.pk, body="Hola", actor=as_agent(), now=OPENED + 10 * MINUTE
    )
    event = commands.request_escalation(ticket_id=other.pk, actor=actor, now=late)
    assert event.payload["keys"] == ["scope_verdict"]


def test_who_was_answered_late_may_climb_and_who_was_answered_in_time_may_not():
    """A breach stays one, whatever followed; kept times leave nothing to climb over."""
    late, kept = a_case(now=OPENED), a_case(now=OPENED)
    by = as_agent()
    for ticket, at in ((late, DUE + MINUTE), (kept, DUE - MINUTE)):
        commands.reply_to_ticket(ticket_id=ticket.pk, body="Hola", actor=by, now=at)
        commands.give_verdict(ticket_id=ticket.pk, in_scope=True, actor=by, now=at)
    actor, now = actor_of_requester(late.requester), DUE + HOUR
    assert climb(late, now).keys == ("first_reply", "scope_verdict")
    assert climb(kept, now) == Climb()
    with pytest.raises(NothingToEscalate):
        commands.request_escalation(ticket_id=kept.pk, actor=actor, now=now)


def test_what_is_said_with_it_is_a_message_and_the_level_above_hears():
    """The words stand in the conversation, and the ladder rings the coordinators at once."""
    coordinator = an_agent(2)
    ticket = a_case(now=OPENED)
    commands.request_escalation(
        ticket_id=ticket.pk,
        words="No podemos vender.",
        actor=actor_of_requester(ticket.requester),
        now=DUE + MINUTE,
    )
    said = ["ticket.opened", "requester.replied", "escalation.requested", "ladder.rang"]
    assert kinds(ticket) == said
    assert len({event.correlation for event in queries.chain_of(ticket)[1:]}) == 1
    assert queries.chain_of(ticket)[-1].payload["agents"] == [coordinator.pk]


def test_a_solved_case_is_not_climbed_over():
    """There is nobody to hurry."""
    ticket = a_case(now=OPENED)
    actor = actor_of_requester(ticket.requester)
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=actor, now=DUE + MINUTE)
    with pytest.raises(NotWhileSolved):
        commands.request_escalation(ticket_id=ticket.pk, actor=actor, now=DUE + HOUR)


def solved(now=OPENED + 10 * MINUTE) -> Ticket:
    ticket = a_case(now=OPENED)
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=now)
    ticket.refresh_from_db()
    return ticket


def test_a_rating_can_be_changed_until_the_case_closes():
    """The latest counts, the same again is no change, and the words are sealed and erasable."""
    ticket = solved()
    actor, at = actor_of_requester(ticket.requester), OPENED + HOUR
    for score, words in ((2, "Tarde"), (4, "Al final, bien"), (4, "Al final, bien")):
        commands.rate_ticket(ticket_id=ticket.pk, score=score, words=words, actor=actor, now=at)
    assert kinds(ticket).count("ticket.rated") == 2
    rating = queries.last_rating(ticket, queries.chain_of(ticket))
    assert (rating.score, rating.words) == (4, "Al final, bien")

    commands.set_status(ticket_id=ticket.pk, status="closed", actor=as_agent(), now=at)
    with pytest.raises(NotRatable):
        commands.rate_ticket(ticket_id=ticket.pk, score=1, actor=actor, now=at)


@pytest.mark.parametrize(
    ("score", "who", "error"),
    [
        pytest.param(0, "requester", UnknownChoice, id="below the scale"),
        pytest.param(6, "requester", UnknownChoice, id="above the scale"),
        pytest.param(3, "colleague", NotRatable, id="somebody else"),
        pytest.param(3, "agent", NotRatable, id="our own people"),
    ],
)
def test_only_who_asked_rates_and_only_on_the_scale(score, who, error):
    """A rating is one person's word about their own case."""
    ticket = solved()
    actors = {
        "requester": actor_of_requester(ticket.requester),
        "colleague": actor_of_requester(a_requester("otra@andina.example", "Otra")),
        "agent": as_agent(),
    }
    with pytest.raises(error):
        commands.rate_ticket(ticket_id=ticket.pk, score=score, actor=actors[who], now=OPENED + HOUR)
    assert not Rating.objects.exists()


def test_an_open_case_is_not_rated():
    """There is no service to judge yet."""
    ticket = a_case(now=OPENED)
    with pytest.raises(NotRatable):
        commands.rate_ticket(
            ticket_id=ticket.pk, score=5, actor=actor_of_requester(ticket.requester), now=DUE
        )


def test_somebody_added_takes_part_and_is_told_and_can_leave():
    """They see the case while they take part, and not afterwards; what they wrote stays."""
    owner, other = a_person(), a_person("bodega@andina.example", "Bodega")
    ticket = a_case(requester=owner, now=OPENED)
    actor = actor_of_requester(owner)
    added = commands.add_participant(
        ticket_id=ticket.pk, person_id=other.pk, actor=actor, now=OPENED
    )
    again = commands.add_participant(
        ticket_id=ticket.pk, person_id=other.pk, actor=actor, now=OPENED
    )
    assert (added is not None, again) == (True, None)
    assert OutboundMail.objects.get(kind=MailKind.JOINED).recipient == other.email
    assert access.ticket_for_requester(other, ticket.number) == ticket
    token = access.link_token(ticket, other)
    assert access.case_by_link(token) == access.Shown(ticket, other, by_mail=False)

    commands.reply_as_requester(
        ticket_id=ticket.pk, body="Yo vi lo mismo", actor=actor_of_requester(other), now=OPENED
    )
    commands.remove_participant(ticket_id=ticket.pk, person_id=other.pk, actor=actor, now=OPENED)
    assert not access.tickets_for_requester(other).exists()
    with pytest.raises(PlazoError):
        access.case_by_link(token)
    assert PublicMessage.objects.filter(author_requester=other).count() == 1


def test_an_unconfirmed_address_sends_nobody_mail():
    """Anyone can open a case in anyone's name; it must not become a way to write to strangers."""
    ticket, other = a_case(now=OPENED), a_requester("victima@otra.example", "Víctima")
    Requester.objects.filter(pk=ticket.requester_id).update(email_confirmed_at=None)
    with pytest.raises(AddressNotConfirmed):
        commands.add_participant(
            ticket_id=ticket.pk,
            person_id=other.pk,
            actor=actor_of_requester(ticket.requester),
            now=OPENED,
        )
    assert not OutboundMail.objects.filter(recipient=other.email).exists()


def test_there_is_a_most_of_participants():
    """A case is no mailing list."""
    owner = a_person()
    ticket = a_case(requester=owner, now=OPENED)
    people = [a_requester(f"p{n}@andina.example", f"P{n}").pk for n in range(21)]
    for pk in people[:20]:
        commands.add_participant(
            ticket_id=ticket.pk, person_id=pk, actor=actor_of_requester(owner), now=OPENED
        )
    with pytest.raises(TooManyParticipants):
        commands.add_participant(
            ticket_id=ticket.pk, person_id=people[20], actor=actor_of_requester(owner), now=OPENED
        )


def test_a_colleague_who_writes_takes_part_under_their_own_name():
    """They hear of the answer, and nobody else's name stands on their words."""
    owner = a_person()
    boss = a_person("gerencia@andina.example", "Gerencia Andina", manages=True)
    ticket = a_case(requester=owner, now=OPENED)
    commands.reply_as_requester(
        ticket_id=ticket.pk, body="Es urgente", actor=actor_of_requester(boss), now=OPENED + MINUTE
    )
    message = PublicMessage.objects.latest("pk")
    assert (message.author_requester, message.author_name) == (boss, "Gerencia Andina")
    assert [entry.requester for entry in ticket.participants.all()] == [boss]


def test_who_wants_no_copies_gets_none():
    """A participant's own choice; the requester's answer is not touched by it."""
    owner, quiet = a_person(), a_person("quieto@andina.example", "Quieto")
    Requester.objects.filter(pk=quiet.pk).update(wants_copies=False)
    ticket = a_case(requester=owner, now=OPENED)
    commands.add_participant(
        ticket_id=ticket.pk, person_id=quiet.pk, actor=actor_of_requester(owner), now=OPENED
    )
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Hola", actor=as_agent(), now=OPENED + MINUTE
    )
    told = OutboundMail.objects.filter(event__kind="ticket.replied")
    assert [mail.recipient for mail in told] == [owner.email]


def test_a_follow_up_takes_over_and_each_names_the_other():
    """After the window a new case goes on where the old one ended; the old one stays ended."""
    owner, other = a_person(), a_person("bodega@andina.example", "Bodega")
    ticket = a_case(requester=owner, now=OPENED)
    actor = actor_of_requester(owner)
    commands.add_participant(ticket_id=ticket.pk, person_id=other.pk, actor=actor, now=OPENED)
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=OPENED)
    late = OPENED + timedelta(days=8)

    def follow(body: str) -> Ticket:
        return commands.open_follow_up(ticket_id=ticket.pk, body=body, actor=actor, now=late)

    new, same = follow("Volvió a fallar"), follow("Volvió a fallar")

    assert new.pk == same.pk != ticket.pk
    assert (new.subject, new.service, new.environment) == (
        ticket.subject,
        ticket.service,
        ticket.environment,
    )
    assert (new.channel, new.requester) == (Channel.PORTAL, owner)
    assert [entry.requester for entry in new.participants.all()] == [other]
    assert queries.follow_ups(queries.chain_of(new)) == ([ticket.pk], [])
    assert queries.follow_ups(queries.chain_of(ticket)) == ([], [new.pk])
    ticket.refresh_from_db()
    assert ticket.status == "solved"


def test_a_case_that_can_be_answered_is_not_followed_up():
    """Writing in it is the way; two cases about one thing help nobody."""
    ticket = solved()
    actor = actor_of_requester(ticket.requester)
    edge = ticket.reopens_until
    with pytest.raises(StatusRefused):
        commands.open_follow_up(ticket_id=ticket.pk, body="x", actor=actor, now=edge)
    assert ticket.can_be_answered(edge)
    assert not ticket.can_be_answered(edge + SECOND)
    commands.open_follow_up(ticket_id=ticket.pk, body="x", actor=actor, now=edge + SECOND)


def test_a_mail_without_a_service_can_be_followed_up():
    """Nobody has ever said which service it is about, and that stops nothing."""
    owner = a_person()
    ticket = a_case(
        requester=owner, now=OPENED, channel=Channel.EMAIL, service="", environment="", request_type="", severity=""
    )  # fmt: skip
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=OPENED)
    new = commands.open_follow_up(
        ticket_id=ticket.pk,
        body="Sigue",
        actor=actor_of_requester(owner),
        now=OPENED + timedelta(days=9),
    )
    assert (new.service, new.environment) == ("", "")


def test_erasing_a_person_leaves_the_facts_and_nothing_of_them():
    """Texts, files, subjects, names and addresses go; chains, clocks and colleagues' words stay."""
    owner, other = a_person(), a_person("bodega@andina.example", "Bodega")
    mine = a_case(
        requester=owner, subject="Juan no puede entrar", body="Soy Juan Pérez", now=OPENED
    )
    theirs = a_case(requester=other, body="Lo de Bodega", now=OPENED)
    commands.add_participant(
        ticket_id=theirs.pk, person_id=owner.pk, actor=actor_of_requester(other), now=OPENED
    )
    commands.reply_as_requester(
        ticket_id=theirs.pk, body="Yo, Juan", actor=actor_of_requester(owner), now=OPENED
    )
    with pytest.raises(CasesStillOpen, match=mine.number):
        erasure.erase_requester(
            requester_id=owner.pk, actor=actor_of_requester(owner), now=OPENED + MINUTE
        )
    commands.set_status(ticket_id=mine.pk, status="solved", actor=as_agent(), now=OPENED + MINUTE)
    commands.rate_ticket(
        ticket_id=mine.pk, score=5, words="De Juan", actor=actor_of_requester(owner), now=OPENED + MINUTE
    )  # fmt: skip
    told = OutboundMail.objects.create(
        kind="rule", recipient="equipo@plazo.example", language="es", message_id="<r@plazo>",
        about={"ticket": mine.pk}, subject="Juan no puede entrar", body_text="Juan", created_at=OPENED,
    )  # fmt: skip
    before = [e.payload for e in queries.chain_of(mine)]
    erasure.erase_requester(
        requester_id=owner.pk, actor=actor_of_requester(owner), now=OPENED + HOUR
    )

    owner.refresh_from_db()
    mine.refresh_from_db()
    told.refresh_from_db()
    assert (owner.name, owner.user, owner.email) == ("", None, f"erased-{owner.pk}@erased.invalid")
    assert (told.recipient, told.subject, told.body_text) == ("equipo@plazo.example", "", "")
    assert mine.subject == mine.number
    assert [e.payload for e in queries.chain_of(mine)][: len(before)] == before
    left = [
        *PublicMessage.objects.values_list("body_text", "body_html", "author_name"),
        *Rating.objects.values_list("words"),
        *Ticket.objects.values_list("subject"),
        *OutboundMail.objects.values_list("recipient", "recipient_name", "subject", "body_text"),
        *[(e.actor_name,) for t in (mine, theirs) for e in queries.chain_of(t)],
    ]
    assert not [row for row in left if any("Juan" in t or "compras@" in t for t in row)]
    assert PublicMessage.objects.filter(body_text="Lo de Bodega").exists()
    assert not theirs.participants.exists()
