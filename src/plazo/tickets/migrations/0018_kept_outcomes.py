"""Whoever keeps the lists that solving offers hears of every change of them (plazo.core.kept)."""

from django.db import migrations

from plazo.core.kept import stamped


class Migration(migrations.Migration):
    dependencies = [("tickets", "0017_ladder"), ("core", "0005_stamp")]
    operations = [
        stamped("outcomes", "tickets_outcome"),
        stamped("outcomes", "tickets_solvingrule"),
    ]
