"""The scope of a case by the rules of its agreement: which verdict they propose, and why.

Pure: a case's facts and a document make a ranking, always the same one. Nothing here decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from plazo.agreements.document import IN_SCOPE, AgreementDocument, Phrases, ScopeRule, Text
from plazo.core.search.analyser import is_stop, stem, words_of

# What an answer of the form counts that has a clause of its own in the agreement.
ENVIRONMENT_POINTS: Final = 80
REQUEST_TYPE_POINTS: Final = 60
# From how many points on, and how far before the next, a verdict counts as sure.
SURE_POINTS: Final = 80
SURE_LEAD: Final = 30
# How many other words may stand between two of a phrase.
BETWEEN: Final = 2
# Of a long text its beginning is read, where people say what they want.
LONGEST: Final = 8_000
AROUND: Final = 28
MOST_FOUND: Final = 4

Language = Literal["es", "en"]
# Of each text its place, and its stems with where they begin and end.
Cut = tuple[tuple[str, tuple[tuple[str, int, int], ...]], ...]


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What the rules may ask of a case.

    Units: `texts` are places with what stands there: "subject", "body", or a question's key.
        `stage` is None for who belongs to no known company; `guidance` is what the person answered
        where the form pointed to another area.
    """

    texts: tuple[tuple[str, str], ...] = ()
    service: str = ""
    environment: str = ""
    request_type: str = ""
    channel: str = ""
    stage: str | None = None
    guidance: str = ""

    @property
    def answered(self) -> frozenset[str]:
        return frozenset(p for p, text in self.texts if p not in ("subject", "body") and text)


@dataclass(frozen=True, slots=True)
class Found:
    """Words that were found: where, as they were written, and what stands around them."""

    place: str
    words: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for a verdict: its rule, its points, and what it rests on.

    Units: `rule` is a rule's key, or "form:" with the field whose answer has a clause; `reason` is
        None for the latter. `held` are the conditions without words, by name and value.
    """

    rule: str
    points: int
    reason: Text | None = None
    found: tuple[Found, ...] = ()
    held: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A verdict that something speaks for: "in_scope" or a clause's key."""

    verdict: str
    points: int
    sure: bool
    evidence: tuple[Evidence, ...]


def suggest(document: AgreementDocument, facts: CaseFacts) -> tuple[Ranked, ...]:
    """Return the verdicts that rules speak for, the strongest first; none where none does.

    Edges: of verdicts with the same points the one that the agreement names first, in scope before
        all. Only the first can be sure.
    Source: agreement §2; docs/agreement-file.md, scope rules.
    """
    texts = tuple((place, text[:LONGEST]) for place, text in facts.texts if text)
    words: dict[Language, Cut] = {"es": _cut(texts, "es"), "en": _cut(texts, "en")}
    found: dict[str, list[Evidence]] = {}
    for verdict, evidence in _all_evidence(document, facts, texts, words):
        found.setdefault(verdict, []).append(evidence)
    order = [IN_SCOPE, *(clause.key for clause in document.clauses)]
    totals = sorted(
        ((sum(e.points for e in each), verdict) for verdict, each in found.items()),
        key=lambda pair: (-pair[0], order.index(pair[1])),
    )
    lead = totals[0][0] - (totals[1][0] if len(totals) > 1 else 0) if totals else 0
    return tuple(
        Ranked(
            verdict,
            points,
            place == 0 and points >= SURE_POINTS and lead >= SURE_LEAD,
            tuple(sorted(found[verdict], key=lambda e: -e.points)),
        )
        for place, (points, verdict) in enumerate(totals)
    )


def _cut(texts: Sequence[tuple[str, str]], language: Language) -> Cut:
    """Return the stems of each text with their places, without the words that say nothing."""
    return tuple(
        (
            place,
            tuple(
                (stem(word.text, language), word.start, word.end)
                for word in words_of(text)
                if not is_stop(word.text, language)
            ),
        )
        for place, text in texts
    )


