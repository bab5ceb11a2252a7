"""Pages travel compressed; files do not, since they mostly are already."""

from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

TEXTS: Final = ("text/html", "application/json", "application/rss+xml", "application/atom+xml")


class CompressedPages(GZipMiddleware):
    """Compress pages and data, and nothing that is handed out piece by piece.

    Edges: Django's own middleware pads what it compresses with random bytes, so that the length of
        a page tells nothing of the secrets in it (BREACH).
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress, if it is a page."""
        kind = response.headers.get("Content-Type", "")
        if response.streaming or not kind.startswith(TEXTS):
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed
