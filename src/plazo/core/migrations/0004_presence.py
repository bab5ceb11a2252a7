"""Who is where right now: not logged, since after a crash everybody is nowhere."""

from django.db import migrations

CREATE = """
CREATE UNLOGGED TABLE core_presence (
    place varchar(80) NOT NULL,
    who bigint NOT NULL,
    doing varchar(20) NOT NULL,
    since timestamptz NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (place, who)
) WITH (fillfactor = 50);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0003_audit")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE core_presence")]
