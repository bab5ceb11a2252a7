"""Finding what somebody wrote among what they quote. Nothing is ever thrown away: only divided.

Rules that keep prose whole: a line of attribution must hold a date; an Outlook header needs at
least three labels, a date and a subject among them, and a sign that it is mail; text between or
after marked quotations means that the answer stands there, and then everything stays as it is.
One pass over the lines; what would be asked again and again is counted once.
"""

import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

_DATE: Final = (
    r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}(?:st|nd|rd|th|º)?\s+(?:de\s+)?[A-Za-zÀ-ÿ]{3,12}\.?,?"
    r"\s+(?:de\s+)?\d{2,4}|[A-Za-zÀ-ÿ]{3,12}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})"
)
_ANY_DATE: Final = re.compile(_DATE)
_VERB: Final = r"(?:escribi[oó]|wrote|escreveu|a écrit|schrieb|ha scritto)"
_ATTRIBUTION: Final = re.compile(
    rf"^[>\s]*(?:-{{2,}}\s*)?(?:(?:El|Le|On|Em|Am|Il|No dia|Den)\s|\d).{{0,60}}?{_DATE}.{{0,300}}?"
    rf"{_VERB}\s*:?(?:\s*-{{2,}})?\s*$",
    re.IGNORECASE,
)
_ATTRIBUTION_LATER: Final = re.compile(
    rf"^[>\s]*.{{1,120}}?{_VERB}\s+(?:el|on|em|no dia|le|am)\s.{{0,60}}?{_DATE}.{{0,60}}:\s*$",
    re.IGNORECASE,
)
# Gmail of 2010 to 2014: a date, a time, a name and an address, and no verb.
_ATTRIBUTION_BARE: Final = re.compile(
    rf"^\s*{_DATE}\s+\d{{1,2}}:\d{{2}}\s.{{0,120}}<[^<>\s]{{3,200}}@[^<>\s]{{3,200}}>\s*:\s*$"
)
_ENDS: Final = re.compile(
    r":\s*$|(?:escribi[oó]|wrote|escreveu|a écrit)(?:\s*-{2,})?\s*$", re.IGNORECASE
)
# A moment or an address: what a program writes, and people who tell of something mostly do not.
_EXACT: Final = re.compile(r"\b\d{1,2}[:.h]\d{2}|\S@\S")
_DIVIDER: Final = re.compile(
    r"^\s*[-_]{2,}\s*(?:Original Message|Mensaje original|Mensagem original|Original Appointment|"
    r"Cita original|Message d'origine|Urspr[uü]ngliche Nachricht)\s*[-_]{2,}\s*$",
    re.IGNORECASE,
)
_FORWARD: Final = re.compile(
    r"^[\s>]*(?:[-_]{4,}\s*(?:Forwarded message|Mensaje reenviado|Mensagem encaminhada|"
    r"Mensagem reencaminhada|Forwarded by .{1,80})\s*[-_]{4,}|Begin forwarded message:|"
    r"Inicio del mensaje reenviado:|In[ií]cio da mensagem (?:re)?encaminhada:)\s*$",
    re.IGNORECASE,
)
_FORWARDED_SUBJECT: Final = re.compile(
    r"^\s*(?:fwd?|rv|enc|res?env|tr|i|wg|reenviado|encaminhada)\s*:", re.IGNORECASE
)
_ANSWER_PREFIX: Final = re.compile(
    r"^\s*(?:re|res|aw|antw|sv|ref)\s*(?:\[\d+\])?\s*:", re.IGNORECASE
)
_LABELS: Final = {
    "from": re.compile(r"^\s*[*_]{0,2}(?:From|De|Von)[*_]{0,2}\s*:[*_]{0,2}\s*\S", re.IGNORECASE),
    "sent": re.compile(
        r"^\s*[*_]{0,2}(?:Sent|Enviad[oa]s?(?: el| em)?)[*_]{0,2}\s*:[*_]{0,2}\s*\S",
        re.IGNORECASE,
    ),
    "date": re.compile(
        r"^\s*[*_]{0,2}(?:Date|Fecha|Data)[*_]{0,2}\s*:[*_]{0,2}\s*\S", re.IGNORECASE
    ),
    "to": re.compile(r"^\s*[*_]{0,2}(?:To|Para|Cc|CC)[*_]{0,2}\s*:[*_]{0,2}\s*\S", re.IGNORECASE),
    "subject": re.compile(
        r"^\s*[*_]{0,2}(?:Subject|Asunto|Assunto)[*_]{0,2}\s*:[*_]{0,2}", re.IGNORECASE
    ),
}
_RULE: Final = re.compile(r"^\s*[_\-=]{10,}\s*$")
_SIGNATURE: Final = re.compile(r"^--[ \u00a0]?$")
_PHONE: Final = re.compile(
    r"^\s*(?:Enviado (?:desde|do|a partir do) m[ie][u]? .{2,60}|"
    r"Enviado (?:desde|do) (?:Outlook|Correo|Email|Yahoo|Samsung|Mail|Gmail)\b.{0,100}|"
    r"Sent from (?:my|Mail for|Outlook|Yahoo|Proton|Samsung|Gmail)\b.{0,100}|"
    r"(?:Get|Obt[eé]n(?:er)?|Obtenga|Obter o?) ?Outlook (?:for|para) \w+.{0,100}|"
    r"(?:Enviado|Sent) (?:con|with|com) .{0,50}Proton ?Mail.{0,60}|"
    r"Enviado desde .{2,30} para \w+.{0,30})\s*$",
    re.IGNORECASE,
)
_DISCLAIMER: Final = re.compile(
    r"^[\s*_]*(?:(?:aviso|nota|cl[aá]usula)(?: legal| de confidenciali)|confidentiality notice|"
    r"disclaimer\b|informaci[oó]n confidencial|est[ea] (?:mensaje|correo|e-?mail|comunicaci[oó]n|"
    r"mensagem)\b|la informaci[oó]n contenida en este|this (?:e-?mail|message|communication)\b|"
    r"the information (?:contained )?in this (?:e-?mail|message))",
    re.IGNORECASE,
)
_SECRECY: Final = re.compile(
    r"confiden[ct]i|destinat[aá]ri|intended recipient|privileg", re.IGNORECASE
)
_LIST_FOOTER: Final = re.compile(r"^_{20,}\s*$")
_LONGEST_LINE: Final = 600  # a longer line is prose, not an attribution
_MOST_SIGNATURE_LINES: Final = 15
_MOST_DISCLAIMER_LINES: Final = 40


