"""Fill a database with many cases, fast: their own events, chains and projections.

    make bench NAME=seed ARGS="--tickets 100000"             a database of its own, kept nowhere
    DATABASE_URL=… .venv/bin/python bench/seed.py --keep     into that one, to look at
    PLAZO_DATA=… .venv/bin/python bench/seed.py --keep       into the private one of that folder

Rows go in by COPY, but what they say comes from the code that commands use: the timeline chains
the events, the projection folds them, the core evaluates the clocks. `plazo verify` finds no fault
in the result, which it is asked to show at the end. The last line is JSON.
"""

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django

ROOT = Path(__file__).resolve().parent.parent
IWS = ROOT / "agreements" / "iws.toml"
CHUNK = 2000
MOST_MESSAGES = 4
# Of a closed case, what moves with it; its deadlines are over.
MOMENTS = (
    "opened_at", "updated_at", "solved_at", "closed_at", "evaluated_at", "last_at", "status_since",
)  # fmt: skip
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
BODIES = (
    "La llamada PlaceOrder devuelve 504 desde hace media hora; no sabemos si la orden entró.",
    "El catálogo de hoy no trae los productos nuevos que vimos ayer en el portal.",
    "¿Nos pueden confirmar el estado de la orden? El almacén pregunta.",
)
ANSWERS = (
    "Lo revisamos: la orden **sí** entró. No la reenvíe, por favor.",
    "Ya está corregido. Vuelva a pedir `GetCatalog` y compare la fecha.",
    "Necesitamos la petición completa, con su hora exacta, para buscarla.",
)


