"""Showing where something was found: the best stretch of a text, with the words marked."""

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from plazo.core.search.analyser import Word, fold, is_stop, parts_of, stem, words_of
from plazo.core.search.query import Query

LENGTH = 180


def _is_hit(word: Word, query: Query, stems: frozenset[str]) -> bool:
    if is_stop(word.text, query.language):
        return False
    folded = fold(word.text)
    if _stems_to(word.text, folded, query, stems):
        return True
    if any(folded.startswith(prefix) for prefix in query.prefixes()):
        return True
    return any(_stems_to(part, fold(part), query, stems) for part in parts_of(word.text))


def _stems_to(word: str, folded: str, query: Query, stems: frozenset[str]) -> bool:
    """Say whether a word has one of some stems. Stemming is dear, and a stem begins as its word."""
    return any(folded.startswith(s[:2]) for s in stems) and stem(word, query.language) in stems


def marked(text: str, query: Query) -> SafeString:
    """Return a text as HTML, what was looked for in `mark`."""
    stems = query.stems()
    return _mark(text, [w for w in words_of(text) if _is_hit(w, query, stems)])


def snippet(text: str, query: Query, *, length: int = LENGTH) -> SafeString:
    """Return the stretch of a text that holds most of what was looked for, marked.

    Edges: with nothing found in it, its beginning. Cut at words, with an ellipsis where it is cut.
    """
    stems = query.stems()
    words = list(words_of(text))
    hits = [word for word in words if _is_hit(word, query, stems)]
    start, end = _best(hits, length)
    start = max((w.start for w in words if w.start <= start), default=0)
    end = min(max((w.end for w in words if w.end <= end), default=len(text)), len(text))
    if end >= len(text.rstrip()) - 1:
        end = len(text.rstrip())
    inside = [
        Word(w.start - start, w.end - start, w.text)
        for w in hits
        if start <= w.start and w.end <= end
    ]
    body = _mark(text[start:end], inside)
    before = "… " if start else ""
    after = " …" if end < len(text.rstrip()) else ""
    return mark_safe(before + body + after)  # noqa: S308 - the body is escaped by _mark


def _best(hits: list[Word], length: int) -> tuple[int, int]:
    """Return the stretch with the most different hits, the earliest of equals."""
    best, start = 0, 0
    for number, first in enumerate(hits):
        within = {fold(w.text) for w in hits[number:] if w.end - first.start <= length * 3 // 4}
        if len(within) > best:
            best, start = len(within), first.start
    start = 0 if start < length // 3 else start - length // 6
    return start, start + length


def _mark(text: str, hits: list[Word]) -> SafeString:
    parts, at = [], 0
    for word in hits:
        parts += [conditional_escape(text[at : word.start]), "<mark>"]
        parts += [conditional_escape(text[word.start : word.end]), "</mark>"]
        at = word.end
    parts.append(conditional_escape(text[at:]))
    return mark_safe("".join(parts))  # noqa: S308 - every piece of the text is escaped above
