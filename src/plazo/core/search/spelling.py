"""What somebody may have meant: the nearest words that our own texts use."""

from collections.abc import Mapping

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from plazo.core.search.analyser import fold


class Speller:
    """Corrects words against a vocabulary.

    Units: `words` maps folded words to the number of texts that have them.
    Edges: words as they are written, never stems; a number is never a misspelling; one slip is
        allowed from four letters on, two from eight. Of equally near words the commoner wins.
    """

    def __init__(self, words: Mapping[str, int]) -> None:
        self._known = words
        self._candidates = [
            word for word in words if len(word) > 3 and not any(c.isdigit() for c in word)
        ]

    def knows(self, word: str) -> bool:
        return fold(word) in self._known

    def documents(self, word: str) -> int:
        """Return how many texts have a folded word."""
        return self._known.get(word, 0)

    def correct(self, word: str) -> str | None:
        """Return the word that was probably meant; None where it is known or nothing is near."""
        folded = fold(word)
        if folded in self._known or len(folded) < 4 or any(c.isdigit() for c in folded):
            return None
        slips = 1 if len(folded) < 8 else 2
        near = process.extract(
            folded,
            self._candidates,
            scorer=DamerauLevenshtein.distance,
            score_cutoff=slips,
            limit=20,
        )
        if not near:
            return None
        best = min(near, key=lambda found: (found[1], -self._known[found[0]], found[0]))
        return str(best[0])
