"""What can be wrong with a calendar, an agreement, or a question put to them."""


class SlaError(Exception):
    """The root of every error of the core."""


class InvalidInstant(SlaError, ValueError):
    """An instant that is naive or not in UTC, or a span that ends before it starts."""


class InvalidCalendar(SlaError, ValueError):
    """A calendar that cannot be: overlapping or empty windows, an unknown zone, a date twice."""


class InvalidAgreement(SlaError, ValueError):
    """An agreement that cannot be run: a target on an unknown calendar, no catch-all policy."""


class InvalidTarget(SlaError, ValueError):
    """A target that promises nothing: a duration of nought or less, a share outside 0 to 1."""


class NoOpenTime(SlaError, LookupError):
    """A calendar opens too little before its horizon to answer."""


class FactsOutOfOrder(SlaError, ValueError):
    """Facts that are not in the order in which they happened, or do not begin with an opening."""


class UnknownTarget(SlaError, KeyError):
    """No applied target has this key on this ticket."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "unknown target"
