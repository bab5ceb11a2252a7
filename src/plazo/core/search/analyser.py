"""Cutting a text into words, and a word down to what it shares with its other forms."""

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

import snowballstemmer

Language = Literal["es", "en"]
Weight = Literal["A", "B", "C", "D"]

# A word: letters and digits, with what joins the parts of a name or a number ("v1.2", "4500-17").
_WORD: Final = re.compile(r"[^\W_]+(?:[._'’-][^\W_]+)*")
_PART: Final = re.compile(r"[^\W\d_]+|\d+")
_HUMP: Final = re.compile(r"(?<=[a-záéíóúñ0-9])(?=[A-ZÁÉÍÓÚÑ])|(?<=[A-Z])(?=[A-Z][a-z])")
# The places of a tsvector end there, and so do the lexemes' lengths far above.
LAST_PLACE: Final = 16_383
LONGEST: Final = 60
# What is stored of a word as it was written stands beside its stem under this sign, for prefixes.
SURFACE: Final = "="

_ALGORITHMS: Final = {"es": "spanish", "en": "english"}
_stemmers = threading.local()  # a stemmer keeps state while it works

# Words that say nothing about what a text is about.
STOP: Final[dict[str, frozenset[str]]] = {
    language: frozenset(
        (resources.files(__package__) / f"stop_{language}.txt").read_text("utf-8").split()
    )
    for language in ("es", "en")
}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: where it stands, and how it was written."""

    start: int
    end: int
    text: str


def words_of(text: str) -> Iterator[Word]:
    """Yield the words of a text in order."""
    for match in _WORD.finditer(text):
        yield Word(match.start(), match.end(), match.group())


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """Return a word in lower case and without accents: "Ñandú" and "nandu" are one."""
    parted = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in parted if not unicodedata.combining(c))


@lru_cache(maxsize=50_000)
def stem(word: str, language: Language) -> str:
    """Return what a word shares with its other forms, folded.

    Edges: stemmed first and folded then, since the stemmer knows endings with their accents; a
        number, or anything with a digit in it, stays whole.
    """
    lower = unicodedata.normalize("NFC", word.casefold())
    if any(c.isdigit() for c in lower):
        return fold(lower)[:LONGEST]
    stemmers = _stemmers.__dict__
    if language not in stemmers:
        stemmers[language] = snowballstemmer.stemmer(_ALGORITHMS[language])
    return fold(stemmers[language].stemWord(lower))[:LONGEST]


@lru_cache(maxsize=20_000)
def parts_of(word: str) -> tuple[str, ...]:
    """Return the parts of a compound: "GetOrderTokens" has three, "v1.2-beta" too; others none."""
    pieces = [part for bit in _HUMP.split(word) for part in _PART.findall(bit)]
    return tuple(pieces) if len(pieces) > 1 else ()


def is_stop(word: str, language: Language) -> bool:
    """Say whether a word is one of those that every text has."""
    return fold(word) in STOP[language]


def terms_of(text: str, language: Language) -> Iterator[tuple[int, str]]:
    """Yield the place and the stem of each word that means something, and of a compound's parts."""
    for place, word in enumerate(words_of(text), start=1):
        if is_stop(word.text, language):
            continue
        yield place, stem(word.text, language)
        for part in parts_of(word.text):
            if len(part) > 1 and not is_stop(part, language):
                yield place, stem(part, language)


def surfaces_of(text: str, language: Language) -> Iterator[str]:
    """Yield the words of a text as they are written, folded: what prefixes and spelling go by."""
    for word in words_of(text):
        if is_stop(word.text, language):
            continue
        yield fold(word.text)[:LONGEST]
        for part in parts_of(word.text):
            if len(part) > 2:
                yield fold(part)[:LONGEST]


def vector(fields: Sequence[tuple[Weight, str]], language: Language) -> str:
    """Return the tsvector of some texts with their weights, in PostgreSQL's own spelling.

    Edges: texts follow each other with a gap, so that no phrase reaches from one into the next.
        Words past the last place that a tsvector has are kept without places of their own.
    """
    places: dict[str, dict[int, Weight]] = {}
    surfaces: set[str] = set()
    offset = 0
    for weight, text in fields:
        last = 0
        for place, term in terms_of(text, language):
            at = min(offset + place, LAST_PLACE)
            places.setdefault(term, {}).setdefault(at, weight)
            last = place
        surfaces.update(surfaces_of(text, language))
        offset += last + 10
    lexemes = [
        f"{quoted(term)}:{','.join(f'{at}{weight}' for at, weight in sorted(found.items())[:255])}"
        for term, found in places.items()
    ]
    lexemes += [quoted(SURFACE + word) for word in surfaces]
    return " ".join(sorted(lexemes))


def quoted(lexeme: str) -> str:
    """Return a lexeme as tsvector and tsquery literals want it."""
    inside = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{inside}'"


def joined(texts: Iterable[str]) -> str:
    """Return several texts as one, on lines of their own."""
    return "\n".join(text for text in texts if text)
