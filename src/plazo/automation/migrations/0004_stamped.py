"""Whoever keeps saved views and macros hears of every change of them (see plazo.core.kept)."""

from django.db import migrations

from plazo.core.kept import stamped


class Migration(migrations.Migration):
    dependencies = [("automation", "0003_undone"), ("core", "0005_stamp")]
    operations = [
        stamped("views", "automation_savedview"),
        stamped("macros", "automation_macro"),
    ]
