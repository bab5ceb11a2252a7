"""What readers do: views, votes, sentences, requests that an article made needless, searches."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, Q, Sum
from django.utils.crypto import salted_hmac

from plazo.accounts.models import Requester
from plazo.core.search import fold, words_of
from plazo.helpcenter.models import (
    Edition,
    FeaturedSearch,
    Feedback,
    Reading,
    SearchTally,
)

# A day's votes are what was clicked on that day; who changes sides on another day takes none away.
_ADD: Final = """
INSERT INTO helpcenter_reading (edition_id, day, views, useful, not_useful, deflected)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (edition_id, day) DO UPDATE SET
    views = helpcenter_reading.views + excluded.views,
    useful = helpcenter_reading.useful + excluded.useful,
    not_useful = helpcenter_reading.not_useful + excluded.not_useful,
    deflected = helpcenter_reading.deflected + excluded.deflected
"""
# What a search may hold that is nobody's business: addresses, long numbers, keys.
_PRIVATE: Final = re.compile(r"\S*@\S*|\b\d{6,}\b|\b[A-Za-z0-9_-]{24,}\b")
_MACHINES: Final = re.compile(
    r"bot|crawl|spider|slurp|preview|monitor|curl|wget|python", re.IGNORECASE
)


def is_machine(user_agent: str) -> bool:
    """Say whether a reader is a program by its own account: its views are not people's."""
    return not user_agent or bool(_MACHINES.search(user_agent))


def count_view(edition: Edition, *, now: datetime) -> None:
    """Count one view of an edition. One statement."""
    _add(edition.pk, now, views=1)


def count_deflection(edition: Edition, *, now: datetime) -> None:
    """Count a request that somebody was about to send and did not, because an article helped."""
    _add(edition.pk, now, deflected=1)


def _add(edition: int, now: datetime, **counts: int) -> None:
    values = [counts.get(name, 0) for name in ("views", "useful", "not_useful", "deflected")]
    # A vote that changes sides takes one away: the first row of a day must not begin below nought.
    values = (
        values if min(values) >= 0 or _has_row(edition, now.date()) else [max(v, 0) for v in values]
    )
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [edition, now.date(), *values])


def _has_row(edition: int, day: date) -> bool:
    return Reading.objects.filter(edition=edition, day=day).exists()


def voter_of(*, requester: Requester | None, cookie: str) -> str:
    """Return who votes, as a digest that names nobody: an account, or else a browser's cookie."""
    who = f"requester {requester.pk}" if requester is not None else f"cookie {cookie}"
    return salted_hmac("plazo.helpcenter.voter", who, algorithm="sha256").hexdigest()


def vote(
    *,
    edition: Edition,
    voter: str,
    useful: bool,
    words: str = "",
    requester: Requester | None = None,
    now: datetime,
) -> Feedback:
    """Take one reader's answer. Who answers again changes their answer.

    Edges: a sentence is kept when a later click brings none.
    """
    words = " ".join(words.replace("\x00", "").split())[:500]
    with transaction.atomic():
        held = Edition.objects.select_for_update().get(pk=edition.pk)
        assert held.published_id is not None  # noqa: S101 - a reader saw it published
        before = Feedback.objects.filter(edition=held, voter=voter).first()
        if before is None:
            given = Feedback.objects.create(
                edition=held,
                revision_id=held.published_id,
                voter=voter,
                requester=requester,
                useful=useful,
                words=words,
                at=now,
            )
            _move(held, useful, +1, now)
            return given
        if before.useful != useful:
            _move(held, before.useful, -1, now)
            _move(held, useful, +1, now)
        before.useful, before.at = useful, now
        before.revision_id = held.published_id
        if words and words != before.words:
            before.words, before.handled_at = words, None
        before.save()
        return before


def _move(edition: Edition, useful: bool, by: int, now: datetime) -> None:
    name = "useful" if useful else "not_useful"
    Edition.objects.filter(pk=edition.pk).update(**{name: F(name) + by})
    if by > 0:
        _add(edition.pk, now, **{name: by})


def handle_feedback(*, pk: int, now: datetime) -> None:
    """Put a sentence aside: an editor has read it."""
    Feedback.objects.filter(pk=pk, handled_at=None).update(handled_at=now)


# ── Searches ──────────────────────────────────────────────────────────────────────────────────