@contextmanager
def a_database(*, keep: bool = False) -> Iterator[None]:
    """Hold a migrated database of this run's own; with `keep`, the one the environment names."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")
    if keep:
        with _prepared():
            yield
        return
    os.environ.pop("DATABASE_URL", None)
    with tempfile.TemporaryDirectory(prefix="plazo-bench-") as folder:
        Path(folder).chmod(0o711)  # root's PostgreSQL runs under another account
        os.environ["PLAZO_DATA"] = folder
        with _prepared():
            yield


@contextmanager
def _prepared() -> Iterator[None]:
    from plazo.config.cli import database
    from plazo.core.settings import Settings

    settings = Settings.load()
    with database(settings):
        django.setup()
        from django.db import connections

        from plazo.config.schema import migrate

        migrate()
        try:
            yield
        finally:
            connections.close_all()


@dataclass(slots=True)
class World:
    """The people and the agreement that the cases are about."""

    version: Any
    requesters: list[Any]
    agents: list[Any]
    groups: dict[int, Any]


def a_world(now: datetime, *, requesters: int = 500) -> World:
    """Make, or find, the agreement in force, agents by level, organizations and requesters."""
    from plazo.accounts.commands import find_or_create_requester
    from plazo.accounts.models import Agent, Group, Organization, Requester, User
    from plazo.agreements.commands import publish_agreement
    from plazo.agreements.errors import NoAgreementInForce
    from plazo.agreements.queries import version_in_force
    from plazo.core.actor import Actor

    long_ago = now - timedelta(days=800)
    try:
        version = version_in_force(long_ago)
    except NoAgreementInForce:
        version = publish_agreement(
            source=IWS.read_text(encoding="utf-8"),
            effective_at=long_ago,
            actor=Actor.system("seed"),
            now=long_ago,
        )
    groups, agents = {}, []
    for level in (1, 2):
        groups[level] = Group.objects.filter(level=level).order_by("pk").first() or (
            Group.objects.create(key=f"level{level}", name=f"Nivel {level}", level=level)
        )
    for number in range(8):
        level = 1 if number < 6 else 2
        email = f"agente-{number}@carga.example"
        user = User.objects.filter(email=email).first() or User.objects.create_user(
            email, None, name=f"Agente {number}"
        )
        agent, _ = Agent.objects.get_or_create(user=user, defaults={"level": level})
        agent.groups.add(groups[level])
        agents.append(agent)
    for number in range(40):
        Organization.objects.get_or_create(
            slug=f"carga-{number}",
            defaults={
                "name": f"Organización {number}",
                "stage": "production",
                "services": ["esd", "physical", "whitelabel", "catalog"],
            },
        )
    organizations = list(Organization.objects.filter(slug__startswith="carga-").order_by("pk"))
    people = []
    for number in range(requesters):
        person = find_or_create_requester(
            email=f"persona-{number}@carga.example",
            name=f"Persona {number}",
            language="es",
            now=now,
        )
        Requester.objects.filter(pk=person.pk).update(organization=organizations[number % 40])
        person.organization = organizations[number % 40]
        people.append(person)
    return World(version, people, agents, groups)


@dataclass(slots=True)
class Rows:
    """What is made and not yet copied in."""

    tickets: list[Any] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)


class Story:
    """One case from its opening to where it stands `until`, told through the timeline itself."""

    def __init__(self, world: World, rows: Rows, keys: Iterator[int], dice: random.Random) -> None:
        self.world, self.rows, self.keys, self.dice = world, rows, keys, dice

    def tell(self, *, pk: int, number: int, at: datetime, until: datetime) -> None:
        """Make one case that was opened at `at`."""
        from plazo.tickets import events, projection, timeline
        from plazo.tickets.models import Ticket

        dice, world = self.dice, self.world
        requester = dice.choice(world.requesters)
        self.ticket = Ticket(
            pk=pk,
            number=f"{world.version.document.case_prefix}-{number}",
            requester=requester,
            organization=requester.organization,
            subject=BODIES[number % 3][:60],
            language="es",
            service=dice.choice(("esd", "physical", "whitelabel", "catalog")),
            environment="production",
            request_type="incident",
            channel="form",
            agreement_version=world.version,
            opened_at=at,
            updated_at=at,
            sort_due_at=at,
            requester_due_at=at,
            evaluated_at=at,
            last_at=at,
        )
        self.page = timeline.Page(self.ticket, _requester_actor(requester), at, [])
        self.until, self.facts, self.alarm = until, [], None
        message = self.message(BODIES[number % 3], at, requester=requester)
        self.append(
            events.TicketOpened(
                requester=requester.pk,
                organization=requester.organization.slug,
                stage=requester.organization.stage,
                service=self.ticket.service,
                environment="production",
                request_type="incident",
                channel="form",
                requested_severity="B",
                group=world.groups[1].pk,
                agreement=world.version.key,
                agreement_version=world.version.number,
                message=message.pk,
                digest=message.digest,
            )
        )
        self.work()
        self.sweep(until)
        projection.refresh(self.ticket, self.facts, now=self.ticket.last_at)
        self.rows.tickets.append(self.ticket)
        self.rows.events += self.page.chain

    def work(self) -> None:
        """Let an agent work it, as far as `until` lets them; one case in eight is answered late."""
        from plazo.core.actor import Actor
        from plazo.tickets import events

        dice, agent = self.dice, self.dice.choice(self.world.agents)
        slow = 8 if dice.random() < 0.125 else 1
        system, by = Actor.system("mail"), _agent_actor(agent)
        self.do(system, 0.05, lambda: events.TicketAcknowledged(mail=self.ticket.pk))
        self.do(by, 6, lambda: events.TicketAssigned(agent=agent.pk, group=self.ticket.group_id))
        self.do(by, 15 * slow, lambda: events.VerdictGiven(in_scope=True))
        self.do(by, 8, lambda: self.reply(agent))
        self.do(by, 0, lambda: events.StatusChanged(status="open", previous="new"))
        if dice.random() < 0.3:
            severity = dice.choice("ABC")
            self.do(by, 5, lambda: events.SeveritySet(severity=severity, previous=""))
            self.do(
                by,
                0,
                lambda: events.LevelEntered(level=2, previous=1, group=self.world.groups[2].pk),
            )
            self.do(by, 30 * slow, lambda: self.reply(agent))
        if dice.random() < 0.9:
            self.do(by, 90, lambda: events.StatusChanged(status="solved", previous="open"))
            closing = Actor.system("closing")
            closed = events.StatusChanged(status="closed", previous="solved")
            self.do(closing, 7 * 24 * 60, lambda: closed)

    def do(self, actor: Any, minutes: float, payload: Any) -> None:
        """Let the actor do one thing some minutes later, if that is not after the end."""
        wait = timedelta(minutes=minutes * self.dice.uniform(0.4, 1.4))
        at = self.ticket.last_at + wait
        if at > self.until:
            self.until = min(self.until, self.ticket.last_at)  # nothing follows what has not been
            return
        self.sweep(at)
        self.page.actor, self.page.now = actor, at
        self.append(payload())

    def sweep(self, until: datetime) -> None:
        """Tell the clocks' moments up to an instant, as the sweep does when they pass."""
        from plazo.core.actor import Actor
        from plazo.sla import evaluate
        from plazo.tickets import events, projection

        page, ticket = self.page, self.ticket
        agreement = ticket.agreement_version.sla
        # What was done since may have stopped clocks, and never made a moment earlier, unless
        # it started one: then `alarm` was forgotten.
        while self.alarm is None or self.alarm <= until:
            seen = projection.announced_of(ticket)
            now = ticket.last_at if self.alarm is None else max(self.alarm, ticket.last_at)
            evaluation = evaluate(agreement, self.facts, now)
            page.actor, page.now = Actor.system("sweep"), now
            for alarm in evaluation.alarms_due(now, seen):
                applied = evaluation.get(alarm.key)
                assert applied is not None
                self.append(
                    events.ALARMS[alarm.kind](
                        key=alarm.key,
                        metric=applied.metric.value,
                        severity=applied.severity,
                        instant=alarm.at,
                    )
                )
            self.alarm = evaluation.next_alarm_at(projection.announced_of(ticket)) or NEVER

    def append(self, payload: Any) -> None:
        event = self.page.compose(payload)
        fact = payload.to_fact(event.at)
        if fact is not None:
            self.facts.append(fact)
        if payload.kind in ("severity.set", "level.entered", "ticket.replied", "requester.replied"):
            self.alarm = None

    def reply(self, agent: Any) -> Any:
        from plazo.tickets import events

        message = self.message(self.dice.choice(ANSWERS), self.page.now, agent=agent)
        return events.TicketReplied(message=message.pk, digest=message.digest)

    def message(self, text: str, at: datetime, *, agent: Any = None, requester: Any = None) -> Any:
        from plazo.tickets.bodies import digest_of
        from plazo.tickets.models import PublicMessage

        message = PublicMessage(
            pk=next(self.keys),
            ticket_id=self.ticket.pk,
            author_agent=agent,
            author_requester=requester,
            author_name=str(agent or requester),
            body_text=text,
            body_html=f"<p>{text}</p>",
            digest=digest_of(text),
            at=at,
            delivery="sent" if agent else "none",
        )
        self.rows.messages.append(message)
        return message


