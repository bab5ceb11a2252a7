"""Articles: from Markdown to HTML that is safe, anchored, and fit for a page and for print.

Markdown is CommonMark with tables and strike-through. Beyond that:

- `> [!NOTE]`, `TIP`, `IMPORTANT`, `WARNING`, `CAUTION` begin a callout;
- a fence may name its language and a title: ```` ```http title="A query" ````;
- links say where, not which address: `article:key#anchor`, `page:new`, `page:sla`, `page:status`,
  `file:name.pdf`, also for images. Addresses are filled in when the page is shown, so that an
  article may move and a link never breaks.

Raw HTML is text. What is stored has passed an allow-list of elements and classes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Literal, Name, String
from pygments.util import ClassNotFound

LONGEST_BODY: Final = 200_000
CALLOUTS: Final = {
    "NOTE": ("info", ""),
    "TIP": ("lightbulb", "met"),
    "IMPORTANT": ("info", "ok"),
    "WARNING": ("triangle-alert", "risk"),
    "CAUTION": ("octagon-alert", "late"),
}
# What stands for an address until the page is shown.
_PLACES: Final = re.compile(r"(href|src)=\"(article|page|file):([^\"]*)\"")
_ICON: Final = re.compile(r"<span class=\"icon-([a-z-]+)\"></span>")
_TITLE: Final = re.compile(r'title="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Heading:
    """One entry of a table of contents."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class RenderedArticle:
    """An article's HTML with what was learnt on the way."""

    html: str
    plain: str
    contents: tuple[Heading, ...]
    words: int
    articles: frozenset[str]
    files: frozenset[str]


def render_article(markdown: str) -> RenderedArticle:
    """Render an article. Never raises for what an editor typed."""
    env: dict[str, Any] = {}
    tokens = _markdown.parse(markdown, env)
    articles, files = _linked(tokens)
    html = nh3.clean(
        _markdown.renderer.render(tokens, _markdown.options, env),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        url_schemes={"http", "https", "mailto", "article", "page", "file"},
        link_rel=None,
        generic_attribute_prefixes=set(),
    )
    plain = _plain(tokens)
    return RenderedArticle(
        html,
        plain,
        tuple(_contents(tokens)),
        len(plain.split()),
        frozenset(articles),
        frozenset(files),
    )


Resolve = Callable[[str, str], str | None]


def fill_in(html: str, resolve: Resolve, icon: Callable[[str], str]) -> SafeString:
    """Return stored HTML for a page: with addresses in place of names, and icons drawn.

    Units: `resolve(kind, name)` returns the address of an article, a page or a file.
    Edges: a link whose place this reader cannot see becomes its words alone.
    """

    def address(match: re.Match[str]) -> str:
        attribute, kind, name = match.groups()
        found = resolve(kind, _unescape(name))
        if found is None:
            return 'data-nowhere=""'
        return f'{attribute}="{escape(found)}"'

    filled = _PLACES.sub(address, html)
    return mark_safe(_ICON.sub(lambda match: icon(match.group(1)), filled))  # noqa: S308 - cleaned


def _unescape(text: str) -> str:
    return text.replace("&amp;", "&").replace("&quot;", '"')


def article_slug(title: str) -> str:
    """Return an address for a title: letters a–z, digits and single hyphens, at most 120."""
    words = re.split(r"[-_]+", slugify(title))
    return "-".join(word for word in words if word)[:120].strip("-") or "articulo"


# ── Markdown to tokens to HTML ────────────────────────────────────────────────────────────────


class _Renderer(RendererHTML):
    """Draws what the design has words for: callouts, code with a bar, tables that scroll."""

    def alert_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        icon, state = CALLOUTS[tokens[idx].info]
        mood = f' data-sla="{state}"' if state else ""
        return f'<div class="note"{mood} role="note"><span class="icon-{icon}"></span><div>\n'

    def alert_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "</div></div>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        language, _, rest = token.info.strip().partition(" ")
        title = _TITLE.search(rest)
        label = escape(title.group(1) if title else language)
        bar = f'<div class="code__bar"><span>{label}</span></div>' if label else ""
        code = _coloured(token.content, language)
        return f'<div class="code">{bar}<pre tabindex="0"><code>{code}</code></pre></div>\n'

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        code = escape(tokens[idx].content, quote=False)
        return f'<div class="code"><pre tabindex="0"><code>{code}</code></pre></div>\n'

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        before = tokens[:idx]
        above = [inside for head, inside in pairwise(before) if head.type == "heading_open"]
        label = f' aria-label="{escape(_inline_text(above[-1]))}"' if above else ""
        return f'<div class="table-scroll" tabindex="0" role="group"{label}><table class="table">\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return '<th scope="col">'


