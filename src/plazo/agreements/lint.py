"""The linter: everything that is wrong with an agreement file, each with its place.

`check` never stops at the first fault where it can go on. The codes are documented in
docs/agreement-file.md.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from plazo.agreements.convert import to_agreement, to_calendar
from plazo.agreements.document import (
    LANGUAGES,
    STAGES,
    AgreementDocument,
    CalendarEntry,
    FormField,
    PolicyEntry,
    Text,
    without_mark,
)
from plazo.agreements.lint_scope import scope_faults
from plazo.agreements.locate import Places
from plazo.sla import Calendar, Metric, NoOpenTime, SlaError

SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # any other would do: nothing here depends on today

# An area that is rung more often reads none of it.
SHORTEST_REMINDER = timedelta(minutes=15)

# Abbreviations that people write for a zone, with the places they may mean.
ABBREVIATIONS = {
    "EST": ("America/Panama (UTC−5 all year)", "America/New_York (eastern United States)"),
    "EDT": ("America/New_York (eastern United States)",),
    "ET": ("America/New_York (eastern United States)", "America/Panama (UTC−5 all year)"),
    "CST": ("America/Chicago", "America/Costa_Rica (UTC−6 all year)", "America/Mexico_City"),
    "MST": ("America/Denver", "America/Phoenix (UTC−7 all year)"),
    "PST": ("America/Los_Angeles",),
    "COT": ("America/Bogota",),
    "ART": ("America/Argentina/Buenos_Aires",),
    "BRT": ("America/Sao_Paulo",),
    "CET": ("Europe/Madrid",),
    "GMT": ("UTC", "Europe/London"),
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault: its line, whether it forbids publishing, its code, what is wrong, what to do."""

    line: int
    severity: str
    code: str
    message: str

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    def __str__(self) -> str:
        return f"{self.line}: {self.severity} {self.code} {self.message}"


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
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        return [Finding(int(line.group(1)) if line else 1, "error", "toml-syntax", str(error))]
    places = Places(source)
    try:
        document = AgreementDocument.model_validate(data)
    except ValidationError as error:
        return sorted(_form(error, data, places))
    findings = sorted(set(_meaning(document, places)))
    if any(finding.is_error for finding in findings):
        return findings
    try:
        to_agreement(document, 1)
    except SlaError as error:  # a rule of the core that no check above knows
        findings.append(Finding(1, "error", "cannot-run", str(error)))
    return findings


# — form ————————————————————————————————————————————————————————————————————————————


def _form(error: ValidationError, data: dict[str, Any], places: Places) -> Iterator[Finding]:
    for fault in error.errors():
        path = fault["loc"]
        line = places.line(path)
        name = ".".join(str(part) for part in path)
        match fault["type"]:
            case "extra_forbidden":
                yield Finding(line, "error", "unknown-key", _unknown_key(name, path))
            case "missing" if path and path[-1] in LANGUAGES:
                message = f"{name}: the text is missing in {path[-1]!r} (write it)"
                yield Finding(line, "error", "missing-text", message)
            case "string_too_short" | "value_error" if path and path[-1] in LANGUAGES:
                message = f"{name}: the text in {path[-1]!r} is empty (write it)"
                yield Finding(line, "error", "missing-text", message)
            case "missing":
                yield Finding(line, "error", "missing-key", f"{name} is missing (add it)")
            case "model_type" if fault["ctx"]["class_name"] == Text.__name__:
                message = f'{name} is a text, in both languages: {{ es = "…", en = "…" }}'
                yield Finding(line, "error", "bad-value", message)
            case _:
                message = fault["msg"].removeprefix("Value error, ")
                yield Finding(line, "error", "bad-value", f"{name}: {message}")


def _unknown_key(name: str, path: tuple[str | int, ...]) -> str:
    known = sorted(_known_keys(AgreementDocument, path[:-1]))
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
    return f"{name}: nobody knows this key ({hint})"