class Copies:
    """A closed case once more, whole weeks earlier: a calendar's week is like any other.

    The agreement's zone has no daylight saving, so the clocks say the same of the copy; it gets its
    own identity, and a chain of its own over its own events.
    """

    def __init__(self, ticket: Any, chain: list[Any], messages: list[Any]) -> None:
        self.ticket, self.chain, self.messages = ticket, chain, messages

    def write(self, rows: Rows, *, pk: int, number: int, keys: Iterator[int], weeks: int) -> None:
        """Add the copy's rows."""
        import copy
        import uuid

        from plazo.tickets import timeline

        back = timedelta(weeks=weeks)
        ticket = copy.copy(self.ticket)
        ticket.pk, ticket.public_id = pk, uuid.uuid4()
        ticket.number = f"{ticket.number.rpartition('-')[0]}-{number}"
        for name in (
            "opened_at",
            "updated_at",
            "solved_at",
            "closed_at",
            "evaluated_at",
            "last_at",
        ):
            setattr(ticket, name, getattr(ticket, name) - back)
        ticket.clocks = [
            {key: _earlier(value, back) if key.endswith(("_at", "_since")) else value
             for key, value in clock.items()}
            for clock in ticket.clocks
        ]  # fmt: skip
        ticket.announced = [[k, kind, _earlier(at, back)] for k, kind, at in ticket.announced]
        named: dict[int, int] = {}
        for message in self.messages:
            twin = copy.copy(message)
            twin.pk, twin.ticket_id, twin.at = next(keys), pk, message.at - back
            named[message.pk] = twin.pk
            rows.messages.append(twin)
        before = ""
        for event in self.chain:
            twin = copy.copy(event)
            twin.ticket_id, twin.previous_hash = pk, before
            twin.at, twin.recorded_at = event.at - back, event.recorded_at - back
            twin.payload = dict(event.payload)
            if "message" in twin.payload:
                twin.payload["message"] = named[event.payload["message"]]
            if "instant" in twin.payload:
                twin.payload["instant"] = _earlier(event.payload["instant"], back)
            before = twin.hash = timeline.event_hash(twin, ticket.public_id)
            rows.events.append(twin)
        ticket.last_hash = before
        rows.tickets.append(ticket)


