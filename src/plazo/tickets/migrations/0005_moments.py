from django.db import migrations

# A moment that was told is named by its metric or promise, its kind and its instant. It was by the
# clock's key alone, which hid the later moments of that key. The sweep looks at each of these
# tickets once more, and tells what was hidden.
RENAME = """
UPDATE tickets_ticket AS ticket
SET announced = (
        SELECT coalesce(
            jsonb_agg(
                jsonb_build_array(
                    split_part(payload ->> 'key', '#', 1), substr(kind, 7), payload ->> 'instant'
                )
                ORDER BY sequence
            ),
            '[]'
        )
        FROM tickets_ticketevent
        WHERE ticket_id = ticket.id AND kind IN ('clock.at_risk', 'clock.breached')
    ),
    next_alarm_at = least(next_alarm_at, now())
WHERE announced <> '[]'
"""


class Migration(migrations.Migration):
    dependencies = [("tickets", "0004_form_answers")]
    operations = [migrations.RunSQL(RENAME, migrations.RunSQL.noop)]
