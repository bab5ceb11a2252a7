"""Stamps: numbers that change with the tables that they stand for (see plazo.core.kept)."""

from django.db import migrations

CREATE = """
CREATE SEQUENCE core_stamp_value;
CREATE TABLE core_stamp (name varchar(40) PRIMARY KEY, value bigint NOT NULL);
CREATE FUNCTION core_stamp_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core_stamp (name, value) VALUES (TG_ARGV[0], nextval('core_stamp_value'))
    ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value;
    RETURN NULL;
END $$;
"""
DROP = """
DROP FUNCTION core_stamp_anew();
DROP TABLE core_stamp;
DROP SEQUENCE core_stamp_value;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0004_presence")]
    operations = [migrations.RunSQL(CREATE, DROP)]