def _earlier(instant: str | None, back: timedelta) -> str | None:
    from plazo.core.localtime import iso

    return iso(datetime.fromisoformat(instant) - back) if instant else None


def _requester_actor(requester: Any) -> Any:
    from plazo.accounts.access import actor_of_requester

    return actor_of_requester(requester)


def _agent_actor(agent: Any) -> Any:
    from plazo.accounts.access import actor_of_agent

    return actor_of_agent(agent)


def copy_in(model: Any, rows: list[Any], *, with_key: bool = True) -> None:
    """COPY rows of one model into its table."""
    from django.db import connection
    from django.db.models import JSONField

    fields = [f for f in model._meta.concrete_fields if with_key or not f.primary_key]
    columns = ", ".join(f'"{f.column}"' for f in fields)
    with (
        connection.cursor() as cursor,
        cursor.copy(f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN') as copy,
    ):
        for row in rows:
            copy.write_row(
                [
                    json.dumps(getattr(row, f.attname), ensure_ascii=False)
                    if isinstance(f, JSONField)
                    else getattr(row, f.attname)
                    for f in fields
                ]
            )


def reserved(sequence: str, count: int) -> list[int]:
    """Take `count` numbers of a sequence: nobody else ever gets them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [sequence, count])
        return [number for (number,) in cursor.fetchall()]


def seed(tickets: int, *, now: datetime, world: World, dice: random.Random, copies: int = 0) -> int:
    """Make that many cases, opened over eighteen months until `now`; return how many events.

    Units: `copies` is how many further times a closed case may stand, in earlier weeks; they are
        part of `tickets`.
    """
    from django.db import connection, transaction

    from plazo.tickets.models import PublicMessage, Ticket, TicketEvent

    made = begin = 0
    span = timedelta(days=540)
    while begin < tickets:
        with transaction.atomic():
            rows = Rows()
            keys = iter(reserved("tickets_ticket_id_seq", CHUNK))
            numbers = iter(reserved("tickets_number", CHUNK))
            message_keys = iter(reserved("tickets_publicmessage_id_seq", CHUNK * MOST_MESSAGES))
            story = Story(world, rows, message_keys, dice)
            while begin < tickets and len(rows.tickets) < CHUNK:
                at = now - span * (1 - (begin + 1) / (tickets + 1))
                first = len(rows.messages)
                story.tell(pk=next(keys), number=next(numbers), at=at, until=now)
                begin += 1
                if story.ticket.status != "closed":
                    continue
                again = Copies(story.ticket, story.page.chain, rows.messages[first:])
                room = min(copies, tickets - begin, CHUNK - len(rows.tickets))
                for weeks in range(1, room + 1):
                    pk, number = next(keys), next(numbers)
                    again.write(rows, pk=pk, number=number, keys=message_keys, weeks=weeks)
                begin += room
            copy_in(Ticket, rows.tickets)
            copy_in(PublicMessage, rows.messages)
            copy_in(TicketEvent, rows.events, with_key=False)
            made += len(rows.events)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return made


def seed_many(tickets: int, *, now: datetime, world: World) -> None:
    """Make cases on every core; from a quarter of a million on, nine in ten are copies."""
    import subprocess
    import sys

    from django.db import connection

    cores = os.cpu_count() or 1
    copies = 9 if tickets >= 250_000 else 0
    parts = [tickets // cores + (n < tickets % cores) for n in range(cores)]
    settings = connection.settings_dict
    address = {**os.environ, "DATABASE_URL": address_of(settings)}
    running = [
        subprocess.Popen(
            [sys.executable, __file__, "--keep", "--bare", f"--tickets={part}", f"--seed={number}",
             f"--copies={copies}", f"--part={number}/{cores}"],
            env=address,
        )
        for number, part in enumerate(parts, start=1)
    ]  # fmt: skip
    codes = [process.wait() for process in running]
    assert codes == [0] * cores, codes


def write_words(part: int, parts: int) -> None:
    """Write the words of every so many-th case, by which the search finds it."""
    from django.db import transaction

    from plazo.tickets.models import Ticket
    from plazo.tickets.search import indexing

    keys = [pk for pk in Ticket.objects.values_list("pk", flat=True) if pk % parts == part - 1]
    for begin in range(0, len(keys), CHUNK):
        with transaction.atomic():
            indexing.index(keys[begin : begin + CHUNK])


def address_of(settings: dict[str, Any]) -> str:
    """Return the address of the database that this process uses."""
    names = {
        "NAME": "dbname",
        "USER": "user",
        "PASSWORD": "password",
        "HOST": "host",
        "PORT": "port",
    }
    query = {word: settings[name] for name, word in names.items() if settings[name]}
    return "postgresql:///?" + urlencode(query)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--copies", type=int, default=0, help="of each closed case, weeks earlier")
    parser.add_argument("--part", default="", help="make these cases findable, 1/2 or 2/2")
    parser.add_argument("--bare", action="store_true", help="do not verify what was made")
    parser.add_argument("--keep", action="store_true", help="into the environment's database")
    arguments = parser.parse_args()
    with a_database(keep=arguments.keep):
        now = datetime.now(UTC).replace(microsecond=0)
        world, dice = a_world(now), random.Random(arguments.seed)  # noqa: S311 - no secrets
        began = time.perf_counter()
        events = seed(arguments.tickets, now=now, world=world, dice=dice, copies=arguments.copies)
        seconds = time.perf_counter() - began
        print(f"{arguments.tickets} tickets with {events} events in {seconds:.1f} s")
        if arguments.part:
            write_words(*map(int, arguments.part.split("/")))
        if arguments.bare:
            return
        from plazo.tickets.verify import Tally, verify

        began, tally = time.perf_counter(), Tally()
        faults = [str(fault) for fault in verify(tally)]
        verifying = time.perf_counter() - began
        print(*faults[:10], sep="\n")
        print(f"verified {tally.tickets} tickets in {verifying:.1f} s: {len(faults)} faults")
    figures = {
        "tickets": arguments.tickets,
        "events": events,
        "events_per_ticket": round(events / arguments.tickets, 2),
        "seconds": round(seconds, 1),
        "tickets_per_second": round(arguments.tickets / seconds),
        "faults": len(faults),
        "verify_events_per_second": round(tally.events / verifying),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
