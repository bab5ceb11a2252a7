"""The settings screens: who sees which, and what they do without a script."""


import pytest
import time_machine
from django.test import Client

from plazo.accounts.models import Agent, Role
from tests.factory import TUESDAY, an_agent, publish_iws
from tests.mails import a_mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def signed_in(role: str) -> Client:
    agent = an_agent(2)
    Agent.objects.filter(pk=agent.pk).update(role=role)
    client = Client()
    client.force_login(agent.user)
    return client


@pytest.fixture
def admin() -> Client:
    return signed_in(Role.ADMINISTRATOR)


A, C, M, R = Role.AGENT, Role.COORDINATOR, Role.MANAGER, Role.ADMINISTRATOR
EVERYONE, COORDINATES, ADMINISTERS = {A, C, M, R}, {C, M, R}, {R}
SCREENS = {
    "": EVERYONE,
    "absences/": EVERYONE,
    "agents/": ADMINISTERS,
    "agents/new/": ADMINISTERS,
    "agents/{agent}/": ADMINISTERS,
    "groups/": ADMINISTERS,
    "groups/new/": ADMINISTERS,
    "groups/soporte/": ADMINISTERS,
    "mailboxes/": ADMINISTERS,
    "mailboxes/soporte/": ADMINISTERS,
    "agreement/": COORDINATES,
    "services/": COORDINATES,
    "services/esd/": COORDINATES,
    "fields/": COORDINATES,
    "fields/new/": COORDINATES,
    "fields/method/": COORDINATES,
    "calendars/": COORDINATES,
    "calendars/working/": COORDINATES,
    "calendars/always/": COORDINATES,
    "calendars/support/holidays/?country=CO&year=2026": COORDINATES,
    "absences/new/{agent}/": COORDINATES,
    "audit/": ADMINISTERS,
}


@pytest.mark.parametrize("role", [A, C, M, R])
def test_each_role_sees_its_screens_and_the_others_do_not_exist(role):
    """A screen is there for those whom it is for; the list names exactly those."""
    other = an_agent(1)
    a_mailbox()
    client = signed_in(role)
    for path, roles in SCREENS.items():
        answer = client.get("/desk/settings/" + path.format(agent=other.pk))
        assert answer.status_code == (200 if role in roles else 404), path
    listed = client.get("/desk/settings/").content.decode()
    for path in ("agents/", "groups/", "mailboxes/", "agreement/", "services/", "audit/"):
        assert (f'href="/desk/settings/{path}"' in listed) is (role in SCREENS[path]), path
