"""What was wrong with a mail, in words: the ledger keeps what its reader called it."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: Final[Mapping[str, Promise]] = {
    "broken addresses": _("broken addresses"),
    "broken base64": _("broken base64"),
    "broken content type": _("broken content type"),
    "broken date": _("broken date"),
    "broken header line": _("broken header line"),
    "broken uuencode": _("broken uuencode"),
    "guessed charset": _("guessed charset"),
    "multipart without parts": _("multipart without parts"),
    "no end of the header": _("no end of the header"),
    "no usable From": _("no usable From"),
    "raw bytes in a header": _("raw bytes in a header"),
    "several From": _("several From"),
    "several authors": _("several authors"),
    "text after base64": _("text after base64"),
    "too many parts": _("too many parts"),
    "unknown charset": _("unknown charset"),
    "unreadable": _("unreadable"),
    "unreadable RTF": _("unreadable RTF"),
    "unreadable part": _("unreadable part"),
    "unreadable winmail.dat": _("unreadable winmail.dat"),
    "very long header": _("very long header"),
    "very long text": _("very long text"),
    "wrong charset": _("wrong charset"),
}


def in_words(defect: str) -> str:
    """Say a defect in the reader's language, with what the reader added to it after a colon."""
    name, colon, more = defect.partition(": ")
    return f"{WORDS.get(name, name)}{colon}{more}"
