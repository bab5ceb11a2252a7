"""What makes two mails alike, or the same, and which language one is in; all of it cheap."""

import hashlib
import re
from typing import Final

from plazo.channels.email.mime import Fields

_COMMON: Final = {
    "es": "el la los las de que y en un una por con para no nos es está gracias hola buenos días"
    " saludos favor orden pedido cómo qué también le les su del al se lo me mi ya pero más muy",
    "en": "the of and to in is that for with you we are not this have please thanks hello regards"
    " order our your it on can i my be was has from but do does will",
    "pt": "o a os as de que e em um uma por com para não nos é está obrigado obrigada olá bom dia"
    " pedido como também você seu sua ao do da das no na se mas mais já foi isso",
}
_WORDS: Final = {code: frozenset(words.split()) for code, words in _COMMON.items()}
_LIKENESS_OF: Final = 20_000
_SAME: Final = ("From", "To", "Cc", "Subject", "Date", "Message-ID")


def language_of(text: str, hint: str) -> str:
    """Guess the language of a text by its commonest words; a header's hint decides a draw."""
    said = " ".join(
        word for word in text[:4000].lower().split() if "://" not in word and "@" not in word
    )
    words = re.findall(r"[^\W\d_]+", said)
    scores = {code: sum(word in known for word in words) for code, known in _WORDS.items()}
    best = max(scores.values())
    leaders = [code for code, score in scores.items() if score == best]
    hinted = hint[:2].lower()
    if best >= 2 and len(leaders) == 1:
        return leaders[0]
    if hinted in scores:
        return hinted
    return leaders[0] if best >= 2 else ""


def fingerprint(text: str) -> str:
    """Return a digest of what a text says apart from numbers, addresses, links and ids.

    Edges: machines that change a number, a date or a token in each mail have one fingerprint. A
        text without any word has none.
    """
    words = (
        word
        for word in text[:_LIKENESS_OF].lower().split()
        if "@" not in word and "://" not in word and not any(map(str.isdigit, word))
    )
    alike = " ".join(re.sub(r"[\W_]+", " ", " ".join(words)).split())
    return hashlib.sha256(alike.encode()).hexdigest() if alike else ""


def content_digest(fields: Fields, body: bytes) -> str:
    """Return a digest of what does not change on the way to one mailbox or another."""
    digest = hashlib.sha256()
    for name in _SAME:
        for value in fields.all(name)[:5]:
            words = " ".join(value.split())
            digest.update(f"{name}:{words}\n".encode("utf-8", "surrogateescape"))
    digest.update(body.replace(b"\r\n", b"\n").lstrip(b"\n").rstrip())
    return digest.hexdigest()
