"""What a mail says as the body of a message or a note, in the active language."""

from django.utils.translation import gettext as _

from plazo.channels.email.parsing import ParsedMail
from plazo.tickets.bodies import Written, html_of_plain
from plazo.tickets.errors import EmptyBody


def by_requester(mail: ParsedMail, *, authenticity: str, before: str = "") -> Written:
    """Return what a sender wrote; a mail without words says so.

    Units: `before` is a sentence of ours to stand above it.
    """
    text, html = mail.text.strip("\n"), mail.html
    if not text.strip():
        text = _("(This mail has no text.)")
        if mail.protection == "encrypted":
            text = _("(This mail is encrypted. It is attached as it came.)")
    above = _above(before, _about_whole(mail))
    if above:
        html = html_of_plain(above) + html if html else ""
        text = f"{above}\n\n{text}"
    quoted = "\n\n".join(part for part in (mail.signature_text, mail.quoted_text) if part)
    return Written(
        text=text,
        html=html or html_of_plain(text),
        quoted_text=quoted,
        quoted_html=mail.quoted_html or (html_of_plain(quoted) if quoted else ""),
        authenticity=authenticity,
        message_id=mail.message_id[:500],
    )


def by_agent(mail: ParsedMail, text: str, *, before: str = "") -> Written:
    """Return an agent's text as they wrote it: their mail program knows no Markdown.

    Raises: EmptyBody where they wrote nothing and sent no file.
    """
    if not text.strip() and mail.attachments:
        text = _("(This mail has no text.)")
    if not text.strip():
        raise EmptyBody
    body = "\n\n".join(filter(None, (_above(before, _about_whole(mail)), text)))
    return Written(text=body, html=html_of_plain(body))


def _above(*sentences: str) -> str:
    return "\n\n".join(filter(None, sentences))


def _about_whole(mail: ParsedMail) -> str:
    """Return the sentence about texts that were cut, with the files where the whole of them is."""
    if not mail.whole:
        return ""
    words = _("(This text is very long. The whole of it is attached: %(files)s.)")
    return words % {"files": ", ".join(mail.whole)}
