"""A published version is never changed or deleted: the database refuses it too."""

from django.db import migrations

CREATE = """
CREATE FUNCTION agreements_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published agreement version never changes' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER agreements_version_immutable
    BEFORE UPDATE OR DELETE ON agreements_agreementversion
    FOR EACH ROW EXECUTE FUNCTION agreements_refuse_change();
CREATE TRIGGER agreements_version_kept
    BEFORE TRUNCATE ON agreements_agreementversion
    FOR EACH STATEMENT EXECUTE FUNCTION agreements_refuse_change();
"""
DROP = """
DROP TRIGGER agreements_version_kept ON agreements_agreementversion;
DROP TRIGGER agreements_version_immutable ON agreements_agreementversion;
DROP FUNCTION agreements_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("agreements", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
