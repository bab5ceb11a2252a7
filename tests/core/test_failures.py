"""Requests that cannot be read: an answer in words, in both languages, and in the house's frame."""

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import get_resolver

from plazo.core.failures import bad_request
from tests.factory import publish_iws

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def agreement(db):
    """The real agreement is in force, so that there is a form to send."""
    publish_iws()


@pytest.mark.parametrize(
    ("language", "said", "also"),
    [
        ("es", "más texto del que admite un formulario", "Nothing was done."),
        ("en", "more text than a form takes", "No se hizo nada."),
    ],
)
def test_too_much_text_is_said_and_what_to_do(settings, language, said, also):
    """A log of megabytes in a text field used to end in a bare, English “Bad Request (400)”."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    address = f"/hc/{language}/requests/new/"
    answer = Client().post(address, {"body": "x" * 5000})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in page
    assert also in page
    assert f'<html lang="{language}"' in page
    assert "plazo/css/components.css" in page
    assert "default-src 'self'" in answer["Content-Security-Policy"]


def test_too_many_files_are_said(settings):
    """Somebody who drops a whole folder is told to send it as one archive."""
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    files = [SimpleUploadedFile(f"{n}.txt", b"x") for n in range(3)]
    answer = Client().post("/hc/es/requests/new/", {"files": files})
    assert answer.status_code == 400
    assert "un solo archivo comprimido" in answer.content.decode()


def test_a_long_text_that_can_be_read_is_given_back():
    """What the server can read and the form refuses comes back in its field, whole."""
    text = "x" * 3_000_000
    answer = Client().post("/hc/es/requests/new/", {"body": text})
    assert answer.status_code == 422
    assert text in answer.content.decode()


def test_other_requests_that_cannot_be_read():
    """A malformed request is no form: nothing was lost, and it is not said that something was."""
    page = bad_request(RequestFactory().get("/"), Exception("x")).content.decode()
    assert "No se puede leer esa petición" in page


def test_what_is_not_allowed_is_said_in_words():
    """A refusal says that nothing was changed, and whom to ask."""
    answer = get_resolver().resolve_error_handler(403)(
        RequestFactory().get("/"), PermissionDenied()
    )
    assert answer.status_code == 403
    assert "No se cambió nada" in answer.content.decode()
    assert "Nothing was changed" in answer.content.decode()
