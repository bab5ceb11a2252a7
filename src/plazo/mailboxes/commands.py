"""Writes on mailboxes, each in the audit trail. Secrets are set here, and kept out of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from plazo.core import audit
from plazo.core.actor import Actor
from plazo.mailboxes.models import Mailbox

# What the fetcher and the sender note down is no setting; what is sealed is nobody's to read.
_NO_SETTINGS: Final = frozenset(
    {
        "id", "key", "sealed", "group", "fetched_from", "uid_validity", "first_uid",
        "fetching_since", "last_uid", "on_server", "missing", "checked_at", "fetch_error",
        "failing_since", "held_until", "held_reason",
    }
)  # fmt: skip


@transaction.atomic
def save_mailbox(
    *, mailbox: Mailbox, secrets: Mapping[str, str], actor: Actor, now: datetime
) -> Mailbox:
    """Keep a mailbox as it was filled in; one that is the default takes that from the other.

    Units: `secrets` holds those to set anew; what is not in it stays as it was sealed.
    Edges: the audit trail says which secrets were set, never what they are.
    """
    known = Mailbox.objects.select_for_update(no_key=True).filter(pk=mailbox.pk).first()
    before = facts(known) if known is not None else None
    if any(secrets.values()):
        mailbox.keep_secrets(**secrets, access_token="", access_until="")
    if mailbox.is_default:
        Mailbox.objects.exclude(pk=mailbox.pk).filter(is_default=True).update(is_default=False)
    mailbox.save()
    after = facts(mailbox) | ({"secrets_set": sorted(secrets)} if secrets else {})
    audit.record(
        "mailbox.changed" if known is not None else "mailbox.added",
        f"mailbox:{mailbox.key}",
        title=mailbox.name,
        before=before,
        after=after,
        actor=actor,
        now=now,
    )
    return mailbox


def facts(mailbox: Mailbox) -> dict[str, Any]:
    """Return a mailbox's settings as the audit trail keeps them."""
    names = [f.attname for f in Mailbox._meta.concrete_fields if f.name not in _NO_SETTINGS]
    group = mailbox.group.name if mailbox.group else None
    return {name: getattr(mailbox, name) for name in names} | {"group": group}
