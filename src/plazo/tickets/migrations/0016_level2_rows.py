"""Fill what is new from what timelines say already, and begin the team's lists."""

from typing import Any

from django.db import migrations

# The same as projection._apply_promise says; owners were not recorded then.
PROMISES = """
UPDATE tickets_ticket SET promises = told.promises
FROM (
    SELECT made.ticket_id, jsonb_object_agg(
        made.payload->>'promise',
        jsonb_build_object(
            'kind', made.payload->>'promised',
            'by', COALESCE(moved.by, made.payload->>'by'),
            'owner', NULL,
            'moved', moved.times
        )
    ) AS promises
    FROM tickets_ticketevent AS made
    CROSS JOIN LATERAL (
        SELECT (array_agg(payload->>'by' ORDER BY sequence DESC))[1] AS by, count(*) AS times
        FROM tickets_ticketevent AS event
        WHERE event.ticket_id = made.ticket_id AND event.kind = 'promise.moved'
            AND event.payload->>'promise' = made.payload->>'promise'
    ) AS moved
    WHERE made.kind = 'promise.made'
    GROUP BY made.ticket_id
) AS told
WHERE told.ticket_id = tickets_ticket.id
"""
# The same as projection.refresh says.
OWED = """
UPDATE tickets_ticket SET promised_by = owed.at
FROM (
    SELECT ticket.id, min((clock->>'due_at')::timestamptz) AS at
    FROM tickets_ticket AS ticket, jsonb_array_elements(ticket.clocks) AS clock
    WHERE clock->>'metric' = 'promised_update'
        AND clock->>'state' IN ('running', 'breached')
        AND clock->>'done_at' IS NULL
        AND clock->>'cancelled_at' IS NULL
    GROUP BY ticket.id
) AS owed
WHERE owed.id = tickets_ticket.id
"""
# The same as waiting.follow would have written.
WAITS = """
INSERT INTO tickets_wait (
    ticket_id, sequence, waiting_for, reason, agent_id, started_at, ended_at, ended_by, reminded
)
SELECT
    event.ticket_id, event.sequence, event.payload->>'waiting_for',
    left(event.payload->>'reason', 300),
    CASE WHEN event.actor_kind = 'agent' THEN event.actor_id END,
    event.at, following.at,
    CASE
        WHEN following.at IS NULL THEN ''
        WHEN following.actor_kind IN ('requester', 'system') THEN following.actor_kind
        ELSE 'agent'
    END,
    0
FROM tickets_ticketevent AS event
LEFT JOIN LATERAL (
    SELECT at, actor_kind FROM tickets_ticketevent AS next
    WHERE next.ticket_id = event.ticket_id AND next.sequence > event.sequence
        AND next.kind IN ('status.changed', 'ticket.merged')
    ORDER BY next.sequence LIMIT 1
) AS following ON true
WHERE event.kind IN ('status.changed', 'ticket.unmerged')
    AND event.payload->>'status' = 'pending'
"""
LISTS = {
    "cause": (
        ("our_fault", "Falla de nuestro servicio", "A fault of our service"),
        ("third_party", "Falla de un tercero", "A fault of a third party"),
        ("client_side", "Configuración o uso del cliente", "The client's configuration or use"),
        ("question", "Era una consulta", "It was a question"),
        ("not_reproduced", "No se pudo reproducir", "It could not be reproduced"),
        ("other", "Otra causa", "Another cause"),
    ),
    "solution": (
        ("fixed", "Se corrigió", "It was fixed"),
        ("workaround", "Se dio una solución alterna", "A way around it was given"),
        ("explained", "Se explicó", "It was explained"),
        ("passed_on", "Lo resolvió otra área", "Another area solved it"),
        ("no_action", "No hizo falta hacer nada", "Nothing had to be done"),
    ),
    "wait": (
        ("details", "Faltan datos para seguir", "Details are missing to go on"),
        ("test", "Falta que lo pruebe", "You have to try it"),
        ("area", "Depende de otra área", "It depends on another area"),
        ("provider", "Depende de un proveedor", "It depends on a provider"),
    ),
}


def begin_lists(apps: Any, schema_editor: Any) -> None:
    outcome = apps.get_model("tickets", "Outcome")
    outcome.objects.bulk_create(
        outcome(kind=kind, key=key, name_es=es, name_en=en, position=position)
        for kind, entries in LISTS.items()
        for position, (key, es, en) in enumerate(entries)
    )


class Migration(migrations.Migration):
    dependencies = [("tickets", "0015_level2")]

    operations = [
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        migrations.RunSQL(OWED, migrations.RunSQL.noop),
        migrations.RunSQL(WAITS, migrations.RunSQL.noop),
        migrations.RunPython(begin_lists, migrations.RunPython.noop),
    ]
