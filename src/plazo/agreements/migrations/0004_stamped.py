"""Whoever keeps which agreement is in force hears of a new version (see plazo.core.kept)."""

from django.db import migrations

from plazo.core.kept import stamped


class Migration(migrations.Migration):
    dependencies = [("agreements", "0003_settings"), ("core", "0005_stamp")]
    operations = [stamped("agreements", "agreements_agreementversion")]
