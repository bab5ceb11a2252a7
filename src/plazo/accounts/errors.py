"""What is refused to people about accounts. Every code is stable, and says what to do."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class LinkNoLongerGood(PlazoError):
    """A link was used already, is too old, or was never ours: nobody is told which."""

    code = "link_no_longer_good"
    http_status = HTTPStatus.GONE

    def user_message(self) -> str:
        return _("This link was used already or is too old. Ask for a new one.")


class InvitationOver(PlazoError):
    """An invitation was accepted already, was taken back, or is too old."""

    code = "invitation_over"
    http_status = HTTPStatus.GONE

    def user_message(self) -> str:
        return _(
            "This invitation was used already, was taken back, or is too old."
            " If you have an account, sign in; if not, ask whoever invited you for another."
        )


class OneOfOurs(PlazoError):
    """The address is one of our own team's."""

    code = "one_of_ours"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("%(email)s belongs to the support team, and is no client's.") % self.data


class CompanyNamed(PlazoError):
    """Another company has the name."""

    code = "company_named"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("There is a company called %(name)s already. Give this one another name.") % (
            self.data
        )


class OfAnotherCompany(PlazoError):
    """Somebody belongs to another company already."""

    code = "of_another_company"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        words = _("%(email)s cannot be added to this company. Write to the support team about it.")
        return words % self.data


class MemberAlready(PlazoError):
    """Somebody belongs to the company and has an account."""

    code = "member_already"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("%(email)s has access already.") % self.data


class ForeignDomain(PlazoError):
    """A company's own people may only invite addresses of the company."""

    code = "foreign_domain"

    def user_message(self) -> str:
        return (
            _(
                "You can invite addresses of your company (%(domains)s)."
                " For any other, write to the support team."
            )
            % self.data
        )


class NoCompany(PlazoError):
    """An invitation must say into which company."""

    code = "no_company"

    def user_message(self) -> str:
        return _("Choose the company first.")


class LastManager(PlazoError):
    """A company must keep somebody who may invite."""

    code = "last_manager"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("Give somebody else the company's cases first: one person must keep them.")


class DomainTaken(PlazoError):
    """Two companies cannot sign in addresses of one domain."""

    code = "domain_taken"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("%(domain)s belongs to the sign-in “%(key)s” already.") % self.data


class UnfitProvider(PlazoError):
    """A company's sign-in cannot be set up as it was described."""

    code = "unfit_provider"

    def user_message(self) -> str:
        return str(self.data["why"])
