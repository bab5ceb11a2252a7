"""What views and bulk actions refuse. Every code is stable, and says what to do."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class BadView(PlazoError):
    """A view asks for an order, a group or a column that is not declared, or has no name."""

    code = "bad_view"

    def user_message(self) -> str:
        return _("Give the view a name, and choose its order and its groups from the lists.")


class TooManyViews(PlazoError):
    """Nobody finds their way through more."""

    code = "too_many_views"

    def user_message(self) -> str:
        return _("There are %(most)s views already. Remove one that nobody needs.") % self.data


class OnlyCoordinatorsShare(PlazoError):
    """What all agents share is written by coordinators."""

    code = "only_coordinators_share"
    http_status = HTTPStatus.FORBIDDEN

    def user_message(self) -> str:
        return _("A coordinator can share a view. Save it for yourself, and ask one.")


class UnknownBulk(PlazoError):
    """There is no such action on many tickets, or it says not enough."""

    code = "unknown_bulk"

    def user_message(self) -> str:
        return _("Choose what to do with the cases.")


class TooManyTickets(PlazoError):
    """One action takes only so many."""

    code = "too_many_tickets"

    def user_message(self) -> str:
        return _("Choose %(most)s cases at most.") % self.data


class UndoOver(PlazoError):
    """It was undone already, or too long ago."""

    code = "undo_over"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("That can no longer be undone. Change the cases themselves.")
