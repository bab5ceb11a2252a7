"""What the settings of the ladder refuse. Each says what to do."""

from http import HTTPStatus

from plazo.core.errors import PlazoError


class LadderRefused(PlazoError):
    """A setting of the ladder that cannot be; `data["why"]` says why, and what to do."""

    code = "ladder_refused"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return str(self.data["why"])
