"""Showing bodies: images that came inside a mail are files of ours, addressed for who reads."""

import re
from collections.abc import Iterable
from typing import Any

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from plazo.tickets.models import Attachment

register = template.Library()
_IMAGE = re.compile(r'<img\b[^>]*?\bsrc="cid:([^"]{1,260})"[^>]*>')


@register.simple_tag
def body(html: str, attachments: Iterable[Attachment], route: str, *arguments: Any) -> SafeString:
    """Return a stored body, which is clean already, with its own images where they are.

    Edges: an image whose file is not among the attachments leaves nothing behind.
    """
    if "cid:" not in html:
        return mark_safe(html)  # noqa: S308 - cleaned before it was stored
    files = {file.content_id: file for file in attachments if file.content_id}

    def found(match: re.Match[str]) -> str:
        file = files.get(match[1].strip("<>"))
        if file is None:
            return ""
        address = reverse(route, args=[*arguments, file.public_id])
        return match[0].replace(f"cid:{match[1]}", address)

    return mark_safe(_IMAGE.sub(found, html))  # noqa: S308 - cleaned before it was stored
