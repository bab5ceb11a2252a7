"""The linter: everything that is wrong with an agreement file, each with its place.

`check` never stops at the first fault where it can go on. The codes are documented in
docs/agreement-file.md.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.utils.translation import gettext, pgettext
from pydantic import ValidationError

from plazo.agreements.convert import to_agreement, to_calendar
from plazo.agreements.document import (
    LANGUAGES,
    STAGES,
    AgreementDocument,
    FormField,
    PolicyEntry,
    TargetEntry,
    without_mark,
)
from plazo.agreements.lint_calendars import SOME_DAY, calendar_faults
from plazo.agreements.lint_form import form_faults
from plazo.agreements.lint_scope import scope_faults
from plazo.agreements.locate import Places
from plazo.agreements.sentences import Fault, Path, Sentence, listed, quoted, says, unknown
from plazo.agreements.sentences import marked as _
from plazo.sla import Calendar, Metric, NoOpenTime, SlaError

# An area that is rung more often reads none of it.
SHORTEST_REMINDER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault: its line, whether it forbids publishing, its code, what is wrong, what to do.

    Edges: it keeps what it says, not the words of a language; those are found when it is read.
        `detail` is what a parser or the engine said of it, in English.
    """

    line: int
    severity: str
    code: str
    sentence: Sentence
    detail: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    @property
    def message(self) -> str:
        """What is wrong and what to do, in the reader's language."""
        return str(self.sentence)

    @property
    def placed(self) -> str:
        """The same after its line, for where nothing else says which line that is."""
        return gettext("line %(line)s: %(message)s") % {"line": self.line, "message": self.message}

    @property
    def severity_name(self) -> str:
        """How grave it is, in the reader's language."""
        return gettext("Error") if self.is_error else pgettext("finding", "Warning")

    def __str__(self) -> str:
        """The finding as the command line prints it: the same whoever reads."""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.line}: {self.severity} {self.code} {self.sentence.english}{detail}"


def check(source: str) -> list[Finding]:
    """Return every finding on a document, in the order of its lines; none means sound.

    Edges: faults of form hide those of meaning, since values that cannot be read cannot be
        judged; among themselves neither hides another. What was found of the last few documents
        is kept: one is checked when it is shown, and again when it is published.
    """
    return list(_findings(source))


@lru_cache(maxsize=8)
def _findings(source: str) -> Sequence[Finding]:
    source = without_mark(source)
    try:
        data = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # a number too long, brackets too deep
        return [_no_toml(source, error)]
    places = Places(source)
    try:
        document = AgreementDocument.model_validate(data)
    except ValidationError as error:
        return sorted(_at_lines(form_faults(error), places))
    findings = sorted(set(_meaning(document, places)))
    if any(finding.is_error for finding in findings):
        return findings
    try:
        to_agreement(document, 1)
    except SlaError as error:  # a rule of the core that no check above knows
        words = _("the engine cannot run this agreement (tell us: a check is missing)")
        findings.append(Finding(1, "error", "cannot-run", says(words), str(error)))
    return findings


def _no_toml(source: str, error: Exception) -> Finding:
    said = " ".join(str(error).split())
    at = re.search(r"\(at line (\d+), ", said)
    last = max(len(source.splitlines()), 1) if said.endswith("(at end of document)") else 1
    line = int(at.group(1)) if at else last
    words = _("the file is no TOML here (mend this line, or the one before it)")
    return Finding(line, "error", "toml-syntax", says(words), said)


def _at_lines(faults: Iterable[Fault], places: Places) -> Iterator[Finding]:
    for path, severity, code, sentence in faults:
        yield Finding(places.line(path), severity, code, sentence)


# — meaning —————————————————————————————————————————————————————————————————————————


