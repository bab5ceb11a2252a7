"""What the search reads of a published text: its words, each with how much it says there."""

from collections import Counter
from typing import Final

from plazo.core.search.analyser import Language, joined, surfaces_of, terms_of
from plazo.helpcenter.models import Edition, Posting

# How much a word counts by where it stands. A title says what an article is about.
TITLE: Final = 8.0
SUMMARY: Final = 3.0
HEADING: Final = 3.0
TEXT: Final = 1.0
# BM25: how soon more of the same word says no more, and how much long texts count less.
SATURATION: Final = 1.2
BY_LENGTH: Final = 0.4
USUAL_LENGTH: Final = 400


def index_edition(edition: Edition) -> None:
    """Store the postings of an edition's published text; none where nothing is published."""
    Posting.objects.filter(edition=edition.pk).delete()
    revision = edition.published
    if revision is None:
        Edition.objects.filter(pk=edition.pk).update(words=[])
        return
    language: Language = "en" if edition.language == "en" else "es"
    headings = joined(text for _level, _anchor, text in revision.contents)
    labels = " ".join(label.replace("-", " ") for label in edition.article.labels)
    fields = [
        (TITLE, revision.title),
        (SUMMARY, joined([revision.summary, labels])),
        (HEADING, headings),
        (TEXT, revision.plain),
    ]
    counts: Counter[str] = Counter()
    for weight, text in fields:
        for _place, term in terms_of(text, language):
            counts[term] += weight  # type: ignore[assignment] # a Counter of shares
    length = (1 - BY_LENGTH) + BY_LENGTH * revision.words / USUAL_LENGTH
    Posting.objects.bulk_create(
        [
            Posting(
                edition=edition,
                language=language,
                term=term,
                weight=count * (SATURATION + 1) / (count + SATURATION * length),
            )
            for term, count in counts.items()
        ],
        batch_size=1000,
    )
    written = {word for _weight, text in fields for word in surfaces_of(text, language)}
    Edition.objects.filter(pk=edition.pk).update(words=sorted(written))
