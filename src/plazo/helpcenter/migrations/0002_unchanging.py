"""What somebody wrote never changes: the database refuses it too. Only its rendering may."""

from django.db import migrations

CREATE = """
CREATE FUNCTION helpcenter_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.edition_id, NEW.number, NEW.generation, NEW.title, NEW.summary, NEW.body,
            NEW.author_name, NEW.at, NEW.note)
        IS DISTINCT FROM (OLD.edition_id, OLD.number, OLD.generation, OLD.title, OLD.summary,
            OLD.body, OLD.author_name, OLD.at, OLD.note) THEN
        RAISE EXCEPTION 'a revision never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER helpcenter_revision_unchanging
    BEFORE UPDATE ON helpcenter_revision
    FOR EACH ROW EXECUTE FUNCTION helpcenter_refuse_change();
"""
DROP = """
DROP TRIGGER helpcenter_revision_unchanging ON helpcenter_revision;
DROP FUNCTION helpcenter_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("helpcenter", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
