"""Preparing the next version of an agreement: a draft takes edits until it is published.

Nothing in a draft holds for any case. What holds is published, with its hour, by one command.
"""

import hashlib
from datetime import datetime

from django.db import IntegrityError, transaction

from plazo.agreements.commands import publish_agreement
from plazo.agreements.document import AgreementDocument, parse
from plazo.agreements.edits import Edit
from plazo.agreements.errors import (
    DraftMoved,
    DraftOutdated,
    DraftRefused,
    ServicePublished,
    TooEarly,
)
from plazo.agreements.lint import check
from plazo.agreements.models import AgreementDraft, AgreementVersion
from plazo.agreements.queries import newest_version
from plazo.core import audit
from plazo.core.actor import Actor


def seen_of(source: str) -> int:
    """Return what a screen carries to say which text it showed: a digest of it.

    Edges: a text that was changed and changed back is the same one; a discarded draft's is none
        that a new draft could have by counting.
    """
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:6])


@transaction.atomic
def change_draft(
    *, key: str, edit: Edit, revision: int, actor: Actor, now: datetime
) -> AgreementDraft | None:
    """Put an edit into the draft; the first one begins it, from the version published last.

    Units: `revision` says which text the person has seen, as `seen_of` returns it.
    Edges: an edit that changes nothing begins no draft, and counts as no change.
    Raises: DraftMoved; DraftRefused with the linter's findings; ServicePublished; what `edit` does.
    """
    draft = AgreementDraft.objects.select_for_update().filter(key=key).first()
    base = draft.base if draft else newest_version(key)
    before = draft.source if draft else base.source
    _require_seen(draft, before, revision)
    source = edit.apply(before)
    if source == before:
        return draft
    old = parse(before)
    errors = [finding for finding in check(source) if finding.is_error]
    if errors:
        raise DraftRefused(findings=errors)
    _keep_services(base.document, old, parse(source))
    if draft is None:
        draft = AgreementDraft(key=key, base=base, started_by=actor.name, started_at=now)
        draft.revision = 0
    draft.source, draft.revision = source, draft.revision + 1
    draft.changed_by, draft.changed_by_id, draft.changed_at = actor.name, actor.id, now
    try:
        with transaction.atomic():
            draft.save()
    except IntegrityError as error:  # two began it at once
        raise DraftMoved(who=AgreementDraft.objects.get(key=key).changed_by) from error
    audit.record(
        "agreement.draft_changed",
        f"agreement:{key}",
        title=f"{old.name.es} · {edit.about(old)}",
        before=edit.facts(old),
        after=edit.facts(draft.document),
        actor=actor,
        now=now,
    )
    return draft


@transaction.atomic
def discard_draft(*, key: str, revision: int, actor: Actor, now: datetime) -> None:
    """Drop a draft, with every change in it. Raises: DraftMoved."""
    draft = AgreementDraft.objects.select_for_update().filter(key=key).first()
    if draft is None:
        raise DraftMoved(who="")
    _require_seen(draft, draft.source, revision)
    audit.record(
        "agreement.draft_discarded",
        f"agreement:{key}",
        title=draft.document.name.es,
        before={"revision": draft.revision, "base": draft.base.number},
        actor=actor,
        now=now,
    )
    draft.delete()


@transaction.atomic
def publish_draft(
    *, key: str, revision: int, effective_at: datetime | None, actor: Actor, now: datetime
) -> AgreementVersion:
    """Publish the draft as the next version, in force from `effective_at`, or from now on.

    Edges: cases that are open keep the version under which they were promised.
    Raises: DraftMoved; DraftOutdated; TooEarly; what `publish_agreement` raises.
    """
    draft = AgreementDraft.objects.select_for_update().filter(key=key).first()
    if draft is None:
        raise DraftMoved(who="")
    _require_seen(draft, draft.source, revision)
    newest = newest_version(key)
    if newest.pk != draft.base_id:
        raise DraftOutdated(number=newest.number)
    if effective_at is not None and effective_at < now:
        raise TooEarly
    begins = effective_at or now
    if begins < newest.effective_at:
        raise TooEarly(number=newest.number)
    version = publish_agreement(source=draft.source, effective_at=begins, actor=actor, now=now)
    draft.delete()
    return version


def _require_seen(draft: AgreementDraft | None, source: str, revision: int) -> None:
    if seen_of(source) != revision:
        raise DraftMoved(who=draft.changed_by if draft else "")


def _keep_services(base: AgreementDocument, old: AgreementDocument, new: AgreementDocument) -> None:
    """Past cases, contracts and lists name a service that was published: it is retired instead."""
    for key in base.services:
        if key in old.services and key not in new.services:
            raise ServicePublished(name=base.service_name(key, "es"))
