"""How each asking of another area stands, for those who look for it.

By when an answer is due is written with the next event of its ticket, which the reminder at the
deadline is at the latest.
"""

from django.db import migrations, models

STANDING = """
UPDATE tickets_areaask a SET standing = CASE
  WHEN EXISTS (
    SELECT 1 FROM tickets_ticketevent e WHERE e.ticket_id = a.ticket_id
      AND e.kind = 'area.answered' AND e.payload->>'ask' = a.key
      AND NOT EXISTS (
        SELECT 1 FROM tickets_ticketevent o WHERE o.ticket_id = a.ticket_id
          AND o.kind = 'area.answer_set_aside' AND o.payload->>'ask' = a.key
          AND o.payload->>'answer' = e.payload->>'side')
  ) THEN 'answered'
  WHEN EXISTS (
    SELECT 1 FROM tickets_ticketevent e WHERE e.ticket_id = a.ticket_id
      AND e.kind = 'area.withdrawn' AND e.payload->>'ask' = a.key
  ) THEN 'withdrawn'
  WHEN EXISTS (
    SELECT 1 FROM tickets_ticketevent e WHERE e.ticket_id = a.ticket_id
      AND e.kind IN ('area.received', 'area.answer_set_aside') AND e.payload->>'ask' = a.key
  ) THEN 'received'
  ELSE 'asked' END
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0018_kept_outcomes"),
    ]

    operations = [
        migrations.AddField(
            model_name="areaask",
            name="due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="areaask",
            name="standing",
            field=models.CharField(default="asked", max_length=10),
        ),
        migrations.RunSQL(STANDING, migrations.RunSQL.noop),
    ]
