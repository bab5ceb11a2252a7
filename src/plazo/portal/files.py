"""Large files of a reply, behind the link that its mail carries."""

from django.http import FileResponse, HttpRequest
from django.views.decorators.http import require_safe

from plazo.core.clock import read_clock
from plazo.portal.site import private, public
from plazo.tickets import access
from plazo.tickets.files import file_response


@public
@private
@require_safe
def file(request: HttpRequest, token: str, name: str) -> FileResponse:
    """Hand out the one file that a link in a mail is for. Its name is only for people to read."""
    return file_response(access.attachment_by_token(token, now=read_clock()))
