"""The hub of live news: what each stream gets, what it costs, and what it does when it hears nothing."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import psycopg
import pytest

from plazo.core import presence
from plazo.core.hub import MOST_KEPT, MOST_WAITING, Hub, Stream
from plazo.core.live import CHANNEL
from tests.factory import TUESDAY
from tests.serving import database_address

pytestmark = pytest.mark.django_db(transaction=True)


def in_loop(run: Callable[[Hub], Awaitable[None]]) -> None:
    """Run a test beside a hub that listens."""

    async def whole() -> None:
        hub = Hub(database_address(), most_of_one=3)
        hub.start()
        await until(lambda: hub.is_listening)
        try:
            await run(hub)
        finally:
            hub.close()

    asyncio.run(whole())


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells when the hub hears again
            await asyncio.sleep(0.01)


async def say(**data: object) -> None:
    async with await psycopg.AsyncConnection.connect(
        database_address(), autocommit=True
    ) as connection:
        await connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, json.dumps(data)])


async def heard(stream: Stream, seconds: float = 5) -> list[dict[str, object]]:
    """Return what a stream has been sent, as its reader reads it."""
    return [
        json.loads(line)
        for line in re.findall(r"data: (.*)", (await stream.take(seconds=seconds)).decode())
    ]


def test_a_stream_hears_its_topics_and_no_others():
    """What is said of another case, or to another agent, is not delivered."""

    async def run(hub: Hub) -> None:
        one = hub.open(1, ["tickets", "agent:1"], since=None)
        other = hub.open(2, ["agent:2"], since=None)
        await say(topic="agent:1", n=1)
        await say(topic="ticket:7", n=2)
        await say(topic="tickets", n=3)
        await until(lambda: len(hub._kept) == 3)
        assert [said["n"] for said in await heard(one)] == [1, 3]
        assert await heard(other, 0.01) == []

    in_loop(run)


def test_what_is_not_ours_on_the_channel_harms_nothing():
    """Anybody with the database may say anything there; the hub goes on."""

    async def run(hub: Hub) -> None:
        stream = hub.open(1, ["tickets"], since=None)
        for payload in ("", "{", "[]", "null", '{"other": 1}'):
            hub.hand_out(payload)
        await say(topic="tickets", n=1)
        assert [said["n"] for said in await heard(stream)] == [1]

    in_loop(run)


def test_a_reader_that_does_not_keep_up_is_told_to_look_again():
    """A queue is bounded: past it stands one word, whatever is said meanwhile."""

    async def run(hub: Hub) -> None:
        stream = hub.open(1, ["tickets"], since=None)
        for n in range(MOST_WAITING * 10 + 1):
            hub.hand_out(json.dumps({"topic": "tickets", "n": n}))
            assert len(stream._waiting) <= MOST_WAITING
        assert {"state": "resync"} in await heard(stream)

    in_loop(run)


def test_a_stream_begins_with_what_was_said_since_its_reader_knew():
    """Nothing falls between the page and its stream; what is not wholly known is looked at again."""

    async def run(hub: Hub) -> None:
        hub.hand_out('{"topic": "tickets", "n": 0}')
        began = hub._kept[0][0]
        hub._whole_since = began - 60_000
        hub.hand_out('{"topic": "agent:2", "n": 1}')
        assert await heard(hub.open(1, ["tickets"], since=began), 0.01) == [
            {"topic": "tickets", "n": 0}
        ]
        assert await heard(hub.open(1, ["tickets"], since=began + 60_000), 0.01) == []
        assert await heard(hub.open(1, ["tickets"], since=began - 90_000), 0.01) == [
            {"state": "resync"}
        ]
        assert await heard(hub.open(1, ["tickets"], since=None), 0.01) == []
        for n in range(MOST_KEPT):
            hub.hand_out(json.dumps({"topic": "tickets", "n": n}))
        assert await heard(hub.open(1, ["tickets"], since=began), 0.01) == [{"state": "resync"}]

    in_loop(run)


def test_a_killed_listener_is_said_and_made_good():
    """The database ends our connection: readers hear that, then hear again, and look again."""

    async def run(hub: Hub) -> None:
        stream = hub.open(1, ["tickets"], since=None)
        async with await psycopg.AsyncConnection.connect(
            database_address(), autocommit=True
        ) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query = %s AND datname = current_database()",
                [f"LISTEN {CHANNEL}"],
            )
        await until(lambda: not hub.is_listening)
        assert await heard(hub.open(2, ["tickets"], since=None)) == [{"state": "down"}]
        await until(lambda: hub.is_listening)
        assert [said["state"] for said in await heard(stream)] == ["down", "resync"]
        await say(topic="tickets", n=1)
        assert [said["n"] for said in await heard(stream)] == [1]

    in_loop(run)


def test_one_person_holds_so_many_streams_and_the_oldest_gives_way():
    """A tab that was forgotten does not keep a new one from opening."""

    async def run(hub: Hub) -> None:
        streams = [hub.open(1, ["tickets"], since=None) for _ in range(5)]
        other = hub.open(2, ["tickets"], since=None)
        assert [stream.closed for stream in streams] == [True, True, False, False, False]
        assert not other.closed
        assert len(hub) == 4
        hub.close()
        assert await heard(other) == [{"state": "again"}]
        assert other.closed

    in_loop(run)


def test_presence_is_news_once_and_expires_by_itself():
    """Others are told of a change, not of each beat; who is not heard of is gone in half a minute."""
    seconds = [TUESDAY + timedelta(seconds=n) for n in range(120)]
    assert presence.come("ticket:1", 1, "", now=seconds[0])
    assert not presence.come("ticket:1", 1, "", now=seconds[12])
    assert presence.come("ticket:1", 1, "reply", now=seconds[13])
    assert presence.come("ticket:1", 2, "", now=seconds[14])
    assert presence.come("ticket:10", 3, "", now=seconds[14])
    here = [(visit.who, visit.doing) for visit in presence.at("ticket:1", now=seconds[20])]
    assert here == [(1, "reply"), (2, "")]
    assert presence.places("ticket:", besides=3, now=seconds[20]) == {"ticket:1"}
    assert presence.go("ticket:1", 2)
    assert not presence.go("ticket:1", 2)
    assert presence.at("ticket:1", now=seconds[43]) == []
    assert presence.come("ticket:1", 1, "reply", now=seconds[43])
    assert presence.forget(now=seconds[0] + timedelta(hours=2)) == 2
