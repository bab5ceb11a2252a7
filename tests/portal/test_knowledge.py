"""The knowledge base's public pages: who reads what by which door, addresses, feeds, votes."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from plazo.helpcenter import commands, reading
from plazo.helpcenter.models import Audience, Edition, Feedback, Reading, SearchTally
from plazo.portal.knowledge import VOTES
from tests.factory import TUESDAY, an_agent, publish_iws
from tests.kb import SYSTEM, a_client, a_section, an_article, counted, publish, translated

pytestmark = pytest.mark.django_db
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the real agreement is in force."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


def signed_in(who: str) -> Client:
    """Return the browser of nobody, of a client, or of an agent."""
    client = Client(headers={"User-Agent": BROWSER})
    if who == "client":
        user = a_client().user
        assert user is not None
        client.force_login(user)
    elif who == "agent":
        client.force_login(an_agent().user)
    return client


WORDS = {"everyone": "abracadabra", "clients": "zarandaja", "staff": "barahunda"}
SEES = {"nobody": {"everyone"}, "client": {"everyone", "clients"}, "agent": set(WORDS)}


@pytest.fixture
def articles() -> dict[str, Edition]:
    """An article for each audience, with a file; the public one links to the others."""
    made = {}
    for audience, word in WORDS.items():
        edition = an_article(
            f"Artículo {word}",
            f"Texto con {word}. [sí](article:articulo-{WORDS['staff']})\n\n![x](file:{word}.png)\n",
            key=f"articulo-{word}",
            audience=audience,
            related=[f"articulo-{other}" for other in WORDS.values()],
            section="general",
            published=False,
        )
        commands.add_file(
            article_id=edition.article_id,
            file=ContentFile(b"\x89PNG\r\n\x1a\n" + word.encode(), name=f"{word}.png"),
            name=f"{word}.png",
            content_type="image/png",
            actor=SYSTEM,
            now=TUESDAY,
        )
        made[audience] = publish(edition)
    counted()
    return made


def opens(client: Client, path: str) -> bool:
    """Say whether a file is handed out, and read it to its end."""
    answer = client.get(path)
    return bool(answer.streaming and b"".join(answer.streaming_content))


def page_of(client: Client, path: str) -> str:
    answer = client.get(path)
    return answer.content.decode() if answer.status_code == 200 else ""


DOORS: dict[str, Callable[[Client, Edition, str], bool]] = {
    "its page": lambda client, e, word: word in page_of(client, f"/hc/es/articles/{e.slug}/"),
    "its page in the other language": lambda client, e, word: (
        word in page_of(client, f"/hc/en/articles/{e.slug}/")
    ),
    "its permanent address": lambda client, e, word: (
        client.get(f"/hc/es/a/{e.article.key}/").status_code == 302
    ),
    "the first page": lambda client, e, word: word in page_of(client, "/hc/es/"),
    "its section": lambda client, e, word: word in page_of(client, "/hc/es/sections/general/"),
    "the search": lambda client, e, word: (
        f"/articles/{e.slug}/" in page_of(client, f"/hc/es/search/?q={word}")
    ),
    "suggestions": lambda client, e, word: (
        e.slug in page_of(client, f"/hc/es/search/suggest/?q={word[:5]}")
    ),
    "suggestions in the form": lambda client, e, word: (
        e.slug in page_of(client, f"/hc/es/search/suggest/?for=form&service=esd&q={word}")
    ),
    "the form that it was carried into": lambda client, e, word: (
        f"Artículo {word}" in page_of(client, f"/hc/es/requests/new/?article={e.article.key}")
    ),
    "a mended spelling": lambda client, e, word: (
        word in page_of(client, f"/hc/es/search/?q={word[:3]}e{word[4:]}")
    ),
    "related articles": lambda client, e, word: (
        e.article.audience == "everyone"
        or word in page_of(client, f"/hc/es/articles/articulo-{WORDS['everyone']}/")
    ),
    "its file": lambda client, e, word: opens(
        client, f"/hc/files/{e.article.files.get().public_id}/x.png"
    ),
    "a vote on it": lambda client, e, word: (
        client.post(f"/hc/es/articles/{e.slug}/vote/", {"useful": "yes"}).status_code == 302
    ),
}
FEEDS = ("/hc/es/feed.atom", "/hc/es/sections/general/feed.atom", "/sitemap.xml")


@pytest.mark.parametrize("who", SEES)
@pytest.mark.parametrize("door", DOORS)
def test_each_audience_at_each_door(articles: dict[str, Edition], who: str, door: str) -> None:
    """What somebody may not read does not exist for them, whichever way they come."""
    client = signed_in(who)
    found = {
        audience
        for audience, edition in articles.items()
        if DOORS[door](client, edition, WORDS[audience])
    }
    assert found == SEES[who]


@pytest.mark.parametrize("who", SEES)
@pytest.mark.parametrize("feed", FEEDS)
def test_feeds_and_the_sitemap_are_for_everyone_alone(
    articles: dict[str, Edition], who: str, feed: str
) -> None:
    """Machines keep what they read: even an agent's feed holds only what anyone may read."""
    text = page_of(signed_in(who), feed)
    assert WORDS["everyone"] in text
    assert not any(word in text for word in (WORDS["clients"], WORDS["staff"]))


