"""Telling open screens that something happened.

`publish` is a nudge inside the transaction that makes the news: PostgreSQL hands it out at commit,
to every process that listens, and to nobody after a rollback. Screens that miss one look again by
themselves, so losing a message loses nothing but time.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

CHANNEL: Final = "plazo_live"
LARGEST_BYTES: Final = 7900  # PostgreSQL takes fewer than 8000


def publish(topic: str, data: dict[str, Any]) -> None:
    """Tell whoever listens to `topic`, once this transaction commits.

    Units: `topic` such as `tickets`, `ticket:123` or `agent:7`; `data` holds keys and numbers,
        never what somebody wrote.
    Edges: the same news twice in one transaction arrives once.
    Raises: ValueError for news that are too large to send.
    """
    publish_all({topic: data})


def publish_all(news: Mapping[str, dict[str, Any]]) -> None:
    """Tell whoever listens to any of several topics, as `publish` does. One query."""
    _send([_message(topic, data) for topic, data in news.items()])


def publish_each(topic: str, news: Sequence[dict[str, Any]]) -> None:
    """Tell whoever listens to one topic several pieces of news, as `publish` does. One query."""
    _send([_message(topic, data) for data in news])


def _send(messages: list[str]) -> None:
    if not messages:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_notify(%s, message) FROM unnest(%s::text[]) AS message", [CHANNEL, messages]
        )


def _message(topic: str, data: dict[str, Any]) -> str:
    message = json.dumps({"topic": topic, **data}, separators=(",", ":"), sort_keys=True)
    if len(message.encode()) > LARGEST_BYTES:
        raise ValueError(f"news of {len(message)} signs do not fit; send keys only")
    return message
