"""The test's own database, for other processes that the tests start."""

from django.db import connection


def database_url() -> str:
    """Return the address of the database that this test uses."""
    values = connection.settings_dict
    host = values["HOST"]
    if not host or host.startswith("/"):
        return f"postgresql://{values['USER']}@/{values['NAME']}?host={host.replace('/', '%2F')}"
    password = f":{values['PASSWORD']}" if values["PASSWORD"] else ""
    port = values["PORT"] or 5432
    return f"postgresql://{values['USER']}{password}@{host}:{port}/{values['NAME']}"
