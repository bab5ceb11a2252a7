"""The machine: whatever people, machines and time can do to a desk, in any order, and what must
hold after each of it.
"""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from django.core import mail as mail_module
from django.db import DatabaseError, connection, transaction
from django.test import Client
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plazo.accounts.erasure import erase_requester
from plazo.channels.email import intake
from plazo.channels.email.ledger import accept
from plazo.channels.email.models import IntakeRaw, IntakeRecord
from plazo.core.actor import Actor
from plazo.core.errors import NotVisible, PlazoError
from plazo.escalation import calling
from plazo.escalation.models import Bell, Ring, RingState
from plazo.escalation.sweep import sweep_once
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Source
from plazo.notifications.models import WAITING, MailKind, MailState, OutboundMail
from plazo.notifications.sending import record_bounce, send
from plazo.tickets import access, commands, queries, requests, waiting
from plazo.tickets.bodies import StoredUpload, store_upload, written_plain
from plazo.tickets.models import (
    AreaAsk,
    Attachment,
    Participant,
    PublicMessage,
    Ticket,
    TicketEvent,
)
from plazo.tickets.verify import Tally, verify
from plazo.tickets.wait_models import Wait
from plazo.triage import commands as triage
from plazo.triage import loop as triage_loop
from tests.machine import holding
from tests.machine.model import MAY_FOLLOW, Asking, Case, Promise
from tests.machine.world import FIRST, LAST, PEOPLE, TEAM, Post, World, counts
from tests.mails import a_mail
from tests.oracle import MINUTE

MOST_CASES: Final = 7
REFUSED: Final = object()
SECRET: Final = "secreto"

cases = st.integers(0, MOST_CASES - 1)
agents = st.sampled_from(sorted(TEAM))
people = st.sampled_from(["compras", "bodega", "pedidos"])
severities = st.sampled_from(["A", "A", "B", "C"])
areas = st.sampled_from(["credit", "integrations", "sales", "client"])
waits = st.sampled_from(["requester", "requester", "area", "third_party"])
yes = st.booleans()
spans = st.one_of(
    st.integers(1, 20),
    st.sampled_from([44, 45, 46, 59, 60, 61, 90, 119, 120, 121, 180, 239, 241]),
    st.sampled_from([8 * 60, 16 * 60, 24 * 60, 2 * 24 * 60]),
    st.sampled_from([4 * 24 * 60, 7 * 24 * 60, 7 * 24 * 60 + 1]),
)


