"""A mail's HTML: made safe, divided into what is new and what is quoted, and turned into text.

nh3 cleans first and last; between the two the tree is only looked at and marked. Remote images
are never loaded: their addresses are dropped, and where they would have come from is kept.
"""

import html as entities
import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import nh3
from turbohtml import Document, Element, Text, parse

from plazo.channels.email.charsets import tidy
from plazo.channels.email.quoting import division, opens_forward, trailing_attribution
from plazo.channels.email.rendering import Line, lines_of, text_of

_TAGS: Final = {
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "code", "dd", "del", "div", "dl",
    "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li",
    "ol", "p", "pre", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul",
}  # fmt: skip
_CELL: Final = {"colspan", "rowspan", "align"}
_LAST: Final = {
    "a": {"href"},
    "img": {"src", "alt", "title", "width", "height"},
    "td": _CELL,
    "th": _CELL,
    "ol": {"start"},
}
# What mail programs name their quotations by; needed until the division is done.
_FIRST: Final = {
    **_LAST,
    "*": {"class", "id", "style", "type", "name"},
}
_HIDDEN: Final = {"script", "style", "head", "title", "noscript", "template", "iframe", "textarea"}
_QUOTES: Final = (
    "div.gmail_attr, div.gmail_quote, blockquote.gmail_quote, div.gmail_extra > blockquote,"
    " div.yahoo_quoted, div.moz-cite-prefix, div.protonmail_quote, blockquote.protonmail_quote,"
    " blockquote[type=cite], div#divRplyFwdMsg, div#appendonsend, div#x_divRplyFwdMsg,"
    " div#x_appendonsend, div.OutlookMessageHeader, hr#stopSpelling, hr#zwchr,"
    " div#mail-editor-reference-message-container, div.moz-forward-container, div[style]"
)
# These open a history that runs to the end of the mail, rather than holding it.
_OPENERS: Final = {
    "divrplyfwdmsg", "appendonsend", "x_divrplyfwdmsg", "x_appendonsend", "stopspelling", "zwchr",
}  # fmt: skip
_OUTLOOK_RULE: Final = re.compile(r"border-top:\s*(?:solid|[\d.]+p[tx]\s+solid)", re.IGNORECASE)
_OUTLOOK_LABEL: Final = re.compile(r"\s*(?:From|De|Von|Sent|Enviado|Enviada)\s*:", re.IGNORECASE)
_SIGNATURES: Final = (
    "div.gmail_signature, .moz-signature, div#Signature, div#x_Signature,"
    " div#ms-outlook-mobile-signature, div.ms-outlook-mobile-signature,"
    " div.protonmail_signature_block, #AppleMailSignature"
)
_START, _END, _SIGN, _SIGNED = (f"\ue010{mark}\ue010" for mark in "\ue011\ue012\ue013\ue014")
_MARKS: Final = re.compile(f"({_START}|{_END}|{_SIGN}|{_SIGNED})")
_PRIVATE: Final = re.compile("[\ue010-\ue014]")
# What is left of an image that was loaded from elsewhere and has no words of its own.
_EMPTY_IMAGE: Final = re.compile(r'<img(?:\s+(?!src=|alt=)[a-z]+="[^"]*")*>')
_ENDLESS: Final = (
    r"(?!(?:p|br|img|hr|li|td|th|tr|tbody|thead|tfoot|dd|dt|col|wbr|meta|link|input|area|base|o:p"
    r"|script|style|title|textarea|noscript|template|iframe|head|body|html)\b)"
)
_NESTING: Final = re.compile(rf"<(/?){_ENDLESS}[a-z]", re.IGNORECASE)
_NESTING_TAG: Final = re.compile(rf"</?{_ENDLESS}[a-z][^<>]*>?", re.IGNORECASE)
_MOST_LEVELS: Final = 1_000
_MOST_QUOTES: Final = 300
_MOST_IMAGES: Final = 2_000

__all__ = ["DividedHtml", "as_html", "divided_html", "text_of"]


@dataclass(frozen=True, slots=True)
class DividedHtml:
    """A mail's HTML in three, cleaned, and the hosts that its images would have come from."""

    new: str
    signature: str
    quoted: str
    remote_hosts: tuple[str, ...] = ()


