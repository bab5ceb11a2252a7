"""What was learned of scope from the team's own verdicts: figures, and what they say of a case.

A model is a table of weights kept as JSON: words and pairs of words with their worth for each
verdict, and so the answers of the form. Reading one runs nothing of anybody's, and asking it takes
no library. `learning_child` makes them, in a process of its own.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plazo.core.search.analyser import Language, is_stop, stem, words_of
from plazo.triage.scope import CaseFacts

FORMAT: Final = 1
MOST_WORDS: Final = 400
MOST_EVIDENCE: Final = 5
# From which probability on it says something.
SPEAKS: Final = 0.6


class BadWeights(ValueError):
    """A stored model cannot be read: another format, or figures that do not belong together."""


def tokens_of(facts: CaseFacts, language: str) -> Iterator[tuple[str, str]]:
    """Yield the stems of a case's words and of its pairs of words, each as it was written.

    Edges: the first words only: people say first what they want.
    """
    known: Language = "en" if language == "en" else "es"
    left = MOST_WORDS
    for _place, text in facts.texts:
        before: tuple[str, str] | None = None
        for word in words_of(text):
            if not left:
                return
            if is_stop(word.text, known):
                continue
            left -= 1
            term = stem(word.text, known)
            yield term, word.text
            if before is not None:
                yield f"{before[0]} {term}", f"{before[1]} {word.text}"
            before = (term, word.text)


def marks_of(facts: CaseFacts) -> list[str]:
    """Return what else is known of a case, as `name=value`."""
    pairs = (
        ("service", facts.service),
        ("environment", facts.environment),
        ("request_type", facts.request_type),
        ("channel", facts.channel),
        ("stage", facts.stage or ""),
        ("guidance", facts.guidance),
    )
    return [f"{name}={value}" for name, value in pairs if value]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model would say: a verdict, how sure it is, and what weighed most.

    Units: `probability` from 0 to 1; `words` as they were written, the weightiest first; `marks`
        are answers of the form and the like, as `name=value`.
    """

    verdict: str
    probability: float
    words: tuple[str, ...]
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """A model: for each verdict a bias, and a weight for each term and mark."""

    verdicts: tuple[str, ...]
    bias: tuple[float, ...]
    terms: Mapping[str, tuple[float, tuple[float, ...]]]
    marks: Mapping[str, tuple[float, ...]]

    @classmethod
    def from_json(cls, data: Any) -> "Weights":
        """Read what was stored. Raises: BadWeights."""
        try:
            if data["format"] != FORMAT:
                raise BadWeights(f"format {data['format']!r}")
            verdicts = tuple(str(each) for each in data["verdicts"])
            size = len(verdicts)
            terms = {
                str(term): (_number(idf), _row(row, size))
                for term, (idf, row) in data["terms"].items()
            }
            marks = {str(mark): _row(row, size) for mark, row in data["marks"].items()}
            return cls(verdicts, _row(data["bias"], size), terms, marks)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadWeights(str(error)) from error

    def predict(self, facts: CaseFacts, language: str) -> Prediction | None:
        """Return what the model says of a case; None where it knows none of its words.

        Edges: terms weigh by how often they stand (logarithmically) and how seldom they are, to a
            length of one in all, as in training.
        """
        written: dict[str, str] = {}
        counted: Counter[str] = Counter()
        for term, words in tokens_of(facts, language):
            if term in self.terms:
                written.setdefault(term, words)
                counted[term] += 1
        if not counted:
            return None
        worth = {t: (1 + math.log(n)) * self.terms[t][0] for t, n in counted.items()}
        length = math.sqrt(sum(value * value for value in worth.values()))
        parts: list[tuple[str, Sequence[float]]] = [
            (term, [value / length * w for w in self.terms[term][1]])
            for term, value in worth.items()
        ]
        marks = [(m, self.marks[m]) for m in marks_of(facts) if m in self.marks]
        scores = [
            bias + sum(part[at] for _t, part in parts) + sum(row[at] for _m, row in marks)
            for at, bias in enumerate(self.bias)
        ]
        highest = max(scores)
        exps = [math.exp(score - highest) for score in scores]
        at = scores.index(highest)
        strongest = _strongest(parts, at)
        return Prediction(
            self.verdicts[at],
            exps[at] / sum(exps),
            tuple(written[term] for term in strongest),
            tuple(_strongest(marks, at)),
        )


def _strongest(parts: Sequence[tuple[str, Sequence[float]]], at: int) -> list[str]:
    """Return what speaks most for one verdict, compared with the others."""
    said = sorted(((row[at] - sum(row) / len(row), term) for term, row in parts), reverse=True)
    return [term for worth, term in said[:MOST_EVIDENCE] if worth > 0]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadWeights(f"{value!r} is no figure")
    return float(value)


def _row(values: Any, size: int) -> tuple[float, ...]:
    row = tuple(_number(value) for value in values)
    if len(row) != size or size < 2:
        raise BadWeights(f"{len(row)} figures for {size} verdicts")
    return row
