"""What a ticket refuses. Every code is stable, and says what to do."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class TicketClosed(PlazoError):
    """The ticket is closed for good."""

    code = "ticket_closed"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("%(number)s is closed. Open a new case that mentions it.") % self.data


class ReopenWindowOver(PlazoError):
    """The agreement's window for reopening has passed."""

    code = "reopen_window_over"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return (
            _("%(number)s was solved too long ago to reopen. Open a new case instead.") % self.data
        )


class StatusRefused(PlazoError):
    """The ticket cannot go from one status to the other."""

    code = "status_refused"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("%(number)s cannot go from “%(previous)s” to “%(status)s”.") % self.data


class WaitingForUnknown(PlazoError):
    """Pending must say whom we wait for, and why."""

    code = "waiting_for_unknown"

    def user_message(self) -> str:
        return _("Say whom we are waiting for, and why.")


class UnknownSeverity(PlazoError):
    """The agreement of this ticket has no such severity."""

    code = "unknown_severity"

    def user_message(self) -> str:
        return _("This agreement has no severity “%(severity)s”.") % self.data


class SeverityRequired(PlazoError):
    """Nothing enters level 2 without a severity (agreement §4)."""

    code = "severity_required"

    def user_message(self) -> str:
        return _("Choose a severity first: every case at level 2 has one.")


class UnknownLevel(PlazoError):
    """The ladder of this ticket's agreement has no such level."""

    code = "unknown_level"

    def user_message(self) -> str:
        levels = ", ".join(str(level) for level in self.data["levels"])
        return _("This agreement has no level %(level)s. Its levels are: %(levels)s.") % {
            "level": self.data["level"],
            "levels": levels,
        }


class AlreadyAtLevel(PlazoError):
    """The ticket is at this level, or above it."""

    code = "already_at_level"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("%(number)s is already at level %(level)s.") % self.data


class EmptyBody(PlazoError):
    """There is nothing to send."""

    code = "empty_body"

    def user_message(self) -> str:
        return _("Write something first.")


class UnknownChoice(PlazoError):
    """The agreement in force has no such service, environment or type of request."""

    code = "unknown_choice"

    def user_message(self) -> str:
        return _("Choose one of the options of the form.")


class UnknownAgent(PlazoError):
    """There is no active agent, or no group, with this key."""

    code = "unknown_agent"

    def user_message(self) -> str:
        return _("That agent or group does not exist, or is no longer active.")


class NothingToSendAgain(PlazoError):
    """The reply arrived, or is still on its way, or is no reply."""

    code = "nothing_to_send_again"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("Only a reply that was not delivered can be sent again.")
