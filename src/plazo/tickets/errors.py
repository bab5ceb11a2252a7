"""What a ticket refuses. Every code is stable, and says what to do."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from plazo.core import localtime
from plazo.core.errors import PlazoError


class TicketClosed(PlazoError):
    """The ticket is closed for good."""

    code = "ticket_closed"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("%(number)s is closed. Open a new case that mentions it.") % self.data


class MergedAway(TicketClosed):
    """The ticket was merged into another one, which goes on."""

    code = "merged_away"

    def user_message(self) -> str:
        return _("%(number)s goes on in %(into)s. Do it there.") % self.data


class MergeRefused(PlazoError):
    """These two tickets cannot be merged as they stand."""

    code = "merge_refused"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        match self.data["why"]:
            case "same":
                return _("A case cannot be merged with itself.")
            case "solved":
                return _("%(number)s is solved. Reopen it first, or merge the other way.") % (
                    self.data
                )
            case "waiting":
                words = _("A reply in %(number)s is about to go out. Merge it in some seconds.")
                return words % self.data
            case _:
                return _("Only those who take part in %(number)s can be taken along.") % self.data


class NotMerged(PlazoError):
    """There is no merge that could be undone."""

    code = "not_merged"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        match self.data["why"]:
            case "late":
                return (
                    _("A merge can be undone for %(days)s days. Open a follow-up instead.")
                    % self.data
                )
            case "closed":
                return (
                    _("%(number)s is closed, so that the merge cannot be undone any more.")
                    % self.data
                )
            case _:
                return _("%(number)s is not merged into another case.") % self.data


class LinkRefused(PlazoError):
    """These two tickets cannot be linked so."""

    code = "link_refused"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        if self.data.get("same"):
            return _("A case cannot be linked with itself.")
        return _("These cases are linked in this way already.")


class NotSplittable(PlazoError):
    """Only what the requester's side wrote, after the first message, becomes a case of its own."""

    code = "not_splittable"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        if self.data.get("split"):
            return _("This message is a case of its own already: %(split)s.") % self.data
        return _("Only a later message of the requester's side can become a case of its own.")


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


class EscalationLocked(PlazoError):
    """Level 1 is not late yet."""

    code = "escalation_locked"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        at, zone, now = self.data["at"], self.data["zone"], self.data["now"]
        return _("You can escalate %(moment)s (%(label)s) if we have not answered by then.") % {
            "moment": localtime.at_words(at, zone, now),
            "label": localtime.zone_label(at, zone),
        }


class NothingToEscalate(PlazoError):
    """Level 1 kept its times, or was escalated over already."""

    code = "nothing_to_escalate"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        if self.data.get("asked"):
            return _("You have escalated this case already: the coordinators were told.")
        return _("There is nothing to escalate: the first times were kept. Write in the case.")


class NothingRings(PlazoError):
    """The ladder of this ticket is silent: somebody has it, or it was done."""

    code = "nothing_rings"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        if self.data.get("who"):
            return _("%(who)s has %(number)s already: nothing rings any more.") % self.data
        return _("Nothing rings in %(number)s any more: it was done.") % self.data


class NotWhileSolved(PlazoError):
    """The ticket is solved: what was asked for makes sense only while it is not."""

    code = "not_while_solved"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        if self.data.get("what") == "promise":
            return _(
                "Nothing can be promised on a case that is solved. Send it with “and keep it "
                "open”, or promise nothing."
            )
        return _("%(number)s is solved. Write in it to open it again.") % self.data


class NotRatable(PlazoError):
    """Only who asked rates the service, and between the solution and the end."""

    code = "not_ratable"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("The service is rated by who asked, once the case is solved and until it closes.")


class AddressNotConfirmed(PlazoError):
    """Whoever opened the case has not shown that their address is theirs."""

    code = "address_not_confirmed"

    def user_message(self) -> str:
        return _("Confirm your own address first: sign in with a link that we send to it.")


class PromiseOutOfRange(PlazoError):
    """A promise is for later, and for a time that somebody still waits for."""

    code = "promise_out_of_range"

    def user_message(self) -> str:
        return _("Promise a time that is still to come, within %(days)s days.") % self.data