def test_a_narrow_section_hides_its_articles_at_once(articles: dict[str, Edition]) -> None:
    """The section's audience counts as well as the article's."""
    client = signed_in("nobody")
    path = f"/hc/es/articles/{articles['everyone'].slug}/"
    assert client.get(path).status_code == 200
    a_section("general", Audience.CLIENTS)
    assert client.get(path).status_code == 404
    assert client.get("/hc/es/sections/general/").status_code == 404
    assert signed_in("client").get(path).status_code == 200


@pytest.mark.parametrize(
    ("seen_as", "statuses"),
    [("everyone", (200, 404, 404)), ("clients", (200, 200, 404)), ("staff", (200, 200, 200))],
)
def test_an_agent_looks_as_somebody_else(
    articles: dict[str, Edition], seen_as: str, statuses: tuple[int, ...]
) -> None:
    """“View as” shows what others see; for others than agents it changes nothing."""
    agent, client = signed_in("agent"), signed_in("client")
    paths = [f"/hc/es/articles/{e.slug}/?as={seen_as}" for e in articles.values()]
    assert tuple(agent.get(path).status_code for path in paths) == statuses
    assert tuple(client.get(path).status_code for path in paths) == (200, 200, 404)


def test_a_link_that_a_reader_may_not_follow_is_only_words(articles: dict[str, Edition]) -> None:
    """The public article names an internal one: for a stranger there is no address in it."""
    path = f"/hc/es/articles/{articles['everyone'].slug}/"
    staff = articles["staff"].slug
    assert f"/articles/{staff}/" in page_of(signed_in("agent"), path)
    text = page_of(signed_in("nobody"), path)
    assert staff not in text
    assert 'href="article:' not in text


def test_a_moved_article_is_never_lost() -> None:
    """Every address that it had sends on to the one that it has."""
    edition = an_article("Primero", key="uno")
    for slug in ("segundo", "tercero"):
        commands.change_article(
            article_id=edition.article_id, slugs={"es": slug}, actor=SYSTEM, now=TUESDAY
        )
    client = signed_in("nobody")
    for old in ("primero", "segundo"):
        answer = client.get(f"/hc/es/articles/{old}/")
        assert (answer.status_code, answer["Location"]) == (301, "/hc/es/articles/tercero/")
    assert client.get("/hc/es/a/uno/")["Location"] == "/hc/es/articles/tercero/"
    commands.change_article(
        article_id=edition.article_id, slugs={"es": "primero"}, actor=SYSTEM, now=TUESDAY
    )
    assert client.get("/hc/es/articles/primero/").status_code == 200
    assert client.get("/hc/es/articles/tercero/")["Location"] == "/hc/es/articles/primero/"


def test_languages_stand_side_by_side() -> None:
    """A translation has its own address; without one the article is shown as what it is."""
    both = an_article("Tiempos de espera", "Un texto.\n")
    translated(both, "Time-outs", "A text.\n")
    an_article("Solo en español", "Otro texto.\n")
    client = signed_in("nobody")
    spanish = page_of(client, "/hc/es/articles/tiempos-de-espera/")
    assert '<link rel="alternate" hreflang="en" href=' in spanish
    assert 'rel="canonical"' in spanish
    assert 'href="/hc/en/articles/time-outs/"' in spanish
    crossed = client.get("/hc/en/articles/tiempos-de-espera/")
    assert crossed["Location"] == "/hc/en/articles/time-outs/"
    lonely = page_of(client, "/hc/en/articles/solo-en-espanol/")
    assert "This article is only there in Spanish so far." in lonely
    assert '<article lang="es">' in lonely
    assert re.search(r'rel="canonical" href="[^"]*/hc/es/articles/solo-en-espanol/"', lonely)


