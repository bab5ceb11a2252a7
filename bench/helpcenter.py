"""What reading the help center costs: pages and searches among 10,000 articles, over HTTP.

    make bench NAME=helpcenter
    make bench NAME=helpcenter ARGS="--articles 1000 --seconds 3"

The server is the one that `plazo web` runs, on a port of its own; beside each page the same server
hands out a static file, which is as fast as it gets. Articles are bred from the demo's: every word
of theirs keeps its frequency, so that common words are common. The last line is JSON.
"""

import argparse
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import seed

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "src" / "plazo" / "config" / "demo_articles"
QUERIES = (
    "licencia",
    "la licencia no llega después de PlaceOrder",
    "error 504",
    "facturación",
    "licensia",
    "GetOrderTokens vacío",
    "cuánto esperar antes de reintentar una orden",
)


# What the other articles are: copies of those that were written through the commands.
COPY = """
WITH old AS (
    SELECT e.id AS edition, e.article_id, e.slug, e.words AS written, r.*
    FROM helpcenter_edition AS e
    JOIN helpcenter_revision AS r ON r.id = e.published_id
    WHERE e.language = 'es' AND e.slug LIKE 'bred-%%' AND e.slug NOT LIKE '%%-copy-%%'
), a AS (
    INSERT INTO helpcenter_article (key, section_id, audience, labels, related, position,
        source_language, created_at, verified_at)
    SELECT o.slug || '-copy-%(copy)s', x.section_id, 'everyone', '{}', '{}', x.position, 'es',
        x.created_at, x.verified_at
    FROM old AS o JOIN helpcenter_article AS x ON x.id = o.article_id RETURNING id, key
), e AS (
    INSERT INTO helpcenter_edition (article_id, language, slug, state, brought_up_to, useful,
        not_useful, words, published_at)
    SELECT a.id, 'es', a.key, 'published', 0, 0, 0, o.written, now()
    FROM old AS o JOIN a ON a.key = o.slug || '-copy-%(copy)s' RETURNING id, slug
), p AS (
    INSERT INTO helpcenter_posting (edition_id, language, term, weight)
    SELECT e.id, 'es', p.term, p.weight FROM old AS o
    JOIN e ON e.slug = o.slug || '-copy-%(copy)s'
    JOIN helpcenter_posting AS p ON p.edition_id = o.edition
)
INSERT INTO helpcenter_revision (edition_id, number, generation, title, summary, body, body_html,
    plain, contents, words, author_name, at, note)
SELECT e.id, 1, 1, o.title, o.summary, o.body, o.body_html, o.plain, o.contents, 400, '',
    now(), '' FROM old AS o
JOIN e ON e.slug = o.slug || '-copy-%(copy)s'
"""
BENCH_KEY = "a key for one run of a bench, which signs nothing that is kept"


