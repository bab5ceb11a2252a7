"""What stands of a ticket's facts, and since when its requester awaits our word."""

from collections.abc import Sequence
from datetime import datetime

from plazo.sla import facts as f


def standing(facts: Sequence[f.Fact], now: datetime) -> Sequence[f.Fact]:
    """Return the facts without those that later ones, known by `now`, have taken back.

    Edges: a reply that failed to arrive was never sent (M-6); a merge that was undone was never
        made, on neither ticket (M-84, M-86); an answer of an area that was none was never given
        (M-99); a solving that was a slip never happened, and kept no promise (M-46).
    """
    gone: set[int] = set()
    failed: set[str] = set()
    none: set[tuple[str, str]] = set()
    for place, fact in enumerate(facts):
        if fact.at > now:
            break
        match fact:
            case f.DeliveryFailed():
                failed.add(fact.reply)
            case f.AreaAnswerSetAside():
                none.add((fact.ask, fact.answer))
            case f.Unmerged():
                gone |= _last(facts[:place], gone, f.Merged)
            case f.Released(other=other):
                gone |= _last(facts[:place], gone, f.Absorbed, other)
            case f.Reopened(undone=True):
                gone |= {place} | _solving(facts[:place], gone)
    if not gone and not failed and not none:
        return facts
    return [
        fact
        for place, fact in enumerate(facts)
        if place not in gone
        and not (isinstance(fact, f.RepliedPublicly | f.PromiseKept) and fact.reply in failed)
        and not (isinstance(fact, f.AreaAnswered) and (fact.ask, fact.answer) in none)
    ]


def _solving(before: Sequence[f.Fact], gone: set[int]) -> set[int]:
    """Return the places of the last solving, and of the promises that it kept."""
    solved = _last(before, gone, f.Solved)
    first = max(solved, default=len(before))
    kept = {
        place
        for place, fact in enumerate(before)
        if place > first and isinstance(fact, f.PromiseKept) and not fact.reply
    }
    return solved | kept


def awaited_since(facts: Sequence[f.Fact], now: datetime) -> datetime | None:
    """Return since when the requester awaits our word, or None if they have it.

    Edges: what M-81 hands on when a ticket is merged: it needs no clock that an agreement may not
        have.
    """
    since: datetime | None = None
    for fact in standing(facts, now):
        if fact.at > now:
            break
        match fact:
            case f.Opened() | f.RequesterSpoke():
                since = since or fact.at
            case f.Absorbed(waiting_since=taken_over) if taken_over is not None:
                since = min(since, taken_over) if since else taken_over
            case f.Unmerged(answered_at=answered) if answered is not None:
                since = None
            case f.RepliedPublicly() | f.Solved() | f.Closed() | f.Merged():
                since = None
    return since


def _last(
    before: Sequence[f.Fact], gone: set[int], kind: type[f.Fact], other: str = ""
) -> set[int]:
    """Return the place of the last fact of a kind, about one ticket, that is not taken back yet."""
    for place in range(len(before) - 1, -1, -1):
        fact = before[place]
        about = other in ("", getattr(fact, "other", ""))
        if about and place not in gone and isinstance(fact, kind):
            return {place}
    return set()
