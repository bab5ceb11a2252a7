"""Encryption at rest of what must be read back: passwords of servers, secrets of applications,
links on their way into a mail.
"""

import base64
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class CannotUnseal(PlazoError):
    """The installation's key is another one than when this was sealed."""

    code = "cannot_unseal"

    def user_message(self) -> str:
        return _("A stored secret cannot be read: PLAZO_SECRET_KEY has changed. Enter it again.")


def seal(values: dict[str, Any]) -> str:
    """Return values as text that only this installation can read (Fernet: AES-CBC and HMAC)."""
    return _box(settings.SECRET_KEY).encrypt(json.dumps(values).encode()).decode()


def unseal(sealed: str) -> dict[str, Any]:
    """Return what was sealed. Raises: CannotUnseal."""
    try:
        values: dict[str, Any] = json.loads(_box(settings.SECRET_KEY).decrypt(sealed.encode()))
    except (InvalidToken, ValueError) as error:
        raise CannotUnseal from error
    return values


@lru_cache(maxsize=4)
def _box(secret_key: str) -> Fernet:
    # The name is part of every key in use: it stays, wherever this module lives.
    derived = HKDF(SHA256(), 32, salt=None, info=b"plazo.mailboxes.sealing").derive(
        secret_key.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
