"""Tags: words by which agents find tickets again."""

from typing import Final

from plazo.tickets.errors import BadTag

LONGEST_TAG: Final = 40


def tag_of(text: str) -> str:
    """Return the one spelling of a tag. Raises: BadTag."""
    tag = "-".join(text.strip().lstrip("#").lower().split())
    if not tag or len(tag) > LONGEST_TAG or not all(c.isalnum() or c in "-_." for c in tag):
        raise BadTag(tag=text.strip()[:60])
    return tag
