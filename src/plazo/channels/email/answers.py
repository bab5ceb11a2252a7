"""What an agent's mail is: a public reply, or a note for the team, and with which words.

An agent who answers a notice speaks to the requester. Whatever could be anything else is kept as a
note: it is worse to send the team's own words to a customer than to have to send an answer twice.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from plazo.channels.email.parsed import ParsedMail
from plazo.channels.email.placing import Proof
from plazo.channels.email.quoting import brings_forward, is_passed_on, is_phone_line
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Mailbox

FIRST_LINES: Final = 5
_INVISIBLE: Final = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# What mail programs and Markdown put around a word at the start of a line.
_DRESS: Final = r"[\s*_~`>•·\-–—\"'«»“”\[(]*"
_MARK: Final = re.compile(
    rf"^{_DRESS}#{_DRESS}not[ea]s?(?![^\W_])[\s*_~`:.,;\-–—\"'«»“”\])]*",
    re.IGNORECASE,
)
_LIKE_A_MARK: Final = re.compile(rf"^{_DRESS}#{_DRESS}n[o0]t", re.IGNORECASE)
_NOTICE_HEAD: Final = 12
_TOKEN: Final = re.compile(r"\[plazo:[a-z0-9-]{20,80}\]", re.IGNORECASE)
_AUTHOR: Final = re.compile(r"^[\s>*_]*(?:from|de|von)[*_]*\s*:|:\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent wrote, and whether they said that it is a note."""

    text: str
    is_note: bool


def read(mail: ParsedMail, boxes: Collection[Mailbox], *, desk_url: str) -> Answer:
    """Return what an agent wrote in answer to a notice.

    Edges: only the notice itself is cut off. What looks like a signature or a history may be what
        they want to say, so it stays; of a phone's own line nothing is to be said. A mark for a
        note is found however it is dressed, and what is like one, in the first lines, is one.
    """
    parts = [mail.text]
    if mail.signature_text and not is_phone_line(mail.signature_text):
        parts.append(mail.signature_text)
    if mail.quoted_text and not is_own_notice(mail.quoted_text, boxes, desk_url=desk_url):
        parts.append(mail.quoted_text)
    lines = [
        line
        for line in "\n".join(part.strip("\n") for part in parts).split("\n")
        if not _TOKEN.search(line) and not (line.lstrip().startswith(">") and desk_url in line)
    ]
    return _marked(lines, mail.subject)


def _marked(lines: list[str], subject: str) -> Answer:
    said = [number for number, line in enumerate(lines) if _plain(line).strip()]
    text = "\n".join(lines).strip()
    if not said:
        return Answer(text, is_note=False)
    first = _plain(lines[said[0]])
    mark = _MARK.match(first)
    if mark:
        rest = first[mark.end() :].rstrip(" *_~`")
        return Answer("\n".join([rest, *lines[said[0] + 1 :]]).strip(), is_note=True)
    near = any(_LIKE_A_MARK.match(_plain(lines[number])) for number in said[:FIRST_LINES])
    return Answer(text, is_note=near or "#not" in _plain(subject).lower())


def _plain(line: str) -> str:
    """Return a line as it looks: without what nobody sees, in the ordinary form of its letters."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", line))


def is_own_notice(quoted: str, boxes: Collection[Mailbox], *, desk_url: str) -> bool:
    """Say whether a history is a notice of ours: by its token, its link, or who is said to write.

    Units: `desk_url` begins every link to a case.
    """
    if _TOKEN.search(quoted) or desk_url in quoted:
        return True
    addresses = {address for box in boxes for address in box.addresses}
    for line in quoted.split("\n")[:_NOTICE_HEAD]:
        if not _AUTHOR.search(line):
            continue
        found = re.findall(r"[\w.+%-]{1,100}@[\w.-]{1,200}", line[:600].lower())
        if any(tokens.without_plus(address.rstrip(".")) in addresses for address in found):
            return True
        if any(box.name in line for box in boxes):
            return True
    return False


def may_be_published(answer: Answer, proof: Proof, mail: ParsedMail, own: Collection[str]) -> bool:
    """Say whether an agent's mail is for the requester, and not for somebody else.

    Units: `own` are our addresses. Edges: what is passed on never is; nor what is written to
        others, with us in copy; a notice's reply address among To says that the requester is meant.
    """
    if proof == "mention" or is_passed_on(mail.subject):
        return False
    if brings_forward(mail.text) or brings_forward(answer.text):
        return False
    sender = mail.sender.email if mail.sender else ""
    to = [address.email for address in mail.to if address.email != sender]
    if any(token.kind == tokens.AGENT for token in tokens.in_addresses(to)):
        return True
    ours = [email for email in to if email in own or tokens.without_plus(email) in own]
    return len(ours) == len(to) and (bool(ours) or proof == "address")
