"""Requests that cannot even be read: what went wrong, in words, and what to do."""

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


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
