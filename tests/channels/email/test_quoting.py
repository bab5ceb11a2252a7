"""What somebody wrote and what they quote: samples that the rules were not written beside."""

import pytest
import quotequail
from hypothesis import given
from hypothesis import strategies as st

from plazo.channels.email.html import divided_html
from plazo.channels.email.quoting import divide, is_forwarded
from plazo.channels.email.rendering import text_of

# Each: what the mail says that is new, and what follows it.
HELD_OUT = {
    "Gmail, Spanish, three lines": ("Vale", "El lun, 23 nov 2026 a las 10:14, Una Persona De Nombre Muy Largo De Veras\nvia Soporte (<\nsoporte@iws.example>) escribió:\n\n> hola"),
    "Gmail, English, 24 hours": ("Ok.", "On Mon, 23 Nov 2026 at 10:14, Desk <d@x.example> wrote:\n\n> hi"),
    "Gmail, Portuguese of Brazil": ("Certo.", "Em seg., 23 de nov. de 2026 às 10:14, Mesa via Suporte <\nm@x.example> escreveu:\n\n> oi"),
    "K-9": ("Ya quedó.", "El 23 de noviembre de 2026 10:14:00 GMT-05:00, Mesa <m@x.example> escribió:\n>hola"),
    "Samsung": ("Ya quedó.", "-------- Mensaje original --------\nDe: Mesa <m@x.example>\nFecha: 23/11/26 10:14 (GMT-05:00)\nPara: yo@x.example\nAsunto: Re: algo\n\nhola"),
    "Samsung, Portuguese": ("Pronto.", "-------- Mensagem original --------\nDe : Mesa <m@x.example>\nData: 23/11/26 10:14 (GMT-03:00)\nPara: eu@x.example\nAssunto: Re: algo\n\noi"),
    "Hotmail of old": ("Ya quedó.", "Date: Mon, 23 Nov 2026 10:14:00 -0500\nFrom: m@x.example\nTo: yo@x.example\nSubject: algo\n\nhola"),
    "Windows Live": ("Ya quedó.", "Subject: algo\nFrom: m@x.example\nTo: yo@x.example\nDate: Mon, 23 Nov 2026 10:14:00 -0500\n\nhola"),
    "Notes": ("Listo.", "Mesa/LIM/EMPRESA escribió el 23/11/2026 10:14:00:\n\n> hola"),
    "Outlook of Mac, Spanish": ("Listo.", "De: Mesa <m@x.example>\nFecha: lunes, 23 de noviembre de 2026, 10:14\nPara: Yo <yo@x.example>\nAsunto: Re: algo\n\nhola"),
    "Outlook, English, Cc": ("Done.", "From: Desk <d@x.example>\nSent: Monday, November 23, 2026 10:14 AM\nTo: Me <me@x.example>\nCc: Boss <boss@x.example>; Other\n <other@x.example>\nSubject: RE: thing\n\nhi"),
    "Outlook, Portuguese of Portugal": ("Feito.", "De: Mesa <m@x.example>\nEnviada: 23 de novembro de 2026 10:14\nPara: Eu <eu@x.example>\nAssunto: RE: algo\n\noi"),
    "French": ("Merci.", "Le lun. 23 nov. 2026 à 10:14, Mesa <m@x.example> a écrit :\n\n> bonjour"),
    "Italian": ("Grazie.", "Il giorno lun 23 nov 2026 alle ore 10:14 Mesa <m@x.example> ha scritto:\n\n> ciao"),
    "German, the verb within": ("Danke.", "Am 23.11.26 um 10:14 schrieb Mesa:\n> hallo"),
    "mutt": ("Bien.", "* Mesa <m@x.example> [2026-11-23 10:14]:\n> hola"),
    "Zoho": ("Gracias.", "---- El lun, 23 nov 2026 10:14:00 -0500 Mesa <m@x.example> escribió ----\n\n> hola"),
    "Spark": ("Gracias.", "El 23 nov. 2026 10:14 -0500, Mesa <m@x.example>, escribió:\n> hola"),
    "eM Client": ("Gracias.", "------ Mensaje original ------\nDe: \"Mesa\" <m@x.example>\nPara: \"Yo\" <yo@x.example>\nEnviado: 23/11/2026 10:14:00\nAsunto: Re: algo\n\nhola"),
    "deep levels": ("Sí.", "El 23/11/26 a las 10:14, Mesa escribió:\n> > > viejo\n> > menos viejo\n> nuevo"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(HELD_OUT))
def test_a_history_is_folded_away(name: str) -> None:
    """In each program's way of quoting, what is new is above and the history is whole."""
    new, history = HELD_OUT[name]
    divided = divide(f"{new}\n\n{history}\n")
    assert divided.text == new
    assert divided.quoted == history


ALL_NEW = {
    "somebody tells what another wrote": "El 3 de marzo de 2026 el proveedor escribió:\nno tenemos la orden.\n¿Qué hacemos?",
    "a system that writes": "El 23 de noviembre de 2026 a las 10:14 el sistema escribió un error.\n¿qué significa?",
    "a form with the labels of a mail": "From: Lima\nTo: Tumbes\nDate: tomorrow\nSubject: to approval\n\nPlease confirm",
    "a delivery in lines": "Entrega\nDe: Lima\nPara: Piura\nFecha: 3 de marzo\nAsunto: 40 cajas\nGracias",
    "output of a program": "Sale esto:\n\n> npm run build\n> error\n\nAyuda por favor",
    "an answer below": "On Mon, Nov 23, 2026 at 10:14 AM Desk <d@x.example> wrote:\n\n> which order?\n\n4512, thanks",
    "short answers right below": "El 23/11/26 a las 10:14, Mesa escribió:\n> ¿Me puede decir por favor cuál es el número de la orden?\nLa 4512\n> ¿Y desde cuándo?\nAyer",
    "a table drawn with lines": "Orden  Estado\n-------------------\n4512   pendiente\n-------------------\nTotal 1",
    "a list with dashes": "Pasos\n--\n-- uno\n-- dos\n\ny nada más, gracias.",
    "only the history": "El 23/11/26 a las 10:14, Mesa escribió:\n> hola",
    "a mail passed on": "Vean.\n\n---------- Forwarded message ---------\nFrom: Mesa <m@x.example>\nDate: Mon, Nov 23, 2026\nSubject: algo\nTo: yo\n\nhola",
}  # fmt: skip


@pytest.mark.parametrize("name", list(ALL_NEW))
def test_prose_is_never_folded_away(name: str) -> None:
    """What looks like a quotation and is none stays where it is."""
    assert divide(ALL_NEW[name]).quoted == ""


@pytest.mark.parametrize(
    ("subject", "forwarded"),
    [("RV: algo", True), ("Fwd: algo", True), ("FW: algo", True), ("ENC: algo", True), ("RE: RV: algo", False), ("Re: algo", False), ("Ver: algo", False), ("", False)],
)  # fmt: skip
def test_a_subject_says_whether_a_mail_is_passed_on(subject: str, forwarded: bool) -> None:
    """An answer to a mail that was passed on is an answer."""
    assert is_forwarded(subject) is forwarded


LINES = st.sampled_from(
    [
        "", "Hola", "La orden 4512 no llega.", "> hola", ">", "> > viejo", "-- ", "--",
        "El 23/11/26 a las 10:14, Mesa escribió:", "escribió:", "De: Mesa <m@x.example>",
        "Enviado el: lunes, 23 de noviembre de 2026", "Para: yo", "Asunto: algo",
        "-----Mensaje original-----", "________________________________", "Enviado desde mi iPhone",
        "AVISO LEGAL: confidencial", "---------- Forwarded message ---------", "On Mon, Nov 23,",
        "2026 at 10:14 AM Desk <d@x.example> wrote:", "x" * 700,
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=30), st.booleans(), st.booleans())
def test_no_line_is_ever_lost(lines: list[str], is_reply: bool, forwarded: bool) -> None:
    """New text, signature and history hold every line in its order, and the new text is not empty."""
    divided = divide("\n".join(lines), is_reply=is_reply, forwarded=forwarded)
    parts = f"{divided.text}\n{divided.signature}\n{divided.quoted}"
    assert [line for line in parts.split("\n") if line] == [line for line in lines if line]
    assert bool(divided.text.strip()) is any(line.strip() for line in lines)


def test_another_library_begins_the_history_at_the_same_line() -> None:
    """quotequail, which knows fewer programs, never finds new text where we find a history.

    It takes what it does not know for new, so only samples that it divides at all are compared.
    """
    compared = 0
    for new, history in HELD_OUT.values():
        text = f"{new}\n\n{history}\n"
        pieces = quotequail.quote(text)
        if len(pieces) > 1:
            compared += 1
            theirs = next(piece for is_new, piece in pieces if is_new)
            assert theirs.split("\n")[0] == divide(text).text.split("\n")[0]
    assert compared >= 8


TAGS = st.sampled_from(
    [
        "<div>", "</div>", "<p>", "</p>", "<blockquote type=cite>", "</blockquote>", "<br>", "hola",
        '<div class="gmail_quote">', '<div class="gmail_attr">', "El 23/11/26 a las 10:14, Mesa escribió:",
        "<table><tr><td>", "</td></tr></table>", '<div id="divRplyFwdMsg">', "<b>De:</b> Mesa<br>",
        "-- <br>", '<div class="gmail_signature">', "<ul><li>", "</ul>", "<pre>a\n  b</pre>", "<!--", "-->",
        '<a href="https://x.example">', "</a>", "&nbsp;", "&lt;b&gt;", "mundo",
    ]
)  # fmt: skip


@given(st.lists(TAGS, max_size=25))
def test_no_word_of_html_is_ever_lost(pieces: list[str]) -> None:
    """However the tags stand, the three parts hold the words that the whole holds."""
    html = "".join(pieces)
    whole = divided_html(html, set(), forwarded=True)
    divided = divided_html(html, set())
    parts = " ".join(map(text_of, (divided.new, divided.signature, divided.quoted)))
    kept = sorted(word for word in parts.split() if word.isalpha())
    everything = f"{text_of(whole.new)} {text_of(whole.signature)}"
    assert kept == sorted(word for word in everything.split() if word.isalpha())