def test_drafts_are_for_editors_alone() -> None:
    """What is not published is at no address, and changes after publishing wait for theirs."""
    draft = an_article("Borrador secreto", published=False)
    live = an_article("Público", "Lo publicado.\n")
    commands.save_revision(
        edition_id=live.pk,
        text=commands.Text(title="Público", body="Lo que aún no.\n"),
        actor=SYSTEM,
        now=TUESDAY,
    )
    for who in SEES:
        client = signed_in(who)
        assert client.get(f"/hc/es/articles/{draft.slug}/").status_code == 404
        text = page_of(client, f"/hc/es/articles/{live.slug}/")
        assert "Lo publicado." in text
        assert "Lo que aún no" not in text
    commands.archive_article(article_id=live.article_id, actor=SYSTEM, now=TUESDAY)
    assert signed_in("agent").get(f"/hc/es/articles/{live.slug}/").status_code == 404


def test_feeds_are_atom_with_whole_addresses(articles: dict[str, Edition]) -> None:
    """A feed reader gets titles, texts and links that work away from the page."""
    root = ET.fromstring(page_of(signed_in("nobody"), "/hc/es/feed.atom"))  # noqa: S314 - ours
    (entry,) = root.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "Artículo abracadabra"
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href", "").endswith("/hc/es/articles/articulo-abracadabra/")
    assert "http" in link.get("href", "")
    assert "abracadabra" in (entry.findtext(f"{ATOM}summary") or "")
    assert "barahunda" not in (entry.findtext(f"{ATOM}summary") or "")


def test_the_sitemap_names_both_languages() -> None:
    """Search engines learn which pages are the same one in another language."""
    both = an_article("Tiempos de espera", "Un texto.\n")
    translated(both, "Time-outs", "A text.\n")
    text = page_of(signed_in("nobody"), "/sitemap.xml")
    ET.fromstring(text)  # noqa: S314 - ours
    assert text.count("/hc/en/articles/time-outs/") == 3  # its own entry, and twice as alternate
    assert "Disallow: /desk/" in page_of(signed_in("nobody"), "/robots.txt")


# ── Votes, views, searches ────────────────────────────────────────────────────────────────────


def test_a_reader_has_one_vote_and_may_change_it() -> None:
    """Clicking twice is one vote; the other button moves it; a sentence is kept."""
    edition = an_article()
    client = signed_in("nobody")
    path = f"/hc/es/articles/{edition.slug}/vote/"
    for useful, counts in (("yes", (1, 0)), ("yes", (1, 0)), ("no", (0, 1))):
        client.post(path, {"useful": useful})
        edition.refresh_from_db()
        assert (edition.useful, edition.not_useful) == counts
    client.post(path, {"useful": "no", "words": "Falta  el\nejemplo"})
    client.post(path, {"useful": "no"})
    assert Feedback.objects.get().words == "Falta el ejemplo"
    another = signed_in("nobody")
    another.post(path, {"useful": "yes"})
    edition.refresh_from_db()
    assert (edition.useful, edition.not_useful) == (1, 1)


def test_votes_in_a_row_are_limited() -> None:
    """One address cannot make an article useful by clicking with new cookies."""
    edition = an_article()
    for _ in range(VOTES.burst + 5):
        signed_in("nobody").post(f"/hc/es/articles/{edition.slug}/vote/", {"useful": "yes"})
    edition.refresh_from_db()
    assert edition.useful == VOTES.burst


def test_views_are_peoples() -> None:
    """Machines and our own people are not counted as readers."""
    edition = an_article()
    path = f"/hc/es/articles/{edition.slug}/"
    signed_in("nobody").get(path)
    signed_in("client").get(path)
    signed_in("agent").get(path)
    Client(headers={"User-Agent": "Googlebot/2.1"}).get(path)
    Client().get(path)
    assert Reading.objects.get().views == 2


def test_a_request_that_an_article_made_needless_is_counted() -> None:
    """From the form to the article and no further: that is what deflection means here."""
    edition = an_article()
    client = signed_in("nobody")
    text = page_of(client, f"/hc/es/articles/{edition.slug}/?from=form")
    assert "Se resolvió, no necesito el caso" in text
    client.post(f"/hc/es/articles/{edition.slug}/vote/", {"useful": "yes", "solved": "on"})
    assert Reading.objects.get().deflected == 1


