"""What a template may ask for where no view of ours renders it: the name of the site."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language

from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock


def site(request: HttpRequest) -> dict[str, object]:
    """Name the site on the sign-in and on the page for what is not there. Costs one query if used.

    Edges: without an agreement in force it is "Plazo".
    """
    return {"site_name": SimpleLazyObject(_site_name)}


def _site_name() -> str:
    try:
        document = version_in_force(read_clock()).document
    except NoAgreementInForce:
        return "Plazo"
    return document.name.in_language(get_language() or "es")
