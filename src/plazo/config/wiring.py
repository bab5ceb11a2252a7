"""Who reads which events: the one place that sees both the heart and its readers."""

from plazo.channels.email import erasure
from plazo.helpcenter import announcing
from plazo.helpcenter import loop as helpcenter_loop
from plazo.helpcenter.access import holds_file
from plazo.notifications import readers as notifications
from plazo.tickets import staging


def connect_readers() -> None:
    """Register every reader of the timeline. Called once, when the apps are ready."""
    notifications.register()
    erasure.register()
    announcing.register_letters()
    helpcenter_loop.register_letters()
    staging.register_holder("helpcenter", holds_file)