def _known_keys(model: type[BaseModel], path: tuple[str | int, ...]) -> set[str]:
    """Follow a path through the models to the keys that may stand there."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            info = current.model_fields.get(str(part))
            current = info.annotation if info else None
        else:
            current = next(
                (a for a in getattr(current, "__args__", ())[::-1] if a is not Ellipsis), None
            )
    while not (isinstance(current, type) and issubclass(current, BaseModel)):
        arguments = [a for a in getattr(current, "__args__", ()) if a is not Ellipsis]
        if not arguments:
            return set()
        current = arguments[-1] if arguments[-1] is not type(None) else arguments[0]
    return set(current.model_fields)


# — meaning —————————————————————————————————————————————————————————————————————————


def _meaning(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    calendars: dict[str, Calendar] = {}
    for key, entry in document.calendars.items():
        findings = list(_calendar(key, entry, places))
        yield from findings
        if not any(finding.is_error for finding in findings):
            calendars[key] = to_calendar(key, entry)
    yield from _references(document, places)
    yield from _choices(document, places)
    yield from _waits(document, places)
    yield from _policies(document, calendars, places)
    yield from _areas(document, calendars, places)
    yield from _people(document, places)
    for path, severity, code, message in scope_faults(document):
        yield Finding(places.line(path), severity, code, message)
    yield from _unused(document, places)


# A list of checks reads best in one place.
def _calendar(  # noqa: C901, PLR0912
    key: str, entry: CalendarEntry, places: Places
) -> Iterator[Finding]:
    path = ("calendars", key)
    zone_line = places.line((*path, "zone"))
    if entry.zone.upper() in ABBREVIATIONS:
        means = " or ".join(ABBREVIATIONS[entry.zone.upper()])
        message = f"{entry.zone!r} is an abbreviation, and readers differ on it (write {means})"
        yield Finding(zone_line, "error", "zone-abbreviation", message)
        return
    try:
        Calendar.always(key, entry.zone)
    except SlaError as error:
        message = f"{error} (write an IANA zone such as America/Panama)"
        yield Finding(zone_line, "error", "unknown-zone", message)
        return
    if entry.always:
        if entry.hours or entry.holidays or entry.openings:
            message = f"calendars.{key} is always open: its hours say nothing (remove them)"
            yield Finding(places.line(path), "error", "always-with-hours", message)
        return
    dates = [holiday.date for holiday in entry.holidays]
    for number, day in enumerate(dates):
        if day in dates[:number]:
            line = places.line((*path, "holidays", number, "date"))
            yield Finding(line, "error", "holiday-twice", f"{day} is a holiday twice (remove one)")
    for number, opening in enumerate(entry.openings):
        if not opening.open:
            line = places.line((*path, "openings", number))
            message = f'the opening on {opening.date} has no hours (write open = ["09:00-12:00"])'
            yield Finding(line, "error", "opening-without-hours", message)
    try:
        calendar = to_calendar(key, entry.model_copy(update={"holidays": ()}))
    except SlaError as error:
        message = f"{error} (make them apart, or join them)"
        yield Finding(places.line((*path, "hours")), "error", "overlapping-windows", message)
        return
    try:
        to_calendar(key, entry)
    except SlaError as error:
        if len(set(dates)) == len(dates):
            line = places.line((*path, "holidays"))
            yield Finding(line, "error", "overlapping-windows", str(error))
    if not entry.hours:
        message = f"calendars.{key} never opens (write its hours, or always = true)"
        yield Finding(places.line(path), "error", "never-opens", message)
        return
    try:
        calendar.next_open(SOME_DAY)
    except NoOpenTime:
        message = f"calendars.{key} never opens (write its hours, or always = true)"
        yield Finding(places.line(path), "error", "never-opens", message)


def _references(  # noqa: C901 - as above
    document: AgreementDocument, places: Places
) -> Iterator[Finding]:
    """Names that point to something must point to something that is there."""

    def missing(path: tuple[str | int, ...], what: str, name: str, known: object) -> Finding:
        listed = ", ".join(sorted(str(k) for k in known))  # type: ignore[attr-defined]
        message = f"{name!r} is no {what} of this agreement (known: {listed})"
        return Finding(places.line(path), "error", f"unknown-{what}", message)

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
            message = f"two clauses are named {clause.key!r} (rename one)"
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
    for number, stage in enumerate(document.stages.order):
        if stage not in STAGES:
            message = (
                f"no company can be at the stage {stage!r}; there are {', '.join(STAGES)}"
                " (take those that you need)"
            )
            line = places.line(("stages", "order", number))
            yield Finding(line, "error", "unknown-stage", message)
    entitled = document.stages.entitled
    if entitled not in document.stages.order:
        listed = ", ".join(document.stages.order)
        message = f"{entitled!r} is not in the order of stages (known: {listed})"
        yield Finding(places.line(("stages", "entitled")), "error", "unknown-stage", message)


def _form_fields(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """The form's further questions: each once, about services and types that there are."""
    keys = [field.key for field in document.fields]
    for number, field in enumerate(document.fields):
        path = ("fields", number)
        if field.key in keys[:number]:
            message = f"two fields are named {field.key!r} (rename one)"
            yield Finding(places.line((*path, "key")), "error", "duplicate-key", message)
        for name, known in (
            ("services", document.services),
            ("request_types", document.request_types),
        ):
            for value in getattr(field, name):
                if value not in known:
                    what = "service" if name == "services" else "request-type"
                    message = (
                        f"{value!r} is no {what} of this agreement (known: {', '.join(known)})"
                    )
                    yield Finding(places.line((*path, name)), "error", f"unknown-{what}", message)
        yield from _options(field, path, places)
        try:
            re.compile(field.pattern or "")
        except re.error as error:
            message = f"{field.pattern!r} is no pattern: {error} (mend it)"
            yield Finding(places.line((*path, "pattern")), "error", "bad-value", message)