def divided_html(
    html: str, cids: set[str], *, is_reply: bool = True, forwarded: bool = False
) -> DividedHtml:
    """Return a mail's HTML as safe HTML: what is new, the signature, the history that it quotes.

    Units: `cids` are the Content-IDs of files that came with it. Edges: where nothing would be
        new, everything is; the programs' own containers come before any rule for text.
    """
    html = _not_too_deep(_PRIVATE.sub("", tidy(html)))
    rough = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_HIDDEN,
        attributes=_FIRST,
        url_schemes={"http", "https", "mailto", "cid"},
        generic_attribute_prefixes=set(),
        link_rel=None,
    )
    tree = parse(rough)
    hosts = _without_remote_images(tree)
    _plain_paragraphs(tree)
    if not forwarded:
        _mark(tree)
    pieces = _pieces(str(tree.serialize()))
    if _is_all_new(pieces):
        pieces = [("new", html) for _kind, html in pieces]
    new, signature, quoted = (
        _finally("".join(html for kind, html in pieces if kind == wanted), cids)
        for wanted in ("new", "signature", "quoted")
    )
    if not _says_something(new):
        new = _finally("".join(html for _kind, html in pieces), cids)
        return DividedHtml(new, "", "", hosts)
    divided = _by_text(DividedHtml(new, signature, quoted, hosts), cids, is_reply, forwarded)
    if divided.quoted or divided.signature:
        return replace(divided, new=_without_empty_end(divided.new))
    return divided


def _not_too_deep(html: str) -> str:
    """Return HTML whose elements do not stand in each other a thousand levels deep.

    Edges: each tag costs the cleaner time by the depth where it stands, so what nobody writes is
        made flat, without its formatting; elements that end by themselves do not count.
    """
    depth = 0
    for match in _NESTING.finditer(html):
        depth = max(depth - 1, 0) if match[1] else depth + 1
        if depth > _MOST_LEVELS:
            return _NESTING_TAG.sub(" ", html)
    return html


def as_html(text: str) -> str:
    """Return a plain text as HTML, line by line."""
    return "<div>" + entities.escape(text, quote=False).replace("\n", "<br>\n") + "</div>"


def _without_remote_images(tree: Document) -> tuple[str, ...]:
    """Take remote images' addresses away, leaving the hosts as their titles; return the hosts."""
    hosts: set[str] = set()
    for image in tree.select("img")[:_MOST_IMAGES]:
        source = _attribute(image, "src")
        if not source.lower().startswith(("http:", "https:", "//")):
            continue
        try:
            host = urlsplit(source).hostname or ""
        except ValueError:
            host = ""
        del image.attrs["src"]
        if host:
            hosts.add(host[:255])
            image.attrs["title"] = host[:255]
    return tuple(sorted(hosts))[:200]


def _plain_paragraphs(tree: Document) -> None:
    """Make Outlook's paragraphs lines: its style sheet, which goes, takes their margins away."""
    for paragraph in tree.select("p[class*=MsoNormal], p[class*=MsoPlainText]"):
        paragraph.wrap_children(Element("div"))
        paragraph.unwrap()


def _attribute(element: Element, name: str) -> str:
    return str(element.attr(name) or "")


def _mark(tree: Document) -> None:
    """Put marks around what the sender's program says is quoted or is a signature."""
    for signature in tree.select(_SIGNATURES)[:1]:
        if not signature.closest("blockquote, .gmail_quote, .yahoo_quoted, .protonmail_quote"):
            signature.insert_before(Text(_SIGN))
            signature.insert_after(Text(_SIGNED))
            break
    for element in tree.select(_QUOTES)[:_MOST_QUOTES]:
        parent = element.parent
        if isinstance(parent, Element) and parent.closest("[data-quoted]"):
            continue
        kind = _kind_of(element)
        if kind == "no":
            continue
        element.insert_before(Text(_START))
        if kind == "opens":
            return
        element.insert_after(Text(_END))
        element.attrs["data-quoted"] = "1"


def _kind_of(element: Element) -> str:
    """Say whether an element holds a quotation, opens a history to the end, or neither."""
    ident = _attribute(element, "id").lower()
    if ident in _OPENERS or element.has_class("OutlookMessageHeader"):
        return "opens"
    if element.tag == "div" and element.has_class("gmail_quote"):
        # The answer may stand in there too, below or between: then its parts are looked at.
        return "no" if element.select_one("blockquote") else "holds"
    named = ident == "mail-editor-reference-message-container" or element.tag == "blockquote"
    if named or _attribute(element, "class"):
        known = "gmail_attr yahoo_quoted moz-cite-prefix protonmail_quote moz-forward-container"
        if named or any(element.has_class(name) for name in known.split()):
            return "holds"
    if not _OUTLOOK_RULE.search(_attribute(element, "style")):
        return "no"
    start = "".join(str(word) for _number, word in zip(range(20), element.strings, strict=False))
    return "opens" if _OUTLOOK_LABEL.match(start) else "no"


