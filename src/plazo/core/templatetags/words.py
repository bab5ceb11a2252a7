"""Django's own `i18n` tags, with one difference: a template's fixed words are looked up once.

A page of the desk holds two hundred of them, and looking each up anew, through three layers of
lazy texts, takes as long as the database does. What `{% translate "…" %}` says depends on nothing
but the language, so it is kept for as long as the process lives. Templates load it as `i18n`, as
ever (settings, `libraries`).
"""

from typing import Any

from django import template
from django.template.base import FilterExpression, Node, Parser, Token, Variable
from django.template.context import Context
from django.templatetags import i18n
from django.utils.translation import get_language

register = template.Library()
register.tags |= i18n.register.tags
register.filters |= i18n.register.filters


class FixedWords(Node):
    """Words that stand in a template, in each language that they were asked for."""

    child_nodelists = ()

    def __init__(self, node: i18n.TranslateNode) -> None:
        self.node = node
        self.kept: dict[str | None, str] = {}

    def render(self, context: Context) -> str:
        """Return the words in the active language."""
        language = get_language()
        words = self.kept.get(language)
        if words is None:
            words = self.kept[language] = self.node.render(context)
        return words


@register.tag("translate")
@register.tag("trans")
def translate(parser: Parser, token: Token) -> Node:
    """Do as Django's tag does; words without a variable or a filter are kept."""
    node: Any = i18n.do_translate(parser, token)
    told = [node.filter_expression, *([node.message_context] if node.message_context else [])]
    return FixedWords(node) if node.asvar is None and all(map(_is_fixed, told)) else node


def _is_fixed(expression: FilterExpression) -> bool:
    if expression.filters:
        return False
    word = expression.var
    return isinstance(word, str) or (isinstance(word, Variable) and word.lookups is None)
