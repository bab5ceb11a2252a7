"""Requests that cannot be read, or not be taken: what went wrong, and what was written in them."""

import re
from typing import Final

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# What a form holds that no person typed, and what must never be shown again.
OURS: Final = frozenset({"csrfmiddlewaretoken", "next", "kept", "started", "website", "understood"})
_SECRET: Final = re.compile(r"password|secret|token|otp", re.IGNORECASE)
# What a choice sends: “on”, “in_scope”, “A”, “29”. Whoever typed such a word has lost one word.
_CHOICE: Final = re.compile(r"[a-z0-9_:-]{0,40}|.")


def typed(request: HttpRequest) -> list[str]:
    """Return what a person typed into a form, to give it back when it cannot be taken."""
    return [
        value
        for name, values in request.POST.lists()
        for value in values
        if name not in OURS
        and not _SECRET.search(name)
        and not isinstance(value, UploadedFile)
        and not _CHOICE.fullmatch(value.strip())
    ]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say why a request was refused unread.

    Edges: such a form has no text to give back, since reading stopped in the middle; the browser
        keeps it one page before, and as a draft.
    """
    context = {
        "too_long": isinstance(exception, RequestDataTooBig | TooManyFieldsSent),
        "too_many": isinstance(exception, TooManyFilesSent),
        "sent": request.method == "POST",
    }
    return render(request, "400.html", context, status=400)
