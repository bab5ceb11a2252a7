"""The mail process: a fetcher for each IMAP mailbox, and our own doors."""

import logging
import threading
from dataclasses import dataclass
from typing import Any, Final

from django.db import close_old_connections

from plazo.channels.email.imap import fetch_for_ever
from plazo.channels.email.listener import Door, Way, open_door, ways
from plazo.mailboxes.models import Mailbox, Source

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0
# A change in any of these means another connection.
SETTINGS: Final = (
    "imap_host",
    "imap_port",
    "imap_security",
    "imap_user",
    "imap_folder",
    "after_fetch",
    "archive_folder",
    "sign_in",
)


@dataclass(slots=True)
class Fetching:
    """One fetcher at work, and the settings that it began with."""

    settings: tuple[Any, ...]
    stop: threading.Event
    thread: threading.Thread


def run_forever(stop: threading.Event) -> None:
    """Keep a fetcher for each mailbox in use, and the doors open, until `stop`.

    Edges: a mailbox that is made, changed or taken out of use is noticed within seconds.
    """
    closed, doors = ways(), list[Door]()
    at_work: dict[int, Fetching] = {}
    try:
        while not stop.is_set():
            tend(at_work)
            closed = _open(closed, doors)
            close_old_connections()
            stop.wait(LOOK_SECONDS)
    finally:
        for fetching in at_work.values():
            fetching.stop.set()
        for fetching in at_work.values():
            fetching.thread.join(STOP_SECONDS)
        for door in doors:
            door.stop()


def _open(closed: list[Way], doors: list[Door]) -> list[Way]:
    """Open what is closed yet; return what still is. A port in use keeps no mailbox waiting."""
    still = []
    for way in closed:
        door = open_door(way)
        if door is None:
            still.append(way)
        else:
            doors.append(door)
    return still


def tend(at_work: dict[int, Fetching]) -> None:
    """Start, restart and end fetchers so that they fit the mailboxes."""
    wanted = {
        mailbox.pk: (*(getattr(mailbox, name) for name in SETTINGS), _password_of(mailbox))
        for mailbox in Mailbox.objects.filter(is_active=True, source=Source.IMAP)
    }
    for pk, fetching in list(at_work.items()):
        if wanted.get(pk) != fetching.settings or not fetching.thread.is_alive():
            fetching.stop.set()
            fetching.thread.join(STOP_SECONDS)
            if not fetching.thread.is_alive():
                del at_work[pk]
    for pk, settings in wanted.items():
        if pk in at_work:
            continue
        ending = threading.Event()
        thread = threading.Thread(
            target=fetch_for_ever, args=(pk, ending), name=f"imap-{pk}", daemon=True
        )
        at_work[pk] = Fetching(settings, ending, thread)
        thread.start()


def _password_of(mailbox: Mailbox) -> str:
    """Return what a change of sign-in changes; a renewed access token is no change."""
    try:
        secrets = mailbox.secrets
    except Exception:  # noqa: BLE001 - the fetcher itself says what is wrong
        return mailbox.sealed
    return f"{secrets.get('imap_password', '')}\x00{secrets.get('client_id', '')}"
