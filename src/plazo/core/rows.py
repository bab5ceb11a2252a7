"""Writing many rows at once, each with values of its own."""

import json
from collections.abc import Sequence

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import Field, Model


class _Exact(DjangoJSONEncoder):
    """Keeps the microseconds of instants."""

    def default(self, value: object) -> object:
        return value.isoformat() if hasattr(value, "isoformat") else super().default(value)


def update_rows(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Store some fields of many rows of one model, in one statement.

    Edges: Django's own `bulk_update` writes a case for each row and field, which costs many times
        as much to put together as to run. What cannot be said in JSON cannot be stored so.
    """
    if not rows:
        return
    model = type(rows[0])._meta
    columns = [field for name in fields if isinstance(field := model.get_field(name), Field)]
    names = [column.column for column in columns]
    kinds = [f'"{column.column}" {column.db_type(connection)}' for column in columns]
    given = [
        {"key": row.pk} | {str(c.column): getattr(row, c.attname) for c in columns} for row in rows
    ]
    settings = ", ".join(f'"{name}" = given."{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{model.db_table}" AS kept SET {settings}'  # noqa: S608 - names of our own
            f" FROM jsonb_to_recordset(%s::jsonb) AS given (key bigint, {', '.join(kinds)})"
            f' WHERE kept."{model.pk.column}" = given.key',
            [json.dumps(given, cls=_Exact)],
        )