def _meaning(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    calendars: dict[str, Calendar] = {}
    for key, entry in document.calendars.items():
        findings = list(_at_lines(calendar_faults(key, entry), places))
        yield from findings
        if not any(finding.is_error for finding in findings):
            calendars[key] = to_calendar(key, entry)
    yield from _references(document, places)
    yield from _choices(document, places)
    yield from _waits(document, places)
    yield from _policies(document, calendars, places)
    yield from _areas(document, calendars, places)
    yield from _people(document, places)
    yield from _at_lines(scope_faults(document), places)
    yield from _unused(document, places)


def _references(  # noqa: C901 - a list of checks reads best in one place
    document: AgreementDocument, places: Places
) -> Iterator[Finding]:
    """Names that point to something must point to something that is there."""

    def missing(path: Path, what: str, name: str, known: Iterable[str]) -> Finding:
        sentence = unknown(what, name, sorted(known))
        return Finding(places.line(path), "error", f"unknown-{what}", sentence)

    calendars = document.calendars
    clauses = {clause.key for clause in document.clauses}
    if document.support_calendar not in calendars:
        yield missing(("support_calendar",), "calendar", document.support_calendar, calendars)
    for number, channel in enumerate(document.channels):
        if channel.calendar not in calendars:
            path = ("channels", number, "calendar")
            yield missing(path, "calendar", channel.calendar, calendars)
    for number, clause in enumerate(document.clauses):
        if clause.area not in document.areas:
            yield missing(("clauses", number, "area"), "area", clause.area, document.areas)
        if clause.key in {other.key for other in document.clauses[:number]}:
            line = places.line(("clauses", number, "key"))
            message = says(_("two clauses are named '%(key)s' (rename one)"), key=clause.key)
            yield Finding(line, "error", "duplicate-key", message)
    for table in ("environments", "request_types"):
        for name, choice in getattr(document, table).items():
            if choice.clause and choice.clause not in clauses:
                yield missing((table, name, "clause"), "clause", choice.clause, clauses)
    yield from _form_fields(document, places)
    yield from _stages(document, places)
    for severity in document.ladder_silence:
        if document.severity(severity) is None:
            known = [s.key for s in document.severities]
            yield missing(("ladder_silence", severity), "severity", severity, known)


def _stages(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """The stages are those at which a company can be, and the entitled one is among them."""
    order, entitled = document.stages.order, document.stages.entitled
    for number, stage in enumerate(order):
        if stage not in STAGES:
            words = _("no company can be at the stage '%(name)s' (take some of these: %(known)s)")
            message = says(words, name=quoted(stage), known=listed(STAGES))
            line = places.line(("stages", "order", number))
            yield Finding(line, "error", "unknown-stage", message)
    if entitled not in order:
        line = places.line(("stages", "entitled"))
        yield Finding(line, "error", "unknown-stage", unknown("stage", entitled, order))


def _form_fields(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """The form's further questions: each once, about services and types that there are."""
    keys = [field.key for field in document.fields]
    for number, field in enumerate(document.fields):
        path = ("fields", number)
        if field.key in keys[:number]:
            message = says(_("two fields are named '%(key)s' (rename one)"), key=field.key)
            yield Finding(places.line((*path, "key")), "error", "duplicate-key", message)
        for name, known in (
            ("services", document.services),
            ("request_types", document.request_types),
        ):
            for value in getattr(field, name):
                if value not in known:
                    what = "service" if name == "services" else "request-type"
                    message = unknown(what, value, known)
                    yield Finding(places.line((*path, name)), "error", f"unknown-{what}", message)
        yield from _options(field, path, places)
        try:
            re.compile(field.pattern or "")
        except re.error as error:
            message = says(_("'%(text)s' is no pattern (mend it)"), text=quoted(field.pattern))
            line = places.line((*path, "pattern"))
            yield Finding(line, "error", "bad-value", message, str(error))


def _options(field: FormField, path: tuple[str | int, ...], places: Places) -> Iterator[Finding]:
    """A choice has answers to choose from, and each is told from the others in every language."""
    line = places.line((*path, "options"))
    if field.kind != "choice":
        if field.options:
            words = _("field '%(key)s' is no choice (write kind = \"choice\", or no options)")
            message = says(words, key=field.key)
            yield Finding(line, "error", "field-options", message)
        return
    if len(field.options) < 2:
        words = _("field '%(key)s' leaves nothing to choose (write two options or more)")
        message = says(words, key=field.key)
        yield Finding(line, "error", "field-options", message)
    for language in LANGUAGES:
        names = [getattr(option, language) for option in field.options]
        for name in sorted({name for name in names if names.count(name) > 1}):
            words = _("field '%(key)s' has the option '%(name)s' twice (rename one)")
            message = says(words, key=field.key, name=quoted(name))
            yield Finding(line, "error", "field-options", message)


def _choices(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """What the request form asks must have an answer, and each answer a name of its own."""
    for table in ("services", "environments", "request_types", "severities"):
        if not getattr(document, table):
            words = _("%(table)s is empty: nobody could fill in the request form (add one)")
            message = says(words, table=table)
            yield Finding(places.line((table,)), "error", "no-choices", message)
    if document.services and not document.offered:
        words = _("every service is retired: nobody could fill in the request form (offer one)")
        message = says(words)
        yield Finding(places.line(("services",)), "error", "no-choices", message)
    for table, words in (
        ("severities", _("two severities are named '%(key)s' (rename one)")),
        ("channels", _("two channels are named '%(key)s' (rename one)")),
    ):
        keys = [entry.key for entry in getattr(document, table)]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                line = places.line((table, number, "key"))
                message = says(words, key=key)
                yield Finding(line, "error", "duplicate-key", message)


def _waits(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """Pauses and silences must have a length, and a promise cannot wait."""
    longest = document.pauses.longest
    if longest is not None and longest <= timedelta(0):
        line = places.line(("pauses", "longest"))
        message = says(_('the longest pause has no length (write "7 d", or leave it out)'))
        yield Finding(line, "error", "pause-length", message)
    if Metric.PROMISED_UPDATE in document.pauses.metrics:
        line = places.line(("pauses", "metrics"))
        message = says(_("a promise is an instant: it cannot pause (remove promised_update)"))
        yield Finding(line, "error", "promise-pauses", message)
    if Metric.AREA_REPLY in document.pauses.metrics:
        line = places.line(("pauses", "metrics"))
        message = says(_("an area's answer waits for no requester (remove area_reply)"))
        yield Finding(line, "error", "area-pauses", message)
    yield from _reminders(document, places)
    for severity, silence in document.ladder_silence.items():
        if silence <= timedelta(0):
            line = places.line(("ladder_silence", severity))
            words = _('the silence at severity %(letter)s has no length (write "15 min")')
            message = says(words, letter=severity)
            yield Finding(line, "error", "silence-length", message)
    if document.ladder_repeat < timedelta(minutes=1):
        line = places.line(("ladder_repeat",))
        message = says(_('a step is rung again sooner than after a minute (write "5 min")'))
        yield Finding(line, "error", "ladder-repeat", message)


def _reminders(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """Reminders come one after the other, before a case is given up; closing comes last of all."""
    pauses, closing = document.pauses, document.closing
    before = timedelta(0)
    for number, after in enumerate(pauses.remind_after):
        if after <= before:
            words = _(
                "a reminder does not come after the one before it (write them in their order,"
                ' such as ["2 d", "4 d"])'
            )
            message = says(words)
            line = places.line(("pauses", "remind_after", number))
            yield Finding(line, "error", "reminder-order", message)
        before = after
    line = places.line(("pauses", "solve_after"))
    if pauses.solve_after is not None and pauses.solve_after <= before:
        words = _("a case is given up before its requester was reminded (write a longer time)")
        message = says(words)
        yield Finding(line, "error", "solved-before-reminded", message)
    elif pauses.solve_after is not None and not pauses.remind_after:
        message = says(_("a case is solved without a reminder before it (add remind_after)"))
        yield Finding(line, "warning", "solved-without-reminder", message)
    if closing.close_after is not None and closing.close_after < closing.reopen_within:
        words = _(
            "a solved case closes while its requester may still open it again (make close_after"
            " no shorter than reopen_within)"
        )
        message = says(words)
        line = places.line(("closing", "close_after"))
        yield Finding(line, "error", "closes-too-soon", message)


def _policies(
    document: AgreementDocument, calendars: dict[str, Calendar], places: Places
) -> Iterator[Finding]:
    keys = [policy.key for policy in document.policies]
    for number, policy in enumerate(document.policies):
        path = ("policies", number)
        line = places.line(path)
        conditions = bool(policy.services or policy.stages or policy.organizations)
        if policy.key in keys[:number]:
            message = says(_("two policies are named '%(key)s' (rename one)"), key=policy.key)
            yield Finding(line, "error", "duplicate-key", message)
        if not conditions and not policy.catch_all:
            words = _(
                "policy '%(key)s' has no condition and would catch everything (give it"
                " one, or mark it with catch_all = true)"
            )
            message = says(words, key=policy.key)
            yield Finding(line, "error", "empty-condition", message)
        if conditions and policy.catch_all:
            words = _("policy '%(key)s' is the catch-all and has conditions (remove them)")
            message = says(words, key=policy.key)
            yield Finding(line, "error", "catch-all-with-condition", message)
        yield from _unreachable(document.policies, number, line)
        yield from _conditions(document, policy, path, places)
        yield from _targets(document, policy, path, calendars, places)
    if not document.policies or not document.policies[-1].catch_all:
        line = places.line(("policies", max(len(document.policies) - 1, 0)))
        words = _("no policy catches what the others leave (mark the last with catch_all = true)")
        message = says(words)
        yield Finding(line, "error", "missing-catch-all", message)


def _unreachable(policies: tuple[PolicyEntry, ...], number: int, line: int) -> Iterator[Finding]:
    """A policy all of whose cases are taken by an earlier one; or two that share some."""
    policy = policies[number]
    for earlier in policies[:number]:
        covers = [
            not mine or (bool(yours) and set(yours) <= set(mine))
            for mine, yours in _condition_pairs(earlier, policy)
        ]
        touches = [
            not mine or not yours or bool(set(mine) & set(yours))
            for mine, yours in _condition_pairs(earlier, policy)
        ]
        if all(covers):
            words = _(
                "policy '%(key)s' is never reached: '%(earlier)s' takes all its cases (move it up)"
            )
            message = says(words, key=policy.key, earlier=earlier.key)
            yield Finding(line, "error", "unreachable-policy", message)
        elif all(touches) and not policy.catch_all:
            words = _(
                "policies '%(earlier)s' and '%(key)s' overlap; the first one wins (is that meant?)"
            )
            message = says(words, key=policy.key, earlier=earlier.key)
            yield Finding(line, "warning", "overlapping-policies", message)


def _condition_pairs(
    one: PolicyEntry, other: PolicyEntry
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    return (
        (one.services, other.services),
        (one.stages, other.stages),
        (one.organizations, other.organizations),
    )


def _conditions(
    document: AgreementDocument, policy: PolicyEntry, path: tuple[str | int, ...], places: Places
) -> Iterator[Finding]:
    for name, known, what in (
        ("services", set(document.services), "service"),
        ("stages", set(document.stages.order), "stage"),
    ):
        for value in getattr(policy, name):
            if value not in known:
                message = unknown(what, value, sorted(known))
                yield Finding(places.line((*path, name)), "error", f"unknown-{what}", message)


def _targets(
    document: AgreementDocument,
    policy: PolicyEntry,
    path: tuple[str | int, ...],
    calendars: dict[str, Calendar],
    places: Places,
) -> Iterator[Finding]:
    seen: set[tuple[Metric, str | None]] = set()
    letters = {severity.key for severity in document.severities}
    for number, target in enumerate(policy.targets):
        where = (*path, "targets", number)
        line = places.line(where)
        if (target.metric, target.severity) in seen:
            yield Finding(line, "error", "duplicate-target", _twice(target))
        seen.add((target.metric, target.severity))
        if target.severity is not None and target.severity not in letters:
            message = unknown("severity", target.severity, sorted(letters))
            yield Finding(places.line((*where, "severity")), "error", "unknown-severity", message)
        if not 0 < target.warn_at <= 1:
            message = says(_('a share of warning lies between 0 % and 100 % (write "75 %")'))
            yield Finding(places.line((*where, "warn_at")), "error", "warn-share", message)
        if target.calendar not in document.calendars:
            message = unknown("calendar", target.calendar, sorted(document.calendars))
            yield Finding(places.line((*where, "calendar")), "error", "unknown-calendar", message)
        line = places.line((*where, "duration"))
        yield from _duration(target.metric, target.duration, target.calendar, calendars, line)
    if (Metric.FIRST_REPLY, None) not in seen:
        words = _(
            "policy '%(key)s' promises no first_reply to a case that has no severity yet"
            " (add a target without a severity)"
        )
        message = says(words, key=policy.key)
        yield Finding(places.line(path), "warning", "no-first-reply", message)
    for letter in sorted(letters):
        covered = {(Metric.ESCALATED_REPLY, letter), (Metric.ESCALATED_REPLY, None)}
        if not covered & seen:
            words = _(
                "policy '%(key)s' promises no escalated_reply at severity %(letter)s (add a target)"
            )
            message = says(words, key=policy.key, letter=letter)
            yield Finding(places.line(path), "warning", "severity-without-target", message)


def _twice(target: TargetEntry) -> Sentence:
    if target.severity is None:
        return says(_("%(metric)s is promised twice (remove one)"), metric=target.metric.value)
    words = _("%(metric)s at severity %(letter)s is promised twice (remove one)")
    return says(words, metric=target.metric.value, letter=target.severity)


def _areas(
    document: AgreementDocument, calendars: dict[str, Calendar], places: Places
) -> Iterator[Finding]:
    """What other areas owe us: each on a calendar that there is, with reminders that have a length.

    Edges: reminders need no warning of ours; an area without a target is never reminded.
    """
    for policy_number, policy in enumerate(document.policies):
        for number, target in enumerate(policy.targets):
            if target.metric is Metric.AREA_REPLY:
                line = places.line(("policies", policy_number, "targets", number))
                words = _("what an area owes stands with the area (write [areas.KEY] target)")
                message = says(words)
                yield Finding(line, "error", "area-target-in-policy", message)
    for key, area in document.areas.items():
        if area.target is None:
            continue
        where = ("areas", key, "target")
        line = places.line(where)
        if not 0 < area.target.warn_at <= 1:
            message = says(_('a share of warning lies between 0 % and 100 % (write "75 %")'))
            yield Finding(line, "error", "warn-share", message)
        if area.target.calendar not in document.calendars:
            message = unknown("calendar", area.target.calendar, sorted(document.calendars))
            yield Finding(line, "error", "unknown-calendar", message)
        yield from _duration(
            Metric.AREA_REPLY, area.target.duration, area.target.calendar, calendars, line
        )
        every = area.target.remind_every
        if every is not None and every < SHORTEST_REMINDER:
            words = _(
                "the area '%(key)s' would be reminded all the time (remind_every: 15 min or more)"
            )
            message = says(words, key=key)
            yield Finding(line, "error", "remind-length", message)


def _duration(
    metric: Metric,
    duration: timedelta | None,
    calendar_key: str,
    calendars: dict[str, Calendar],
    line: int,
) -> Iterator[Finding]:
    if metric is Metric.PROMISED_UPDATE:
        if duration is not None:
            words = _("a promised update is an instant that a person gives (remove the duration)")
            message = says(words)
            yield Finding(line, "error", "target-duration", message)
        return
    if duration is None or duration <= timedelta(0):
        message = says(_('%(metric)s needs a duration (write "1 h")'), metric=metric.value)
        yield Finding(line, "error", "target-duration", message)
        return
    calendar = calendars.get(calendar_key)
    if calendar is None or calendar.always_open or not calendar.weekly:
        return
    weekly = sum((w.closes - w.opens for w in calendar.weekly), timedelta(0))
    if duration <= weekly:
        return
    try:
        calendar.add(SOME_DAY, duration + weekly)
    except NoOpenTime:
        words = _(
            "%(metric)s promises %(length)s, and '%(calendar)s' holds"
            " less than that in the five years that it looks ahead (promise less)"
        )
        message = says(words, metric=metric.value, length=duration, calendar=calendar_key)
        yield Finding(line, "error", "beyond-horizon", message)
    else:
        words = _(
            "%(metric)s promises %(length)s, but a week of '%(calendar)s' holds only"
            " %(week)s (is the calendar the one you mean?)"
        )
        lengths = {"length": duration, "week": weekly}
        message = says(words, metric=metric.value, calendar=calendar_key, **lengths)
        yield Finding(line, "warning", "target-longer-than-week", message)


def _people(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    for number, step in enumerate(document.ladder):
        if not step.contacts or not all(contact.strip() for contact in step.contacts):
            line = places.line(("ladder", number))
            words = _("ladder level %(level)s has nobody to ring (name a contact)")
            message = says(words, level=step.level)
            yield Finding(line, "error", "ladder-without-contact", message)
    levels = [step.level for step in document.ladder]
    if levels != list(range(1, len(levels) + 1)):
        words = _("the ladder's levels are %(levels)s (number them from 1 without a gap)")
        message = says(words, levels=str(levels))
        yield Finding(places.line(("ladder", 0)), "error", "ladder-levels", message)
    for severity in document.severities:
        rings = any(
            target.manages_escalation and target.severity in (severity.key, None)
            for policy in document.policies
            for target in policy.targets
        )
        if rings and severity.key not in document.ladder_silence:
            words = _(
                "severity %(letter)s rings the ladder, but nothing says after how much"
                " silence (add it to ladder_silence)"
            )
            message = says(words, letter=severity.key)
            line = places.line(("ladder_silence",))
            yield Finding(line, "warning", "ladder-without-silence", message)


def _unused(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    used = {document.support_calendar, *(channel.calendar for channel in document.channels)}
    used |= {target.calendar for policy in document.policies for target in policy.targets}
    used |= {area.target.calendar for area in document.areas.values() if area.target}
    for key in document.calendars:
        if key not in used:
            message = says(
                _("nothing runs on the calendar '%(key)s' (remove it, or use it)"), key=key
            )
            yield Finding(places.line(("calendars", key)), "warning", "unused-calendar", message)
    used_areas = {clause.area for clause in document.clauses}
    for key in document.areas:
        if key not in used_areas:
            message = says(
                _("no clause leads to the area '%(key)s' (remove it, or use it)"), key=key
            )
            yield Finding(places.line(("areas", key)), "warning", "unused-area", message)
