"""Words and addresses that templates keep."""

from django.template import engines
from django.urls import set_script_prefix
from django.utils import translation

LANGUAGES = ("es", "en", "es")


def rendered(source: str) -> list[str]:
    """Render a template once in each language, one after the other."""
    template = engines["django"].from_string("{% load i18n %}" + source)
    found = []
    for language in LANGUAGES:
        with translation.override(language):
            found.append(template.render({"word": "Queue", "place": "cases"}))
    return found


def test_kept_words_follow_the_language() -> None:
    """A word kept in one language is not shown in another."""
    assert rendered('{% translate "Sign out" %}') == ["Salir", "Sign out", "Salir"]


def test_a_context_tells_kept_words_apart() -> None:
    """The same English with a context is another word."""
    assert rendered('{% translate "Overdue" context "cases" %}')[::2] == ["Vencidos"] * 2


def test_words_in_a_variable_are_looked_up_each_time() -> None:
    """What a template is given to translate is not kept."""
    template = engines["django"].from_string("{% load i18n %}{% translate word %}")
    with translation.override("es"):
        assert template.render({"word": "Sign out"}) == "Salir"
        assert template.render({"word": "Level"}) == "Nivel"


def test_words_are_kept_under_a_name_too() -> None:
    """`as` still puts the words into the context."""
    assert rendered('{% translate "Sign out" as said %}[{{ said }}]')[1] == "[Sign out]"


def test_a_kept_address_follows_where_the_site_stands() -> None:
    """A site that moves under a prefix gets its addresses anew."""
    template = engines["django"].from_string('{% url "desk:queue" %}')
    assert template.render() == "/desk/"
    set_script_prefix("/help/")
    try:
        assert template.render() == "/help/desk/"
    finally:
        set_script_prefix("/")