def _options(field: FormField, path: tuple[str | int, ...], places: Places) -> Iterator[Finding]:
    """A choice has answers to choose from, and each is told from the others in every language."""
    line = places.line((*path, "options"))
    if field.kind != "choice":
        if field.options:
            message = f'field {field.key!r} is no choice (write kind = "choice", or no options)'
            yield Finding(line, "error", "field-options", message)
        return
    if len(field.options) < 2:
        message = f"field {field.key!r} leaves nothing to choose (write two options or more)"
        yield Finding(line, "error", "field-options", message)
    for language in LANGUAGES:
        names = [getattr(option, language) for option in field.options]
        for name in sorted({name for name in names if names.count(name) > 1}):
            message = f"field {field.key!r} has the option {name!r} twice (rename one)"
            yield Finding(line, "error", "field-options", message)


def _choices(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """What the request form asks must have an answer, and each answer a name of its own."""
    for table in ("services", "environments", "request_types", "severities"):
        if not getattr(document, table):
            message = f"{table} is empty: nobody could fill in the request form (add one)"
            yield Finding(places.line((table,)), "error", "no-choices", message)
    if document.services and not document.offered:
        message = "every service is retired: nobody could fill in the request form (offer one)"
        yield Finding(places.line(("services",)), "error", "no-choices", message)
    for table in ("severities", "channels"):
        keys = [entry.key for entry in getattr(document, table)]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                line = places.line((table, number, "key"))
                message = f"two {table} are named {key!r} (rename one)"
                yield Finding(line, "error", "duplicate-key", message)


def _waits(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """Pauses and silences must have a length, and a promise cannot wait."""
    longest = document.pauses.longest
    if longest is not None and longest <= timedelta(0):
        line = places.line(("pauses", "longest"))
        message = 'the longest pause has no length (write "7 d", or leave it out)'
        yield Finding(line, "error", "pause-length", message)
    if Metric.PROMISED_UPDATE in document.pauses.metrics:
        line = places.line(("pauses", "metrics"))
        message = "a promise is an instant: it cannot pause (remove promised_update)"
        yield Finding(line, "error", "promise-pauses", message)
    if Metric.AREA_REPLY in document.pauses.metrics:
        line = places.line(("pauses", "metrics"))
        message = "an area's answer waits for no requester (remove area_reply)"
        yield Finding(line, "error", "area-pauses", message)
    yield from _reminders(document, places)
    for severity, silence in document.ladder_silence.items():
        if silence <= timedelta(0):
            line = places.line(("ladder_silence", severity))
            message = f'the silence at severity {severity} has no length (write "15 min")'
            yield Finding(line, "error", "silence-length", message)
    if document.ladder_repeat < timedelta(minutes=1):
        line = places.line(("ladder_repeat",))
        message = 'a step is rung again sooner than after a minute (write "5 min")'
        yield Finding(line, "error", "ladder-repeat", message)


def _reminders(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    """Reminders come one after the other, before a case is given up; closing comes last of all."""
    pauses, closing = document.pauses, document.closing
    before = timedelta(0)
    for number, after in enumerate(pauses.remind_after):
        if after <= before:
            message = (
                "a reminder does not come after the one before it (write them in their order,"
                ' such as ["2 d", "4 d"])'
            )
            line = places.line(("pauses", "remind_after", number))
            yield Finding(line, "error", "reminder-order", message)
        before = after
    line = places.line(("pauses", "solve_after"))
    if pauses.solve_after is not None and pauses.solve_after <= before:
        message = "a case is given up before its requester was reminded (write a longer time)"
        yield Finding(line, "error", "solved-before-reminded", message)
    elif pauses.solve_after is not None and not pauses.remind_after:
        message = "a case is solved without a reminder before it (add remind_after)"
        yield Finding(line, "warning", "solved-without-reminder", message)
    if closing.close_after is not None and closing.close_after < closing.reopen_within:
        message = (
            "a solved case closes while its requester may still open it again (make close_after"
            " no shorter than reopen_within)"
        )
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
            message = f"two policies are named {policy.key!r} (rename one)"
            yield Finding(line, "error", "duplicate-key", message)
        if not conditions and not policy.catch_all:
            message = (
                f"policy {policy.key!r} has no condition and would catch everything (give it"
                " one, or mark it with catch_all = true)"
            )
            yield Finding(line, "error", "empty-condition", message)
        if conditions and policy.catch_all:
            message = f"policy {policy.key!r} is the catch-all and has conditions (remove them)"
            yield Finding(line, "error", "catch-all-with-condition", message)
        yield from _unreachable(document.policies, number, line)
        yield from _conditions(document, policy, path, places)
        yield from _targets(document, policy, path, calendars, places)
    if not document.policies or not document.policies[-1].catch_all:
        line = places.line(("policies", max(len(document.policies) - 1, 0)))
        message = "no policy catches what the others leave (mark the last with catch_all = true)"
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
            message = f"policy {policy.key!r} is never reached: {earlier.key!r} takes all its cases"
            yield Finding(line, "error", "unreachable-policy", f"{message} (move it up)")
        elif all(touches) and not policy.catch_all:
            message = f"policies {earlier.key!r} and {policy.key!r} overlap; the first one wins"
            yield Finding(line, "warning", "overlapping-policies", f"{message} (is that meant?)")


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
                message = f"{value!r} is no {what} of this agreement"
                message += f" (known: {', '.join(sorted(known))})"
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
            message = f"{target.metric} at severity {target.severity or 'any'} is promised twice"
            yield Finding(line, "error", "duplicate-target", f"{message} (remove one)")
        seen.add((target.metric, target.severity))
        if target.severity is not None and target.severity not in letters:
            message = f"{target.severity!r} is no severity of this agreement"
            yield Finding(places.line((*where, "severity")), "error", "unknown-severity", message)
        if not 0 < target.warn_at <= 1:
            message = 'a share of warning lies between 0 % and 100 % (write "75 %")'
            yield Finding(places.line((*where, "warn_at")), "error", "warn-share", message)
        if target.calendar not in document.calendars:
            message = f"{target.calendar!r} is no calendar of this agreement"
            yield Finding(places.line((*where, "calendar")), "error", "unknown-calendar", message)
        line = places.line((*where, "duration"))
        yield from _duration(target.metric, target.duration, target.calendar, calendars, line)
    if (Metric.FIRST_REPLY, None) not in seen:
        message = (
            f"policy {policy.key!r} promises no first_reply to a case that has no severity yet"
            " (add a target without a severity)"
        )
        yield Finding(places.line(path), "warning", "no-first-reply", message)
    for letter in sorted(letters):
        covered = {(Metric.ESCALATED_REPLY, letter), (Metric.ESCALATED_REPLY, None)}
        if not covered & seen:
            message = f"policy {policy.key!r} promises no escalated_reply at severity {letter}"
            line = places.line(path)
            yield Finding(line, "warning", "severity-without-target", f"{message} (add a target)")


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
                message = "what an area owes stands with the area (write [areas.KEY] target)"
                yield Finding(line, "error", "area-target-in-policy", message)
    for key, area in document.areas.items():
        if area.target is None:
            continue
        where = ("areas", key, "target")
        line = places.line(where)
        if not 0 < area.target.warn_at <= 1:
            message = 'a share of warning lies between 0 % and 100 % (write "75 %")'
            yield Finding(line, "error", "warn-share", message)
        if area.target.calendar not in document.calendars:
            message = f"{area.target.calendar!r} is no calendar of this agreement"
            yield Finding(line, "error", "unknown-calendar", message)
        yield from _duration(
            Metric.AREA_REPLY, area.target.duration, area.target.calendar, calendars, line
        )
        every = area.target.remind_every
        if every is not None and every < SHORTEST_REMINDER:
            message = (
                f"the area {key!r} would be reminded all the time (remind_every: 15 min or more)"
            )
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
            message = "a promised update is an instant that a person gives (remove the duration)"
            yield Finding(line, "error", "target-duration", message)
        return
    if duration is None or duration <= timedelta(0):
        yield Finding(line, "error", "target-duration", f'{metric} needs a duration (write "1 h")')
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
        message = (
            f"{metric} promises {duration / timedelta(hours=1):g} h, and {calendar_key!r} holds"
            " less than that in the five years that it looks ahead (promise less)"
        )
        yield Finding(line, "error", "beyond-horizon", message)
    else:
        hours = duration / timedelta(hours=1)
        message = (
            f"{metric} promises {hours:g} h, but a week of {calendar_key!r} holds only"
            f" {weekly / timedelta(hours=1):g} h (is the calendar the one you mean?)"
        )
        yield Finding(line, "warning", "target-longer-than-week", message)


def _people(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    for number, step in enumerate(document.ladder):
        if not step.contacts or not all(contact.strip() for contact in step.contacts):
            line = places.line(("ladder", number))
            message = f"ladder level {step.level} has nobody to ring (name a contact)"
            yield Finding(line, "error", "ladder-without-contact", message)
    levels = [step.level for step in document.ladder]
    if levels != list(range(1, len(levels) + 1)):
        message = f"the ladder's levels are {levels} (number them from 1 without a gap)"
        yield Finding(places.line(("ladder", 0)), "error", "ladder-levels", message)
    for severity in document.severities:
        rings = any(
            target.manages_escalation and target.severity in (severity.key, None)
            for policy in document.policies
            for target in policy.targets
        )
        if rings and severity.key not in document.ladder_silence:
            message = (
                f"severity {severity.key} rings the ladder, but nothing says after how much"
                " silence (add it to ladder_silence)"
            )
            line = places.line(("ladder_silence",))
            yield Finding(line, "warning", "ladder-without-silence", message)


def _unused(document: AgreementDocument, places: Places) -> Iterator[Finding]:
    used = {document.support_calendar, *(channel.calendar for channel in document.channels)}
    used |= {target.calendar for policy in document.policies for target in policy.targets}
    used |= {area.target.calendar for area in document.areas.values() if area.target}
    for key in document.calendars:
        if key not in used:
            message = f"nothing runs on the calendar {key!r} (remove it, or use it)"
            yield Finding(places.line(("calendars", key)), "warning", "unused-calendar", message)
    used_areas = {clause.area for clause in document.clauses}
    for key in document.areas:
        if key not in used_areas:
            message = f"no clause leads to the area {key!r} (remove it, or use it)"
            yield Finding(places.line(("areas", key)), "warning", "unused-area", message)
