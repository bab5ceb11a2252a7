"""Short names that nothing else has."""

from collections.abc import Collection
from itertools import chain, count


def free_name(wanted: str, taken: Collection[str], *, stem: str = "", mark: str = "-") -> str:
    """Return `wanted` or, where that is taken, the first of its stem with 2, 3 and so on.

    Units: `stem` is what the numbers follow, where that is not the whole name; `mark` stands
        between them.
    """
    numbered = (f"{stem or wanted}{mark}{number}" for number in count(2))
    return next(name for name in chain([wanted], numbered) if name not in taken)
