"""What the agents' search costs over many cases, beside the same questions asked without its index.

    make bench NAME=find ARGS="--tickets 100000"     a database of its own, kept nowhere

Four messages a case, of a vocabulary whose words are as unequal as a language's (Zipf), with
Spanish and English endings. Each kind of question is asked with words of its own each time, through
the code that the page uses, and the first page of cases is fetched with its snippets. The baseline
asks PostgreSQL the same without an index: `to_tsvector` on the fly, and `ILIKE`. The last line is
JSON.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import seed

CHUNK = 4000
MESSAGES = 4
INDEXED = 200
WORDS = 30_000
ENDINGS = (
    "ción",
    "miento",
    "ado",
    "ar",
    "es",
    "o",
    "a",
    "ing",
    "ed",
    "tion",
    "s",
    "al",
    "ero",
    "ía",
)
SYLLABLES = [
    c + v
    for c in ("b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "t", "v", "ch")
    for v in "aeiou"
]


def a_vocabulary() -> tuple[list[str], list[float]]:
    """Return words, the commonest first and always the same, and their weights summed up."""
    dice = random.Random(7)  # noqa: S311 - no secrets
    words: dict[str, None] = {}
    while len(words) < WORDS:
        stem = "".join(dice.choices(SYLLABLES, k=dice.randint(2, 3)))
        words.setdefault(stem + dice.choice(ENDINGS))
    return list(words), list(accumulate(1 / rank for rank in range(1, WORDS + 1)))


def texts(dice: random.Random) -> Iterator[str]:
    """Yield texts without end, each of some dozen words."""
    words, weights = a_vocabulary()
    while True:
        said = dice.choices(words, cum_weights=weights, k=dice.randint(20, 60))
        yield " ".join(said).capitalize() + "."


class Quick:
    """Writes the words of texts as `indexing` does, knowing each word of the vocabulary already.

    Edges: only for these texts, of which no word is a compound or says nothing; the first cases are
        compared with what the real thing writes.
    """

    def __init__(self) -> None:
        from plazo.core.search import fold, stem

        words, _weights = a_vocabulary()
        known = {w: f"={fold(w)}" for w in words}
        self.known = known
        self.stems = {code: {w: stem(w, code) for w in words} for code in ("es", "en")}  # type: ignore[arg-type]

    def vector(self, head: str, subject: str, texts: list[str], language: str) -> str:
        """Return a tsvector from a head that was written already, a subject and texts."""
        stems = self.stems[language]
        places: dict[str, list[str]] = {}
        surfaces: set[str] = set()
        offset = 100
        for weight, text in (("A", subject), *(("D", text) for text in texts)):
            said = text.lower().removesuffix(".").split()
            for place, word in enumerate(said, start=offset):
                places.setdefault(stems[word], []).append(f"{place}{weight}")
                surfaces.add(self.known[word])
            offset += len(said) + 10
        lexemes = [f"'{stem}':{','.join(at)}" for stem, at in places.items()]
        return " ".join([head, *lexemes, *(f"'{word}'" for word in surfaces)])


def fill(tickets: int, world: seed.World, dice: random.Random, now: datetime) -> None:
    """Copy cases, their messages and their words in; no timelines, which no search reads."""
    from plazo.core.search import vector
    from plazo.tickets.models import PublicMessage, Ticket, TicketWords

    said, quick = texts(dice), Quick()
    for begin in range(0, tickets, CHUNK):
        count = min(CHUNK, tickets - begin)
        keys = seed.reserved("tickets_ticket_id_seq", count)
        message_keys = iter(seed.reserved("tickets_publicmessage_id_seq", count * MESSAGES))
        rows, messages, words = [], [], []
        for number, pk in enumerate(keys, start=begin):
            at = now - timedelta(days=540) * (1 - (number + 1) / (tickets + 1))
            person = dice.choice(world.requesters)
            subject = " ".join(next(said).split()[:6])
            ticket = _ticket(pk, number, at, person, subject, world, dice)
            bodies = [next(said) for _each in range(MESSAGES)]
            names = f"{person.name}\n{person.email}\n{person.organization.name}"
            head = vector([("A", ticket.number), ("B", names)], ticket.language)
            written = quick.vector(head, subject, bodies, ticket.language)
            words.append(TicketWords(ticket_id=pk, part=0, names=names, words=written))
            rows.append(ticket)
            messages += [
                PublicMessage(
                    pk=next(message_keys),
                    ticket_id=pk,
                    author_requester=person,
                    author_name=person.name,
                    body_text=body,
                    at=at + timedelta(hours=each),
                )
                for each, body in enumerate(bodies)
            ]
        seed.copy_in(Ticket, rows)
        seed.copy_in(PublicMessage, messages)
        seed.copy_in(TicketWords, words, with_key=False)


@contextmanager
def index_afterwards() -> Iterator[None]:
    """Build the index of words once all of them are there: sooner than one by one."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'ticket_words'")
        (definition,) = cursor.fetchone()
        cursor.execute("DROP INDEX ticket_words")
        yield
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(definition)


