"""What somebody looks for: terms with their alternatives, as a tsquery and for marking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plazo.core.search.analyser import (
    LONGEST,
    SURFACE,
    Language,
    fold,
    is_stop,
    parts_of,
    quoted,
    stem,
    words_of,
)

# More words than anybody means; each costs.
MOST_TERMS = 12
LONGEST_PHRASE = 3


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: its stem, other ways to say it, and its beginning while it is typed.

    Units: an alternative is one stem, or several that must all be there.
    """

    word: str
    stem: str
    alternatives: tuple[tuple[str, ...], ...] = ()
    prefix: str = ""

    def tsquery(self) -> str:
        """Return the term for PostgreSQL: any of its forms."""
        ways = [quoted(self.stem)]
        ways += [" & ".join(quoted(s) for s in phrase) for phrase in self.alternatives]
        if self.prefix:
            ways.append(f"{quoted(SURFACE + self.prefix)}:*")
        return ways[0] if len(ways) == 1 else f"({' | '.join(f'({way})' for way in ways)})"


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody looks for, in one language."""

    text: str
    language: Language
    terms: tuple[Term, ...] = field(default_factory=tuple)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def all_of(self) -> str:
        """Return the tsquery that every term must meet."""
        return " & ".join(term.tsquery() for term in self.terms)

    def any_of(self) -> str:
        """Return the tsquery that one term is enough for."""
        return " | ".join(term.tsquery() for term in self.terms)

    def stems(self) -> frozenset[str]:
        """Return every stem that counts as found, alternatives included."""
        found = {term.stem for term in self.terms}
        for term in self.terms:
            found.update(s for phrase in term.alternatives for s in phrase)
        return frozenset(found)

    def prefixes(self) -> tuple[str, ...]:
        """Return the beginnings that count as found."""
        return tuple(term.prefix for term in self.terms if term.prefix)


Synonyms = Mapping[tuple[str, ...], Sequence[tuple[str, ...]]]


def parse_query(
    text: str, language: Language, *, synonyms: Synonyms | None = None, typing: bool = False
) -> Query:
    """Read what somebody typed.

    Units: `synonyms` maps the stems of a word or phrase to those of the others of its set.
        `typing` says that the last word may go on.
    Edges: a query of nothing but common words ("no es") keeps them, since they are all there is.
        Anything typed is words: there is no syntax to get wrong.
    """
    spoken = [word.text for word in words_of(text[:400])]
    meant = [word for word in spoken if not is_stop(word, language)] or spoken
    open_ended = typing and bool(text) and not text[-1].isspace()
    stems = [stem(word, language) for word in meant]
    terms: list[Term] = []
    seen: set[str] = set()
    for number, (word, base) in enumerate(zip(meant, stems, strict=True)):
        last = number == len(meant) - 1
        if base in seen or len(terms) == MOST_TERMS:
            continue
        seen.add(base)
        terms.append(
            Term(
                word,
                base,
                _alternatives(stems, number, word, language, synonyms or {}),
                fold(word)[:LONGEST] if last and open_ended else "",
            )
        )
    return Query(text.strip(), language, tuple(terms))


def _alternatives(
    stems: Sequence[str], at: int, word: str, language: Language, synonyms: Synonyms
) -> tuple[tuple[str, ...], ...]:
    """Return the other ways to say the word at a place, or a phrase that it is part of."""
    found: dict[tuple[str, ...], None] = {}
    for length in range(1, LONGEST_PHRASE + 1):
        for start in range(max(at - length + 1, 0), at + 1):
            for other in synonyms.get(tuple(stems[start : start + length]), ()):
                found.setdefault(other)
    parts = tuple(stem(part, language) for part in parts_of(word))
    if len(parts) > 1:
        found.setdefault(parts)
    found.pop((stems[at],), None)
    return tuple(found)