@dataclass(frozen=True, slots=True)
class Divided:
    """A text in three: what is new, the signature below it, and the history that is quoted."""

    text: str
    signature: str
    quoted: str


def divide(text: str, *, is_reply: bool = True, forwarded: bool = False) -> Divided:
    """Divide a plain text.

    Units: `is_reply` says whether the mail answers another: only then is what looks like an
        introduction, a header or a signature one, and are lines with ">" at the end a history
        without an introduction. Edges: where all of it would be quoted, all of it is new; with an
        answer between or below quotations too, and in a forwarded mail. The three parts hold every
        line of the text, in their order.
    """
    lines = text.split("\n")
    signed, history = division(lines, is_reply=is_reply, forwarded=forwarded)
    return Divided(
        "\n".join(lines[:signed]).strip("\n"),
        "\n".join(lines[signed:history]).strip("\n"),
        "\n".join(lines[history:]).strip("\n"),
    )


def division(
    lines: list[str], *, is_reply: bool = True, forwarded: bool = False
) -> tuple[int, int]:
    """Return the numbers of the lines where the signature and the history begin."""
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    history = None if forwarded else _start_of_history(lines, is_reply=is_reply)
    if history is None or history <= start:
        history = len(lines)
    answers = is_reply or history < len(lines)
    signed = _start_of_signature(lines, start, history, dashes=answers)
    return signed, history


def is_forwarded(subject: str) -> bool:
    """Say whether a subject says that a mail is passed on: then what it brings is its matter."""
    return bool(_FORWARDED_SUBJECT.match(subject))


def is_answer(subject: str) -> bool:
    """Say whether a subject says that a mail answers another."""
    return bool(_ANSWER_PREFIX.match(subject))


def is_passed_on(subject: str) -> bool:
    """Say whether a subject says that a mail was passed on at some time, before any answer too."""
    while prefix := _ANSWER_PREFIX.match(subject):
        subject = subject[prefix.end() :]
    return is_forwarded(subject)


