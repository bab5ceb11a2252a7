"""Finding articles: rare words count more, most of what was asked must be there, slips forgiven.

A text is found by the postings of the words that were asked for, or of other words for the same.
How well is the sum of their weights (BM25), each by how rare its word is; a text that holds less
than half of what was asked, by the same measure, is not found. One statement does it all, and reads
only the postings of those words.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from django.db import connections, models
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models import Case, F, Value, When

from plazo.core.search import Query, Term, parse_query, stem
from plazo.core.search.analyser import Language
from plazo.helpcenter.access import Reader, editions_in
from plazo.helpcenter.lexicon import Lexicon, lexicon_of
from plazo.helpcenter.models import Announcement, Edition

PAGE: Final = 10
# At least so much of what a query says, by weight, must be in a text.
COVERAGE: Final = 0.5
COVERAGE_TYPING: Final = 0.3
COVERAGE_ALIKE: Final = 0.25
# Another word for the same is worth a little less than the word itself.
OTHER_WORD: Final = 0.75
# Of a very common word only the texts that it says most about are looked at.
MOST_POSTINGS: Final = 1500
LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: a page of editions, how many there are in all, and by which words.

    Edges: `query` is what was really looked for; where a slip was mended, `meant` says in which
        words, and `asked` what was typed. `there_are_more` says that the total is a lower bound,
        since a word was so common that not every text with it was looked at.
    """

    query: Query
    editions: Sequence[Edition]
    total: int
    sections: dict[str, int] = field(default_factory=dict)
    asked: str = ""
    meant: str = ""
    there_are_more: bool = False


def search(
    reader: Reader,
    language: Language,
    text: str,
    *,
    sections: Sequence[str] = (),
    offset: int = 0,
    limit: int = PAGE,
) -> Found:
    """Look for articles, as the page of results shows them. Two queries, or four after a slip.

    Edges: words that no text has are mended if something near them is known; if the words as they
        are find anything, they are not touched, and the better spelling is only offered.
    """
    lexicon = lexicon_of(language, reader.audience)
    query = parse_query(text, language, synonyms=lexicon.synonyms)
    meant = _meant(query, lexicon)
    asked = _Asked(coverage=COVERAGE, sections=tuple(sections), offset=offset, limit=limit)
    found = _found(reader, query, asked)
    if not found.total and meant:
        found = _found(reader, parse_query(meant, language, synonyms=lexicon.synonyms), asked)
    return replace(found, asked=text.strip(), meant=meant)


def suggest(
    reader: Reader, language: Language, text: str, *, service: str = "", limit: int = 6
) -> Found:
    """Look for articles while somebody types: the last word may go on. Two queries at most.

    Units: `service` prefers the articles about one service, and keeps the others.
    """
    lexicon = lexicon_of(language, reader.audience)
    query = parse_query(text, language, synonyms=lexicon.synonyms, typing=True)
    asked = _Asked(coverage=COVERAGE_TYPING, service=service, limit=limit)
    found = _found(reader, query, asked)
    meant = "" if found.total else _meant(query, lexicon)
    if meant:
        query = parse_query(meant, language, synonyms=lexicon.synonyms, typing=True)
        found = _found(reader, query, asked)
    return replace(found, asked=text.strip(), meant=meant)


def related_to(reader: Reader, edition: Edition, *, limit: int = 4) -> list[Edition]:
    """Return articles to read next: those that editors named, then the most alike by their words.

    Edges: only what this reader may read. Three queries at most.
    """
    article = edition.article
    named = list(
        editions_in(reader, edition.language)
        .for_lists()
        .filter(article__key__in=article.related)
        .exclude(article=article.pk)
    )
    named.sort(key=lambda e: article.related.index(e.article.key))
    if len(named) >= limit or edition.published is None:
        return named[:limit]
    language: Language = "en" if edition.language == "en" else "es"
    query = parse_query(edition.published.title, language)
    asked = _Asked(coverage=COVERAGE_ALIKE, limit=limit + len(named) + 1)
    known = {article.pk, *(other.article_id for other in named)}
    alike = [e for e in _found(reader, query, asked).editions if e.article_id not in known]
    return [*named, *alike][:limit]


