"""allauth's hooks: nobody makes an account by themselves yet; people are invited."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import translation


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Closes the public sign-up: agents are added by an administrator."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """Do nothing: the address is the name of the account."""

    def format_email_subject(self, subject: str) -> str:
        """Leave the subject alone: allauth would put the name of a host before it."""
        return subject

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        """Write a mail about an account in the language of its person, in our mails' frame."""
        user = context.get("user")
        language = user.language if user is not None else translation.get_language() or "es"
        with translation.override(language):
            subject = render_to_string(f"{template_prefix}_subject.txt", context).strip()
            frame = {"language": language, "subject": subject, "desk_name": "Plazo"}
            mail: EmailMessage = super().render_mail(
                template_prefix, email, {**context, **frame}, headers
            )
            return mail