def _all_evidence(
    document: AgreementDocument,
    facts: CaseFacts,
    texts: Sequence[tuple[str, str]],
    words: dict[Language, Cut],
) -> Iterator[tuple[str, Evidence]]:
    yield from _by_form(document, facts)
    for rule in document.scope_rules:
        held = _held(rule, facts)
        if held is None:
            continue
        hits = _hits(rule.words, texts, words) if rule.words else ()
        if rule.words and not hits:
            continue
        if rule.unless and _hits(rule.unless, texts, words):
            continue
        yield rule.verdict, Evidence(rule.key, rule.weight, rule.reason, hits, held)


def _by_form(document: AgreementDocument, facts: CaseFacts) -> Iterator[tuple[str, Evidence]]:
    """Answers of the form that have a clause in the agreement speak for it by themselves."""
    for name, choices, value, points in (
        ("environment", document.environments, facts.environment, ENVIRONMENT_POINTS),
        ("request_type", document.request_types, facts.request_type, REQUEST_TYPE_POINTS),
    ):
        clause = document.clause(choices[value].clause) if value in choices else None
        if clause is not None:
            evidence = Evidence(f"form:{name}", points, held=((name, value),))
            yield clause.key, evidence


def _held(rule: ScopeRule, facts: CaseFacts) -> tuple[tuple[str, str], ...] | None:
    """Return the conditions without words that hold, or None where one does not."""
    held: list[tuple[str, str]] = []
    for name, wanted, value in (
        ("service", rule.services, facts.service),
        ("environment", rule.environments, facts.environment),
        ("request_type", rule.request_types, facts.request_type),
        ("stage", rule.stages, facts.stage or ""),
        ("channel", rule.channels, facts.channel),
        ("guidance", rule.guidance, facts.guidance),
    ):
        if wanted:
            if value not in wanted:
                return None
            held.append((name, value))
    if rule.answered:
        answered = [key for key in rule.answered if key in facts.answered]
        if not answered:
            return None
        held += [("answered", key) for key in answered]
    return tuple(held)


def _hits(
    phrases: Phrases, texts: Sequence[tuple[str, str]], words: dict[Language, Cut]
) -> tuple[Found, ...]:
    """Return where phrases stand: each place in a text once, the first ones only."""
    whole, seen = dict(texts), set()
    found: list[Found] = []
    for language, phrase in phrases.all():
        stems = _stems(phrase, language)
        for place, terms in words[language]:
            span = _span(stems, terms)
            if span is None or (place, span[0]) in seen:
                continue
            seen.add((place, span[0]))
            found.append(_quoted(place, whole[place], *span))
    return tuple(found[:MOST_FOUND])


@lru_cache(maxsize=4096)
def _stems(phrase: str, language: Language) -> tuple[str, ...]:
    return tuple(stem(w.text, language) for w in words_of(phrase) if not is_stop(w.text, language))


def _span(
    stems: tuple[str, ...], terms: tuple[tuple[str, int, int], ...]
) -> tuple[int, int] | None:
    """Return from where to where a phrase stands first, with few other words within."""
    if not stems:
        return None
    for at, (term, start, end) in enumerate(terms):
        if term != stems[0]:
            continue
        last, ends = at, end
        for wanted in stems[1:]:
            near = range(last + 1, min(last + 2 + BETWEEN, len(terms)))
            step = next((n for n in near if terms[n][0] == wanted), None)
            if step is None:
                break
            last, ends = step, terms[step][2]
        else:
            return start, ends
    return None


def _quoted(place: str, text: str, start: int, end: int) -> Found:
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    if start > AROUND and " " in before:
        before = "…" + before[before.index(" ") + 1 :]
    if end + AROUND < len(text) and " " in after:
        after = after[: after.rindex(" ")] + "…"
    parts = (" ".join(part.split()) for part in (text[start:end], before, after))
    words, left, right = parts
    space_left = " " if before[-1:].isspace() else ""
    space_right = " " if after[:1].isspace() else ""
    return Found(place, words, left + space_left, space_right + right)
