"""The public pages, as people meet them: in a browser, light and dark, wide and narrow."""

import pytest
import time_machine

from plazo.tickets import access
from tests import factory
from tests.web import Browse, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def paths() -> dict[str, str]:
    """Return the address of every page that a requester may meet, by name."""
    token = access.link_token(factory.a_case())
    return {
        "home": "/hc/es/",
        "sla": "/hc/es/sla/",
        "new": "/hc/es/requests/new/",
        "sent": f"/hc/es/requests/{token}/sent/",
        "case": f"/hc/es/requests/{token}/",
        "why": f"/hc/es/requests/{token}/why/first_reply/",
    }


@each_look
def test_every_page_is_sound(browse: Browse, width: int, dark: bool) -> None:
    """No finding of the accessibility rules, no sideways scrolling, no error, in either theme."""
    factory.publish_iws()
    with time_machine.travel(factory.TUESDAY, tick=True):
        page = browse(width=width, dark=dark)
        for name, path in paths().items():
            page.goto(path)
            keep_picture(page, f"{name}-{width}-{'dark' if dark else 'light'}")
            assert audit(page) == [], name
            assert overflow(page) <= 0, name
