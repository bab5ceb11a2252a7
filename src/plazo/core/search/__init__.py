"""Words as a search sees them: cut, stemmed and folded, in Spanish and English.

    terms_of(text, language)     what is stored of a text, with its places
    vector(fields, language)     the same as PostgreSQL keeps it
    parse_query(text, …)         what somebody looks for
    snippet(text, query)         where it was found, marked
    Speller(words).correct(word) what they may have meant

No extension of PostgreSQL is needed, and a word with its accents, without them, in the singular or
the plural meets the same stem (LIBRARIES, the trap: stem first, then fold).
"""

from plazo.core.search.analyser import fold, stem, terms_of, vector, words_of
from plazo.core.search.query import Query, Term, parse_query
from plazo.core.search.snippets import marked, snippet
from plazo.core.search.spelling import Speller

__all__ = [
    "Query",
    "Speller",
    "Term",
    "fold",
    "marked",
    "parse_query",
    "snippet",
    "stem",
    "terms_of",
    "vector",
    "words_of",
]