class PromiseNotOpen(PlazoError):
    """There is no such promise, or it was kept, or its time has passed."""

    code = "promise_not_open"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("That promise cannot be moved any more: write what is new, and promise anew.")


class PromiseStands(PlazoError):
    """One update, and one solution, at a time is promised."""

    code = "promise_stands"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        if self.data.get("kind") == "solution":
            return _("A solution is promised already. Move it, saying why.")
        return _("An update is promised already. Move it, saying why, or write it.")


class ReasonRequired(PlazoError):
    """Whoever moves a promise says why: the requester reads it."""

    code = "reason_required"

    def user_message(self) -> str:
        return _("Say why: the requester reads it.")


class NotHeld(PlazoError):
    """The reply is not on its way any more: it went out, or was taken back."""

    code = "not_held"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("That reply has gone out already, or was taken back before.")


class TooManyParticipants(PlazoError):
    """So many people take part that nobody more can."""

    code = "too_many_participants"

    def user_message(self) -> str:
        return _("%(most)s people take part in this case already, which is the most.") % self.data


class CasesStillOpen(PlazoError):
    """A person cannot be erased while somebody works for them."""

    code = "cases_still_open"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _(
            "First mark these cases as solved, or wait until they are: %(numbers)s."
            " Then your data can be erased."
        ) % {"numbers": ", ".join(self.data["numbers"])}


class BadTag(PlazoError):
    """A tag is one word."""

    code = "bad_tag"

    def user_message(self) -> str:
        return (
            _("“%(tag)s” cannot be a tag: use letters, digits, hyphens and dots, 40 at most.")
            % self.data
        )


class TooManyTags(PlazoError):
    """A ticket has a limit of tags."""

    code = "too_many_tags"

    def user_message(self) -> str:
        return _("A case takes %(most)s tags at most. Take one off first.") % self.data


class BadFilter(PlazoError):
    """A condition asks for what no ticket has."""

    code = "bad_filter"

    def user_message(self) -> str:
        return _("This condition cannot be asked: “%(field)s”. Choose it anew.") % self.data


class ReadsTooMuch(PlazoError):
    """A list would have to read too many tickets before it finds a page of them."""

    code = "reads_too_much"

    def user_message(self) -> str:
        return _(
            "That takes too long to look up. Add a condition that narrows it down: the status, a"
            " company, a tag, or when the case was opened."
        )


class NeverToMachines(PlazoError):
    """Nothing automatic is sent to a machine, nor to somebody whose data was erased."""

    code = "never_to_machines"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return (
            _("Nobody reads what we send on %(number)s by ourselves: a machine wrote it.")
            % self.data
        )


class UnknownArea(PlazoError):
    """No area, or clause, of this name stands in the case's agreement."""

    code = "unknown_area"

    def user_message(self) -> str:
        return _("The agreement does not name this area. Choose another one.")


class NotAnArea(PlazoError):
    """An address to which what is said between us and an area must not go."""

    code = "not_an_area"

    def user_message(self) -> str:
        match self.data["why"]:
            case "own":
                return _("%(email)s is our own address. Write the area's.") % self.data
            case "takes_part":
                return (
                    _(
                        "%(email)s takes part in the case, and would read what is not for them."
                        " Write them a reply instead."
                    )
                    % self.data
                )
            case _:
                return _("This is not a complete e-mail address.")


class AskEnded(PlazoError):
    """The area was asked, and need not answer any more, or has done so."""

    code = "ask_ended"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("What %(whom)s was asked has ended. Ask anew.") % self.data


class NotSolved(PlazoError):
    """What was asked for makes sense once the ticket is solved."""

    code = "not_solved"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("%(number)s is not solved. Look at how it stands now.") % self.data


class NotWaiting(PlazoError):
    """Nobody waits for the requester: they were heard already."""

    code = "not_waiting"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("We are not waiting for you in %(number)s: it is with us.") % self.data


class UnknownOutcome(PlazoError):
    """A cause or a solution that is not on the team's list, or not any more."""

    code = "unknown_outcome"

    def user_message(self) -> str:
        return _("Choose a cause and a solution from the lists.")


class OutcomeKept(PlazoError):
    """An entry of a list cannot be as it was asked for."""

    code = "outcome_refused"

    def user_message(self) -> str:
        return str(self.data["reason"])