class Desk(RuleBasedStateMachine):
    """One example: a few cases, from an opening on, for as long as Hypothesis goes on."""

    world: World
    steps = 0
    refusals = 0

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)
        self.cases: list[Case] = []
        self.now = FIRST
        self.heads: dict[int, tuple[int, str]] = {}
        self.trace: tuple[int, ...] = ()
        self.mails: list[tuple[bytes, int, str]] = []
        self.hidden: set[str] = set()
        self.erased: set[str] = set()
        self.atomic = transaction.atomic()
        self.atomic._from_testcase = True  # as Django's own test cases: what commits, commits in it
        self.atomic.__enter__()
        self.world.faults.said.clear()
        Post.taken.clear()
        Post.refuses.clear()
        mail_module.outbox = []

    # ── Doing ─────────────────────────────────────────────────────────────────────────────────

    def case(self, pick: int) -> Case:
        return self.cases[pick % len(self.cases)]

    def word(self) -> str:
        return f"palabra{next(self.numbers):04}x"

    def secret(self) -> str:
        """Return words that no requester may ever read."""
        word = f"{SECRET}{next(self.numbers):04}x"
        self.hidden.add(word)
        return word

    def do(
        self,
        command: Callable[..., Any],
        *,
        refused: bool | None = None,
        actor: Actor,
        **arguments: Any,
    ) -> Any:
        """Run a command. Refused, it says so by an error of ours and has left no trace."""
        try:
            result = command(actor=actor, now=self.now, **arguments)
        except PlazoError as error:
            assert refused is not False, (command.__name__, error.code, arguments)
            assert self._read() == (self.heads, self.trace), (command.__name__, "left a trace")
            assert error.user_message()
            type(self).refusals += 1
            return REFUSED
        assert refused is not True, (command.__name__, "was not refused", arguments)
        return result

    def _read(self) -> tuple[dict[int, tuple[int, str]], tuple[int, ...]]:
        """Return every timeline's length and head, and how many rows there are of what it names."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM tickets_ticketevent),"
                " (SELECT count(*) FROM tickets_publicmessage),"
                " (SELECT count(*) FROM tickets_internalnote),"
                " (SELECT count(*) FROM tickets_areamessage),"
                " (SELECT count(*) FROM tickets_participant),"
                " (SELECT count(*) FROM tickets_impact),"
                " (SELECT count(*) FROM notifications_outboundmail),"
                " (SELECT count(*) FROM escalation_bell)"
            )
            trace = tuple(cursor.fetchone())
        found = Ticket.objects.values_list("pk", "last_sequence", "last_hash")
        return {pk: (length, head) for pk, length, head in found}, trace

    @invariant()
    def everything_holds(self) -> None:
        """After every step: hold all to those cases on which something happened."""
        type(self).steps += 1
        assert self.world.faults.said == []
        heads, self.trace = self._read()
        changed = {pk for pk, head in heads.items() if self.heads.get(pk) != head}
        self.heads = heads
        if not changed:
            return
        known = {case.pk: case for case in self.cases}
        assert changed <= known.keys(), "a case that nobody opened"
        chains: dict[int, list[TicketEvent]] = {pk: [] for pk in changed}
        found = TicketEvent.objects.filter(ticket__in=changed).order_by("ticket", "sequence")
        for event in found:
            chains[event.ticket_id].append(event)
        tickets = Ticket.objects.filter(pk__in=changed).select_related("agreement_version")
        for ticket in tickets:
            holding.check(self.world, known[ticket.pk], ticket, chains[ticket.pk])
        self._bells_ring_what_rings(changed)

    def _bells_ring_what_rings(self, changed: set[int]) -> None:
        """(L-6, L-7) The rows say what the timelines say: one ring for what rings, and its bells."""
        rings = Ring.objects.filter(ticket__in=changed, state=RingState.RINGING)
        ringing = dict(rings.values_list("ticket", "step"))
        rung = {c.pk: c.rung.step for c in self.cases if c.rung and c.pk in changed}
        assert ringing == rung
        silent = Bell.objects.filter(ring__ticket__in=changed, next_at__isnull=False)
        assert not silent.exclude(ring__state=RingState.RINGING).exists(), "an answered bell rings"

    # ── Opening ───────────────────────────────────────────────────────────────────────────────

    @initialize(
        minute=st.integers(24 * 60, 11 * 24 * 60),
        who=st.lists(people, min_size=1, max_size=4),
        severity=severities,
        far=st.sampled_from(["judged", "level 2", "waits", "asked"]),
    )
    def begins(self, minute: int, who: list[str], severity: str, far: str) -> None:
        """First cases, at any minute of ten days: at night, on a weekend, before closing. The first
        is where others get only after many steps.
        """
        self.now = FIRST + minute * MINUTE
        for name in who:
            self.opens_by_form(name, severity, "production")
        match far:
            case "judged":
                self.judges(0, "marta", "A")
                self.time_passes_slowly(6, 15)
            case "asked":
                self.hands_off(0, "marta", "credit", "billing", False, True, "area")
                self.an_area_is_dealt_with(0, 0, "answer", "marta")
            case _:
                self.hands_up(0, "marta", 2, severity)
        if far == "waits":
            self.puts_in_a_status(0, "marta", "pending", "requester", True)

    @precondition(lambda self: len(self.cases) < MOST_CASES)
    @rule(
        who=people,
        severity=st.sampled_from(["", "A", "B", "C"]),
        environment=st.sampled_from(["production", "development", "nowhere"]),
    )
    def opens_by_form(self, who: str, severity: str, environment: str) -> None:
        known = {"production", "development"}
        ticket = self.do(
            commands.open_ticket,
            refused=environment not in known,
            actor=self.world.person(who),
            requester_id=self.world.people[who].pk,
            subject=f"Caso {self.word()}",
            body=self.word(),
            service="esd",
            environment=environment,
            request_type="incident",
            severity=severity,
            attachments=[self.a_file()] if severity == "C" else (),
        )
        if ticket is not REFUSED:
            self.adopt(ticket, who, requested=severity)

    @precondition(lambda self: len(self.cases) < MOST_CASES)
    @rule(who=people, by=agents, severity=st.sampled_from(["", "A", "C"]), receipt=yes, mine=yes)
    def opens_on_behalf(self, who: str, by: str, severity: str, receipt: bool, mine: bool) -> None:
        me = self.world.agents[by].pk if mine else None
        ticket = self.do(
            commands.open_on_behalf,
            refused=False,
            actor=self.world.agent(by),
            requester_id=self.world.people[who].pk,
            subject=f"Caso {self.word()}",
            body=self.word(),
            severity=severity,
            receipt=receipt,
            assignee_id=me,
            referral=commands.Referred(role="sales", name=self.secret()),
        )
        case = self.adopt(ticket, who, requested=severity, receipts=(int(receipt),) * 2)
        case.severity, case.assignee = severity, me

    def adopt(
        self,
        ticket: Ticket,
        who: str,
        *,
        requested: str = "",
        receipts: tuple[int, int] = (1, 1),
        message: int | None = None,
    ) -> Case:
        """Know a case from here on."""
        first = message or PublicMessage.objects.filter(ticket=ticket).order_by("pk")[0].pk
        case = Case(
            ticket.pk, ticket.number, who, ticket.opened_at, ticket.channel,
            requested=requested, receipts=receipts, group=self.world.groups[1].pk,
            details=(ticket.service, ticket.environment, ticket.request_type), public=[first],
        )  # fmt: skip
        case.said_by[first] = who
        self.cases.append(case)
        return case

    def a_file(self) -> StoredUpload:
        import io

        from django.core.files.base import File

        return store_upload(
            File(io.BytesIO(self.word().encode())), name="datos.txt", content_type="text/plain"
        )

    # ── What agents do ────────────────────────────────────────────────────────────────────────

    @rule(
        pick=cases,
        by=agents,
        then=st.sampled_from(["", "", "", "open", "pending", "on_hold", "solved"]),
        whom=waits,
        promise=st.sampled_from([None, None, 30, 120, 3000]),
        kind=st.sampled_from(["update", "update", "solution"]),
    )
    def replies(
        self, pick: int, by: str, then: str, whom: str, promise: int | None, kind: str
    ) -> None:
        case = self.case(pick)
        due = self.now + promise * MINUTE if promise else None
        may = not then or then in MAY_FOLLOW[case.status] or then == case.status
        refused = case.closed or not may or bool(promise and then == "solved")
        after = then or ("open" if case.status == "new" else case.status)
        refused |= bool(promise) and after == "solved"
        refused |= bool(promise) and kind == "solution" and kind in case.owed.values()
        event = self.do(
            commands.reply_to_ticket,
            refused=refused,
            actor=self.world.agent(by),
            ticket_id=case.pk,
            body=self.word(),
            then=then,
            waiting_for=whom if then == "pending" else "",
            reason=self.word() if then == "pending" else "",
            promise_by=due,
            promised=kind,
            attachments=[self.a_file()] if promise else (),
        )
        if event is REFUSED:
            return
        message = event.payload["message"]
        case.public.append(message)
        case.sendings[message] = [(self.now, False)]
        case.brings_updates(message, 1, self.now)
        if not then and case.status == "new":
            then = "open"
        if then == "pending" or (then and then != case.status):
            case.change(then, self.now, whom)
        if due:
            self.promised(case, kind, due, case.assignee or self.world.agents[by].pk)
        again = commands.reply_to_ticket(
            ticket_id=case.pk,
            body=PublicMessage.objects.get(pk=message).body_text,
            attachments=_uploads(message),
            actor=self.world.agent(by),
            now=self.now,
        )
        assert again == event, "a double click is one reply"

    def promised(self, case: Case, kind: str, by: datetime, owner: int) -> None:
        key = f"{kind}-{len(case.promises) + 1}"
        case.promises[key] = Promise(kind, by, owner)

    @rule(pick=cases, by=st.sampled_from([*sorted(TEAM), "rule"]))
    def writes_a_note(self, pick: int, by: str) -> None:
        case = self.case(pick)
        actor = Actor.trigger("Una regla", 1) if by == "rule" else self.world.agent(by)
        self.do(
            commands.add_internal_note,
            refused=False, actor=actor, ticket_id=case.pk, body=self.secret(),
        )  # fmt: skip

    @rule(pick=cases)
    def a_rule_answers(self, pick: int) -> None:
        case = self.case(pick)
        event = self.do(
            commands.answer_automatically,
            refused=case.closed or case.from_machine or None,
            actor=Actor.trigger("Una regla", 1),
            ticket_id=case.pk,
            body=self.word(),
        )
        if event is not REFUSED:
            case.public.append(event.payload["message"])

    @rule(
        pick=cases,
        by=agents,
        status=st.sampled_from(
            ["new", "open", "pending", "pending", "on_hold", "solved", "closed"]
        ),
        whom=waits,
        says_why=st.sampled_from([True, True, True, False]),
    )
    def puts_in_a_status(self, pick: int, by: str, status: str, whom: str, says_why: bool) -> None:
        case = self.case(pick)
        refused = status not in MAY_FOLLOW[case.status] or (status == "pending" and not says_why)
        event = self.do(
            commands.set_status,
            refused=refused,
            actor=self.world.agent(by),
            ticket_id=case.pk,
            status=status,
            waiting_for=whom,
            reason=self.word() if says_why else " ",
        )
        if event is not REFUSED:
            case.change(status, self.now, whom)

    @rule(pick=cases, by=agents)
    def opens_again(self, pick: int, by: str) -> None:
        case = self.case(pick)
        event = self.do(
            commands.reopen_ticket,
            refused=case.status != "solved", actor=self.world.agent(by), ticket_id=case.pk,
        )  # fmt: skip
        if event is not REFUSED:
            case.change("open", self.now)

    @rule(
        pick=cases,
        by=agents,
        to=st.sampled_from([None, *sorted(TEAM), "nobody"]),
        level=st.sampled_from([None, 1, 2]),
    )
    def assigns(self, pick: int, by: str, to: str | None, level: int | None) -> None:
        case = self.case(pick)
        whom = 10**9 if to == "nobody" else self.world.agents[to].pk if to else None
        group = self.world.groups[level].pk if level else None
        event = self.do(
            commands.assign_ticket,
            refused=case.closed or to == "nobody",
            actor=self.world.agent(by),
            ticket_id=case.pk,
            assignee_id=whom,
            group_id=group,
        )
        if event is not REFUSED:
            assert (event is None) == ((whom, group or case.group) == (case.assignee, case.group))
            case.assignee, case.group = whom, group or case.group

    @rule(by=agents)
    def takes_the_next(self, by: str) -> None:
        """Who asks for the next case gets one that nobody has, at a level of theirs."""
        me = self.world.agents[by]
        taken = self.do(
            commands.take_next, refused=False, actor=self.world.agent(by), agent_id=me.pk
        )
        free = [
            c for c in self.cases
            if c.assignee is None and c.status in ("new", "open") and c.level <= me.level
        ]  # fmt: skip
        assert (taken is None) == (free == [])
        if taken is not None:
            (case,) = [c for c in free if c.pk == taken.pk]
            case.assignee = me.pk

    @rule(
        pick=cases,
        by=agents,
        level=st.sampled_from([2, 2, 2, 3, 1, 4]),
        severity=st.sampled_from(["", "A", "B", "C"]),
    )
    def hands_up(self, pick: int, by: str, level: int, severity: str) -> None:
        case = self.case(pick)
        refused = case.over or level > 3 or level <= case.level or not (severity or case.severity)
        event = self.do(
            commands.enter_level,
            refused=refused,
            actor=self.world.agent(by),
            ticket_id=case.pk,
            level=level,
            severity=severity,
            impact=self.secret(),
        )
        if event is not REFUSED:
            case.level, case.severity = level, severity or case.severity
            case.group = self.world.groups[level].pk
            if case.status == "new":
                case.change("open", self.now)

    @rule(pick=cases, by=agents, severity=st.sampled_from(["A", "B", "C", "Z"]))
    def judges(self, pick: int, by: str, severity: str) -> None:
        case = self.case(pick)
        event = self.do(
            commands.set_severity,
            refused=case.closed or severity == "Z",
            actor=self.world.agent(by),
            ticket_id=case.pk,
            severity=severity,
            why=self.secret(),
        )
        if event is not REFUSED:
            assert (event is None) == (case.severity == severity)
            case.severity = severity

    @rule(
        pick=cases,
        by=agents,
        add=st.sampled_from(["", "urgente", "api"]),
        off=st.sampled_from(["", "urgente", "api"]),
        rules=yes,
    )
    def tags(self, pick: int, by: str, add: str, off: str, rules: bool) -> None:
        case = self.case(pick)
        assume(add or off)
        wanted, gone = ({add} if add else set()), ({off} if off else set())
        event = self.do(
            commands.change_tags,
            refused=False,
            actor=Actor.trigger("Una regla", 1) if rules else self.world.agent(by),
            ticket_id=case.pk,
            add=sorted(wanted),
            remove=sorted(gone),
        )
        after = (case.tags - gone) | wanted
        assert (event is None) == (after == case.tags)
        case.tags = after

    @rule(
        pick=cases,
        by=agents,
        service=st.sampled_from(["", "esd", "catalog", "nothing"]),
        kind=st.sampled_from(["", "incident", "billing"]),
    )
    def puts_right(self, pick: int, by: str, service: str, kind: str) -> None:
        case = self.case(pick)
        event = self.do(
            commands.classify_ticket,
            refused=service == "nothing",
            actor=self.world.agent(by),
            ticket_id=case.pk,
            service=service,
            environment="",
            request_type=kind,
        )
        if event is not REFUSED:
            case.details = (service, "", kind)

    @rule(
        pick=cases,
        by=agents,
        clause=st.sampled_from(["", "billing", "environment", "order_change", "nothing"]),
    )
    def judges_the_scope(self, pick: int, by: str, clause: str) -> None:
        case = self.case(pick)
        event = self.do(
            commands.give_verdict,
            refused=case.closed or clause == "nothing",
            actor=self.world.agent(by),
            ticket_id=case.pk,
            in_scope=not clause,
            clause=clause,
            why=self.secret(),
        )
        if event is not REFUSED:
            self.judged(case, clause or "in_scope")

    def judged(self, case: Case, verdict: str) -> None:
        case.verdict, case.verdict_at = verdict, case.verdict_at or self.now

    # ── Promises ──────────────────────────────────────────────────────────────────────────────

    @rule(
        pick=cases,
        by=agents,
        minutes=st.sampled_from([0, 1, 45, 60, 600, 4000, 61 * 24 * 60]),
        kind=st.sampled_from(["update", "solution"]),
        owner=st.sampled_from([None, "laura", "marta"]),
    )
    def promises(self, pick: int, by: str, minutes: int, kind: str, owner: str | None) -> None:
        case = self.case(pick)
        due = self.now + minutes * MINUTE
        in_range = 0 < minutes <= 60 * 24 * 60
        event = self.do(
            commands.make_promise,
            refused=case.over or kind in case.owed.values() or not in_range,
            actor=self.world.agent(by),
            ticket_id=case.pk,
            by=due,
            promised=kind,
            owner_id=self.world.agents[owner].pk if owner else None,
        )
        if event is not REFUSED:
            whose = self.world.agents[owner].pk if owner else None
            self.promised(case, kind, due, whose or case.assignee or self.world.agents[by].pk)
            assert event.payload["owner"] == list(case.promises.values())[-1].owner

    @precondition(lambda self: any(case.promises for case in self.cases))
    @rule(
        pick=cases,
        which=st.integers(0, 5),
        minutes=st.sampled_from([1, 30, 300]),
        by=agents,
        to=st.sampled_from([None, "laura", "marta"]),
    )
    def moves_or_hands_over(
        self, pick: int, which: int, minutes: int, by: str, to: str | None
    ) -> None:
        holders = [case for case in self.cases if case.promises]
        case = holders[pick % len(holders)]
        key = sorted(case.promises)[which % len(case.promises)]
        promise, due = case.promises[key], self.now + minutes * MINUTE
        by_whom = {"actor": self.world.agent(by), "ticket_id": case.pk, "promise": key}
        stands = promise.state == "open" and not case.closed
        if to is None:
            moved = self.do(
                commands.move_promise,
                refused=not stands or promise.by < self.now,
                by=due, reason=self.word(), **by_whom,
            )  # fmt: skip
            promise.by = promise.by if moved is REFUSED else due
        else:
            owner = self.world.agents[to].pk
            given = self.do(commands.hand_promise, refused=not stands, owner_id=owner, **by_whom)
            promise.owner = promise.owner if given is REFUSED else owner

    # ── Other areas ───────────────────────────────────────────────────────────────────────────

    @rule(
        pick=cases,
        by=agents,
        area=areas,
        clause=st.sampled_from(["", "billing", "order_change"]),
        tells=yes,
        waits=yes,
        whose=st.sampled_from(["area", "area", "ours", "requester"]),
    )
    def hands_off(
        self, pick: int, by: str, area: str, clause: str, tells: bool, waits: bool, whose: str
    ) -> None:
        """The case is handed off: verdict, question, answer and wait together, or none of it."""
        case = self.case(pick)
        email = {
            "area": self.world.areas[area],
            "ours": self.world.mailbox.address,
            "requester": self.world.people[case.requester].email,
        }[whose]
        event = self.do(
            triage.hand_off,
            refused=case.over or whose != "area",
            actor=self.world.agent(by),
            ticket_id=case.pk,
            question=triage.Question(
                area=area, route="area", email=email, body=self.secret(), shared=case.public[:1]
            ),
            clause=clause,
            reply=self.word() if tells else "",
            waits=waits,
        )
        if event is REFUSED:
            return
        if clause and case.verdict != clause:
            self.judged(case, clause)
        ask = AreaAsk.objects.get(ticket=case.pk, key=event.payload["ask"])
        case.asks[ask.key] = Asking(ask.pk, area)
        if tells:
            told = TicketEvent.objects.filter(ticket=case.pk, kind="ticket.replied").last()
            assert told is not None
            message = told.payload["message"]
            case.public.append(message)
            case.sendings[message] = [(self.now, False)]
            case.brings_updates(message, 1, self.now)
            if not waits and case.status == "new":
                case.change("open", self.now)
        if waits:
            case.change("pending", self.now, "area")

    @precondition(lambda self: any(case.asks for case in self.cases))
    @rule(
        pick=cases,
        which=st.integers(0, 5),
        what=st.sampled_from(["receipt", "answer", "answer", "aside", "withdraw", "write"]),
        by=agents,
    )
    def an_area_is_dealt_with(self, pick: int, which: int, what: str, by: str) -> None:
        case, ask = self.an_ask(pick, which)
        me, link = self.world.agent(by), Actor.system("link")
        match what:
            case "receipt":
                event = self.do(
                    commands.record_area_receipt, refused=False, actor=link, ask_id=ask.pk
                )
                assert (event is None) == (ask.received or not ask.awaited)
                ask.received = ask.received or event is not None
            case "answer":
                event = self.do(
                    commands.record_area_answer,
                    refused=False, actor=me, ask_id=ask.pk, written=written_plain(self.secret()),
                )  # fmt: skip
                self.area_answered(case, ask, event)
            case "aside":
                gone = self.do(
                    commands.set_answers_aside,
                    refused=case.closed or not ask.answers, actor=me, ask_id=ask.pk,
                )  # fmt: skip
                if gone is not REFUSED:
                    ask.answers, ask.received = [], True
            case "withdraw":
                gone = self.do(
                    commands.withdraw_ask,
                    refused=case.closed or not ask.awaited, actor=me, ask_id=ask.pk,
                )  # fmt: skip
                if gone is not REFUSED:
                    ask.withdrawn = True
                    waits = (case.status, case.waiting_for) == ("pending", "area")
                    if waits and not any(each.awaited for each in case.asks.values()):
                        case.change("open", self.now)
            case _:
                self.do(
                    commands.write_to_area,
                    refused=case.closed or ask.withdrawn,
                    actor=me, ask_id=ask.pk, body=self.secret(),
                )  # fmt: skip

    def an_ask(self, pick: int, which: int) -> tuple[Case, Asking]:
        holders = [case for case in self.cases if case.asks]
        case = holders[pick % len(holders)]
        return case, case.asks[sorted(case.asks)[which % len(case.asks)]]

    def area_answered(self, case: Case, ask: Asking, event: TicketEvent) -> None:
        ask.answers.append(event.payload["side"])
        if (case.status, case.waiting_for) == ("pending", "area"):
            case.change("open", self.now)

    # ── What the requester's side does ────────────────────────────────────────────────────────

    def somebody(self, case: Case, which: int) -> str:
        everybody = case.everybody()
        return everybody[which % len(everybody)]

    @rule(pick=cases, which=st.integers(0, 3))
    def writes_in_the_portal(self, pick: int, which: int) -> None:
        case = self.case(pick)
        who = self.somebody(case, which)
        event = self.do(
            commands.reply_as_requester,
            refused=not case.can_be_answered(self.now),
            actor=self.world.person(who),
            ticket_id=case.pk,
            body=self.word(),
            channel="portal",
        )
        if event is not REFUSED:
            self.heard(case, event.payload["message"], who)

    def heard(self, case: Case, message: int, who: str) -> None:
        case.public.append(message)
        case.said_by[message] = who
        case.from_machine = False
        case.requester_spoke(self.now)
        if who != case.requester:
            case.people.add(who)

    @rule(pick=cases, what=st.sampled_from(["needs help", "confirms", "opens again", "rates"]))
    def clicks(self, pick: int, what: str) -> None:
        case = self.case(pick)
        me = {"actor": self.world.person(case.requester), "ticket_id": case.pk}
        waits = (case.status, case.waiting_for) == ("pending", "requester")
        match what:
            case "needs help":
                if self.do(commands.still_needed, refused=not waits, **me) is not REFUSED:
                    case.requester_spoke(self.now)
            case "confirms":
                self.do(commands.confirm_solution, refused=case.status != "solved", **me)
            case "opens again":
                may = case.status == "solved" and case.can_be_answered(self.now)
                if self.do(commands.reopen_ticket, refused=not may, **me) is not REFUSED:
                    case.change("open", self.now)
                    case.waited = timedelta()
            case _:
                self.do(
                    commands.rate_ticket,
                    refused=case.status != "solved", score=4, words=self.word(), **me,
                )  # fmt: skip

    @rule(pick=cases, who=st.sampled_from(["bodega", "compras", "gerencia"]), leaves=yes, own=yes)
    def takes_part(self, pick: int, who: str, leaves: bool, own: bool) -> None:
        case = self.case(pick)
        person = self.world.people[who].pk
        actor = self.world.person(case.requester) if own else self.world.agent("soporte")
        if leaves:
            self.do(
                commands.remove_participant,
                refused=False, actor=actor, ticket_id=case.pk, person_id=person,
            )  # fmt: skip
            case.people.discard(who)
            return
        event = self.do(
            commands.add_participant,
            refused=case.closed, actor=actor, ticket_id=case.pk, person_id=person,
        )  # fmt: skip
        if event is not REFUSED:
            if who != case.requester:
                case.people.add(who)
            if own:
                case.acted(self.now)

    @rule(pick=cases, says=yes)
    def climbs(self, pick: int, says: bool) -> None:
        """The requester climbs; they may once a level 1 target is late, and once for each."""
        case = self.case(pick)
        words = self.word() if says else ""
        event = self.do(
            commands.request_escalation,
            refused=self.may_not_climb(case),
            actor=self.world.person(case.requester),
            ticket_id=case.pk,
            words=words,
        )
        if event is REFUSED:
            return
        if says:
            self.heard(case, event.payload["message"], case.requester)
        else:
            case.acted(self.now)

    def may_not_climb(self, case: Case) -> bool | None:
        """Return whether it must be refused: None where the case's clocks have other beginnings."""
        if case.over:
            return True
        if case.joined or case.solves:
            return None
        due = counts()["support"].after(case.opened_at, 60)
        used = {
            key
            for event in TicketEvent.objects.filter(ticket=case.pk, kind="escalation.requested")
            for key in event.payload["keys"]
        }
        done = {"first_reply": case.answered_at, "scope_verdict": case.verdict_at}
        late = {key for key, at in done.items() if due < (at or self.now)}
        return not late - used

    @rule(pick=cases, by=agents)
    def says_i_have_it(self, pick: int, by: str) -> None:
        """(L-6) Somebody has it: nobody is rung any more; of two who say so, the second is told."""
        case = self.case(pick)
        self.do(
            commands.answer_ladder,
            refused=case.rung is None, actor=self.world.agent(by), ticket_id=case.pk, by="desk",
        )  # fmt: skip

    @precondition(
        lambda self: any(case.closed for case in self.cases) and len(self.cases) < MOST_CASES
    )
    @rule(pick=cases)
    def follows_up(self, pick: int) -> None:
        case = self.case(pick)
        new = self.do(
            commands.open_follow_up,
            refused=case.can_be_answered(self.now),
            actor=self.world.person(case.requester),
            ticket_id=case.pk,
            body=self.word(),
        )
        if new is not REFUSED:
            after = self.adopt(new, case.requester, requested=case.requested)
            after.people = set(case.people)

    # ── Joining and parting ───────────────────────────────────────────────────────────────────

    @rule(pick=cases, into=cases, by=agents, says=yes, lets_in=yes)
    def merges(self, pick: int, into: int, by: str, says: bool, lets_in: bool) -> None:
        gone, kept = self.case(pick), self.case(into)
        known = [gone.requester, *sorted(gone.people)]
        event = self.do(
            commands.merge_ticket,
            refused=gone is kept or gone.closed or kept.over,
            actor=self.world.agent(by),
            ticket_id=gone.pk,
            into_id=kept.pk,
            people=[self.world.people[who].pk for who in known] if lets_in else (),
            words=self.word() if says else "",
        )
        if event is REFUSED:
            return
        if says:
            told = TicketEvent.objects.filter(ticket=gone.pk, kind="ticket.replied").last()
            assert told is not None
            gone.public.append(told.payload["message"])
            gone.sendings[told.payload["message"]] = [(self.now, False)]
        gone.before_merge = (gone.status, gone.waiting_for)
        gone.end_wait(self.now)
        gone.status, gone.waiting_for = "closed", ""
        gone.into, gone.merged_at = kept, self.now
        gone.joined = kept.joined = True
        for promise in gone.promises.values():
            if promise.state == "open":
                promise.state = "dropped"
        if lets_in:
            kept.people |= set(known) - {kept.requester} - self.erased

    @precondition(lambda self: any(case.into for case in self.cases))
    @rule(pick=cases, by=agents)
    def parts(self, pick: int, by: str) -> None:
        merged = [case for case in self.cases if case.into]
        case = merged[pick % len(merged)]
        assert case.into is not None
        assert case.merged_at is not None
        event = self.do(
            commands.unmerge_ticket,
            refused=self.now > case.merged_at + timedelta(days=7) or case.into.closed,
            actor=self.world.agent(by),
            ticket_id=case.pk,
        )
        if event is REFUSED:
            return
        kept, case.into = case.into, None
        case.status, case.waiting_for = case.before_merge
        if case.status == "solved":
            assert case.solves
            case.solved_at = case.solves[-1]
        for promise in case.promises.values():
            if promise.state == "dropped":
                promise.state = "open"
        self.read_people(kept)

    def read_people(self, case: Case) -> None:
        """Read who takes part, where who may stay depends on what they wrote."""
        names = {person.pk: name for name, person in self.world.people.items()}
        taking_part = Participant.objects.filter(ticket=case.pk)
        case.people = {names[pk] for pk in taking_part.values_list("requester", flat=True)}

    @precondition(lambda self: len(self.cases) < MOST_CASES)
    @rule(pick=cases, which=st.integers(0, 8), by=agents, receipt=yes)
    def splits(self, pick: int, which: int, by: str, receipt: bool) -> None:
        case = self.case(pick)
        message = case.public[which % len(case.public)]
        said = case.said_by.get(message)
        new = self.do(
            commands.split_message,
            refused=said is None or message == case.public[0] or None,
            actor=self.world.agent(by),
            message_id=message,
            subject=self.word(),
            receipt=receipt,
        )
        if new is not REFUSED:
            assert said is not None
            after = self.adopt(new, said, receipts=(int(receipt),) * 2)
            after.joined = True

    @rule(
        pick=cases,
        other=cases,
        why=st.sampled_from(["related", "problem", "duplicate_of", "split_off"]),
        off=yes,
        by=agents,
    )
    def links(self, pick: int, other: int, why: str, off: bool, by: str) -> None:
        one, two = self.case(pick), self.case(other)
        both = {"ticket_id": one.pk, "other_id": two.pk, "why": why}
        by_hand = why != "split_off"
        if off:
            assume(one is not two)
            self.do(
                commands.unlink_tickets,
                refused=not by_hand, actor=self.world.agent(by), **both,
            )  # fmt: skip
            return
        self.do(
            commands.link_tickets,
            refused=True if one is two or not by_hand else None,
            actor=self.world.agent(by),
            **both,
        )

    # ── Mail that arrives ─────────────────────────────────────────────────────────────────────

    def arrives(self, raw: bytes, *, sender: str = "", key: str = "") -> IntakeRecord:
        """Give a mail to the intake: stored first, then read, and it ends with one fate."""
        key = key or f"INBOX:{next(self.numbers)}"
        record = accept(
            raw,
            source=Source.IMAP,
            source_key=key,
            mailbox=self.world.mailbox,
            envelope_from=sender,
            now=self.now,
        )
        assert IntakeRaw.objects.get(record=record).data == raw, "(1) stored before it is read"
        known = record.fate
        fate = intake.process(record.pk, now=self.now)
        record.refresh_from_db()
        assert (known or fate) == record.fate != "", "(1) exactly one fate"
        self.mails.append((raw, record.pk, record.fate))
        return record

    def a_mail_of(self, who: str, **headers: Any) -> bytes:
        person = self.world.people[who]
        wanted = {
            "sender": f"{person.name} <{person.email}>",
            "subject": f"Asunto {self.word()}",
            "Message_ID": f"<{next(self.numbers)}.{self.now:%d%H%M}@{person.email.partition('@')[2]}>",
            "Date": f"{self.now:%a, %d %b %Y %H:%M:%S} +0000",
        }
        return a_mail(headers.pop("body", self.word()), **wanted | headers)

    @precondition(lambda self: len(self.cases) < MOST_CASES)
    @rule(who=people, pick=cases, names_a_case=yes, proven=yes)
    def a_mail_opens_a_case(self, who: str, pick: int, names_a_case: bool, proven: bool) -> None:
        """(4) A case number in its subject lets a mail into nothing, its own requester's neither."""
        case = self.case(pick)
        subject = f"Re: [{case.number}] {self.word()}" if names_a_case else self.word()
        raw = self.a_mail_of(who, subject=subject, proven=proven)
        record = self.arrives(raw, sender=self.world.people[who].email)
        assert record.fate == "ticket", (record.fate, record.reason)
        new = Ticket.objects.get(pk=record.ticket_id)
        assert new.pk not in {known.pk for known in self.cases}
        related = TicketEvent.objects.filter(ticket=new, kind="ticket.related")
        pointed = [(e.payload["ticket"], e.payload["why"]) for e in related]
        assert pointed == ([(case.pk, "subject")] if names_a_case else [])
        self.adopt(new, who, receipts=(0, 1))

    @rule(
        pick=cases,
        which=st.integers(0, 3),
        how=st.sampled_from(["address", "reference"]),
        stranger=st.sampled_from([False, False, True]),
    )
    def a_mail_answers(self, pick: int, which: int, how: str, stranger: bool) -> None:
        """(4) By proof, and only for who takes part; anybody else opens a case of their own."""
        case = self.case(pick)
        who = "ajeno" if stranger else self.somebody(case, which)
        ours = OutboundMail.objects.filter(ticket=case.pk, kind__in=["reply", "acknowledgement"])
        sent = ours.order_by("pk").last()
        if how == "reference" and sent is not None:
            proof = {"In_Reply_To": sent.message_id, "References": sent.message_id}
        else:
            token = tokens.make(tokens.REPLY, case.pk)
            proof = {"to": tokens.plus_address(self.world.mailbox.address, token)}
        goes_on = case.survivor()
        joins = who in goes_on.everybody() and goes_on.can_be_answered(self.now)
        assume(joins or len(self.cases) < MOST_CASES)
        raw = self.a_mail_of(who, **proof)
        record = self.arrives(raw, sender=self.world.people[who].email)
        if joins:
            assert (record.fate, record.ticket_id) == ("appended", goes_on.pk), record.reason
            self.heard(goes_on, record.public_message_id, who)
            return
        assert record.fate == "ticket", (record.fate, record.reason)
        new = Ticket.objects.get(pk=record.ticket_id)
        self.adopt(new, who, receipts=(0, 1))

    @rule(pick=cases, what=st.sampled_from(["away", "away from nothing", "ours", "list"]))
    def a_machine_writes(self, pick: int, what: str) -> None:
        """(5) No machine is answered, and nothing that it says moves a clock."""
        case = self.case(pick)
        receipts = OutboundMail.objects.filter(kind=MailKind.ACKNOWLEDGEMENT).count()
        token = tokens.plus_address(
            self.world.mailbox.address, tokens.make(tokens.REPLY, case.survivor().pk)
        )
        match what:
            case "away":
                raw = self.a_mail_of(case.requester, Auto_Submitted="auto-replied", to=token)
                fate = {"appended"}
            case "away from nothing":
                raw = self.a_mail_of("ajeno", Auto_Submitted="auto-replied")
                fate = {"parked"}
            case "ours":
                raw = self.a_mail_of("ajeno", sender=self.world.mailbox.address)
                fate = {"parked"}
            case _:
                raw = self.a_mail_of("ajeno", List_Id="<noticias.lejos.example>", Precedence="bulk")
                fate = {"parked"}
        record = self.arrives(raw)
        assert record.fate in fate, (what, record.fate, record.reason)
        assert OutboundMail.objects.filter(kind=MailKind.ACKNOWLEDGEMENT).count() == receipts
        if what == "away":
            case.survivor().from_machine = True

    @precondition(lambda self: len(self.cases) < MOST_CASES)
    @rule(who=people)
    def a_clients_machine_opens_a_case(self, who: str) -> None:
        """(5) A known client's alarm is a case of theirs, opened without a receipt."""
        record = self.arrives(self.a_mail_of(who, Auto_Submitted="auto-generated"))
        assert record.fate == "ticket", (record.fate, record.reason)
        case = self.adopt(Ticket.objects.get(pk=record.ticket_id), who, receipts=(0, 0))
        case.from_machine = True

    @precondition(lambda self: self.mails)
    @rule(which=st.integers(0, 20), same_key=yes)
    def a_mail_comes_twice(self, which: int, same_key: bool) -> None:
        """(1) The same mail again is the same row, or is rejected: it never says anything twice."""
        raw, pk, fate = self.mails[which % len(self.mails)]
        before = IntakeRecord.objects.get(pk=pk)
        rows = IntakeRecord.objects.count()
        if same_key:
            again = accept(
                raw, source=Source.IMAP, source_key=before.source_key,
                mailbox=self.world.mailbox, now=self.now,
            )  # fmt: skip
            assert (again.pk, IntakeRecord.objects.count()) == (pk, rows)
            assert intake.process(pk, now=self.now) == "", "(1) its fate is for good"
            return
        assume(fate in ("ticket", "appended") and before.public_message_id)
        record = self.arrives(raw, sender=before.envelope_from or "")
        self.mails.pop()
        assert (record.fate, record.reason) == ("rejected", "duplicate")

    @precondition(lambda self: any(case.asks for case in self.cases))
    @rule(
        pick=cases,
        which=st.integers(0, 5),
        who=st.sampled_from(["area", "area", "colleague", "stranger", "machine"]),
    )
    def an_area_writes(self, pick: int, which: int, who: str) -> None:
        """What an area says stays inside; nobody else speaks for it, and its machine counts for
        nothing.
        """
        case, ask = self.an_ask(pick, which)
        sender = {
            "colleague": "otra.persona@intcomex.example",
            "stranger": self.world.people["ajeno"].email,
        }.get(who, self.world.areas[ask.area])
        headers = {"Auto_Submitted": "auto-replied"} if who == "machine" else {}
        to = tokens.plus_address(self.world.mailbox.address, tokens.make(tokens.AREA, ask.pk))
        raw = self.a_mail_of("ajeno", sender=sender, to=to, body=self.secret(), **headers)
        record = self.arrives(raw, sender=sender)
        if who == "stranger":
            assert (record.fate, record.reason) == ("parked", "area_stranger")
        elif who == "machine":
            assert (record.fate, record.reason) == ("appended", "machine")
        else:
            assert (record.fate, record.reason) == ("appended", "area"), record.reason
            event = TicketEvent.objects.filter(ticket=case.pk, kind="area.answered").last()
            assert event is not None
            self.area_answered(case, ask, event)

    # ── Mail that goes out, and comes back ────────────────────────────────────────────────────

    @rule(refuses=st.sampled_from(["", "", "compras@", "credito@"]))
    def mail_goes_out(self, refuses: str) -> None:
        """The workers send what waits; a server may refuse an address for good."""
        Post.refuses = {refuses} if refuses else set()
        self.send_all()
        Post.refuses = set()

    def send_all(self) -> None:
        due = OutboundMail.objects.filter(state__in=WAITING, next_attempt_at__lte=self.now)
        for mail in list(due.order_by("pk").select_related("event")):
            state = send(mail.pk, now=self.now)
            assert state in (MailState.SENT, MailState.FAILED), (mail.kind, mail.last_error)
            if state == MailState.FAILED and mail.kind == MailKind.REPLY:
                self.came_back(mail)

    def came_back(self, mail: OutboundMail) -> None:
        """A reply's sending did not arrive."""
        (case,) = [case for case in self.cases if case.pk == mail.ticket_id]
        assert mail.event is not None
        attempt = mail.event.payload.get("attempt", 1)
        message = mail.event.payload["message"]
        if not case.sendings[message][attempt - 1][1]:
            case.failed(message, attempt)

    @precondition(lambda self: Post.taken)
    @rule(which=st.integers(0, 30), by_mail=yes, permanent=st.sampled_from([True, True, False]))
    def a_mail_bounces(self, which: int, by_mail: bool, permanent: bool) -> None:
        """A delivery report comes back, days later perhaps; nobody is answered for it."""
        sent = OutboundMail.objects.filter(kind=MailKind.REPLY, state=MailState.SENT)
        mails = list(sent.order_by("pk").select_related("event"))
        assume(mails)
        mail = mails[which % len(mails)]
        if by_mail:
            token = tokens.make(tokens.BOUNCE, mail.pk)
            raw = a_report(
                mail.recipient,
                to=tokens.plus_address(self.world.mailbox.address, token),
                status="5.1.1" if permanent else "4.4.1",
                number=next(self.numbers),
            )
            record = self.arrives(raw)
            self.mails.pop()
            reason = "bounced" if permanent else "delayed"
            assert (record.fate, record.reason) == ("appended", reason)
        else:
            record_bounce(mail.pk, reason="550 no", permanent=permanent, now=self.now)
        if permanent:
            self.came_back(mail)

    @rule(pick=cases, which=st.integers(0, 5), by=agents)
    def sends_again(self, pick: int, which: int, by: str) -> None:
        case = self.case(pick)
        assume(case.sendings)
        message = sorted(case.sendings)[which % len(case.sendings)]
        event = self.do(
            commands.send_reply_again,
            refused=case.closed or not case.sendings[message][-1][1],
            actor=self.world.agent(by),
            ticket_id=case.pk,
            message_id=message,
        )
        if event is not REFUSED:
            case.sent_again(message, self.now)

    # ── Erasing ───────────────────────────────────────────────────────────────────────────────

    @rule(pick=cases, which=st.integers(0, 8))
    def a_message_is_erased(self, pick: int, which: int) -> None:
        case = self.case(pick)
        message = case.public[which % len(case.public)]
        self.do(
            commands.redact_message,
            refused=False, actor=self.world.agent("beatriz"), message_id=message,
        )  # fmt: skip
        assert PublicMessage.objects.get(pk=message).body_text == ""
        case.said_by.pop(message, None)

    @precondition(lambda self: len(self.cases) >= 3)
    @rule(who=st.sampled_from(["pedidos", "bodega"]))
    def somebody_is_erased(self, who: str) -> None:
        """Their words and name go once nothing of theirs is open; everything else still holds."""
        assume(who not in self.erased)
        theirs = [case for case in self.cases if case.requester == who]
        assume(theirs)
        person = self.world.people[who]
        gone = self.do(
            lambda **given: erase_requester(requester_id=person.pk, **given),
            refused=any(not case.over for case in theirs),
            actor=self.world.agent("beatriz"),
        )
        if gone is REFUSED:
            return
        self.erased.add(who)
        assert not Participant.objects.filter(requester=person).exists()
        for case in self.cases:
            case.people.discard(who)

    # ── The database itself ───────────────────────────────────────────────────────────────────

    @rule(pick=cases, which=st.integers(0, 50), deletes=yes)
    def history_is_tampered_with(self, pick: int, which: int, deletes: bool) -> None:
        """(2) Whoever holds the database's door cannot change an event by it."""
        case = self.case(pick)
        sequence = 1 + which % max(case.seen, 1)
        verb = "DELETE FROM" if deletes else "UPDATE"
        change = "" if deletes else "SET actor_name = 'otro'"
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"{verb} tickets_ticketevent {change} WHERE ticket_id = %s AND sequence = %s",
                [case.pk, sequence],
            )

    # ── Time ──────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.now < LAST)
    @rule(minutes=spans)
    def time_passes(self, minutes: int) -> None:
        """Time goes on, and the loops of the worker do all that is due by then."""
        self.now += minutes * MINUTE
        self.loops()

    @precondition(lambda self: self.now < LAST)
    @rule(minutes=st.integers(1, 200))
    def nobody_looks(self, minutes: int) -> None:
        """Time goes on while the worker is down."""
        self.now += minutes * MINUTE

    @precondition(lambda self: self.now < LAST)
    @rule(times=st.integers(2, 6), step=st.sampled_from([5, 15, 15, 30]))
    def time_passes_slowly(self, times: int, step: int) -> None:
        for _ in range(times):
            self.now += step * MINUTE
            self.loops()
            self.everything_holds()

    def loops(self) -> None:
        for _ in range(20):
            if not sweep_once(self.now):
                break
        else:
            raise AssertionError("the sweep never ends")
        self.everything_holds()
        self._nothing_due_is_untold()
        calling.ring_due(self.now)
        self._everybody_was_rung()
        self._waits_are_tended()
        triage_loop.remind_once(self.now)
        assert not AreaAsk.objects.filter(remind_at__lte=self.now).exists()

    def _nothing_due_is_untold(self) -> None:
        """(3, L-5) Whoever looks finds every moment told, and nobody silent for too long."""
        waiting_still = queries.alarms_waiting(now=self.now, limit=50)
        assert waiting_still == [], "an alarm that is due stays due"
        for case in self.cases:
            silence = holding.SILENCE.get(case.severity or case.requested)
            if case.rung is not None and case.rung.step < holding.TOP and silence:
                assert case.rung.at + silence > self.now, (case.number, "nobody follows silence")
            for key, (_state, _done, breached_at) in case.sealed.items():
                name = (key.partition("#")[0], "clock.breached")
                if breached_at is not None and not case.closed:
                    told = {at for metric, kind, at in case.told if (metric, kind) == name}
                    assert holding.written(breached_at) in told, (case.number, key, breached_at)

    def _everybody_was_rung(self) -> None:
        """(L-8) Each bell of what rings was rung by now, and will be again in five minutes."""
        bells = Bell.objects.filter(next_at__isnull=False).select_related("ring")
        for bell in bells:
            assert bell.times >= 1
            assert self.now < bell.next_at <= self.now + timedelta(hours=1)

    def _waits_are_tended(self) -> None:
        """One step of each wait that is due: a reminder, or after the last one the end."""
        due = Wait.objects.filter(next_at__lte=self.now).values_list("ticket", "reminded")
        ends = {pk for pk, reminded in due if reminded == 2}
        reminded = {pk for pk, reminded in due if reminded < 2}
        self.everything_holds()
        closes = [
            case for case in self.cases
            if case.status == "solved" and case.solved_at
            and case.solved_at + timedelta(days=7) < self.now
        ]  # fmt: skip
        waiting.work_once(self.now)
        for case in self.cases:
            if case.pk in ends | reminded:
                assert (case.status, case.waiting_for) == ("pending", "requester"), case.number
            if case.pk in ends:
                case.change("solved", self.now)
        for case in closes:
            case.change("closed", self.now)
        self.everything_holds()

    # ── The end ───────────────────────────────────────────────────────────────────────────────

    def teardown(self) -> None:
        try:
            if self.cases:
                self._at_the_end()
        finally:
            self.atomic.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    def _at_the_end(self) -> None:
        self.everything_holds()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert [str(fault) for fault in verify(Tally())] == []
        self.now += timedelta(days=1)
        self.send_all()
        self._every_mail_has_its_fate()
        self._receipts_are_as_they_should()
        self._nothing_hidden_was_said()
        self._strangers_see_nothing()

    def _every_mail_has_its_fate(self) -> None:
        """(1) Nothing waits, nothing was lost, and nothing has two fates."""
        assert not IntakeRecord.objects.waiting().exists()
        assert IntakeRaw.objects.count() == IntakeRecord.objects.count()
        for _raw, pk, fate in self.mails:
            assert IntakeRecord.objects.get(pk=pk).fate == fate

    def _receipts_are_as_they_should(self) -> None:
        """(5) One receipt for who asked by a form; at most one for a mail; none for a machine."""
        for case in self.cases:
            mails = OutboundMail.objects.filter(ticket=case.pk, kind=MailKind.ACKNOWLEDGEMENT)
            least, most = case.receipts
            assert least <= mails.count() <= most, (case.number, case.receipts)

    def _nothing_hidden_was_said(self) -> None:
        """(6) No word of a note, of an area, or of what agents judged is in anything for
        requesters: their mails, and the pages of their cases.
        """
        inside = {agent.user.email for agent in self.world.agents.values()}
        inside |= set(self.world.areas.values())
        for message in Post.taken:
            if any(address in to for to in message.recipients() for address in inside):
                continue
            html = "".join(str(part) for part, _kind in getattr(message, "alternatives", []))
            said = f"{message.subject}\n{message.body}\n{html}\n{message.attachments}"
            assert SECRET not in said, (message.recipients(), message.subject)
        for case in self.cases[-2:]:
            self._shows_nothing_hidden(case)

    def _shows_nothing_hidden(self, case: Case) -> None:
        ticket = Ticket.objects.select_related("requester", "agreement_version").get(pk=case.pk)
        entries = queries.conversation(ticket, queries.chain_of(ticket), internal=False)
        assert {entry.kind for entry in entries} <= {"message", "event"}
        assert {entry.event.audience for entry in entries} <= {"public"}
        shown = [entry.message.pk for entry in entries if entry.message is not None]
        assert shown == case.public, (case.number, shown, case.public)
        page = Client().get(f"/hc/es/requests/{access.link_token(ticket, mailed=True)}/")
        if ticket.requester.erased_at is None:
            assert page.status_code in ((200, 302) if case.into else (200,))
        assert SECRET not in page.content.decode()

    def _strangers_see_nothing(self) -> None:
        """(7) One predicate: who takes no part finds nothing by page, list, search or file."""
        for name in ("bodega", "gerencia", "ajeno"):
            person = self.world.people[name]
            person.refresh_from_db()
            sees = {
                case.pk
                for case in self.cases
                if name in case.everybody()
                or (name == "gerencia" and PEOPLE[case.requester][0] == "andina")
            }
            visible = set(access.tickets_for_requester(person).values_list("pk", flat=True))
            assert visible == sees, (name, visible, sees)
            found = requests.cases_about("a", requester=person, limit=50)
            assert {ticket.pk for ticket in found} <= sees
            for tab in requests.TABS:
                page = requests.requests_page(requests.Wanted(tab=tab), requester=person)
                assert {t.pk for t in (*page.waiting, *page.tickets)} <= sees
            case = self.cases[len(name) % len(self.cases)]
            if case.pk in sees:
                access.ticket_for_requester(person, case.number)
            else:
                with pytest.raises(NotVisible):
                    access.ticket_for_requester(person, case.number)
        self._files_stay_with_their_cases()

    def _files_stay_with_their_cases(self) -> None:
        tickets = {ticket.pk: ticket for ticket in Ticket.objects.all()}
        for file in Attachment.objects.filter(public_message__isnull=False)[:6]:
            assert file.public_message is not None
            home = file.public_message.ticket_id
            for pk, ticket in tickets.items():
                if pk == home:
                    assert access.attachment_of(ticket, file.public_id) == file
                else:
                    with pytest.raises(NotVisible):
                        access.attachment_of(ticket, file.public_id)


def _uploads(message: int) -> list[StoredUpload]:
    files = Attachment.objects.filter(public_message=message).order_by("pk")
    return [StoredUpload(f.sha256, f.name, f.content_type, f.size, f.content_id) for f in files]


def a_report(recipient: str, *, to: str, status: str, number: int) -> bytes:
    """Return a delivery report as servers write it (RFC 3464), each a mail of its own."""
    action = "failed" if status.startswith("5") else "delayed"
    return (
        f"From: MAILER-DAEMON@mx.example\r\nTo: {to}\r\nSubject: Undelivered\r\n"
        f"Message-ID: <report-{number}@mx.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;"
        ' boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nIt did not arrive.\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        "--b--\r\n"
    ).encode()
