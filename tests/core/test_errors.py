"""Errors that are kept: said later, in the language of whoever reads them then."""

from datetime import timedelta

import pytest
from django.utils import translation

from plazo.core.errors import NotVisible, PlazoError, kept, told
from plazo.escalation.outgoing import AddressRefused, NoAnswer, NotTaken


@pytest.mark.parametrize(
    ("error", "spanish", "english"),
    [
        (NotTaken(status=404), "El otro lado respondió 404.", "The other side answered 404."),
        (NotVisible(), "Aquí no hay nada que usted pueda ver.", "There is nothing here that you can see."),
        (NoAnswer(why="Connection refused"), "No hubo conexión: Connection refused", "No connection came about: Connection refused"),
        (AddressRefused(why="unknown", host="añil.example"), "No se conoce el nombre añil.example.", "The name añil.example is not known."),
    ],
)  # fmt: skip
def test_a_worker_keeps_an_error_and_each_reader_hears_it_in_their_language(
    error, spanish, english
):
    """A worker speaks one language; it used to write its sentence down in that one."""
    with translation.override("es"):
        text = kept(error, 300)
    for language, words in (("es", spanish), ("en", english), ("es", spanish)):
        with translation.override(language):
            assert told(text) == words


class Bent(PlazoError):
    """One whose sentence needs what no file keeps."""

    code = "bent"

    def user_message(self) -> str:
        return f"after {self.data['span'].seconds} s{'!' * self.data['loud']}"


def test_what_cannot_be_said_again_is_kept_in_words():
    """A value that comes back as another, or a sentence too long: the words themselves stay."""
    assert kept(Bent(span=timedelta(seconds=5), loud=0), 300) == "after 5 s"
    assert kept(Bent(span=timedelta(seconds=5), loud=99), 20) == "after 5 s!!!!!!!!!!!"
    for text in ("451 try again", "", "[1]", "7", '{"code": "gone", "data": {}}'):
        assert told(text) == text
