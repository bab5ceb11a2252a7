"""Writes on agreements: there is one, publishing."""

import hashlib
from datetime import datetime

from django.db import connection, transaction

from plazo.agreements.document import parse
from plazo.agreements.errors import AgreementRefused, AlreadyPublished
from plazo.agreements.lint import check
from plazo.agreements.models import AgreementVersion
from plazo.core import audit, localtime
from plazo.core.actor import Actor

_LOCK = 0x5041_4752  # one publisher at a time, so that numbers have no gap


@transaction.atomic
def publish_agreement(
    *, source: str, effective_at: datetime, actor: Actor, now: datetime
) -> AgreementVersion:
    """Publish a text as the next version of its agreement, in force from `effective_at`.

    Edges: a version never changes; tickets opened before `effective_at` keep theirs.
    Raises: AgreementRefused with the linter's findings; AlreadyPublished if the newest version
        has the same text.
    """
    errors = [finding for finding in check(source) if finding.is_error]
    if errors:
        raise AgreementRefused(findings=errors)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    document = parse(source)
    key = document.key
    digest = hashlib.sha256(source.encode()).hexdigest()
    newest = AgreementVersion.objects.for_key(key).first()
    if newest is not None and newest.sha256 == digest:
        raise AlreadyPublished(number=newest.number)
    version = AgreementVersion.objects.create(
        key=key,
        number=1 if newest is None else newest.number + 1,
        effective_at=effective_at,
        published_at=now,
        published_by=actor.name,
        source=source,
        sha256=digest,
    )
    audit.record(
        "agreement.published",
        f"agreement:{key}",
        title=document.name.es,
        before={"version": newest.number, "sha256": newest.sha256} if newest else None,
        after={
            "version": version.number,
            "sha256": digest,
            "effective_at": localtime.iso(effective_at),
        },
        actor=actor,
        now=now,
    )
    return version