def brings_forward(text: str) -> bool:
    """Say whether a forwarded mail begins anywhere in a text."""
    lines = text.split("\n")
    return any(_FORWARD.match(line) for line in lines if len(line) <= _LONGEST_LINE)


def is_phone_line(text: str) -> bool:
    """Say whether a signature is only what a phone or a program says of itself."""
    lines = [line for line in text.split("\n") if line.strip(" -")]
    return all(len(line) < 300 and _PHONE.match(line) for line in lines)


def opens_forward(lines: list[str]) -> bool:
    """Say whether a forwarded mail begins within the first lines."""
    return any(_FORWARD.match(line) for line in lines[:5] if len(line) <= _LONGEST_LINE)


def trailing_attribution(lines: list[str]) -> int:
    """Return where an attribution begins that ends a text; the number of lines if none does."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    for span in (1, 2, 3, 4):
        start = end - span
        if start < 0 or not lines[start].strip():
            break
        if _is_attribution(lines, start, span):
            return start
    return len(lines)


def _start_of_history(lines: list[str], *, is_reply: bool) -> int | None:
    marked = [line.lstrip().startswith(">") for line in lines]
    answers = _answers_from(lines, marked)
    between = False  # somebody answers between marked lines: these stay where they are
    for number, line in enumerate(lines):
        if len(line) > _LONGEST_LINE or not line.strip():
            continue
        if _FORWARD.match(line):
            return None  # what follows is what the mail is about
        if marked[number]:
            if between or (number and marked[number - 1]):
                continue
            if not answers[number]:
                return _start_of_marked(lines, number, is_reply=is_reply)
            between = True
            continue
        span, certain = _opening(lines, number)
        follows = _next_words(lines, number + span) if span else None
        if follows is not None and marked[follows]:
            if not answers[follows]:
                return number
            between = True
        elif span and certain and (is_reply or _DIVIDER.match(line)):
            return number
    return None


def _start_of_marked(lines: list[str], number: int, *, is_reply: bool) -> int | None:
    """Return where a history begins whose first marked line this is.

    Edges: a mail that answers none quotes for another reason, unless the marked lines say whom.
    """
    if is_reply:
        return _introduced(lines, number)
    return number if _opens_marked(lines, number) else None


def _introduced(lines: list[str], number: int) -> int:
    """Return where the lines begin that introduce marked ones: in any language, a date and a time
    or an address, and a colon.
    """
    above = number - 1
    if above > 0 and not lines[above].strip():
        above -= 1
    if above <= 0 or not lines[above].rstrip().endswith(":"):
        return number
    for start in range(above, max(above - 3, 0), -1):
        if not lines[start].strip():
            break
        joined = _one(lines, start, above - start + 1)
        if len(joined) < _LONGEST_LINE and _ANY_DATE.search(joined) and _EXACT.search(joined):
            return start
    return number


def _opens_marked(lines: list[str], number: int) -> bool:
    """Say whether marked lines begin with an attribution that is marked itself (Apple's do)."""
    bare = [re.sub(r"^[>\s]+", "", line[:_LONGEST_LINE]) for line in lines[number : number + 4]]
    return bool(_opening(bare, 0)[0])


def _answers_from(lines: list[str], marked: list[bool]) -> list[int]:
    """Return for each line how many lines of answers stand from there on, signatures left out.

    Edges: a short line right between marked ones is what a program broke off a long one.
    """
    tail = _start_of_tail(lines, marked)
    counts = []
    for number, line in enumerate(lines):
        is_answer = bool(line.strip()) and not marked[number] and number < tail
        if is_answer and 0 < number < len(lines) - 1 and marked[number - 1] and marked[number + 1]:
            above = lines[number - 1].rstrip()
            is_answer = len(line) >= 40 or len(above) < 45 or above.endswith((".", "?", "!", ":"))
        counts.append(int(is_answer))
    sums = list(accumulate(reversed(counts)))
    sums.reverse()
    return [*sums, 0]


def _start_of_tail(lines: list[str], marked: list[bool]) -> int:
    """Return where, after the last marked line, a signature or a list's footer begins."""
    last = next((n for n in range(len(lines) - 1, -1, -1) if marked[n]), -1)
    for number in range(last + 1, len(lines)):
        line = lines[number]
        if not line.strip():
            continue
        starts = _SIGNATURE.match(line) or _LIST_FOOTER.match(line) or _PHONE.match(line[:300])
        return number if starts and last >= 0 else len(lines)
    return len(lines)


def _next_words(lines: list[str], start: int) -> int | None:
    for number in range(start, min(start + 6, len(lines))):
        if lines[number].strip():
            return number
    return None


def _opening(lines: list[str], number: int) -> tuple[int, bool]:
    """Return how many lines an opening of a history takes here, and whether it needs no marks."""
    line = lines[number]
    for span in (1, 2, 3, 4):
        if number + span > len(lines) or not lines[number + span - 1].strip():
            break  # a blank line ends what may be one line that was wrapped
        if _ENDS.search(lines[number + span - 1][-40:]):
            if _is_attribution(lines, number, span):
                return span, bool(_EXACT.search(_one(lines, number, span)))
            break
    if _DIVIDER.match(line):
        return 1, True
    if _RULE.match(line):
        labels = _outlook_lines(lines, number + 1, divided=True)
        return (labels + 1, True) if labels else (0, False)
    labels = _outlook_lines(lines, number, divided=False)
    return labels, bool(labels)


def _one(lines: list[str], number: int, span: int) -> str:
    return " ".join(part.strip() for part in lines[number : number + span])


def _is_attribution(lines: list[str], number: int, span: int) -> bool:
    joined = _one(lines, number, span)
    if len(joined) > _LONGEST_LINE or not _ENDS.search(joined[-40:]):
        return False
    return bool(
        _ATTRIBUTION.match(joined)
        or _ATTRIBUTION_LATER.match(joined)
        or _ATTRIBUTION_BARE.match(joined)
    )


def _label(line: str) -> str:
    if ":" not in line[:40]:
        return ""
    return next((name for name, rule in _LABELS.items() if rule.match(line[:600])), "")


def _outlook_lines(lines: list[str], start: int, *, divided: bool) -> int:
    """Return how many lines an Outlook header takes here; 0 if none stands here.

    Edges: a form that somebody fills in has labels like these; a mail's has an address in it, the
        word for "sent", or a line above it.
    """
    if start >= len(lines):
        return 0
    first = next((n for n in range(start, min(start + 3, len(lines))) if lines[n].strip()), start)
    if not _label(lines[first]):
        return 0
    seen: set[str] = set()
    taken = first
    for number in range(first, min(first + 14, len(lines))):
        line = lines[number]
        label = _label(line)
        if label:
            seen.add(label)
            taken = number
        elif not line.strip() and len(seen) >= 3 and seen & {"sent", "date"} and "subject" in seen:
            break
    if "subject" not in seen or not seen & {"sent", "date"} or not seen & {"from", "to"}:
        return 0
    if len(seen) < 3 or ("from" not in seen and not divided):
        return 0
    is_mail = divided or "sent" in seen or "@" in "".join(lines[first : taken + 1])
    return taken - start + 1 if is_mail else 0


def _start_of_signature(lines: list[str], start: int, end: int, *, dashes: bool) -> int:
    """Return where a signature begins, if it is short and stands at the end; else the end.

    Units: `dashes` says whether two dashes begin one: in a new mail they may begin anything.
    """
    found = end
    for back in range(1, min(end - start - 1, _MOST_SIGNATURE_LINES + 25) + 1):
        number = end - back
        line = lines[number][:300]
        is_signature = (
            dashes
            and _SIGNATURE.match(line)
            and (back <= _MOST_SIGNATURE_LINES + 4 or lines[number] == "-- ")
        )
        if is_signature or (back <= 8 and _PHONE.match(line)):
            found = number
    if found == end:
        found = _start_of_disclaimer(lines, start, end)
    return found


def _start_of_disclaimer(lines: list[str], start: int, end: int) -> int:
    for number in range(max(start + 1, end - _MOST_DISCLAIMER_LINES), end):
        if lines[number - 1].strip() or not _DISCLAIMER.match(lines[number][:300]):
            continue
        if _SECRECY.search(" ".join(line[:3000] for line in lines[number:end])):
            return number
    return end
