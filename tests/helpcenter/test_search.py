"""Finding articles: stems, accents, slips, synonyms, and nothing that the reader may not see."""

import pytest

from plazo.core.search import marked, parse_query, snippet, stem, vector
from plazo.helpcenter import commands, searching
from plazo.helpcenter.access import ANYONE
from plazo.helpcenter.models import Audience
from tests.kb import CLIENT, STAFF, a_section, an_article, counted, translated

pytestmark = pytest.mark.django_db


def titles(found: searching.Found) -> list[str]:
    return [edition.published.title for edition in found.editions]


def look(text: str, *, reader=ANYONE, language="es", **choices) -> list[str]:
    return titles(searching.search(reader, language, text, **choices))


@pytest.fixture
def shelf():
    """Some articles about different things."""
    an_article(
        "La licencia no llega después de PlaceOrder",
        "Si la llamada terminó con un 504, no reenvíe la orden: consulte el estado.\n",
        labels=["ordenes"],
    )
    an_article(
        "Reintentos seguros y órdenes duplicadas",
        "Use la misma referencia. Espere antes de volver a llamar tras un 504.\n",
        section="general",
    )
    an_article(
        "Facturación y notas crédito",
        "Las facturas las atiende Crédito. Ninguna orden se corrige aquí.\n",
        section="general",
    )
    an_article(
        "Firmar las llamadas", "La firma usa la llave y la hora en UTC.\n", section="general"
    )
    counted()


FORMS = ["factura", "facturas", "facturación", "facturacion", "FACTURACIÓN"]


@pytest.mark.parametrize("words", FORMS)
def test_forms_of_a_word_meet(shelf, words):
    """Singular and plural, with accents and without, find the same article first."""
    assert look(words)[0] == "Facturación y notas crédito"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("órdenes", "orden"),
        ("sesiones", "sesion"),
        ("crítico", "criticos"),
        ("contraseñas", "contraseña"),
        ("envíos", "envio"),
        ("códigos", "codigo"),
        ("conexión", "conexiones"),
    ],
)
def test_stems_are_folded_after_stemming(one, other):
    """A plural and an unaccented spelling share their stem."""
    assert stem(one, "es") == stem(other, "es")


def test_the_title_counts_more_than_the_text(shelf):
    """What an article is about stands before what it mentions."""
    assert look("orden duplicada")[0] == "Reintentos seguros y órdenes duplicadas"


def test_a_whole_question_finds_its_answer(shelf):
    """Common words do not hide the article, and not every word must be in it."""
    asked = "¿por qué mi licencia de ayer no llega después de llamar a PlaceOrder?"
    assert look(asked)[0] == "La licencia no llega después de PlaceOrder"


@pytest.mark.parametrize("words", ["place order", "placeorder", "PlaceOrder"])
def test_compounds_are_found_whole_and_by_their_parts(shelf, words):
    """Names of methods are typed in every way."""
    assert "La licencia no llega después de PlaceOrder" in look(words)


def test_a_slip_is_forgiven_and_said(shelf):
    """“Quiso decir” searches for what is near, and says so."""
    found = searching.search(ANYONE, "es", "licensia")
    assert (found.meant, found.query.text) == ("licencia", "licencia")
    assert titles(found)[0] == "La licencia no llega después de PlaceOrder"


def test_a_good_word_beside_a_slip_is_enough(shelf):
    """Where something is found the words stay as they are; the better spelling is offered."""
    found = searching.search(ANYONE, "es", "facturación credto")
    assert found.query.text == "facturación credto"
    assert found.meant == "facturación credito"


def test_synonyms_find_each_other(shelf):
    """Sets are data: words and phrases."""
    commands.save_synonyms(sets=[["licencia", "serial", "clave de producto"]])
    counted()
    assert look("serial")[0] == "La licencia no llega después de PlaceOrder"
    assert look("clave de producto")[0] == "La licencia no llega después de PlaceOrder"


def test_results_are_counted_by_section_and_kept_to_some(shelf):
    """The numbers beside the boxes are those of the whole search, whatever is ticked."""
    found = searching.search(ANYONE, "es", "orden", sections=["esd"])
    assert found.sections == {"esd": 1, "general": 2}
    assert (found.total, len(found.editions)) == (1, 1)


