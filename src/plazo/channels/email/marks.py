"""Marks in a mail's words: our own token, and the armour of OpenPGP."""

import re
from collections.abc import Iterable
from typing import Final

from plazo.channels.email.contents import Contents

_TOKEN: Final = re.compile(r"\[plazo:([a-z0-9-]{20,80})\]", re.IGNORECASE)
_SIGNED: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----"
_SIGNATURE_END: Final = "-----END PGP SIGNATURE-----"
_ENCRYPTED: Final = "-----BEGIN PGP MESSAGE-----"


def body_token(texts: Iterable[str]) -> str:
    """Return the last token of ours in a mail's words; the text that a person sees counts last."""
    found = ""
    for text in texts:
        for match in _TOKEN.finditer(text):
            found = match[1].lower()
    return found


def armour(text: str, found: Contents) -> tuple[str, str]:
    """Return a text without the armour of an OpenPGP signature, and the armour.

    Edges: an encrypted text stays as it is, and the mail counts as encrypted.
    """
    if _ENCRYPTED in text:
        found.protection = "encrypted"
    start = text.find(_SIGNED)
    if start < 0:
        return text, ""
    seal = text.find(_SIGNATURE, start)
    body = text.find("\n\n", start)
    if seal < 0 or not 0 <= body < seal:
        return text, ""
    found.protection = found.protection or "signed"
    end = text.find(_SIGNATURE_END, seal)
    end = len(text) if end < 0 else end + len(_SIGNATURE_END)
    signed = re.sub(r"^- ", "", text[body + 2 : seal], flags=re.MULTILINE)
    return text[:start] + signed.rstrip("\n") + text[end:], text[start:body] + "\n" + text[seal:end]
