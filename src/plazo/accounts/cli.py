"""Sub-commands of `plazo accounts`: companies' own sign-ins."""

import argparse
import getpass
import sys
from typing import Any


def add_commands(commands: Any) -> None:
    """Add `plazo accounts …`."""
    accounts = commands.add_parser("accounts", help="who signs in how: oidc add, list, remove")
    parts = accounts.add_subparsers(title="commands", metavar="COMMAND", required=True)
    oidc = parts.add_parser("oidc", help="companies' own sign-ins (OpenID Connect)")
    verbs = oidc.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listed = verbs.add_parser(
        "list", help="the companies' sign-ins, and the addresses to give them"
    )
    listed.set_defaults(run=_list, needs="database")

    add = verbs.add_parser("add", help="let a company's people in; the secret is asked for")
    add.add_argument("key", help="a short name without blanks, such as andina")
    add.add_argument("--organization", required=True, metavar="SLUG", help="the company")
    add.add_argument(
        "--issuer", required=True, help="its address, such as https://login.andina.example"
    )
    add.add_argument("--client-id", required=True)
    add.add_argument("--domain", action="append", required=True, dest="domains", metavar="DOMAIN",
                     help="of the company's addresses; may be given several times")  # fmt: skip
    add.add_argument("--vouches", action="store_true",
                     help="its addresses count as verified though it does not say so")  # fmt: skip
    add.set_defaults(run=_add, needs="database")

    remove = verbs.add_parser("remove", help="take a company's sign-in away; accounts stay")
    remove.add_argument("key")
    remove.set_defaults(run=_remove, needs="database")


def _callback(key: str) -> str:
    from django.conf import settings
    from django.urls import reverse

    return f"{settings.PLAZO.base_url}{reverse('openid_connect_callback', args=[key])}"


def _list(arguments: argparse.Namespace) -> int:
    from plazo.accounts.models import IdentityProvider

    for provider in IdentityProvider.objects.select_related("organization"):
        print(f"{provider.key:<16} {provider.organization.name}")
        print(f"{'':<16} issuer    {provider.issuer}")
        print(f"{'':<16} client    {provider.client_id}")
        print(f"{'':<16} domains   {', '.join(provider.domains)}")
        print(f"{'':<16} redirects {_callback(provider.key)}")
        if provider.vouches:
            print(f"{'':<16} its addresses count as verified")
    return 0


def _secret() -> str:
    """Ask for the client's secret, or read it from a pipe: it is never an argument."""
    if sys.stdin.isatty():
        return getpass.getpass("Client secret (empty for a public client): ")
    return sys.stdin.readline().strip()


def _add(arguments: argparse.Namespace) -> int:
    from django.utils import timezone

    from plazo.accounts.providers import add_provider
    from plazo.core.actor import Actor

    provider = add_provider(
        key=arguments.key,
        organization=arguments.organization,
        issuer=arguments.issuer,
        client_id=arguments.client_id,
        client_secret=_secret(),
        domains=arguments.domains,
        vouches=arguments.vouches,
        actor=Actor.system("operator"),
        now=timezone.now(),
    )
    print(f"{provider.organization.name} signs in its people of {', '.join(provider.domains)}.")
    print(f"Give its administrator this address to redirect to: {_callback(provider.key)}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from django.utils import timezone

    from plazo.accounts.providers import remove_provider
    from plazo.core.actor import Actor

    if not remove_provider(key=arguments.key, actor=Actor.system("operator"), now=timezone.now()):
        print(f"plazo: there is no sign-in “{arguments.key}”.", file=sys.stderr)
        return 1
    print("Removed. Its people keep their accounts, and come in by a link.")
    return 0