def test_searches_are_tallied_without_what_is_private() -> None:
    """Editors see what was not found, without addresses, keys and long numbers."""
    an_article("Reintentos")
    counted()
    client = signed_in("nobody")
    for text in ("Reembolso URGENTE", "reembolso urgente", "x@y.example 4500917733 reintentos"):
        client.get("/hc/es/search/", {"q": text})
    signed_in("agent").get("/hc/es/search/", {"q": "de casa"})
    tallies = dict(SearchTally.objects.values_list("words", "times"))
    assert tallies == {"reembolso urgente": 2, "reintentos": 1}
    found = reading.insights(now=TUESDAY)
    assert [tally.words for tally in found.in_vain] == ["reembolso urgente"]


# ── What pages cost ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("many", [1, 40])
def test_pages_cost_the_same_however_much_there_is(many: int) -> None:
    """Each page has its number of queries: with one article or forty, with links or without."""
    for number in range(many):
        edition = an_article(
            f"Artículo {number} sobre licencias",
            f"Texto {number}. [otro](article:art-{number - 1}) y [más](article:art-0)\n",
            key=f"art-{number}",
            section="general" if number % 2 else "esd",
        )
    counted()
    client = signed_in("nobody")
    costs = {
        "/hc/es/": 6,
        "/hc/es/sections/esd/": 4,
        f"/hc/es/articles/{edition.slug}/": 8,
        "/hc/es/search/?q=licencias": 8,
        "/hc/es/search/suggest/?q=licen": 3,
        "/hc/es/status/": 4,
    }
    for path in costs:
        client.get(path)  # what a process keeps is warm
    spent = {}
    for path in costs:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        spent[path] = len(captured)
    assert spent == costs


MANY = """
WITH a AS (
    INSERT INTO helpcenter_article (key, section_id, audience, labels, related, position,
        source_language, created_at)
    SELECT 'relleno-' || n, %(section)s, 'everyone', '{}', '{}', n, 'es', now()
    FROM generate_series(1, 3000) AS n RETURNING id, key
), e AS (
    INSERT INTO helpcenter_edition (article_id, language, slug, state, brought_up_to, useful,
        not_useful, words)
    SELECT id, 'es', key, 'published', 0, 0, 0, '{relleno}' FROM a RETURNING id, slug
), p AS (
    INSERT INTO helpcenter_posting (edition_id, language, term, weight)
    SELECT id, 'es', term, 1 FROM e, unnest(ARRAY['relleno', 'x' || id]) AS term
)
INSERT INTO helpcenter_revision (edition_id, number, generation, title, summary, body,
    body_html, plain, contents, words, author_name, at, note)
SELECT id, 1, 1, slug, '', 'x', 'x', 'x', '[]', 1, '', now(), '' FROM e
"""


def test_the_search_is_answered_by_the_index() -> None:
    """Among thousands only the articles that hold a word are looked at, by the planner's choice."""
    section = a_section("general")
    with connection.cursor() as cursor:
        cursor.execute(MANY, {"section": section.pk})
        cursor.execute(
            "UPDATE helpcenter_edition AS e SET published_id = r.id, newest_id = r.id"
            " FROM helpcenter_revision AS r WHERE r.edition_id = e.id"
        )
    an_article("La excepción", "Aquí está la zarabanda.\n")
    counted()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE helpcenter_posting, helpcenter_edition, helpcenter_article")
    with CaptureQueriesContext(connection) as captured:
        assert "La excepción" in page_of(signed_in("nobody"), "/hc/es/search/?q=zarabanda")
    searches = [
        query["sql"] for query in captured.captured_queries if "helpcenter_posting" in query["sql"]
    ]
    assert searches
    for sql in searches:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert re.search("Index (Only )?Scan using posting_term", plan), plan
        assert "Seq Scan on helpcenter_edition" not in plan, plan


def test_a_scheduled_article_appears_at_its_hour(tuesday: time_machine.Traveller) -> None:
    """Not a minute before, and by itself."""
    edition = an_article("Mañana", published=False)
    commands.schedule_edition(
        edition_id=edition.pk, publish_at=TUESDAY + timedelta(hours=1), actor=SYSTEM, now=TUESDAY
    )
    client = signed_in("nobody")
    assert commands.publish_due(now=TUESDAY + timedelta(minutes=59)) == 0
    assert client.get(f"/hc/es/articles/{edition.slug}/").status_code == 404
    assert commands.publish_due(now=TUESDAY + timedelta(hours=1)) == 1
    assert commands.publish_due(now=TUESDAY + timedelta(hours=2)) == 0
    assert client.get(f"/hc/es/articles/{edition.slug}/").status_code == 200