def _meant(query: Query, lexicon: Lexicon) -> str:
    """Return the query with its slips mended; nothing where there are none."""
    words, changed = [], False
    for term in query.terms:
        better = None
        if not _is_known(term, lexicon):
            better = lexicon.speller.correct(term.word)
        words.append(better or term.word)
        changed = changed or better is not None
    return " ".join(words) if changed else ""


def _is_known(term: Term, lexicon: Lexicon) -> bool:
    ways = [(term.stem,), *term.alternatives]
    return any(all(s in lexicon.stems for s in way) for way in ways)


# ── The statement ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """How a search is asked for: how much must be met, and which part is wanted."""

    coverage: float
    sections: tuple[str, ...] = ()
    service: str = ""
    offset: int = 0
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which one term may stand in a text: stems that must all be there."""

    term: int
    number: int
    language: Language
    stems: tuple[str, ...]
    factor: float


_FIND: Final = """
WITH wanted AS (
    SELECT * FROM unnest(%(term)s::int[], %(way)s::int[], %(language)s::text[], %(stem)s::text[],
        %(factor)s::float[], %(need)s::int[]) AS w (term, way, language, stem, factor, need)
), met AS (
    SELECT p.edition_id, w.term, p.weight * w.factor AS weight
    FROM wanted AS w CROSS JOIN LATERAL (
        SELECT edition_id, weight FROM helpcenter_posting
        WHERE language = w.language AND term = w.stem ORDER BY weight DESC LIMIT %(most)s
    ) AS p
    WHERE w.need = 1{phrases}
), best AS (
    SELECT edition_id, term, max(weight) AS weight FROM met GROUP BY edition_id, term
), scored AS (
    SELECT edition_id, sum(weight * share) * sum(share) AS score
    FROM best JOIN unnest(%(terms)s::int[], %(shares)s::float[]) AS t (number, share)
        ON t.number = best.term
    GROUP BY edition_id HAVING sum(share) >= %(coverage)s
), found AS MATERIALIZED (
    SELECT v.id, v.section, s.score
        + CASE WHEN v.service = %(service)s AND v.service <> '' THEN 0.3 ELSE 0 END
        -- Readers' votes move the order a little, and a few of them hardly.
        + 0.1 * (v.useful + 2.0) / (v.useful + v.not_useful + 4.0) AS score
    FROM scored AS s JOIN ({visible}) AS v ON v.id = s.edition_id
), page AS (
    SELECT id, score FROM found
    WHERE %(sections)s::text[] = ARRAY[]::text[] OR section = ANY(%(sections)s)
    ORDER BY score DESC, id LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT json_agg(id ORDER BY score DESC, id) FROM page),
       (SELECT json_object_agg(section, n)
        FROM (SELECT section, count(*) AS n FROM found GROUP BY section) AS c)
