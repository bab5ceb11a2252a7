"""Who reads which events, and who keeps which files: the one place that sees them all."""

from plazo.channels.email import erasure as mail_erasure
from plazo.core import storing
from plazo.helpcenter import announcing
from plazo.helpcenter import erasure as helpcenter_erasure
from plazo.helpcenter import loop as helpcenter_loop
from plazo.helpcenter import queries as articles
from plazo.helpcenter.access import holds_file
from plazo.notifications import erasure as mails_erasure
from plazo.notifications import people
from plazo.notifications import readers as notifications
from plazo.tickets import erasure as tickets_erasure
from plazo.tickets import files, staging
from plazo.tickets import live as tickets_live


def connect_readers() -> None:
    """Register every reader of the timeline and keeper of files. Called once, when all is ready."""
    notifications.register()
    tickets_live.register()
    mail_erasure.register()
    tickets_erasure.register()
    mails_erasure.register()
    helpcenter_erasure.register()
    people.register_letters()
    announcing.register_letters()
    helpcenter_loop.register_letters()
    staging.register_holder("helpcenter", holds_file)
    storing.register(files.kept, name="tickets")
    storing.register(articles.kept_files, name="help center")
