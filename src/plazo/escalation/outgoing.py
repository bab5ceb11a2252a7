"""Posting to an address that somebody typed in, and only to where it may go.

The name is resolved once, every address that it has must be a public one, and the connection is
made to the very address that was judged: a name that changes its mind between two questions gains
nothing. The name stays in the request and in the TLS handshake, so certificates are checked as
ever. Redirects are not followed: the next place would be another address.
"""

import ipaddress
import socket
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError

TIMEOUT_SECONDS: Final = 10.0
LONGEST_URL: Final = 2000
LONGEST_WHAT: Final = 200
# Addresses behind which a translator puts any IPv4 address, also of the network it stands in.
TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(PlazoError):
    """An address to which we do not go; `data["why"]` says why, as a key."""

    code = "address_refused"

    def user_message(self) -> str:
        match self.data["why"]:
            case "password":
                return _("An address with a password in it is not taken. Leave it out.")
            case "scheme":
                return _("The address must begin with https://.")
            case "unknown":
                return _("The name %(host)s is not known.") % self.data
            case "private":
                return (
                    _(
                        "%(host)s is inside a private network. Whoever runs the installation can"
                        " allow it with PLAZO_WEBHOOK_HOSTS."
                    )
                    % self.data
                )
            case _:
                return _("This is no address. Copy it whole, from https:// on.")


class NotTaken(PlazoError):
    """The other side answered, and did not take it."""

    code = "not_taken"

    def user_message(self) -> str:
        if 300 <= self.data["status"] < 400:
            words = _("The other side answered %(status)s: it sends on to another address.")
            return f"{words} {_('Write that one here; none is followed.')}" % self.data
        return _("The other side answered %(status)s.") % self.data


class NoAnswer(PlazoError):
    """Nobody answered, or no connection came about; `data["why"]` is empty, or the system's own
    words for it.
    """

    code = "no_answer"

    def user_message(self) -> str:
        if not self.data["why"]:
            return _("There was no answer within %(seconds)s seconds.") % {
                "seconds": round(TIMEOUT_SECONDS)
            }
        return _("No connection came about: %(why)s") % self.data


def check(url: str) -> str:
    """Return the host of an address to which we may go, by its looks alone.

    Raises: AddressRefused.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if len(url) > LONGEST_URL or not host or any(ord(sign) < 33 for sign in url):
        raise AddressRefused(why="no_address")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(why="password")
    if parts.scheme != "https" and not (parts.scheme == "http" and _named(host)):
        raise AddressRefused(why="scheme")
    return host


def vetted(host: str, port: int) -> str:
    """Return the address of a host to which a connection may be made.

    Edges: a private, local, reserved or multicast address is refused, whichever name it hides
        behind and in whichever notation; so is a name of which only some addresses are public.
        Hosts that the operator named may be anywhere.
    Raises: AddressRefused.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(why="unknown", host=host) from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise AddressRefused(why="unknown", host=host)
    if not _named(host) and not all(_is_public(address) for address in addresses):
        raise AddressRefused(why="private", host=host)
    return addresses[0]


def _named(host: str) -> bool:
    return host.lower() in settings.PLAZO.webhook_hosts


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip in TRANSLATED:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip
    return ip.is_global and not ip.is_multicast


def post(url: str, body: bytes, headers: dict[str, str]) -> None:
    """Post to an address, once. Raises: AddressRefused; NotTaken; NoAnswer."""
    host = check(url)
    target = httpx2.URL(url)
    port = target.port or (443 if target.scheme == "https" else 80)
    address = vetted(host, port)
    transport = httpx2.HTTPTransport(retries=0, trust_env=False)
    with httpx2.Client(
        transport=transport, timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False
    ) as client:
        request = client.build_request(
            "POST",
            target.copy_with(host=address),
            content=body,
            headers={**headers, "Host": target.netloc.decode("ascii")},
            extensions={"sni_hostname": host},
        )
        try:
            response = client.send(request, stream=True)
            response.close()  # whatever it says, we read none of it
        except httpx2.TimeoutException as error:
            raise NoAnswer(why="") from error
        except (httpx2.HTTPError, OSError) as error:
            what = str(error) or type(error).__name__
            raise NoAnswer(why=what[:LONGEST_WHAT]) from error
    if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        raise NotTaken(status=response.status_code)
