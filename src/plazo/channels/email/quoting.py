"""Finding what somebody wrote among what they quote. Nothing is ever thrown away: only divided.

Rules that keep prose whole: a line of attribution must hold a date; an Outlook header needs at
least three labels, a date and a subject among them; text after a quotation means that the answer
stands below or between, and then the quotation stays where it is.
"""

import re
from dataclasses import dataclass
from typing import Final

_DATE: Final = (
    r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}(?:st|nd|rd|th)?\s+(?:de\s+)?[A-Za-zÀ-ÿ]{3,12}\.?,?"
    r"\s+(?:de\s+)?\d{2,4}|[A-Za-zÀ-ÿ]{3,12}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})"
)
_ATTRIBUTION: Final = re.compile(
    rf"^[>\s]*(?:(?:El|Le|On|Em|Am|Il)\s|\d).{{0,60}}?{_DATE}.{{0,300}}?"
    r"(?:escribi[oó]|wrote|escreveu|a écrit|schrieb|ha scritto)\s*:?\s*$",
    re.IGNORECASE,
)
_ATTRIBUTION_LATER: Final = re.compile(
    rf"^[>\s]*.{{1,120}}?(?:escribi[oó]|wrote|escreveu)\s+(?:el|on|em)\s.{{0,60}}?{_DATE}.{{0,40}}:\s*$",
    re.IGNORECASE,
)
_DATED_SENDER: Final = re.compile(r"^[>\s]*\d{4}-\d{2}-\d{2}\s.{4,200}<[^<>\s]+@[^<>\s]+>:\s*$")
_ENDS: Final = re.compile(r"(?:escribi[oó]|wrote|escreveu|a écrit)\s*:?\s*$", re.IGNORECASE)
_DIVIDER: Final = re.compile(
    r"^\s*[-_]{2,}\s*(?:Original Message|Mensaje original|Mensagem original|Original Appointment|"
    r"Message d'origine)\s*[-_]{2,}\s*$",
    re.IGNORECASE,
)
_FORWARD: Final = re.compile(
    r"^\s*(?:[-_]{4,}\s*(?:Forwarded message|Mensaje reenviado|Mensagem encaminhada)\s*[-_]{4,}|"
    r"Begin forwarded message:|Inicio del mensaje reenviado:)\s*$",
    re.IGNORECASE,
)
_LABELS: Final = {
    "from": re.compile(r"^\s*[*_]?(?:From|De|Von)\s*:[*_]?\s*\S", re.IGNORECASE),
    "date": re.compile(
        r"^\s*[*_]?(?:Sent|Date|Enviado(?: el| em)?|Enviada(?: em)?|Fecha|Data)\s*:[*_]?\s*\S",
        re.IGNORECASE,
    ),
    "to": re.compile(r"^\s*[*_]?(?:To|Para|Cc|CC)\s*:[*_]?\s*\S", re.IGNORECASE),
    "subject": re.compile(r"^\s*[*_]?(?:Subject|Asunto|Assunto)\s*:[*_]?", re.IGNORECASE),
}
_RULE: Final = re.compile(r"^\s*[_\-=]{10,}\s*$")
_SIGNATURE: Final = re.compile(r"^--\s?$")
_PHONE: Final = re.compile(
    r"^\s*(?:Enviado (?:desde|do) m[ie][u]? .{2,60}|Sent from (?:my|Mail for|Outlook for) .{2,60}|"
    r"Get Outlook for \w+.{0,60}|Obt[eé]n(?:er)? Outlook para \w+.{0,60}|"
    r"Obter o? ?Outlook para \w+.{0,60}|"
    r"Enviado con Proton Mail.{0,40}|Sent with Proton Mail.{0,40}|"
    r"Enviado desde .{2,30} para \w+.{0,30})\s*$",
    re.IGNORECASE,
)
_LONGEST_LINE: Final = 600  # a longer line is prose, not an attribution
_MOST_SIGNATURE_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class Divided:
    """A text in three: what is new, the signature below it, and the history that is quoted."""

    text: str
    signature: str
    quoted: str


