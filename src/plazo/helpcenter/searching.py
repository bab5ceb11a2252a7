"""Finding articles: rare words count more, most of what was asked must be there, slips forgiven.

A query of several words is met by texts that hold at least half of what it says, weighed by how
rare its words are; among them the order is by where the words stand (title, headings, text), how
close together, and a little by whether readers found the text useful.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import models
from django.db.models import Case, F, FloatField, Value, When
from django.db.models.functions import Cast, Coalesce, Ln

from plazo.core.search import Query, Term, parse_query
from plazo.core.search.analyser import Language
from plazo.helpcenter.access import Reader, editions_in
from plazo.helpcenter.lexicon import Lexicon, lexicon_of
from plazo.helpcenter.models import Announcement, Edition, EditionQuerySet

PAGE: Final = 10
# At least so much of what a query says, by weight, must be in a text.
COVERAGE: Final = 0.5
COVERAGE_TYPING: Final = 0.3
COVERAGE_ALIKE: Final = 0.25
_WEIGHTS: Final = "{0.1, 0.2, 0.5, 1.0}"  # D, C, B, A: text, summary, headings, title


class _Matches(models.Func):
    """`vector @@ query`, as a condition."""

    template = "(%(expressions)s)"
    arg_joiner = " @@ "
    output_field = models.BooleanField()


class _TsQuery(models.Func):
    """A tsquery in PostgreSQL's own spelling."""

    template = "%(expressions)s::tsquery"


class _Rank(models.Func):
    """How well a text meets a query, by the places of its words; long texts count a little less."""

    function = "ts_rank"
    template = f"%(function)s('{_WEIGHTS}', %(expressions)s, 1)"
    output_field = FloatField()


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: a page of editions, how many there are in all, and by which words.

    Edges: `query` is what was really looked for; where a slip was mended, `meant` says in which
        words, and `asked` what was typed.
    """

    query: Query
    editions: Sequence[Edition]
    total: int
    sections: dict[str, int] = field(default_factory=dict)
    asked: str = ""
    meant: str = ""


def search(
    reader: Reader,
    language: Language,
    text: str,
    *,
    sections: Sequence[str] = (),
    offset: int = 0,
    limit: int = PAGE,
) -> Found:
    """Look for articles, as the page of results shows them.

    Edges: words that no text has are mended if something near them is known; if the words as they
        are find anything, they are not touched, and the better spelling is only offered.
    """
    lexicon = lexicon_of(language, reader.audience)
    query = parse_query(text, language, synonyms=lexicon.synonyms)
    meant = _meant(query, lexicon)
    found = _found(reader, query, lexicon, sections, offset, limit) if query else None
    if (found is None or not found[1]) and meant:
        query = parse_query(meant, language, synonyms=lexicon.synonyms)
        found = _found(reader, query, lexicon, sections, offset, limit)
    editions, total, counted = found or ([], 0, {})
    return Found(query, editions, total, counted, text.strip(), meant)


def suggest(
    reader: Reader, language: Language, text: str, *, service: str = "", limit: int = 6
) -> Found:
    """Look for articles while somebody types: the last word may go on. One query.

    Units: `service` prefers the articles about one service, and keeps the others.
    """
    lexicon = lexicon_of(language, reader.audience)
    query = parse_query(text, language, synonyms=lexicon.synonyms, typing=True)
    if not query:
        return Found(query, [], 0, asked=text.strip())
    editions = _ranked(reader, query, lexicon, COVERAGE_TYPING, service)
    rows = list(editions[:limit])
    if not rows:
        meant = _meant(query, lexicon)
        if meant:
            query = parse_query(meant, language, synonyms=lexicon.synonyms, typing=True)
            rows = list(_ranked(reader, query, lexicon, COVERAGE_TYPING, service)[:limit])
            return Found(query, rows, len(rows), asked=text.strip(), meant=meant)
    return Found(query, rows, len(rows), asked=text.strip())


def _meant(query: Query, lexicon: Lexicon) -> str:
    """Return the query with its slips mended; nothing where there are none."""
    words, changed = [], False
    for term in query.terms:
        better = None
        if term.stem not in lexicon.stems and not term.alternatives:
            better = lexicon.speller.correct(term.word)
        words.append(better or term.word)
        changed = changed or better is not None
    return " ".join(words) if changed else ""


def _found(
    reader: Reader,
    query: Query,
    lexicon: Lexicon,
    sections: Sequence[str],
    offset: int,
    limit: int,
) -> tuple[list[Edition], int, dict[str, int]]:
    matching = _ranked(reader, query, lexicon, COVERAGE)
    counts = dict(
        matching.order_by()
        .values_list("article__section__key")
        .annotate(n=models.Count("pk"))
        .values_list("article__section__key", "n")
    )
    if sections:
        matching = matching.filter(article__section__key__in=list(sections))
    total = sum(n for key, n in counts.items() if not sections or key in sections)
    return list(matching[offset : offset + limit]), total, counts


def _that_can_be_met(query: Query, lexicon: Lexicon) -> Sequence[Term]:
    """Return the terms that some text has; a word that none has must not hide what there is."""

    def is_known(term: Term) -> bool:
        ways = [(term.stem,), *term.alternatives]
        return bool(term.prefix) or any(all(s in lexicon.stems for s in way) for way in ways)

    return [term for term in query.terms if is_known(term)] or query.terms


def _ranked(
    reader: Reader, query: Query, lexicon: Lexicon, coverage: float, service: str = ""
) -> EditionQuerySet:
    wanted = _that_can_be_met(query, lexicon)
    weights = [lexicon.weight(term.stem) for term in wanted]
    terms = [_TsQuery(Value(term.tsquery())) for term in wanted]
    has = [_Matches(F("search"), term) for term in terms]
    whole = sum(weights)
    covered: Any = Value(0.0)
    score: Any = Value(0.0)
    for condition, term, weight in zip(has, terms, weights, strict=True):
        share = weight / whole
        covered = covered + Case(When(condition, then=Value(share)), default=Value(0.0))
        score = score + _Rank(F("search"), term) * Value(share)
    together = Case(
        When(_Matches(F("search"), _TsQuery(Value(query.all_of()))), then=Value(0.1)),
        default=Value(0.0),
    )
    # Five voices are too few to say anything; from there on the share moves the order a little.
    useful = (Cast(F("useful"), FloatField()) + 2) / (F("useful") + F("not_useful") + 4)
    popular = Ln(Cast(F("useful"), FloatField()) + 2) * Value(0.002)
    about: Any = Value(0.0)
    if service:
        about = Case(When(article__section__service=service, then=Value(0.08)), default=Value(0.0))
    found: EditionQuerySet = (
        editions_in(reader, query.language)
        .for_results()
        .filter(_Matches(F("search"), _TsQuery(Value(query.any_of()))))
        .annotate(covered=covered)
        .filter(covered__gte=coverage)
        .annotate(
            score=Coalesce(score, Value(0.0)) * F("covered")
            + together
            + useful * Value(0.02)
            + popular
            + about
        )
        .order_by("-score", "pk")
    )
    return found


def related_to(reader: Reader, edition: Edition, *, limit: int = 4) -> list[Edition]:
    """Return articles to read next: those that editors named, then the most alike by their words.

    Edges: only what this reader may read. Two queries at most.
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
    lexicon = lexicon_of(language, reader.audience)
    query = parse_query(edition.published.title, language)
    if not query:
        return named
    alike = (
        _ranked(reader, query, lexicon, COVERAGE_ALIKE)
        .exclude(article=article.pk)
        .exclude(article__key__in=article.related)
    )
    return named + list(alike[: limit - len(named)])


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