def test_while_typing_the_last_word_may_go_on(shelf):
    """Three letters of a word find it; a finished word is not taken for a beginning."""
    assert titles(searching.suggest(ANYONE, "es", "fac"))[0] == "Facturación y notas crédito"
    assert titles(searching.suggest(ANYONE, "es", "fac ")) == []


@pytest.mark.parametrize("words", ["", "   ", "¿?", "'; DROP TABLE x; --", "a & | ! ( :*", "\x00"])
def test_anything_may_be_typed(shelf, words):
    """There is no syntax to get wrong."""
    assert isinstance(look(words), list)
    assert isinstance(titles(searching.suggest(ANYONE, "es", words)), list)


def test_nobody_finds_what_they_may_not_read():
    """Search, suggestions and spelling know only the reader's own texts."""
    an_article("Cómo juzgar el alcance", "Palabra rarísima: zarandaja.\n", audience=Audience.STAFF)
    an_article("Tarifas", "Otra palabra: carcajada.\n", audience=Audience.CLIENTS)
    a_section("interna", Audience.STAFF)
    an_article("Guardias", "Una más: barahúnda.\n", section="interna")
    counted()
    for reader, seen in ((ANYONE, 0), (CLIENT, 1), (STAFF, 3)):
        words = ("carcajada", "zarandaja", "barahúnda")
        assert sum(bool(look(word, reader=reader)) for word in words) == seen
        slips = ("carcajeda", "zarandeja", "barajunda")
        found = [searching.search(reader, "es", slip) for slip in slips]
        assert sum(bool(one.meant) for one in found) == seen
        assert sum(bool(one.editions) for one in found) == seen


def test_another_languages_article_is_found_where_there_is_no_translation():
    """Readers in English see Spanish articles that have no English edition, and no doubles."""
    an_article("Cuotas por minuto", "El límite es de 120 llamadas.\n")
    both = an_article("Tiempos de espera", "Un timeout de 30 segundos.\n")
    translated(both, "Time-outs", "A timeout of 30 seconds.\n")
    counted()
    assert look("timeout", language="en") == ["Time-outs"]
    assert look("timeout", language="es") == ["Tiempos de espera"]
    assert look("120", language="en") == ["Cuotas por minuto"]


def test_related_articles_are_the_named_ones_and_then_the_alike(shelf):
    """What editors named comes first; the rest is found by its words."""
    named = an_article("Estados de una orden", "Processing y Completed.\n")
    edition = an_article(
        "Órdenes que no avanzan", "La orden queda en Processing.\n", related=[named.article.key]
    )
    counted()
    related = [e.published.title for e in searching.related_to(ANYONE, edition)]
    assert related[0] == "Estados de una orden"
    assert "Órdenes que no avanzan" not in related
    assert "Reintentos seguros y órdenes duplicadas" in related


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("La <b>licencia</b>", "licencias", "La &lt;b&gt;<mark>licencia</mark>&lt;/b&gt;"),
        ("Un 504 & más", "504", "Un <mark>504</mark> &amp; más"),
        ("GetOrderTokens", "tokens", "<mark>GetOrderTokens</mark>"),
    ],
)
def test_what_was_found_is_marked_and_the_rest_is_escaped(text, words, shown):
    """Marks are HTML; the text around them never is."""
    assert marked(text, parse_query(words, "es")) == shown


def test_a_snippet_is_cut_where_the_words_are():
    """A long text is shown where it answers."""
    text = "Nada de interés aquí. " * 40 + "La licencia llega en 15 minutos. " + "Más texto. " * 40
    shown = snippet(text, parse_query("licencia minutos", "es"))
    assert "<mark>licencia</mark> llega en 15 <mark>minutos</mark>" in shown
    assert shown.startswith("… ")
    assert len(shown) < 260


def test_a_vector_is_what_postgresql_reads(db):
    """Quotes and backslashes of a text do not break out of the literal."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT %s::tsvector::text", [vector([("A", "d'accord \\ o''k a\\b")], "es")]
        )
        assert "accord" in cursor.fetchone()[0]
