"""Which language a request is answered in."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

LANGUAGES = ("es", "en")
Given = ParamSpec("Given")
Made = TypeVar("Made")


def kept_in_each_language(make: Callable[Given, Made]) -> Callable[Given, Made]:
    """Keep what a function makes of the same arguments, apart for each language.

    For small drawings and words that depend on nothing else and stand in every row of a list.
    """

    @lru_cache(maxsize=1024)
    def kept(language: str | None, *args: Given.args, **kwargs: Given.kwargs) -> Made:
        return make(*args, **kwargs)

    @wraps(make)
    def made(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        return kept(translation.get_language(), *args, **kwargs)  # type: ignore[arg-type]

    return made


def language_of_path(path: str) -> str | None:
    """Return the language that a public address names: `/hc/es/…` is Spanish."""
    parts = path.split("/", 3)
    if len(parts) > 2 and parts[1] == "hc" and parts[2] in LANGUAGES:
        return parts[2]
    return None


def language_of_request(request: HttpRequest) -> str:
    """Choose the language: the address, then the cookie, then the browser, then Spanish.

    Edges: a signed-in person's own choice is written to the cookie when they sign in or change
        it, so that this needs no query and pages before the sign-in look the same.
    """
    chosen = language_of_path(request.path_info) or request.COOKIES.get(
        settings.LANGUAGE_COOKIE_NAME, ""
    )
    if chosen in LANGUAGES:
        return chosen
    if request.headers.get("Accept-Language"):
        return translation.get_language_from_request(request)[:2]
    return "es"


def speak(response: HttpResponse, language: str) -> None:
    """Have the pages that no address gives a language speak this one."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 86400,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


class LanguageMiddleware:
    """Activates the language of each request and says so in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = language_of_request(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
            # A lazily rendered answer must be rendered while the language stands.
            if hasattr(response, "render") and not getattr(response, "is_rendered", True):
                response.render()
        response.headers.setdefault("Content-Language", language)
        return response
