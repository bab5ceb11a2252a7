"""Fill the new column of tickets that are there already, from the clocks that they store."""

from django.db import migrations

# The same as projection._requester_due_at says.
FILL = """
UPDATE tickets_ticket SET requester_due_at = due.at
FROM (
    SELECT ticket.id, min((clock->>'due_at')::timestamptz) AS at
    FROM tickets_ticket AS ticket, jsonb_array_elements(ticket.clocks) AS clock
    WHERE clock->>'metric' IN
            ('first_reply', 'escalated_reply', 'next_reply', 'promised_update', 'resolution')
        AND clock->>'state' IN ('running', 'breached')
        AND clock->>'done_at' IS NULL
        AND clock->>'cancelled_at' IS NULL
        AND clock->>'due_at' IS NOT NULL
    GROUP BY ticket.id
) AS due
WHERE due.id = tickets_ticket.id
"""


class Migration(migrations.Migration):
    dependencies = [("tickets", "0006_portal")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