def divide(text: str) -> Divided:
    """Divide a plain text.

    Edges: where all of it would be quoted, all of it is new: a forwarded mail is what it brings.
        With an answer below or between quotations, everything is new. The three parts hold every
        line of the text, in their order.
    """
    lines = text.split("\n")
    cut = _start_of_history(lines)
    if cut is None or not "".join(lines[:cut]).strip():
        new, quoted = lines, []
    else:
        new, quoted = lines[:cut], lines[cut:]
    signed = _start_of_signature(new)
    signature = new[signed:] if signed is not None else []
    new = new[:signed] if signed is not None else new
    return Divided(
        "\n".join(new).strip("\n"), "\n".join(signature).strip("\n"), "\n".join(quoted).strip("\n")
    )


def _start_of_history(lines: list[str]) -> int | None:
    for number, line in enumerate(lines):
        if len(line) > _LONGEST_LINE:
            continue
        if _FORWARD.match(line):
            return None  # what follows is what the mail is about
        length = _opens_history(lines, number)
        if length:
            # With answers between or below, everything stays as it was written.
            return number if _is_history(lines, number + length, marked=False) else None
        if line.startswith(">") and _is_history(lines, number, marked=True):
            return number
    return None


def _opens_history(lines: list[str], number: int) -> int:
    """Return how many lines an opening of a history takes at `number`; 0 for none."""
    line = lines[number]
    for span in (1, 2, 3):
        if not line.strip() or not lines[number + span - 1 : number + span]:
            break
        if not lines[number + span - 1].strip():
            break  # a blank line ends what may be one line that was wrapped
        joined = " ".join(part.strip() for part in lines[number : number + span])
        if len(joined) <= _LONGEST_LINE and _ENDS.search(joined):
            if _ATTRIBUTION.match(joined):
                return span
            break
    if any(rule.match(line) for rule in (_ATTRIBUTION_LATER, _DATED_SENDER, _DIVIDER)):
        return 1
    if _RULE.match(line) or _LABELS["from"].match(line):
        start = number + 1 if _RULE.match(line) else number
        if _is_outlook(lines, start):
            return start - number + 1
    return 0


def _is_outlook(lines: list[str], start: int) -> bool:
    """Say whether an Outlook header stands here: three labels at least, date and subject in it."""
    seen: set[str] = set()
    blank = 0
    for line in lines[start : start + 10]:
        if not line.strip():
            blank += 1
            if blank > 2 and not seen:
                break
            continue
        label = next((name for name, rule in _LABELS.items() if rule.match(line)), None)
        if label is None:
            if not seen:
                return False
            continue
        seen.add(label)
    return len(seen) >= 3 and {"date", "subject"} <= seen


def _is_history(lines: list[str], start: int, *, marked: bool) -> bool:
    """Say whether all that follows is quoted: then no answer stands below or between.

    Edges: history without ">" (Outlook's) runs to the end by its nature.
    """
    rest = [line for line in lines[start:] if line.strip()]
    quoted = [line for line in rest if line.lstrip().startswith(">")]
    if not quoted:
        return not marked
    if len(quoted) == len(rest):
        return True
    last = max(i for i, line in enumerate(rest) if line.lstrip().startswith(">"))
    first = next(i for i, line in enumerate(rest) if line.lstrip().startswith(">"))
    between = [line for line in rest[first:last] if not line.lstrip().startswith(">")]
    after = rest[last + 1 :]
    # A quoted line that a mail program wrapped leaves a stump without its mark.
    stumps = all(len(line) < 40 for line in between) and len(between) * 2 <= len(quoted)
    return stumps and (not after or _is_signature_only(after))


def _is_signature_only(lines: list[str]) -> bool:
    return bool(_SIGNATURE.match(lines[0]) or all(_PHONE.match(line) for line in lines))


def _start_of_signature(lines: list[str]) -> int | None:
    """Return where a signature begins, if it is short and stands at the end."""
    for back in range(1, min(len(lines), _MOST_SIGNATURE_LINES + 4) + 1):
        number = len(lines) - back
        line = lines[number]
        above = "".join(lines[:number]).strip()
        if not above:
            return None
        if _SIGNATURE.match(line) or (_PHONE.match(line) and back <= 6):
            return number
    return None