def searched(text: str, *, language: str, found: int, now: datetime) -> None:
    """Note a search and what it found. What looks private is left out of it.

    Edges: nothing is noted of a search that has no words left. Upper case and accents make no
        other search, so that editors see each once.
    """
    words = " ".join(w.text for w in words_of(_PRIVATE.sub(" ", text[:200])))
    key = fold(words)[:120]
    if not key:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO helpcenter_searchtally (language, words, times, found, last_at)"
            " VALUES (%s, %s, 1, %s, %s)"
            " ON CONFLICT (language, words) DO UPDATE SET"
            " times = helpcenter_searchtally.times + 1, found = excluded.found,"
            " last_at = excluded.last_at, handled_at ="
            " CASE WHEN excluded.found = 0 THEN helpcenter_searchtally.handled_at END",
            [language, key, min(found, 2_000_000_000), now],
        )


def handle_search(*, pk: int, now: datetime) -> None:
    """Put a search that found nothing aside."""
    SearchTally.objects.filter(pk=pk).update(handled_at=now)


def forget_searches(*, now: datetime) -> int:
    """Delete searches that nobody repeated for long; return how many."""
    deleted, _ = SearchTally.objects.filter(last_at__lt=now - timedelta(days=180)).delete()
    return deleted


def featured(language: str) -> list[str]:
    """Return the searches that the first page offers."""
    return list(
        FeaturedSearch.objects.filter(language=language).values_list("words", flat=True)[:6]
    )


# ── What editors see of it ────────────────────────────────────────────────────────────────────

MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Insights:
    """How the knowledge base does: sums of a span, and what asks for work."""

    since: date
    views: int
    useful: int
    not_useful: int
    deflected: int
    editions: Sequence[Mapping[str, Any]]
    stale: Sequence[Edition]
    behind: Sequence[Edition]
    in_vain: Sequence[SearchTally]
    frequent: Sequence[SearchTally]
    sentences: Sequence[Feedback]

    @property
    def asks(self) -> int:
        """Return how many things ask for an editor's work, of those that are listed."""
        return sum(map(len, (self.stale, self.behind, self.in_vain, self.sentences)))

    @property
    def usefulness(self) -> float | None:
        """Return the share of readers who found what they read useful; None without a vote."""
        votes = self.useful + self.not_useful
        return self.useful / votes if votes else None


def insights(*, now: datetime, today: date | None = None, span: timedelta = MONTH) -> Insights:
    """Return what the editors' screen shows, in a fixed number of queries.

    Units: `today` is the day by which articles were to be looked at, in the zone of whoever reads;
        without it the day in UTC.
    """
    since = (now - span).date()
    sums = ("views", "useful", "not_useful", "deflected")
    readings = Reading.objects.filter(day__gte=since)
    totals = readings.aggregate(**{name: Sum(name) for name in sums})
    editions: list[Any] = list(
        readings.filter(edition__article__archived_at=None)
        .values(
            "edition",
            "edition__language",
            "edition__article__key",
            title=F("edition__newest__title"),
        )
        .annotate(
            sum_views=Sum("views"),
            sum_useful=Sum("useful"),
            sum_not_useful=Sum("not_useful"),
            sum_deflected=Sum("deflected"),
        )
        .order_by("-sum_views", "edition")[:25]
    )
    return Insights(
        since,
        **{name: totals[name] or 0 for name in sums},
        editions=editions,
        stale=list(
            Edition.objects.published()
            .for_lists()
            .select_related("article__owner__user")
            .filter(
                article__review_by__lte=today or now.date(), language=F("article__source_language")
            )
            .order_by("article__review_by", "pk")[:50]
        ),
        behind=behind(),
        in_vain=list(
            SearchTally.objects.filter(found=0, handled_at=None).order_by("-times", "-last_at")[:25]
        ),
        frequent=list(
            SearchTally.objects.filter(found__gt=0, last_at__gte=now - span).order_by(
                "-times", "-last_at"
            )[:15]
        ),
        sentences=list(
            Feedback.objects.filter(~Q(words=""), handled_at=None)
            .select_related("edition__article", "edition__published", "requester")
            .defer("edition__words", "edition__published__body_html", "edition__published__plain")[
                :25
            ]
        ),
    )


def behind() -> list[Edition]:
    """Return published translations whose source has said something new since. One query."""
    return list(
        Edition.objects.published()
        .for_lists()
        .exclude(language=F("article__source_language"))
        .filter(
            article__editions__language=F("article__source_language"),
            article__editions__published__generation__gt=F("brought_up_to"),
        )
        .order_by("article__key")[:50]
    )
