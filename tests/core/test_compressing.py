"""Pages travel compressed, and files as they are."""

import gzip

import pytest
from django.http import FileResponse, HttpResponse
from django.test import RequestFactory

from plazo.core.compressing import CompressedPages

TEXT = "Próxima actualización, a más tardar 15:30. " * 100


def answered(response, **headers):
    request = RequestFactory().get("/", **headers)
    return CompressedPages(lambda _: response)(request)


def test_a_page_is_compressed_for_who_takes_it():
    """A page arrives smaller, and says the same."""
    page = answered(HttpResponse(TEXT), HTTP_ACCEPT_ENCODING="gzip, br")
    assert page["Content-Encoding"] == "gzip"
    assert gzip.decompress(page.content).decode() == TEXT
    assert len(page.content) < len(TEXT.encode()) / 5
    assert "Content-Encoding" not in answered(HttpResponse(TEXT))


@pytest.mark.parametrize(
    "made",
    [
        lambda: HttpResponse(TEXT, content_type="text/csv"),
        lambda: FileResponse(iter([TEXT.encode()]), content_type="text/html"),
    ],
    ids=["a file", "a stream"],
)
def test_what_is_no_page_stays_as_it_is(made):
    """Files keep their length and are not compressed twice."""
    assert "Content-Encoding" not in answered(made(), HTTP_ACCEPT_ENCODING="gzip")