def _pieces(marked: str) -> list[tuple[str, str]]:
    """Return marked HTML in pieces, each "new", "signature" or "quoted", in their order."""
    pieces: list[tuple[str, str]] = []
    kind = "new"
    for piece in _MARKS.split(marked):
        if piece == _START:
            kind = "quoted"
        elif piece == _SIGN and kind == "new":
            kind = "signature"
        elif piece == _END or (piece == _SIGNED and kind == "signature"):
            kind = "new"
        elif not _MARKS.fullmatch(piece):
            pieces.append((kind, piece))
    return pieces


def _is_all_new(pieces: list[tuple[str, str]]) -> bool:
    """Say whether somebody wrote between quotations, or a forwarded mail is what is quoted."""
    quoted = [number for number, (kind, _html) in enumerate(pieces) if kind == "quoted"]
    if not quoted:
        return False
    for number in range(quoted[0] + 1, quoted[-1]):
        if pieces[number][0] == "new" and _says_something(_finally(pieces[number][1], set())):
            return True
    if opens_forward(_shown_lines(pieces[quoted[0]][1][:20_000])):
        return True
    above = "".join(html for _kind, html in pieces[: quoted[0]])[-20_000:]
    return opens_forward(_shown_lines(above)[-3:])


def _shown_lines(html: str) -> list[str]:
    return [line for line in text_of(_finally(html, set())).split("\n") if line.strip()]


def _by_text(divided: DividedHtml, cids: set[str], is_reply: bool, forwarded: bool) -> DividedHtml:
    """Divide further by the rules for text: an attribution, a history, a signature at the end."""
    lines = lines_of(divided.new)
    words = [line.text for line in lines]
    if divided.quoted:
        history = trailing_attribution(words)
        signed, _ = division(words[:history], forwarded=True)
    else:
        signed, history = division(words, is_reply=is_reply, forwarded=forwarded)
    if signed >= len(lines):
        return divided
    new = divided.new[: _place(lines, signed, divided.new)]
    signature = divided.new[
        _place(lines, signed, divided.new) : _place(lines, history, divided.new)
    ]
    quoted = divided.new[_place(lines, history, divided.new) :]
    if not _says_something(_finally(new, cids)):
        return divided
    return DividedHtml(
        _finally(new, cids),
        _finally(signature, cids) + divided.signature,
        _finally(quoted, cids) + divided.quoted,
        divided.remote_hosts,
    )


def _place(lines: list[Line], number: int, html: str) -> int:
    return lines[number].place if number < len(lines) else len(html)


def _finally(html: str, cids: set[str]) -> str:
    """Clean for the last time: no styles, no classes, images only of files that came with it."""

    def attribute(tag: str, name: str, value: str) -> str | None:
        if tag == "img" and name == "src":
            return value if value.startswith("cid:") and value[4:].strip("<>") in cids else None
        if tag == "img" and name in {"width", "height"}:
            return value if value.isdigit() and len(value) < 5 else None
        return value

    html = nh3.clean(
        html,
        tags=_TAGS - {"font", "center"},
        attributes=_LAST,
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "cid"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return _EMPTY_IMAGE.sub("", html).strip()


_EMPTY: Final = (
    "<br>", "<hr>", "<div></div>", "<div><br></div>", "<p></p>", "<p><br></p>", "<p>&nbsp;</p>",
    "<div>&nbsp;</div>", "<div><br><br></div>", "&nbsp;",
)  # fmt: skip


def _without_empty_end(html: str) -> str:
    """Return HTML without the empty lines at its end, which stood above what was cut off."""
    end = len(html)
    while True:
        tail = next((tail for tail in _EMPTY if html.endswith(tail, 0, end)), "")
        if not tail and not html[max(end - 1, 0) : end].isspace():
            return html[:end]
        end -= len(tail) or 1


def _says_something(html: str) -> bool:
    return 'src="cid:' in html or bool(text_of(html).strip())
