"""Who reads which events: the one place that sees both the heart and its readers."""

from plazo.channels.email import erasure as mail_erasure
from plazo.helpcenter import announcing
from plazo.helpcenter import erasure as helpcenter_erasure
from plazo.helpcenter import loop as helpcenter_loop
from plazo.helpcenter.access import holds_file
from plazo.notifications import erasure as mails_erasure
from plazo.notifications import people
from plazo.notifications import readers as notifications
from plazo.tickets import erasure as tickets_erasure
from plazo.tickets import staging


def connect_readers() -> None:
    """Register every reader of the timeline. Called once, when the apps are ready."""
    notifications.register()
    mail_erasure.register()
    tickets_erasure.register()
    mails_erasure.register()
    helpcenter_erasure.register()
    people.register_letters()
    announcing.register_letters()
    helpcenter_loop.register_letters()
    staging.register_holder("helpcenter", holds_file)
