"""Who reads which events, and who keeps which files: the one place that sees them all."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from plazo.accounts import staff
from plazo.accounts.models import Agent
from plazo.accounts.queries import absences_at, standing_in
from plazo.accounts.zones import register_house_zone
from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.queries import newest_version
from plazo.automation import running, telling
from plazo.channels.email import erasure as mail_erasure
from plazo.core import storing
from plazo.escalation import letters as ladder_letters
from plazo.escalation import people as ladder_people
from plazo.escalation import rings
from plazo.helpcenter import announcing
from plazo.helpcenter import erasure as helpcenter_erasure
from plazo.helpcenter import loop as helpcenter_loop
from plazo.helpcenter import queries as articles
from plazo.helpcenter.access import holds_file
from plazo.mailboxes import queries as mailboxes
from plazo.notifications import case_letters, concerned, news_letters, noticing, people
from plazo.notifications import erasure as mails_erasure
from plazo.notifications import readers as notifications
from plazo.tickets import erasure as tickets_erasure
from plazo.tickets import files, staging, waiting
from plazo.tickets import live as tickets_live
from plazo.tickets import queries as tickets
from plazo.tickets.search import indexing
from plazo.triage import letters as area_letters
from plazo.triage import readers as area_readers


def connect_readers() -> None:
    """Register every reader of the timeline and keeper of files. Called once, when all is ready."""
    register_house_zone(_support_zone)
    notifications.register()
    running.register()
    telling.register_letters()
    noticing.register()
    concerned.register_substitutes(_substitutes)
    ladder_people.register()
    rings.register()
    ladder_letters.register()
    tickets_live.register()
    waiting.register()
    mail_erasure.register()
    tickets_erasure.register()
    indexing.register()
    mails_erasure.register()
    helpcenter_erasure.register()
    people.register_letters()
    case_letters.register_letters()
    news_letters.register()
    area_readers.register()
    area_letters.register()
    announcing.register_letters()
    helpcenter_loop.register_letters()
    staging.register_holder("helpcenter", holds_file)
    staff.register_holder(tickets.held_by, name="tickets")
    staff.register_holder(mailboxes.held_by, name="mailboxes")
    storing.register(files.kept, name="tickets")
    storing.register(articles.kept_files, name="help center")


def _support_zone() -> str:
    """Return the zone of the agreement's support hours; nothing before one is published."""
    try:
        document = newest_version().document
    except NoAgreementInForce:
        return ""
    return str(document.calendars[document.support_calendar].zone)


def _substitutes(agents: Iterable[Agent], at: datetime) -> Mapping[int, int]:
    """Return who of some agents is away at `at`, each with who stands in. One query."""
    away = absences_at(at)
    return {
        agent.pk: standing.pk
        for agent in agents
        if (standing := standing_in(agent, away)).pk != agent.pk
    }
