"""Whoever keeps whom the ladder rings hears of every change of it (see plazo.core.kept)."""

from django.db import migrations

from plazo.core.kept import stamped


class Migration(migrations.Migration):
    dependencies = [("escalation", "0001_ladder"), ("core", "0005_stamp")]
    operations = [
        stamped("ladder", "escalation_contact"),
        stamped("ladder", "escalation_rota"),
        stamped("ladder", "escalation_rotamember"),
        stamped("ladder", "escalation_endpoint"),
    ]
