"""Token buckets: how much of a limit each key has left."""

from django.db import migrations

CREATE = """
CREATE TABLE core_bucket (
    key varchar(160) PRIMARY KEY,
    tokens double precision NOT NULL,
    granted boolean NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX core_bucket_at ON core_bucket (at);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_cache")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE core_bucket")]
