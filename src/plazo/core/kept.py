"""Reads that every page makes and whose answer hardly ever changes, kept in this process.

The team, the saved views, the macros, which agreement is in force: each page of the desk needs
them, and nobody changed them since the page before. A *stamp* is a number in the database for some
tables, and triggers give it a new one, in the transaction that changes them. A page reads all
stamps at once, in one small query, and what was read under the same stamps is still so.

Nothing is ever stale: there is no time to live, and no message between processes that could get
lost. A number comes from a sequence and is never used twice, so a transaction that is rolled back
leaves nothing wrong behind either.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock
from typing import Final, ParamSpec, TypeVar

from django.db import connection
from django.db.migrations import RunSQL
from django.http import HttpRequest
from django.http.response import HttpResponseBase

MOST: Final = 512  # kept of one read, for different arguments
UNCHANGING: Final = ("GET", "HEAD")
NUMBERS: Final = "SELECT name, value FROM core_stamp"
FIRST: Final = """
INSERT INTO core_stamp (name, value) VALUES (%s, nextval('core_stamp_value'))
ON CONFLICT (name) DO NOTHING
"""

Given = ParamSpec("Given")
Found = TypeVar("Found")
Stamps = dict[str, int]


class _Page:
    """One request that changes nothing: its stamps are read when they are first needed."""

    def __init__(self) -> None:
        self._stamps: Stamps | None = None

    def stamps(self) -> Stamps:
        if self._stamps is None:
            with connection.cursor() as cursor:
                cursor.execute(NUMBERS)
                self._stamps = dict(cursor.fetchall())
        return self._stamps


_page: ContextVar[_Page | None] = ContextVar("page", default=None)


@contextmanager
def keeping() -> Iterator[None]:
    """Let reads be kept in the block, as in a request: what many rows of one pass need alike."""
    token = _page.set(_Page())
    try:
        yield
    finally:
        _page.reset(token)


class KeptReadsMiddleware:
    """Lets reads be kept while a request is answered that changes nothing.

    Edges: a form that is sent reads everything itself, for what it changes must show at once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in UNCHANGING:
            return self.get_response(request)
        with keeping():
            return self.get_response(request)


def kept(*stamps: str) -> Callable[[Callable[Given, Found]], Callable[Given, Found]]:
    """Keep what a read returns for the same arguments until one of its stamps changes.

    Units: `stamps` are the names of all tables that the read looks at (`stamped`).
    Edges: outside of a request it reads each time, as where a stamp has no number yet. The
        answer is shared by requests and threads: whoever wants to change it copies it first.
    """

    def keep(read: Callable[Given, Found]) -> Callable[Given, Found]:
        answers: OrderedDict[Hashable, tuple[tuple[int, ...], Found]] = OrderedDict()
        lock = Lock()

        @wraps(read)
        def found(*args: Given.args, **kwargs: Given.kwargs) -> Found:
            page = _page.get()
            if page is None:
                return read(*args, **kwargs)
            numbers = page.stamps()
            if any(name not in numbers for name in stamps):
                return read(*args, **kwargs)
            under = tuple(numbers[name] for name in stamps)
            key = (args, tuple(sorted(kwargs.items())))
            with lock:
                known = answers.get(key)
                if known is not None and known[0] == under:
                    answers.move_to_end(key)
                    return known[1]
            answer = read(*args, **kwargs)
            with lock:
                answers[key] = (under, answer)
                answers.move_to_end(key)
                if len(answers) > MOST:
                    answers.popitem(last=False)
            return answer

        return found

    return keep


def stamped(stamp: str, table: str, *, columns: str = "") -> RunSQL:
    """Return the step of a migration that lets a stamp follow a table.

    Units: with `columns`, separated by commas, only their updates count, and no new or removed row.
    """
    events = f"UPDATE OF {columns}" if columns else "INSERT OR UPDATE OR DELETE OR TRUNCATE"
    name = f"{table}_stamped"
    follow = (
        f"CREATE TRIGGER {name} AFTER {events} ON {table} FOR EACH STATEMENT"
        f" EXECUTE FUNCTION core_stamp_anew('{stamp}')"
    )
    return RunSQL(
        [follow, (FIRST, [stamp])],
        f"DROP TRIGGER {name} ON {table}",
    )
