"""The schema that the code knows, and one that it does not."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from plazo.config.schema import check_schema, require_migrated
from plazo.core.process import CannotStart


@pytest.mark.django_db
def test_own_schema_is_accepted() -> None:
    """A database that the code's own migrations made is fit to run on."""
    check_schema()
    require_migrated()


@pytest.mark.django_db
def test_schema_older_than_the_code_is_refused() -> None:
    """Whoever forgets to migrate is told so in a sentence, and not by a table that is not there."""
    MigrationRecorder(connection).record_unapplied("triage", "0002_stamped")

    check_schema()
    with pytest.raises(CannotStart, match=r"triage\.0002_stamped.*plazo migrate"):
        require_migrated()


@pytest.mark.django_db
def test_schema_newer_than_the_code_is_refused() -> None:
    """An older Plazo never runs on tables that a newer one changed; it names what it misses."""
    MigrationRecorder(connection).record_applied("core", "0999_from_the_future")

    with pytest.raises(CannotStart, match=r"newer than this Plazo \(it has core.0999_from"):
        check_schema()
