"""The audit trail says who changed which setting, and cannot be rewritten."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from plazo.core import audit
from plazo.core.actor import Actor
from plazo.core.models import AuditEntry

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
BY = Actor.system("tests")


@pytest.mark.django_db
def test_only_what_differs_is_kept():
    """An entry is short: the fields that changed, before and after."""
    kept = audit.record(
        "group.changed",
        "group:level1",
        before={"name": "Uno", "level": 1},
        after={"name": "Nivel 1", "level": 1},
        actor=BY,
        now=NOW,
    )
    assert kept is not None
    assert (kept.before, kept.after) == ({"name": "Uno"}, {"name": "Nivel 1"})


@pytest.mark.django_db
def test_nothing_changed_leaves_no_entry():
    """Saving a form as it was is no change."""
    same = {"name": "Uno", "agents": {2, 1}}
    after = {"name": "Uno", "agents": [1, 2]}
    assert audit.record("group.changed", "g", before=same, after=after, actor=BY, now=NOW) is None
    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db
def test_an_entry_cannot_be_rewritten():
    """Neither the code nor the database lets history change."""
    audit.record("group.added", "group:x", after={"name": "X"}, actor=BY, now=NOW)
    with pytest.raises(TypeError):
        AuditEntry.objects.update(title="other")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE core_auditentry SET title = 'other'")
    assert AuditEntry.objects.get().title == ""


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_its_transaction_is_a_fault():
    """A change and its entry are there together or not at all."""
    with pytest.raises(RuntimeError):
        audit.record("group.added", "group:x", after={"name": "X"}, actor=BY, now=NOW)
