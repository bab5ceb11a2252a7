"""What macros and rules refuse."""

from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class BadAction(PlazoError):
    """An action that does not exist, or lacks what it needs."""

    code = "bad_action"

    def user_message(self) -> str:
        return _("The action “%(action)s” lacks something: check its choices.") % self.data


class NothingToDo(PlazoError):
    """A rule or macro without any action, or a macro without words as well."""

    code = "nothing_to_do"

    def user_message(self) -> str:
        return _("Say what is to be done: add an action or a text.")


class NoOccasion(PlazoError):
    """A trigger that hears of nothing, or an automation without its moment."""

    code = "no_occasion"

    def user_message(self) -> str:
        return _("Say when it is to run.")


class NameNeeded(PlazoError):
    """A rule or macro without a name: nobody could tell who did what."""

    code = "name_needed"

    def user_message(self) -> str:
        return _("Give it a name: it stands on the cases that it changes.")


class OncePerCase(PlazoError):
    """A rule answers a requester once on each ticket, and no more."""

    code = "once_per_case"

    def user_message(self) -> str:
        return _("This rule has answered on this case already.")


class NobodyToTell(PlazoError):
    """A notice has nobody to go to: no assignee, or a group without people."""

    code = "nobody_to_tell"

    def user_message(self) -> str:
        return _("There was nobody to tell.")


class TooManyAnswers(PlazoError):
    """Too many automatic mails went to this address, company or network lately."""

    code = "too_many_answers"

    def user_message(self) -> str:
        return _("Too many automatic mails went there in the last hour.")
