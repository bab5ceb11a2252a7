"""OAuth 2 for mailboxes: an access token from the kept refresh token, renewed before it ends.

Source: RFC 6749 §6; Google's and Microsoft's pages on XOAUTH2 for IMAP and SMTP.
"""

import time
from typing import Any, Final

import httpx2
from django.db import transaction
from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError
from plazo.mailboxes.models import Mailbox, SignIn

TOKEN_URLS: Final = {
    SignIn.GOOGLE: "https://oauth2.googleapis.com/token",
    SignIn.MICROSOFT: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
}
RENEW_BEFORE_SECONDS: Final = 300.0
TIMEOUT_SECONDS: Final = 20.0


class ConsentWithdrawn(PlazoError):
    """The refresh token is no longer good: somebody must give consent again."""

    code = "consent_withdrawn"

    def user_message(self) -> str:
        return _("The provider no longer lets us in: give consent to the mailbox again.")


class TokenTrouble(PlazoError):
    """The provider's token service did not answer as it should; trying again may help."""

    code = "token_trouble"

    def user_message(self) -> str:
        return _("The provider's sign-in service did not answer: %(what)s") % self.data


def access_token(mailbox: Mailbox) -> str:
    """Return a token that is good for some minutes yet; fetch and keep a new one if need be.

    Units: secrets `client_id`, `client_secret`, `refresh_token`; `token_url` overrides the
        provider's. The token is kept sealed, with the second at which it ends.
    Edges: processes that renew at once each get a good token; the last one is kept.
    Raises: ConsentWithdrawn; TokenTrouble; CannotUnseal.
    """
    secrets = mailbox.secrets
    if float(secrets.get("access_until") or 0) - time.time() > RENEW_BEFORE_SECONDS:
        return str(secrets["access_token"])
    answer = _refresh(mailbox, secrets)
    kept = {
        "access_token": str(answer["access_token"]),
        "access_until": str(time.time() + float(answer.get("expires_in") or 3600)),
        # Microsoft gives a new refresh token with each answer; the old one ends some day.
        "refresh_token": str(answer.get("refresh_token") or secrets["refresh_token"]),
    }
    with transaction.atomic():
        fresh = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
        fresh.keep_secrets(**kept)
        fresh.save(update_fields=["sealed"])
    mailbox.sealed = fresh.sealed
    return kept["access_token"]


def forget_access_token(mailbox: Mailbox) -> None:
    """Have the next sign-in fetch a new token, since the server refused this one."""
    with transaction.atomic():
        fresh = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
        fresh.keep_secrets(access_token="", access_until="")
        fresh.save(update_fields=["sealed"])
    mailbox.sealed = fresh.sealed


def _refresh(mailbox: Mailbox, secrets: dict[str, Any]) -> dict[str, Any]:
    url = secrets.get("token_url") or TOKEN_URLS[SignIn(mailbox.sign_in)]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": secrets.get("refresh_token", ""),
        "client_id": secrets.get("client_id", ""),
    }
    if secrets.get("client_secret"):
        form["client_secret"] = secrets["client_secret"]
    try:
        response = httpx2.post(url, data=form, timeout=TIMEOUT_SECONDS)
        answer: dict[str, Any] = dict(response.json())
    except (httpx2.HTTPError, ValueError, TypeError) as error:
        raise TokenTrouble(what=str(error)[:300]) from error
    if answer.get("error") in {"invalid_grant", "interaction_required", "consent_required"}:
        raise ConsentWithdrawn
    if response.status_code != 200 or not answer.get("access_token"):
        what = answer.get("error_description") or answer.get("error") or response.status_code
        raise TokenTrouble(what=str(what)[:300])
    return answer
