"""What is wrong with the scope rules of an agreement."""

from collections.abc import Iterator

from plazo.agreements.document import IN_SCOPE, AgreementDocument, Phrases, ScopeRule
from plazo.agreements.sentences import Fault, quoted, says, unknown
from plazo.agreements.sentences import marked as _
from plazo.core.search.analyser import Language, is_stop, stem, words_of


def stems_of(phrase: str, language: str) -> tuple[str, ...]:
    """Return the stems of a phrase, without the words that say nothing."""
    known: Language = "en" if language == "en" else "es"
    return tuple(stem(w.text, known) for w in words_of(phrase) if not is_stop(w.text, known))


def scope_faults(document: AgreementDocument) -> Iterator[Fault]:
    """Yield the path, the gravity, the code and the sentence of each fault."""
    for number, rule in enumerate(document.scope_rules):
        path: tuple[str | int, ...] = ("scope_rules", number)
        yield from _names(document, rule, path)
        yield from _holds(document, rule, path)
        yield from _phrases(rule, path)
        for earlier in document.scope_rules[:number]:
            if earlier.key == rule.key:
                message = says(_("two scope rules are named '%(key)s' (rename one)"), key=rule.key)
                yield (*path, "key"), "error", "duplicate-key", message
            elif _asks(earlier) == _asks(rule):
                words = _("scope rules '%(earlier)s' and '%(key)s' ask for the same (remove one)")
                message = says(words, earlier=earlier.key, key=rule.key)
                yield path, "error", "scope-twice", message


def _names(
    document: AgreementDocument, rule: ScopeRule, path: tuple[str | int, ...]
) -> Iterator[Fault]:
    verdicts = [IN_SCOPE, *(clause.key for clause in document.clauses)]
    if rule.verdict not in verdicts:
        message = unknown("clause", rule.verdict, verdicts)
        yield (*path, "verdict"), "error", "scope-verdict", message
    for name, what, known in (
        ("services", "service", list(document.services)),
        ("environments", "environment", list(document.environments)),
        ("request_types", "request-type", list(document.request_types)),
        ("stages", "stage", list(document.stages.order)),
        ("answered", "field", [field.key for field in document.fields]),
    ):
        for value in getattr(rule, name):
            if value not in known:
                message = unknown(what, value, known)
                # A question may be taken off the form; the rule then waits for the others.
                gravity = "warning" if what == "field" else "error"
                yield (*path, name), gravity, f"unknown-{what}", message


def _holds(
    document: AgreementDocument, rule: ScopeRule, path: tuple[str | int, ...]
) -> Iterator[Fault]:
    """A rule must ask for something, and for something that there can be."""
    if not rule.has_condition:
        words = _("scope rule '%(key)s' would speak in every case (give it a condition)")
        message = says(words, key=rule.key)
        yield path, "error", "scope-condition", message
    asked = [field for field in document.fields if field.key in rule.answered]
    services = rule.services or tuple(document.services)
    types = rule.request_types or tuple(document.request_types)
    if asked and not any(f.applies(s, t) for f in asked for s in services for t in types):
        words = _(
            "scope rule '%(key)s' waits for answers that are never asked for there (name others)"
        )
        yield (*path, "answered"), "error", "scope-never", says(words, key=rule.key)
    pairs = [
        (environment, kind)
        for environment in rule.environments or tuple(document.environments)
        for kind in types
    ]
    if rule.guidance and not any(document.clause_for(*pair) for pair in pairs):
        words = _(
            "scope rule '%(key)s' waits for an answer where the form points nowhere (remove it)"
        )
        yield (*path, "guidance"), "error", "scope-never", says(words, key=rule.key)


def _phrases(rule: ScopeRule, path: tuple[str | int, ...]) -> Iterator[Fault]:
    for name in ("words", "unless"):
        phrases: Phrases | None = getattr(rule, name)
        seen: set[tuple[str, tuple[str, ...]]] = set()
        for language, phrase in phrases.all() if phrases else ():
            stems, where = stems_of(phrase, language), (*path, name, language)
            if not stems:
                words = _("'%(phrase)s' says nothing that is looked for (write another word)")
                yield where, "error", "scope-never", says(words, phrase=quoted(phrase))
            elif (language, stems) in seen:
                words = _("'%(phrase)s' is found by another phrase already (remove one)")
                yield where, "warning", "scope-same-words", says(words, phrase=quoted(phrase))
            seen.add((language, stems))
    wanted, taken = _stems(rule.words), _stems(rule.unless)
    if wanted and wanted <= taken:
        words = _("scope rule '%(key)s' takes all its words away again (mend unless)")
        yield (*path, "unless"), "error", "scope-never", says(words, key=rule.key)


def _stems(phrases: Phrases | None) -> set[tuple[str, ...]]:
    return {stems_of(text, language) for language, text in phrases.all()} if phrases else set()


def _asks(rule: ScopeRule) -> tuple[object, ...]:
    lists = (rule.services, rule.environments, rule.request_types, rule.stages, rule.channels)
    return (
        rule.verdict,
        frozenset(_stems(rule.words)),
        frozenset(_stems(rule.unless)),
        *(frozenset(each) for each in (*lists, rule.answered, rule.guidance)),
    )
