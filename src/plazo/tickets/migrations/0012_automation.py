"""What rules need: since when a ticket is in its status, and words that no person wrote."""

from datetime import UTC, datetime

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

# The same as the projection does with these events.
FILL = """
UPDATE tickets_ticket SET status_since = coalesce(
    (
        SELECT max(event.at) FROM tickets_ticketevent AS event
        WHERE event.ticket_id = tickets_ticket.id
            AND event.kind IN ('ticket.opened', 'status.changed', 'ticket.reopened')
    ),
    opened_at
)
"""


class Migration(migrations.Migration):
    dependencies = [("tickets", "0011_joining")]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="status_since",
            field=models.DateTimeField(default=datetime(2000, 1, 1, tzinfo=UTC)),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                fields=["status", "status_since"],
                condition=~Q(status__in=("solved", "closed")),
                name="ticket_status_since",
            ),
        ),
        migrations.AlterField(
            model_name="internalnote",
            name="author_agent",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, to="accounts.agent"
            ),
        ),
        migrations.RemoveConstraint(model_name="publicmessage", name="public_message_one_author"),
        migrations.AddConstraint(
            model_name="publicmessage",
            constraint=models.CheckConstraint(
                condition=Q(author_agent__isnull=True) | Q(author_requester__isnull=True),
                name="public_message_one_author",
            ),
        ),
    ]
