"""The test's own database: its address, and how much a page asks of it."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def database_url() -> str:
    """Return the address of the database that this test uses."""
    values = connection.settings_dict
    host = values["HOST"]
    if not host or host.startswith("/"):
        return f"postgresql://{values['USER']}@/{values['NAME']}?host={host.replace('/', '%2F')}"
    password = f":{values['PASSWORD']}" if values["PASSWORD"] else ""
    port = values["PORT"] or 5432
    return f"postgresql://{values['USER']}{password}@{host}:{port}/{values['NAME']}"


def queries_of(client: Client, url: str) -> int:
    """Return how many queries a page takes where a process has what it keeps: at the second time."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)