def _ticket(
    pk: int, number: int, at: datetime, person: Any, subject: str, world: Any, dice: random.Random
) -> Any:
    from plazo.tickets.models import Ticket

    ended = dice.random() < 0.9
    return Ticket(
        pk=pk,
        number=f"{world.version.document.case_prefix}-{900_000 + number}",
        requester=person,
        organization=person.organization,
        subject=subject,
        language="es" if dice.random() < 0.8 else "en",
        service=dice.choice(("esd", "physical", "whitelabel", "catalog")),
        environment="production",
        request_type="incident",
        channel="form",
        agreement_version=world.version,
        status="solved" if ended else dice.choice(("new", "open")),
        severity=dice.choice("ABCCC"),
        solved_at=at if ended else None,
        opened_at=at,
        updated_at=at,
        sort_due_at=seed.NEVER if ended else at,
        requester_due_at=seed.NEVER if ended else at,
        evaluated_at=at,
        last_at=at,
    )


def questions(words: list[str], dice: random.Random) -> dict[str, Callable[[], str]]:
    """Return each kind of question: every call asks with other words."""

    def common() -> str:
        return words[dice.randrange(20)]

    def usual() -> str:
        return words[dice.randrange(200, 2000)]

    def rare() -> str:
        return words[dice.randrange(20_000, WORDS)]

    return {
        "rare word": rare,
        "usual word": usual,
        "common word": common,
        "two words": lambda: f"{usual()} {usual()}",
        "common and rare": lambda: f"{common()} {rare()}",
        "phrase": lambda: f'"{common()} {common()}"',
        "prefix as typed": lambda: usual()[:4],
        "denied word": lambda: f"{usual()} -{common()}",
        "operators only": lambda: "estado:abierto gravedad:A",
        "operator and word": lambda: f"estado:abierto gravedad:A {usual()}",
        "company and word": lambda: f'empresa:"Organización {dice.randrange(40)}" {usual()}',
        "number": lambda: f"{900_000 + dice.randrange(1000)}",
    }


def spread(times: list[float]) -> tuple[float, float]:
    """Return p50 and p95 in milliseconds."""
    cuts = statistics.quantiles([*times, *times], n=20, method="inclusive")
    return round(statistics.median(times) * 1000, 1), round(cuts[18] * 1000, 1)


def on_core(pid: int) -> float:
    """Return how many seconds a process and this one have had a core; Linux knows it exactly."""
    ran = 0.0
    with suppress(OSError):
        ran = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return ran + time.process_time()


