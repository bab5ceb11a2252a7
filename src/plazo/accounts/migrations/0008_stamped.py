"""Whoever keeps what it read of the team hears of every change of it (see plazo.core.kept)."""

from django.db import migrations

from plazo.core.kept import stamped


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_find_words"), ("core", "0005_stamp")]
    operations = [
        stamped("team", "accounts_agent"),
        stamped("team", "accounts_group"),
        stamped("team", "accounts_agent_groups"),
        stamped("team", "accounts_absence"),
        # Not each sign-in, and not each new customer.
        stamped("team", "accounts_user", columns="email, name, language, time_zone, is_active"),
        stamped("sign_in", "accounts_identityprovider"),
    ]
