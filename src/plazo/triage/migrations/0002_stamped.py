"""Whoever keeps which model proposes hears of every new one, and of its switch (plazo.core.kept).

What a run writes beside it is not read: only when the switch is turned, and not when the next run
is due.
"""

from django.db import migrations

from plazo.core.kept import stamped


class Migration(migrations.Migration):
    dependencies = [("triage", "0001_scope"), ("core", "0005_stamp")]
    operations = [
        stamped("scope_model", "triage_scopemodel"),
        stamped("scope_model", "triage_scopelearning", columns="is_on"),
    ]
