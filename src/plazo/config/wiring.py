"""Who reads which events: the one place that sees both the heart and its readers."""

from plazo.channels.email import erasure
from plazo.helpcenter import announcing
from plazo.helpcenter import loop as helpcenter_loop
from plazo.notifications import readers as notifications


def connect_readers() -> None:
    """Register every reader of the timeline. Called once, when the apps are ready."""
    notifications.register()
    erasure.register()
    announcing.register_letters()
    helpcenter_loop.register_letters()
