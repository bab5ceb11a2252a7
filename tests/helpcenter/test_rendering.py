"""Articles as HTML: nothing runs, whatever was typed; links lead where they say."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plazo.helpcenter.rendering import article_slug, fill_in, render_article

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><mi//xlink:href='data:x,<script>alert(4)</script>'>",
    "<style>@import 'https://evil.example';</style>",
    "<base href='https://evil.example/'>",
    "<form action='https://evil.example'><button>x</button></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<object data='data:text/html,x'></object>",
    "<a href='javascript:alert(1)'>x</a>",
    "<div style='position:fixed;inset:0'>x</div>",
    "<!-- --!><script>alert(1)</script> -->",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](java&#x0A;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "[x](//evil.example)",
    "[x](/desk/)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    "![x](https://ok.example/a.png\" onerror=\"alert(1))",
    "[x](https://ok.example \"title\" onmouseover=\"alert(1)\")",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "```html\" onmouseover=\"alert(1)\n<script>alert(1)</script>\n```",
    "```http title=\"<img src=x onerror=alert(1)>\"\nx\n```",
    "    <script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    "## <img src=x onerror=alert(1)>",
    "## \" onclick=\"alert(1)",
    "> [!NOTE]\n> <script>alert(1)</script>",
    "| <script>alert(1)</script> | [x](javascript:alert(1)) |\n| --- | --- |\n| <img onerror=x> | y |",
    "[x](article:a\" onclick=\"alert(1))",
    "[x](file:a'><script>alert(1)</script>)",
    "[x](page:new?next=javascript:alert(1))",
]  # fmt: skip
TAGS = {
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "base",
    "form",
    "meta",
    "link",
    "math",
    "input",
    "button",
}


class Reader(HTMLParser):
    """Reads HTML as a browser would, and notes what could run or lead astray."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag in TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attributes:
            if name.startswith("on") or name in ("style", "srcdoc", "formaction"):
                self.faults.append(f"{name}={value}")
            if name in ("href", "src") and not re.match(
                r"(https?://|mailto:|article:|page:|file:|#)", value or "", re.IGNORECASE
            ):
                self.faults.append(f"{name}={value}")


def faults_of(html: str) -> list[str]:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.faults


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_attackers_type_is_text(attack):
    """No tag, handler, style or address of theirs is left, alone or amid other words."""
    for markdown in (attack, f"Antes {attack} después", f"- {attack}\n- otra"):
        assert faults_of(render_article(markdown).html) == []


def icon(name: str) -> str:
    return f"<svg data-icon={name}></svg>"


@pytest.mark.parametrize("attack", ATTACKS)
def test_filling_in_addresses_opens_no_door(attack):
    """A name that an editor typed cannot break out of the attribute that it becomes."""
    html = fill_in(render_article(attack).html, lambda kind, name: f"/{kind}/{name}", icon)
    reader = Reader()
    reader.feed(html)
    assert [
        fault for fault in reader.faults if not re.match(r"(href|src)=/(article|page|file)/", fault)
    ] == []


@given(st.text(max_size=300), st.sampled_from(ATTACKS))
def test_no_text_makes_rendering_fail_or_run(text, attack):
    """Whatever surrounds it, and whatever it is."""
    assert faults_of(render_article(text + attack + text).html) == []


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        pytest.param("**a** _b_ `c` ~~d~~", "<p><strong>a</strong> <em>b</em> <code>c</code> <s>d</s></p>", id="words"),
        pytest.param("# A", '<h2 id="a">A</h2>', id="the first level is the article's own"),
        pytest.param("## Qué es\n\n### Más", '<h2 id="que-es">Qué es</h2>\n<h3 id="mas">Más</h3>', id="headings have anchors"),
        pytest.param("## A\n\n## A", '<h2 id="a">A</h2>\n<h2 id="a-1">A</h2>', id="anchors differ"),
        pytest.param("[x](https://a.example)", '<p><a href="https://a.example">x</a></p>', id="a link"),
        pytest.param("[x](article:a#b)", '<p><a href="article:a#b">x</a></p>', id="a link to an article is kept by its key"),
        pytest.param("![x](file:a.png)", '<p><img src="file:a.png" alt="x"></p>', id="an image of ours"),
        pytest.param("3. c", '<ol start="3">\n<li>c</li>\n</ol>', id="lists may begin later"),
        pytest.param("```\nx < y\n```", '<div class="code"><pre tabindex="0"><code>x &lt; y\n</code></pre></div>', id="code without a language"),
        pytest.param('```json title="Así"\n{"a": 1}\n```', '<div class="code"><div class="code__bar"><span>Así</span></div>', id="code with a title"),
        pytest.param("> [!WARNING]\n> No.", '<div class="note" data-sla="risk" role="note"><span class="icon-triangle-alert"></span><div>\n<p>No.</p>\n</div></div>', id="a callout"),
        pytest.param("> cita", "<blockquote>\n<p>cita</p>\n</blockquote>", id="a quotation is no callout"),
        pytest.param("## T\n\n| a |\n| - |\n| b |", '<div class="table-scroll" tabindex="0" role="group" aria-label="T"><table class="table">', id="a table is named after its heading"),
        pytest.param("| a |\n| - |\n| b |", '<th scope="col">a</th>', id="columns have their scope"),
    ],
)  # fmt: skip
def test_markdown_becomes_what_the_design_has_words_for(markdown, html):
    """Each form that the help names."""
    assert html in render_article(markdown).html


@pytest.mark.parametrize("kind", ["NOTE", "TIP", "IMPORTANT", "WARNING", "CAUTION"])
def test_callouts_have_no_english_titles(kind):
    """Their first words say what they are about, in the language of the article."""
    rendered = render_article(f"> [!{kind}]\n> Espere.")
    assert 'role="note"' in rendered.html
    assert kind.lower() not in rendered.html.lower().replace('role="note"', "").replace(
        'class="note"', ""
    )
    assert rendered.plain == "Espere."


def test_what_is_learnt_on_the_way():
    """The contents, the words without signs, and what a text points to."""
    rendered = render_article(
        "## Uno `dos`\n\nTres [cuatro](article:a#b) ![cinco](file:c.png).\n\n### Seis\n\n#### No\n"
    )
    assert [(h.level, h.anchor, h.text) for h in rendered.contents] == [
        (2, "uno-dos", "Uno dos"),
        (3, "seis", "Seis"),
    ]
    assert rendered.plain == "Uno dos\nTres cuatro cinco.\nSeis\nNo"
    assert (rendered.articles, rendered.files, rendered.words) == ({"a"}, {"c.png"}, 7)


def test_a_link_that_leads_nowhere_becomes_its_words():
    """What the reader may not see has no address on the page."""
    html = fill_in(render_article("[x](article:secreto)").html, lambda kind, name: None, icon)
    assert "secreto" not in html
    assert ">x</a>" in html
    assert "href" not in html


@given(st.text(max_size=200))
def test_every_title_makes_an_address(title):
    """Letters a–z, digits and single hyphens; never empty, never too long."""
    slug = article_slug(title)
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", slug)
    assert len(slug) <= 120
