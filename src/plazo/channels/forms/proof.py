"""A little work instead of a riddle: what a form asks of a network that has sent many.

A browser finds a number such that the SHA-256 of a challenge and the number begins with so many
zero bits. It takes a second; for who sends thousands of forms it takes hours. No third party, no
picture to read, nothing to type.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from django.core.signing import BadSignature, Signer

BITS: Final = 16
LASTS: Final = timedelta(hours=2)
_SIGNER: Final = Signer(salt="plazo.forms.proof")


def challenge(now: datetime) -> str:
    """Return a new challenge, signed."""
    return _SIGNER.sign_object({"at": now.timestamp(), "salt": secrets.token_hex(8)})


def is_solved(asked: str, answer: str, *, now: datetime) -> bool:
    """Say whether an answer solves a challenge of ours that is not too old.

    Edges: an answer is good for one submission of one form: the submission's key sees to that.
    """
    try:
        at = datetime.fromtimestamp(_SIGNER.unsign_object(asked)["at"], UTC)
    except (BadSignature, KeyError, TypeError, ValueError):
        return False
    if not timedelta() <= now - at <= LASTS or not answer.isdigit() or len(answer) > 12:
        return False
    digest = hashlib.sha256(f"{asked}:{answer}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - BITS) == 0
