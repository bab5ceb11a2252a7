"""The words that the knowledge base uses: how rare they are, how they are spelt, what else they are
called. Read from the database now and then, and kept in each process in between.
"""

import math
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from django.db import connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper

from plazo.core.search import Speller, stem, words_of
from plazo.core.search.analyser import Language, is_stop
from plazo.helpcenter.access import LEVELS
from plazo.helpcenter.models import Audience, Edition, Synonyms, VocabularyWord

KEPT_SECONDS: Final = 20.0
_COUNT_LOCK: Final = 0x5041_4B42

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What one audience's texts in one language use.

    Units: `stems` and the speller count editions; `total` is how many editions there are.
    """

    total: int
    stems: dict[str, int]
    speller: Speller
    written: tuple[str, ...] = ()
    synonyms: dict[Phrase, list[Phrase]] = field(default_factory=dict)

    def beginning_with(self, letters: str, *, limit: int = 24) -> list[str]:
        """Return words that begin so: what may be meant while it is still being typed."""
        start = bisect_left(self.written, letters)
        found = []
        for word in self.written[start : start + 400]:
            if not word.startswith(letters):
                break
            found.append(word)
        return sorted(found, key=lambda word: (-self.speller.documents(word), word))[:limit]

    def weight(self, term: str) -> float:
        """Return how much a stem tells: the rarer, the more. One that nobody uses tells most."""
        return math.log(1 + (self.total + 1) / (1 + self.stems.get(term, 0)))


_kept: dict[tuple[str, str], tuple[float, Lexicon]] = {}
_lock = threading.Lock()


def lexicon_of(language: Language, audience: Audience) -> Lexicon:
    """Return the lexicon of an audience, at most some seconds old."""
    key = (language, str(audience))
    with _lock:
        found = _kept.get(key)
    if found is not None and time.monotonic() - found[0] < KEPT_SECONDS:
        return found[1]
    made = _read(language, audience)
    with _lock:
        _kept[key] = (time.monotonic(), made)
    return made


def forget() -> None:
    """Have this process read the words again: something was published, or a set was changed."""
    with _lock:
        _kept.clear()


def _read(language: Language, audience: Audience) -> Lexicon:
    stems: dict[str, int] = {}
    surfaces: dict[str, int] = {}
    rows = VocabularyWord.objects.filter(language=language, audience=audience)
    for word, is_stem, documents in rows.values_list("word", "is_stem", "documents"):
        (stems if is_stem else surfaces)[word] = documents
    total = stems.pop("", 0)
    return Lexicon(total, stems, Speller(surfaces), tuple(sorted(surfaces)), _synonyms(language))


def _synonyms(language: Language) -> dict[Phrase, list[Phrase]]:
    found: dict[Phrase, list[Phrase]] = defaultdict(list)
    for words in Synonyms.objects.values_list("words", flat=True):
        phrases = phrases_of(words, language)
        for phrase in phrases:
            found[phrase] += [other for other in phrases if other != phrase]
    return dict(found)


def phrases_of(words: Sequence[str], language: Language) -> list[Phrase]:
    """Return a set of synonyms as stems; each one or several words."""
    phrases = [
        tuple(
            stem(word.text, language)
            for word in words_of(entry)
            if not is_stop(word.text, language)
        )
        for entry in words
    ]
    return list(dict.fromkeys(phrase for phrase in phrases if phrase))


# ── Counting ──────────────────────────────────────────────────────────────────────────────────

_COUNT_STEMS: Final = """
INSERT INTO helpcenter_vocabularyword (language, audience, word, is_stem, documents)
SELECT %(language)s, %(audience)s, term, TRUE, count(*)
FROM helpcenter_posting WHERE edition_id IN ({seen}) GROUP BY term
"""
_COUNT_WORDS: Final = """
INSERT INTO helpcenter_vocabularyword (language, audience, word, is_stem, documents)
SELECT %(language)s, %(audience)s, word, FALSE, count(*)
FROM helpcenter_edition, unnest(words) AS word
WHERE helpcenter_edition.id IN ({seen}) AND word <> '' GROUP BY word
"""


def count_words() -> int:
    """Count the words of what is published, for each audience; return how many rows there are.

    Edges: one at a time, whole or not at all. It reads every posting: a job does it, after
        something was published, and never a page.
    """
    connection = cast("DatabaseWrapper", connections["default"])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_COUNT_LOCK])
        VocabularyWord.objects.all().delete()
        for language in ("es", "en"):
            for level, audience in enumerate(LEVELS):
                visible = Edition.objects.for_audiences(LEVELS[: level + 1]).filter(
                    language=language
                )
                seen = connection.ops.compose_sql(*visible.values("pk").query.sql_with_params())
                names = {"language": language, "audience": audience}
                for count in (_COUNT_STEMS, _COUNT_WORDS):
                    cursor.execute(count.format(seen=seen.replace("%", "%%")), names)
                VocabularyWord.objects.create(
                    language=language,
                    audience=audience,
                    word="",
                    is_stem=True,
                    documents=visible.count(),
                )
        counted = VocabularyWord.objects.count()
    forget()
    return counted
