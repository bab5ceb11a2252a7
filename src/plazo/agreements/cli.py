"""Sub-commands of `plazo agreement`."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo


def add_commands(commands: Any) -> None:
    """Add `agreement check|explain|publish|list|show`."""
    parser = commands.add_parser("agreement", help="check, explain and publish the agreement")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="list everything that is wrong with a file")
    check.add_argument("file", type=Path)
    check.set_defaults(run=_check, needs="nothing")

    explain = actions.add_parser("explain", help="show every deadline of a case, with its segments")
    explain.add_argument("file", type=Path)
    at = "A civil time in the agreement's zone, or ISO 8601 with an offset"
    explain.add_argument("--opened", required=True, metavar="TIME", help=at)
    explain.add_argument("--severity", metavar="LETTER", help="the severity at level 2")
    explain.add_argument("--escalated", metavar="TIME", help="when it entered level 2")
    explain.add_argument("--replied", metavar="TIME", action="append", default=[])
    explain.add_argument("--verdict", metavar="TIME", help="when its scope was decided")
    explain.add_argument("--paused", metavar="TIME", action="append", default=[])
    explain.add_argument("--resumed", metavar="TIME", action="append", default=[])
    explain.add_argument("--solved", metavar="TIME")
    explain.add_argument("--now", metavar="TIME", help="as seen at this time; else at the opening")
    explain.add_argument("--service", default=None)
    explain.add_argument("--language", choices=("es", "en"), default="es")
    explain.set_defaults(run=_explain, needs="django")

    publish = actions.add_parser("publish", help="publish a file as the next version")
    publish.add_argument("file", type=Path)
    publish.add_argument(
        "--effective", metavar="TIME", help=f"in force from then; else from now. {at}"
    )
    publish.add_argument(
        "--backdate",
        action="store_true",
        help="let --effective lie in the past; it changes no case that was opened since then",
    )
    publish.set_defaults(run=_publish, needs="database")
    listing = actions.add_parser("list", help="list the versions that were published")
    listing.set_defaults(run=_list, needs="database")
    show = actions.add_parser("show", help="print the text of a version")
    show.add_argument("key")
    show.add_argument("number", type=int)
    show.set_defaults(run=_show, needs="database")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        print(f"plazo: cannot read {path}: {reason}", file=sys.stderr)
        raise SystemExit(1) from error


def _check(arguments: argparse.Namespace) -> int:
    from plazo.agreements.lint import check

    findings = check(_read(arguments.file))
    for finding in findings:
        print(f"{arguments.file}:{finding}")
    errors = sum(finding.is_error for finding in findings)
    if not findings:
        print(f"{arguments.file}: sound")
    else:
        print(f"{errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


class BadTime(Exception):
    """A time that cannot be read; the message says how to write it."""


def instant_of(text: str, zone: str) -> datetime:
    """Read a civil time in `zone`, or ISO 8601 with an offset, as a UTC instant."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTime(f'{text!r} is no time: write it as "2026-11-21 16:40"') from error
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=ZoneInfo(zone))
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise BadTime(f"{text!r} is too far away to count with: check the year") from error


def _sound_document(path: Path) -> Any:
    return _sound(_read(path), path)


def zone_of(document: Any) -> str:
    """Return the zone in which an agreement's bare times are read."""
    return str(document.calendars[document.support_calendar].zone)


def _sound(source: str, path: Path) -> Any:
    from plazo.agreements.document import parse
    from plazo.agreements.lint import check

    errors = [finding for finding in check(source) if finding.is_error]
    if errors:
        for finding in errors:
            print(f"{path}:{finding}", file=sys.stderr)
        raise SystemExit(1)
    return parse(source)


def _explain(arguments: argparse.Namespace) -> int:
    from django.utils import translation

    from plazo.agreements.terminal import Story, print_explanations
    from plazo.sla import SlaError

    document = _sound_document(arguments.file)
    zone = zone_of(document)
    try:
        with translation.override(arguments.language):
            story = Story.from_arguments(arguments, document, lambda text: instant_of(text, zone))
            print_explanations(document, story, arguments.language)
    except BadTime as error:
        print(f"plazo: {error}", file=sys.stderr)
        return 2
    except (SlaError, ValueError) as error:
        print(f"plazo: {error}", file=sys.stderr)
        return 1
    except OverflowError:
        print("plazo: these dates are too far away to count with: check the years", file=sys.stderr)
        return 1
    return 0


def _publish(arguments: argparse.Namespace) -> int:
    from django.utils import timezone

    from plazo.agreements.commands import publish_agreement
    from plazo.agreements.errors import AgreementRefused, AlreadyPublished
    from plazo.agreements.queries import key_in_use
    from plazo.core.actor import Actor

    source = _read(arguments.file)
    zone = zone_of(_sound(source, arguments.file))
    now = timezone.now()
    try:
        effective = instant_of(arguments.effective, zone) if arguments.effective else now
        if effective < now and not arguments.backdate:
            print(
                f"plazo: {effective.astimezone(ZoneInfo(zone)).isoformat()} is past. Cases that"
                " were opened since then keep the version that they have; to publish it all the"
                " same, as having been in force from then, add --backdate.",
                file=sys.stderr,
            )
            return 1
        version = publish_agreement(
            source=source, effective_at=effective, actor=Actor.system("plazo agreement"), now=now
        )
    except BadTime as error:
        print(f"plazo: {error}", file=sys.stderr)
        return 2
    except AgreementRefused as error:
        for finding in error.data["findings"]:
            print(f"{arguments.file}:{finding}", file=sys.stderr)
        return 1
    except AlreadyPublished as error:
        print(error)
        return 0
    there = version.effective_at.astimezone(ZoneInfo(zone))
    print(f"Published {version} in force from {there.isoformat()}")
    used = key_in_use()
    if version.key != used:
        print(f"New cases fall under {used!r}. For this one set PLAZO_AGREEMENT={version.key}.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from plazo.agreements.models import AgreementVersion

    for version in AgreementVersion.objects.order_by("key", "number"):
        print(
            f"{version.key} {version.number:>3}  {version.effective_at.isoformat()}"
            f"  {version.sha256[:12]}  {version.published_by}"
        )
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from plazo.agreements.models import AgreementVersion

    version = AgreementVersion.objects.filter(key=arguments.key, number=arguments.number).first()
    if version is None:
        print(f"plazo: no version {arguments.number} of {arguments.key!r}", file=sys.stderr)
        return 1
    print(version.source, end="")
    return 0
