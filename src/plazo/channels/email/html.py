"""A mail's HTML: made safe, divided into what is new and what is quoted, and turned into text.

nh3 cleans first and last; between the two the tree is only looked at and marked. Remote images
are never loaded: their addresses are dropped, and where they would have come from is kept.
"""

import re
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

import nh3
from turbohtml import Document, Element, PlainText, Text, parse

from plazo.channels.email.charsets import tidy
from plazo.channels.email.quoting import divide

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
_QUOTES: Final = (
    "div.gmail_quote, blockquote.gmail_quote, div.gmail_extra > blockquote, div.yahoo_quoted,"
    " div.moz-cite-prefix, div.protonmail_quote, blockquote.protonmail_quote,"
    " blockquote[type=cite], div#divRplyFwdMsg, div#appendonsend, div#x_divRplyFwdMsg,"
    " div#x_appendonsend, div.OutlookMessageHeader, hr#stopSpelling,"
    " div#mail-editor-reference-message-container"
)
# These open a history that runs to the end of the mail, rather than holding it.
_OPENERS: Final = {
    "divrplyfwdmsg",
    "appendonsend",
    "x_divrplyfwdmsg",
    "x_appendonsend",
    "stopspelling",
}
_OUTLOOK_RULE: Final = re.compile(r"border-top:\s*solid\s*#(?:b5c4df|e1e1e1)", re.IGNORECASE)
_SIGNATURES: Final = (
    "div.gmail_signature, .moz-signature, div#Signature, div#ms-outlook-mobile-signature,"
    " div.ms-outlook-mobile-signature"
)
_START, _END, _SIGN = "\ue010\ue011\ue010", "\ue010\ue012\ue010", "\ue010\ue013\ue010"
_PRIVATE: Final = re.compile("[\ue010-\ue013]")
_TEXT: Final = PlainText(
    width=0, links="none", images=True, layout="strict", table_cell_separator=" | "
)
# What is left of an image that was loaded from elsewhere and has no words of its own.
_EMPTY_IMAGE: Final = re.compile(r"<img(?![^>]*\b(?:src|alt)=)[^>]*>")
_LONGEST_HTML: Final = 3_000_000


def divided_html(html: str, cids: set[str]) -> tuple[str, str]:
    """Return a mail's HTML as safe HTML: what is new, and the history that it quotes.

    Edges: where nothing would be new, everything is.
    """
    html = _PRIVATE.sub("", tidy(html))[:_LONGEST_HTML]
    rough = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "head", "title", "noscript", "template", "iframe"},
        attributes=_FIRST,
        url_schemes={"http", "https", "mailto", "cid"},
        generic_attribute_prefixes=set(),
        link_rel=None,
    )
    marked = _marked(rough)
    new, quoted = _cut(marked)
    clean_new = _finally(new, cids)
    if not _says_something(clean_new):
        return _finally(_unmarked(marked), cids), ""
    return clean_new, _finally(quoted, cids)


def _marked(rough: str) -> str:
    """Put marks around what the sender's program says is quoted, or where the text rules see it."""
    tree = parse(rough)
    for signature in tree.select(_SIGNATURES)[:1]:
        if not signature.closest("blockquote") and not signature.closest("div.gmail_quote"):
            signature.insert_before(Text(_SIGN))
            signature.insert_after(Text(_END))
    found = tree.select(_QUOTES)
    if not found:
        found = [
            e for e in tree.select("div[style]") if _OUTLOOK_RULE.search(_attribute(e, "style"))
        ]
        if found:
            found[0].insert_before(Text(_START))
            return str(tree.serialize())
        return _marked_by_text(tree)
    if _answers_between(found):
        return str(tree.serialize())
    first = found[0]
    if "forward" in first.to_text()[:200].lower() and not _text_before(tree, first):
        return str(tree.serialize())
    first.insert_before(Text(_START))
    ident = _attribute(first, "id").lower()
    if ident in _OPENERS or "outlookmessageheader" in _attribute(first, "class").lower():
        return str(tree.serialize())
    held = (
        next((e for e in found if e.tag == "blockquote"), first)
        if first.has_class("moz-cite-prefix")
        else first
    )
    held.insert_after(Text(_END))
    return str(tree.serialize())


def _attribute(element: Element, name: str) -> str:
    return str(element.attr(name) or "")


def _text_before(tree: Document, element: Element) -> bool:
    text = " ".join(str(tree.to_text()).split())
    inside = " ".join(str(element.to_text()).split())
    return bool(text.partition(inside[:80])[0].strip()) if inside else False


def _answers_between(found: list[Element]) -> bool:
    """Say whether somebody wrote between quotations: several on one level, words between them."""
    quotes = [e for e in found if e.tag == "blockquote" and not _inside_another(e)]
    for one, other in pairwise(quotes):
        node = one.next_sibling
        while node is not None and node is not other:
            if str(getattr(node, "text", "") or node).strip():
                return True
            node = node.next_sibling
    return False


def _inside_another(element: Element) -> bool:
    parent = element.parent
    return (
        parent is not None
        and getattr(parent, "closest", None) is not None
        and bool(parent.closest("blockquote"))
    )


def _marked_by_text(tree: Document) -> str:
    """Mark the block in which a history begins by the rules for plain text."""
    divided = divide(str(tree.to_text(_TEXT)))
    if divided.quoted:
        opening = _compact(divided.quoted.split("\n", 1)[0])
        for element in tree.select("p, div, span, td, li, hr, blockquote, font, b"):
            if opening and _compact(str(element.text)[:2000]).startswith(opening):
                element.insert_before(Text(_START))
                break
    return str(tree.serialize())


def _compact(text: str) -> str:
    return re.sub(r"\s+", "", text)[:60]


def _cut(marked: str) -> tuple[str, str]:
    """Divide marked HTML; the cleaner closes and opens what the cut left halves of."""
    new, quoted = marked, ""
    before, sign, rest = new.partition(_SIGN)
    if sign:
        signature, _, after = rest.partition(_END)
        new, quoted = before + after, signature
    before, start, rest = new.partition(_START)
    if start:
        history, _, after = rest.partition(_END)
        new, quoted = before + after, quoted + history
    return _unmarked(new), _unmarked(quoted)


def _unmarked(html: str) -> str:
    return _PRIVATE.sub("", html)


def _finally(html: str, cids: set[str]) -> str:
    """Clean for the last time: no styles, no classes, images only of files that came with it."""

    def attribute(tag: str, name: str, value: str) -> str | None:
        if tag == "img" and name == "src":
            return value if value.startswith("cid:") and value[4:].strip("<>") in cids else None
        if tag == "img" and name in {"width", "height"}:
            return value if value.isdigit() and len(value) < 5 else None
        return value

    cleaned = nh3.clean(
        html,
        tags=_TAGS - {"font", "center"},
        attributes=_LAST,
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "cid"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return _EMPTY_IMAGE.sub("", cleaned).strip()


def _says_something(html: str) -> bool:
    return "<img" in html or bool(text_of(html).strip())


def text_of(html: str) -> str:
    """Return safe HTML as plain text."""
    if not html:
        return ""
    return tidy(str(parse(html).to_text(_TEXT))).strip("\n")


def remote_hosts(html: str) -> tuple[str, ...]:
    """Return the hosts that images of a mail would have been loaded from."""
    found = re.findall(
        r"<img\b[^>]{0,2000}?\bsrc\s*=\s*[\"']?(https?://[^\"'\s>]{1,300})", html, re.IGNORECASE
    )
    return tuple(sorted({urlsplit(address).hostname or "" for address in found[:200]} - {""}))
