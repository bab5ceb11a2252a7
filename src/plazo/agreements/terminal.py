"""Explanations on the terminal: every deadline of a made-up case, with its segments."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from plazo.agreements.convert import to_agreement
from plazo.agreements.document import AgreementDocument
from plazo.agreements.intervals import rows_of, table_of
from plazo.agreements.labels import metric_label, state_label
from plazo.core import localtime
from plazo.sla import Evaluation, Explanation, Fact, evaluate, explain_applied
from plazo.sla import facts as f


@dataclass(frozen=True, slots=True)
class Story:
    """A case to be explained: its facts, and when one looks at it."""

    facts: list[Fact] = field(default_factory=list)
    now: datetime | None = None

    @classmethod
    def from_arguments(
        cls, arguments: Any, document: AgreementDocument, read: Callable[[str], datetime]
    ) -> "Story":
        """Order what the command line tells into facts.

        Raises: ValueError for a severity or service that the agreement lacks, and for anything
            before the opening.
        """
        _known(arguments, document)
        opened = read(arguments.opened)
        facts: list[Fact] = []
        for number, text in enumerate(arguments.replied, 1):
            facts.append(f.RepliedPublicly(read(text), str(number)))
        if arguments.verdict:
            facts.append(f.VerdictGiven(read(arguments.verdict)))
        if arguments.escalated or arguments.severity:
            at = read(arguments.escalated) if arguments.escalated else opened
            if arguments.severity:
                facts.append(f.SeveritySet(at, arguments.severity))
            facts.append(f.LevelEntered(at, 2))
        facts += [f.Paused(read(text), "", "requester") for text in arguments.paused]
        facts += [f.Resumed(read(text)) for text in arguments.resumed]
        if arguments.solved:
            facts.append(f.Solved(read(arguments.solved)))
        facts.sort(key=lambda fact: fact.at)
        if facts and facts[0].at < opened:
            raise ValueError(_("Nothing can happen to a case before it is opened."))
        last = facts[-1].at if facts else opened
        now = read(arguments.now) if arguments.now else last
        if now < opened:
            raise ValueError(_("A case cannot be looked at before it is opened."))
        return cls([f.Opened(opened, arguments.service), *facts], now)


def _known(arguments: Any, document: AgreementDocument) -> None:
    severities = [severity.key for severity in document.severities]
    if arguments.severity and arguments.severity not in severities:
        raise ValueError(
            _("This agreement has no severity “%(name)s”: choose one of %(known)s.")
            % {"name": arguments.severity, "known": ", ".join(severities)}
        )
    if arguments.service and arguments.service not in document.services:
        raise ValueError(
            _("This agreement has no service “%(name)s”: choose one of %(known)s.")
            % {"name": arguments.service, "known": ", ".join(document.services)}
        )


def print_explanations(document: AgreementDocument, story: Story, language: str) -> None:
    """Print every clock of the story as it stands at its `now`."""
    agreement = to_agreement(document, 1)
    now = story.now or story.facts[0].at
    evaluation: Evaluation = evaluate(agreement, story.facts, now)
    zone = document.calendars[document.support_calendar].zone
    print(document.name.in_language(language))
    print(_("As seen at %(when)s") % {"when": _stamp(now, zone)})
    for applied in evaluation.applied:
        explanation = explain_applied(agreement, evaluation, story.facts, applied.key, now)
        print()
        for line in lines_of(explanation, document, language):
            print(line)


def _stamp(instant: datetime, zone: str) -> str:
    date = localtime.long_date(instant, zone, with_year=True)
    clock = localtime.clock_time(instant, zone)
    return f"{date}, {clock} {localtime.zone_label(instant, zone)}"


def lines_of(explanation: Explanation, document: AgreementDocument, language: str) -> list[str]:
    """Return one explanation as lines of text, aligned, in the active language."""
    applied, zone = explanation.applied, explanation.calendar.zone
    calendar = document.calendars[applied.calendar].name.in_language(language)
    title = metric_label(applied.metric)
    if applied.severity:
        title += f" · {_('severity')} {applied.severity}"
    length = localtime.exact_duration(applied.duration)
    lines = [
        f"{title}  [{state_label(applied.state)}]",
        f"  {length} · {calendar} ({zone})",
    ]
    if applied.due_at is not None:
        due = _("due %(when)s") % {"when": _stamp(applied.due_at, zone)}
        lines.append(f"  {due}")
    lines += [f"    {line}" for line in table_of(rows_of(explanation))]
    elapsed = localtime.exact_duration(applied.elapsed)
    lines.append(
        "  " + _("counted %(elapsed)s of %(duration)s") % {"elapsed": elapsed, "duration": length}
    )
    return lines