"""


# Several words for one: a text has them only if it has them all.
_PHRASES: Final = """
    UNION ALL
    SELECT p.edition_id, w.term, min(p.weight) * min(w.factor)
    FROM wanted AS w CROSS JOIN LATERAL (
        SELECT edition_id, weight FROM helpcenter_posting
        WHERE language = w.language AND term = w.stem ORDER BY weight DESC LIMIT %(most)s
    ) AS p
    WHERE w.need > 1
    GROUP BY p.edition_id, w.term, w.way, w.need HAVING count(*) = w.need"""


def _found(reader: Reader, query: Query, asked: _Asked) -> Found:
    terms = list(query.terms)
    lexicons = {language: lexicon_of(language, reader.audience) for language in LANGUAGES}
    ways = [
        way for number, term in enumerate(terms) for way in _ways(number, term, query, lexicons)
    ]
    met = sorted({way.term for way in ways})
    if not met:
        return Found(query, [], 0)
    # A word that no text has must not hide what there is: only the others are weighed. Each is
    # weighed by the first way in which it stands anywhere: its own stem, if any text has it.
    first = {way.term: way for way in reversed(ways)}
    weights = {n: lexicons[first[n].language].weight(first[n].stems[0]) for n in met}
    whole = sum(weights.values())
    shares = {number: weight / whole for number, weight in weights.items()}
    ids, sections = _ask(reader, query.language, ways, shares, asked)
    editions = {e.pk: e for e in Edition.objects.for_results().filter(pk__in=ids)} if ids else {}
    total = sum(n for key, n in sections.items() if not asked.sections or key in asked.sections)
    commonest = max(lexicons[way.language].stems.get(s, 0) for way in ways for s in way.stems)
    rows = [editions[pk] for pk in ids if pk in editions]
    return Found(query, rows, total, sections, there_are_more=commonest > MOST_POSTINGS)


def _ways(
    number: int, term: Term, query: Query, lexicons: dict[Language, Lexicon]
) -> Iterator[_Way]:
    """Yield the ways of a term that some text has, in both languages: a reader in English also
    finds the Spanish articles that have no English edition.
    """
    for language in sorted(lexicons, key=lambda code: code != query.language):
        lexicon = lexicons[language]
        own = language == query.language
        candidates: list[tuple[tuple[str, ...], float]] = []
        if own:
            candidates.append(((term.stem,), 1.0))
            candidates += [(phrase, OTHER_WORD) for phrase in term.alternatives]
            if term.prefix:
                candidates += [
                    ((stem(word, language),), 1.0) for word in lexicon.beginning_with(term.prefix)
                ]
        else:
            candidates.append(((stem(term.word, language),), 1.0))
        seen: set[tuple[str, ...]] = set()
        for way, (stems, factor) in enumerate(candidates):
            if stems not in seen and all(s in lexicon.stems for s in stems):
                seen.add(stems)
                yield _Way(number, way if own else way + 100, language, stems, factor)


def _ask(
    reader: Reader,
    language: Language,
    ways: Sequence[_Way],
    shares: dict[int, float],
    asked: _Asked,
) -> tuple[list[int], dict[str, int]]:
    rows = [(way, s) for way in ways for s in way.stems]
    connection = cast("DatabaseWrapper", connections["default"])
    phrases = _PHRASES if any(len(way.stems) > 1 for way in ways) else ""
    visible = (
        editions_in(reader, language)
        .order_by()
        .values(
            "id",
            "useful",
            "not_useful",
            section=F("article__section__key"),
            service=F("article__section__service"),
        )
    )
    sql = connection.ops.compose_sql(*visible.query.sql_with_params())
    with connection.cursor() as cursor:
        cursor.execute(
            _FIND.replace("{phrases}", phrases).replace("{visible}", sql.replace("%", "%%")),
            {
                "term": [way.term for way, _s in rows],
                "way": [way.number for way, _s in rows],
                "language": [way.language for way, _s in rows],
                "stem": [s for _way, s in rows],
                "factor": [way.factor for way, _s in rows],
                "need": [len(way.stems) for way, _s in rows],
                "terms": list(shares),
                "shares": list(shares.values()),
                "most": MOST_POSTINGS,
                "coverage": asked.coverage - 1e-9,
                "service": asked.service,
                "sections": list(asked.sections),
                "limit": asked.limit,
                "offset": asked.offset,
            },
        )
        ids, sections = cursor.fetchone()
    return _json(ids) or [], _json(sections) or {}


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


# ── Announcements ─────────────────────────────────────────────────────────────────────────────


class _Matches(models.Func):
    """`vector @@ query`, as a condition."""

    template = "(%(expressions)s)"
    arg_joiner = " @@ "
    output_field = models.BooleanField()


class _TsQuery(models.Func):
    """A tsquery in PostgreSQL's own spelling."""

    template = "%(expressions)s::tsquery"


def announcements_about(language: Language, text: str, *, limit: int = 3) -> list[Announcement]:
    """Return announcements that hold half of what was asked or more, those that go on first.

    Costs two queries: them, and what was said.
    """
    query = parse_query(text, language)
    if not query:
        return []
    column = "search_en" if language == "en" else "search_es"
    held: Any = Value(0)
    for term in query.terms:
        has = _Matches(F(column), _TsQuery(Value(term.tsquery())))
        held = held + Case(When(has, then=Value(1)), default=Value(0))
    return list(
        Announcement.objects.filter(_Matches(F(column), _TsQuery(Value(query.any_of()))))
        .annotate(held=held)
        .filter(held__gte=(len(query.terms) + 1) // 2)
        .prefetch_related("updates")
        .order_by(F("resolved_at").desc(nulls_first=True), "-held", "-starts_at", "-pk")[:limit]
    )
