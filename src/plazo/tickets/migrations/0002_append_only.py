"""The timeline is append-only in the database too; case numbers come from a sequence."""

from django.db import migrations

CREATE = """
CREATE SEQUENCE tickets_number START 20001;
CREATE FUNCTION tickets_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the timeline is append-only' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER tickets_event_immutable
    BEFORE UPDATE OR DELETE ON tickets_ticketevent
    FOR EACH ROW EXECUTE FUNCTION tickets_refuse_change();
CREATE TRIGGER tickets_event_kept
    BEFORE TRUNCATE ON tickets_ticketevent
    FOR EACH STATEMENT EXECUTE FUNCTION tickets_refuse_change();
"""
DROP = """
DROP TRIGGER tickets_event_kept ON tickets_ticketevent;
DROP TRIGGER tickets_event_immutable ON tickets_ticketevent;
DROP FUNCTION tickets_refuse_change();
DROP SEQUENCE tickets_number;
"""


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
