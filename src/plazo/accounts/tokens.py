"""One-time tokens: what is sent is random, what is kept is its digest."""

import hashlib
import secrets


def new_token() -> str:
    """Return a new token: 256 random bits, fit for an address."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token, under which it is found again."""
    return hashlib.sha256(token.encode()).hexdigest()