def timed(run: Callable[[], Any], times: int) -> dict[str, float]:
    """Return what each run took by the clock, and what it took of a core, here and in PostgreSQL.

    Edges: on a machine with other work to do only the second says what the search costs.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    clock, core = [], []
    for _each in range(times):
        began, ran = time.perf_counter(), on_core(pid)
        run()
        clock.append(time.perf_counter() - began)
        core.append(on_core(pid) - ran)
    (p50, p95), (core_p50, core_p95) = spread(clock), spread(core)
    return {"p50": p50, "p95": p95, "core_p50": core_p50, "core_p95": core_p95}


def asking_for(agent: Any, version: Any, now: datetime) -> Callable[[str], Any]:
    from plazo.tickets.search import asking, language
    from plazo.tickets.search.naming import Known

    def ask(text: str) -> Any:
        known = Known(version.document)
        wanted = language.want(language.parse(text), known, now=now, zone="America/Panama")
        return asking.find(wanted, agent=agent, now=now, prefix=version.document.case_prefix)

    return ask


def without_index(sql: str) -> Callable[[str], Any]:
    from django.db import connection

    def ask(text: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(sql, [text])
            return cursor.fetchall()

    return ask


ON_THE_FLY = """
SELECT DISTINCT ticket_id FROM tickets_publicmessage
WHERE to_tsvector('spanish', body_text) @@ plainto_tsquery('spanish', %s)
ORDER BY ticket_id DESC LIMIT 26"""
ILIKE = """
SELECT DISTINCT ticket_id FROM tickets_publicmessage
WHERE body_text ILIKE '%%' || %s || '%%' ORDER BY ticket_id DESC LIMIT 26"""


def _words(pks: list[int]) -> list[tuple[int, list[str]]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ticket_id, tsvector_to_array(words) FROM tickets_ticketwords"
            " WHERE ticket_id = ANY(%s) ORDER BY 1",
            [pks],
        )
        return list(cursor.fetchall())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=60, help="that each kind is asked")
    parser.add_argument("--naive", type=int, default=5, help="that the baselines are asked")
    arguments = parser.parse_args()
    with seed.a_database():
        from django.db import connection

        from plazo.tickets.models import Ticket
        from plazo.tickets.search import indexing

        now = datetime.now(UTC).replace(microsecond=0)
        dice = random.Random(1)  # noqa: S311 - no secrets
        world = seed.a_world(now)
        began = time.perf_counter()
        with index_afterwards():
            fill(arguments.tickets, world, dice, now)
        filled, began = time.perf_counter() - began, time.perf_counter()
        some = list(Ticket.objects.order_by("-pk").values_list("pk", flat=True)[:INDEXED])
        stored = _words(some)
        indexing.index(some)
        indexed = (time.perf_counter() - began) / len(some)
        assert _words(some) == stored, "the bench writes other words than the product"
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("SELECT pg_total_relation_size('tickets_ticketwords')")
            size = cursor.fetchone()[0]
        print(f"{arguments.tickets} cases filled in {filled:.0f} s")
        print(f"{indexed * 1000:.1f} ms to index one")
        words, _weights = a_vocabulary()
        kinds = questions(words, random.Random(2))  # noqa: S311
        ask = asking_for(world.agents[0], world.version, now)
        figures: dict[str, Any] = {
            "tickets": arguments.tickets,
            "messages": arguments.tickets * MESSAGES,
            "index_ms_a_case": round(indexed * 1000, 2),
            "index_megabytes": round(size / 1e6, 1),
        }
        for kind, question in kinds.items():
            ask(question())
            figures[kind] = timed(lambda question=question: ask(question()), arguments.times)
            print(f"{kind:>20}  {figures[kind]}")
        for name, sql in (("to_tsvector", ON_THE_FLY), ("ILIKE", ILIKE)):
            for kind in ("rare word", "common word"):
                naive = without_index(sql)
                question = kinds[kind]
                figures[f"{name}, {kind}"] = timed(
                    lambda naive=naive, question=question: naive(question()), arguments.naive
                )
                print(f"{name + ', ' + kind:>24}  {figures[f'{name}, {kind}']}")
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
