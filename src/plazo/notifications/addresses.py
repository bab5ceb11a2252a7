"""Addresses to which nothing can ever be sent: known at once, instead of after days of trying."""

from django.utils.translation import gettext as _

# RFC 5321 §4.5.3.1, RFC 1035 §2.3.4.
LONGEST_LOCAL = 64
LONGEST_LABEL = 63
LONGEST_DOMAIN = 253


def undeliverable(email: str) -> str:
    """Return why nothing can be sent to an address; empty if something can be.

    Edges: letters beyond ASCII before the @ need an extension that few servers offer (RFC 6531),
        and every server on the way must; we do not speak it. In a domain they are fine.
    """
    local, _sep, domain = as_ascii(email).rpartition("@")
    if not local.isascii():
        return _("mail servers take no such letters before the @: %(email)s") % {"email": email}
    if (
        not local
        or len(local) > LONGEST_LOCAL
        or len(domain) > LONGEST_DOMAIN
        or not domain.isascii()
        or not all(0 < len(label) <= LONGEST_LABEL for label in domain.split("."))
    ):
        return _("no mail server takes this address: %(email)s") % {"email": email}
    return ""


def as_ascii(email: str) -> str:
    """Return an address with its domain as mail servers write it; as it is where that cannot be."""
    local, sep, domain = email.rpartition("@")
    try:
        return f"{local}{sep}{domain.encode('idna').decode('ascii')}" if domain else email
    except UnicodeError:
        return email
