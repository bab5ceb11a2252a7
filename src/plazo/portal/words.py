"""How a case stands, in the words of those who wait for us."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.tickets.models import Status, Ticket

# What can be asked for in a list, by the keys of `tickets.requests.STATUSES`.
STATUS_CHOICES = (
    ("new", gettext_lazy("Received")),
    ("open", gettext_lazy("In progress")),
    ("you", gettext_lazy("Waiting for you")),
    ("others", gettext_lazy("Waiting for others")),
    ("solved", gettext_lazy("Solved")),
    ("closed", gettext_lazy("Closed")),
)


def status_words(ticket: Ticket) -> str:
    """Return a case's status as one says it to whoever asked."""
    match ticket.status:
        case Status.PENDING if ticket.waiting_for == "requester":
            return _("Waiting for you")
        case Status.PENDING if ticket.waiting_for == "area":
            return _("With another area")
        case Status.PENDING | Status.ON_HOLD:
            return _("Waiting for others")
        case Status.NEW:
            return _("Received")
        case Status.SOLVED:
            return _("Solved")
        case Status.CLOSED:
            return _("Closed")
        case _:
            return _("In progress")


# The first that fits counts: Edge and Opera call themselves Chrome too, and Chrome Safari.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def device_words(user_agent: str) -> str:
    """Return what a browser says of itself in two words: "Firefox, Windows"."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), _("A browser"))
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return f"{browser}, {system}" if system else browser
