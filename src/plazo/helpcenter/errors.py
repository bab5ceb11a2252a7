"""What can be refused in the knowledge base."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class AddressTaken(PlazoError):
    """Another article has this address in this language."""

    code = "address_taken"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("Another article has the address “%(slug)s”. Choose a different one.") % self.data


class KeyTaken(PlazoError):
    """Another article, section or category has this key."""

    code = "key_taken"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("“%(key)s” is taken. Choose a different key.") % self.data


class NothingWritten(PlazoError):
    """An article without a title or without a text."""

    code = "nothing_written"

    def user_message(self) -> str:
        return _("Write a title and a text first.")


class SomebodyElseSaved(PlazoError):
    """The text was saved by somebody else since it was opened for editing."""

    code = "somebody_else_saved"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _(
            "%(name)s saved this article while you were editing. Your text is still here: compare"
            " it with theirs, then save again."
        ) % {"name": self.data["name"]}


class MayNotPublish(PlazoError):
    """Publishing is for coordinators, managers and administrators."""

    code = "may_not_publish"
    http_status = HTTPStatus.FORBIDDEN

    def user_message(self) -> str:
        return _("Coordinators publish articles. Send it to review instead.")


class MayNotArrange(PlazoError):
    """Shelves, synonyms and featured searches are for coordinators, managers and administrators."""

    code = "may_not_arrange"
    http_status = HTTPStatus.FORBIDDEN

    def user_message(self) -> str:
        return _("Coordinators arrange the sections and the search. Ask one of them.")


class NotInReview(PlazoError):
    """Only a text in review can be sent back."""

    code = "not_in_review"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("This text is not in review any more. Look at it again.")


class LeadsNowhere(PlazoError):
    """A text that points to articles or files that are not there cannot be published."""

    code = "leads_nowhere"

    def user_message(self) -> str:
        names = ", ".join(self.data["names"])
        return _("The text points to what is not there: %(names)s. Mend it, then publish.") % {
            "names": names
        }


class FileInUse(PlazoError):
    """A file that a text shows cannot be removed."""

    code = "file_in_use"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("The text uses “%(name)s”. Take it out of the text first.") % self.data


class NotYetPossible(PlazoError):
    """An instant for publishing that has passed."""

    code = "not_yet_possible"

    def user_message(self) -> str:
        return _("Choose a time that is still to come.")


class EditionExists(PlazoError):
    """The article is there in this language already."""

    code = "edition_exists"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("This article is there in that language already.")


class ShelfInUse(PlazoError):
    """A section with articles, or a category with sections, cannot be removed."""

    code = "shelf_in_use"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("It is not empty. Move what is in it first.")


class FileRefused(PlazoError):
    """A file that an article cannot have."""

    code = "file_refused"

    def user_message(self) -> str:
        return _("“%(name)s” is too large, or empty.") % self.data


class AlreadyResolved(PlazoError):
    """An announcement that has ended takes no more updates."""

    code = "already_resolved"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("This announcement is resolved already.")


class FolderRefused(PlazoError):
    """A folder of articles that cannot be imported; nothing of it was."""

    code = "folder_refused"

    def user_message(self) -> str:
        return _("The folder cannot be imported: %(problems)s") % {
            "problems": "; ".join(self.data["problems"])
        }
