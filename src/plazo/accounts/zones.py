"""The zone of a person who has chosen none yet: the house's own, which packages above know."""

from collections.abc import Callable


def _unknown() -> str:
    return ""


_ask: list[Callable[[], str]] = [_unknown]


def register_house_zone(ask: Callable[[], str]) -> None:
    """Let `ask` say the zone of the house; nothing where it is not known yet."""
    _ask[0] = ask


def house_zone() -> str:
    """Return the zone of the house, as an IANA key; nothing where it is not known yet."""
    return _ask[0]()
