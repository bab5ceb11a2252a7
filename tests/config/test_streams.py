"""Live streams over the real server: who gets one, what comes down it, and how it ends."""

import http.client
import json
import time
from collections.abc import Iterator

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from plazo.accounts.models import User
from plazo.core import hub
from plazo.core.live import publish
from plazo.tickets import commands
from tests.factory import a_case, an_agent, as_agent, publish_iws
from tests.people import a_person
from tests.serving import Server, served  # noqa: F401 - a fixture

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def cookie_of(user: User) -> str:
    """Sign somebody in, as the sign-in does; return their cookie."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"sessionid={session.session_key}"


def lines(answer: http.client.HTTPResponse) -> Iterator[dict[str, object]]:
    """Return what a stream says, as it comes; one that only beats for long says nothing."""
    end = time.monotonic() + 40
    while line := answer.readline():
        assert time.monotonic() < end, "nothing came down the stream"
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def news(answer: http.client.HTTPResponse) -> dict[str, object]:
    """Return the next piece of news; what the stream says of itself is left out."""
    return next(said for said in lines(answer) if "topic" in said)


def test_the_life_of_streams(served: Server):  # noqa: F811
    """Only agents have one; each hears what they may; all end when the server does."""
    publish_iws()
    ticket = a_case(now=timezone.now())
    agent, other = an_agent(1), an_agent(2)
    mine, theirs = cookie_of(agent.user), cookie_of(other.user)
    customer = cookie_of(a_person().user)

    # Whoever is no agent gets nothing, nor does another site's page, nor anything but GET.
    refused = {
        "nobody": served.ask("/desk/live/"),
        "a customer": served.ask("/desk/live/", customer),
        "another site": served.ask("/desk/live/", mine, headers={"Sec-Fetch-Site": "cross-site"}),
        "a form": served.ask("/desk/live/", mine, method="POST"),
    }
    assert {name: answer.status for name, answer in refused.items()} == {
        "nobody": 401, "a customer": 404, "another site": 404, "a form": 403,
    }  # fmt: skip

    here = f"/desk/live/?case={ticket.number}&case=IWS-0&since="
    one = served.ask(f"{here}{time.time_ns() // 1_000_000}", mine)
    two = served.ask("/desk/live/", theirs)
    assert [one.status, two.status] == [200, 200]
    assert one.getheader("Content-Type") == "text/event-stream; charset=utf-8"
    assert one.getheader("X-Accel-Buffering") == "no"
    assert one.getheader("Cache-Control") == "no-store"

    # What came before a server listened is not known to it, nor for a margin after: past that
    # moment it can say what was missed.
    time.sleep(2 * hub.MARGIN_MS / 1000)
    before = time.time_ns() // 1_000_000

    # One command, one piece of news, with keys and numbers only.
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Lo **miramos** ya.", actor=as_agent(2), now=timezone.now()
    )
    ticket.refresh_from_db()
    said = news(two)
    assert said["number"] == ticket.number
    assert said["sequence"] == ticket.last_sequence
    assert said["by"] == f"agent:{other.pk}"
    assert set(said) == {"topic", "ticket", "number", "sequence", "kind", "by", "correlation"}
    assert news(one) == said

    # What is for one of them, or of a case that only one has open, the other does not hear.
    publish(f"agent:{agent.pk}", {"n": 1})
    publish(f"ticket:{ticket.pk}", {"presence": other.pk})
    publish("tickets", {"n": 2})
    assert [news(one).get("n"), news(one).get("presence"), news(one).get("n")] == [1, other.pk, 2]
    assert news(two) == {"topic": "tickets", "n": 2}

    # A reader that comes back is told what it missed, or that it must look.
    late = served.ask(f"/desk/live/?since={before}", mine)
    assert news(late)["topic"] == "tickets"
    early = served.ask("/desk/live/?since=1", mine)
    assert {"state": "resync"} in [next(lines(early)), next(lines(early))]

    # Deactivated, they get no other one; what is open ends at the next look (within a minute).
    other.is_active = False
    other.save()
    assert served.ask("/desk/live/", theirs).status == 404

    # With streams open, the server ends by itself, and says so: it is not killed for them.
    served.stop()
    assert served.process.returncode == 0
    assert {"state": "again"} in list(lines(one))