def _make() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "alerts": True}, renderer_cls=_Renderer).enable(
        ["table", "strikethrough"]
    )
    made.use(anchors_plugin, min_level=2, max_level=4, slug_func=lambda text: slugify(text) or "s")
    made.validateLink = _may_link  # type: ignore[method-assign]
    # markdown-it names its rendering methods by the kinds of tokens.
    for kind in ("alert_open", "alert_close", "fence", "code_block"):
        made.add_render_rule(kind, getattr(_Renderer, kind))
    for kind in ("table_open", "table_close", "th_open"):
        made.add_render_rule(kind, getattr(_Renderer, kind))
    made.core.ruler.after("block", "fit_the_page", _fit_the_page)
    return made


def _fit_the_page(state: Any) -> None:
    """Leave out the English titles that callouts get, since their first words say what they are
    about; and keep the first level of headings for the article's own title.
    """
    kept: list[Token] = []
    skipping = False
    for token in state.tokens:
        skipping = skipping or token.type == "alert_title_open"
        if not skipping:
            kept.append(token)
        skipping = skipping and token.type != "alert_title_close"
        if token.tag == "h1":
            token.tag = "h2"
    state.tokens = kept


_ALLOWED: Final = re.compile(r"^(?:https?://|mailto:|article:|page:|file:|#)", re.IGNORECASE)


def _may_link(url: str) -> bool:
    return bool(_ALLOWED.match(url))


def _coloured(code: str, language: str) -> str:
    """Return code as HTML, its words, texts and comments told apart."""
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(code, quote=False)
    parts = []
    for kind, value in lexer.get_tokens(code):
        text = escape(value, quote=False)
        mark = _mark_of(kind)
        parts.append(f'<span class="{mark}">{text}</span>' if mark and value.strip() else text)
    return "".join(parts)


def _mark_of(kind: Any) -> str:
    if kind in Comment:
        return "c"
    if kind in String or kind in Literal.Number:
        return "s"
    if kind in Keyword or kind in Name.Tag or kind in Name.Function or kind in Name.Builtin:
        return "k"
    return ""


def _inline_text(token: Token) -> str:
    parts = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "image":
            parts.append(child.content)
    return "".join(parts)


def _plain(tokens: Sequence[Token]) -> str:
    """Return the article's words without marks: what is searched, and shown in a list."""
    lines = []
    for token in tokens:
        if token.type == "inline":
            lines.append(_inline_text(token))
        elif token.type in ("fence", "code_block"):
            lines.append(token.content)
    return "\n".join(line for line in lines if line.strip())


def _contents(tokens: Sequence[Token]) -> list[Heading]:
    found = []
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag in ("h2", "h3"):
            anchor = str(opening.attrGet("id") or "")
            found.append(Heading(int(opening.tag[1]), anchor, _inline_text(inside)))
    return found


def _linked(tokens: Sequence[Token]) -> tuple[set[str], set[str]]:
    """Return the keys of articles and the names of files that an article points to."""
    articles: set[str] = set()
    files: set[str] = set()
    for token in tokens:
        for child in token.children or []:
            address = str(child.attrGet("href") or child.attrGet("src") or "")
            kind, _, name = address.partition(":")
            if kind == "article":
                articles.add(name.partition("#")[0])
            elif kind == "file":
                files.add(name)
    return articles, files


_markdown: Final = _make()

_TAGS: Final = {
    "a", "blockquote", "br", "code", "del", "div", "em", "h2", "h3", "h4", "hr", "img", "li", "ol",
    "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "h2": {"id"},
    "h3": {"id"},
    "h4": {"id"},
    "ol": {"start"},
    "th": {"scope"},
    "pre": {"tabindex"},
    "div": {"tabindex", "data-sla", "role", "aria-label"},
}
_CLASSES: Final = {
    "div": {"note", "code", "code__bar", "table-scroll"},
    "table": {"table"},
    "span": {"k", "s", "c", *(f"icon-{icon}" for icon, _state in CALLOUTS.values())},
}