def breed(count: int, now: datetime) -> None:
    """Publish as many articles as asked: the demo's, mixtures of their paragraphs, and copies."""
    from django.db import connection, transaction

    from plazo.core.actor import Actor
    from plazo.helpcenter import commands, lexicon
    from plazo.helpcenter.folder import import_articles
    from plazo.helpcenter.models import Edition, Revision, Section

    by = Actor.system("bench")
    import_articles(DEMO, actor=by, now=now)
    dice = random.Random(1)  # noqa: S311 - no secrets
    spanish = Revision.objects.filter(edition__language="es")
    titles = list(spanish.values_list("title", flat=True))
    paragraphs = [
        paragraph
        for body in spanish.values_list("body", flat=True)
        for paragraph in body.split("\n\n")
        if len(paragraph) > 80 and not paragraph.startswith(("```", "|", "#", ">"))
    ]
    sections = list(Section.objects.values_list("pk", flat=True))
    here = Edition.objects.filter(language="es").count()
    written = min(max(count - here, 0), 1000)
    with transaction.atomic():
        for number in range(written):
            parts = dice.sample(paragraphs, 6)
            body = "\n\n".join(
                (f"## Parte {n}\n\n{part}" if n % 2 else part) for n, part in enumerate(parts)
            )
            edition = commands.create_article(
                section_id=dice.choice(sections),
                language="es",
                text=commands.Text(title=dice.choice(titles), body=body, summary=parts[0][:200]),
                key=f"bred-{number}",
                slug=f"bred-{number}",
                position=number,
                actor=by,
                now=now,
            )
            commands.publish_edition(edition_id=edition.pk, actor=by, now=now)
    with connection.cursor() as cursor:
        for copy in range(round((count - here - written) / max(written, 1))):
            cursor.execute(COPY % {"copy": copy})
        cursor.execute(
            "UPDATE helpcenter_edition AS e SET published_id = r.id, newest_id = r.id FROM"
            " helpcenter_revision AS r WHERE r.edition_id = e.id AND e.published_id IS NULL"
        )
        cursor.execute("VACUUM ANALYZE helpcenter_posting, helpcenter_edition, helpcenter_article")
    lexicon.count_words()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def a_server(workers: int) -> Iterator[int]:
    """Run the web part as an installation does, and wait until it answers."""
    port = free_port()
    environment = os.environ | {
        "PORT": str(port),
        "PLAZO_WEB_WORKERS": str(workers),
        "PLAZO_SECRET_KEY": BENCH_KEY,
        "PLAZO_TRUSTED_PROXIES": "127.0.0.1",
        "PYTHONPATH": str(ROOT / "src"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "plazo.config.cli", "web"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            try:
                get(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/livez")
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(15)


def get(connection: http.client.HTTPConnection, path: str) -> int:
    # Readers come from many networks, and each network has its limits.
    reader = f"198.18.{random.randrange(256)}.{random.randrange(256)}"  # noqa: S311 - no secrets
    connection.request(
        "GET", path, headers={"User-Agent": "Mozilla/5.0 bench", "X-Forwarded-For": reader}
    )
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status in (200, 204), (answer.status, path, body[:300])
    return len(body)


def load(port: int, paths: list[str], *, seconds: float, clients: int) -> dict[str, Any]:
    """Ask for paths from several connections at once; return requests a second and times."""
    spent: list[float] = []
    end = time.perf_counter() + seconds
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        mine, turn = [], number
        try:
            get(connection, paths[0])
            while time.perf_counter() < end:
                began = time.perf_counter()
                get(connection, paths[turn % len(paths)])
                mine.append(time.perf_counter() - began)
                turn += 1
        except BaseException as error:  # noqa: BLE001 - shown below
            wrong.append(error)
        spent.extend(mine)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]
    quantiles = statistics.quantiles(spent, n=100)
    return {
        "per_second": round(len(spent) / seconds, 1),
        "p50_ms": round(quantiles[49] * 1000, 2),
        "p95_ms": round(quantiles[94] * 1000, 2),
    }


def first(port: int, path: str) -> float:
    """Return how long the very first reader of a page waits, in milliseconds."""
    began = time.perf_counter()
    get(http.client.HTTPConnection("127.0.0.1", port, timeout=30), path)
    return round((time.perf_counter() - began) * 1000, 1)


def searching_alone(times: int) -> dict[str, float]:
    """Time a search without the page around it: the goal is under 50 ms."""
    from plazo.helpcenter import searching
    from plazo.helpcenter.access import ANYONE

    figures: dict[str, float] = {}
    for name, ask in (("search", searching.search), ("suggest", searching.suggest)):
        spent = []
        for text in QUERIES:
            ask(ANYONE, "es", text)
            for _ in range(times):
                began = time.perf_counter()
                ask(ANYONE, "es", text)
                spent.append(time.perf_counter() - began)
        quantiles = statistics.quantiles(spent, n=100)
        figures[f"{name}_alone_p50_ms"] = round(quantiles[49] * 1000, 2)
        figures[f"{name}_alone_p95_ms"] = round(quantiles[94] * 1000, 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=6.0, help="for each page")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with seed.a_database():
        now = datetime.now(UTC).replace(microsecond=0)
        seed.a_world(now)
        began = time.perf_counter()
        breed(arguments.articles, now)
        figures: dict[str, Any] = {
            "articles": arguments.articles,
            "seeded_in_s": round(time.perf_counter() - began, 1),
        }
        from plazo.helpcenter.models import Edition

        slugs = list(Edition.objects.filter(language="es").values_list("slug", flat=True)[:400])
        figures |= searching_alone(20)
        pages = {
            "static": ["/static/plazo/css/tokens.css"],
            "article": [f"/hc/es/articles/{slug}/" for slug in slugs],
            "home": ["/hc/es/"],
            "search": [f"/hc/es/search/?q={quote(text)}" for text in QUERIES],
            "suggest": [f"/hc/es/search/suggest/?q={quote(text)}" for text in QUERIES],
        }
        with a_server(arguments.workers) as port:
            for name, paths in pages.items():
                figures[f"{name}_first_ms"] = first(port, paths[0])
                print(name, figures[f"{name}_first_ms"], flush=True)
                found = load(port, paths, seconds=arguments.seconds, clients=arguments.clients)
                figures |= {f"{name}_{key}": value for key, value in found.items()}
        for name in list(pages)[1:]:
            ratio = figures["static_per_second"] / figures[f"{name}_per_second"]
            figures[f"static_to_{name}"] = round(ratio, 1)
        for name, figure in figures.items():
            print(f"{name:28} {figure:>12,}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
