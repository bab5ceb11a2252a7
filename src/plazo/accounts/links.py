"""Links that sign somebody in: asked for by address, sent by mail, used up once."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from plazo.accounts.commands import account_for
from plazo.accounts.errors import LinkNoLongerGood
from plazo.accounts.models import Requester, SignInLink, User, normal_email
from plazo.accounts.tokens import digest_of, new_token

GOOD_FOR: Final = timedelta(minutes=20)
FORGET_AFTER: Final = timedelta(days=1)


def is_known(email: str) -> bool:
    """Say whether a link may be sent to an address: somebody we know has it."""
    address = normal_email(email)
    account = User.objects.filter(email=address).first()
    if account is not None:
        return account.is_active
    return Requester.objects.filter(email=address).exists()


@transaction.atomic
def make_link(*, email: str, following: str = "", now: datetime) -> tuple[SignInLink, str]:
    """Make a link for an address; return it with its token, which is kept nowhere.

    Units: `following` is the path that the sign-in leads to.
    """
    SignInLink.objects.filter(expires_at__lt=now - FORGET_AFTER).delete()
    token = new_token()
    link = SignInLink.objects.create(
        digest=digest_of(token),
        email=normal_email(email),
        following=following[:500],
        created_at=now,
        expires_at=now + GOOD_FOR,
    )
    return link, token


def link_behind(token: str, *, now: datetime) -> SignInLink:
    """Return a link that is still good, without using it up. Raises: LinkNoLongerGood."""
    link = SignInLink.objects.filter(digest=digest_of(token)).first()
    if link is None or link.used_at is not None or link.expires_at <= now:
        raise LinkNoLongerGood
    return link


@transaction.atomic
def use_link(*, token: str, now: datetime) -> tuple[User, str]:
    """Use a link up; return whose account it opens, and where it leads.

    Edges: of two uses at once one wins. The other open links of the address end with it. The
        address is confirmed by it, and a known requester gets their account.
    Raises: LinkNoLongerGood.
    """
    link = link_behind(token, now=now)
    used = SignInLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now)
    if not used.update(used_at=now):
        raise LinkNoLongerGood
    SignInLink.objects.filter(email=link.email, used_at=None).update(used_at=now)
    user = account_for(email=link.email, now=now)
    if user is None:
        raise LinkNoLongerGood
    return user, link.following
